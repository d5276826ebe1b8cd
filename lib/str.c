/* SPDX-License-Identifier: MIT */
/* str.c: string functions for a program without a C library.  Pure.  Memory is memory.c's. */
#include <string.h>
#include <stdlib.h>
#include "lib/base.h"

/* Keeps the compiler from turning a loop into a call of the very function it is in. */
static inline void plain_loop(void) { asm volatile(""); }

size_t strlen(const char *s)
{
	const char *p = s;

	while (*p) {
		p++;
		plain_loop();
	}
	return p - s;
}

size_t strnlen(const char *s, size_t max)
{
	size_t n = 0;

	while (n < max && s[n])
		n++;
	return n;
}

char *strchr(const char *s, int c)
{
	for (; *s != (char)c; s++)
		if (!*s)
			return NULL;
	return (char *)s;
}

char *strrchr(const char *s, int c)
{
	const char *last = NULL;

	do
		if (*s == (char)c)
			last = s;
	while (*s++);
	return (char *)last;
}

int strcmp(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return (u8)*a - (u8)*b;
}

int strncmp(const char *a, const char *b, size_t n)
{
	for (; n && *a && *a == *b; n--)
		a++, b++;
	return n ? (u8)*a - (u8)*b : 0;
}

static u32 digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'z' ? (u32)c - 'a' + 10 : 99;
}

static int guess_base(const char *s)
{
	if (s[0] != '0')
		return 10;
	return (s[1] | 0x20) == 'x' && digit(s[2]) < 16 ? 16 : 8;
}

/* Saturates at ULONG_MAX; no sign, for no caller has one. */
unsigned long strtoul(const char *restrict s, char **restrict end, int base)
{
	const char *start = s;
	unsigned long v = 0;

	while (*s == ' ' || (*s >= '\t' && *s <= '\r'))
		s++;
	if (!base)
		base = guess_base(s);
	if (base == 16 && s[0] == '0' && (s[1] | 0x20) == 'x' && digit(s[2]) < 16)
		s += 2;
	const char *first = s;
	for (; digit(*s) < (u32)base; s++)
		if (__builtin_mul_overflow(v, (unsigned long)base, &v) ||
		    __builtin_add_overflow(v, (unsigned long)digit(*s), &v))
			v = ~0ul;
	if (end)
		*end = (char *)(s == first ? start : s);
	return v;
}
