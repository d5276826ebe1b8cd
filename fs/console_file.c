// SPDX-License-Identifier: MIT
/*
 * console_file.c: the standard streams of a job that has no terminal: byte streams from and to the
 * host, to programs like pipes.  What a stream is lies in its inode, so that /proc/self/fd/1 can be
 * opened again.
 */
#include <linux/fcntl.h>
#include <asm/ioctls.h>
#include "fs/inode.h"
#include "fs/poll.h"
#include "fs/streams.h"

/* --- output ---------------------------------------------------------------------------------- */

static async long output_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	return console_write((u32)(uintptr_t)f->inode->data, f->inode->rdev, u);
}

static u32 output_poll(struct file *f, struct poller *p)
{
	return POLLOUT | POLLWRNORM;	/* a slow host is waited for in write() */
}

static const struct file_ops output_ops = { .write = output_write, .poll = output_poll };

static long output_open(struct inode *ip, struct file *f)
{
	f->ops = &output_ops;
	return 0;
}

static const struct inode_ops output_inode_ops = { .open = output_open };

/* --- input ------------------------------------------------------------------------------------- */

/* Up to the end of the ring at a time. */
static u32 take_piece(struct input *in, struct uio *u)
{
	u32 at = in->tail & (in->size - 1);
	u32 n = min(in->head - in->tail, in->size - at);
	u32 got = uio_out(u, in->ring + at, min((u64)n, u->left));

	in->tail += got;
	return got;
}

static async long input_take(struct input *in, struct uio *u)
{
	guard(&in->lock);
	if (in->head == in->tail) {
		if (in->eof || !u->left || u->done)
			return u->done;
		return u->nowait ? -EAGAIN : wait_on(&in->readers);
	}
	while (u->left && in->head != in->tail && take_piece(in, u) && !u->fault)
		;
	if (in->head != in->tail && !waitq_empty(&in->readers))
		wake_one(&in->readers);
	return u->done ? (long)u->done : -EFAULT;
}

static async long input_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct input *in = f->inode->data;
	long r = input_take(in, u);

	if (r > 0)
		console_input_taken(in);
	return r;
}

static u32 input_poll(struct file *f, struct poller *p)
{
	struct input *in = f->inode->data;

	guard(&in->lock);
	poll_add(p, &in->readers);
	return (in->head != in->tail ? POLLIN | POLLRDNORM : 0) | (in->eof ? POLLHUP : 0);
}

static async long input_ioctl(struct co *co, struct file *f, u32 request, u64 arg)
{
	struct input *in = f->inode->data;
	s32 n = in->head - in->tail;

	return request == FIONREAD ? user_put(arg, n) : -ENOTTY;
}

static const struct file_ops input_ops = {
	.read = input_read, .poll = input_poll, .ioctl = input_ioctl,
};

static long input_open(struct inode *ip, struct file *f)
{
	f->ops = &input_ops;
	return 0;
}

static const struct inode_ops input_inode_ops = { .open = input_open };

/* --- creation ------------------------------------------------------------------------------------ */

static struct file *stream_file(const struct file_ops *ops, const struct inode_ops *iops, u32 flags,
				void *data, u32 stream)
{
	struct file *f = file_create(ops, flags, NULL);

	if (!f)
		return NULL;
	f->inode = inode_create(&anon_fs, I_FIFO | 0666, iops);
	if (!f->inode) {
		file_put(f);
		return NULL;
	}
	f->inode->data = data;
	f->inode->rdev = stream;
	return f;
}

struct file *console_stdout(u32 job, u32 stream)
{
	return stream_file(&output_ops, &output_inode_ops, O_WRONLY, (void *)(uintptr_t)job, stream);
}

struct file *console_stdin(struct input *in)
{
	return stream_file(&input_ops, &input_inode_ops, O_RDONLY, in, 0);
}
