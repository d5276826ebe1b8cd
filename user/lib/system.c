/* SPDX-License-Identifier: MIT */
/* system.c: memory, signals, threads: system calls that need more than a line. */
#include <linux/futex.h>
#include <linux/sched.h>
#include "weir.h"

void *map(size_t n, int prot)
{
	long at = call(__NR_mmap, 0, n, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at < 0 && at > -4096)
		die("mmap of %lu bytes: error %ld\n", n, -at);
	return (void *)at;
}

long on_signal(int signo, void (*handler)(int, siginfo_t *, void *), unsigned long flags)
{
	struct sigaction a = { .sa_handler = (void *)handler, .sa_flags = flags | SA_SIGINFO };

	if ((long)handler <= 1)		/* SIG_DFL, SIG_IGN */
		a.sa_flags = flags;
	return call(__NR_rt_sigaction, signo, &a, 0, 8);
}

void sleep_ms(unsigned long ms)
{
	long t[2] = { ms / 1000, ms % 1000 * 1000000 };

	while (call(__NR_nanosleep, t, t) == -EINTR)
		;
}

/* --- memory: blocks of powers of two, with their class in front -------------------------------- */

struct block { struct block *next; size_t class; };
static struct block *unused[40];
static char *heap_at, *heap_end;

static void *grow(size_t n)
{
	char *at;

	if (!heap_at)
		heap_at = heap_end = (char *)call(__NR_brk, 0);
	if (heap_at + n > heap_end) {
		char *end = heap_at + n + 65536;

		if ((char *)call(__NR_brk, end) < end)
			return NULL;
		heap_end = end;
	}
	at = heap_at;
	heap_at += n;
	return at;
}

void *malloc(size_t n)
{
	size_t class = 5;
	struct block *b;

	while (class < COUNT(unused) && (1ul << class) < n + sizeof(*b))
		class++;
	if (class == COUNT(unused))
		return NULL;
	b = unused[class];
	if (b)
		unused[class] = b->next;
	else if (!(b = grow(1ul << class)))
		return NULL;
	b->class = class;
	return b + 1;
}

void free(void *p)
{
	struct block *b = p;

	if (!p)
		return;
	b--;
	b->next = unused[b->class];
	unused[b->class] = b;
}

/* --- threads ------------------------------------------------------------------------------------- */

enum { STACK = 64 << 10 };

long thread_start(void (*fn)(void *), void *arg, volatile int *tid)
{
	char *stack = map(STACK, PROT_READ | PROT_WRITE);

	return thread_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
			    CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
			    stack + STACK, fn, arg, (int *)tid, (int *)tid);
}

void thread_join(volatile int *tid)
{
	int t;

	while ((t = *tid))
		call(__NR_futex, tid, FUTEX_WAIT, t, 0);
}
