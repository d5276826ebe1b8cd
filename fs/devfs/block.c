// SPDX-License-Identifier: MIT
/*
 * block.c: block devices as files.  Bytes go through the page cache of the device, which file systems
 * use for their metadata as well; O_DIRECT goes past it, page by page of the program's.
 */
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include "dev/blk.h"
#include "fs/disk/private.h"
#include "mem/errand.h"
#include "mem/heap.h"
#include "mem/user.h"

enum { AHEAD = 15 };			/* pages */

static struct blk *blk_of(const struct file *f) { return f->data; }
static inline u32 in_page(u64 pos) { return pos & (PAGE_SIZE - 1); }

/* --- read and write --------------------------------------------------------------------------- */

static async long block_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct blk *b = blk_of(f);
	u64 start = *pos;

	while (u->left && *pos < b->size) {
		u32 n = min(min(u->left, b->size - *pos), (u64)PAGE_SIZE - in_page(*pos));
		struct page *p;
		size_t got;
		long r = blk_page_ahead(b, *pos >> PAGE_SHIFT, AHEAD, &p);

		if (r)
			return r == PENDING || !u->done ? r : (long)(*pos - start);
		got = uio_out(u, (char *)page_virt(p) + in_page(*pos), n);
		page_put(p);
		*pos += got;
		if (got < n)
			break;
		if (*pos - start >= FILE_BATCH && u->left)
			return file_pause();
	}
	return *pos != start ? (long)(*pos - start) : u->fault ? -EFAULT : 0;
}

/* A page that is overwritten as a whole need not be read.  0: it is there meanwhile. */
static long write_whole(struct blk *b, struct uio *u, u64 index)
{
	struct page *p = page_alloc_for(NULL, false);
	struct uio before = *u;
	long r;

	if (!p)
		return -ENOMEM;
	r = uio_in(u, page_virt(p), PAGE_SIZE) == PAGE_SIZE ? cache_insert(&b->pages, index, p) : -EFAULT;
	if (r) {
		before.fault = u->fault;
		*u = before;
	} else {
		blk_page_dirty(b, index, p);
	}
	page_put(p);
	return r == -EEXIST ? 0 : r ? r : PAGE_SIZE;
}

static async long write_page(struct blk *b, struct uio *u, u64 pos, u32 n)
{
	u64 index = pos >> PAGE_SHIFT;
	struct page *p;
	long r;

	if (n == PAGE_SIZE && !pageset_find(&b->pages, index) && (r = write_whole(b, u, index)))
		return r;
	r = blk_page(b, index, &p);
	if (r)
		return r;
	r = uio_in(u, (char *)page_virt(p) + in_page(pos), n);
	if (r)
		blk_page_dirty(b, index, p);
	page_put(p);
	return r ? r : -EFAULT;
}

static async long block_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct blk *b = blk_of(f);
	u64 start = *pos;
	long r = 0;

	if (b->read_only)
		return -EPERM;
	if (*pos >= b->size)
		return u->left ? -ENOSPC : 0;
	if ((r = flusher_throttle()))
		return r;
	while (u->left && *pos < b->size) {
		u32 n = min(min(u->left, b->size - *pos), (u64)PAGE_SIZE - in_page(*pos));

		r = write_page(b, u, *pos, n);
		if (r <= 0)
			break;
		*pos += r;
		if ((u32)r < n)
			break;
		if (*pos - start >= FILE_BATCH && u->left)
			return file_pause();
	}
	return r == PENDING ? r : *pos != start ? (long)(*pos - start) : r;
}

/* --- the rest --------------------------------------------------------------------------------- */

static long block_seek(struct file *f, s64 offset, u32 whence)
{
	s64 base = whence == 1 ? (s64)f->pos : whence == 2 ? (s64)blk_of(f)->size : 0, to;

	if (whence > 2 || __builtin_add_overflow(base, offset, &to) || to < 0)
		return -EINVAL;
	f->pos = to;
	return to;
}

static async long sync_main(struct co *co, void *b) { return blk_sync(co, b); }
static void sync_drop(void *b) { blk_put(b); }

/* An errand, for a program's thread has few frames. */
static async long block_sync(struct co *co, struct file *file)
{
	struct { struct errand *e; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->e = errand_create("sync device", sync_main, sync_drop, blk_of(file));
	if (!f->e)
		return -ENOMEM;
	blk_get(blk_of(file));
	errand_start(f->e);
	await(r = errand_wait(f->e));
	errand_put(f->e);
	return r;
	co_end();
}

static async long put_number(uaddr_t to, u64 v, u32 size)
{
	return user_write(to, &v, size);
}

static async long ioctl_common(struct blk *b, u32 request, u64 arg)
{
	u32 sector = 1u << b->sector_shift;

	switch (request) {
	case BLKGETSIZE64:
		return put_number(arg, b->size, 8);
	case BLKGETSIZE:
		return put_number(arg, b->size >> 9, 8);
	case BLKSSZGET:
	case BLKPBSZGET:
		return put_number(arg, sector, 4);
	case BLKBSZGET:
		return put_number(arg, PAGE_SIZE, 4);
	case BLKIOMIN:
		return put_number(arg, sector, 4);
	case BLKIOOPT:
	case BLKALIGNOFF:
		return put_number(arg, 0, 4);
	case BLKROGET:
		return put_number(arg, b->read_only, 4);
	}
	return -ENOTTY;
}

async long loop_ioctl(struct co *co, struct blk *b, u32 request, u64 arg);

static async long block_ioctl(struct co *co, struct file *file, u32 request, u64 arg)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (request == BLKFLSBUF)
		await(r = block_sync(co, file));
	else
		await(r = ioctl_common(blk_of(file), request, arg));
	if (r == -ENOTTY)
		await(r = loop_ioctl(co, blk_of(file), request, arg));
	return r;
	co_end();
}

static long block_map(struct file *f, struct pageset **set, u32 rights, bool shared)
{
	bool can_write = (f->flags & O_ACCMODE) == O_RDWR && !blk_of(f)->read_only;

	if (f->flags & O_WRONLY || (shared && rights & VM_WRITE && !can_write))
		return -EACCES;
	*set = &blk_of(f)->pages;
	return 0;
}

static void block_release(struct file *f) { blk_put(blk_of(f)); }

static const struct file_ops block_ops = {
	.read = block_read, .write = block_write, .seek = block_seek, .ioctl = block_ioctl,
	.sync = block_sync, .map = block_map, .release = block_release,
};

long block_open(struct inode *ip, struct file *f)
{
	struct blk *b = blk_find(ip->rdev);

	if (!b)
		return -ENXIO;
	f->ops = &block_ops;
	f->data = b;
	return 0;
}
