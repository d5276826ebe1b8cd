// SPDX-License-Identifier: MIT
/*
 * partition.c: see partition.h.  What a table says is believed only as far as it lies on the device and
 * partitions have a length; chains of logical partitions are followed CHAIN_MAX links far.  A GPT whose
 * checksums are wrong is looked for once more at the end of the device, then there are no partitions.
 */
#include "lib/partition.h"
#include <string.h>
#include "lib/crc32.h"

enum { TABLE = 446, ENTRY = 16, CHAIN_MAX = 60, HEADER = 92 };
enum { TYPE_EXTENDED = 5, TYPE_EXTENDED_LBA = 15, TYPE_EXTENDED_LINUX = 0x85, TYPE_GPT = 0xee };

static u32 get32(const u8 *p) { return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24; }
static u64 get64(const u8 *p) { return get32(p) | (u64)get32(p + 4) << 32; }

static void want(struct partitions *p, u64 at, u64 len)
{
	bool there = at && at < p->sectors && len <= p->sectors - at;

	p->want = there ? at : 0;
	p->want_len = there ? len : 0;
}

static void add(struct partitions *p, u32 number, u64 start, u64 len, u8 type)
{
	if (!start || !len || start >= p->sectors || p->count == PARTITIONS_MAX)
		return;
	p->part[p->count++] = (struct partition){ start, min(len, p->sectors - start), number, type };
}

void partitions_begin(struct partitions *p, u64 sectors, u32 sector)
{
	*p = (struct partitions){ .sectors = sectors, .sector = sector, .want_len = sectors ? 1 : 0,
				  .logical = 5 };
}

/* --- MBR -------------------------------------------------------------------------------------- */

static bool is_extended(u8 type)
{
	return type == TYPE_EXTENDED || type == TYPE_EXTENDED_LBA || type == TYPE_EXTENDED_LINUX;
}

/* A boot sector of a FAT volume ends in the same two bytes: a table's first bytes are 0 or 0x80. */
static bool is_table(const u8 *sector)
{
	if (sector[510] != 0x55 || sector[511] != 0xaa)
		return false;
	for (u32 i = 0; i < 4; i++)
		if (sector[TABLE + i * ENTRY] & 0x7f)
			return false;
	return true;
}

/* The volume itself begins here, not a table: FAT says so with its jump and its name, as ext does not. */
static bool is_volume(const u8 *sector)
{
	return (sector[0] == 0xeb || sector[0] == 0xe9) &&
	       (!memcmp(sector + 54, "FAT", 3) || !memcmp(sector + 82, "FAT32", 5));
}

static void feed_mbr(struct partitions *p, const u8 *sector)
{
	if (!is_table(sector) || is_volume(sector))
		return;
	for (u32 i = 0; i < 4; i++) {
		const u8 *e = sector + TABLE + i * ENTRY;
		u64 start = get32(e + 8), len = get32(e + 12);

		if (e[4] == TYPE_GPT) {
			p->count = 0;
			p->step = PT_GPT;
			p->spare = p->sectors - 1;
			want(p, 1, 1);
			return;
		}
		if (is_extended(e[4]) && !p->extended)
			p->extended = start;
		else if (e[4])
			add(p, i + 1, start, len, e[4]);
	}
	if (p->extended) {
		p->step = PT_LOGICAL;
		want(p, p->extended, 1);
	}
}

/* One link of the chain: a partition relative to it, and the next link, relative to the first. */
static void feed_logical(struct partitions *p, const u8 *sector, u64 at)
{
	const u8 *e = sector + TABLE, *next = e + ENTRY;

	if (!is_table(sector) || ++p->chain > CHAIN_MAX)
		return;
	if (e[4] && get32(e + 12))
		add(p, p->logical++, at + get32(e + 8), get32(e + 12), e[4]);
	if (is_extended(next[4]) && get32(next + 8))
		want(p, p->extended + get32(next + 8), 1);
}

/* --- GPT -------------------------------------------------------------------------------------- */

/* The header is right: its entries are wanted. */
static bool header_good(struct partitions *p, const u8 *h)
{
	u8 copy[HEADER];
	u64 len;

	if (memcmp(h, "EFI PART", 8) || get32(h + 12) != HEADER)
		return false;
	memcpy(copy, h, HEADER);
	memset(copy + 16, 0, 4);
	if (crc32(0, copy, HEADER) != get32(h + 16))
		return false;
	p->entries = get32(h + 80);
	p->entry_size = get32(h + 84);
	p->entries_crc = get32(h + 88);
	if (p->entry_size < 128 || p->entry_size > 4096 || !p->entries || p->entries > GPT_ENTRIES_MAX)
		return false;
	len = ((u64)p->entries * p->entry_size + p->sector - 1) / p->sector;
	want(p, get64(h + 72), len);
	return p->want;
}

static void try_spare(struct partitions *p)
{
	u64 at = p->spare;

	p->spare = 0;
	p->step = PT_GPT;
	want(p, at, at ? 1 : 0);
}

static void feed_entries(struct partitions *p, const u8 *data)
{
	static const u8 none[16];

	if (crc32(0, data, (size_t)p->entries * p->entry_size) != p->entries_crc) {
		try_spare(p);
		return;
	}
	for (u32 i = 0; i < p->entries; i++) {
		const u8 *e = data + (size_t)i * p->entry_size;
		u64 first = get64(e + 32), last = get64(e + 40);

		if (memcmp(e, none, 16) && first <= last && last < p->sectors)
			add(p, i + 1, first, last - first + 1, TYPE_GPT);
	}
}

void partitions_feed(struct partitions *p, const u8 *data)
{
	u64 at = p->want;

	p->want = p->want_len = 0;
	switch (p->step) {
	case PT_MBR:
		feed_mbr(p, data);
		break;
	case PT_LOGICAL:
		feed_logical(p, data, at);
		break;
	case PT_GPT:
		if (header_good(p, data))
			p->step = PT_GPT_ENTRIES;
		else
			try_spare(p);
		break;
	case PT_GPT_ENTRIES:
		feed_entries(p, data);
		break;
	}
}
