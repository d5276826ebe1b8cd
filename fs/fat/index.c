// SPDX-License-Identifier: MIT
/*
 * index.c: where the names of a large directory are, by hash: made when the first name is looked up,
 * gone with the inode.  An open-addressed table of words, in pages: half of the hash, and the first slot of
 * the name; 0 is an empty place.  Long and short names both have one.  Names that have gone stay: who
 * finds a slot reads it.  A table that gets full is made anew, larger.
 *
 * Guarded by the lock of the directory; making it, by those who look up at the same time, by index_lock.
 */
#include "fs/fat/private.h"

enum { WORDS = PAGE_SIZE / sizeof(u32), SMALLEST = 4 * WORDS, LARGEST = 64 * SMALLEST };

static u32 *word(struct fat_inode *fi, u32 i, bool create)
{
	struct page *p = pageset_find(&fi->names, i / WORDS);

	if (!p && create && (p = pageset_get(&fi->names, i / WORDS, true)))
		page_put(p);			/* the set keeps it */
	return p ? (u32 *)page_virt(p) + i % WORDS : NULL;
}

static u32 word_of(u32 hash, u32 slot) { return (hash & 0xffff0000) | 0x10000 | slot; }

void fat_index_end(struct fat_inode *fi)
{
	pageset_truncate(&fi->names, 0);
	fi->index_size = fi->index_room = fi->index_used = 0;
}

u32 fat_index_next(struct fat_inode *fi, u32 hash, u32 *cursor)
{
	while (*cursor < fi->index_size) {
		u32 *w = word(fi, (hash + (*cursor)++) & (fi->index_size - 1), false);

		if (!w || !*w)
			return FAT_NOWHERE;
		if (((*w ^ word_of(hash, 0)) & 0xffff0000) == 0)
			return *w & 0xffff;
	}
	return FAT_NOWHERE;
}

static bool add(struct fat_inode *fi, u32 hash, u32 slot)
{
	u32 *w;

	if (fi->index_used >= fi->index_room / 4 * 3)
		return false;
	for (u32 i = hash;; i++) {
		w = word(fi, i & (fi->index_room - 1), true);
		if (!w)
			return false;
		if (*w == word_of(hash, slot))
			return true;
		if (!*w)
			break;
	}
	*w = word_of(hash, slot);
	fi->index_used++;
	return true;
}

void fat_index_add(struct fat_inode *fi, const struct fat_text *name, u32 slot)
{
	if (fi->index_size && !add(fi, fat_hash(name), slot))
		fat_index_end(fi);
}

/* The name the scan has found, and its other one.  It must start at a slot its parts are found from. */
static bool add_found(struct fat_inode *fi, struct fat_scan *s)
{
	bool ok = add(fi, fat_hash(&s->name), s->first);

	if (!ok || !s->is_long)
		return ok;
	fat_from_short(&s->name, s->e.name, 0);
	return add(fi, fat_hash(&s->name), s->first);
}

/* One attempt with the present size.  1: it was too small. */
static async long fill(struct co *co, struct inode *dir)
{
	struct { struct fat_scan *s; } *f = co_frame(co);
	bool ok;
	long r;

	co_begin(f);
	f->s = fat_scan_new(dir);
	if (!f->s)
		return -ENOMEM;
	do {
		await(r = fat_scan_next(f->s));
		ok = r || add_found(fat_inode(dir), f->s);
	} while (!r && ok);
	fat_scan_free(f->s);
	return r == -ENOENT ? 0 : r ? r : 1;
	co_end();
}

static async long make(struct co *co, struct inode *dir)
{
	struct { u32 size; } *f = co_frame(co);
	struct fat_inode *const fi = fat_inode(dir);
	long r;

	co_begin(f);
	if (fi->index_size)
		return 0;
	f->size = SMALLEST;
	while (f->size < fat_slots(dir) / 2 && f->size < LARGEST)
		f->size *= 2;
	for (; f->size <= LARGEST; f->size *= 2) {
		fi->index_room = f->size;
		await(r = fill(co, dir));
		if (!r) {
			fi->index_size = f->size;
			return 0;
		}
		fat_index_end(fi);
		if (r < 0)
			return r;
	}
	return -ENOMEM;
	co_end();
}

async long fat_index(struct co *co, struct inode *dir)
{
	struct { u64 unused; } *f = co_frame(co);
	struct fat_inode *const fi = fat_inode(dir);
	long r;

	co_begin(f);
	if (fat_slots(dir) < FAT_SMALL || fi->index_size)
		return 0;
	await(r = mutex_lock(&fi->index_lock));
	await(r = make(co, dir));
	mutex_unlock(&fi->index_lock);
	return r;
	co_end();
}
