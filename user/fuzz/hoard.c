/* SPDX-License-Identifier: MIT */
/*
 * hoard.c: makes the kernel keep as much as it will: threads, each with a large table of descriptors of its
 * own.  When it refuses to, there must be memory left for the program itself.
 */
#include <linux/futex.h>
#include <linux/resource.h>
#include "weir.h"

enum { FDS = 4096, STACK = 512, THREADS = 8000, OWN = 24 << 20 };

static char stacks[THREADS][STACK] __attribute__((aligned(16)));
static int never;

static void sleep_for_ever(void *arg) { call(__NR_futex, &never, FUTEX_WAIT, 0, 0, 0, 0); }

int main(int argc, char **argv, char **envp)
{
	enum { OWN_FILES = 0x3d0f00 & ~0x400 };
	struct rlimit l = { FDS, FDS };
	static int tid;
	int n = 0;
	char *m;

	check(!call(__NR_prlimit64, 0, RLIMIT_NOFILE, &l, 0));
	check(call(__NR_dup3, 1, FDS - 1, 0) == FDS - 1);
	while (n < THREADS && thread_clone(OWN_FILES, stacks[n] + STACK, sleep_for_ever, 0, &tid, &tid) >= 0)
		n++;
	check(n > 100 && n < THREADS);
	m = map(OWN, PROT_READ | PROT_WRITE);
	for (int i = 0; i < OWN; i += PAGE)
		m[i] = 1;
	print("%d threads\n", n);
	return 0;
}
