/* SPDX-License-Identifier: MIT */
/* copy.c: standard input to standard output, until it ends. */
#include "weir.h"

int main(int argc, char **argv, char **envp)
{
	static char buf[16384];
	long n, done, k;

	while ((n = read(0, buf, sizeof(buf))) > 0)
		for (done = 0; done < n; done += k)
			if ((k = write(1, buf + done, n - done)) < 0)
				return 1;
	return n < 0;
}
