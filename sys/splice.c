/* SPDX-License-Identifier: MIT */
/*
 * splice.c: splice, tee and vmsplice: bytes between a pipe and a file, another pipe, or memory.  They go
 * through a buffer of the kernel, a chunk at a time; a chunk is read only when there is room for it,
 * for what was taken out of a pipe cannot be put back.
 */
#include <asm/unistd.h>
#include "fs/pipe.h"
#include "fs/poll.h"
#include "mem/heap.h"
#include "sys/path.h"
#include "sys/sockets.h"
#include "sys/transfer.h"

enum { SPLICE_MOVE = 1, SPLICE_NONBLOCK = 2, SPLICE_MORE = 4, SPLICE_GIFT = 8, SPLICE_FLAGS = 15 };
enum { CHUNK = 4096 /* a pipe that is writable has room for it */ };

struct splice {
	struct file	*in, *out;
	u64		in_pos, out_pos, *in_at, *out_at;	/* explicit, or the files' own */
	uaddr_t		in_user, out_user;
	u64		left, done, offset;
	bool		nowait, tee;
	char		buf[CHUNK];
	struct uio	u;
	struct poller	p;
	struct waiter	w[2];
};

static bool is_pipe(const struct file *f) { return inode_kind(f->inode) == I_FIFO; }

/* --- waiting ------------------------------------------------------------------------------------------ */

static u32 look(struct file *f, struct poller *p)
{
	return f->ops->poll ? f->ops->poll(f, p) : POLLIN | POLLOUT;
}

/* Until @f is ready for one of @events, or has an error; 0, -EAGAIN, -EINTR.  Starts over. */
static async long wait_ready(struct splice *s, struct file *f, u32 events)
{
	long r;

	poller_reset(&s->p);
	events |= POLLERR | POLLHUP;
	if (look(f, NULL) & events)
		return 0;
	if (s->nowait)
		return -EAGAIN;
	r = look(f, &s->p) & events ? 0 : wait_until(0);
	if (r != PENDING)
		poller_reset(&s->p);
	return r;
}

/* --- moving ------------------------------------------------------------------------------------------- */

/* The next chunk into s->buf: its size.  tee() leaves it where it is. */
static async long take_chunk(struct co *co, struct splice *s)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (s->tee)
		return pipe_peek(s->in, s->offset, s->buf, min(s->left, (u64)CHUNK));
	uio_init_kernel(&s->u, s->buf, min(s->left, (u64)CHUNK));
	s->u.nowait = s->nowait || (s->done && is_pipe(s->in));
	await(r = s->in->ops->read(co, s->in, &s->u, s->in_at));
	return s->u.done ? (long)s->u.done : r;
	co_end();
}

static async long move_some(struct co *co, struct splice *s)
{
	struct { long chunk; } *f = co_frame(co);
	long r;

	co_begin(f);
	while (s->left) {
		if (s->done && s->out->ops->poll && !(look(s->out, NULL) & POLLOUT))
			return 0;
		await(r = wait_ready(s, s->out, POLLOUT));
		if (r)
			return r;
		if (s->tee && !s->done) {
			await(r = wait_ready(s, s->in, POLLIN));
			if (r)
				return r;
		}
		await(f->chunk = take_chunk(co, s));
		if (f->chunk <= 0)
			return f->chunk;
		uio_init_kernel(&s->u, s->buf, f->chunk);
		await(r = s->out->ops->write(co, s->out, &s->u, s->out_at));
		s->done += s->u.done;
		s->offset += s->u.done;
		s->left -= s->u.done;
		if (s->u.left) {
			if (!is_pipe(s->in) && s->in->ops->seek)
				*s->in_at -= s->u.left;
			return r < 0 ? r : 0;
		}
		if (task_killed())
			return -EINTR;
	}
	return 0;
	co_end();
}

/* --- checks ------------------------------------------------------------------------------------------- */

static long splice_open(struct splice *s, u64 in, u64 out, u64 len, u32 flags)
{
	s->in = file_current(in);
	s->out = file_current(out);
	s->left = min(len, 0x7ffff000ul);
	s->nowait = flags & SPLICE_NONBLOCK;
	poller_init(&s->p, s->w, ARRAY_SIZE(s->w));
	if (!s->in || !s->out || !file_readable(s->in) || !file_writable(s->out))
		return -EBADF;
	if (is_pipe(s->in))
		s->nowait |= s->in->flags & O_NONBLOCK;
	if (is_pipe(s->out))
		s->nowait |= s->out->flags & O_NONBLOCK;
	s->in_at = &s->in->pos;
	s->out_at = &s->out->pos;
	return 0;
}

static long splice_check(struct splice *s)
{
	if (!is_pipe(s->in) && !is_pipe(s->out))
		return -EINVAL;
	if ((is_pipe(s->in) && s->in_user) || (is_pipe(s->out) && s->out_user))
		return -ESPIPE;
	if (is_pipe(s->in) && is_pipe(s->out) && s->in->data == s->out->data)
		return -EINVAL;
	if (!is_pipe(s->out) && s->out->flags & O_APPEND)
		return -EINVAL;
	if ((s->in_user && !s->in->ops->seek) || (s->out_user && !s->out->ops->seek))
		return -EINVAL;
	return s->in->ops->read && s->out->ops->write ? 0 : -EINVAL;
}

static async long splice_position(uaddr_t at, u64 *pos, u64 **use)
{
	long r = at ? user_read(pos, at, sizeof(*pos)) : 0;

	if (r || !at)
		return r;
	*use = pos;
	return (s64)*pos < 0 ? -EINVAL : 0;
}

static long splice_end(struct splice *s, long r)
{
	if (r == -EPIPE && !s->done)
		broken_pipe();
	if (s->done)
		return s->done;
	return r == -EINTR ? -ERESTART : r;
}

static void splice_free(struct splice *s)
{
	poller_reset(&s->p);
	file_put(s->in);
	file_put(s->out);
	heap_free(s);
}

/* --- calls -------------------------------------------------------------------------------------------- */

static async long sys_splice(struct co *co, const u64 *a)
{
	struct { struct splice *s; long result; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[5] & ~SPLICE_FLAGS)
		return -EINVAL;
	if (!a[4])
		return 0;
	f->s = heap_zero(sizeof(*f->s));
	if (!f->s)
		return -ENOMEM;
	f->s->in_user = a[1];
	f->s->out_user = a[3];
	r = splice_open(f->s, a[0], a[2], a[4], a[5]);
	if (!r)
		r = splice_check(f->s);
	if (!r)
		await(r = splice_position(a[1], &f->s->in_pos, &f->s->in_at));
	if (!r)
		await(r = splice_position(a[3], &f->s->out_pos, &f->s->out_at));
	if (!r)
		await(r = move_some(co, f->s));
	f->result = splice_end(f->s, r);
	if (a[1] && f->result >= 0)
		await(r = user_write(a[1], &f->s->in_pos, sizeof(u64)));
	if (a[3] && f->result >= 0)
		await(r = user_write(a[3], &f->s->out_pos, sizeof(u64)));
	splice_free(f->s);
	return f->result;
	co_end();
}

static async long sys_tee(struct co *co, const u64 *a)
{
	struct { struct splice *s; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[3] & ~SPLICE_FLAGS)
		return -EINVAL;
	if (!a[2])
		return 0;
	f->s = heap_zero(sizeof(*f->s));
	if (!f->s)
		return -ENOMEM;
	f->s->tee = true;
	r = splice_open(f->s, a[0], a[1], a[2], a[3]);
	if (!r && (!is_pipe(f->s->in) || !is_pipe(f->s->out) || f->s->in->data == f->s->out->data))
		r = -EINVAL;
	if (!r)
		await(r = move_some(co, f->s));
	r = splice_end(f->s, r);
	splice_free(f->s);
	return r;
	co_end();
}

/* From memory it is writev(), to memory readv(): pages are not given away. */
static async long sys_vmsplice(struct co *co, const u64 *a)
{
	struct file *f = file_current(a[0]);
	bool write = f && file_writable(f), pipe = f && is_pipe(f);

	file_put(f);
	if ((u32)a[3] & ~SPLICE_FLAGS)
		return -EINVAL;
	if (!pipe)
		return -EBADF;
	return transfer_vector(co, a, write, false, 0);
}

const struct syscall splice_calls[] = {
	ROW(splice, 6, 0, "dpdpux"),
	ROW(tee, 4, 0, "ddux"),
	ROW(vmsplice, 4, 0, "dpux"),
	{ 0 }
};
