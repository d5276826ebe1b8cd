/* SPDX-License-Identifier: MIT */
/* forks.c: a tree of processes, each counts its children; memory is copied, not shared. */
#include "weir.h"

enum { DEPTH = 4, CHILDREN = 3 };
static int mine = 1;
static char pages[16 * PAGE];

/* Processes in the tree below and with this one. */
static int grow(int depth)
{
	int status, sum = 1;
	long pid[CHILDREN];

	for (int i = 0; depth && i < CHILDREN; i++) {
		pid[i] = fork();
		check(pid[i] >= 0);
		if (!pid[i]) {
			mine = depth * 10 + i;
			memset(pages, mine, sizeof(pages));
			exit(grow(depth - 1));
		}
	}
	for (int i = 0; depth && i < CHILDREN; i++) {
		check(wait(pid[i], &status) == pid[i]);
		check((status & 127) == 0);
		sum += status >> 8;
	}
	return sum;
}

int main(int argc, char **argv, char **envp)
{
	int n = grow(DEPTH);

	check(mine == 1);
	for (size_t i = 0; i < sizeof(pages); i++)
		check(pages[i] == 0);
	print("forks: %d processes\n", n);
	return n == 121 ? 0 : 1;
}
