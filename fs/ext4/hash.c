// SPDX-License-Identifier: MIT
/*
 * hash.c: the hashes by which names are indexed: of the first ext3 ("legacy"), half of MD4, and TEA; each with
 * characters taken for signed or unsigned, as the machine had them that made the file system.
 */
#include "fs/ext4/private.h"

enum { LEGACY, HALF_MD4, TEA, UNSIGNED };		/* UNSIGNED is added to the others */
enum { LAST = 0x7fffffff };				/* marks the end of a listing, so no name has it */

static u32 letter(const char *s, bool is_unsigned) { return is_unsigned ? (u8)*s : (u32)(s32)(signed char)*s; }

static u32 legacy(const char *s, u32 len, bool is_unsigned)
{
	u32 hash, before = 0x37abe8f9, last = 0x12a3fe2d;

	for (; len; len--, s++) {
		hash = before + (last ^ letter(s, is_unsigned) * 7152373);
		if (hash & 0x80000000)
			hash -= 0x7fffffff;
		before = last;
		last = hash;
	}
	return last << 1;
}

/* Up to 4 * @n letters as words, filled up with the length. */
static void words(const char *s, u32 len, u32 *out, u32 n, bool is_unsigned)
{
	u32 pad = len | len << 8, v, i;

	pad |= pad << 16;
	v = pad;
	len = min(len, n * 4);
	for (i = 0; i < len; i++) {
		v = letter(s + i, is_unsigned) + (v << 8);
		if (i % 4 == 3) {
			*out++ = v;
			v = pad;
			n--;
		}
	}
	for (; n; n--, v = pad)
		*out++ = v;
}

static u32 rotate(u32 v, u32 n) { return v << n | v >> (32 - n); }

static u32 choose(u32 x, u32 y, u32 z) { return z ^ (x & (y ^ z)); }
static u32 majority(u32 x, u32 y, u32 z) { return (x & y) + ((x ^ y) & z); }
static u32 parity(u32 x, u32 y, u32 z) { return x ^ y ^ z; }

/* Three rounds of eight steps; a b c d change places with each. */
static void half_md4(u32 h[4], const u32 in[8])
{
	static const struct {
		u32 (*f)(u32 x, u32 y, u32 z);
		u32 add;
		u8 shift[4], order[8];
	} round[] = {
		{ choose, 0, { 3, 7, 11, 19 }, { 0, 1, 2, 3, 4, 5, 6, 7 } },
		{ majority, 0x5a827999, { 3, 5, 9, 13 }, { 1, 3, 5, 7, 0, 2, 4, 6 } },
		{ parity, 0x6ed9eba1, { 3, 9, 11, 15 }, { 3, 7, 2, 6, 1, 5, 0, 4 } },
	};
	u32 a = h[0], b = h[1], c = h[2], d = h[3], t;

	for (u32 i = 0; i < 24; i++) {
		t = a + round[i / 8].f(b, c, d) + in[round[i / 8].order[i % 8]] + round[i / 8].add;
		a = d;
		d = c;
		c = b;
		b = rotate(t, round[i / 8].shift[i % 4]);
	}
	h[0] += a;
	h[1] += b;
	h[2] += c;
	h[3] += d;
}

static void tea(u32 h[4], const u32 in[4])
{
	u32 a = h[0], b = h[1], sum = 0;

	for (u32 i = 0; i < 16; i++) {
		sum += 0x9e3779b9;
		a += ((b << 4) + in[0]) ^ (b + sum) ^ ((b >> 5) + in[1]);
		b += ((a << 4) + in[2]) ^ (a + sum) ^ ((a >> 5) + in[3]);
	}
	h[0] += a;
	h[1] += b;
}

static void begin(const struct ext4 *e, u32 h[4])
{
	static const u32 md4[4] = { 0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476 };
	const u32 *s = e->hash_seed;
	bool seeded = s[0] | s[1] | s[2] | s[3];

	for (u32 i = 0; i < 4; i++)
		h[i] = seeded ? s[i] : md4[i];
}

long ext4_hash(const struct ext4 *e, u32 version, const char *s, u32 len, u32 *hash)
{
	bool is_unsigned = version >= UNSIGNED || e->hash_unsigned;
	u32 h[4], in[8], kind = version % UNSIGNED, step = kind == TEA ? 16 : 32;

	if (version >= 2 * UNSIGNED)
		return -EOPNOTSUPP;
	begin(e, h);
	for (u32 at = 0; kind != LEGACY && at < len; at += step) {
		words(s + at, len - at, in, step / 4, is_unsigned);
		kind == TEA ? tea(h, in) : half_md4(h, in);
	}
	*hash = (kind == LEGACY ? legacy(s, len, is_unsigned) : kind == TEA ? h[0] : h[1]) & ~1u;
	if (*hash == (u32)LAST << 1)
		*hash = (LAST - 1u) << 1;
	return 0;
}
