/* SPDX-License-Identifier: MIT */
/* timers.c: interval timers, POSIX timers, and the limit of CPU time. */
#include <limits.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sys/time.h>
#include "check.h"

static long long ns(struct timespec t) { return t.tv_sec * 1000000000ll + t.tv_nsec; }
static struct timespec ts(long long n) { return (struct timespec){ n / 1000000000, n % 1000000000 }; }

static long long now(int id)
{
	struct timespec t = { 0, 0 };

	clock_gettime(id, &t);
	return ns(t);
}

static struct itimerspec its(long long value, long long every)
{
	return (struct itimerspec){ ts(every), ts(value) };
}

static volatile int caught[65];
static siginfo_t last;

static void handler(int sig, siginfo_t *si, void *uc)
{
	caught[sig]++;
	last = *si;
}

static void catch(int sig)
{
	struct sigaction sa = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };

	sigaction(sig, &sa, NULL);
	caught[sig] = 0;
}

static void spin(int clock, long long for_ns)
{
	long long until = now(clock) + for_ns;

	while (now(clock) < until)
		;
}

static void spin_until(int sig, int count)
{
	long long until = now(CLOCK_MONOTONIC) + 8000000000ll;

	while (caught[sig] < count && now(CLOCK_MONOTONIC) < until)
		;
}

/* --- interval timers -------------------------------------------------------------------------------- */

static void interval(int which, int sig, int clock)
{
	struct itimerval it = { { 0, 0 }, { 0, 40000 } }, old;
	long long began = now(clock);

	catch(sig);
	show(setitimer(which, &it, &old));
	printf("old %ld %ld\n", (long)old.it_value.tv_sec, (long)old.it_value.tv_usec);
	show(getitimer(which, &old));
	printf("left %d\n", old.it_value.tv_usec > 10000 && old.it_value.tv_usec <= 44000 && !old.it_value.tv_sec);
	spin_until(sig, 1);
	printf("caught %d code %d late enough %d\n", caught[sig], last.si_code, now(clock) - began >= 40000000);
	show(getitimer(which, &old));
	printf("off %ld\n", (long)old.it_value.tv_usec);
	it.it_interval.tv_usec = 20000;
	setitimer(which, &it, NULL);
	spin_until(sig, 4);
	getitimer(which, &old);
	printf("periods %d every %ld\n", caught[sig] >= 4, (long)old.it_interval.tv_usec);
	it = (struct itimerval){ 0 };
	show(setitimer(which, &it, &old));
	printf("was on %d\n", old.it_value.tv_usec > 0);
}

static void intervals(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 1000000 } }, got;
	int status;

	title("ITIMER_REAL");
	interval(ITIMER_REAL, SIGALRM, CLOCK_MONOTONIC);
	title("ITIMER_VIRTUAL");
	interval(ITIMER_VIRTUAL, SIGVTALRM, CLOCK_PROCESS_CPUTIME_ID);
	title("ITIMER_PROF");
	interval(ITIMER_PROF, SIGPROF, CLOCK_PROCESS_CPUTIME_ID);
	title("bad arguments");
	show(setitimer(ITIMER_REAL, &it, NULL));
	it.it_value = (struct timeval){ -1, 0 };
	show(setitimer(ITIMER_VIRTUAL, &it, NULL));
	show(setitimer(3, &it, NULL));
	show(getitimer(-1, &it));
	show(syscall(SYS_getitimer, 0, 8));
	show(syscall(SYS_setitimer, 0, 8, 0));
	title("fork");
	it = (struct itimerval){ { 0, 0 }, { 100, 0 } };
	for (int i = 0; i < 3; i++)
		setitimer(i, &it, NULL);
	if (!fork()) {
		for (int i = 0; i < 3; i++) {
			getitimer(i, &got);
			printf("child %ld\n", (long)got.it_value.tv_sec);
		}
		fflush(stdout);
		_exit(0);
	}
	wait(&status);
	it.it_value.tv_sec = 0;
	for (int i = 0; i < 3; i++)
		setitimer(i, &it, &got), printf("parent %d\n", got.it_value.tv_sec >= 99);
}

/* Sleeping costs no CPU time. */
static void idle(void)
{
	struct itimerval it = { { 0, 0 }, { 0, 50000 } }, got;

	title("idle");
	catch(SIGPROF);
	setitimer(ITIMER_PROF, &it, NULL);
	nap(150);
	printf("caught %d\n", caught[SIGPROF]);
	getitimer(ITIMER_PROF, &got);
	printf("left %d\n", got.it_value.tv_usec > 20000);
	it.it_value.tv_usec = 0;
	setitimer(ITIMER_PROF, &it, NULL);
}

/* --- POSIX timers ------------------------------------------------------------------------------------- */

static int create(int clock, int notify, int sig, int value)
{
	struct sigevent e = { .sigev_notify = notify, .sigev_signo = sig, .sigev_value.sival_int = value };
	int id = -1;

	if (notify == SIGEV_THREAD_ID)
		e._sigev_un._tid = gettid();
	if (syscall(SYS_timer_create, clock, &e, &id)) {
		printf("create: %s\n", strerrorname_np(errno));
		return -1;
	}
	return id;
}

static long settime(int id, int flags, struct itimerspec it, struct itimerspec *old)
{
	return syscall(SYS_timer_settime, id, flags, &it, old);
}

static void one(int clock)
{
	struct itimerspec got;
	int id = create(clock, SIGEV_SIGNAL, SIGUSR1, 4711);

	printf("clock %d\n", clock);
	catch(SIGUSR1);
	show(syscall(SYS_timer_gettime, id, &got));
	printf("%lld %lld\n", ns(got.it_value), ns(got.it_interval));
	show(settime(id, 0, its(30000000, 0), NULL));
	syscall(SYS_timer_gettime, id, &got);
	printf("left %d\n", ns(got.it_value) > 1000000 && ns(got.it_value) <= 30000000);
	spin_until(SIGUSR1, 1);
	printf("caught %d code %d id %d value %d overrun %d\n", caught[SIGUSR1], last.si_code, last.si_timerid == id,
	       last.si_value.sival_int, last.si_overrun);
	syscall(SYS_timer_gettime, id, &got);
	printf("off %lld\n", ns(got.it_value));
	settime(id, TIMER_ABSTIME, its(now(clock) + 20000000, 10000000), NULL);
	spin_until(SIGUSR1, 4);
	printf("periods %d\n", caught[SIGUSR1] >= 4);
	show(settime(id, 0, its(0, 0), &got));
	printf("was %d every %lld\n", ns(got.it_value) > 0, ns(got.it_interval));
	caught[SIGUSR1] = 0;
	settime(id, TIMER_ABSTIME, its(1, 0), NULL);
	spin_until(SIGUSR1, 1);
	printf("in the past: caught %d\n", caught[SIGUSR1]);
	show(syscall(SYS_timer_delete, id));
	show(syscall(SYS_timer_delete, id));
	show(syscall(SYS_timer_gettime, id, &got));
	show(syscall(SYS_timer_getoverrun, id));
	show(settime(id, 0, its(1, 0), NULL));
}

static void each_clock(void)
{
	title("POSIX timers");
	one(CLOCK_MONOTONIC);
	one(CLOCK_REALTIME);
	one(CLOCK_BOOTTIME);
	one(CLOCK_TAI);
	one(CLOCK_PROCESS_CPUTIME_ID);
	one(CLOCK_THREAD_CPUTIME_ID);
}

static void hostile(void)
{
	struct sigevent e = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1 };
	struct itimerspec bad = { { 0, 0 }, { 0, 1000000000 } };
	int id;

	title("bad arguments");
	for (int clock = -1; clock < 14; clock++) {
		long r = syscall(SYS_timer_create, clock, &e, &id);

		printf("%d: %s\n", clock, r ? strerrorname_np(errno) : "ok");
		if (!r)
			syscall(SYS_timer_delete, id);
	}
	e.sigev_signo = 0;
	show(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
	e.sigev_signo = 65;
	show(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
	e.sigev_signo = 10;
	e.sigev_notify = 3;
	show(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
	e.sigev_notify = SIGEV_THREAD_ID;
	e._sigev_un._tid = 999999;
	show(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
	e._sigev_un._tid = 0;
	show(syscall(SYS_timer_create, CLOCK_MONOTONIC, &e, &id));
	show(syscall(SYS_timer_create, CLOCK_MONOTONIC, 8, &id));
	show(syscall(SYS_timer_create, CLOCK_MONOTONIC, NULL, 8));
	id = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0);
	show(settime(id, 0, bad, NULL));
	show(settime(id, 0, (struct itimerspec){ { -1, 0 }, { 1, 0 } }, NULL));
	show(syscall(SYS_timer_settime, id, 0, NULL, NULL));
	show(syscall(SYS_timer_settime, id, 0, 8, NULL));
	show(syscall(SYS_timer_gettime, id, 8));
	show(syscall(SYS_timer_gettime, -1, &bad));
	show(syscall(SYS_timer_settime, 12345, 0, &bad, NULL));
	show(syscall(SYS_timer_delete, id));
}

/* While its signal is pending a timer sends no other: what was missed is counted. */
static void overrun(void)
{
	sigset_t set;
	siginfo_t si;
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1, 0);

	title("overrun");
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	settime(id, 0, its(5000000, 5000000), NULL);
	nap(103);
	printf("signal %d\n", sigwaitinfo(&set, &si) == SIGRTMIN + 1);
	printf("overrun %d same %d\n", si.si_overrun >= 10, si.si_overrun == syscall(SYS_timer_getoverrun, id));
	show(syscall(SYS_timer_delete, id));
	while (sigtimedwait(&set, &si, &(struct timespec){ 0, 0 }) > 0)
		;
	id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGRTMIN + 1, 0);
	settime(id, 0, its(1000000, 0), NULL);
	nap(20);
	settime(id, 0, its(0, 0), NULL);
	show(syscall(SYS_timer_getoverrun, id));
	syscall(SYS_timer_delete, id);
	while (sigtimedwait(&set, &si, &(struct timespec){ 0, 0 }) > 0)
		;
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static void none_and_ignored(void)
{
	struct itimerspec got;
	int id = create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0), other;

	title("no signal");
	settime(id, 0, its(20000000, 0), NULL);
	nap(30);
	syscall(SYS_timer_gettime, id, &got);
	printf("%lld\n", ns(got.it_value));
	settime(id, 0, its(20000000, 50000000), NULL);
	nap(30);
	syscall(SYS_timer_gettime, id, &got);
	printf("in a period %d\n", ns(got.it_value) > 0 && ns(got.it_value) <= 50000000);
	show(syscall(SYS_timer_getoverrun, id));
	signal(SIGUSR2, SIG_IGN);
	other = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR2, 0);
	settime(other, 0, its(5000000, 5000000), NULL);
	nap(30);
	catch(SIGUSR2);
	nap(100);
	printf("heard again %d\n", caught[SIGUSR2] > 0);
	syscall(SYS_timer_delete, id);
	syscall(SYS_timer_delete, other);
}

static void *thread_main(void *arg)
{
	int id = create(CLOCK_MONOTONIC, SIGEV_THREAD_ID, SIGRTMIN + 2, 0);
	sigset_t set;
	siginfo_t si;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	settime(id, 0, its(10000000, 0), NULL);
	printf("mine %d\n", sigwaitinfo(&set, &si) == SIGRTMIN + 2);
	return (void *)(long)id;
}

/* To one thread, though others block the signal, too. */
static void to_thread(void)
{
	sigset_t set;
	pthread_t thread;
	void *id;

	title("to a thread");
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN + 2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pthread_create(&thread, NULL, thread_main, NULL);
	pthread_join(thread, &id);
	show(settime((long)id, 0, its(1000000, 1000000), NULL));	/* its thread is gone */
	nap(20);
	show(syscall(SYS_timer_delete, (long)id));
	sigpending(&set);
	printf("pending %d\n", sigismember(&set, SIGRTMIN + 2));
}

static void inherited(char **argv)
{
	int id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0), status;
	struct itimerspec got;

	title("fork and exec");
	settime(id, 0, its(100000000000ll, 0), NULL);
	if (!fork()) {
		show(syscall(SYS_timer_gettime, id, &got));
		execv("/proc/self/exe", (char *[]){ argv[0], (char *)(id == 0 ? "0" : "1"), NULL });
		_exit(9);
	}
	wait(&status);
	if (!fork()) {
		id = create(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
		settime(id, 0, its(20000000, 0), NULL);
		setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 0 }, { 0, 100000 } }, NULL);
		setitimer(ITIMER_PROF, &(struct itimerval){ { 0, 0 }, { 100, 0 } }, NULL);
		execv("/proc/self/exe", (char *[]){ argv[0], "exec", NULL });
		_exit(9);
	}
	wait(&status);
	printf("exec ended with %d %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1, WTERMSIG(status));
	printf("default ids go up %d\n", create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0) < create(CLOCK_MONOTONIC, SIGEV_NONE, 0, 0));
}

static int after_exec(const char *how)
{
	struct itimerval it;
	struct itimerspec got;

	show(syscall(SYS_timer_gettime, 0, &got));
	if (strcmp(how, "exec"))
		return 0;
	getitimer(ITIMER_PROF, &it);
	printf("prof kept %d\n", it.it_value.tv_sec >= 98);
	fflush(stdout);
	pause();
	return 0;
}

/* --- RLIMIT_CPU ----------------------------------------------------------------------------------------- */

static void limit(void)
{
	int status, child;

	title("RLIMIT_CPU");
	if (!(child = fork())) {
		setrlimit(RLIMIT_CPU, &(struct rlimit){ 1, 2 });
		catch(SIGXCPU);
		spin_until(SIGXCPU, 1);
		printf("%d\n", caught[SIGXCPU]);
		fflush(stdout);
		for (;;)
			;
	}
	waitpid(child, &status, 0);
	printf("killed by %d\n", WTERMSIG(status));
	if (!(child = fork())) {
		setrlimit(RLIMIT_CPU, &(struct rlimit){ 1, RLIM_INFINITY });
		if (!fork())
			for (;;)
				;
		wait(&status);
		printf("inherited: killed by %d\n", WTERMSIG(status));
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &status, 0);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return after_exec(argv[1]);
	intervals();
	idle();
	each_clock();
	hostile();
	overrun();
	none_and_ignored();
	to_thread();
	inherited(argv);
	limit();
	return 0;
}
