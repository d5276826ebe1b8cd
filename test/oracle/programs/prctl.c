/* SPDX-License-Identifier: MIT */
/* prctl.c: names of threads, and the signal for a parent's death. */
#include <pthread.h>
#include <sys/prctl.h>
#include "check.h"

static void names(const char *path)
{
	char name[17] = "", line[64] = "";
	FILE *f = fopen(path, "r");

	prctl(PR_GET_NAME, name);
	fgets(line, sizeof(line), f);
	fclose(f);
	printf("  %s, %s", name, line);
	fflush(stdout);
}

static void *thread(void *arg)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", gettid());
	names(path);
	show(prctl(PR_SET_NAME, "a thread of a long name"));
	names(path);
	names("/proc/self/comm");
	return NULL;
}

static void of_threads(void)
{
	pthread_t t;

	title("names");
	show(prctl(PR_SET_NAME, "first"));
	pthread_create(&t, NULL, thread, NULL);
	pthread_join(t, NULL);
	names("/proc/self/comm");
	show(prctl(PR_SET_NAME, (char *)8));
}

static void said(int sig)
{
	printf("  got %s\n", sigabbrev_np(sig));
	fflush(stdout);
}

static void of_parents(void)
{
	int p[2], ready[2], v = 77;
	char c;

	title("parents");
	show(prctl(PR_GET_PDEATHSIG, &v));
	show(v);
	show(prctl(PR_SET_PDEATHSIG, 65));
	show(prctl(PR_SET_PDEATHSIG, -1));
	show(prctl(PR_GET_PDEATHSIG, (int *)8));
	pipe(p);
	pipe(ready);
	if (!fork()) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (!fork()) {
			sigset_t set;

			prctl(PR_GET_PDEATHSIG, &v);
			show(v);
			signal(SIGUSR1, said);
			sigemptyset(&set);
			sigaddset(&set, SIGUSR1);
			sigprocmask(SIG_BLOCK, &set, NULL);
			prctl(PR_SET_PDEATHSIG, SIGUSR1);
			write(ready[1], "x", 1);
			sigemptyset(&set);
			sigsuspend(&set);
			exit(0);
		}
		read(ready[0], &c, 1);
		exit(0);
	}
	close(p[1]);
	read(p[0], &c, 1);
}

int main(void)
{
	of_threads();
	of_parents();
	return 0;
}
