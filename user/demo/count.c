/* SPDX-License-Identifier: MIT */
/* count.c: counts to argv[1], a number every 10 ms. */
#include "weir.h"

int main(int argc, char **argv, char **envp)
{
	long n = argc > 1 ? number(argv[1]) : 5;

	for (long i = 1; i <= n; i++) {
		print("%ld\n", i);
		sleep_ms(10);
	}
	return 0;
}
