// SPDX-License-Identifier: MIT
/*
 * journal.c: what a journal (jbd2) has that the disk has not: found at mount(), changed nothing.
 *
 * The log is a ring of transactions: descriptor blocks with tags, each followed by the blocks the tags are
 * for; revoke blocks, which say that a block's older copies are void; a commit block.  A transaction
 * is gone through twice: up to its commit block, which decides whether it counts, then for its blocks.  The
 * newest copy of each goes into e->newer, which all reads ask first.  A transaction without a valid commit block
 * ends the log.  Who writes one day goes through the log in the same way, writes the copies, and begins anew.
 *
 * Checksums: v1, of a transaction, in its commit block; v2 and v3, of each block.  Everything is big-endian.
 */
#include <string.h>
#include "core/log.h"
#include "fs/ext4/private.h"
#include "mem/heap.h"

enum { MAGIC = 0xc03b3998, HEAD = 12, SUPER = 1024, UUID = 16 };
enum { DESCRIPTOR = 1, COMMIT, SUPER_V1, SUPER_V2, REVOKE };
enum { COMPAT_CHECKSUM = 1 };
enum { J_REVOKE = 1, J_64BIT = 2, J_ASYNC = 4, J_CSUM_V2 = 8, J_CSUM_V3 = 0x10, J_FAST_COMMIT = 0x20 };
enum { TAG_ESCAPED = 1, TAG_SAME_UUID = 2, TAG_DELETED = 4, TAG_LAST = 8 };
enum { CSUM_CRC32 = 1, CSUM_CRC32C = 4 };
enum { COPIES_MAX = 1024 };

static u32 be16(const u8 *p) { return p[0] << 8 | p[1]; }
static u32 be32(const u8 *p) { return be16(p) << 16 | be16(p + 2); }
static u64 be64(const u8 *p) { return (u64)be32(p) << 32 | be32(p + 4); }

struct ext4_log {
	struct filesystem *fs;
	struct inode	*ip;
	u32		first, last;		/* blocks of the ring: [first, last) */
	u32		at, sequence;		/* the transaction looked at */
	u32		left;			/* blocks that may still be read: once around */
	u32		compat, features;
	u32		seed;			/* of checksums */
	u32		crc;			/* v1: of the transaction so far */
	bool		apply;			/* the second time */
	u32		copies, transactions, count;
};

/* --- what is newer ---------------------------------------------------------------------------- */

static int compare(const struct ext4_newer *a, const struct ext4_newer *b)
{
	return a->block < b->block ? -1 : a->block > b->block;
}
RB_GENERATE_INTERNAL(ext4_newer_tree, ext4_newer, node, compare, static __attribute__((unused)))

struct ext4_newer *ext4_newer_find(const struct ext4 *e, u64 n)
{
	struct ext4_newer key = { .block = n };

	return RB_NFIND(ext4_newer_tree, (struct ext4_newer_tree *)&e->newer, &key);
}

static void forget(struct ext4 *e, u64 n)
{
	struct ext4_newer *o = ext4_newer_from(e, n);

	if (!o || o->block != n)
		return;
	RB_REMOVE(ext4_newer_tree, &e->newer, o);
	heap_free(o->copy);
	heap_free(o);
}

void ext4_newer_free(struct ext4 *e)
{
	while (!RB_EMPTY(&e->newer))
		forget(e, RB_ROOT(&e->newer)->block);
}

/* --- tags: which block is next ---------------------------------------------------------------- */

struct tag { u64 block; u32 flags, checksum; };

static u32 tag_size(const struct ext4_log *l)
{
	if (l->features & J_CSUM_V3)
		return 16;
	return 8 + (l->features & J_64BIT ? 4 : 0) + (l->features & J_CSUM_V2 ? 2 : 0);
}

static bool has_tails(const struct ext4_log *l) { return l->features & (J_CSUM_V2 | J_CSUM_V3); }
static u32 room(const struct ext4_log *l) { return ext4_of(l->fs)->block_size - (has_tails(l) ? 4 : 0); }

/* The tag at *at of a descriptor block; false: there is none. */
static bool next_tag(const struct ext4_log *l, const u8 *bytes, u32 *at, struct tag *t)
{
	const u8 *p = bytes + *at;
	bool v3 = l->features & J_CSUM_V3;

	if (*at + tag_size(l) > room(l))
		return false;
	t->block = be32(p) | (l->features & J_64BIT ? (u64)be32(p + 8) << 32 : 0);
	t->flags = v3 ? be32(p + 4) : be16(p + 6);
	t->checksum = v3 ? be32(p + 12) : be16(p + 4);
	*at += tag_size(l) + (t->flags & TAG_SAME_UUID ? 0 : UUID);
	return true;
}

/* --- checksums ---------------------------------------------------------------------------------- */

/* crc32 with the upper bits first, as only v1 has it. */
static u32 crc32_upper(u32 crc, const u8 *p, u32 n)
{
	for (; n; n--) {
		crc ^= (u32)*p++ << 24;
		for (u32 i = 0; i < 8; i++)
			crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7 : 0);
	}
	return crc;
}

/* Of a block with the four bytes at @at, where it is, taken for zeros. */
static bool csum_ok(const struct ext4_log *l, u32 seed, const u8 *bytes, u32 at, u32 size)
{
	static const u32 none;
	const struct ext4 *e = ext4_of(l->fs);
	u32 crc = ext4_crc(e, ext4_crc(e, seed, bytes, at), &none, 4);

	return ext4_crc(e, crc, bytes + at + 4, size - at - 4) == be32(bytes + at);
}

static bool tail_ok(const struct ext4_log *l, const u8 *bytes)
{
	u32 size = ext4_of(l->fs)->block_size;

	return !has_tails(l) || !ext4_of(l->fs)->checked || csum_ok(l, l->seed, bytes, size - 4, size);
}

static bool data_ok(const struct ext4_log *l, const u8 *bytes, const struct tag *t)
{
	const struct ext4 *e = ext4_of(l->fs);
	u8 sequence[4] = { l->sequence >> 24, l->sequence >> 16, l->sequence >> 8, l->sequence };
	u32 crc = ext4_crc(e, ext4_crc(e, l->seed, sequence, 4), bytes, e->block_size);

	return !has_tails(l) || !e->checked || (l->features & J_CSUM_V3 ? crc : crc & 0xffff) == t->checksum;
}

static bool commit_ok(const struct ext4_log *l, const u8 *bytes)
{
	if (has_tails(l))
		return !ext4_of(l->fs)->checked || csum_ok(l, l->seed, bytes, 16, ext4_of(l->fs)->block_size);
	if (!(l->compat & COMPAT_CHECKSUM))
		return true;
	return (bytes[12] == CSUM_CRC32 && bytes[13] == 4 && be32(bytes + 16) == l->crc) ||
	       (!bytes[12] && !bytes[13] && !be32(bytes + 16));
}

/* --- the log ------------------------------------------------------------------------------------ */

/* Block @n of the journal's file, where it is. */
static async long locate(struct co *co, struct ext4_log *l, u32 n, u64 *block)
{
	struct { struct ext4_run run; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = ext4_run(co, l->ip, n, &f->run));
	if (r)
		return r;
	if (f->run.kind != RUN_BLOCKS)
		return ext4_bad(l->fs, "journal: a hole");
	*block = f->run.block + (n - f->run.at);
	return 0;
	co_end();
}

/* The block at l->at, which moves on; the ring is gone round once at most. */
static async long next_block(struct co *co, struct ext4_log *l, u64 *block, struct ext4_block *b)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!l->left)
		return -ENOENT;
	l->left--;
	await(r = locate(co, l, l->at, block));
	if (r)
		return r;
	await(r = blk_bytes(disk_blk(l->fs), *block << ext4_of(l->fs)->shift, &b->page, (void **)&b->bytes));
	if (!r && ++l->at == l->last)
		l->at = l->first;
	return r;
	co_end();
}

/* The copy of a block in the journal: what the disk has is old from now on. */
static long take_copy(struct ext4_log *l, const struct tag *t, u64 at, const u8 *bytes)
{
	struct ext4 *e = ext4_of(l->fs);
	struct ext4_newer *o;

	if (t->block >= e->blocks || !data_ok(l, bytes, t))
		return ext4_bad(l->fs, "journal: copy of block %lu", t->block);
	forget(e, t->block);
	o = heap_zero(sizeof(*o));
	if (!o)
		return -ENOMEM;
	*o = (struct ext4_newer){ .block = t->block, .at = at };
	if (t->flags & TAG_ESCAPED) {	/* it began with the journal's own magic, which was made zeros */
		static const u8 magic[4] = { MAGIC >> 24, MAGIC >> 16 & 255, MAGIC >> 8 & 255, MAGIC & 255 };

		o->copy = l->copies++ < COPIES_MAX ? heap_alloc(e->block_size) : NULL;
		if (!o->copy) {
			heap_free(o);
			return -ENOMEM;
		}
		memcpy(o->copy, bytes, e->block_size);
		memcpy(o->copy, magic, sizeof(magic));
	}
	RB_INSERT(ext4_newer_tree, &e->newer, o);
	l->count++;
	return 0;
}

static long data_block(struct ext4_log *l, const struct tag *t, u64 at, const u8 *bytes)
{
	if (!l->apply)
		l->crc = crc32_upper(l->crc, bytes, ext4_of(l->fs)->block_size);
	else if (!(t->flags & TAG_DELETED))
		return take_copy(l, t, at, bytes);
	return 0;
}

/* The blocks behind a descriptor block.  What they say matters the second time, or if v1 has it in its sum. */
static async long descriptor(struct co *co, struct ext4_log *l, const struct ext4_block *d)
{
	struct { struct tag t; u32 pos; u64 block; struct ext4_block b; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!l->apply && l->compat & COMPAT_CHECKSUM)
		l->crc = crc32_upper(l->crc, d->bytes, ext4_of(l->fs)->block_size);
	f->pos = HEAD;
	f->t.flags = 0;
	while (!(f->t.flags & TAG_LAST) && next_tag(l, d->bytes, &f->pos, &f->t)) {
		await(r = next_block(co, l, &f->block, &f->b));
		if (r)
			return r;
		r = l->apply || l->compat & COMPAT_CHECKSUM ? data_block(l, &f->t, f->block, f->b.bytes) : 0;
		ext4_put(&f->b);
		if (r)
			return r;
	}
	return 0;
	co_end();
}

/* Copies up to this transaction of the blocks named here are void. */
static long revoke(struct ext4_log *l, const u8 *bytes)
{
	u32 end = be32(bytes + HEAD), each = l->features & J_64BIT ? 8 : 4;

	if (end > room(l))
		return ext4_bad(l->fs, "journal: revoked blocks");
	for (u32 at = HEAD + 4; at + each <= end; at += each)
		forget(ext4_of(l->fs), each == 8 ? be64(bytes + at) : be32(bytes + at));
	return 0;
}

enum { ENDS = 1, GOES_ON };		/* the transaction ends here, complete */

/* A block that begins a part of the transaction: 0: it is none, here the log ends. */
static async long part(struct co *co, struct ext4_log *l, const struct ext4_block *b)
{
	struct { u64 unused; } *f = co_frame(co);
	const u8 *const p = b->bytes;
	const u32 kind = be32(p) == MAGIC && be32(p + 8) == l->sequence ? be32(p + 4) : 0;
	long r;

	co_begin(f);
	if (kind == COMMIT)
		return l->apply || commit_ok(l, p) ? ENDS : 0;
	if ((kind != DESCRIPTOR && kind != REVOKE) || !tail_ok(l, p))
		return 0;
	r = 0;
	if (kind == DESCRIPTOR)
		await(r = descriptor(co, l, b));
	else if (l->apply)
		r = revoke(l, p);
	return r ? r : GOES_ON;
	co_end();
}

/* One transaction, from l->at to behind it: ENDS, 0: there is no complete one, or an error. */
static async long transaction(struct co *co, struct ext4_log *l)
{
	struct { u64 block; struct ext4_block b; } *f = co_frame(co);
	long r;

	co_begin(f);
	l->crc = ~0u;
	do {
		await(r = next_block(co, l, &f->block, &f->b));
		if (r)
			return r == -ENOENT ? 0 : r;
		await(r = part(co, l, &f->b));
		ext4_put(&f->b);
	} while (r == GOES_ON);
	return r == -ENOENT ? 0 : r;
	co_end();
}

static async long all_transactions(struct co *co, struct ext4_log *l)
{
	struct { u32 at, left; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (;; l->sequence++, l->transactions++) {
		f->at = l->at;
		f->left = l->left;
		l->apply = false;
		await(r = transaction(co, l));
		if (r != ENDS)
			return r;
		l->at = f->at;
		l->left = f->left;
		l->apply = true;
		await(r = transaction(co, l));
		if (r != ENDS)
			return r < 0 ? r : ext4_bad(l->fs, "journal: it changes");
	}
	co_end();
}

/* --- its superblock ----------------------------------------------------------------------------- */

static long refuse(struct ext4_log *l, const char *why)
{
	disk_complain(l->fs, "not mounted: journal not written back, and %s", why);
	return -EINVAL;
}

static long take_super(struct ext4_log *l, const u8 *p)
{
	struct ext4 *e = ext4_of(l->fs);
	bool v2 = be32(p + 4) == SUPER_V2;

	if (be32(p) != MAGIC || (!v2 && be32(p + 4) != SUPER_V1) || be32(p + HEAD) != e->block_size)
		return ext4_bad(l->fs, "journal: its superblock");
	l->last = be32(p + 16);
	l->first = be32(p + 20);
	l->sequence = be32(p + 24);
	l->at = be32(p + 28);
	if (v2) {
		l->compat = be32(p + 36);
		l->features = be32(p + 40);
	}
	if (l->features & J_FAST_COMMIT)
		return refuse(l, "it has fast commits");
	if (l->features & ~(J_REVOKE | J_64BIT | J_ASYNC | J_CSUM_V2 | J_CSUM_V3))
		return refuse(l, "it has features nobody knows here");
	if (has_tails(l) && e->checked && (p[0x50] != CSUM_CRC32C || !csum_ok(l, ~0u, p, 0xfc, SUPER)))
		return ext4_bad(l->fs, "journal: checksum of its superblock");
	l->seed = ext4_crc(e, ~0u, p + 0x30, UUID);
	if (!l->at)
		return 0;
	if (!l->first || l->first >= l->last || l->last > l->ip->size >> e->shift || l->last > e->blocks ||
	    l->at < l->first || l->at >= l->last)
		return ext4_bad(l->fs, "journal: its length");
	l->left = l->last - l->first;
	return 0;
}

static async long open_log(struct co *co, struct ext4_log *l)
{
	struct { u64 block; struct ext4_block b; } *f = co_frame(co);
	long r;

	co_begin(f);
	l->left = 1;
	await(r = next_block(co, l, &f->block, &f->b));
	if (r)
		return r;
	r = take_super(l, f->b.bytes);
	ext4_put(&f->b);
	return r;
	co_end();
}

static async long read_log(struct co *co, struct ext4_log *l)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (inode_kind(l->ip) != I_REG || ext4_inode(l->ip)->flags & EXT4_F_INLINE)
		return ext4_bad(l->fs, "journal: not a file");
	await(r = open_log(co, l));
	if (r || !l->at)
		return r;
	await(r = all_transactions(co, l));
	if (!r)
		log_info("%s (%s): %u transactions of the journal read, %u blocks are taken from there",
			 l->fs->type->name, disk_blk(l->fs)->name, l->transactions, l->count);
	return r;
	co_end();
}

async long ext4_journal_replay(struct co *co, struct filesystem *fs)
{
	struct { struct ext4_log *l; } *f = co_frame(co);
	const u32 ino = ext4_of(fs)->journal_ino;
	long r;

	co_begin(f);
	f->l = heap_zero(sizeof(*f->l));
	if (!f->l)
		return -ENOMEM;
	f->l->fs = fs;
	if (ino)
		await(r = dnode_get(co, fs, ino, &f->l->ip));
	else
		r = refuse(f->l, "it is on another device");
	if (!r) {
		await(r = read_log(co, f->l));
		inode_put(f->l->ip);
	}
	heap_free(f->l);
	return r == -ESTALE ? ext4_bad(fs, "journal: no such inode") : r;
	co_end();
}
