// SPDX-License-Identifier: MIT
/*
 * dir.c: directories: slots, names, looking up, listing.  A name is one short entry, with up to 20 slots
 * before it that have a long name.  What does not fit together (orders, checksums, characters) is no long
 * name; the short one counts then.  A slot that begins with 0 is the last.
 */
#include "fs/fat/private.h"
#include <string.h>
#include "mem/heap.h"

u32 fat_slots(const struct inode *dir) { return dir->size / FAT_SLOT; }

u64 fat_key(struct inode *dir, u32 slot) { return (u64)fat_inode(dir)->start << 16 | slot; }

enum { DIR_AHEAD = 7 };				/* pages */

async long fat_slot(struct inode *dir, u32 slot, struct page **p, struct fat_entry **e)
{
	long r;

	if (slot >= fat_slots(dir))
		return -EUCLEAN;
	r = cache_get(&dir->pages, slot / FAT_PAGE_SLOTS, DIR_AHEAD, p);
	if (!r)
		*e = (struct fat_entry *)page_virt(*p) + slot % FAT_PAGE_SLOTS;
	return r;
}

void fat_slot_dirty(struct inode *dir, u32 slot, struct page *p)
{
	struct fat_inode *fi = fat_inode(dir);
	struct fat *v = fat_of(dir);

	cache_dirty(&dir->pages, slot / FAT_PAGE_SLOTS, p);
	guard(&v->lock);
	if (fi->dirty)
		return;
	fi->dirty = true;
	TAILQ_INSERT_TAIL(&v->dirty, fi, dirty_link);
}

/* --- going through ---------------------------------------------------------------------------- */

struct fat_scan *fat_scan_new(struct inode *dir)
{
	struct fat_scan *s = heap_alloc(sizeof(*s));

	if (!s)
		return NULL;
	s->dir = dir;
	s->page = NULL;
	fat_scan_from(s, 0);
	return s;
}

static void let_page(struct fat_scan *s)
{
	if (s->page)
		page_put(s->page);
	s->page = NULL;
}

void fat_scan_from(struct fat_scan *s, u32 slot)
{
	let_page(s);
	s->slot = slot;
	s->expect = 0;
}

void fat_scan_free(struct fat_scan *s)
{
	if (!s)
		return;
	fat_scan_from(s, 0);
	heap_free(s);
}

static void put_units(struct fat_scan *s, u32 at, const u8 *from, u32 n)
{
	for (u32 i = 0; i < n; i++)
		s->name.s[at + i] = from[2 * i] | from[2 * i + 1] << 8;
}

/* Part of a long name: the last part comes first. */
static void take_long(struct fat_scan *s, const struct fat_long *l)
{
	u32 order = l->order & ~LONG_LAST, at = (order - 1) * LONG_UNITS;

	if (l->order & LONG_LAST) {
		s->expect = order;
		s->sum = l->sum;
		s->first = s->slot - 1;
		s->name.len = order * LONG_UNITS;
	}
	if (!order || order != s->expect || order >= FAT_SET_MAX || l->sum != s->sum ||
	    at + LONG_UNITS > ARRAY_SIZE(s->name.s)) {
		s->expect = 0;
		return;
	}
	put_units(s, at, l->a, 5);
	put_units(s, at + 5, l->b, 6);
	put_units(s, at + 11, l->c, 2);
	s->expect = order - 1;
	if (!s->expect)
		s->expect = FAT_SET_MAX;	/* complete: the short entry is next */
}

/* The long name ends at a zero; it must be one that programs can have. */
static bool long_fits(struct fat_scan *s)
{
	u32 n = 0;

	if (s->expect != FAT_SET_MAX || s->sum != fat_checksum(s->e.name))
		return false;
	while (n < s->name.len && s->name.s[n]) {
		if (s->name.s[n++] == '/')
			return false;
	}
	s->name.len = n;
	return n && n <= FAT_NAME && s->name.s[n - 1] != '.';
}

/* The short entry: false if it is nothing that is listed. */
static bool take_short(struct fat_scan *s, const struct fat_entry *e)
{
	s->e = *e;
	s->at = s->slot - 1;
	s->is_long = long_fits(s);
	if (!s->is_long) {
		s->first = s->at;
		fat_from_short(&s->name, e->name, e->lower);
	}
	s->expect = 0;
	if (e->attr & ATTR_VOLUME || e->name[0] == '.')
		return false;
	for (u32 i = 0; i < s->name.len; i++)
		if (s->name.s[i] == '/' || !s->name.s[i])
			return false;
	return s->name.len;
}

/* One slot: 1: a name; -ENOENT: the end; 0: go on. */
static long take_slot(struct fat_scan *s, const struct fat_entry *e)
{
	if (!e->name[0])
		return -ENOENT;
	s->slot++;
	if (e->name[0] == SLOT_DELETED) {
		s->expect = 0;
	} else if ((e->attr & 0x3f) == ATTR_LONG) {
		take_long(s, (const struct fat_long *)e);
	} else if (take_short(s, e)) {
		return 1;
	}
	return 0;
}

async long fat_scan_next(struct fat_scan *s)
{
	long r = 0;

	while (!r) {
		if (s->slot >= fat_slots(s->dir))
			return -ENOENT;
		if (!s->page || s->page_index != s->slot / FAT_PAGE_SLOTS) {
			let_page(s);
			r = cache_get(&s->dir->pages, s->slot / FAT_PAGE_SLOTS, DIR_AHEAD, &s->page);
			if (r) {
				s->page = NULL;
				return r;
			}
			s->page_index = s->slot / FAT_PAGE_SLOTS;
		}
		r = take_slot(s, (struct fat_entry *)page_virt(s->page) + s->slot % FAT_PAGE_SLOTS);
	}
	return min(r, 0l);
}

/* --- looking for a name ----------------------------------------------------------------------- */

static bool is_wanted(struct fat_scan *s)
{
	if (fat_same(&s->name, &s->want))
		return true;
	if (!s->is_long)
		return false;
	fat_from_short(&s->name, s->e.name, 0);
	return fat_same(&s->name, &s->want);
}

static async long find_by_going(struct co *co, struct fat_scan *s)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	fat_scan_from(s, 0);
	do
		await(r = fat_scan_next(s));
	while (!r && !is_wanted(s));
	return r;
	co_end();
}

async long fat_scan_find(struct co *co, struct fat_scan *s)
{
	struct { u32 cursor, slot; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = fat_index(co, s->dir));
	if (r)
		return r;
	if (!fat_inode(s->dir)->index_size) {
		await(r = find_by_going(co, s));
		return r;
	}
	f->cursor = 0;
	while ((f->slot = fat_index_next(fat_inode(s->dir), fat_hash(&s->want), &f->cursor)) != FAT_NOWHERE) {
		fat_scan_from(s, f->slot);
		await(r = fat_scan_next(s));
		if (r && r != -ENOENT)
			return r;
		if (!r && is_wanted(s))
			return 0;
	}
	return -ENOENT;
	co_end();
}

async long fat_lookup(struct co *co, struct inode *dir, struct name n, u64 *key)
{
	struct { struct fat_scan *s; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->s = fat_scan_new(dir);
	if (!f->s)
		return -ENOMEM;
	r = fat_from_utf8(&f->s->want, n.s, n.len) ? -ENOENT : 0;
	if (!r)
		await(r = fat_scan_find(co, f->s));
	if (!r)
		*key = fat_key(dir, f->s->at);
	fat_scan_free(f->s);
	return r;
	co_end();
}

long fat_name_ok(struct inode *dir, struct name n)
{
	struct fat_text t;
	long err = fat_from_utf8(&t, n.s, n.len);

	return err ? err : fat_name_allowed(&t);
}

/* --- listing ---------------------------------------------------------------------------------- */

enum { LISTED_INO = 62 };			/* numbers in listings are not those of inodes: a bit */

/* False: no more room. */
static bool give(struct fat_scan *s, struct dir_sink *sink)
{
	u32 mode = s->e.attr & ATTR_DIR ? I_DIR : I_REG;
	long n = fat_to_utf8(&s->name, s->utf8, sizeof(s->utf8));

	if (n < 0) {				/* longer than programs can have: by its other name */
		fat_from_short(&s->name, s->e.name, s->e.lower);
		n = fat_to_utf8(&s->name, s->utf8, sizeof(s->utf8));
	}
	return sink->add(sink, s->utf8, n, 1ul << LISTED_INO | fat_key(s->dir, s->at), mode, s->slot);
}

/* Positions are slots. */
async long fat_list(struct co *co, struct inode *dir, u64 *pos, struct dir_sink *sink)
{
	struct { struct fat_scan *s; } *f = co_frame(co);
	bool more;
	long r;

	co_begin(f);
	if (*pos > fat_slots(dir))
		return 0;
	f->s = fat_scan_new(dir);
	if (!f->s)
		return -ENOMEM;
	fat_scan_from(f->s, *pos);
	do {
		*pos = f->s->slot;
		await(r = fat_scan_next(f->s));
		more = !r && give(f->s, sink);
	} while (more);
	fat_scan_free(f->s);
	return r == -ENOENT ? 0 : r;
	co_end();
}
