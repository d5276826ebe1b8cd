/* SPDX-License-Identifier: MIT */
/*
 * bits.c: what the compiler calls where the machine has no instruction for it (gcc for rv64imac
 * without Zbb).  Pure; must not use the builtins it implements.
 */
#include "lib/base.h"

int __ctzdi2(u64 v);
int __ctzsi2(u32 v);
int __clzdi2(u64 v);
int __clzsi2(u32 v);
int __ffsdi2(u64 v);
int __ffssi2(u32 v);
int __popcountdi2(u64 v);
int __popcountsi2(u32 v);
int __paritydi2(u64 v);
u64 __bswapdi2(u64 v);
u32 __bswapsi2(u32 v);

/* The lowest set bit times a de Bruijn number has its position in the top six bits. */
static const u8 debruijn[64] = {
	0, 1, 56, 2, 57, 49, 28, 3, 61, 58, 42, 50, 38, 29, 17, 4,
	62, 47, 59, 36, 45, 43, 51, 22, 53, 39, 33, 30, 24, 18, 12, 5,
	63, 55, 48, 27, 60, 41, 37, 16, 46, 35, 44, 21, 52, 32, 23, 11,
	54, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9, 13, 8, 7, 6,
};

int __ctzdi2(u64 v)
{
	return debruijn[(v & -v) * 0x03f79d71b4ca8b09ul >> 58];
}

int __ctzsi2(u32 v)
{
	return __ctzdi2(v);
}

int __clzdi2(u64 v)
{
	int n = 0;

	for (int step = 32; step; step >>= 1)
		if (!(v >> (64 - step))) {
			n += step;
			v <<= step;
		}
	return n;
}

int __clzsi2(u32 v)
{
	return __clzdi2((u64)v << 32);
}

int __ffsdi2(u64 v)
{
	return v ? __ctzdi2(v) + 1 : 0;
}

int __ffssi2(u32 v)
{
	return __ffsdi2(v);
}

int __popcountdi2(u64 v)
{
	v -= v >> 1 & 0x5555555555555555ul;
	v = (v & 0x3333333333333333ul) + (v >> 2 & 0x3333333333333333ul);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0ful;
	return v * 0x0101010101010101ul >> 56;
}

int __popcountsi2(u32 v)
{
	return __popcountdi2(v);
}

int __paritydi2(u64 v)
{
	return __popcountdi2(v) & 1;
}

u32 __bswapsi2(u32 v)
{
	v = (v & 0x00ff00ff) << 8 | (v >> 8 & 0x00ff00ff);
	return v << 16 | v >> 16;
}

u64 __bswapdi2(u64 v)
{
	v = (v & 0x00ff00ff00ff00fful) << 8 | (v >> 8 & 0x00ff00ff00ff00fful);
	v = (v & 0x0000ffff0000fffful) << 16 | (v >> 16 & 0x0000ffff0000fffful);
	return v << 32 | v >> 32;
}
