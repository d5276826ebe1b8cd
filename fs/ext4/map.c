// SPDX-License-Identifier: MIT
/*
 * map.c: where the bytes of a file are: in the inode, in extents (extents.c), or by the block maps of ext2 and
 * ext3.  The run found last stays with the inode: most readers go on where they were.  Data blocks
 * that are newer in the journal (data=journal) are cut out of the run they are in.
 */
#include <string.h>
#include "fs/ext4/private.h"

/* --- block maps ------------------------------------------------------------------------------- */

enum { LEVELS = 3 };

/* Block @at of a file: which pointer of the inode, and below it which of each of @levels blocks. */
static u32 path_of(const struct ext4 *e, u64 at, u32 *levels, u64 *left)
{
	u32 bits = e->shift - 2;

	*levels = 0;
	*left = 0;
	if (at < EXT4_DIRECT)
		return at;
	at -= EXT4_DIRECT;
	for (u32 n = 1; n <= LEVELS; n++) {
		if (at >> (n * bits) == 0) {
			*levels = n;
			*left = at;
			return EXT4_DIRECT + n - 1;
		}
		at -= 1ul << (n * bits);
	}
	return UINT32_MAX;
}

/* How many of @max pointers go on as the first does: blocks in a row, or none. */
static u32 in_a_row(const u32 *p, u32 max)
{
	u32 n = 1;

	while (n < max && (*p ? p[n] == *p + n : !p[n]))
		n++;
	return n;
}

static long pointers_run(struct inode *ip, const u32 *p, u32 max, u64 at, struct ext4_run *run)
{
	u32 n = in_a_row(p, max);

	*run = (struct ext4_run){ .at = at, .len = n, .block = *p, .kind = *p ? RUN_BLOCKS : RUN_HOLE };
	if (*p && !ext4_blocks_ok(ext4_of(ip->fs), *p, n))
		return ext4_bad(ip->fs, "inode %lu: block %u", dnode_of(ip)->key, *p);
	return 0;
}

/* Block @at is behind @levels blocks of pointers. */
static async long indirect_run(struct co *co, struct inode *ip, u64 at, u32 slot, u32 levels, u64 left,
			       struct ext4_run *run)
{
	struct { u32 block, level; struct ext4_block b; } *f = co_frame(co);
	const struct ext4 *const e = ext4_of(ip->fs);
	const u32 bits = e->shift - 2, each = 1 << bits;
	u32 i;
	long r;

	co_begin(f);
	f->block = ext4_inode(ip)->map[slot];
	for (f->level = levels; f->level; f->level--) {
		if (!f->block) {	/* a hole as large as what is below */
			u64 span = 1ul << (f->level * bits), in = left & (span - 1);

			*run = (struct ext4_run){ .at = at - in, .len = span, .kind = RUN_HOLE };
			return 0;
		}
		if (!ext4_blocks_ok(e, f->block, 1))
			return ext4_bad(ip->fs, "inode %lu: block %u", dnode_of(ip)->key, f->block);
		await(r = ext4_block(ip->fs, f->block, &f->b));
		if (r)
			return r;
		i = left >> ((f->level - 1) * bits) & (each - 1);
		if (f->level == 1)
			r = pointers_run(ip, (const u32 *)f->b.bytes + i, each - i, at, run);
		else
			f->block = ((const u32 *)f->b.bytes)[i];
		ext4_put(&f->b);
		if (f->level == 1)
			return r;
	}
	return -EUCLEAN;
	co_end();
}

static async long block_map(struct co *co, struct inode *ip, u64 at, struct ext4_run *run)
{
	u32 levels, slot;
	u64 left;

	slot = path_of(ext4_of(ip->fs), at, &levels, &left);
	if (slot == UINT32_MAX)
		return ext4_bad(ip->fs, "inode %lu: larger than its map", dnode_of(ip)->key);
	if (!levels)
		return pointers_run(ip, ext4_inode(ip)->map + slot, EXT4_DIRECT - slot, at, run);
	return indirect_run(co, ip, at, slot, levels, left, run);
}

/* --- runs ------------------------------------------------------------------------------------- */

static bool last_run(struct ext4_inode *i, u64 at, struct ext4_run *run)
{
	guard(&i->d.i.lock);
	*run = i->last;
	return at >= run->at && at - run->at < run->len;
}

static void keep_run(struct ext4_inode *i, const struct ext4_run *run)
{
	guard(&i->d.i.lock);
	i->last = *run;
}

async long ext4_run(struct co *co, struct inode *ip, u64 at, struct ext4_run *run)
{
	struct { u64 unused; } *f = co_frame(co);
	struct ext4_inode *const i = ext4_inode(ip);
	long r;

	co_begin(f);
	if (last_run(i, at, run))
		return 0;
	if (i->flags & EXT4_F_EXTENTS)
		await(r = ext4_extents(co, ip, at, run));
	else
		await(r = block_map(co, ip, at, run));
	if (r)
		return r;
	keep_run(i, run);
	return 0;
	co_end();
}

/* --- the operation ---------------------------------------------------------------------------- */

static void extent_of(const struct ext4 *e, const struct ext4_run *run, struct extent *x)
{
	*x = (struct extent){
		.at = run->at << e->shift, .len = run->len << e->shift, .dev = run->block << e->shift,
		.kind = run->kind == RUN_BLOCKS ? EXTENT_BLOCKS :
			run->kind == RUN_HOLE ? EXTENT_HOLE : EXTENT_UNWRITTEN,
	};
}

/* Of @run from block @at on: one block that the journal has newer, or what comes before the next such one. */
static void cut(const struct ext4 *e, u64 at, struct ext4_run *run, struct extent *x)
{
	u64 skip = at - run->at;
	struct ext4_newer *o = ext4_newer_from(e, run->block + skip);

	if (likely(!o || run->kind != RUN_BLOCKS || o->block >= run->block + run->len)) {
		extent_of(e, run, x);
		return;
	}
	run->at += skip;
	run->block += skip;
	run->len = max(o->block - run->block, 1ul);
	if (o->block > run->block) {
		extent_of(e, run, x);
		return;
	}
	run->block = o->at;
	extent_of(e, run, x);
	if (o->copy) {
		x->kind = EXTENT_BYTES;
		x->bytes = o->copy;
	}
}

/* What the data do not fill is zeros: mke2fs makes such files. */
static void in_the_inode(const struct ext4_inode *i, u64 at, struct extent *x)
{
	if (at < i->inline_len)
		*x = (struct extent){ .len = i->inline_len, .kind = EXTENT_BYTES, .bytes = i->inline_data };
	else
		*x = (struct extent){ .at = i->inline_len, .len = EXT4_SIZE_MAX, .kind = EXTENT_HOLE };
}

async long ext4_map(struct co *co, struct inode *ip, u64 at, u64 len, bool write, struct extent *x)
{
	struct { struct ext4_run run; } *f = co_frame(co);
	const struct ext4 *const e = ext4_of(ip->fs);
	long r;

	co_begin(f);
	if (ext4_inode(ip)->flags & EXT4_F_INLINE) {
		in_the_inode(ext4_inode(ip), at, x);
		return 0;
	}
	if (at >> e->shift > UINT32_MAX)
		return ext4_bad(ip->fs, "inode %lu: larger than a file can be", dnode_of(ip)->key);
	await(r = ext4_run(co, ip, at >> e->shift, &f->run));
	if (!r)
		cut(e, at >> e->shift, &f->run, x);
	return r;
	co_end();
}
