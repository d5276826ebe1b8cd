/* SPDX-License-Identifier: MIT */
/* primes.c: how many primes are below argv[1]; all computing, two system calls. */
#include "weir.h"

int main(int argc, char **argv, char **envp)
{
	unsigned long n = argc > 1 ? number(argv[1]) : 1000000, found = 0;
	char *composite = map(n + 1, PROT_READ | PROT_WRITE);

	for (unsigned long i = 2; i < n; i++) {
		if (composite[i])
			continue;
		found++;
		for (unsigned long k = i * i; k < n; k += i)
			composite[k] = 1;
	}
	print("%lu primes below %lu\n", found, n);
	return 0;
}
