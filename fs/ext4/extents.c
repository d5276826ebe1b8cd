// SPDX-License-Identifier: MIT
/*
 * extents.c: trees of extents: from the root in the inode down to the leaf for a block.  Nodes are sorted; a
 * hostile one need not be, so what a search finds is looked at again: it can be wrong, not outside.
 */
#include "fs/ext4/private.h"

/* Which of its entries is the last that begins at or before @at; -1: none does. */
static s32 last_before(const struct ext4_extent *x, u32 n, u64 at)
{
	u32 lo = 0, hi = n;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (x[mid].first <= at)
			lo = mid + 1;
		else
			hi = mid;
	}
	return (s32)lo - 1;
}

static bool header_ok(const struct ext4_extent_header *h, u32 room, u32 depth)
{
	return h->magic == EXT4_EXTENT_MAGIC && h->depth == depth && h->entries <= h->max &&
	       sizeof(*h) + h->max * sizeof(struct ext4_extent) <= room && (h->entries || !depth);
}

static bool csum_ok(const struct ext4 *e, const struct ext4_inode *i, const u8 *node)
{
	u32 tail = sizeof(struct ext4_extent_header) +
		   ((const struct ext4_extent_header *)node)->max * sizeof(struct ext4_extent);

	return tail + sizeof(u32) <= e->block_size &&
	       ext4_crc(e, i->seed, node, tail) == *(const u32 *)(node + tail);
}

/* Is what was read as block @n a node of @depth?  The header first: it says where the checksum is. */
static bool node_ok(struct ext4 *e, const struct ext4_inode *i, u64 n, const u8 *node, u32 depth)
{
	if (!header_ok((const void *)node, e->block_size, depth))
		return false;
	if (!e->checked || ext4_is_verified(e, n))
		return true;
	if (!csum_ok(e, i, node))
		return false;
	ext4_set_verified(e, n);
	return true;
}

/* A leaf says what is at @at, with @end behind which another leaf knows. */
static bool leaf_run(const struct ext4 *e, const struct ext4_extent_header *h, u64 at, u64 end,
		     struct ext4_run *run)
{
	const struct ext4_extent *x = (const void *)(h + 1);
	u32 n = h->entries;
	s32 i = last_before(x, n, at);
	u64 next = i + 1 < (s32)n ? min((u64)x[i + 1].first, end) : end, start, first, len;

	if (i < 0) {
		*run = (struct ext4_run){ .at = at, .len = next - at, .kind = RUN_HOLE };
		return next > at;
	}
	first = x[i].first;
	len = x[i].len;
	run->kind = len > EXT4_EXTENT_MAX ? RUN_UNWRITTEN : RUN_BLOCKS;
	len -= len > EXT4_EXTENT_MAX ? EXT4_EXTENT_MAX : 0;
	start = x[i].start_lo | (u64)x[i].start_hi << 32;
	if (!len || !ext4_blocks_ok(e, start, len) || first + len > next || first > at)
		return false;
	if (at >= first + len)
		*run = (struct ext4_run){ .at = first + len, .len = next - first - len, .kind = RUN_HOLE };
	else
		*run = (struct ext4_run){ .at = first, .len = len, .block = start, .kind = run->kind };
	return true;
}

/* The child of an index node for @at, and where what it knows ends; 0: none, a hole up to there. */
static u64 child_of(const struct ext4_extent_header *h, u64 at, u64 *end)
{
	const struct ext4_extent *x = (const void *)(h + 1);
	u32 n = h->entries;
	s32 i = last_before(x, n, at);

	if (i + 1 < (s32)n)
		*end = min(*end, (u64)x[i + 1].first);
	return i < 0 ? 0 : x[i].child_lo | (u64)x[i].child_hi << 32;
}

static long bad_tree(struct inode *ip)
{
	return ext4_bad(ip->fs, "inode %lu: its extents", dnode_of(ip)->key);
}

/* What node @h says about @at: 0 and the run, or 1 and the child that knows more. */
static long step(struct inode *ip, const struct ext4_extent_header *h, u64 at, u64 *end, u64 *child,
		 struct ext4_run *run)
{
	const struct ext4 *e = ext4_of(ip->fs);

	if (!h->depth)
		return leaf_run(e, h, at, *end, run) ? 0 : bad_tree(ip);
	*child = child_of(h, at, end);
	if (*end <= at)
		return bad_tree(ip);
	if (!*child) {
		*run = (struct ext4_run){ .at = at, .len = *end - at, .kind = RUN_HOLE };
		return 0;
	}
	return ext4_blocks_ok(e, *child, 1) ? 1 : bad_tree(ip);
}

async long ext4_extents(struct co *co, struct inode *ip, u64 at, struct ext4_run *run)
{
	struct { u64 child, end; u32 depth; struct ext4_block b; } *f = co_frame(co);
	struct ext4_inode *const i = ext4_inode(ip);
	struct ext4 *const e = ext4_of(ip->fs);
	long r;

	co_begin(f);
	f->depth = i->root.header.depth;
	f->end = 1ul << 32;
	if (f->depth > EXT4_DEPTH_MAX || !header_ok(&i->root.header, EXT4_MAP_BYTES, f->depth))
		return bad_tree(ip);
	r = step(ip, &i->root.header, at, &f->end, &f->child, run);
	while (r == 1) {
		f->depth--;
		await(r = ext4_block(ip->fs, f->child, &f->b));
		if (r)
			return r;
		r = node_ok(e, i, f->child, f->b.bytes, f->depth)
		    ? step(ip, (void *)f->b.bytes, at, &f->end, &f->child, run) : bad_tree(ip);
		ext4_put(&f->b);
	}
	return r;
	co_end();
}
