// SPDX-License-Identifier: MIT
/*
 * change.c: names come, go and move.
 *
 * All slots of a name are in at most two pages, which are held when it is written: what may fail has been
 * done by then.  A new directory, and a directory's new clusters, are on the disk before anything leads
 * to them.  A name that moves within one page of a directory is written at once; elsewhere it goes first,
 * is known to have gone, and then comes: in between a power cut leaves its clusters to nobody, but never
 * to two.
 */
#include "fs/fat/private.h"
#include <string.h>

/* --- the slots of a name ---------------------------------------------------------------------- */

struct set { u32 first, n; struct page *p[2]; };

static async long set_hold(struct co *co, struct inode *dir, u32 first, u32 n, struct set *s)
{
	struct { struct fat_entry *unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	*s = (struct set){ .first = first, .n = n };
	await(r = fat_slot(dir, first, &s->p[0], &f->unused));
	if (!r && (first + n - 1) / FAT_PAGE_SLOTS != first / FAT_PAGE_SLOTS)
		await(r = fat_slot(dir, first + n - 1, &s->p[1], &f->unused));
	if (r && s->p[0])
		page_put(s->p[0]);
	if (r)
		s->p[0] = NULL;
	return r;
	co_end();
}

static struct fat_entry *set_slot(const struct set *s, u32 i)
{
	u32 page = (s->first + i) / FAT_PAGE_SLOTS - s->first / FAT_PAGE_SLOTS;

	return (struct fat_entry *)page_virt(s->p[page]) + (s->first + i) % FAT_PAGE_SLOTS;
}

static struct fat_entry *set_last(const struct set *s) { return set_slot(s, s->n - 1); }

static void set_dirty(struct inode *dir, const struct set *s)
{
	fat_slot_dirty(dir, s->first, s->p[0]);
	if (s->p[1])
		fat_slot_dirty(dir, s->first + s->n - 1, s->p[1]);
}

static void set_put(struct set *s)
{
	for (u32 i = 0; i < 2; i++)
		if (s->p[i])
			page_put(s->p[i]);
	s->p[0] = s->p[1] = NULL;
}

static void units_to(u8 *to, const struct fat_text *t, u32 at, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		u16 c = at + i < t->len ? t->s[at + i] : at + i == t->len ? 0 : 0xffff;

		to[2 * i] = c;
		to[2 * i + 1] = c >> 8;
	}
}

/* Long parts of @t before the short entry @name. */
static void set_long(const struct set *s, const struct fat_text *t, const u8 *name)
{
	for (u32 i = 0; i + 1 < s->n; i++) {
		struct fat_long *l = (struct fat_long *)set_slot(s, i);
		u32 order = s->n - 1 - i, at = (order - 1) * LONG_UNITS;

		*l = (struct fat_long){ .order = order | (i ? 0 : LONG_LAST), .attr = ATTR_LONG,
					.sum = fat_checksum(name) };
		units_to(l->a, t, at, 5);
		units_to(l->b, t, at + 5, 6);
		units_to(l->c, t, at + 11, 2);
	}
}

/* --- room ------------------------------------------------------------------------------------- */

/* Zeros from byte @from of a directory to its end, in the cache. */
static async long zero_from(struct co *co, struct inode *dir, u64 from)
{
	struct { u64 at; struct page *p; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->at = from; f->at < dir->size; f->at = align_down(f->at, PAGE_SIZE) + PAGE_SIZE) {
		if (f->at & (PAGE_SIZE - 1)) {
			await(r = cache_get(&dir->pages, f->at >> PAGE_SHIFT, 0, &f->p));
			if (r)
				return r;
			memset((char *)page_virt(f->p) + (f->at & (PAGE_SIZE - 1)), 0,
			       PAGE_SIZE - (f->at & (PAGE_SIZE - 1)));
		} else {
			f->p = page_alloc_for(NULL, true);
			r = f->p ? cache_insert(&dir->pages, f->at >> PAGE_SHIFT, f->p) : -ENOMEM;
			if (r && f->p)
				page_put(f->p);
			if (r)
				return r;
		}
		fat_slot_dirty(dir, f->at / FAT_SLOT, f->p);
		page_put(f->p);
	}
	return 0;
	co_end();
}

/* The table leads to the new clusters of a directory from now on. */
static async long link_dir(struct co *co, struct inode *dir)
{
	struct { struct fat_run last; struct page *p; } *f = co_frame(co);
	struct fat_inode *const fi = fat_inode(dir);
	long r;

	co_begin(f);
	await(r = fat_find(co, dir, fi->kept - 1, &f->last));
	if (!r)
		await(r = fat_page(fat_of(dir), f->last.first, &f->p));
	if (r)
		return r;
	fat_set(fat_of(dir), f->p, f->last.first, fi->kept_next);
	page_put(f->p);
	fi->kept = fi->count;
	return 0;
	co_end();
}

static async long extend(struct co *co, struct inode *dir, u32 clusters)
{
	struct { u64 size; u32 count; long err; } *f = co_frame(co);
	struct fat *const v = fat_of(dir);
	long r;

	co_begin(f);
	f->size = dir->size;
	f->count = fat_inode(dir)->count;
	await(r = fat_grow(co, dir, f->count + clusters));
	if (r)
		return r;
	disk_set_size(dir, (u64)fat_inode(dir)->count << v->cluster_shift);
	await(f->err = zero_from(co, dir, f->size));
	if (!f->err)
		await(f->err = fat_barrier(co, v));
	if (!f->err)
		await(f->err = link_dir(co, dir));
	if (!f->err)
		return 0;
	disk_set_size(dir, f->size);
	await(r = cache_drop(&dir->pages, (f->size + PAGE_SIZE - 1) >> PAGE_SHIFT, UINT64_MAX));
	await(r = fat_shorten(co, dir, f->count));
	fat_unpend(fat_inode(dir));
	return f->err;
	co_end();
}

/* A quarter more at a time, so that a growing directory does not wait for the disk too often. */
static async long more_slots(struct co *co, struct inode *dir)
{
	struct fat_inode *fi = fat_inode(dir);
	u32 most = FAT_SLOTS_MAX * FAT_SLOT >> fat_of(dir)->cluster_shift;

	if (fi->fixed || fi->count >= most)
		return -ENOSPC;
	return extend(co, dir, min(max(fi->count / 4, 1u), most - fi->count));
}

/* Count free slots in a row, page by page. */
struct room { u32 slot, run, end; struct page *p; struct fat_entry *e; };	/* end: the first 0 */

static bool room_in_page(struct room *x, u32 need, u32 slots)
{
	do {
		if (x->end == FAT_NOWHERE && !x->e->name[0])
			x->end = x->slot;
		x->run = x->end != FAT_NOWHERE || x->e->name[0] == SLOT_DELETED ? x->run + 1 : 0;
		x->slot++;
		x->e++;
	} while (x->run < need && x->slot < slots && x->slot % FAT_PAGE_SLOTS);
	return x->run >= need;
}

/* Where @need slots in a row are free: x->slot is behind them. */
static async long find_room(struct co *co, struct inode *dir, u32 need, struct room *x)
{
	struct { u64 unused; } *f = co_frame(co);
	struct fat_inode *const fi = fat_inode(dir);
	bool ok;
	long r;

	co_begin(f);
	*x = (struct room){ .slot = need >= fi->no_room ? fi->tail : 0, .end = FAT_NOWHERE };
	do {
		while (x->slot >= fat_slots(dir)) {
			await(r = more_slots(co, dir));
			if (r)
				return r;
		}
		await(r = fat_slot(dir, x->slot, &x->p, &x->e));
		if (r)
			return r;
		ok = room_in_page(x, need, fat_slots(dir));
		page_put(x->p);
	} while (!ok);
	fi->tail = x->slot;
	fi->no_room = need;
	return 0;
	co_end();
}

static void room_came(struct inode *dir, u32 slot)
{
	struct fat_inode *fi = fat_inode(dir);

	fi->tail = min(fi->tail, slot - min(slot, (u32)FAT_SET_MAX));
}

/* --- names ------------------------------------------------------------------------------------ */

/* A short name for s->want that nothing else has, but perhaps the entry at @except: into s->number.
 * s->full is what was wanted. */
static async long number(struct co *co, struct fat_scan *s, u32 except)
{
	struct { u32 n; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->n = 1;; f->n++) {
		fat_number(&s->full, s->number, f->n);
		fat_from_short(&s->want, s->number, 0);
		await(r = fat_scan_find(co, s));
		if (r == -ENOENT || (!r && s->at == except))
			return 0;
		if (r)
			return r;
	}
	co_end();
}

/* How the name s->want is to be written: s->full, s->number, s->lower; how many slots. */
static async long choose(struct co *co, struct fat_scan *s, u32 except)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	s->full = s->want;
	if (fat_to_short(&s->full, s->number, &s->lower))
		return 1;
	s->lower = 0;
	fat_basis(&s->full, s->number);
	fat_from_short(&s->want, s->number, 0);
	if (!fat_same(&s->want, &s->full)) {
		await(r = number(co, s, except));
		if (r)
			return r;
	}
	return 1 + (s->full.len + LONG_UNITS - 1) / LONG_UNITS;
	co_end();
}

/* The name is where it was written. */
static void known(struct inode *dir, struct fat_scan *s, const struct set *set)
{
	fat_index_add(fat_inode(dir), &s->full, set->first);
	if (set->n == 1)
		return;
	fat_from_short(&s->want, s->number, 0);
	fat_index_add(fat_inode(dir), &s->want, set->first);
}

/* A new place for a name, held; a slot more behind the last name, to end the directory if it must be. */
struct place { struct set set; bool ends; };

static async long new_place(struct co *co, struct inode *dir, struct fat_scan *s, u32 except, struct place *x)
{
	struct { long need; struct room room; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(f->need = choose(co, s, except));
	if (f->need < 0)
		return f->need;
	await(r = find_room(co, dir, f->need, &f->room));
	if (r)
		return r;
	x->ends = f->room.end != FAT_NOWHERE && f->room.slot < fat_slots(dir);
	await(r = set_hold(co, dir, f->room.slot - f->need, f->need + x->ends, &x->set));
	if (!r)
		x->set.n = f->need;
	return r;
	co_end();
}

/* Write the name; the entry itself has been filled in but for it. */
static void write_name(struct inode *dir, struct fat_scan *s, struct place *x)
{
	struct fat_entry *e = set_last(&x->set);

	memcpy(e->name, s->number, FAT_SHORT);
	if (e->name[0] == SLOT_DELETED)
		e->name[0] = 5;
	e->lower = s->lower;
	set_long(&x->set, &s->full, e->name);
	if (x->ends) {
		x->set.n++;
		set_last(&x->set)->name[0] = 0;
		set_dirty(dir, &x->set);
		x->set.n--;
	} else {
		set_dirty(dir, &x->set);
	}
	known(dir, s, &x->set);
}

/* --- create ----------------------------------------------------------------------------------- */

static u32 dotdot(struct inode *dir)
{
	return dnode_of(dir)->key == FAT_ROOT_KEY ? 0 : fat_inode(dir)->start;
}

static void dot(struct fat_entry *e, struct inode *ip, const char *name, u32 start)
{
	memset(e, 0, sizeof(*e));
	fat_entry_new(e, ip);
	memcpy(e->name, name, FAT_SHORT);
	fat_entry_set_start(e, start);
}

static async long fill_dir(struct co *co, struct inode *dir, struct inode *ip)
{
	struct { struct page *p; struct fat_entry *e; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = zero_from(co, ip, 0));
	if (r)
		return r;
	await(r = fat_slot(ip, 0, &f->p, &f->e));
	if (r)
		return r;
	dot(f->e, ip, ".          ", fat_inode(ip)->start);
	dot(f->e + 1, ip, "..         ", dotdot(dir));
	fat_slot_dirty(ip, 0, f->p);
	page_put(f->p);
	await(r = fat_barrier(co, fat_of(ip)));
	return r;
	co_end();
}

/* A cluster with nothing in it but "." and "..", on the disk. */
static async long make_dir(struct co *co, struct inode *dir, struct inode *ip)
{
	struct { long err; } *f = co_frame(co);
	struct fat_inode *const fi = fat_inode(ip);
	long r;

	co_begin(f);
	await(r = fat_grow(co, ip, 1));
	if (r)
		return r;
	fi->kept = fi->count;
	fi->disk_start = fi->start;
	disk_set_size(ip, fat_cluster(fat_of(ip)));
	fat_dir_known(ip);
	await(f->err = fill_dir(co, dir, ip));
	if (f->err)
		await(r = fat_shorten(co, ip, 0));
	return f->err;
	co_end();
}

static void enter(struct inode *dir, struct fat_scan *s, struct inode *ip, struct place *x)
{
	struct fat_entry *e = set_last(&x->set);

	memset(e, 0, sizeof(*e));
	fat_entry_new(e, ip);
	fat_entry_set_start(e, fat_inode(ip)->disk_start);
	write_name(dir, s, x);
	fat_place(ip, dir, x->set.first + x->set.n - 1, x->set.first);
}

static async long create_named(struct co *co, struct inode *dir, struct inode *ip, struct fat_scan *s)
{
	struct { struct place x; long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = 0;
	if (inode_is_dir(ip))
		await(r = make_dir(co, dir, ip));
	if (r)
		return r;
	await(f->err = new_place(co, dir, s, FAT_NOWHERE, &f->x));
	if (!f->err) {
		enter(dir, s, ip, &f->x);
		set_put(&f->x.set);
	} else {
		await(r = fat_shorten(co, ip, 0));
	}
	return f->err;
	co_end();
}

async long fat_create(struct co *co, struct inode *dir, struct name n, struct inode *ip)
{
	struct { struct fat_scan *s; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (inode_kind(ip) != I_REG && inode_kind(ip) != I_DIR)
		return -EPERM;
	fat_inode_init(ip);
	f->s = fat_scan_new(dir);
	if (!f->s)
		return -ENOMEM;
	r = fat_from_utf8(&f->s->want, n.s, n.len);
	if (!r)
		await(r = create_named(co, dir, ip, f->s));
	fat_scan_free(f->s);
	return r;
	co_end();
}

/* --- unlink ----------------------------------------------------------------------------------- */

static async long check_empty(struct co *co, struct inode *dir)
{
	struct { struct fat_scan *s; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->s = fat_scan_new(dir);
	if (!f->s)
		return -ENOMEM;
	await(r = fat_scan_next(f->s));
	fat_scan_free(f->s);
	return r == -ENOENT ? 0 : r ? r : -ENOTEMPTY;
	co_end();
}

static void erase(struct inode *dir, const struct set *s)
{
	for (u32 i = 0; i < s->n; i++)
		set_slot(s, i)->name[0] = SLOT_DELETED;
	set_dirty(dir, s);
	room_came(dir, s->first);
}

static async long hold_own(struct co *co, struct inode *ip, struct set *s)
{
	struct fat_inode *fi = fat_inode(ip);

	return set_hold(co, fi->dir, fi->first, fi->slot - fi->first + 1, s);
}

async long fat_unlink(struct co *co, struct inode *dir, struct name n, struct inode *ip)
{
	struct { struct set set; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = 0;
	if (inode_is_dir(ip))
		await(r = check_empty(co, ip));
	if (!r)
		await(r = hold_own(co, ip, &f->set));
	if (r)
		return r;
	erase(dir, &f->set);
	fat_unplace(ip);
	set_put(&f->set);
	return 0;
	co_end();
}

/* --- rename ----------------------------------------------------------------------------------- */

/* Are both in one page of one directory: written at once? */
static bool together(const struct rename *r, const struct set *a, const struct set *b)
{
	return r->from == r->to && !a->p[1] && !b->p[1] && a->p[0] == b->p[0];
}

/* The entry as it is now, at its new place; of the victim's the name stays. */
static void move_entry(struct rename *r, struct fat_scan *s, const struct set *old, struct place *x)
{
	struct fat_entry *e = set_last(&x->set), before = *e;

	*e = *set_last(old);
	if (r->victim) {
		memcpy(e->name, before.name, FAT_SHORT);
		e->lower = before.lower;
		set_dirty(r->to, &x->set);
		fat_unplace(r->victim);
	} else {
		write_name(r->to, s, x);
	}
	fat_place(r->ip, r->to, x->set.first + x->set.n - 1, x->set.first);
}

static void unerase(struct inode *dir, const struct set *s, u8 first)
{
	for (u32 i = 0; i + 1 < s->n; i++)
		set_slot(s, i)->name[0] = (s->n - 1 - i) | (i ? 0 : LONG_LAST);
	set_last(s)->name[0] = first;
	set_dirty(dir, s);
}

static async long move_apart(struct co *co, struct rename *x, struct fat_scan *s, const struct set *old,
			     struct place *new)
{
	struct { u8 first; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->first = set_last(old)->name[0];
	erase(x->from, old);
	await(r = fat_barrier(co, fat_of(x->ip)));
	if (r) {
		unerase(x->from, old, f->first);
		return r;
	}
	move_entry(x, s, old, new);
	await(r = fat_barrier(co, fat_of(x->ip)));
	return 0;				/* it is done; who wants to know syncs */
	co_end();
}

static async long move(struct co *co, struct rename *x, struct fat_scan *s, struct place *new)
{
	struct { struct set old; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = hold_own(co, x->ip, &f->old));
	if (r)
		return r;
	if (together(x, &f->old, &new->set)) {
		move_entry(x, s, &f->old, new);
		erase(x->from, &f->old);
	} else {
		await(r = move_apart(co, x, s, &f->old, new));
	}
	set_put(&f->old);
	return r;
	co_end();
}

/* ".." of a directory that has moved elsewhere. */
static async long turn_dotdot(struct co *co, struct rename *x)
{
	struct { struct page *p; struct fat_entry *e; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!inode_is_dir(x->ip) || x->from == x->to)
		return 0;
	await(r = fat_slot(x->ip, 1, &f->p, &f->e));
	if (r)
		return r;
	if (f->e->name[0] == '.' && f->e->name[1] == '.') {
		fat_entry_set_start(f->e, dotdot(x->to));
		fat_slot_dirty(x->ip, 1, f->p);
	}
	page_put(f->p);
	return 0;
	co_end();
}

static async long rename_to(struct co *co, struct rename *x, struct fat_scan *s)
{
	struct { struct place new; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->new.ends = false;
	if (x->victim)
		await(r = hold_own(co, x->victim, &f->new.set));
	else
		await(r = new_place(co, x->to, s, x->from == x->to ? fat_inode(x->ip)->slot : FAT_NOWHERE,
				    &f->new));
	if (r)
		return r;
	await(r = turn_dotdot(co, x));
	if (!r)
		await(r = move(co, x, s, &f->new));
	set_put(&f->new.set);
	return r;
	co_end();
}

async long fat_rename(struct co *co, struct rename *x)
{
	struct { struct fat_scan *s; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (x->exchange)
		return -EINVAL;
	r = 0;
	if (x->victim && inode_is_dir(x->victim))
		await(r = check_empty(co, x->victim));
	if (r)
		return r;
	f->s = fat_scan_new(x->to);
	if (!f->s)
		return -ENOMEM;
	r = fat_from_utf8(&f->s->want, x->new.s, x->new.len);
	if (!r)
		await(r = rename_to(co, x, f->s));
	fat_scan_free(f->s);
	return r;
	co_end();
}
