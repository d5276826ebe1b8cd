// SPDX-License-Identifier: MIT
/*
 * loop.c: files as block devices.  A request is an errand that reads or writes the file as a program
 * would, through its page cache; a flush is its sync.  /dev/loop-control hands out free numbers; devices
 * are there from the beginning and empty, of size 0, until a file is attached.
 *
 * l->lock guards attaching and detaching; a request under way holds the file.
 */
#include <asm/ioctls.h>
#include <linux/fcntl.h>
#include <linux/loop.h>
#include <string.h>
#include "core/log.h"
#include "dev/blk.h"
#include "fs/path.h"
#include "lib/print.h"
#include "mem/errand.h"
#include "mem/heap.h"

enum { LOOPS = 8, MAJOR = 7, CONTROL = 10 << 8 | 237 };

static struct loop {
	struct blk	b;
	spinlock_t	lock;
	struct file	*file;		/* counted; NULL: free */
	u64		offset;
	struct loop_info64 info;
} loops[LOOPS];

/* --- requests --------------------------------------------------------------------------------- */

struct loop_work { struct blk_request *r; struct file *file; struct uio u; u64 pos; };

static async long loop_transfer(struct co *co, struct loop_work *w)
{
	struct { u32 i; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < w->r->count; f->i++) {
		uio_init_kernel(&w->u, phys_to_virt(w->r->seg[f->i].at), w->r->seg[f->i].len);
		do {
			if (w->r->op == BLK_READ)
				await(r = w->file->ops->read(co, w->file, &w->u, &w->pos));
			else
				await(r = w->file->ops->write(co, w->file, &w->u, &w->pos));
		} while (r > 0 && w->u.left);
		if (w->u.left)
			return r < 0 ? r : -EIO;
	}
	return 0;
	co_end();
}

static async long loop_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct loop_work *const w = arg;
	long r;

	co_begin(f);
	if (w->r->op != BLK_FLUSH)
		await(r = loop_transfer(co, w));
	else if (w->file->ops->sync)
		await(r = w->file->ops->sync(co, w->file));
	else
		r = 0;
	blk_end(w->r, r);
	return 0;
	co_end();
}

static void work_drop(void *arg)
{
	struct loop_work *w = arg;

	file_put(w->file);
	heap_free(w);
}

static struct file *file_of(struct loop *l, u64 *offset)
{
	guard(&l->lock);
	*offset = l->offset;
	return l->file ? file_get(l->file) : NULL;
}

static void loop_submit(struct blk *b, struct blk_request *r)
{
	struct loop *l = b->data;
	struct loop_work *w = heap_alloc(sizeof(*w));
	u64 offset;

	if (!w || !(w->file = file_of(l, &offset))) {
		heap_free(w);
		blk_end(r, !w ? -ENOMEM : r->op == BLK_FLUSH ? 0 : -EIO);
		return;
	}
	w->r = r;
	w->pos = offset + r->at;
	if (errand_send("loop", loop_main, work_drop, w)) {
		work_drop(w);
		blk_end(r, -ENOMEM);
	}
}

static const struct blk_ops loop_ops = { .submit = loop_submit };

/* --- attach and detach ------------------------------------------------------------------------ */

static void set_size(struct loop *l)
{
	u64 size = file_size(l->file), offset = min(l->info.lo_offset, size);

	l->offset = offset;
	size -= offset;
	if (l->info.lo_sizelimit)
		size = min(size, l->info.lo_sizelimit);
	l->b.size = align_down(size, 512);
	l->b.pages.size_pages = (l->b.size + PAGE_SIZE - 1) >> PAGE_SHIFT;
}

long loop_attach(struct loop *l, struct file *f, const struct loop_info64 *info)
{
	u32 kind = inode_kind(f->inode);

	if ((kind != I_REG && kind != I_BLK) || !f->ops->read)
		return -EINVAL;
	if (blk_claim(&l->b))
		return -EBUSY;
	guard(&l->lock);
	l->file = file_get(f);
	l->info = *info;
	l->b.read_only = !(f->flags & (O_WRONLY | O_RDWR)) || info->lo_flags & LO_FLAGS_READ_ONLY;
	set_size(l);
	blk_release(&l->b);		/* free to be mounted */
	return 0;
}

static long loop_detach(struct loop *l)
{
	struct file *f;

	if (blk_claim(&l->b))
		return -EBUSY;
	spin_lock(&l->lock);
	f = l->file;
	l->file = NULL;
	l->b.size = l->b.pages.size_pages = 0;
	l->info = (struct loop_info64){ };
	spin_unlock(&l->lock);
	blk_release(&l->b);
	file_put(f);
	return f ? 0 : -ENXIO;
}

/* What is cached goes to the file before it is let go. */
static async long detach_main(struct co *co, void *arg)
{
	struct { long err; } *f = co_frame(co);
	struct loop *const l = arg;
	long r;

	co_begin(f);
	await(f->err = blk_sync(co, &l->b));
	await(r = cache_drop(&l->b.pages, 0, UINT64_MAX));
	r = loop_detach(l);
	return r ? r : f->err;
	co_end();
}

/* --- the calls -------------------------------------------------------------------------------- */

struct file *(*loop_file)(u32 fd);

static long attach_fd(struct loop *l, u32 fd, const struct loop_info64 *info)
{
	struct file *f = loop_file ? loop_file(fd) : NULL;
	long r;

	if (!f)
		return -EBADF;
	r = l->file ? -EBUSY : loop_attach(l, f, info);
	file_put(f);
	return r;
}

static async long configure(struct loop *l, uaddr_t arg)
{
	struct loop_config c;
	long r = user_get(c, arg);

	return r ? r : attach_fd(l, c.fd, &c.info);
}

static async long set_status(struct loop *l, uaddr_t arg)
{
	struct loop_info64 info;
	long r = user_get(info, arg);

	if (r)
		return r;
	guard(&l->lock);
	if (!l->file)
		return -ENXIO;
	l->info = info;
	set_size(l);
	return 0;
}

static async long get_status(struct loop *l, uaddr_t arg)
{
	struct loop_info64 info = l->info;

	if (!l->file)
		return -ENXIO;
	info.lo_number = l - loops;
	info.lo_inode = l->file->inode->ino;
	info.lo_device = l->file->inode->fs->dev;
	return user_put(arg, info);
}

static struct loop *loop_of(struct blk *b)
{
	return b->ops == &loop_ops ? b->data : NULL;
}

/* Requests of loop devices; -ENOTTY: none of them. */
async long loop_ioctl(struct co *co, struct blk *b, u32 request, u64 arg)
{
	struct { struct errand *e; } *f = co_frame(co);
	struct loop *const l = loop_of(b);
	long r;

	co_begin(f);
	r = -ENOTTY;
	if (!l)
		return r;
	if (request == LOOP_SET_FD)
		r = attach_fd(l, arg, &(struct loop_info64){ });
	else if (request == LOOP_CONFIGURE)
		await(r = configure(l, arg));
	else if (request == LOOP_SET_STATUS64)
		await(r = set_status(l, arg));
	else if (request == LOOP_GET_STATUS64)
		await(r = get_status(l, arg));
	else if (request == LOOP_CLR_FD && !l->file)
		r = -ENXIO;
	if (request != LOOP_CLR_FD || r == -ENXIO)
		return r;
	f->e = errand_create("detach loop", detach_main, NULL, l);
	if (!f->e)
		return -ENOMEM;
	errand_start(f->e);
	await(r = errand_wait(f->e));
	errand_put(f->e);
	return r;
	co_end();
}

static async long control_ioctl(struct co *co, struct file *f, u32 request, u64 arg)
{
	if (request == LOOP_CTL_GET_FREE) {
		for (u32 i = 0; i < LOOPS; i++)
			if (!loops[i].file)
				return i;
		return -ENOSPC;
	}
	return request == LOOP_CTL_ADD || request == LOOP_CTL_REMOVE ? -EINVAL : -ENOTTY;
}

static const struct file_ops control_ops = { .ioctl = control_ioctl };
static const struct char_device control = { "loop-control", 0660, CONTROL, &control_ops, NULL };

long loop_devices_add(void)
{
	for (u32 i = 0; i < LOOPS; i++) {
		struct blk *b = &loops[i].b;

		if (b->ops)
			continue;
		snprint(b->name, sizeof(b->name), "loop%u", i);
		b->rdev = MAJOR << 8 | i;
		b->sector_shift = 9;
		b->can_flush = true;
		b->ops = &loop_ops;
		b->data = &loops[i];
		blk_add(b);
	}
	return devfs_add(&control);
}
