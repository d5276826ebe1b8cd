/* SPDX-License-Identifier: MIT */
/* hash.h: hashes for tables.  Pure.  Not for secrets. */
#pragma once
#include "lib/base.h"

static inline u64 hash_u64(u64 v)
{
	v *= 0x9e3779b97f4a7c15ul;
	return v ^ v >> 32;
}

static inline u32 hash_bytes(const void *p, size_t n)
{
	const u8 *s = p;
	u64 h = n;

	for (; n; n--)
		h = (h ^ *s++) * 0x100000001b3ul;
	return h ^ h >> 32;
}

static inline u32 hash_string(const char *s)
{
	size_t n = 0;

	while (s[n])
		n++;
	return hash_bytes(s, n);
}
