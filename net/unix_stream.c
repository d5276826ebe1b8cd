// SPDX-License-Identifier: MIT
/*
 * unix_stream.c: bytes between the two ends of a stream.  A message that carries files or credentials
 * leaves a mark with the bytes it came with: one read does not go beyond such a message.
 */
#include "mem/heap.h"
#include "net/unix.h"

static inline u64 room_in(const struct unix_socket *to) { return UNIX_ROOM - min(bytes_used(&to->ring), (u64)UNIX_ROOM); }

static inline bool wants_cred(const struct unix_socket *u, const struct unix_socket *to)
{
	return u->s.pass_cred || to->s.pass_cred;
}

/* --- sending --------------------------------------------------------------------------------------- */

static async long no_room(struct unix_socket *to, struct unix_socket *u, struct uio *io)
{
	if (io->nowait)
		return io->done ? (long)io->done : -EAGAIN;
	return unix_wait_room(to, u, false);
}

/* As much as there is room for, and the mark with the first of it; @to's rq is locked. */
static long put_bytes(struct unix_socket *u, struct unix_socket *to, struct uio *io, struct message *m)
{
	struct mark *k;
	u64 at = to->ring.in;
	long err = mark_prepare(to, m, wants_cred(u, to), &k);

	if (err)
		return err;
	err = bytes_in(&to->ring, io, room_in(to));
	if (!k)
		return err;
	if (to->ring.in != at)
		mark_add(to, k, at, to->ring.in, m);
	else
		heap_free(k);
	return err;
}

static async long stream_send(struct file *f, struct uio *io, struct message *m)
{
	struct unix_socket *u = f->data, *to = u->peer;
	u64 before = io->done;
	long err;

	if (unlikely(!to))
		return -ENOTCONN;
	if (m && m->name.len)
		return -EISCONN;
	if (m && m->rights && (err = rights_room()))
		return err;
	guard(&to->rq.lock);
	if (unlikely(to->eof))
		return -EPIPE;
	if (!io->left)
		return io->done;
	if (unlikely(!room_in(to)))
		return no_room(to, u, io);
	err = put_bytes(u, to, io, m);
	if (io->done != before) {
		if (!waitq_empty(&to->rq))
			wake_one_locked(&to->rq);
	} else if (err) {
		return err;
	}
	return io->left && !err ? no_room(to, u, io) : (long)io->done;
}

static async long stream_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	return stream_send(f, u, NULL);
}

/* What lies in one page, when nobody waits: most messages. */
static async long stream_try_write(struct file *f, uaddr_t from, u64 n)
{
	struct unix_socket *u = f->data, *to = u->peer;
	struct bytes *r;
	char *page = NULL;

	if (unlikely(!to))
		return NOT_NOW;
	r = &to->ring;
	guard(&to->rq.lock);
	if (unlikely(n - 1 >= PAGE_SIZE - bytes_offset(r->in) || room_in(to) < n || to->eof ||
		     wants_cred(u, to) || !user_range_ok(from, n) || !(page = bytes_page(r))))
		return NOT_NOW;
	if (unlikely(arch_copy_in(page + bytes_offset(r->in), from, n)))
		return NOT_NOW;
	r->in += n;
	if (!waitq_empty(&to->rq))
		wake_one_locked(&to->rq);
	return n;
}

/* --- receiving -------------------------------------------------------------------------------------- */

/* Enough room that it pays to wake those who wait for it. */
static inline void wake_senders(struct unix_socket *u)
{
	if (unlikely(!waitq_empty(&u->wq)) && bytes_used(&u->ring) <= UNIX_ROOM / 2)
		wake_all(&u->wq);
}

static async long nothing_there(struct unix_socket *u, struct uio *io)
{
	if (u->error)
		return unix_take_error(u);
	if (u->eof || !io->left)
		return 0;
	if (!u->peer)
		return -EINVAL;
	return unix_wait_data(u, io->nowait);
}

/* How far one copy may go: to the end of the first message with a mark; not into one if the program
 * wants to know who wrote what. */
static u64 read_end(struct unix_socket *u, u64 at, struct mark **out)
{
	struct mark *k = TAILQ_FIRST(&u->marks);

	while (k && k->end <= at)
		k = TAILQ_NEXT(k, link);
	*out = k;
	if (!k)
		return u->ring.in;
	return k->at > at && u->s.pass_cred ? k->at : k->end;
}

/* From the front of the ring; true if the read is to end here. */
static bool take_bytes(struct unix_socket *u, struct uio *io, struct message *m)
{
	bool peek = m->flags & MSG_PEEK;
	struct mark *k;
	u64 at = u->ring.out, n = read_end(u, at, &k) - at, got = bytes_copy(&u->ring, at, io, n);

	if (k && at + got > k->at)
		mark_read(u, k, at + got, m);
	if (!peek)
		bytes_drop(&u->ring, got);
	return got < n || m->rights || peek || (k && u->s.pass_cred);
}

static async long receive_locked(struct unix_socket *u, struct uio *io, struct message *m)
{
	u64 before = io->done;
	bool end = false;

	guard(&u->rq.lock);
	if (!bytes_used(&u->ring))
		return io->done ? (long)io->done : nothing_there(u, io);
	while (!end && io->left && bytes_used(&u->ring))
		end = take_bytes(u, io, m);
	wake_senders(u);
	if (bytes_used(&u->ring) && !waitq_empty(&u->rq))
		wake_next_locked(&u->rq);
	if (io->done == before && io->fault)
		return -EFAULT;
	if (m->flags & MSG_WAITALL && io->left && !end && !u->eof)
		return unix_wait_data(u, io->nowait);
	return io->done;
}

static async long stream_receive(struct file *f, struct uio *io, struct message *m)
{
	struct unix_socket *u = f->data;

	return u->s.listening ? -EINVAL : receive_locked(u, io, m);
}

/* A plain read loses the files that came with what it reads. */
static async long stream_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct message m;
	long r;

	m.flags = 0;
	m.rights = NULL;
	r = stream_receive(f, u, &m);
	rights_free(m.rights);
	return r;
}

/* The usual read of nothing waits; -EINTR is told as read() tells it. */
static __attribute__((noinline)) async long wait_empty(struct unix_socket *u, struct file *f, u64 n)
{
	long r;

	if (unlikely(u->eof || u->error || !n || f->flags & O_NONBLOCK || u->s.receive_timeout || !u->peer))
		return NOT_NOW;
	r = wait_locked(&u->rq, WAIT_SIGNAL | WAIT_KILL);
	return r == -EINTR ? -ERESTART : r;
}

/* What lies in one page, when nobody waits and no mark is there. */
static __attribute__((noinline)) long read_page(struct unix_socket *u, uaddr_t to, u64 n)
{
	struct bytes *r = &u->ring;
	u64 used = bytes_used(r), at = bytes_offset(r->out);

	n = min(n, used);
	if (unlikely(n > PAGE_SIZE - at || !TAILQ_EMPTY(&u->marks) || !waitq_empty(&u->rq) ||
		     !waitq_empty(&u->wq) || arch_copy_out(to, *bytes_slot(r, r->out) + at, n)))
		return NOT_NOW;
	if (likely(n == used && at + n < PAGE_SIZE))
		r->in = r->out = align_down(r->in, PAGE_SIZE);
	else
		bytes_drop(r, n);
	return n;
}

static async long stream_try_read(struct file *f, uaddr_t to, u64 n)
{
	struct unix_socket *u = f->data;
	long r;

	if (unlikely(!user_range_ok(to, n)))
		return NOT_NOW;
	spin_lock(&u->rq.lock);
	r = bytes_used(&u->ring) ? read_page(u, to, n) : wait_empty(u, f, n);
	spin_unlock(&u->rq.lock);
	return r;
}

/* --- polling ------------------------------------------------------------------------------------------ */

static u32 stream_poll(struct file *f, struct poller *p)
{
	struct unix_socket *u = f->data, *to = u->peer;

	if (p && to) {
		guard(&to->rq.lock);
		if (!to->closed)
			poll_add(p, &to->wq);
	}
	return unix_poll_events(u, p, !to || to->eof || room_in(to) >= UNIX_ROOM / 2);
}

const struct file_ops unix_stream_ops = {
	.read = stream_read, .write = stream_write, .try_read = stream_try_read,
	.try_write = stream_try_write, .ioctl = unix_ioctl, .poll = stream_poll, .release = unix_release,
};

const struct socket_ops unix_stream_socket = {
	.bind = unix_bind, .connect = unix_connect, .listen = unix_listen, .accept = unix_accept,
	.name = unix_get_name, .send = stream_send, .receive = stream_receive,
	.shutdown = unix_shutdown, .get = unix_get_option,
};
