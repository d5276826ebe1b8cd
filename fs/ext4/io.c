// SPDX-License-Identifier: MIT
/*
 * io.c: blocks and checksums.  Blocks are 1, 2 or 4 KiB, so none crosses a page of the device's cache.
 */
#include <stdarg.h>
#include "fs/ext4/private.h"
#include "lib/print.h"

enum { COMPLAINTS = 20 };

async long ext4_block(struct filesystem *fs, u64 n, struct ext4_block *b)
{
	struct ext4 *e = ext4_of(fs);
	struct ext4_newer *o;

	if (n >= e->blocks)
		return ext4_bad(fs, "block %lu is not on the disk", n);
	o = ext4_newer_from(e, n);
	if (unlikely(o && o->block == n)) {
		*b = (struct ext4_block){ .bytes = o->copy };
		if (o->copy)
			return 0;
		n = o->at;
	}
	return blk_bytes(disk_blk(fs), n << e->shift, &b->page, (void **)&b->bytes);
}

long ext4_bad(struct filesystem *fs, const char *fmt, ...)
{
	struct ext4 *e = ext4_of(fs);
	char line[128];
	va_list ap;

	if (e->complaints++ < COMPLAINTS) {
		va_start(ap, fmt);
		vsnprint(line, sizeof(line), fmt, ap);
		va_end(ap);
		disk_complain(fs, "%s%s", line, e->complaints == COMPLAINTS ? "; no more of these" : "");
	}
	return -EUCLEAN;
}

/* --- checksums -------------------------------------------------------------------------------- */

static _Atomic u64 *verified_slot(struct ext4 *e, u64 n) { return &e->verified[n % EXT4_VERIFIED]; }

bool ext4_is_verified(struct ext4 *e, u64 n)
{
	return atomic_load_explicit(verified_slot(e, n), memory_order_relaxed) == n;
}

void ext4_set_verified(struct ext4 *e, u64 n)
{
	atomic_store_explicit(verified_slot(e, n), n, memory_order_relaxed);
}

/* Castagnoli's polynomial, reflected.  table[k][b]: b and k bytes of zeros behind it. */
void ext4_crc_init(struct ext4 *e)
{
	for (u32 b = 0; b < 256; b++) {
		u32 crc = b;

		for (u32 i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78 : 0);
		e->crc[0][b] = crc;
	}
	for (u32 b = 0; b < 256; b++)
		for (u32 k = 1; k < 4; k++)
			e->crc[k][b] = e->crc[k - 1][b] >> 8 ^ e->crc[0][e->crc[k - 1][b] & 255];
}

u32 ext4_crc(const struct ext4 *e, u32 crc, const void *p, size_t n)
{
	const u8 *s = p;

	for (; n && (uintptr_t)s & 3; n--)
		crc = crc >> 8 ^ e->crc[0][(crc ^ *s++) & 255];
	for (; n >= 4; n -= 4, s += 4) {
		crc ^= *(const u32 *)s;
		crc = e->crc[3][crc & 255] ^ e->crc[2][crc >> 8 & 255] ^
		      e->crc[1][crc >> 16 & 255] ^ e->crc[0][crc >> 24];
	}
	for (; n; n--)
		crc = crc >> 8 ^ e->crc[0][(crc ^ *s++) & 255];
	return crc;
}

u16 ext4_crc16(u16 crc, const void *p, size_t n)
{
	const u8 *s = p;

	for (; n; n--) {
		crc ^= *s++;
		for (u32 i = 0; i < 8; i++)
			crc = crc >> 1 ^ (crc & 1 ? 0xa001 : 0);
	}
	return crc;
}
