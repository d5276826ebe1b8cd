/* SPDX-License-Identifier: MIT */
/* number.h: text to number, strictly: the whole text, in bounds, no sign, no blanks.  Pure. */
#pragma once
#include "lib/base.h"

static inline u32 number_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? (u32)c - 'a' + 10 : 16;
}

/* @n characters at @s, @base 10 or 16 (0: 16 after "0x", else 10): 0, -EINVAL, -ERANGE above @most. */
static inline long number_parse_n(const char *s, size_t n, u32 base, u64 most, u64 *out)
{
	u64 v = 0;

	if (n > 2 && base != 10 && s[0] == '0' && (s[1] | 0x20) == 'x') {
		s += 2;
		n -= 2;
		base = 16;
	}
	base = base ? base : 10;
	if (!n)
		return -EINVAL;
	for (; n; n--, s++) {
		u32 d = number_digit(*s);

		if (d >= base)
			return -EINVAL;
		if (__builtin_mul_overflow(v, (u64)base, &v) ||
			__builtin_add_overflow(v, (u64)d, &v))
			return -ERANGE;
	}
	if (v > most)
		return -ERANGE;
	*out = v;
	return 0;
}

static inline long number_parse(const char *s, u32 base, u64 most, u64 *out)
{
	size_t n = 0;

	while (s[n])
		n++;
	return number_parse_n(s, n, base, most, out);
}
