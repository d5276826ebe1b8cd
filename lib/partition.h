/* SPDX-License-Identifier: MIT */
/*
 * partition.h: partition tables, MBR with logical partitions and GPT.  Pure: the caller reads.
 * Addresses and lengths are in sectors of the device.
 */
#pragma once
#include "lib/base.h"

enum { PARTITIONS_MAX = 64, GPT_ENTRIES_MAX = 1024 };

struct partition { u64 start, len; u32 number; u8 type; };	/* number: 1, ...; type: MBR's, 0xee for GPT */

struct partitions {
	u64			sectors;	/* of the device */
	u32			sector;		/* bytes of one */
	u32			count;
	struct partition	part[PARTITIONS_MAX];
	/* What to read next: sectors [want, want + want_len); 0: nothing. */
	u64			want, want_len;
	/* Where we are. */
	enum { PT_MBR, PT_LOGICAL, PT_GPT, PT_GPT_ENTRIES } step;
	u64			extended, spare;
	u32			logical, entries, entry_size, entries_crc, chain;
};

/* Begin: sector 0 is wanted.  Then hand in what is wanted, as long as something is. */
void partitions_begin(struct partitions *p, u64 sectors, u32 sector);
void partitions_feed(struct partitions *p, const u8 *data);
