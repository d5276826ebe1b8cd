// SPDX-License-Identifier: MIT
/*
 * inode.c: entries as inodes: attributes, times, first cluster and size.
 *
 * An inode's key is where its short entry is: first cluster of the directory, slot.  It holds its
 * directory, through whose pages its entry is written.  An entry moves, or goes, under v->lock; who has
 * waited for its page looks again.  Times are UTC.
 */
#include "fs/fat/private.h"
#include <string.h>
#include "core/time.h"
#include "mem/heap.h"

/* --- times ------------------------------------------------------------------------------------ */

enum { DAY = 86400, EPOCH = 3652 /* days from 1970 to 1980 */, LAST_DAY = 46750 /* of 2107, from 1980 */ };

static bool is_leap(u32 year) { return year % 4 == 0 && year != 120; }		/* since 1980: 2100 is none */

static u32 month_days(u32 year, u32 month)
{
	return month == 2 ? 28u + is_leap(year) : 30 + ((month + (month > 7)) & 1);
}

/* Days since 1980 as a date, and back. */
static u16 to_date(u32 days)
{
	u32 year = 0, month = 1;

	while (days >= 365u + is_leap(year))
		days -= 365 + is_leap(year++);
	while (days >= month_days(year, month))
		days -= month_days(year, month++);
	return year << 9 | month << 5 | (days + 1);
}

static u32 from_date(u16 date)
{
	u32 year = date >> 9, month = min(max(date >> 5 & 15, 1), 12), days = max(date & 31, 1) - 1;

	for (u32 y = 0; y < year; y++)
		days += 365 + is_leap(y);
	for (u32 m = 1; m < month; m++)
		days += month_days(year, m);
	return days;
}

static u64 from_time(u16 date, u16 time, u32 cs)
{
	u64 s = (EPOCH + (u64)from_date(date)) * DAY + (time >> 11) * 3600 + (time >> 5 & 63) * 60 +
		(time & 31) * 2;

	return s * NSEC_PER_SEC + cs * (NSEC_PER_SEC / 100);
}

/* What is out of range becomes the first or last time there is. */
static void to_time(u64 ns, u16 *date, u16 *time, u8 *cs)
{
	u64 s = ns / NSEC_PER_SEC, first = (u64)EPOCH * DAY, end = first + (LAST_DAY + 1ul) * DAY;

	s = min(max(s, first), end - 1) - first;
	*date = to_date(s / DAY);
	if (time)
		*time = s / 3600 % 24 << 11 | s / 60 % 60 << 5 | s % 60 / 2;
	if (cs)
		*cs = s % 2 * 100 + ns % NSEC_PER_SEC / (NSEC_PER_SEC / 100);
}

static u64 rounded(u64 ns, u32 seconds) { return ns - ns % (seconds * NSEC_PER_SEC); }

/* --- entries ---------------------------------------------------------------------------------- */

u32 fat_entry_start(const struct fat *v, const struct fat_entry *e)
{
	return e->start_low | (v->bits == 32 ? (u32)e->start_high << 16 & 0x0fff0000 : 0);
}

void fat_entry_set_start(struct fat_entry *e, u32 start)
{
	e->start_low = start;
	e->start_high = start >> 16;
}

static void put_times(struct fat_entry *e, const struct inode *ip)
{
	to_time(ip->mtime, &e->mdate, &e->mtime, NULL);
	to_time(ip->atime, &e->adate, NULL, NULL);
}

static u8 attr_of(const struct inode *ip)
{
	return inode_is_dir(ip) ? ATTR_DIR : ip->mode & 0222 ? 0 : ATTR_READONLY;
}

void fat_entry_new(struct fat_entry *e, struct inode *ip)
{
	e->attr = attr_of(ip) | (inode_is_dir(ip) ? 0 : ATTR_ARCHIVE);
	fat_inode(ip)->attr = e->attr;
	put_times(e, ip);
	to_time(ip->btime, &e->bdate, &e->btime, &e->btime_cs);
}

static u32 mode_of(const struct fat *v, u8 attr)
{
	if (attr & ATTR_DIR)
		return I_DIR | (0777 & ~v->dmask);
	return I_REG | (0777 & ~v->fmask & ~(attr & ATTR_READONLY ? 0222 : 0));
}

/* --- the place of an entry -------------------------------------------------------------------- */

void fat_place(struct inode *ip, struct inode *dir, u32 slot, u32 first)
{
	struct fat_inode *fi = fat_inode(ip);
	struct fat *v = fat_of(ip);
	struct inode *before;

	inode_get(dir);
	spin_lock(&v->lock);
	before = fi->dir;
	fi->dir = dir;
	fi->slot = slot;
	fi->first = first;
	spin_unlock(&v->lock);
	inode_put(before);
	if (dnode_of(ip)->key != fat_key(dir, slot))
		dnode_rekey(ip, fat_key(dir, slot));
}

void fat_unplace(struct inode *ip)
{
	struct fat *v = fat_of(ip);
	u64 key;

	spin_lock(&v->lock);
	fat_inode(ip)->slot = FAT_NOWHERE;
	key = 1ul << 63 | v->next_key++;
	spin_unlock(&v->lock);
	dnode_rekey(ip, key);
}

/* --- directories in memory -------------------------------------------------------------------- */

static struct fat_list *dir_bucket(struct fat *v, u32 start) { return &v->dirs[start % FAT_DIR_BUCKETS]; }

static struct fat_inode *dir_find_locked(struct fat *v, u32 start)
{
	struct fat_inode *fi;

	TAILQ_FOREACH(fi, dir_bucket(v, start), dirs)
		if (fi->start == start && atomic_load(&fi->d.i.refs))
			return fi;
	return NULL;
}

void fat_dir_known(struct inode *ip)
{
	struct fat_inode *fi = fat_inode(ip);
	struct fat *v = fat_of(ip);

	guard(&v->lock);
	TAILQ_INSERT_HEAD(dir_bucket(v, fi->start), fi, dirs);
	fi->listed = true;
}

static void dir_forgotten(struct fat_inode *fi)
{
	struct fat *v = fat_of(&fi->d.i);

	guard(&v->lock);
	if (fi->listed)
		TAILQ_REMOVE(dir_bucket(v, fi->start), fi, dirs);
	fi->listed = false;
}

/* The directory a key belongs to, counted. */
static struct inode *dir_of_key(struct fat *v, u64 key)
{
	struct fat_inode *fi;

	guard(&v->lock);
	fi = dir_find_locked(v, key >> 16);
	return fi && ref_try(&fi->d.i.refs) ? &fi->d.i : NULL;
}

bool fat_dir_twice(struct inode *ip)
{
	struct fat *v = fat_of(ip);

	guard(&v->lock);
	return dir_find_locked(v, fat_inode(ip)->start);
}

/* --- load ------------------------------------------------------------------------------------- */

void fat_inode_init(struct inode *ip)
{
	struct fat_inode *fi = fat_inode(ip);
	struct fat *v = fat_of(ip);

	fi->slot = FAT_NOWHERE;
	fi->d.i.uid = v->uid;
	fi->d.i.gid = v->gid;
	mutex_init(&fi->index_lock);
	pageset_init(&fi->names, NULL);
	spin_lock(&v->lock);
	fi->d.i.ino = ++v->next_ino;
	spin_unlock(&v->lock);
}

static void from_entry(struct fat *v, struct fat_inode *fi, const struct fat_entry *e)
{
	struct inode *ip = &fi->d.i;

	ip->mode = mode_of(v, e->attr);
	ip->nlink = inode_is_dir(ip) ? 2 : 1;
	ip->mtime = ip->ctime = from_time(e->mdate, e->mtime, 0);
	ip->atime = from_time(e->adate, 0, 0);
	ip->btime = from_time(e->bdate, e->btime, min(e->btime_cs, 199u));
	ip->size = inode_is_dir(ip) ? 0 : e->size;
	fi->attr = e->attr;
	fi->disk_size = e->size;
	fi->start = fi->disk_start = fat_entry_start(v, e);
}

static long content_known(struct fat *v, struct fat_inode *fi)
{
	u64 n = fat_clusters_for(v, fi->d.i.size);

	if (n > v->last - 1 || (n && !fat_is_cluster(v, fi->start)))
		return -EUCLEAN;
	fi->count = fi->kept = n;
	if (!n && fi->start)			/* a chain without bytes: leave it to those who repair */
		fi->start = 0;
	fi->d.blocks = n << (v->cluster_shift - 9);
	return 0;
}

static async long load_dir(struct co *co, struct inode *ip)
{
	struct { u64 unused; } *f = co_frame(co);
	struct fat_inode *const fi = fat_inode(ip);
	long r;

	co_begin(f);
	if (!fi->fixed && fat_dir_twice(ip))
		return -EUCLEAN;
	r = 0;
	if (!fi->fixed)
		await(r = fat_measure(co, ip));
	if (r)
		return r;
	if (fi->fixed)
		ip->size = (u64)fat_of(ip)->root_slots * FAT_SLOT;
	else
		ip->size = (u64)fi->count << fat_of(ip)->cluster_shift;
	ip->pages.size_pages = (ip->size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	fi->d.blocks = ip->size >> 9;
	if (fat_dir_twice(ip))			/* it came while we waited */
		return -EUCLEAN;
	fat_dir_known(ip);
	return 0;
	co_end();
}

static async long load_root(struct co *co, struct inode *ip)
{
	struct { u64 unused; } *f = co_frame(co);
	struct fat *const v = fat_of(ip);
	long r;

	co_begin(f);
	fat_inode_init(ip);
	ip->ino = 1;
	ip->mode = mode_of(v, ATTR_DIR);
	ip->nlink = 2;
	ip->mtime = ip->atime = ip->ctime = ip->btime = from_time(0x21, 0, 0);
	fat_inode(ip)->fixed = v->bits != 32;
	fat_inode(ip)->start = v->root_cluster;
	await(r = load_dir(co, ip));
	return r;
	co_end();
}

/* Is this part @n, counted from the short entry, of the name with this checksum? */
static bool is_part(const struct fat_long *l, u32 n, u8 sum)
{
	return l->attr == ATTR_LONG && l->sum == sum && (l->order & ~LONG_LAST) == n;
}

/* The first slot of the name whose short entry is @slot: where the long parts before it belong to it. */
static async long first_slot(struct co *co, struct inode *dir, u32 slot, u8 sum, u32 *first)
{
	struct { u32 n; struct page *p; struct fat_entry *e; } *f = co_frame(co);
	long r;

	co_begin(f);
	*first = slot;
	for (f->n = 1; f->n < FAT_SET_MAX && f->n <= slot; f->n++) {
		await(r = fat_slot(dir, slot - f->n, &f->p, &f->e));
		if (r)
			return r;
		r = is_part((struct fat_long *)f->e, f->n, sum) ? f->e->name[0] & LONG_LAST : -1;
		page_put(f->p);
		if (r > 0)
			*first = slot - f->n;
		if (r)
			return 0;
	}
	return 0;
	co_end();
}

static async long load_entry(struct co *co, struct inode *ip, struct inode *dir)
{
	struct { struct page *p; struct fat_entry *e; u32 first; u8 sum; } *f = co_frame(co);
	const u32 slot = dnode_of(ip)->key & (FAT_SLOTS_MAX - 1);
	long r;

	co_begin(f);
	await(r = fat_slot(dir, slot, &f->p, &f->e));
	if (r)
		return r;
	r = f->e->attr & ATTR_VOLUME || !f->e->name[0] || f->e->name[0] == SLOT_DELETED ? -ESTALE : 0;
	from_entry(fat_of(ip), fat_inode(ip), f->e);
	f->sum = fat_checksum(f->e->name);
	page_put(f->p);
	if (!r)
		await(r = first_slot(co, dir, slot, f->sum, &f->first));
	if (r)
		return r;
	fat_inode(ip)->dir = inode_get(dir);
	fat_inode(ip)->slot = slot;
	fat_inode(ip)->first = f->first;
	if (!inode_is_dir(ip))
		return content_known(fat_of(ip), fat_inode(ip));
	await(r = load_dir(co, ip));
	return r;
	co_end();
}

async long fat_load(struct co *co, struct inode *ip)
{
	struct { struct inode *dir; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (dnode_of(ip)->key == FAT_ROOT_KEY) {
		await(r = load_root(co, ip));
		return r;
	}
	fat_inode_init(ip);
	f->dir = dir_of_key(fat_of(ip), dnode_of(ip)->key);
	if (!f->dir)
		return -ESTALE;
	await(r = load_entry(co, ip, f->dir));
	inode_put(f->dir);
	if (r == -EUCLEAN)
		disk_complain(ip->fs, "entry %lu in directory %lu cannot be", dnode_of(ip)->key & 0xffff,
			      dnode_of(ip)->key >> 16);
	return r;
	co_end();
}

/* --- store ------------------------------------------------------------------------------------ */

/* v->lock is held, nothing waits: the entry, if it is still this one. */
static void put_entry(struct fat *v, struct fat_inode *fi, struct fat_entry *e, bool all)
{
	u64 linked = (u64)fi->kept << v->cluster_shift;
	struct inode *ip = &fi->d.i;
	u64 size = all ? ip->size : min((u64)fi->disk_size, ip->size);

	if (all) {
		put_times(e, ip);
		fi->attr = e->attr = (e->attr & ~ATTR_READONLY) | (attr_of(ip) & ATTR_READONLY);
	}
	if (inode_is_dir(ip))
		return;
	fi->disk_size = e->size = min(size, linked);
	fi->disk_start = fi->disk_size ? fi->start : 0;
	fat_entry_set_start(e, fi->disk_start);
}

/* Where the entry is, the directory counted; false: nowhere. */
static bool place_of(struct fat_inode *fi, struct inode **dir, u32 *slot)
{
	struct fat *v = fat_of(&fi->d.i);

	guard(&v->lock);
	if (!fi->dir || fi->slot == FAT_NOWHERE)
		return false;
	*dir = inode_get(fi->dir);
	*slot = fi->slot;
	return true;
}

/* False: it has moved. */
static bool put_there(struct fat_inode *fi, struct inode *dir, u32 slot, struct fat_entry *e, bool all)
{
	struct fat *v = fat_of(&fi->d.i);

	guard(&v->lock);
	if (fi->dir != dir || fi->slot != slot)
		return false;
	put_entry(v, fi, e, all);
	return true;
}

/* 1: it has moved. */
static async long store_at(struct co *co, struct inode *ip, struct inode *dir, u32 slot, bool all)
{
	struct { struct page *p; struct fat_entry *e; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = fat_slot(dir, slot, &f->p, &f->e));
	if (r)
		return r;
	r = !put_there(fat_inode(ip), dir, slot, f->e, all);
	if (!r)
		fat_slot_dirty(dir, slot, f->p);
	page_put(f->p);
	return r;
	co_end();
}

async long fat_store(struct co *co, struct inode *ip, bool all)
{
	struct { struct inode *dir; u32 slot; } *f = co_frame(co);
	long r;

	co_begin(f);
	do {
		if (!place_of(fat_inode(ip), &f->dir, &f->slot))
			return 0;
		await(r = store_at(co, ip, f->dir, f->slot, all));
		inode_put(f->dir);
	} while (r > 0);
	return r;
	co_end();
}

/* --- update, evict ---------------------------------------------------------------------------- */

/* Clusters behind the end, of a write that failed: given back, unless somebody writes now, who says
 * again that something has changed. */
static async long trim(struct co *co, struct inode *ip)
{
	struct { u64 unused; } *f = co_frame(co);
	struct rwlock *const lock = &dnode_of(ip)->lock;
	long r;

	co_begin(f);
	if (inode_is_dir(ip) || fat_inode(ip)->count <= fat_clusters_for(fat_of(ip), ip->size))
		return 0;
	if (!sem_try(&lock->s, RW_MAX)) {
		dnode_dirty(ip);
		return 0;
	}
	await(r = fat_shorten(co, ip, fat_clusters_for(fat_of(ip), ip->size)));
	write_unlock(lock);
	return r;
	co_end();
}

async long fat_update(struct co *co, struct inode *ip)
{
	struct { long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (disk_readonly(ip->fs))
		return 0;
	await(f->err = trim(co, ip));
	if (fat_inode(ip)->pending != FAT_IDLE)
		await(r = fat_commit(co, fat_of(ip)));
	else
		r = 0;
	if (!r)
		await(r = fat_store(co, ip, true));
	if (r)
		dnode_dirty(ip);
	return f->err ? f->err : r;
	co_end();
}

enum { FREED_MOST = 1024 };			/* records that wait for a commit */

async long fat_evict(struct co *co, struct inode *ip)
{
	struct { long err; } *f = co_frame(co);
	struct fat *const v = fat_of(ip);
	long r;

	co_begin(f);
	dir_forgotten(fat_inode(ip));
	f->err = 0;
	if (!fat_inode(ip)->fixed)
		await(f->err = fat_shorten(co, ip, 0));
	fat_unpend(fat_inode(ip));
	if (v->freed_records > FREED_MOST)
		await(r = fat_commit(co, v));
	r = f->err;
	return r;
	co_end();
}

/* --- free ------------------------------------------------------------------------------------- */

/* To let go of a directory may free it, and so on upwards: one after the other, not on one stack. */
static void put_later(struct fat *v, struct inode *dir)
{
	struct fat_inode *fi = fat_inode(dir);
	u32 n;

	spin_lock(&v->lock);
	if (!fi->puts++)
		TAILQ_INSERT_TAIL(&v->puts, fi, put_link);
	while (!v->putting && (fi = TAILQ_FIRST(&v->puts))) {
		TAILQ_REMOVE(&v->puts, fi, put_link);
		n = fi->puts;
		fi->puts = 0;
		v->putting = true;
		spin_unlock(&v->lock);
		while (n--)
			inode_put(&fi->d.i);
		spin_lock(&v->lock);
		v->putting = false;
	}
	spin_unlock(&v->lock);
}

void fat_free(struct inode *ip)
{
	struct fat_inode *fi = fat_inode(ip);
	struct fat *v = fat_of(ip);
	struct inode *dir = fi->dir;

	fat_unpend(fi);
	dir_forgotten(fi);
	spin_lock(&v->lock);
	if (fi->dirty)
		TAILQ_REMOVE(&v->dirty, fi, dirty_link);
	fi->dirty = false;
	spin_unlock(&v->lock);
	fat_index_end(fi);
	heap_free(fi->run);
	fi->run = NULL;
	fi->dir = NULL;
	if (dir)
		put_later(v, dir);
}

/* --- attributes ------------------------------------------------------------------------------- */

/* Of the mode there is one bit, as Linux has it: writable for all or for none; other changes are passed over.
 * Owners are the mount's. */
long fat_attributes(struct inode *ip, struct attributes *a)
{
	struct fat *v = fat_of(ip);
	u32 now = mode_of(v, fat_inode(ip)->attr) & I_PERM;

	if ((a->set & A_UID && a->uid != v->uid) || (a->set & A_GID && a->gid != v->gid))
		return -EPERM;
	if (a->set & A_MODE && a->mode & (I_SUID | I_SGID | I_STICKY))
		return -EPERM;
	if (a->set & A_MODE) {
		bool writable = a->mode & 0222 & ~v->fmask;

		now = (inode_is_dir(ip) ? now : 0777 & ~v->fmask & ~(writable ? 0 : 0222));
		a->mode = now;
	}
	if (a->set & A_MTIME)
		a->mtime = rounded(a->mtime, 2);
	if (a->set & A_ATIME)
		a->atime = rounded(a->atime, DAY);
	return 0;
}
