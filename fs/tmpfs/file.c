// SPDX-License-Identifier: MIT
/*
 * file.c: regular files of tmpfs: pages by index, holes read as zeros.
 *
 * Invariants: no page has an index at or beyond the size, and what the last page has beyond it is
 * zero.  size is changed under inode->lock.  Copies go straight between a program's memory and
 * the page, of which the copier holds a reference; no lock is held meanwhile, so concurrent writes of
 * the same bytes may mix page by page.
 */
#include <linux/falloc.h>
#include <linux/fcntl.h>
#include <string.h>
#include "fs/notify.h"
#include "fs/seals.h"
#include "fs/files.h"
#include "fs/inode.h"
#include "mem/vm_sets.h"

enum { SEEK_START, SEEK_HERE, SEEK_END_, SEEK_DATA_, SEEK_HOLE_ };
static const u64 size_max = 1ul << 43;

static inline u64 pages_of(u64 size) { return (size + PAGE_SIZE - 1) >> PAGE_SHIFT; }
static inline u32 in_page(u64 pos) { return pos & (PAGE_SIZE - 1); }

void tmpfs_set_size(struct inode *ip, u64 size)
{
	ip->size = size;
	ip->pages.size_pages = pages_of(size);
}

static void extend(struct inode *ip, u64 size)
{
	guard(&ip->lock);
	if (size > ip->size)
		tmpfs_set_size(ip, size);
}

/* --- read ---------------------------------------------------------------------------------- */

/* Pages of a file, up to RUN in a row, each counted, NULL where there is a hole. */
enum { RUN = 16 };
struct run { struct page *page[RUN]; u32 present; };

/* The *@pages under @n bytes at @pos: as many of the bytes as they hold. */
static u64 run_get(struct run *r, struct inode *ip, u64 pos, u64 n, u32 *pages)
{
	n = min(n, RUN * PAGE_SIZE - in_page(pos));
	*pages = pages_of(in_page(pos) + n);
	r->present = pageset_get_range(&ip->pages, pos >> PAGE_SHIFT, *pages, r->page);
	return n;
}

static void run_put(struct run *r, u32 from, u32 end)
{
	for (; from < end; from++)
		if (r->page[from])
			page_put(r->page[from]);
}

/* Pages that are all there, into one buffer: the bytes that could not be copied. */
static u64 read_flat(struct run *r, uaddr_t to, u32 at, u64 n)
{
	for (struct page **p = r->page;; p++, at = 0) {
		u64 part = min(n, PAGE_SIZE - (u64)at);
		u64 left = arch_copy_out(to, (char *)page_virt(*p) + at, part);

		n -= part;
		if (unlikely(left) || !n)
			return n + left;
		to += part;
	}
}

static void read_parts(struct run *r, struct uio *u, u32 at, u64 n)
{
	for (struct page **p = r->page; n; p++, at = 0) {
		u64 part = min(n, PAGE_SIZE - (u64)at);
		u64 got = *p ? uio_out(u, (char *)page_virt(*p) + at, part) : uio_out_zero(u, part);

		if (got < part)
			return;
		n -= part;
	}
}

/* Bytes read from a run: short at a fault. */
static u64 read_run(struct inode *ip, struct uio *u, u64 pos, u64 n)
{
	u64 before = u->done;
	struct run r;
	uaddr_t to = 0;
	u32 pages;

	n = run_get(&r, ip, pos, n, &pages);
	u->fault = 0;
	if (likely(r.present == pages && uio_flat(u, n, &to)))
		uio_moved(u, to, n, read_flat(&r, to, in_page(pos), n));
	else
		read_parts(&r, u, in_page(pos), n);
	run_put(&r, 0, pages);
	return u->done - before;
}

static async long tmpfs_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct inode *ip = f->inode;
	u64 size = ip->size, start = *pos;

	while (u->left && *pos < size) {
		*pos += read_run(ip, u, *pos, min(u->left, size - *pos));
		if (unlikely(u->fault))
			break;
		if (unlikely(*pos - start >= FILE_BATCH) && u->left && *pos < size)
			return file_pause();
	}
	inode_accessed(ip);
	if (*pos != start)
		notify_file(f, IN_ACCESS);
	return *pos != start ? (long)(*pos - start) : u->fault ? -EFAULT : 0;
}

/* Within one page that is there. */
static long tmpfs_try_read(struct file *f, uaddr_t to, u64 n)
{
	struct inode *ip = f->inode;
	u64 pos = f->pos, left;
	struct page *p;

	if (notify_on())
		return NOT_NOW;
	if (pos >= ip->size)
		return 0;
	n = min(n, ip->size - pos);
	if (n > PAGE_SIZE - in_page(pos) || !user_range_ok(to, n) ||
	    !(p = pageset_get(&ip->pages, pos >> PAGE_SHIFT, false)))
		return NOT_NOW;
	left = arch_copy_out(to, (char *)page_virt(p) + in_page(pos), n);
	page_put(p);
	if (unlikely(left))
		return NOT_NOW;
	f->pos = pos + n;
	inode_accessed(ip);
	return n;
}

/* --- write --------------------------------------------------------------------------------- */

static bool may_grow(struct inode *ip)
{
	return !ip->fs->page_limit || ip->pages.count < ip->fs->page_limit;
}

/* Somebody else filled the hole meanwhile: add our bytes to his page. */
static void merge_page(struct inode *ip, u64 index, const struct page *mine, u32 at, u32 n)
{
	struct page *p = pageset_get(&ip->pages, index, false);

	if (!p)
		return;
	memcpy((char *)page_virt(p) + at, (char *)page_virt(mine) + at, n);
	page_put(p);
}

/* A new page gets its bytes before anybody can see it, so that only the rest must be cleared. */
static long write_hole(struct inode *ip, struct uio *u, u64 pos, u32 n)
{
	struct page *p = may_grow(ip) ? page_alloc_for(fs_charge(), false) : NULL;
	u32 at = in_page(pos), got;
	char *va;
	long err;

	if (!p)
		return -ENOSPC;
	va = page_virt(p);
	got = uio_in(u, va + at, n);
	if (unlikely(got < PAGE_SIZE)) {
		memset(va, 0, at);
		memset(va + at + got, 0, PAGE_SIZE - at - got);
	}
	err = got ? pageset_insert(&ip->pages, pos >> PAGE_SHIFT, p) : -EFAULT;
	if (!err)
		return got;
	if (err == -EEXIST)
		merge_page(ip, pos >> PAGE_SHIFT, p, at, got);
	page_put(p);
	return err == -EEXIST ? (long)got : err == -ENOMEM ? -ENOSPC : err;
}

/* To a page that is there, which is then let go, or to a hole: bytes written. */
static long write_page(struct inode *ip, struct uio *u, struct page *p, u64 pos, u32 n)
{
	size_t got;

	if (!p)
		return write_hole(ip, u, pos, n);
	got = uio_in(u, (char *)page_virt(p) + in_page(pos), n);
	page_put(p);
	return got ? (long)got : -EFAULT;
}

/* Bytes written to a run of pages from *@pos on, which advances: short at a fault or without memory;
 * then *@err says why. */
static u64 write_run(struct inode *ip, struct uio *u, u64 pos, long *err)
{
	u64 n, done = 0;
	struct run r;
	u32 pages;

	n = run_get(&r, ip, pos, u->left, &pages);
	for (u32 i = 0; done < n; i++) {
		u32 part = min(n - done, (u64)PAGE_SIZE - in_page(pos + done));
		long got = write_page(ip, u, r.page[i], pos + done, part);

		if (likely(got > 0))
			done += got;
		if (unlikely(got < (long)part)) {
			*err = got < 0 ? got : -EFAULT;
			run_put(&r, i + 1, pages);
			break;
		}
	}
	return done;
}

/* Starts over. */
static async long write_from(struct inode *ip, struct uio *u, u64 *pos)
{
	u64 start = *pos;
	long err = 0;

	if (unlikely(start >= size_max || u->left > size_max - start))
		return -EFBIG;
	if ((err = seals_write(ip, start + u->left)))
		return err;
	while (u->left && !err) {
		u64 n = write_run(ip, u, *pos, &err);

		*pos += n;
		if (n && *pos > ip->size)
			extend(ip, *pos);
		if (unlikely(*pos - start >= FILE_BATCH) && u->left && !err)
			return file_pause();
	}
	if (*pos != start)
		inode_touch(ip);
	return *pos != start ? (long)(*pos - start) : err;
}

/* Who appends does so alone, however long the program's pages take to come: one lock for many files. */
static struct mutex append_locks[16];

void tmpfs_init(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(append_locks); i++)
		mutex_init(&append_locks[i]);
}

static async long tmpfs_append(struct co *co, struct file *file, struct uio *u, u64 *pos)
{
	struct { u8 none; } *f = co_frame(co);
	struct inode *const ip = file->inode;
	struct mutex *const m = &append_locks[ip->ino % ARRAY_SIZE(append_locks)];
	long r;

	co_begin(f);
	await(r = mutex_lock(m));
	*pos = ip->size;
	do {
		await(r = write_from(ip, u, pos));
		if (likely(!u->fault))
			break;
		await(r = uio_retry(u, false));
	} while (!r);
	mutex_unlock(m);
	return u->done ? (long)u->done : r;
	co_end();
}

/* Who watches is told at the end, of a transfer in parts perhaps more than once. */
static async long tmpfs_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	long r = f->flags & O_APPEND ? tmpfs_append(co, f, u, pos) : write_from(f->inode, u, pos);

	if (r > 0)
		notify_file(f, IN_MODIFY);
	return r;
}

/* Over what is there, within one page. */
static long tmpfs_try_write(struct file *f, uaddr_t from, u64 n)
{
	struct inode *ip = f->inode;
	u64 pos = f->pos, left;
	struct page *p;

	if (notify_on() || n - 1 >= PAGE_SIZE - in_page(pos) || pos + n > ip->size || f->flags & O_APPEND || seals_no_write(ip) ||
	    !user_range_ok(from, n) || !(p = pageset_get(&ip->pages, pos >> PAGE_SHIFT, false)))
		return NOT_NOW;
	left = arch_copy_in((char *)page_virt(p) + in_page(pos), from, n);
	page_put(p);
	if (unlikely(left))
		return NOT_NOW;
	f->pos = pos + n;
	inode_touch(ip);
	return n;
}

/* --- size ---------------------------------------------------------------------------------- */

/* Zeros in [from, to), which lie in one page. */
static void clear_part(struct inode *ip, u64 from, u64 to)
{
	struct page *p = from < to ? pageset_get(&ip->pages, from >> PAGE_SHIFT, false) : NULL;

	if (!p)
		return;
	memset((char *)page_virt(p) + in_page(from), 0, to - from);
	page_put(p);
}

static void set_size_locked(struct inode *ip, u64 size)
{
	guard(&ip->lock);
	if (size < ip->size) {
		pageset_truncate(&ip->pages, pages_of(size));
		clear_part(ip, size, align_up(size, PAGE_SIZE));
	}
	tmpfs_set_size(ip, size);
	inode_touch(ip);
}

static long tmpfs_truncate(struct inode *ip, u64 size)
{
	u64 before = ip->size;
	long err;

	if (size > size_max)
		return -EFBIG;
	if ((err = seals_resize(ip, size)))
		return err;
	set_size_locked(ip, size);
	notify_alias(ip, IN_MODIFY);
	if (size < before)
		vm_unmap_pages(&ip->pages, pages_of(size), UINT64_MAX);
	return 0;
}

static long file_truncate(struct file *f, u64 size)
{
	return tmpfs_truncate(f->inode, size);
}

static void punch(struct inode *ip, u64 from, u64 to)
{
	u64 first = align_up(from, PAGE_SIZE), last = align_down(to, PAGE_SIZE);

	if (first > last) {
		clear_part(ip, from, to);
		return;
	}
	clear_part(ip, from, first);
	clear_part(ip, last, to);
	pageset_remove(&ip->pages, first >> PAGE_SHIFT, last >> PAGE_SHIFT);
}

/* Pages come when they are written; what could never be there is refused at once. */
static bool hopeless(struct inode *ip, u64 len)
{
	u64 limit = ip->fs->page_limit ? ip->fs->page_limit : page_total_count();

	return pages_of(len) > limit;
}

long tmpfs_allocate(struct inode *ip, u32 mode, u64 offset, u64 len)
{
	bool keep = mode & FALLOC_FL_KEEP_SIZE;

	if (ip->ops->truncate != tmpfs_truncate)
		return -EOPNOTSUPP;
	if (offset > size_max || len > size_max - offset)
		return -EFBIG;
	if (mode & ~(FALLOC_FL_KEEP_SIZE | FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		return -EOPNOTSUPP;
	if (mode & FALLOC_FL_PUNCH_HOLE && !keep)
		return -EOPNOTSUPP;
	if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE) && seals_no_write(ip)) ||
	    (!keep && offset + len > ip->size && seals_resize(ip, offset + len)))
		return -EPERM;
	if (!(mode & FALLOC_FL_PUNCH_HOLE) && hopeless(ip, len))
		return -ENOSPC;
	if (mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))
		punch(ip, offset, min(offset + len, align_up(ip->size, PAGE_SIZE)));
	if (!keep)
		extend(ip, offset + len);
	inode_touch(ip);
	notify_alias(ip, IN_MODIFY);
	return 0;
}

long tmpfs_adopt(struct inode *ip, u64 index, struct page *p)
{
	long err = pageset_insert(&ip->pages, index, p);

	if (err)
		page_put(p);
	return err;
}

/* --- position and mapping ---------------------------------------------------------------------- */

static long seek_data(struct inode *ip, u64 from)
{
	u64 index;

	if (from >= ip->size)
		return -ENXIO;
	index = pageset_next(&ip->pages, from >> PAGE_SHIFT);
	if (index >= pages_of(ip->size))
		return -ENXIO;
	return max(from, index << PAGE_SHIFT);
}

static long seek_hole(struct inode *ip, u64 from)
{
	u64 index = from >> PAGE_SHIFT;

	if (from >= ip->size)
		return -ENXIO;
	while (index < pages_of(ip->size) && pageset_next(&ip->pages, index) == index)
		index++;
	return min(max(from, index << PAGE_SHIFT), ip->size);
}

long inode_seek(struct file *f, s64 offset, u32 whence)
{
	struct inode *ip = f->inode;
	s64 base = whence == SEEK_HERE ? (s64)f->pos : whence == SEEK_END_ ? (s64)ip->size : 0, to;

	if (whence > SEEK_HOLE_)
		return -EINVAL;
	if (whence >= SEEK_DATA_) {
		if (offset < 0)
			return -ENXIO;
		to = whence == SEEK_DATA_ ? seek_data(ip, offset) : seek_hole(ip, offset);
		if (to < 0)
			return to;
	} else if (__builtin_add_overflow(base, offset, &to) || to < 0) {
		return -EINVAL;
	}
	f->pos = to;
	return to;
}

long inode_map(struct file *f, struct pageset **set, u32 rights, bool shared)
{
	bool can_read = !(f->flags & O_WRONLY), can_write = (f->flags & O_ACCMODE) == O_RDWR;

	if (!can_read || (shared && rights & VM_WRITE && !can_write))
		return -EACCES;
	if (rights & VM_EXEC && f->inode->fs->flags & FS_NOEXEC)
		return -EPERM;
	*set = &f->inode->pages;
	return 0;
}

static async long tmpfs_sync(struct co *co, struct file *f)
{
	return 0;
}

static const struct file_ops file_ops = {
	.read = tmpfs_read, .write = tmpfs_write, .try_read = tmpfs_try_read,
	.try_write = tmpfs_try_write, .seek = inode_seek, .map = inode_map,
	.sync = tmpfs_sync, .truncate = file_truncate,
};

static long tmpfs_open(struct inode *ip, struct file *f)
{
	f->ops = &file_ops;
	return 0;
}

const struct inode_ops tmpfs_file_ops = { .open = tmpfs_open, .truncate = tmpfs_truncate };
