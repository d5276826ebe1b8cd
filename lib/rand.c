/* SPDX-License-Identifier: MIT */
/*
 * rand.c: ChaCha20 (RFC 8439) as a generator with fast key erasure.  Pure.  BLOCKS blocks are made under
 * a key; they begin with the next key, and the rest is given out after that has replaced the old one.
 */
#include <string.h>
#include "lib/rand.h"

enum { BLOCKS = 4 };

static inline u32 rotl(u32 v, u32 n) { return v << n | v >> (32 - n); }

static inline __attribute__((always_inline)) void quarter(u32 *a, u32 *b, u32 *c, u32 *d)
{
	*a += *b; *d = rotl(*d ^ *a, 16);
	*c += *d; *b = rotl(*b ^ *c, 12);
	*a += *b; *d = rotl(*d ^ *a, 8);
	*c += *d; *b = rotl(*b ^ *c, 7);
}

static inline __attribute__((always_inline)) void double_round(u32 *x)
{
	quarter(x + 0, x + 4, x + 8, x + 12);
	quarter(x + 1, x + 5, x + 9, x + 13);
	quarter(x + 2, x + 6, x + 10, x + 14);
	quarter(x + 3, x + 7, x + 11, x + 15);
	quarter(x + 0, x + 5, x + 10, x + 15);
	quarter(x + 1, x + 6, x + 11, x + 12);
	quarter(x + 2, x + 7, x + 8, x + 13);
	quarter(x + 3, x + 4, x + 9, x + 14);
}

static void chacha_block(const u32 key[8], u64 counter, u32 out[16])
{
	const u32 start[16] = {
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574,
		key[0], key[1], key[2], key[3], key[4], key[5], key[6], key[7],
		counter, counter >> 32,
	};
	u32 x[16];				/* in registers: known indices only */

#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		x[i] = start[i];
	for (int i = 0; i < 10; i++)
		double_round(x);
#pragma GCC unroll 16
	for (int i = 0; i < 16; i++)
		out[i] = x[i] + start[i];
}

/* A new key alone. */
static void next_key(struct rand *r)
{
	u32 block[16];

	chacha_block(r->key, 0, block);
	memcpy(r->key, block, sizeof(r->key));
	memset(block, 0, sizeof(block));
	r->left = 0;
}

/* A new key, and a pool to give out. */
static void refill(struct rand *r)
{
	u32 block[BLOCKS][16];

	_Static_assert(sizeof(block) == sizeof(r->key) + sizeof(r->pool), "");
	for (u32 i = 0; i < BLOCKS; i++)
		chacha_block(r->key, i, block[i]);
	memcpy(r->key, block, sizeof(r->key));
	memcpy(r->pool, (u8 *)block + sizeof(r->key), sizeof(r->pool));
	r->left = sizeof(r->pool);
	memset(block, 0, sizeof(block));
}

/* Absorb 32 bytes at a time into the key, one block function between them. */
void rand_mix(struct rand *r, const void *more, size_t n)
{
	const u8 *p = more;

	do {
		u8 part[32] = { 0 };
		size_t take = min(n, sizeof(part));

		memcpy(part, p, take);
		for (size_t i = 0; i < sizeof(part); i++)
			((u8 *)r->key)[i] ^= part[i];
		r->key[7] ^= (u32)take << 24;		/* "a" and "a\0" differ */
		next_key(r);
		p += take;
		n -= take;
	} while (n);
}

void rand_seed(struct rand *r, const void *seed, size_t n)
{
	memset(r, 0, sizeof(*r));
	rand_mix(r, seed, n);
}

/* Whole blocks straight to the buffer, under a key that is then replaced. */
static void bulk(struct rand *r, u8 *buf, size_t blocks)
{
	u32 block[16];

	for (size_t i = 0; i < blocks; i++) {
		chacha_block(r->key, i + 1, block);
		memcpy(buf + i * sizeof(block), block, sizeof(block));
	}
	memset(block, 0, sizeof(block));
	next_key(r);
}

void rand_bytes(struct rand *r, void *buf, size_t n)
{
	u8 *p = buf;

	if (n >= 128) {
		bulk(r, p, n / 64);
		p += n & ~63ul;
		n &= 63;
	}
	while (n) {
		size_t take;

		if (!r->left)
			refill(r);
		take = min(n, (size_t)r->left);
		r->left -= take;
		memcpy(p, r->pool + r->left, take);
		memset(r->pool + r->left, 0, take);
		p += take;
		n -= take;
	}
}

u64 rand_u64(struct rand *r)
{
	u64 v;

	rand_bytes(r, &v, sizeof(v));
	return v;
}

u64 rand_below(struct rand *r, u64 n)
{
	u64 skip = -n % n;		/* the first 2^64 mod n values would come once too often */
	u64 v;

	do
		v = rand_u64(r);
	while (v < skip);
	return v % n;
}
