/* SPDX-License-Identifier: MIT */
/* tasks.c: tasks that wait for each other, for time, for signals; tasks that come and go. */
#include <linux/futex.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include "stress.h"

/* --- a hundred thousand blocked ones: threads that need no stack, so that memory is the kernel's ------- */

static struct { _Atomic int asleep, gate, ended; } many;

/* The new thread lives in registers: it counts itself, sleeps until the gate opens, counts itself again. */
static long start_sleeper(void)
{
	register long a0 asm("a0") = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
	register long a1 asm("a1") = 0, a2 asm("a2") = 0, a3 asm("a3") = 0, a4 asm("a4") = 0;
	register long a7 asm("a7") = SYS_clone;

	asm volatile("	ecall\n"
		     "	bnez	a0, 3f\n"
		     "	li	t0, 1\n"
		     "	amoadd.w zero, t0, (%[asleep])\n"
		     "1:	lw	t1, (%[gate])\n"
		     "	bnez	t1, 2f\n"
		     "	mv	a0, %[gate]\n"
		     "	li	a1, 128\n"			/* FUTEX_WAIT | FUTEX_PRIVATE_FLAG */
		     "	li	a2, 0\n"
		     "	li	a3, 0\n"
		     "	li	a7, 98\n"			/* futex */
		     "	ecall\n"
		     "	j	1b\n"
		     "2:	amoadd.w zero, t0, (%[ended])\n"
		     "	li	a0, 0\n"
		     "	li	a7, 93\n"			/* exit */
		     "	ecall\n"
		     "3:\n"
		     : "+r"(a0)
		     : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a7), [asleep] "r"(&many.asleep), [gate] "r"(&many.gate),
		       [ended] "r"(&many.ended)
		     : "memory", "t0", "t1");
	errno = -a0;
	return a0 < 0 ? -1 : a0;
}

static void sleepers(long n)
{
	for (long i = 0; i < n; i++)
		must(start_sleeper());
	while (many.asleep < n)
		sched_yield();
	many.gate = 1;
	must(syscall(SYS_futex, &many.gate, FUTEX_WAKE_PRIVATE, INT32_MAX));
	while (many.ended < n)
		usleep(1000);
	exactly(many.ended, n);
}

/* --- a ring of processes ---------------------------------------------------------------------------- */

enum { RING = 64 };

static void pass_on(int from, int to, long n)
{
	long token;

	for (long i = 0; i < n; i++) {
		exactly(must(read(from, &token, sizeof(token))), sizeof(token));
		token++;
		exactly(must(write(to, &token, sizeof(token))), sizeof(token));
	}
	_exit(0);
}

static void ring(long n)
{
	int in[2], out[2], first;
	long token = 0;

	must(pipe(in));
	first = in[1];
	for (int i = 0; i < RING; i++) {
		must(pipe(out));
		if (!must(fork()))
			pass_on(in[0], out[1], n);
		must(close(in[0]));
		must(close(out[1]));
		in[0] = out[0];
	}
	for (long i = 0; i < n; i++) {
		must(write(first, &token, sizeof(token)));
		exactly(must(read(in[0], &token, sizeof(token))), sizeof(token));
	}
	exactly(token, n * RING);
	for (int status; wait(&status) > 0;)
		exactly(status, 0);
}

/* --- producers and consumers: a bounded queue under a mutex with two conditions ------------------------- */

enum { PARTIES = 500, ROOM = 16 };
static struct {
	pthread_mutex_t	lock;
	pthread_cond_t	some, room;
	long		item[ROOM], in, out, each;
	_Atomic long	sum;
} queue = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, PTHREAD_COND_INITIALIZER };

static void put(long item)
{
	pthread_mutex_lock(&queue.lock);
	while (queue.in - queue.out == ROOM)
		pthread_cond_wait(&queue.room, &queue.lock);
	queue.item[queue.in++ % ROOM] = item;
	pthread_cond_signal(&queue.some);
	pthread_mutex_unlock(&queue.lock);
}

static long take(void)
{
	long item;

	pthread_mutex_lock(&queue.lock);
	while (queue.in == queue.out)
		pthread_cond_wait(&queue.some, &queue.lock);
	item = queue.item[queue.out++ % ROOM];
	pthread_cond_signal(&queue.room);
	pthread_mutex_unlock(&queue.lock);
	return item;
}

static void *party(void *number)
{
	for (long i = 0; i < queue.each; i++)
		if ((long)number & 1)
			queue.sum += take();
		else
			put((long)number + i);
	return NULL;
}

static void parties(long n)
{
	long want = 0;

	queue.each = n;
	crowd(2 * PARTIES, party);
	for (long p = 0; p < 2 * PARTIES; p += 2)
		want += n * p + n * (n - 1) / 2;
	exactly(queue.sum, want);
}

/* --- timers and signals ------------------------------------------------------------------------------ */

static _Atomic long naps;
static long naps_each;

static void *naps_often(void *number)
{
	uint32_t seed = (long)number;

	for (long i = 0; i < naps_each; i++) {
		struct timespec t = { 0, next_random(&seed) % 2000000 }, before, after;

		clock_gettime(CLOCK_MONOTONIC, &before);
		must(nanosleep(&t, NULL));
		clock_gettime(CLOCK_MONOTONIC, &after);
		if ((after.tv_sec - before.tv_sec) * 1000000000 + after.tv_nsec - before.tv_nsec < t.tv_nsec) {
			puts("woke too early");
			exit(1);
		}
		naps++;
	}
	return NULL;
}

static void timers(long n)
{
	naps_each = n;
	crowd(200, naps_often);
	exactly(naps, 200 * n);
}

static _Atomic long caught, sleeping;
static _Atomic int storm_over;
static void count_signal(int signo) { caught++; }

/* Real-time signals queue: each one sent is one handled, whatever sleep it ends. */
static void *sleeps_in_the_storm(void *number)
{
	int pipes[2];
	char c;

	must(pipe(pipes));
	sleeping++;
	while (!storm_over) {
		struct timespec t = { 0, 300000 };
		struct pollfd p = { pipes[0], POLLIN };

		switch ((long)number % 4) {
		case 0: nanosleep(&t, NULL); break;
		case 1: ppoll(&p, 1, &t, NULL); break;
		case 2: syscall(SYS_futex, &storm_over, FUTEX_WAIT_PRIVATE, 0, &t); break;
		case 3: alarm(0); sched_yield(); break;
		}
	}
	must(close(pipes[1]));
	exactly(read(pipes[0], &c, 1), 0);
	must(close(pipes[0]));
	return NULL;
}

static void *sends_storms(void *to)
{
	union sigval v = { 0 };

	while (sleeping < 32)
		sched_yield();
	for (long i = 0; i < (long)to; )
		if (sigqueue(getpid(), SIGRTMIN, v) == 0)
			i++;
		else
			sched_yield();			/* the queue is full */
	while (caught < (long)to)
		sched_yield();
	storm_over = 1;
	return NULL;
}

static void signals(long n)
{
	struct sigaction sa = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
	pthread_t sender;

	must(sigaction(SIGRTMIN, &sa, NULL));
	exactly(pthread_create(&sender, NULL, sends_storms, (void *)n), 0);
	crowd(32, sleeps_in_the_storm);
	exactly(pthread_join(sender, NULL), 0);
	exactly(caught, n);
}

/* --- coming and going ---------------------------------------------------------------------------------- */

static _Atomic long born;
static void *just_counts(void *number) { born++; return NULL; }

static void threads(long n)
{
	for (long i = 0; i < n; i += 50)
		crowd(50, just_counts);
	exactly(born, (n + 49) / 50 * 50);
}

/* Each process makes @n more, which exit with a number of theirs. */
static void *forks_often(void *number)
{
	for (long i = 0; i < naps_each; i++) {
		pid_t pid = must(fork());
		int status;

		if (!pid)
			_exit(i & 0x7f);
		exactly(must(waitpid(pid, &status, 0)), pid);
		exactly(status, (i & 0x7f) << 8);
	}
	return NULL;
}

static void forks(long n)
{
	naps_each = n;
	for (int i = 0; i < 4; i++)
		if (!must(fork())) {
			crowd(4, forks_often);
			exit(0);
		}
	for (int status; wait(&status) > 0;)
		exactly(status, 0);
}

/* A process is killed while its threads do everything at once. */
static void kills(long n)
{
	for (long i = 0; i < n; i++) {
		int status;
		pid_t pid = must(fork());

		if (!pid) {
			naps_each = 1000000;
			crowd(8, i & 1 ? forks_often : naps_often);
		}
		usleep(i % 7 * 300);
		must(kill(pid, SIGKILL));
		exactly(must(waitpid(pid, &status, 0)), pid);
		exactly(status, SIGKILL);
	}
}

/* Floating-point registers and the rounding mode are each thread's own, whoever had the hart meanwhile. */
static void *keeps(void *number)
{
	register long a7 asm("a7") = SYS_sched_yield;
	double got;
	long mode;

	asm volatile("fsrm zero, %0" :: "r"((long)number & 3));
	for (long i = 0; i < naps_each; i++) {
		double mine = (long)number * 1e6 + i;

		asm volatile("fmv.d ft3, %[mine]\n"
			     "fmv.d fs5, %[mine]\n"
			     "ecall\n"
			     "fmax.d %[got], ft3, fs5\n"
			     "frrm %[mode]\n"
			     : [got] "=f"(got), [mode] "=r"(mode)
			     : [mine] "f"(mine), "r"(a7) : "memory", "a0", "ft3", "fs5");
		exactly(got == mine, 1);
		exactly(mode, (long)number & 3);
	}
	return NULL;
}

static void *keeps_through_forks(void *number)
{
	keeps(number);
	for (int i = 0; i < 4; i++) {
		pid_t pid = must(fork());
		int status;

		keeps(number);
		if (!pid)
			_exit(0);
		exactly(must(waitpid(pid, &status, 0)), pid);
		exactly(status, 0);
	}
	return NULL;
}

static void floats(long n)
{
	naps_each = n;
	crowd(8, keeps_through_forks);
}

const struct trouble tasks_troubles[] = {
	{ "sleepers", sleepers, 2000, "threads blocked at once, then woken at once" },
	{ "ring", ring, 100, "rounds of a token through 64 processes" },
	{ "parties", parties, 20, "items from each of 500 producers to 500 consumers" },
	{ "timers", timers, 20, "naps of each of 200 threads" },
	{ "signals", signals, 5000, "signals at threads in all kinds of sleep" },
	{ "threads", threads, 1000, "threads that come and go" },
	{ "forks", forks, 20, "forks by each of 16 threads in 4 processes" },
	{ "floats", floats, 100, "switches with numbers in floating-point registers" },
	{ "kills", kills, 30, "processes killed in the middle of it" },
	{ },
};
