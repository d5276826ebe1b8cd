/* SPDX-License-Identifier: MIT */
/* calls.c: system calls that do next to nothing, clocks and signals. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "bench.h"

static void null_call(long n)
{
	start();
	for (long i = 0; i < n; i++)
		sys(SYS_getppid);
	stop();
}

static void read_zero(long n)
{
	int fd = must(open("/dev/zero", O_RDONLY));
	char c;

	must(sys(SYS_read, fd, &c, 1));
	start();
	for (long i = 0; i < n; i++)
		sys(SYS_read, fd, &c, 1);
	stop();
	close(fd);
}

static void write_null(long n)
{
	int fd = must(open("/dev/null", O_WRONLY));

	must(sys(SYS_write, fd, "x", 1));
	start();
	for (long i = 0; i < n; i++)
		sys(SYS_write, fd, "x", 1);
	stop();
	close(fd);
}

static void clock_libc(long n)
{
	struct timespec ts;

	start();
	for (long i = 0; i < n; i++)
		clock_gettime(CLOCK_MONOTONIC, &ts);
	stop();
}

static void clock_call(long n)
{
	struct timespec ts;

	start();
	for (long i = 0; i < n; i++)
		sys(SYS_clock_gettime, CLOCK_MONOTONIC, &ts);
	stop();
}

static void clock_real_libc(long n)
{
	struct timespec ts;

	start();
	for (long i = 0; i < n; i++)
		clock_gettime(CLOCK_REALTIME, &ts);
	stop();
}

static void getcpu_libc(long n)
{
	unsigned cpu, node;

	start();
	for (long i = 0; i < n; i++)
		getcpu(&cpu, &node);
	stop();
}

static volatile int caught;

static void handler(int sig)
{
	caught++;
}

static void set_action(long n)
{
	struct { void (*fn)(int); unsigned long flags; uint64_t mask; } sa = { handler, 0, 0 }, old;

	must(sys(SYS_rt_sigaction, SIGUSR1, &sa, &old, 8));
	start();
	for (long i = 0; i < n; i++)
		sys(SYS_rt_sigaction, SIGUSR1, &sa, &old, 8);
	stop();
}

static void signal_self(long n)
{
	struct sigaction sa = { .sa_handler = handler };
	long pid = getpid();

	must(sigaction(SIGUSR1, &sa, NULL));
	caught = 0;
	start();
	for (long i = 0; i < n; i++)
		sys(SYS_kill, pid, SIGUSR1);
	stop();
	if (caught != n)
		line_failed("signals were lost");
}

const struct line call_lines[] = {
	{ "null", null_call, 10000 },
	{ "read1", read_zero, 10000 },
	{ "write1", write_null, 10000 },
	{ "clock", clock_libc, 10000 },
	{ "clock_call", clock_call, 10000 },
	{ "clock_real", clock_real_libc, 10000 },
	{ "getcpu", getcpu_libc, 10000 },
	{ "sigaction", set_action, 10000 },
	{ "signal", signal_self, 5000 },
	{ NULL },
};
