/* SPDX-License-Identifier: MIT */
/* pipes.c: a chain of processes passes a number on; each adds one. */
#include "weir.h"

enum { LINKS = 20 };

static void link_main(int in, int out)
{
	long v;

	while (read(in, &v, sizeof(v)) == sizeof(v)) {
		v++;
		check(write(out, &v, sizeof(v)) == sizeof(v));
	}
	exit(0);
}

int main(int argc, char **argv, char **envp)
{
	int first[2], in, fds[2], status;
	long v = 0;

	check(pipe(first) == 0);
	in = first[0];
	for (int i = 0; i < LINKS; i++) {
		check(pipe(fds) == 0);
		if (fork() == 0) {
			close(first[1]);
			close(fds[0]);
			link_main(in, fds[1]);
		}
		close(in);
		close(fds[1]);
		in = fds[0];
	}
	for (int round = 0; round < 50; round++) {
		check(write(first[1], &v, sizeof(v)) == sizeof(v));
		check(read(in, &v, sizeof(v)) == sizeof(v));
	}
	close(first[1]);
	check(read(in, &v, sizeof(v)) == 0);
	for (int i = 0; i < LINKS; i++)
		check(wait(-1, &status) > 0 && status == 0);
	check(wait(-1, &status) == -ECHILD);
	check(v == 50 * LINKS);
	print("pipes: %ld after 50 rounds through %d processes\n", v, LINKS);
	return 0;
}
