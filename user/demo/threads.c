/* SPDX-License-Identifier: MIT */
/* threads.c: threads on one address space; futexes wait, wake and time out; checked. */
#include "weir.h"

#include <linux/futex.h>

enum { THREADS = 8, ROUNDS = 200 };
static volatile int lock, tids[THREADS], turn;
static volatile long shared;

static long futex(volatile int *at, int op, int value, void *timeout)
{
	return call(__NR_futex, at, op | FUTEX_PRIVATE_FLAG, value, timeout, 0, 0);
}

/* 0 free, 1 taken, 2 taken and somebody waits */
static void take(void)
{
	int c = __sync_val_compare_and_swap(&lock, 0, 1);

	for (; c; c = __atomic_exchange_n(&lock, 2, __ATOMIC_ACQUIRE))
		futex(&lock, FUTEX_WAIT, 2, 0);
}

static void give(void)
{
	if (__atomic_exchange_n(&lock, 0, __ATOMIC_RELEASE) == 2)
		futex(&lock, FUTEX_WAKE, 1, 0);
}

static void adder(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		take();
		long v = shared;

		if (i % 16 == 0)
			call(__NR_sched_yield);
		shared = v + 1;
		give();
	}
}

static void player(void *arg)
{
	int me = (long)arg;

	for (int i = 0; i < ROUNDS; i++) {
		while (turn != me)
			futex(&turn, FUTEX_WAIT, !me, 0);
		turn = !me;
		futex(&turn, FUTEX_WAKE, 1, 0);
	}
}

static void sleeper(void *arg)
{
	futex((volatile int *)arg, FUTEX_WAIT, 0, 0);
}

static void run(void (*fn)(void *), int n)
{
	for (long i = 0; i < n; i++)
		check(thread_start(fn, (void *)i, &tids[i]) > 0);
	for (int i = 0; i < n; i++)
		thread_join(&tids[i]);
}

static void test_requeue(void)
{
	static volatile int a, b;

	for (int i = 0; i < 4; i++)
		check(thread_start(sleeper, (void *)&a, &tids[i]) > 0);
	sleep_ms(30);
	check(call(__NR_futex, &a, FUTEX_CMP_REQUEUE, 1, 1, &b, 1) == -EAGAIN);
	check(call(__NR_futex, &a, FUTEX_CMP_REQUEUE_PRIVATE, 1, 100, &b, 0) == 4);
	check(futex(&a, FUTEX_WAKE, 100, 0) == 0);
	check(futex(&b, FUTEX_WAKE, 100, 0) == 3);
	for (int i = 0; i < 4; i++)
		thread_join(&tids[i]);
}

static void test_timeout(void)
{
	long t[2] = { 0, 20000000 };
	volatile int word = 1;

	check(futex(&word, FUTEX_WAIT, 2, 0) == -EAGAIN);
	check(futex(&word, FUTEX_WAIT, 1, t) == -ETIMEDOUT);
	check(futex((void *)3, FUTEX_WAIT, 1, t) == -EINVAL);
	check(futex((void *)0x1000, FUTEX_WAIT, 1, t) == -EFAULT);
	check(futex((void *)KERNEL_ADDRESS, FUTEX_WAIT, 1, t) == -EFAULT);
}

int main(int argc, char **argv, char **envp)
{
	run(adder, THREADS);
	check(shared == THREADS * ROUNDS);
	run(player, 2);
	test_requeue();
	test_timeout();
	print("threads: all as it should be\n");
	return 0;
}
