/* SPDX-License-Identifier: MIT */
/* process.c: making processes and threads, and what they cost in memory while they wait. */
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "bench.h"

extern char **environ;

static void reap(pid_t pid)
{
	int status;

	must(waitpid(pid, &status, 0));
	if (status)
		line_failed("the child failed");
}

static void fork_exit(long n)
{
	start();
	for (long i = 0; i < n; i++) {
		pid_t pid = must(fork());

		if (pid == 0)
			_exit(0);
		reap(pid);
	}
	stop();
}

static void fork_exec(long n)
{
	const char *path = tiny_program();
	char *argv[] = { "tiny", NULL };

	start();
	for (long i = 0; i < n; i++) {
		pid_t pid = must(fork());

		if (pid == 0) {
			execve(path, argv, environ);
			_exit(127);
		}
		reap(pid);
	}
	stop();
}

static void vfork_exec(long n)
{
	const char *path = tiny_program();
	char *argv[] = { "tiny", NULL };

	start();
	for (long i = 0; i < n; i++) {
		pid_t pid = vfork();

		if (pid == 0) {
			execve(path, argv, environ);
			_exit(127);
		}
		reap(must(pid));
	}
	stop();
}

static void spawn_self(long n)
{
	char *argv[] = { "bench", "--exit", NULL };

	start();
	for (long i = 0; i < n; i++) {
		pid_t pid;

		must(-posix_spawn(&pid, "/proc/self/exe", NULL, NULL, argv, environ));
		reap(pid);
	}
	stop();
}

static void *nothing(void *arg)
{
	return arg;
}

static void thread(long n)
{
	pthread_t t;

	start();
	for (long i = 0; i < n; i++) {
		must(-pthread_create(&t, NULL, nothing, NULL));
		pthread_join(t, NULL);
	}
	stop();
}

static double free_bytes(void)
{
	char text[2048];
	int fd = must(open("/proc/meminfo", O_RDONLY));
	long n = must(read(fd, text, sizeof(text) - 1));

	text[n] = 0;
	close(fd);
	char *at = strstr(text, "MemFree:");
	if (!at)
		line_failed("no MemFree in /proc/meminfo");
	return 1024.0 * strtol(at + 8, NULL, 10);
}

enum { MANY = 400, STACK = 512 };

static int gate;

static int blocked(void *arg)
{
	sys(SYS_futex, &gate, FUTEX_WAIT_PRIVATE, 0, 0);
	sys(SYS_exit, 0);
	return 0;
}

/* Threads whose stacks are in memory touched before: what is left is the kernel's share. */
static void memory_thread(long n)
{
	char *stacks = aligned_alloc(16, MANY * STACK);
	long made = 0;

	memset(stacks, 1, MANY * STACK);
	gate = 0;
	double before = free_bytes();
	for (; made < MANY; made++)
		if (clone(blocked, stacks + (made + 1) * STACK, CLONE_VM | CLONE_FS | CLONE_FILES |
			CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM, NULL) < 0)
			break;
	for (int i = 0; i < 3; i++)
		sched_yield();
	double after = free_bytes();
	gate = 1;
	sys(SYS_futex, &gate, FUTEX_WAKE_PRIVATE, MANY);
	struct timespec ts = { 0, 100000000 };
	nanosleep(&ts, NULL);
	free(stacks);
	if (made < MANY)
		line_failed("too few threads");
	result((before - after) / MANY);
}

static void memory_process(long n)
{
	enum { COUNT = 100 };
	pid_t pid[COUNT];
	double before = free_bytes();

	for (int i = 0; i < COUNT; i++)
		if ((pid[i] = must(fork())) == 0)
			for (;;)
				pause();
	for (int i = 0; i < 3; i++)
		sched_yield();
	double after = free_bytes();
	for (int i = 0; i < COUNT; i++) {
		kill(pid[i], SIGKILL);
		waitpid(pid[i], NULL, 0);
	}
	result((before - after) / COUNT);
}

const struct line process_lines[] = {
	{ "fork", fork_exit, 50 },
	{ "vfork_exec", vfork_exec, 50 },
	{ "fork_exec", fork_exec, 50 },
	{ "spawn", spawn_self, 20 },
	{ "thread", thread, 100 },
	{ "memory_thread", memory_thread, 1, "bytes" },
	{ "memory_process", memory_process, 1, "bytes" },
	{ NULL },
};
