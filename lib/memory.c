/* SPDX-License-Identifier: MIT */
/*
 * memory.c: memory functions for a program without a C library.  Pure.
 *
 * Whole words wherever both sides agree on alignment, sixteen at a time: one load and one store
 * for eight bytes and little else.  Where they disagree, words are put together from two
 * neighbours: no machine need support misaligned access.  Copies go forward and load a block
 * before they store it, so they are right for overlapping ranges with dst below src.
 *
 * Compiled without KASAN: whole words reach beyond what was asked for.  core/kasan.c checks the ranges
 * of the checked kernel's calls instead.
 */
#include <string.h>
#include "lib/base.h"

enum { WORD = sizeof(u64) };

/* Keeps the compiler from turning a loop into a call of the very function it is in. */
static inline void plain_loop(void) { asm volatile(""); }

static inline bool word_aligned(const void *p) { return !((uintptr_t)p % WORD); }

#define COPY4(d, s) do {							\
		u64 a_ = (s)[0], b_ = (s)[1], c_ = (s)[2], e_ = (s)[3];		\
		(d)[0] = a_; (d)[1] = b_; (d)[2] = c_; (d)[3] = e_;		\
	} while (0)

/* Both ends aligned; copies the whole words of @n bytes. */
static inline void copy_words(u64 *d, const u64 *s, size_t n)
{
	const u64 *end = s + n / WORD;

	for (const u64 *stop = end - 15; n >= 16 * WORD && s < stop; s += 16, d += 16) {
		COPY4(d, s);
		COPY4(d + 4, s + 4);
		COPY4(d + 8, s + 8);
		COPY4(d + 12, s + 12);
		plain_loop();
	}
	for (; s + 4 <= end; s += 4, d += 4) {
		COPY4(d, s);
		plain_loop();
	}
	for (; s < end; s++, d++) {
		*d = *s;
		plain_loop();
	}
}

/* @d aligned, @s not: each word from two.  Never reads a word that holds none of the bytes. */
static inline void merge_words(u64 *d, const u8 *s, size_t n)
{
	u32 low = (uintptr_t)s % WORD * 8;
	const u64 *from = (const u64 *)(s - (uintptr_t)s % WORD);
	u64 *end = d + n / WORD;
	u64 have = *from++;

	while (d < end) {
		u64 next = *from++;

		*d++ = have >> low | next << (64 - low);
		have = next;
		plain_loop();
	}
}

static inline void copy_bytes(u8 *d, const u8 *s, size_t n)
{
	for (const u8 *end = s + n; s < end; s++, d++) {
		*d = *s;
		plain_loop();
	}
}

static inline __attribute__((always_inline)) void copy_forward(u8 *d, const u8 *s, size_t n)
{
	if (n >= 2 * WORD) {
		size_t head = -(uintptr_t)d % WORD;

		copy_bytes(d, s, head);
		d += head;
		s += head;
		n -= head;
		if (word_aligned(s))
			copy_words((u64 *)d, (const u64 *)s, n);
		else if (n >= WORD)
			merge_words((u64 *)d, s, n);
		d += n & ~(size_t)(WORD - 1);
		s += n & ~(size_t)(WORD - 1);
		n %= WORD;
	}
	copy_bytes(d, s, n);
}

static void copy_backward(u8 *d, const u8 *s, size_t n)
{
	bool words = !(((uintptr_t)d ^ (uintptr_t)s) % WORD);

	while (n) {
		if (words && n >= WORD && word_aligned(d + n)) {
			n -= WORD;
			*(u64 *)(d + n) = *(const u64 *)(s + n);
		} else {
			n--;
			d[n] = s[n];
		}
		plain_loop();
	}
}

/* Without restrict here: memmove() relies on the order of loads and stores. */
void *memcpy(void *dst, const void *src, size_t n)
{
	copy_forward(dst, src, n);
	return dst;
}

void *memmove(void *dst, const void *src, size_t n)
{
	if ((uintptr_t)dst - (uintptr_t)src >= n)
		return memcpy(dst, src, n);
	copy_backward(dst, src, n);
	return dst;
}

static inline void fill_words(u64 *d, u64 v, size_t n)
{
	u64 *end = d + n / WORD;

	for (; d + 16 <= end; d += 16) {
		d[0] = v, d[1] = v, d[2] = v, d[3] = v, d[4] = v, d[5] = v, d[6] = v, d[7] = v;
		d[8] = v, d[9] = v, d[10] = v, d[11] = v, d[12] = v, d[13] = v, d[14] = v,
		d[15] = v;
		plain_loop();
	}
	for (; d < end; d++) {
		*d = v;
		plain_loop();
	}
}

void *memset(void *dst, int byte, size_t n)
{
	u8 *d = dst, *end = d + n;

	for (; d < end && !word_aligned(d); d++) {
		*d = byte;
		plain_loop();
	}
	fill_words((u64 *)d, 0x0101010101010101ul * (u8)byte, end - d);
	for (d += (end - d) & ~(size_t)(WORD - 1); d < end; d++) {
		*d = byte;
		plain_loop();
	}
	return dst;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *p = a, *q = b;

	if (word_aligned(p) && word_aligned(q))
		for (; n >= WORD && *(const u64 *)p == *(const u64 *)q; n -= WORD)
			p += WORD, q += WORD;
	for (; n; n--, p++, q++)
		if (*p != *q)
			return *p - *q;
	return 0;
}

void *memchr(const void *s, int byte, size_t n)
{
	for (const u8 *p = s; n; n--, p++)
		if (*p == (u8)byte)
			return (void *)p;
	return NULL;
}
