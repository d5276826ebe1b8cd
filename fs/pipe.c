// SPDX-License-Identifier: MIT
/*
 * pipe.c: bounded byte queue between programs.  A pipe hangs at its inode as long as an end is open;
 * the last end to close frees it.  The lock of its readers' queue guards every field but the counts'
 * way from and to zero, which inode->lock guards as well (order: inode->lock, rq.lock, wq.lock), and is
 * never held across a wait.  Whoever changes the fill level or an end count wakes the other side.
 *
 * Bytes in..out lie in a ring of pages which exist only where there are bytes, and one spare, so that
 * a steady stream does not visit the page allocator.  An empty pipe goes back to the start of its page:
 * short messages stay in one.
 *
 * A reader who finds nothing leaves word where he wants it, and a writer copies it right there: once instead
 * of twice.  A reader of much leaves his uio, in the frame of his system call, which is not left before
 * pipe_read() has been called again and has taken the word back.  A reader of a message leaves its address and
 * counts as served: his call is not called again.  That word holds as long as he is the first in the
 * queue; whoever queues up to read takes another's back: wait_to_read().
 */
#include "fs/pipe.h"
#include <linux/fcntl.h>
#include <asm/ioctls.h>
#include <string.h>
#include "fs/inode.h"
#include "fs/poll.h"
#include "mem/heap.h"
#include "mem/page.h"

enum { PIPE_PAGES = 16, PIPE_ATOMIC = 4096 };

struct pipe {
	u64		in, out;		/* bytes ever written, read */
	u32		readers, writers;
	u32		reader_opens, writer_opens;	/* ever: for those who wait to open */
	struct waitq	rq, wq;			/* readers, writers that wait; pollers */
	char		*spare;
	u64		size;			/* a power of two: settable */
	char		**slot;			/* pages, mapped: few, or on the heap */
	char		*few[PIPE_PAGES];
	struct {
		struct uio	*u;		/* of the first who waits to read; NULL: none */
		struct vm	*vm;		/* of his program */
	} landing;
	struct {
		struct waiter	*w;		/* of who waits for it; NULL: nobody */
		struct vm	*vm;		/* and where he wants it */
		uaddr_t		to;
		u64		n;
	} message;
};
static struct slab pipe_slab = SLAB("pipe", struct pipe);

static inline u64 pipe_used(const struct pipe *p) { return p->in - p->out; }
static inline u64 pipe_room(const struct pipe *p) { return p->size - pipe_used(p); }
static inline char **slot_of(struct pipe *p, u64 at)
{
	return &p->slot[(at & (p->size - 1)) >> PAGE_SHIFT];
}
static inline u64 in_page(u64 at) { return at & (PAGE_SIZE - 1); }

static inline void wake_reader(struct pipe *p)
{
	if (!waitq_empty(&p->rq))
		wake_one_locked(&p->rq);
}

static void wake_both(struct pipe *p)
{
	wake_all_locked(&p->rq);
	wake_all(&p->wq);
}

/* @w: the task's, whose word is in p->message; NULL: it has left none. */
static inline async long wait_to_read(struct pipe *p, struct waiter *w)
{
	p->message.w = w;
	return wait_locked(&p->rq, WAIT_SIGNAL | WAIT_KILL);
}

/* --- bytes in and out ---------------------------------------------------------------------- */

static __attribute__((noinline)) char *page_new(struct pipe *p, char **s)
{
	struct page *page;

	if (p->spare) {
		*s = p->spare;
		p->spare = NULL;
	} else {
		page = page_alloc_for(fs_charge(), false);
		*s = page ? page_virt(page) : NULL;
	}
	return *s;
}

/* Where the next byte goes; NULL: no memory. */
static inline char *page_for(struct pipe *p)
{
	char **s = slot_of(p, p->in);

	return likely(*s) ? *s : page_new(p, s);
}

/* As much of @u as there is room for, up to a page that is not there. */
static long fill(struct pipe *p, struct uio *u)
{
	u64 room, n, got;
	char *page;

	while (u->left && (room = pipe_room(p))) {
		if (!(page = page_for(p)))
			return -ENOMEM;
		n = min(min(PAGE_SIZE - in_page(p->in), room), u->left);
		got = uio_in(u, page + in_page(p->in), n);
		p->in += got;
		if (unlikely(got < n))
			return -EFAULT;
	}
	return 0;
}

/* Up to PIPE_ATOMIC bytes go in whole: after a fault in the middle none is there. */
static long fill_whole(struct pipe *p, struct uio *u)
{
	struct uio before = *u;
	u64 in = p->in;
	long err = fill(p, u);

	if (likely(!err))
		return 0;
	before.fault = u->fault;
	*u = before;
	p->in = in;
	return err;
}

/* The page at *s has been read to its end.  In a full ring its front may have new bytes already. */
static __attribute__((noinline)) void drop_page(struct pipe *p, char **s)
{
	if (pipe_used(p) > p->size - PAGE_SIZE)
		return;
	if (p->spare)
		page_put(virt_page(*s));
	else
		p->spare = *s;
	*s = NULL;
}

/* After reading from the page at *s. */
static inline void emptied(struct pipe *p, char **s)
{
	if (unlikely(!in_page(p->out)))
		drop_page(p, s);
	if (p->in == p->out)
		p->in = p->out = align_down(p->in, PAGE_SIZE);
}

static void drain(struct pipe *p, struct uio *u)
{
	u64 n, got;

	while (u->left && p->in != p->out) {
		char **s = slot_of(p, p->out);

		n = min(min(PAGE_SIZE - in_page(p->out), pipe_used(p)), u->left);
		got = uio_out(u, *s + in_page(p->out), n);
		p->out += got;
		if (got)
			emptied(p, s);
		if (unlikely(got < n))
			break;
	}
}

/* --- straight to who waits --------------------------------------------------------------------- */

static async long wait_landing(struct pipe *p, struct uio *u)
{
	bool first = waitq_empty(&p->rq);
	long r = wait_to_read(p, NULL);

	if (r == PENDING && first && u->left > PIPE_ATOMIC && !u->kernel) {
		p->landing.u = u;
		p->landing.vm = vm_active();
	}
	return r;
}

/* From one buffer to one buffer; what is left over takes the usual way. */
static long land(struct pipe *p, struct uio *u)
{
	struct uio *to = p->landing.u;
	u64 n = min(uio_piece(u), uio_piece(to)), done;
	bool missing;

	p->landing.u = NULL;
	if (!n)
		return 0;
	done = user_copy_to(p->landing.vm, to->vec->base + to->at, u->vec->base + u->at, n, &missing);
	uio_advance(to, done);
	if (missing)
		uio_moved(u, u->vec->base + u->at, n, n - done);
	else
		uio_advance(u, done);
	return missing ? -EFAULT : 0;
}

/* Much of a program's. */
static long fill_much(struct pipe *p, struct uio *u)
{
	long err = 0;

	if (p->landing.u && p->in == p->out && !u->kernel)
		err = land(p, u);
	return err ? err : fill(p, u);
}

/* The first who waits to read, if he has left word where he wants a message. */
static inline struct waiter *message_waiter(struct pipe *p)
{
	struct waiter *w = TAILQ_FIRST(&p->rq.waiters);

	return w && w == p->message.w && p->in == p->out ? w : NULL;
}

static async long wait_message(struct pipe *p, uaddr_t to, u64 n)
{
	p->message.vm = vm_active();
	p->message.to = to;
	p->message.n = n;
	return wait_to_read(p, likely(waitq_empty(&p->rq)) ? &task_current()->w : NULL);
}

/* --- file operations ------------------------------------------------------------------------- */

static async long pipe_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->data;
	u64 before = u->done;

	guard(&p->rq.lock);
	if (p->landing.u == u)
		p->landing.u = NULL;
	if (p->in == p->out) {
		if (!p->writers || !u->left || u->done)
			return u->done;
		return u->nowait ? -EAGAIN : wait_landing(p, u);
	}
	drain(p, u);
	if (p->in != p->out && !waitq_empty(&p->rq))
		wake_next_locked(&p->rq);	/* pass the baton on */
	if (!waitq_empty(&p->wq))
		wake_all(&p->wq);	/* not each fits into the room there is now */
	return u->done == before && u->fault ? -EFAULT : (long)u->done;
}

static long write_full(struct pipe *p, struct uio *u)
{
	if (!u->nowait)
		return wait_on(&p->wq);
	return u->done ? (long)u->done : -EAGAIN;
}

static async long pipe_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct pipe *p = f->data;
	u64 before = u->done;
	long err;

	guard(&p->rq.lock);
	if (unlikely(!u->left && before))
		return before;			/* again after a pause */
	if (unlikely(!p->readers))
		return -EPIPE;
	if (likely(u->done + u->left <= PIPE_ATOMIC)) {
		if (unlikely(pipe_room(p) < u->left))
			return write_full(p, u);
		err = fill_whole(p, u);
	} else {
		err = fill_much(p, u);
	}
	if (u->done != before)
		wake_reader(p);
	if (u->done != before && !u->left && p->in == p->out && !u->nowait)
		return file_pause();		/* it landed: let him come back for more */
	if (unlikely(err && u->done == before))
		return err;
	return u->left && !err ? write_full(p, u) : (long)u->done;
}

/* What lies in one page, when nobody waits: most messages. */
static async long pipe_try_write(struct file *f, uaddr_t from, u64 n)
{
	struct pipe *p = f->data;
	struct waiter *w;
	char *page = NULL;

	guard(&p->rq.lock);
	w = message_waiter(p);
	if (likely(w && n - 1 < p->message.n && user_hand_over(p->message.vm, p->message.to, from, n))) {
		wake_with(&p->rq, w, n);
		return n;
	}
	if (unlikely(n - 1 >= PAGE_SIZE - in_page(p->in) || pipe_room(p) < n || !p->readers ||
		     !user_range_ok(from, n) || !(page = page_for(p))))
		return NOT_NOW;
	if (unlikely(arch_copy_in(page + in_page(p->in), from, n)))
		return NOT_NOW;
	p->in += n;
	wake_reader(p);
	return n;
}

static async long try_read_empty(struct pipe *p, struct file *f, uaddr_t to, u64 n)
{
	long r;

	if (!p->writers || !n || n > PIPE_ATOMIC || f->flags & O_NONBLOCK)
		return NOT_NOW;
	r = wait_message(p, to, n);
	return r == -EINTR ? -ERESTART : r;
}

static async long pipe_try_read(struct file *f, uaddr_t to, u64 n)
{
	struct pipe *p = f->data;
	u64 used, at;
	char **s;

	if (unlikely(!user_range_ok(to, n)))
		return NOT_NOW;
	guard(&p->rq.lock);
	used = pipe_used(p);
	if (!used)
		return try_read_empty(p, f, to, n);
	if (!waitq_empty(&p->rq) || !waitq_empty(&p->wq))
		return NOT_NOW;
	n = min(n, used);
	at = in_page(p->out);
	s = slot_of(p, p->out);
	if (unlikely(n > PAGE_SIZE - at || arch_copy_out(to, *s + at, n)))
		return NOT_NOW;
	p->out += n;
	emptied(p, s);
	return n;
}

static inline u32 reader_events(const struct pipe *p, const struct file *f)
{
	u32 events = 0;

	if (likely(p->in == p->out && p->writers))
		return 0;
	if (p->in != p->out)
		events |= POLLIN | POLLRDNORM;
	if (!p->writers && p->writer_opens != (u32)f->pos)
		events |= POLLHUP;
	return events;
}

static inline u32 writer_events(const struct pipe *p)
{
	u32 room = pipe_room(p) >= PIPE_ATOMIC ? POLLOUT | POLLWRNORM : 0;

	return p->readers ? room : room | POLLERR;
}

static __attribute__((noinline)) u32 pipe_enlist(struct pipe *p, u32 mode, struct file *f, struct poller *pl)
{
	guard(&p->rq.lock);
	if (mode != O_WRONLY)
		poll_add_locked(pl, &p->rq);
	if (mode != O_RDONLY)
		poll_add(pl, &p->wq);
	return (mode != O_WRONLY ? reader_events(p, f) : 0) | (mode != O_RDONLY ? writer_events(p) : 0);
}

/* A look without consequences needs no lock. */
static u32 pipe_poll(struct file *f, struct poller *pl)
{
	struct pipe *p = f->data;
	u32 mode = f->flags & O_ACCMODE;

	if (unlikely(pl))
		return pipe_enlist(p, mode, f, pl);
	if (likely(mode == O_RDONLY))
		return reader_events(p, f);
	return writer_events(p) | (mode == O_RDWR ? reader_events(p, f) : 0);
}

static async long pipe_ioctl(struct co *co, struct file *f, u32 request, u64 arg)
{
	struct pipe *p = f->data;
	s32 used = pipe_used(p);

	return request == FIONREAD ? user_put(arg, used) : -ENOTTY;
}

u64 pipe_peek(struct file *f, u64 offset, void *to, u64 n)
{
	struct pipe *p = f->data;
	u64 at = p->out + offset, done = 0, part;

	guard(&p->rq.lock);
	n = offset < pipe_used(p) ? min(n, pipe_used(p) - offset) : 0;
	for (; done < n; done += part, at += part) {
		part = min(PAGE_SIZE - in_page(at), n - done);
		memcpy((char *)to + done, *slot_of(p, at) + in_page(at), part);
	}
	return n;
}

/* --- size --------------------------------------------------------------------------------------- */

static u64 pages_span(const struct pipe *p)
{
	return align_up(p->in, PAGE_SIZE) - align_down(p->out, PAGE_SIZE);
}

/* The pages of p->slot to their places in @slot, a ring of @size bytes that has room for them.  In a
 * full ring the last bytes are in the front of the first page: they go to @*extra. */
static void move_pages(struct pipe *p, char **slot, u64 size, char **extra)
{
	char **last = &slot[((p->in - 1) & (size - 1)) >> PAGE_SHIFT];

	if (p->in != p->out && pages_span(p) > p->size) {
		page_copy(*extra, *slot_of(p, p->out));
		*last = *extra;
		*extra = NULL;
	}
	for (u64 at = align_down(p->out, PAGE_SIZE); at < p->in; at += PAGE_SIZE) {
		char **s = slot_of(p, at);

		if (*s)
			slot[(at & (size - 1)) >> PAGE_SHIFT] = *s;
		*s = NULL;
	}
	for (u64 i = 0; i < p->size >> PAGE_SHIFT; i++)
		if (p->slot[i])
			page_put(virt_page(p->slot[i]));
}

static long resize(struct pipe *p, char **slot, u64 size, char **extra)
{
	guard(&p->rq.lock);
	if (pages_span(p) > size)
		return -EBUSY;
	move_pages(p, slot, size, extra);
	if (p->slot != p->few)
		heap_free(p->slot);
	p->slot = slot;
	p->size = size;
	wake_all(&p->wq);
	return 0;
}

u64 pipe_size(struct file *f)
{
	struct pipe *p = f->data;

	return p->size;
}

long pipe_set_size(struct file *f, u64 want, bool privileged)
{
	struct pipe *p = f->data;
	u64 size = PAGE_SIZE;
	struct page *page;
	char **slot, *extra;
	long err;

	while (size < want)
		size <<= 1;
	if (size > (privileged ? PIPE_SIZE_ROOT : PIPE_SIZE_MAX))
		return -EPERM;
	if (size == p->size)
		return size;
	slot = heap_zero((size >> PAGE_SHIFT) * sizeof(*slot));
	page = page_alloc_for(fs_charge(), false);
	extra = page ? page_virt(page) : NULL;
	err = slot && extra ? resize(p, slot, size, &extra) : -ENOMEM;
	if (extra)
		page_put(page);
	if (err)
		heap_free(slot);
	return err ? err : (long)size;
}

/* --- life ------------------------------------------------------------------------------------- */

static struct pipe *pipe_new(void)
{
	struct pipe *p = slab_alloc(&pipe_slab);

	if (p) {
		*p = (struct pipe){ .size = PIPE_PAGES << PAGE_SHIFT };
		p->slot = p->few;
		waitq_init(&p->rq);
		waitq_init(&p->wq);
	}
	return p;
}

static void pipe_free(struct pipe *p)
{
	for (u64 i = 0; i < p->size >> PAGE_SHIFT; i++)
		if (p->slot[i])
			page_put(virt_page(p->slot[i]));
	if (p->slot != p->few)
		heap_free(p->slot);
	if (p->spare)
		page_put(virt_page(p->spare));
	slab_free(&pipe_slab, p);
}

static bool leave_end(struct pipe *p, u32 mode)
{
	guard(&p->rq.lock);
	p->readers -= mode != O_WRONLY;
	p->writers -= mode != O_RDONLY;
	wake_both(p);
	return !p->readers && !p->writers;
}

static void pipe_release(struct file *f)
{
	struct inode *ip = f->inode;
	struct pipe *p = f->data;
	bool last;

	spin_lock(&ip->lock);
	last = leave_end(p, f->flags & O_ACCMODE);
	if (last)
		ip->pipe = NULL;
	spin_unlock(&ip->lock);
	if (last)
		pipe_free(p);
}

static const struct file_ops pipe_ops = {
	.read = pipe_read, .write = pipe_write, .try_read = pipe_try_read,
	.try_write = pipe_try_write, .ioctl = pipe_ioctl, .poll = pipe_poll,
	.release = pipe_release,
};

/* f->pos keeps what the other side's count of openings was: a change is what open() waits for. */
static void enter_end(struct pipe *p, struct file *f)
{
	u32 mode = f->flags & O_ACCMODE;

	guard(&p->rq.lock);
	f->pos = mode == O_WRONLY ? p->reader_opens : p->writer_opens;
	p->readers += mode != O_WRONLY;
	p->writers += mode != O_RDONLY;
	p->reader_opens += mode != O_WRONLY;
	p->writer_opens += mode != O_RDONLY;
	wake_both(p);
	f->ops = &pipe_ops;
	f->data = p;
}

static const struct inode_ops anon_pipe_ops = { };

long fifo_open(struct inode *ip, struct file *f)
{
	u32 mode = f->flags & O_ACCMODE;

	guard(&ip->lock);
	if (mode == O_WRONLY && f->flags & O_NONBLOCK && ip->ops != &anon_pipe_ops &&
	    !(ip->pipe && ip->pipe->readers))
		return -ENXIO;
	if (!ip->pipe && !(ip->pipe = pipe_new()))
		return -ENOMEM;
	enter_end(ip->pipe, f);
	if (ip->ops == &anon_pipe_ops)
		f->pos = UINT32_MAX;		/* /dev/stdin and the like: nobody to wait for */
	return 0;
}

async long fifo_wait(struct file *f)
{
	struct pipe *p = f->data;
	u32 mode = f->flags & O_ACCMODE;

	if (f->ops != &pipe_ops || mode == O_RDWR || f->flags & O_NONBLOCK)
		return 0;
	guard(&p->rq.lock);
	if (mode == O_RDONLY)
		return p->writers || p->writer_opens != (u32)f->pos ? 0 : wait_to_read(p, NULL);
	return p->readers || p->reader_opens != (u32)f->pos ? 0 : wait_on(&p->wq);
}

static struct file *open_end(struct inode *ip, u32 flags)
{
	struct file *f = file_create(&pipe_ops, flags, NULL);

	if (f) {
		f->inode = inode_get(ip);
		enter_end(ip->pipe, f);
	}
	return f;
}

long pipe_create(u32 flags, struct file **reader, struct file **writer)
{
	struct inode *ip = inode_create(&anon_fs, I_FIFO | 0600, &anon_pipe_ops);
	long err = -ENOMEM;

	if (!ip)
		return err;
	if (!(ip->pipe = pipe_new()))
		goto out;
	*reader = open_end(ip, flags | O_RDONLY);
	if (!*reader) {
		pipe_free(ip->pipe);
		goto out;
	}
	*writer = open_end(ip, flags | O_WRONLY);
	if (!*writer) {
		file_put(*reader);
		goto out;
	}
	(*reader)->pos = UINT32_MAX;	/* it has had a writer: POLLHUP when there is none */
	err = 0;
out:
	inode_put(ip);
	return err;
}
