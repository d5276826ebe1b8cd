// SPDX-License-Identifier: MIT
/*
 * eventfd.c: a counter that can be waited for.  The lock of readers guards it.  Reading takes all of it,
 * or one with EFD_SEMAPHORE; writing adds, and waits while the sum would be EVENT_MAX or more.
 */
#include "fs/eventfd.h"
#include <linux/fcntl.h>
#include "core/wait.h"
#include "fs/anon.h"
#include "fs/poll.h"
#include "mem/heap.h"

#define EVENT_MAX UINT64_MAX

struct eventfd {
	u64		count;
	bool		semaphore;
	struct waitq	readers, writers;
};
static struct slab eventfd_slab = SLAB("eventfd", struct eventfd);

static async long eventfd_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->data;
	u64 v;

	if (u->left < sizeof(v))
		return u->done ? (long)u->done : -EINVAL;
	guard(&e->readers.lock);
	if (!e->count)
		return u->nowait ? -EAGAIN : wait_locked(&e->readers, WAIT_SIGNAL | WAIT_KILL);
	v = e->semaphore ? 1 : e->count;
	if (!anon_put(u, &v, sizeof(v)))
		return -EFAULT;
	e->count -= v;
	if (e->count && !waitq_empty(&e->readers))
		wake_next_locked(&e->readers);
	if (!waitq_empty(&e->writers))
		wake_all(&e->writers);
	return u->done;
}

static async long eventfd_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct eventfd *e = f->data;
	struct uio before = *u;
	u64 v;

	if (u->left != sizeof(v))
		return u->done ? (long)u->done : -EINVAL;
	if (!anon_take(u, &v, sizeof(v)))
		return -EFAULT;
	guard(&e->readers.lock);
	if (v != EVENT_MAX && EVENT_MAX - e->count > v) {
		e->count += v;
		if (!waitq_empty(&e->readers))
			wake_one_locked(&e->readers);
		return u->done;
	}
	*u = before;				/* nothing was taken: the call starts over */
	if (v == EVENT_MAX)
		return -EINVAL;
	return u->nowait ? -EAGAIN : wait_on(&e->writers);
}

static u32 eventfd_poll(struct file *f, struct poller *p)
{
	struct eventfd *e = f->data;

	guard(&e->readers.lock);
	if (p) {
		poll_add_locked(p, &e->readers);
		poll_add(p, &e->writers);
	}
	return (e->count ? POLLIN : 0) | (e->count < EVENT_MAX - 1 ? POLLOUT : 0) |
	       (e->count == EVENT_MAX ? POLLERR : 0);
}

static void eventfd_release(struct file *f)
{
	slab_free(&eventfd_slab, f->data);
}

static const struct file_ops eventfd_ops = {
	.name = "eventfd", .read = eventfd_read, .write = eventfd_write, .seek = anon_seek,
	.poll = eventfd_poll, .release = eventfd_release,
};

struct file *eventfd_create(u32 count, u32 flags, bool semaphore)
{
	struct eventfd *e = slab_alloc(&eventfd_slab);
	struct file *f = e ? anon_file(&eventfd_ops, O_RDWR | flags, e) : NULL;

	if (!f) {
		slab_free(&eventfd_slab, e);
		return NULL;
	}
	*e = (struct eventfd){ .count = count, .semaphore = semaphore };
	waitq_init(&e->readers);
	waitq_init(&e->writers);
	return f;
}
