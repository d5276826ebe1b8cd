/* SPDX-License-Identifier: MIT */
/* stress.h: many tasks at once; each kind of trouble counts what it did, and the count must be exact. */
#pragma once
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct trouble {
	const char	*name;
	void		(*run)(long n);
	long		n;			/* unless the command line says */
	const char	*what;
};
extern const struct trouble tasks_troubles[], memory_troubles[], file_troubles[];

#define must(x) must_(x, #x, __FILE__, __LINE__)
static inline long must_(long r, const char *what, const char *file, int line)
{
	if (r >= 0)
		return r;
	printf("%s:%d: %s: %s\n", file, line, what, strerror(errno));
	exit(1);
}

/* What was counted is what had to come. */
#define exactly(got, wanted) exactly_(got, wanted, #got, __FILE__, __LINE__)
static inline void exactly_(long got, long wanted, const char *what, const char *file, int line)
{
	if (got == wanted)
		return;
	printf("%s:%d: %s is %ld, not %ld\n", file, line, what, got, wanted);
	exit(1);
}

/* @n threads with small stacks run @fn(0..n-1); all have ended afterwards. */
void crowd(long n, void *(*fn)(void *number));
/* Pseudo-random, for one caller at a time. */
static inline uint32_t next_random(uint32_t *s) { return (*s = *s * 1664525 + 1013904223) >> 8; }
