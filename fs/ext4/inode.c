// SPDX-License-Identifier: MIT
/*
 * inode.c: inodes from their tables.  Data that lie in the inode itself (fast symbolic links, inline data) are
 * copied when it is loaded; what comes in a second piece, in an attribute, is joined to the first.
 */
#include <string.h>
#include "core/time.h"
#include "fs/ext4/private.h"
#include "mem/heap.h"

/* --- where it is ------------------------------------------------------------------------------ */

/* The descriptor of @group says where its table begins. */
static async long table_of(struct filesystem *fs, u32 group, u64 *table)
{
	struct ext4 *e = ext4_of(fs);
	struct ext4_desc *d;
	struct ext4_block b;
	u32 offset;
	long r = ext4_block(fs, ext4_desc_block(e, group, &offset), &b);

	if (r)
		return r;
	d = (void *)(b.bytes + offset);
	if (ext4_desc_ok(e, group, d))
		*table = ext4_inode_table(e, d);
	else
		r = ext4_bad(fs, "descriptor of group %u: checksum", group);
	ext4_put(&b);
	return r;
}

/* The block with inode @ino, and where in it. */
static async long raw_inode(struct co *co, struct filesystem *fs, u32 ino, struct ext4_block *b, u32 *offset)
{
	struct { u64 table; } *f = co_frame(co);
	struct ext4 *const e = ext4_of(fs);
	const u32 group = (ino - 1) / e->inodes_per_group;
	const u64 at = (u64)((ino - 1) % e->inodes_per_group) * e->inode_size;
	long r;

	co_begin(f);
	await(r = table_of(fs, group, &f->table));
	if (r)
		return r;
	if (!ext4_blocks_ok(e, f->table, (at >> e->shift) + 1))
		return ext4_bad(fs, "descriptor of group %u: inode table", group);
	*offset = at & (e->block_size - 1);
	await(r = ext4_block(fs, f->table + (at >> e->shift), b));
	return r;
	co_end();
}

/* --- is it whole? ------------------------------------------------------------------------------- */

static u32 extra_size(const struct ext4 *e, const struct ext4_raw_inode *raw)
{
	return e->inode_size > EXT4_OLD_INODE ? raw->extra_size : 0;
}

static bool has(u32 extra, size_t end) { return extra + EXT4_OLD_INODE >= end; }
#define HAS(extra, field) \
	has(extra, offsetof(struct ext4_raw_inode, field) + sizeof(((struct ext4_raw_inode *)0)->field))

/* All of the inode with the two halves of its checksum taken for zeros. */
static bool csum_ok(const struct ext4 *e, u32 seed, const struct ext4_raw_inode *raw)
{
	enum { LO = offsetof(struct ext4_raw_inode, checksum_lo), HI = offsetof(struct ext4_raw_inode, checksum_hi) };
	static const u16 none;
	const u8 *p = (const u8 *)raw;
	u32 extra = extra_size(e, raw), rest = EXT4_OLD_INODE;
	u32 want = raw->checksum_lo, crc = ext4_crc(e, seed, p, LO);

	crc = ext4_crc(e, crc, &none, 2);
	crc = ext4_crc(e, crc, p + LO + 2, EXT4_OLD_INODE - LO - 2);
	if (HAS(extra, checksum_hi)) {
		crc = ext4_crc(e, crc, p + EXT4_OLD_INODE, HI - EXT4_OLD_INODE);
		crc = ext4_crc(e, crc, &none, 2);
		want |= (u32)raw->checksum_hi << 16;
		rest = HI + 2;
	}
	crc = ext4_crc(e, crc, p + rest, e->inode_size - rest);
	return rest == HI + 2 ? crc == want : (u16)crc == want;
}

static u64 size_of(const struct ext4 *e, const struct ext4_raw_inode *raw)
{
	bool wide = (raw->mode & I_FMT) == I_REG || e->incompat & EXT4_LARGE_DIR;

	return raw->size_lo | (wide ? (u64)raw->size_hi << 32 : 0);
}

/* What is wrong with it, or NULL. */
static const char *wrong(const struct ext4 *e, u32 seed, const struct ext4_raw_inode *raw)
{
	u32 kind = raw->mode & I_FMT, extra = extra_size(e, raw);
	u64 size = size_of(e, raw);

	if (extra % 4 || extra > e->inode_size - EXT4_OLD_INODE)
		return "size of its fields";
	if (e->checked && !csum_ok(e, seed, raw))
		return "checksum";
	if (kind != I_REG && kind != I_DIR && kind != I_LNK && kind != I_CHR && kind != I_BLK &&
	    kind != I_FIFO && kind != I_SOCK)
		return "kind of file";
	if (size > EXT4_SIZE_MAX || (kind == I_DIR && size > e->blocks << e->shift))
		return "size";
	if (kind == I_LNK && (!size || size >= PATH_MAX_LEN || size > e->block_size))
		return "size of a symbolic link";
	return NULL;
}

/* --- attributes --------------------------------------------------------------------------------- */

/* Seconds are signed, with two bits more in @extra, above which are the nanoseconds.  1970 is the beginning. */
static u64 time_of(u32 seconds, u32 extra)
{
	s64 s = (s64)(s32)seconds + ((s64)(extra & 3) << 32);
	u32 ns = extra >> 2;

	return s < 0 ? 0 : (u64)s * NSEC_PER_SEC + (ns < NSEC_PER_SEC ? ns : 0);
}

static void take_times(struct inode *ip, const struct ext4_raw_inode *raw, u32 extra)
{
	ip->atime = time_of(raw->atime, HAS(extra, atime_extra) ? raw->atime_extra : 0);
	ip->mtime = time_of(raw->mtime, HAS(extra, mtime_extra) ? raw->mtime_extra : 0);
	ip->ctime = time_of(raw->ctime, HAS(extra, ctime_extra) ? raw->ctime_extra : 0);
	ip->btime = HAS(extra, btime) ? time_of(raw->btime, HAS(extra, btime_extra) ? raw->btime_extra : 0) : 0;
}

static u64 sectors_of(const struct ext4 *e, const struct ext4_raw_inode *raw)
{
	u64 n = raw->blocks_lo;

	if (!(e->ro_compat & EXT4_HUGE_FILE))
		return n;
	n |= (u64)raw->blocks_hi << 32;
	return raw->flags & EXT4_F_HUGE ? n << (e->shift - 9) : n;
}

/* Devices: 8 bits each of major and minor, or as struct stat has them in the second word. */
static u32 device_of(const struct ext4_raw_inode *raw)
{
	return raw->map[0] ? raw->map[0] & 0xffff : raw->map[1];
}

static void take_attributes(struct inode *ip, const struct ext4_raw_inode *raw)
{
	const struct ext4 *e = ext4_of(ip->fs);
	u32 kind = raw->mode & I_FMT;

	ip->mode = raw->mode;
	ip->uid = raw->uid_lo | (u32)raw->uid_hi << 16;
	ip->gid = raw->gid_lo | (u32)raw->gid_hi << 16;
	ip->nlink = raw->links;
	ip->size = size_of(e, raw);
	if (kind == I_CHR || kind == I_BLK)
		ip->rdev = device_of(raw);
	take_times(ip, raw, extra_size(e, raw));
	dnode_of(ip)->blocks = sectors_of(e, raw);
	ext4_inode(ip)->flags = raw->flags;
	memcpy(ext4_inode(ip)->map, raw->map, sizeof(raw->map));
}

/* --- data in the inode -------------------------------------------------------------------------- */

/* The attribute "system.data": the rest of inline data.  Its length, 0 if there is none; -EUCLEAN. */
static long inline_rest(const struct ext4 *e, const struct ext4_raw_inode *raw, const u8 **data)
{
	const u8 *all = (const u8 *)raw + EXT4_OLD_INODE + extra_size(e, raw);
	const u8 *end = (const u8 *)raw + e->inode_size, *first = all + sizeof(u32);
	const struct ext4_xattr *x;

	if (end < first + sizeof(u32) || *(const u32 *)all != EXT4_XATTR_MAGIC)
		return 0;
	for (const u8 *p = first; p + sizeof(u32) <= end && *(const u32 *)p; p += align_up(sizeof(*x) + x->len, 4)) {
		x = (const void *)p;
		if (p + sizeof(*x) > end || x->len > end - p - sizeof(*x))
			return -EUCLEAN;
		if (x->space != EXT4_XATTR_SYSTEM || x->len != 4 || memcmp(x->name, "data", 4))
			continue;
		if (x->ino || x->at > end - first || x->size > end - first - x->at)
			return -EUCLEAN;
		*data = first + x->at;
		return x->size;
	}
	return 0;
}

static long take_inline(struct inode *ip, const struct ext4_raw_inode *raw)
{
	struct ext4_inode *i = ext4_inode(ip);
	const u8 *rest = NULL;
	long n = inline_rest(ext4_of(ip->fs), raw, &rest);

	if (n < 0 || (inode_kind(ip) == I_LNK && ip->size > (u64)EXT4_MAP_BYTES + n))
		return -EUCLEAN;
	i->inline_data = heap_alloc(EXT4_MAP_BYTES + n);
	if (!i->inline_data)
		return -ENOMEM;
	i->inline_len = EXT4_MAP_BYTES + n;
	memcpy(i->inline_data, raw->map, EXT4_MAP_BYTES);
	memcpy(i->inline_data + EXT4_MAP_BYTES, rest, n);
	return 0;
}

static bool in_inode(const struct inode *ip)
{
	return ip->size < EXT4_MAP_BYTES || ext4_inode((struct inode *)ip)->flags & EXT4_F_INLINE;
}

static long take_target(struct inode *ip, const u8 *text)
{
	ip->target = heap_zero(ip->size + 1);
	if (!ip->target)
		return -ENOMEM;
	memcpy(ip->target, text, ip->size);
	return strlen(ip->target) == ip->size ? 0 : -EUCLEAN;
}

static long take_data(struct inode *ip, const struct ext4_raw_inode *raw)
{
	struct ext4_inode *i = ext4_inode(ip);
	u32 kind = inode_kind(ip);
	long err = 0;

	if (kind != I_REG && kind != I_DIR && kind != I_LNK)
		i->flags = 0;
	if (i->flags & EXT4_F_INLINE)
		err = take_inline(ip, raw);
	if (!err && kind == I_LNK && in_inode(ip))
		err = take_target(ip, i->inline_data ? i->inline_data : (const u8 *)raw->map);
	return err;
}

/* --- all of it ---------------------------------------------------------------------------------- */

static long take(struct inode *ip, const struct ext4_raw_inode *raw)
{
	const struct ext4 *e = ext4_of(ip->fs);
	u32 ino = dnode_of(ip)->key, seed;
	const char *what;
	long err;

	if (!raw->mode || !raw->links)
		return -ESTALE;
	seed = ext4_crc(e, ext4_crc(e, e->seed, &ino, sizeof(ino)), &raw->generation, sizeof(raw->generation));
	what = wrong(e, seed, raw);
	if (what)
		return ext4_bad(ip->fs, "inode %u: %s", ino, what);
	ext4_inode(ip)->seed = seed;
	take_attributes(ip, raw);
	err = take_data(ip, raw);
	return err == -EUCLEAN ? ext4_bad(ip->fs, "inode %u: data in it", ino) : err;
}

/* A symbolic link whose text has a block. */
static async long slow_target(struct co *co, struct inode *ip)
{
	struct { struct ext4_run run; struct ext4_block b; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = ext4_run(co, ip, 0, &f->run));
	if (r)
		return r;
	if (f->run.kind != RUN_BLOCKS)
		return ext4_bad(ip->fs, "inode %lu: no block", dnode_of(ip)->key);
	await(r = ext4_block(ip->fs, f->run.block, &f->b));
	if (r)
		return r;
	r = take_target(ip, f->b.bytes);
	ext4_put(&f->b);
	return r == -EUCLEAN ? ext4_bad(ip->fs, "inode %lu: text of a link", dnode_of(ip)->key) : r;
	co_end();
}

async long ext4_load(struct co *co, struct inode *ip)
{
	struct { struct ext4_block b; u32 offset; } *f = co_frame(co);
	const u64 ino = dnode_of(ip)->key;
	long r;

	co_begin(f);
	if (!ino || ino > ext4_of(ip->fs)->inodes)
		return ext4_bad(ip->fs, "inode %lu: there is none", ino);
	await(r = raw_inode(co, ip->fs, ino, &f->b, &f->offset));
	if (r)
		return r;
	r = take(ip, (void *)(f->b.bytes + f->offset));
	ext4_put(&f->b);
	if (!r && inode_kind(ip) == I_LNK && !ip->target)
		await(r = slow_target(co, ip));
	return r;
	co_end();
}

void ext4_free(struct inode *ip)
{
	heap_free(ext4_inode(ip)->inline_data);
}
