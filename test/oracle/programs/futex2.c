/* SPDX-License-Identifier: MIT */
/* futex2.c: futex_wake, futex_wait, futex_requeue and futex_waitv. */
#include <sys/mman.h>
#include "check.h"

enum { WAITV = 449, WAKE = 454, WAIT, REQUEUE, U32 = 2, PRIVATE = 128 };

struct waiter { uint64_t val, at; uint32_t flags, reserved; };

static uint32_t *word;			/* shared with children */

static struct timespec in_ms(int clock, long ms)
{
	struct timespec t;

	clock_gettime(clock, &t);
	t.tv_nsec += ms * 1000000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void arguments(void)
{
	struct timespec t = in_ms(CLOCK_MONOTONIC, 20), bad = { 0, -1 }, past = { 0, 1 };
	struct waiter v[2] = { { 0, (long)word, U32 }, { 0, (long)&word[1], U32 } };

	title("arguments");
	show(syscall(WAKE, word, 1ul, 1, U32));
	show(syscall(WAKE, word, 1ul, 1, 0));
	show(syscall(WAKE, word, 1ul, 1, 4 | U32));
	show(syscall(WAKE, word, 1ul << 32, 1, U32));
	show(syscall(WAKE, word, 0ul, 1, U32));
	show(syscall(WAKE, word, 1ul, 0, U32));
	show(syscall(WAKE, (char *)word + 1, 1ul, 1, U32));
	show(syscall(WAIT, word, 1ul, 1ul, U32, NULL, 0));
	show(syscall(WAIT, word, 1ul << 32, 1ul, U32, NULL, 0));
	show(syscall(WAIT, word, 0ul, 0ul, U32, NULL, 0));
	show(syscall(WAIT, word, 0ul, 1ul, 3, NULL, 0));
	show(syscall(WAIT, word, 0ul, 1ul, U32, &t, CLOCK_MONOTONIC));
	show(syscall(WAIT, word, 0ul, 1ul, U32, &past, CLOCK_REALTIME));
	show(syscall(WAIT, word, 0ul, 1ul, U32, &t, CLOCK_BOOTTIME));
	show(syscall(WAIT, word, 0ul, 1ul, U32, &bad, CLOCK_MONOTONIC));
	show(syscall(WAIT, word, 0ul, 1ul, U32, (void *)8, CLOCK_MONOTONIC));
	show(syscall(WAIT, 8ul, 0ul, 1ul, U32, NULL, CLOCK_MONOTONIC));
	show(syscall(WAITV, v, 2, 0, &past, CLOCK_MONOTONIC));
	show(syscall(WAITV, v, 0, 0, &past, CLOCK_MONOTONIC));
	show(syscall(WAITV, v, 129, 0, &past, CLOCK_MONOTONIC));
	show(syscall(WAITV, v, 2, 1, &past, CLOCK_MONOTONIC));
	show(syscall(WAITV, NULL, 2, 0, &past, CLOCK_MONOTONIC));
	show(syscall(WAITV, 8ul, 2, 0, &past, CLOCK_MONOTONIC));
	v[1].val = 1;
	show(syscall(WAITV, v, 2, 0, &past, CLOCK_MONOTONIC));
	v[1].val = 0;
	v[1].reserved = 1;
	show(syscall(WAITV, v, 2, 0, &past, CLOCK_MONOTONIC));
	v[1].reserved = 0;
	v[1].at = 8;
	show(syscall(WAITV, v, 2, 0, &past, CLOCK_MONOTONIC));
	v[1].at = (long)&word[1];
	show(syscall(REQUEUE, v, 0, 1, 1));
	show(syscall(REQUEUE, v, 1, 1, 1));
	show(syscall(REQUEUE, v, 0, -1, 1));
	show(syscall(REQUEUE, NULL, 0, 1, 1));
	v[0].val = 5;
	show(syscall(REQUEUE, v, 0, 1, 1));
}

static int child(long (*fn)(void))
{
	int pid = fork();

	if (!pid)
		_exit(fn());
	return pid;
}

static int status(void)
{
	int s;

	wait(&s);
	return WEXITSTATUS(s);
}

static long wait_low(void) { return syscall(WAIT, word, 0ul, 1ul, U32, NULL, 0) ? errno : 11; }
static long wait_high(void) { return syscall(WAIT, word, 0ul, 2ul, U32, NULL, 0) ? errno : 22; }
static long wait_any_of_100(void)
{
	struct waiter v[100];

	for (int i = 0; i < 100; i++)
		v[i] = (struct waiter){ 0, (long)&word[i], U32 };
	return syscall(WAITV, v, 100, 0, NULL, 0);
}

/* Until somebody was there to be woken. */
static void wake(int i, unsigned long mask, int n)
{
	while (syscall(WAKE, &word[i], mask, n, U32) < n)
		nap(2);
}

int main(void)
{
	struct waiter v[2];

	word = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	arguments();
	title("masks");
	child(wait_low);
	child(wait_high);
	wake(0, 2, 1);
	show(status());
	wake(0, 1, 1);
	show(status());
	title("several");
	child(wait_any_of_100);
	wake(77, 4, 1);
	show(status());
	child(wait_any_of_100);
	wake(0, ~0u, 1);
	show(status());
	title("requeue");
	v[0] = (struct waiter){ 0, (long)word, U32 };
	v[1] = (struct waiter){ 0, (long)&word[8], U32 };
	child(wait_low);
	while (syscall(REQUEUE, v, 0, 0, 1) < 1)
		nap(2);
	show(syscall(WAKE, word, 1ul, 1, U32));
	show(syscall(WAKE, &word[8], 1ul, 1, U32));
	show(status());
	return 0;
}
