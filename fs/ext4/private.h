/* SPDX-License-Identifier: MIT */
/*
 * private.h: what the files of fs/ext4/ share.
 *
 * All metadata comes through ext4_block(), which knows what a journal has that the disk has not yet; who
 * writes one day hands changed blocks to the journal at the same place.  Checksums are verified
 * where a block is read the first time; lengths and numbers at each use, whether there are checksums or not.
 */
#pragma once
#include <bsd/sys/tree.h>
#include "fs/disk.h"
#include "fs/ext4/format.h"

/* A block that is newer in the journal. */
struct ext4_newer {
	RB_ENTRY(ext4_newer) node;
	u64		block;
	u64		at;			/* the newer one, a block of the journal ... */
	u8		*copy;			/* ... or, if that is not its text word by word, its bytes: heap */
};
RB_HEAD(ext4_newer_tree, ext4_newer);

enum { EXT4_VERIFIED = 512 };
struct ext4 {					/* fs->data: an instance */
	u32		shift, block_size;
	u32		inode_size, desc_size, first_ino;
	u32		first_data_block, blocks_per_group, inodes_per_group, groups, inodes;
	u64		blocks;
	u32		compat, incompat, ro_compat;
	u32		first_meta_bg;
	u32		seed;			/* of checksums: of the file system */
	bool		checked;		/* metadata has checksums, and they shall be verified */
	bool		descs_checked;		/* the older ones, of group descriptors only */
	bool		hash_unsigned;
	u32		hash_seed[4];
	u8		uuid[16];
	u32		state, journal_ino;
	u32		complaints;
	struct ext4_newer_tree newer;		/* blocks the disk does not have yet; fixed after mount() */
	_Atomic u64	verified[EXT4_VERIFIED];	/* blocks whose checksum was right, a cache */
	u32		crc[4][256];
};

enum run_kind { RUN_HOLE, RUN_BLOCKS, RUN_UNWRITTEN };
struct ext4_run {				/* of a file: blocks [at, at + len) are on the disk from @block on */
	u64	at, len, block;
	enum run_kind kind;
};

struct ext4_inode {
	struct dnode	d;
	u32		flags;			/* EXT4_F_* */
	u32		seed;			/* of checksums: of the inode */
	u32		inline_len;
	u8		*inline_data;		/* heap, or NULL */
	struct ext4_run	last;			/* found last; inode lock */
	union {
		u32	map[15];
		struct { struct ext4_extent_header header; struct ext4_extent extent[4]; } root;
	};
};
static inline struct ext4_inode *ext4_inode(struct inode *ip) { return container_of(ip, struct ext4_inode, d.i); }
static inline struct ext4 *ext4_of(const struct filesystem *fs) { return fs->data; }

/* --- blocks: io.c -------------------------------------------------------------------------------- */

#define EXT4_SIZE_MAX (1ul << 44)			/* 2^32 blocks of 4 KiB */

struct ext4_block {
	struct page	*page;			/* held; NULL: a copy that lives as long as the instance */
	u8		*bytes;
};
static inline void ext4_put(const struct ext4_block *b)
{
	if (b->page)
		page_put(b->page);
}
/* Block @n as it is after the journal.  Starts over. */
async long ext4_block(struct filesystem *fs, u64 n, struct ext4_block *b);
/* Was the checksum of block @n right?  A cache of who was asked last. */
bool ext4_is_verified(struct ext4 *e, u64 n);
void ext4_set_verified(struct ext4 *e, u64 n);
/* "@text", once in a while; -EUCLEAN. */
long ext4_bad(struct filesystem *fs, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

void ext4_crc_init(struct ext4 *e);
u32 ext4_crc(const struct ext4 *e, u32 crc, const void *p, size_t n);	/* nothing inverted: begin with ~0 */
u16 ext4_crc16(u16 crc, const void *p, size_t n);

/* --- inodes: inode.c ------------------------------------------------------------------------------- */

async long ext4_load(struct co *co, struct inode *ip);
void ext4_free(struct inode *ip);
/* The block of group @n's descriptor and where in it. */
u64 ext4_desc_block(const struct ext4 *e, u32 n, u32 *offset);
bool ext4_desc_ok(const struct ext4 *e, u32 n, const struct ext4_desc *d);
u64 ext4_inode_table(const struct ext4 *e, const struct ext4_desc *d);

/* --- content: map.c, extents.c ---------------------------------------------------------------------- */

async long ext4_map(struct co *co, struct inode *ip, u64 at, u64 len, bool write, struct extent *x);
/* The run with block @at of the file. */
async long ext4_run(struct co *co, struct inode *ip, u64 at, struct ext4_run *run);
async long ext4_extents(struct co *co, struct inode *ip, u64 at, struct ext4_run *run);
/* Are [block, block + len) blocks of the file system? */
static inline bool ext4_blocks_ok(const struct ext4 *e, u64 block, u64 len)
{
	return block > e->first_data_block && block < e->blocks && len <= e->blocks - block;
}

/* --- directories: dir.c, index.c, hash.c ---------------------------------------------------------------- */

struct ext4_entry {				/* of a directory */
	u32		at, next;		/* in its block */
	u32		ino;
	u32		len;
	u32		mode;			/* I_FMT only, 0: unknown */
	const char	*name;
};
async long ext4_lookup(struct co *co, struct inode *dir, struct name n, u64 *key);
async long ext4_list(struct co *co, struct inode *dir, u64 *pos, struct dir_sink *s);
/* Block @n of a directory, its checksum verified. */
async long ext4_dir_block(struct co *co, struct inode *dir, u64 n, struct ext4_block *b);
/* The inode of a name in block @b, which is put: 0, -ENOENT, -EUCLEAN. */
long ext4_find_in(struct inode *dir, struct ext4_block *b, struct name n, u64 *key);
/* The same in the whole directory by its index.  -EOPNOTSUPP: look without. */
async long ext4_index_find(struct co *co, struct inode *dir, struct name n, u64 *key);
/* Is the checksum of a block of an index right? */
bool ext4_index_csum_ok(struct inode *dir, const u8 *bytes);
/* -EOPNOTSUPP: a hash nobody knows here. */
long ext4_hash(const struct ext4 *e, u32 version, const char *name, u32 len, u32 *hash);

/* --- journal: journal.c --------------------------------------------------------------------------------- */

/* What the journal has that the disk has not becomes e->newer. */
async long ext4_journal_replay(struct co *co, struct filesystem *fs);
struct ext4_newer *ext4_newer_find(const struct ext4 *e, u64 n);
/* The first block from @n on that is newer in the journal, or NULL. */
static inline struct ext4_newer *ext4_newer_from(const struct ext4 *e, u64 n)
{
	return likely(RB_EMPTY(&e->newer)) ? NULL : ext4_newer_find(e, n);
}
void ext4_newer_free(struct ext4 *e);
