/* SPDX-License-Identifier: MIT */
/*
 * toyfs_test.h: the smallest file system that has everything: holes, links, renames.  An example for
 * others, and what the tests of fs/disk/ mount.
 *
 * Page 0 says "toyfs" and how many inodes there are.  Inode n is 64 bytes in the table from page 1 on;
 * its content has REGION pages of its own, of which a bitmap in the inode says which are used.  A
 * directory is an array of 64-byte entries.
 */
#pragma once
#include "fs/disk.h"
#include "lib/text.h"

enum { TOY_MAGIC = 0x796f74, TOY_INODES = 256, TOY_REGION = 64, TOY_TABLE = TOY_INODES * 64 / PAGE_SIZE,
       TOY_PAGES = 1 + TOY_TABLE + TOY_INODES * TOY_REGION, TOY_NAME = 57 };

struct toy_inode { u32 mode, uid, gid, nlink, size, pad; u64 used, mtime; char target[24]; };
struct toy_entry { u32 ino; u8 len; char name[TOY_NAME + 2]; };
struct toy { struct dnode d; u64 used; };
_Static_assert(sizeof(struct toy_inode) == 64 && sizeof(struct toy_entry) == 64, "");

static inline struct toy *toy_of(struct inode *ip) { return container_of(ip, struct toy, d.i); }
static inline u64 toy_content(u64 ino) { return (1 + TOY_TABLE + ino * (u64)TOY_REGION) << PAGE_SHIFT; }

/* What mkfs would do. */
static inline void toy_format(u8 *disk)
{
	struct toy_inode *root = (void *)(disk + PAGE_SIZE + 64);

	memset(disk, 0, toy_content(0));
	*(u32 *)disk = TOY_MAGIC;
	*root = (struct toy_inode){ .mode = I_DIR | 0755, .nlink = 2 };
}

/* --- instances -------------------------------------------------------------------------------- */

static async long toy_mount(struct co *co, struct filesystem *fs, const char *options, u64 *root)
{
	struct page *p;
	u32 *magic;
	long r = blk_bytes(disk_blk(fs), 0, &p, (void **)&magic);

	if (r)
		return r;
	r = *magic == TOY_MAGIC && disk_blk(fs)->size >= (u64)TOY_PAGES << PAGE_SHIFT ? 0 : -EINVAL;
	page_put(p);
	*root = 1;
	return r;
}

static async long toy_statfs(struct co *co, struct filesystem *fs, struct disk_stat *st)
{
	*st = (struct disk_stat){ .block_size = PAGE_SIZE, .name_max = TOY_NAME, .blocks = TOY_PAGES,
				  .files = TOY_INODES };
	return 0;
}

/* --- inodes ----------------------------------------------------------------------------------- */

/* The inode on the disk, its page with a reference.  Starts over, as blk_bytes() does. */
static async long toy_inode(struct filesystem *fs, u64 ino, struct page **p, struct toy_inode **out)
{
	return blk_bytes(disk_blk(fs), PAGE_SIZE + ino * 64, p, (void **)out);
}

static void toy_dirty(struct filesystem *fs, u64 ino, struct page *p)
{
	blk_page_dirty(disk_blk(fs), 1 + ino * 64 / PAGE_SIZE, p);
	page_put(p);
}

static async long toy_load(struct co *co, struct inode *ip)
{
	struct toy_inode *t;
	struct page *p;
	u64 ino = dnode_of(ip)->key;
	long r;

	if (!ino || ino >= TOY_INODES)
		return -EUCLEAN;
	r = toy_inode(ip->fs, ino, &p, &t);
	if (r)
		return r;
	ip->mode = t->mode;
	ip->uid = t->uid;
	ip->gid = t->gid;
	ip->nlink = t->nlink;
	ip->size = t->size;
	ip->atime = ip->mtime = ip->ctime = t->mtime;
	toy_of(ip)->used = t->used;
	if ((t->mode & I_FMT) == I_LNK && !(ip->target = heap_string(t->target)))
		r = -ENOMEM;
	page_put(p);
	return r;
}

static async long toy_update(struct co *co, struct inode *ip)
{
	struct toy_inode *t;
	struct page *p;
	long r = toy_inode(ip->fs, ip->ino, &p, &t);

	if (r)
		return r;
	t->mode = ip->mode;
	t->uid = ip->uid;
	t->gid = ip->gid;
	t->nlink = ip->nlink;
	t->size = ip->size;
	t->used = toy_of(ip)->used;
	t->mtime = ip->mtime;
	if (ip->target)
		memcpy(t->target, ip->target, min(strlen(ip->target), sizeof(t->target) - 1));
	toy_dirty(ip->fs, ip->ino, p);
	return 0;
}

static async long toy_evict(struct co *co, struct inode *ip)
{
	struct toy_inode *t;
	struct page *p;
	long r = toy_inode(ip->fs, ip->ino, &p, &t);

	if (r)
		return r;
	memset(t, 0, sizeof(*t));
	toy_dirty(ip->fs, ip->ino, p);
	return 0;
}

/* --- names: the file system's own loop over entries ------------------------------------------- */

/* Entry @i of a directory: 0, -ENOENT behind the last.  Starts over. */
static async long toy_entry(struct inode *dir, u64 i, struct page **p, struct toy_entry **e)
{
	if (i * sizeof(**e) >= dir->size)
		return -ENOENT;
	return blk_bytes(disk_blk(dir->fs), toy_content(dir->ino) + i * sizeof(**e), p, (void **)e);
}

static void toy_entry_dirty(struct inode *dir, u64 i, struct page *p)
{
	blk_page_dirty(disk_blk(dir->fs), (toy_content(dir->ino) >> PAGE_SHIFT) + i * 64 / PAGE_SIZE, p);
	page_put(p);
}

/* The entry with a name (@n.s NULL: an empty one), its page held. */
static async long toy_find(struct co *co, struct inode *dir, struct name n, u64 *index, struct page **p,
			   struct toy_entry **e)
{
	struct { u64 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0;; f->i++) {
		await(r = toy_entry(dir, f->i, p, e));
		if (r)
			return r;
		*index = f->i;
		if (n.s ? (*e)->ino && (*e)->len == n.len && !memcmp((*e)->name, n.s, n.len) : !(*e)->ino)
			return 0;
		page_put(*p);
	}
	co_end();
}

static async long toy_lookup(struct co *co, struct inode *dir, struct name n, u64 *key)
{
	struct { u64 i; struct page *p; struct toy_entry *e; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = toy_find(co, dir, n, &f->i, &f->p, &f->e));
	if (r)
		return r;
	*key = f->e->ino;
	page_put(f->p);
	return 0;
	co_end();
}

static async long toy_list(struct co *co, struct inode *dir, u64 *pos, struct dir_sink *s)
{
	struct { struct page *p; struct toy_entry *e; } *f = co_frame(co);
	bool ok;
	long r;

	co_begin(f);
	for (;; ++*pos) {
		await(r = toy_entry(dir, *pos, &f->p, &f->e));
		if (r)
			return r == -ENOENT ? 0 : r;
		ok = !f->e->ino || s->add(s, f->e->name, f->e->len, f->e->ino, 0, *pos + 1);
		page_put(f->p);
		if (!ok)
			return 0;
	}
	co_end();
}

static async long toy_enter(struct co *co, struct inode *dir, struct name n, u64 ino)
{
	struct { u64 i; struct page *p; struct toy_entry *e; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = toy_find(co, dir, (struct name){ }, &f->i, &f->p, &f->e));
	if (r == -ENOENT) {
		if (dir->size == TOY_REGION << PAGE_SHIFT)
			return -ENOSPC;
		f->i = dir->size / 64;
		dir->size += 64;
		await(r = toy_entry(dir, f->i, &f->p, &f->e));
	}
	if (r)
		return r;
	*f->e = (struct toy_entry){ .ino = ino, .len = n.len };
	memcpy(f->e->name, n.s, n.len);
	toy_entry_dirty(dir, f->i, f->p);
	return 0;
	co_end();
}

static async long toy_take(struct co *co, struct inode *dir, struct name n)
{
	struct { u64 i; struct page *p; struct toy_entry *e; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = toy_find(co, dir, n, &f->i, &f->p, &f->e));
	if (r)
		return r;
	f->e->ino = 0;
	toy_entry_dirty(dir, f->i, f->p);
	return 0;
	co_end();
}

/* A free inode, no longer free. */
static async long toy_allocate(struct co *co, struct inode *ip)
{
	struct { u64 ino; struct page *p; struct toy_inode *t; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->ino = 2; f->ino < TOY_INODES; f->ino++) {
		await(r = toy_inode(ip->fs, f->ino, &f->p, &f->t));
		if (r)
			return r;
		if (!f->t->mode) {
			f->t->mode = ip->mode;
			toy_dirty(ip->fs, f->ino, f->p);
			dnode_of(ip)->key = ip->ino = f->ino;
			return 0;
		}
		page_put(f->p);
	}
	return -ENOSPC;
	co_end();
}

static async long toy_create(struct co *co, struct inode *dir, struct name n, struct inode *ip)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = toy_allocate(co, ip));
	if (r)
		return r;
	await(r = toy_enter(co, dir, n, ip->ino));
	return r;
	co_end();
}

static async long toy_link(struct co *co, struct inode *dir, struct name n, struct inode *ip)
{
	return toy_enter(co, dir, n, ip->ino);
}

static async long toy_empty(struct co *co, struct inode *dir)
{
	struct { u64 i; struct page *p; struct toy_entry *e; } *f = co_frame(co);
	bool used;
	long r;

	co_begin(f);
	for (f->i = 0;; f->i++) {
		await(r = toy_entry(dir, f->i, &f->p, &f->e));
		if (r)
			return r == -ENOENT ? 0 : r;
		used = f->e->ino;
		page_put(f->p);
		if (used)
			return -ENOTEMPTY;
	}
	co_end();
}

static async long toy_unlink(struct co *co, struct inode *dir, struct name n, struct inode *ip)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = 0;
	if (inode_is_dir(ip))
		await(r = toy_empty(co, ip));
	if (!r)
		await(r = toy_take(co, dir, n));
	return r;
	co_end();
}

static async long toy_rename(struct co *co, struct rename *x)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (x->victim && !x->exchange) {
		await(r = toy_unlink(co, x->to, x->new, x->victim));
		if (r)
			return r;
	} else if (x->victim) {
		await(r = toy_take(co, x->to, x->new));
		await(r = toy_enter(co, x->from, x->old, x->victim->ino));
	}
	await(r = toy_take(co, x->from, x->old));
	if (!r)
		await(r = toy_enter(co, x->to, x->new, x->ip->ino));
	return r;
	co_end();
}

static long toy_name_ok(struct inode *dir, struct name n)
{
	return n.len <= TOY_NAME ? 0 : -ENAMETOOLONG;
}

/* --- content ---------------------------------------------------------------------------------- */

static async long toy_map(struct co *co, struct inode *ip, u64 at, u64 len, bool write, struct extent *x)
{
	struct toy *t = toy_of(ip);
	u64 page = at >> PAGE_SHIFT;
	bool fresh;

	if (page >= TOY_REGION)
		return write ? -ENOSPC : -EUCLEAN;
	fresh = !(t->used >> page & 1);
	if (write && fresh) {
		t->used |= 1ul << page;
		t->d.blocks += 8;
		dnode_dirty(ip);
	}
	*x = (struct extent){
		.at = page << PAGE_SHIFT, .len = PAGE_SIZE,
		.kind = t->used >> page & 1 ? EXTENT_BLOCKS : EXTENT_HOLE,
		.dev = toy_content(ip->ino) + (page << PAGE_SHIFT),
	};
	return 0;
}

static async long toy_truncate(struct co *co, struct inode *ip, u64 size)
{
	u64 keep = (size + PAGE_SIZE - 1) >> PAGE_SHIFT;

	toy_of(ip)->used &= keep >= 64 ? ~0ul : (1ul << keep) - 1;
	return 0;
}

static const struct disk_ops toy_ops = {
	.inode_size = sizeof(struct toy), .size_max = TOY_REGION << PAGE_SHIFT,
	.mount = toy_mount, .statfs = toy_statfs,
	.load = toy_load, .update = toy_update, .evict = toy_evict,
	.lookup = toy_lookup, .list = toy_list, .create = toy_create, .link = toy_link,
	.unlink = toy_unlink, .rename = toy_rename, .name_ok = toy_name_ok,
	.map = toy_map, .truncate = toy_truncate,
};

static const struct fs_type toy_type = { .name = "toyfs", .magic = TOY_MAGIC, .disk = &toy_ops };
