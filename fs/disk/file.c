// SPDX-License-Identifier: MIT
/*
 * file.c: content of regular files on disks: read, write, size.
 *
 * Reading takes no lock: pages below ip->size are found in the cache or read.  Writing holds the inode's
 * lock: exclusive if the file grows, shared if not.  A byte is written to a page only once its block
 * is there, so that a full disk is told to who writes, and write-back cannot run out of room.  What
 * a page has beyond the end of the file is zero.
 */
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <string.h>
#include "core/log.h"
#include "fs/notify.h"
#include "fs/change.h"
#include "fs/disk/private.h"
#include "mem/heap.h"
#include "mem/vm_sets.h"

enum { AHEAD_FIRST = 4, AHEAD_MOST = 4 * RUN_MAX };		/* pages */
#define PREPARE_MOST	(4ul << 20)				/* bytes asked for at once */
enum { NO_BLOCKS = 0 };			/* write_page(): ask for blocks first */

static inline u32 in_page(u64 pos) { return pos & (PAGE_SIZE - 1); }
static inline u64 pages_of(u64 size) { return (size + PAGE_SIZE - 1) >> PAGE_SHIFT; }

void disk_set_size(struct inode *ip, u64 size)
{
	ip->size = size;
	ip->pages.size_pages = pages_of(size);
}

/* O_DIRECT promises whole sectors; they go through the cache all the same, and to the disk at once. */
static bool direct_aligned(const struct inode *ip, const struct uio *u, u64 pos)
{
	u64 all = pos | u->left | (u->count ? u->vec->base + u->at : 0);

	return !(all & ((1ul << disk_of(ip)->blk->sector_shift) - 1));
}

/* --- read ------------------------------------------------------------------------------------- */

/* How many pages to read along with @index: more and more, as long as the reader goes on where he was
 * expected. */
static u32 ahead_of(struct dnode *d, u64 index)
{
	if (index && index != d->ahead_at)
		d->ahead = 0;
	else
		d->ahead = d->ahead ? min(d->ahead * 2, (u32)AHEAD_MOST) : AHEAD_FIRST;
	d->ahead_at = index + 1 + d->ahead;
	return d->ahead;
}

/* The page, read if need be together with those behind it. */
static async long page_for_reading(struct dnode *d, u64 index, struct page **p)
{
	struct pageset *ps = &d->i.pages;
	u32 ahead;
	long r;

	if ((*p = cache_try(ps, index))) {
		if (unlikely(d->ahead && index + d->ahead / 2 == d->ahead_at)) {
			u64 from = d->ahead_at;

			ahead = d->ahead = min(d->ahead * 2, (u32)AHEAD_MOST);
			d->ahead_at += ahead;
			cache_ahead(ps, from, ahead);
		}
		return 0;
	}
	if (pageset_find(ps, index))
		return cache_get(ps, index, 0, p);
	ahead = ahead_of(d, index);
	r = cache_get(ps, index, min(ahead, RUN_MAX - 1u), p);
	if (ahead >= RUN_MAX)
		cache_ahead(ps, index + RUN_MAX, ahead + 1 - RUN_MAX);
	return r;
}

static void accessed(struct file *f)
{
	struct inode *ip = f->inode;
	u64 before = ip->atime;

	if (f->flags & O_NOATIME || ip->fs->flags & FS_READONLY)
		return;
	inode_accessed(ip);
	if (unlikely(ip->atime != before))
		dnode_dirty(ip);
	notify_file(f, IN_ACCESS);
}

static async long disk_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct inode *ip = f->inode;
	u64 start = *pos;

	if (f->flags & O_DIRECT && !u->done && !direct_aligned(ip, u, *pos))
		return -EINVAL;
	while (u->left && *pos < ip->size) {
		u32 n = min(min(u->left, ip->size - *pos), (u64)PAGE_SIZE - in_page(*pos));
		struct page *p;
		size_t got;
		long r = page_for_reading(dnode_of(ip), *pos >> PAGE_SHIFT, &p);

		if (unlikely(r))
			return r == PENDING || !u->done ? r : (long)(*pos - start);
		got = uio_out(u, (char *)page_virt(p) + in_page(*pos), n);
		page_put(p);
		*pos += got;
		if (unlikely(got < n))
			break;
		if (unlikely(*pos - start >= FILE_BATCH) && u->left && *pos < ip->size)
			return file_pause();
	}
	accessed(f);
	return *pos != start ? (long)(*pos - start) : u->fault ? -EFAULT : 0;
}

/* Within one page that is there. */
static long disk_try_read(struct file *f, uaddr_t to, u64 n)
{
	struct inode *ip = f->inode;
	u64 pos = f->pos, left;
	struct page *p;

	if (pos >= ip->size)
		return 0;
	n = min(n, ip->size - pos);
	if (n > PAGE_SIZE - in_page(pos) || !user_range_ok(to, n) || f->flags & O_DIRECT ||
	    !(p = cache_try(&ip->pages, pos >> PAGE_SHIFT)))
		return NOT_NOW;
	left = arch_copy_out(to, (char *)page_virt(p) + in_page(pos), n);
	page_put(p);
	if (unlikely(left))
		return NOT_NOW;
	f->pos = pos + n;
	accessed(f);
	return n;
}

/* --- blocks for what will be written ---------------------------------------------------------- */

struct prepare { struct errand *work; struct inode *ip; u64 at, len; };

/* Blocks for [at, at + len), as far as one can have: how many bytes. */
async long disk_blocks(struct co *co, struct inode *ip, u64 at, u64 len)
{
	struct { u64 done; struct extent x; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->done = 0; f->done < len; f->done = f->x.at + f->x.len - at) {
		await(r = disk_ops(ip)->map(co, ip, at + f->done, len - f->done, true, &f->x));
		if (r)
			return f->done ? (long)f->done : r;
		if (f->x.at > at + f->done || f->x.at + f->x.len <= at + f->done)
			return -EUCLEAN;
	}
	return min(f->done, len);
	co_end();
}

/* Whole pages, as far as the file goes: a dirty page has all its blocks. */
static async long blocks_for(struct co *co, struct inode *ip, u64 at, u64 len)
{
	struct { u64 from, to; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->from = align_down(at, PAGE_SIZE);
	f->to = min(align_up(at + len, PAGE_SIZE), max(ip->size, at + len));
	await(r = disk_blocks(co, ip, f->from, f->to - f->from));
	if (r < 0)
		return r;
	f->from += r;
	return f->from > at ? (long)(min(f->from, at + len) - at) : -ENOSPC;
	co_end();
}

static async long prepare_main(struct co *co, void *arg)
{
	struct prepare *p = arg;

	return blocks_for(co, p->ip, p->at, p->len);
}

static void prepare_drop(void *arg)
{
	struct prepare *p = arg;

	inode_put(p->ip);
	heap_free(p);
}

static struct errand *prepare(struct inode *ip, u64 at, u64 len)
{
	struct prepare *p = heap_alloc(sizeof(*p));

	if (!p)
		return NULL;
	*p = (struct prepare){ .ip = inode_get(ip), .at = at, .len = min(len, PREPARE_MOST) };
	p->work = errand_create("allocate blocks", prepare_main, prepare_drop, p);
	if (p->work)
		errand_start(p->work);
	else
		prepare_drop(p);
	return p->work;
}

/* A program writes to a page through a mapping: the same for it, and it is dirty. */
struct mkwrite { struct inode *ip; u64 index; struct page *page; };

static async long mkwrite_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct mkwrite *const m = arg;
	const u64 at = m->index << PAGE_SHIFT;
	long r;

	co_begin(f);
	await(r = read_lock(&dnode_of(m->ip)->lock));
	r = at < m->ip->size ? 1 : -EIO;
	if (r > 0)
		await(r = blocks_for(co, m->ip, at, min(m->ip->size - at, (u64)PAGE_SIZE)));
	if (r > 0) {
		cache_dirty(&m->ip->pages, m->index, m->page);
		inode_touch(m->ip);
		dnode_dirty(m->ip);
	}
	read_unlock(&dnode_of(m->ip)->lock);
	return min(r, 0l);
	co_end();
}

static void mkwrite_drop(void *arg)
{
	struct mkwrite *m = arg;

	page_put(m->page);
	inode_put(m->ip);
	heap_free(m);
}

/* Starts over: whoever comes again finds the page dirty. */
async long disk_write_to(struct pageset *ps, u64 index, struct page *p)
{
	struct inode *ip = container_of(ps, struct inode, pages);
	struct mkwrite *m = heap_alloc(sizeof(*m));
	struct errand *e;
	long r;

	if (!m)
		return -ENOMEM;
	*m = (struct mkwrite){ inode_get(ip), index, p };
	page_get(p);
	e = errand_create("write to mapping", mkwrite_main, mkwrite_drop, m);
	if (!e) {
		mkwrite_drop(m);
		return -ENOMEM;
	}
	errand_start(e);
	r = errand_wait(e);
	errand_put(e);				/* it goes on, and wakes us */
	return r;
}

/* --- write ------------------------------------------------------------------------------------ */

static bool is_dirty(const struct page *p) { return p->flags & PAGE_DIRTY; }

/* A page the disk has nothing for, or nothing that is to stay: filled before anybody sees it. */
static long write_new(struct inode *ip, struct uio *u, u64 pos, u32 n)
{
	struct page *p = page_alloc_for(NULL, in_page(pos));
	struct uio before = *u;
	long got;

	if (!p)
		return -ENOMEM;
	got = uio_in(u, (char *)page_virt(p) + in_page(pos), n);
	if (unlikely(got < (long)n && pos + got < ip->size)) {
		before.fault = u->fault;		/* the rest is on the disk: all or nothing */
		*u = before;
		got = -EFAULT;
	}
	if (got > 0)
		memset((char *)page_virt(p) + in_page(pos) + got, 0, PAGE_SIZE - in_page(pos) - got);
	if (got > 0) {
		long err = cache_insert(&ip->pages, pos >> PAGE_SHIFT, p);

		if (!err)
			cache_dirty(&ip->pages, pos >> PAGE_SHIFT, p);
		else
			*u = before;			/* it came meanwhile: once more */
		got = err == -EEXIST ? PENDING : err ? err : got;
		if (err == -EEXIST)
			task_wake(task_current());
	}
	page_put(p);
	return got ? got : -EFAULT;
}

/* Does a write of [pos, pos + n) leave nothing of what the disk has for this page? */
static bool covers(const struct inode *ip, u64 pos, u32 n)
{
	u64 page = align_down(pos, PAGE_SIZE);

	return page >= ip->size || (pos == page && (n == PAGE_SIZE || pos + n >= ip->size));
}

/* A dirty page has blocks for all that the file has of it. */
static bool has_blocks(struct inode *ip, const struct page *p, u64 end)
{
	return p && is_dirty(p) && end <= ip->size;
}

/* Up to the end of a page: how many bytes; NO_BLOCKS; or -errno.  There are blocks below @ready.  A page of
 * which the write leaves something is read before it gets blocks, when a hole still reads as
 * zeros, and held until they are there. */
static async long write_page(struct inode *ip, struct uio *u, u64 pos, u64 ready, struct page **held)
{
	u32 n = min(u->left, (u64)PAGE_SIZE - in_page(pos));
	u64 index = pos >> PAGE_SHIFT;
	struct page *p = cache_try(&ip->pages, index);
	bool whole = !p && covers(ip, pos, n) && !pageset_find(&ip->pages, index);
	long r;

	if (!p && !whole && (r = cache_get(&ip->pages, index, 0, &p)))
		return r;
	if (pos >= ready && !has_blocks(ip, p, pos + n)) {
		if (*held)
			page_put(*held);
		*held = p;
		return NO_BLOCKS;
	}
	n = has_blocks(ip, p, pos + n) ? n : min((u64)n, ready - pos);
	if (whole)
		return write_new(ip, u, pos, n);
	r = uio_in(u, (char *)page_virt(p) + in_page(pos), n);
	if (r)
		cache_dirty(&ip->pages, index, p);
	page_put(p);
	return r ? r : -EFAULT;
}

/* How much of a write that has come to @pos gets blocks next: a page that is only part of it by itself. */
static u64 prepare_len(struct inode *ip, u64 pos, u64 left, const struct page *held)
{
	u64 end = pos + left;

	if (held)
		return min(left, (u64)PAGE_SIZE - in_page(pos));
	return end < ip->size ? align_down(end, PAGE_SIZE) - pos : left;
}

/* --- growing where there are no holes --------------------------------------------------------- */

/* Zeros from the end of the file up to @to or the end of a page; blocks are there. */
static async long grow_page(struct inode *ip, u64 to)
{
	u64 at = ip->size, index = at >> PAGE_SHIFT;
	struct page *p = NULL;
	long r = 0;

	if (in_page(at)) {			/* zero already, but what is new on the disk is not */
		r = cache_get(&ip->pages, index, 0, &p);
		if (r)
			return r;
		disk_set_size(ip, min(to, align_up(at, PAGE_SIZE)));
		cache_dirty(&ip->pages, index, p);
		page_put(p);
		return 0;
	}
	p = page_alloc_for(NULL, true);
	if (!p)
		return -ENOMEM;
	r = cache_insert(&ip->pages, index, p);
	if (!r)
		cache_dirty(&ip->pages, index, p);
	page_put(p);
	if (!r)
		disk_set_size(ip, min(to, at + PAGE_SIZE));
	return r;
}

/* The lock is held, exclusive. */
async long disk_grow(struct co *co, struct inode *ip, u64 to)
{
	struct { u64 ready; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->ready = ip->size;
	while (ip->size < to) {
		if (ip->size >= f->ready) {
			await(r = flusher_throttle());
			await(r = disk_blocks(co, ip, ip->size, min(to - ip->size, PREPARE_MOST)));
			if (r <= 0)
				return r ? r : -ENOSPC;
			f->ready = ip->size + r;
		}
		await(r = grow_page(ip, min(to, f->ready)));
		if (r)
			return r;
	}
	return 0;
	co_end();
}

/* --- the call --------------------------------------------------------------------------------- */

/* Where a write starts, and whether that is allowed. */
static long write_start(struct file *f, struct uio *u, u64 *pos)
{
	u64 most = disk_ops(f->inode)->size_max;

	if (f->flags & O_APPEND)
		*pos = f->inode->size;
	if (*pos >= most)
		return -EFBIG;
	if (!disk_ops(f->inode)->map || f->inode->fs->flags & FS_READONLY)
		return -EROFS;
	return 0;
}

static void wrote(struct inode *ip, u64 end)
{
	if (end > ip->size)
		disk_set_size(ip, end);
}

static async long take_lock(struct dnode *d, bool alone)
{
	return alone ? write_lock(&d->lock) : read_lock(&d->lock);
}

static void give_lock(struct dnode *d, bool alone)
{
	if (alone)
		write_unlock(&d->lock);
	else
		read_unlock(&d->lock);
}

/* With the lock held: everything, until it is done or nothing goes on. */
static async long write_locked(struct co *co, struct inode *ip, struct uio *u, u64 *pos)
{
	struct { struct errand *work; u64 ready; struct page *held; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->ready = 0;
	f->held = NULL;
	r = 0;
	while (u->left && *pos < disk_ops(ip)->size_max) {
		await(r = write_page(ip, u, *pos, f->ready, &f->held));
		if (r == NO_BLOCKS) {
			f->work = prepare(ip, *pos, prepare_len(ip, *pos, u->left, f->held));
			if (f->work)
				await(r = errand_wait_quiet(f->work));
			r = f->work ? r ? r : -ENOSPC : -ENOMEM;
			errand_put(f->work);
			f->ready = *pos + r;
		} else if (r > 0) {
			*pos += r;
			wrote(ip, *pos);
		}
		if (r < 0 || u->fault)
			break;
	}
	if (f->held)
		page_put(f->held);
	return min(r, 0l);
	co_end();
}

static async long grow_errand(struct co *co, void *arg)
{
	struct prepare *p = arg;

	return disk_grow(co, p->ip, p->at);
}

/* Something to do first when the write begins beyond the end: an errand, or NULL. */
static long gap_begin(struct inode *ip, u64 pos, struct errand **out)
{
	struct prepare *p;

	*out = NULL;
	if (pos <= ip->size || !disk_ops(ip)->no_holes)
		return 0;
	p = heap_alloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct prepare){ .ip = inode_get(ip), .at = pos };
	*out = errand_create("grow file", grow_errand, prepare_drop, p);
	if (!*out) {
		prepare_drop(p);
		return -ENOMEM;
	}
	errand_start(*out);
	return 0;
}

async long disk_file_sync(struct co *co, struct file *file);

static async long disk_write(struct co *co, struct file *file, struct uio *u, u64 *pos)
{
	struct { u64 done; struct errand *gap; long result; bool alone; } *f = co_frame(co);
	struct inode *const ip = file->inode;
	long r;

	co_begin(f);
	f->done = u->done;
	if (file->flags & O_DIRECT && !direct_aligned(ip, u, *pos))
		return -EINVAL;
	await(r = flusher_throttle());
	if (r)
		return r;
	f->alone = file->flags & O_APPEND || *pos + u->left > ip->size;
	await(r = take_lock(dnode_of(ip), f->alone));
	r = write_start(file, u, pos);
	if (!r)
		r = gap_begin(ip, u->left ? *pos : 0, &f->gap);
	if (!r && f->gap) {
		await(r = errand_wait_quiet(f->gap));
		errand_put(f->gap);
	}
	if (!r)
		await(r = write_locked(co, ip, u, pos));
	if (u->done != f->done) {
		inode_touch(ip);
		dnode_dirty(ip);
		notify_file(file, IN_MODIFY);
		r = u->done - f->done;
	}
	give_lock(dnode_of(ip), f->alone);
	f->result = r;
	if (r > 0 && file->flags & (O_DSYNC | O_DIRECT))
		await(r = disk_file_sync(co, file));
	return r < 0 ? r : f->result;
	co_end();
}

/* Within one page that is dirty already, when nobody has the file locked. */
long disk_try_write(struct file *f, uaddr_t from, u64 n)
{
	struct inode *ip = f->inode;
	struct dnode *d = dnode_of(ip);
	u64 pos = f->pos, left = n;
	struct page *p;

	if (notify_on() || n - 1 >= PAGE_SIZE - in_page(pos) || pos + n > ip->size || !user_range_ok(from, n) ||
	    f->flags & (O_APPEND | O_DSYNC | O_DIRECT) || !sem_try(&d->lock.s, 1))
		return NOT_NOW;
	p = cache_try(&ip->pages, pos >> PAGE_SHIFT);
	if (p && is_dirty(p))
		left = arch_copy_in((char *)page_virt(p) + in_page(pos), from, n);
	if (p)
		page_put(p);
	read_unlock(&d->lock);
	if (left)
		return NOT_NOW;
	f->pos = pos + n;
	inode_touch(ip);
	dnode_dirty(ip);
	return n;
}

/* --- size ------------------------------------------------------------------------------------- */

/* The part of the last page beyond the end becomes zero. */
static async long clear_page_tail(struct inode *ip, u64 size)
{
	struct page *p;
	long r = cache_get(&ip->pages, size >> PAGE_SHIFT, 0, &p);

	if (r)
		return r;
	memset((char *)page_virt(p) + in_page(size), 0, PAGE_SIZE - in_page(size));
	cache_dirty(&ip->pages, size >> PAGE_SHIFT, p);
	page_put(p);
	return 0;
}

/* In a hole it is zero. */
static async long clear_tail(struct co *co, struct inode *ip, u64 size)
{
	struct { struct extent x; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!in_page(size))
		return 0;
	await(r = disk_ops(ip)->map(co, ip, size - 1, 1, false, &f->x));
	if (!r && f->x.kind != EXTENT_HOLE)
		await(r = clear_page_tail(ip, size));
	return r;
	co_end();
}

static async long shrink(struct co *co, struct inode *ip, u64 size)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = clear_tail(co, ip, size));
	if (r)
		return r;
	disk_set_size(ip, size);
	vm_unmap_pages(&ip->pages, pages_of(size), UINT64_MAX);
	await(r = cache_drop(&ip->pages, pages_of(size), UINT64_MAX));
	await(r = disk_ops(ip)->truncate(co, ip, size));
	return r;
	co_end();
}

/* The lock is held, exclusive. */
async long disk_truncate(struct co *co, struct inode *ip, u64 size)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!disk_ops(ip)->truncate)
		return -EROFS;
	if (size > disk_ops(ip)->size_max)
		return -EFBIG;
	r = 0;
	if (size < ip->size)
		await(r = shrink(co, ip, size));
	else if (disk_ops(ip)->no_holes)
		await(r = disk_grow(co, ip, size));
	else
		disk_set_size(ip, size);
	inode_touch(ip);
	dnode_dirty(ip);
	return r;
	co_end();
}

async long disk_allocate(struct co *co, struct inode *ip, u32 mode, u64 at, u64 len)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!disk_ops(ip)->allocate)
		return -EOPNOTSUPP;
	if (at + len > disk_ops(ip)->size_max || at + len < at)
		return -EFBIG;
	await(r = disk_ops(ip)->allocate(co, ip, mode, at, len));
	if (!r && !(mode & FALLOC_FL_KEEP_SIZE) && at + len > ip->size)
		disk_set_size(ip, at + len);
	inode_touch(ip);
	dnode_dirty(ip);
	return r;
	co_end();
}

/* --- where is data? ----------------------------------------------------------------------------- */

/* The first place from @at on that is (not, if @hole) in blocks; the end of the file is a hole. */
async long disk_seek(struct co *co, struct inode *ip, u64 at, bool hole)
{
	struct { u64 at; struct extent x; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (at >= ip->size)
		return -ENXIO;
	for (f->at = at; f->at < ip->size; f->at = f->x.at + f->x.len) {
		await(r = disk_ops(ip)->map(co, ip, f->at, ip->size - f->at, false, &f->x));
		if (r)
			return r;
		if (f->x.at > f->at || f->x.at + f->x.len <= f->at)
			return -EUCLEAN;
		if ((f->x.kind == EXTENT_HOLE) == hole)
			return f->at;
	}
	return hole ? (long)ip->size : -ENXIO;
	co_end();
}

/* --- open ------------------------------------------------------------------------------------- */

long inode_seek(struct file *f, s64 offset, u32 whence);
long inode_map(struct file *f, struct pageset **set, u32 rights, bool shared);

struct sync_args { struct inode *ip; };

static async long sync_main(struct co *co, void *arg)
{
	struct { long err; } *f = co_frame(co);
	struct inode *const ip = arg;
	long r;

	co_begin(f);
	await(f->err = dnode_flush(co, dnode_of(ip), true));
	if (disk_ops(ip)->sync_fs)
		await(r = disk_ops(ip)->sync_fs(co, ip->fs));
	await(r = blk_sync(co, disk_of(ip)->blk));
	return f->err ? f->err : r;
	co_end();
}

static void sync_drop(void *ip) { inode_put(ip); }

async long disk_file_sync(struct co *co, struct file *file)
{
	struct { struct errand *e; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->e = errand_create("fsync", sync_main, sync_drop, file->inode);
	if (!f->e)
		return -ENOMEM;
	inode_get(file->inode);
	errand_start(f->e);
	await(r = errand_wait(f->e));
	errand_put(f->e);
	return r;
	co_end();
}

static const struct file_ops file_ops = {
	.read = disk_read, .write = disk_write, .try_read = disk_try_read,
	.try_write = disk_try_write, .seek = inode_seek,
	.map = inode_map, .sync = disk_file_sync,
};

long disk_open(struct inode *ip, struct file *f)
{
	f->ops = &file_ops;
	return 0;
}
