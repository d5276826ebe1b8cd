// SPDX-License-Identifier: MIT
/*
 * unix_packet.c: whole messages: datagrams to whomever, and SOCK_SEQPACKET between two ends.
 *
 * A message lies in the receiver's ring behind a struct packet.  All begin at multiples of its size,
 * so it never crosses a page.  Open files it carries are in a mark for all of it.
 */
#include "mem/heap.h"
#include "net/unix.h"

struct packet {
	u32			len;
	struct ucred_k		cred;
	struct unix_name	*from;		/* counted; NULL: the sender has no name */
	u64			pad_;
};
enum { PACKET = sizeof(struct packet) };
_Static_assert(PACKET == 32, "divides a page");

static inline u64 room_for(u64 len) { return align_up(PACKET + len, PACKET); }

static inline struct packet *packet_at(struct bytes *r, u64 at)
{
	return (struct packet *)(*bytes_slot(r, at) + bytes_offset(at));
}

/* --- sending --------------------------------------------------------------------------------------- */

static struct unix_name *name_of(struct unix_socket *u)
{
	if (u->name)
		atomic_fetch_add(&u->name->refs, 1);
	return u->name;
}

/* Header and bytes, all or nothing. */
static long put_packet(struct unix_socket *u, struct unix_socket *to, struct uio *io, struct message *m)
{
	struct bytes *r = &to->ring;
	u64 at = r->in, len = io->left;
	struct packet *p;
	long err;

	if (!bytes_page(r))
		return -ENOMEM;
	r->in += PACKET;
	if ((err = bytes_in_whole(r, io, len))) {
		r->in = at;
		return err;
	}
	r->in = at + room_for(len);
	p = packet_at(r, at);
	*p = (struct packet){ .len = len, .from = name_of(u), .cred = m && m->has_cred ? m->cred : caller_cred() };
	to->messages++;
	return 0;
}

/* May it come in now?  Strangers may not fill the queue of somebody who talks to others. */
static bool may_enter(const struct unix_socket *u, const struct unix_socket *to, u64 len)
{
	if (bytes_used(&to->ring) + room_for(len) > UNIX_ROOM + PAGE_SIZE)
		return false;
	return to->peer == u || to->messages <= UNIX_QUEUE;
}

static async long enter(struct unix_socket *u, struct unix_socket *to, struct uio *io, struct message *m)
{
	u64 at, len = io->left;
	struct mark *k;
	long err;

	guard(&to->rq.lock);
	if (to->closed && u->s.type == SOCK_DGRAM)
		return -ECONNREFUSED;
	if (to->eof)
		return -EPIPE;
	if (len > UNIX_ROOM - PACKET)
		return -EMSGSIZE;
	if (!may_enter(u, to, len))
		return unix_wait_room(to, u, io->nowait);
	if ((err = mark_prepare(to, m && m->rights ? m : NULL, false, &k)))
		return err;
	at = to->ring.in;
	if ((err = put_packet(u, to, io, m))) {
		heap_free(k);
		return err;
	}
	if (k)
		mark_add(to, k, at, to->ring.in, m);
	if (!waitq_empty(&to->rq))
		wake_one_locked(&to->rq);
	return len;
}

static struct unix_socket *peer_of(struct unix_socket *u)
{
	guard(&unix_lock);
	if (u->peer)
		unix_get(u->peer);
	return u->peer;
}

/* A datagram's receiver that is gone is nobody's peer any more. */
static void forget_peer(struct unix_socket *u, struct unix_socket *to)
{
	bool was;

	spin_lock(&unix_lock);
	was = u->peer == to;
	if (was)
		u->peer = NULL;
	spin_unlock(&unix_lock);
	if (was)
		unix_put(to);
}

static async long find_receiver(struct unix_socket *u, const struct message *m, struct unix_socket **to)
{
	long r;

	if (!m || !m->name.len || u->s.type != SOCK_DGRAM) {
		*to = peer_of(u);
		return *to ? 0 : -ENOTCONN;
	}
	r = unix_find(&m->name, SOCK_DGRAM, to);
	if (r || !(*to)->peer || (*to)->peer == u)
		return r;
	unix_put(*to);
	return -EPERM;
}

static async long packet_send(struct file *f, struct uio *io, struct message *m)
{
	struct unix_socket *u = f->data, *to;
	long r;

	if (io->done)				/* after a fault: it is all there */
		return io->done;
	if (u->no_send)
		return -EPIPE;
	if (u->s.type == SOCK_SEQPACKET && m && m->name.len && u->peer)
		return -EISCONN;
	if (u->s.pass_cred && !u->name && (r = unix_bind_auto(u)))
		return r;
	if (m && m->rights && (r = rights_room()))
		return r;
	r = find_receiver(u, m, &to);
	if (r)
		return r;
	r = enter(u, to, io, m);
	if (r == -ECONNREFUSED)
		forget_peer(u, to);
	unix_put(to);
	return r;
}

static async long packet_write(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	return packet_send(f, u, NULL);
}

/* --- receiving -------------------------------------------------------------------------------------- */

static void drop_packet(struct unix_socket *u, struct packet *p)
{
	unix_name_put(p->from);
	u->messages--;
	bytes_drop(&u->ring, room_for(p->len));
	if (!waitq_empty(&u->wq))
		wake_all(&u->wq);
}

static void tell_sender(const struct packet *p, struct message *m)
{
	m->name.len = 0;
	if (p->from)
		m->name = p->from->address;
	m->cred = p->cred;
	m->has_cred = true;
	m->length = p->len;
}

/* The message at the head; what does not fit into @io is lost. */
static long take_packet(struct unix_socket *u, struct uio *io, struct message *m)
{
	struct bytes *r = &u->ring;
	struct packet *p = packet_at(r, r->out);
	struct mark *k = TAILQ_FIRST(&u->marks);
	struct uio before = *io;
	u64 n = min((u64)p->len, io->left);

	if (bytes_copy(r, r->out + PACKET, io, n) < n) {
		before.fault = io->fault;
		*io = before;
		return -EFAULT;
	}
	tell_sender(p, m);
	if (n < p->len)
		m->told |= MSG_TRUNC;
	if (k && k->at == r->out)
		mark_read(u, k, k->end, m);
	if (!(m->flags & MSG_PEEK))
		drop_packet(u, p);
	return n;
}

static async long packet_receive(struct file *f, struct uio *io, struct message *m)
{
	struct unix_socket *u = f->data;

	if (u->s.type == SOCK_SEQPACKET && !u->peer)
		return -ENOTCONN;
	guard(&u->rq.lock);
	if (u->error)
		return unix_take_error(u);
	if (bytes_used(&u->ring))
		return take_packet(u, io, m);
	return u->eof ? 0 : unix_wait_data(u, io->nowait);
}

static async long packet_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	struct message m;
	long r;

	if (u->done)
		return u->done;
	m.flags = 0;
	m.rights = NULL;
	r = packet_receive(f, u, &m);
	rights_free(m.rights);
	return r;
}

/* --- polling ------------------------------------------------------------------------------------------ */

static bool room_to_send(struct unix_socket *u, struct unix_socket *to, struct poller *p)
{
	if (!to)
		return true;
	guard(&to->rq.lock);
	if (to->closed)
		return true;
	if (p)
		poll_add(p, &to->wq);
	return to->eof || (bytes_used(&to->ring) <= UNIX_ROOM / 2 && may_enter(u, to, 0));
}

static u32 packet_poll(struct file *f, struct poller *p)
{
	struct unix_socket *u = f->data, *to = peer_of(u);
	bool room = room_to_send(u, to, p);

	unix_put(to);
	return unix_poll_events(u, p, room);
}

/* Names of messages that nobody read. */
void unix_drop_packets(struct unix_socket *u)
{
	struct bytes *r = &u->ring;

	while (u->messages) {
		struct packet *p = packet_at(r, r->out);
		u64 n = room_for(p->len);

		unix_name_put(p->from);
		u->messages--;
		bytes_drop(r, n);
	}
}

const struct file_ops unix_packet_ops = {
	.read = packet_read, .write = packet_write, .ioctl = unix_ioctl, .poll = packet_poll,
	.release = unix_release,
};

const struct socket_ops unix_packet_socket = {
	.bind = unix_bind, .connect = unix_connect, .listen = unix_listen, .accept = unix_accept,
	.name = unix_get_name, .send = packet_send, .receive = packet_receive,
	.shutdown = unix_shutdown, .get = unix_get_option,
};

const struct socket_ops unix_dgram_socket = {
	.bind = unix_bind, .connect = unix_connect_dgram, .name = unix_get_name, .send = packet_send,
	.receive = packet_receive, .shutdown = unix_shutdown, .get = unix_get_option,
};
