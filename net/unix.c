// SPDX-License-Identifier: MIT
/*
 * unix.c: unix sockets: their names, who is connected to whom, life.  How they lock: unix.h.
 *
 * A name is in the table as long as its owner is open; a path's name is found by the inode that was
 * made for it.  connect() makes both ends at once; the one for accept() waits in the listener's backlog.
 */
#include <asm/ioctls.h>
#include <string.h>
#include "core/time.h"
#include "fs/path.h"
#include "lib/print.h"
#include "mem/heap.h"
#include "net/unix.h"

enum { NAMES = 64, AF_UNIX = 1, FAMILY_BYTES = 2, PATH_BYTES = 108 };

spinlock_t unix_lock;
static LIST_HEAD(, unix_name) names[NAMES];
static struct slab unix_slab = SLAB("unix", struct unix_socket);

/* --- life ---------------------------------------------------------------------------------------- */

static struct unix_socket *socket_new(u32 type)
{
	static const struct socket_ops *const ops[] = {
		[SOCK_STREAM] = &unix_stream_socket, [SOCK_DGRAM] = &unix_dgram_socket,
		[SOCK_SEQPACKET] = &unix_packet_socket,
	};
	struct unix_socket *u = slab_alloc(&unix_slab);

	if (!u)
		return NULL;
	memset(u, 0, sizeof(*u));
	u->s = (struct socket){ .ops = ops[type], .domain = AF_UNIX, .type = type,
				.send_size = UNIX_ROOM, .receive_size = UNIX_ROOM };
	u->refs = 1;
	waitq_init(&u->rq);
	waitq_init(&u->wq);
	TAILQ_INIT(&u->marks);
	TAILQ_INIT(&u->backlog);
	u->cred = caller_cred();
	rights_socket_new(u);
	return u;
}

void unix_get(struct unix_socket *u)
{
	atomic_fetch_add_explicit(&u->refs, 1, memory_order_relaxed);
}

void unix_name_put(struct unix_name *n)
{
	if (!n || atomic_fetch_sub(&n->refs, 1) != 1)
		return;
	inode_put(n->inode);
	heap_free(n);
}

void unix_put(struct unix_socket *u)
{
	if (!u || atomic_fetch_sub(&u->refs, 1) != 1)
		return;
	unix_drop_packets(u);
	bytes_free(&u->ring);
	unix_name_put(u->name);
	slab_free(&unix_slab, u);
}

static struct file *file_for(struct unix_socket *u, u32 flags)
{
	u->file = socket_file(&u->s, u->s.type == SOCK_STREAM ? &unix_stream_ops : &unix_packet_ops,
			      O_RDWR | flags);
	return u->file;
}

/* Nothing more comes in; those who wait shall look again. */
static void end_input(struct unix_socket *u, s32 error)
{
	guard(&u->rq.lock);
	u->eof = true;
	if (error)
		u->error = error;
	wake_all_locked(&u->rq);
	wake_all(&u->wq);
}

/* The end of a stream takes the other end's with it; what it has not read is lost. */
static void leave_peer(struct unix_socket *u)
{
	struct unix_socket *p = u->peer;
	bool unread = bytes_used(&u->ring) || u->file == NULL;

	if (p && u->s.type != SOCK_DGRAM)
		end_input(p, unread ? -ECONNRESET : 0);
}

static void forget_name(struct unix_socket *u)
{
	guard(&unix_lock);
	if (u->name && u->name->owner == u) {
		u->name->owner = NULL;
		LIST_REMOVE(u->name, link);
	}
}

/* @u->file says whether it was ever accepted. */
static void close_socket(struct unix_socket *u)
{
	struct unix_socket *e, *p;

	forget_name(u);
	leave_peer(u);
	spin_lock(&u->rq.lock);
	u->closed = u->eof = true;
	u->s.listening = false;
	wake_all_locked(&u->rq);
	wake_all(&u->wq);
	spin_unlock(&u->rq.lock);
	while ((e = backlog_pop(u)))
		close_socket(e);
	marks_free(u);
	rights_socket_gone(u);
	spin_lock(&unix_lock);
	p = u->peer;
	u->peer = NULL;
	spin_unlock(&unix_lock);
	unix_put(p);
	unix_put(u);
}

void unix_release(struct file *f)
{
	struct unix_socket *u = f->data;

	close_socket(u);
	sockets_search(false);
}

/* --- names ----------------------------------------------------------------------------------------- */

static bool is_abstract(const struct address *a) { return a->len > FAMILY_BYTES && !a->bytes[0]; }

static u32 table_index(const struct address *a, const struct inode *ip)
{
	u32 h = ip ? (u32)((uintptr_t)ip >> 6) : 17;

	for (u32 i = 0; !ip && i < a->len - FAMILY_BYTES; i++)
		h = h * 31 + a->bytes[i];
	return h % NAMES;
}

/* Sockets of different types may have the same abstract name. */
static bool same_name(const struct unix_name *n, u32 type, const struct address *a, const struct inode *ip)
{
	if (ip)
		return n->inode == ip;
	return !n->inode && n->owner->s.type == type && n->address.len == a->len &&
	       !memcmp(n->address.bytes, a->bytes, a->len - FAMILY_BYTES);
}

static struct unix_name *find_name(u32 type, const struct address *a, const struct inode *ip)
{
	struct unix_name *n;

	LIST_FOREACH(n, &names[table_index(a, ip)], link)
		if (same_name(n, type, a, ip))
			return n;
	return NULL;
}

static struct unix_name *name_new(const struct address *a, struct inode *ip)
{
	struct unix_name *n = heap_zero(sizeof(*n));

	if (!n)
		return NULL;
	n->refs = 1;
	n->address = *a;
	n->inode = ip ? inode_get(ip) : NULL;
	return n;
}

/* Into the table, if @u has no name and nobody has this one. */
static long name_publish(struct unix_socket *u, const struct address *a, struct inode *ip)
{
	struct unix_name *n = name_new(a, ip);
	long err = 0;

	if (!n)
		return -ENOMEM;
	spin_lock(&unix_lock);
	if (u->name)
		err = -EINVAL;
	else if (find_name(u->s.type, a, ip))
		err = -EADDRINUSE;
	if (!err) {
		n->owner = u;
		u->name = n;
		LIST_INSERT_HEAD(&names[table_index(a, ip)], n, link);
	}
	spin_unlock(&unix_lock);
	if (err)
		unix_name_put(n);
	return err;
}

/* A path need not end in 0; the name that is told does. */
static long check_address(const struct address *a)
{
	return a->len <= FAMILY_BYTES || a->len > FAMILY_BYTES + PATH_BYTES || a->family != AF_UNIX ? -EINVAL : 0;
}

static void path_of(const struct address *a, char path[PATH_BYTES + 1])
{
	memcpy(path, a->bytes, a->len - FAMILY_BYTES);
	path[a->len - FAMILY_BYTES] = 0;
}

static async long bind_path(struct unix_socket *u, const struct address *a)
{
	struct fs_context *c = socket_fs();
	struct address told = *a;
	char path[PATH_BYTES + 1];
	struct dentry *dir, *d;
	struct last last;
	long r;

	path_of(a, path);
	if (u->name)
		return path_walk(c, NULL, path, 0, &d) ? -EINVAL : (dentry_put(d), -EADDRINUSE);
	told.len = min(FAMILY_BYTES + strlen(path) + 1, (size_t)FAMILY_BYTES + PATH_BYTES);
	r = path_parent(c, NULL, path, 0, &dir, &last);
	if (r)
		return r;
	r = name_create(c, dir, &last, I_SOCK | (0777 & ~c->umask), 0, NULL, &d);
	dentry_put(dir);
	if (r)
		return r == -EEXIST ? -EADDRINUSE : r;
	r = name_publish(u, &told, d->inode);
	dentry_put(d);
	return r;
}

/* An abstract name of five digits that nobody has. */
long unix_bind_auto(struct unix_socket *u)
{
	static _Atomic u32 last;
	struct address a = { .len = FAMILY_BYTES + 6, .family = AF_UNIX };
	long err = -EADDRINUSE;

	for (u32 tries = 0; err == -EADDRINUSE && tries < 1 << 20; tries++) {
		snprint((char *)a.bytes + 1, 6, "%05x", atomic_fetch_add(&last, 1) & 0xfffff);
		err = name_publish(u, &a, NULL);
	}
	return u->name ? 0 : err;
}

async long unix_bind(struct file *f, const struct address *a)
{
	struct unix_socket *u = f->data;
	long err;

	if (a->len == FAMILY_BYTES && a->family == AF_UNIX)
		return u->name ? 0 : unix_bind_auto(u);
	if ((err = check_address(a)))
		return err;
	return is_abstract(a) ? name_publish(u, a, NULL) : bind_path(u, a);
}

static struct unix_socket *owner_of(u32 type, const struct address *a, struct inode *ip)
{
	struct unix_name *n;

	guard(&unix_lock);
	n = find_name(type, a, ip);
	if (!n)
		return NULL;
	unix_get(n->owner);
	return n->owner;
}

static async long find_path(const struct address *a, struct unix_socket **out)
{
	struct fs_context *c = socket_fs();
	char path[PATH_BYTES + 1];
	struct dentry *d;
	long r;

	path_of(a, path);
	r = path_walk(c, NULL, path, WALK_FOLLOW, &d);
	if (r)
		return r;
	r = inode_access(c, d->inode, MAY_WRITE);
	*out = r || inode_kind(d->inode) != I_SOCK ? NULL : owner_of(0, a, d->inode);
	dentry_put(d);
	return r;
}

async long unix_find(const struct address *a, u32 type, struct unix_socket **out)
{
	long r = check_address(a);

	if (r)
		return r;
	if (is_abstract(a))
		*out = owner_of(type, a, NULL);
	else if ((r = find_path(a, out)))
		return r;
	if (!*out)
		return -ECONNREFUSED;
	if ((*out)->s.type == type)
		return 0;
	unix_put(*out);
	return -EPROTOTYPE;
}

long unix_get_name(struct file *f, bool peer, struct address *out)
{
	struct unix_socket *u = f->data;

	guard(&unix_lock);
	if (peer && !(u = u->peer))
		return -ENOTCONN;
	*out = (struct address){ .len = FAMILY_BYTES, .family = AF_UNIX };
	if (u->name)
		*out = u->name->address;
	return 0;
}

/* --- connections -------------------------------------------------------------------------------------- */

static void join(struct unix_socket *a, struct unix_socket *b)
{
	unix_get(a);
	unix_get(b);
	a->peer = b;
	b->peer = a;
	a->peer_cred = b->cred;
	b->peer_cred = a->cred;
}

static struct unix_name *name_get(struct unix_name *n)
{
	if (n)
		atomic_fetch_add(&n->refs, 1);
	return n;
}

/* @end becomes the other end of @u and waits to be accepted. */
static async long enter_backlog(struct unix_socket *listener, struct unix_socket *u,
				struct unix_socket *end, bool nowait)
{
	guard(&unix_lock);
	if (u->peer || u->s.listening)
		return u->peer ? -EISCONN : -EINVAL;
	guard(&listener->rq.lock);
	if (!listener->s.listening || listener->eof)
		return -ECONNREFUSED;
	if (listener->waiting > listener->backlog_max)
		return nowait ? -EAGAIN : wait_on(&listener->wq);
	end->cred = listener->cred;
	end->name = name_get(listener->name);
	end->s.pass_cred = listener->s.pass_cred;
	join(u, end);
	backlog_push(listener, end);
	wake_one_locked(&listener->rq);
	return 0;
}

static void discard(struct unix_socket *u)
{
	rights_socket_gone(u);
	unix_put(u);
}

async long unix_connect(struct file *f, const struct address *a)
{
	struct unix_socket *u = f->data, *listener, *end;
	long r;

	if (u->s.pass_cred && !u->name && (r = unix_bind_auto(u)))
		return r;
	r = unix_find(a, u->s.type, &listener);
	if (r)
		return r;
	end = socket_new(u->s.type);
	r = end ? enter_backlog(listener, u, end, f->flags & O_NONBLOCK) : -ENOMEM;
	if (r && end)
		discard(end);
	unix_put(listener);
	return r;
}

/* AF_UNSPEC: nobody's any more. */
async long unix_connect_dgram(struct file *f, const struct address *a)
{
	struct unix_socket *u = f->data, *to = NULL, *old;
	long r = 0;

	if (a->family)
		r = unix_find(a, SOCK_DGRAM, &to);
	if (r)
		return r;
	spin_lock(&unix_lock);
	if (to && to->peer && to->peer != u)
		r = -EPERM;
	old = u->peer;
	if (!r)
		u->peer = to;
	spin_unlock(&unix_lock);
	unix_put(r ? to : old);
	return r;
}

long unix_listen(struct file *f, s32 backlog)
{
	struct unix_socket *u = f->data;

	guard(&unix_lock);
	if (u->peer || !u->name)
		return -EINVAL;
	guard(&u->rq.lock);
	u->backlog_max = min((u32)backlog, 4096u);
	u->s.listening = true;
	u->cred = caller_cred();
	wake_all(&u->wq);
	return 0;
}

static async long take_from_backlog(struct unix_socket *u, bool nowait, struct unix_socket **out)
{
	guard(&u->rq.lock);
	if (!u->s.listening)
		return -EINVAL;
	if ((*out = backlog_pop(u))) {
		wake_all(&u->wq);
		return 0;
	}
	return u->eof ? -EINVAL : unix_wait_data(u, nowait);
}

async long unix_accept(struct file *f, bool nowait, struct file **out)
{
	struct unix_socket *end;
	long r = take_from_backlog(f->data, nowait, &end);

	if (r)
		return r;
	*out = file_for(end, 0);
	if (*out)
		return 0;
	close_socket(end);
	return -ENOMEM;
}

long unix_shutdown(struct file *f, u32 how)
{
	struct unix_socket *u = f->data, *p;

	if (how > SHUT_RDWR)
		return -EINVAL;
	spin_lock(&unix_lock);
	if ((p = u->peer))
		unix_get(p);
	spin_unlock(&unix_lock);
	if (u->s.type != SOCK_DGRAM && !p && !u->s.listening)
		return -ENOTCONN;
	if (how != SHUT_WR)
		end_input(u, 0);
	if (how != SHUT_RD) {
		u->no_send = true;
		if (p && u->s.type != SOCK_DGRAM)
			end_input(p, 0);
	}
	if (p && how != SHUT_WR)
		wake_all(&p->rq);
	unix_put(p);
	return 0;
}

/* --- new ones -------------------------------------------------------------------------------------------- */

static struct file *open_socket(u32 type, u32 flags)
{
	struct unix_socket *u = socket_new(type);
	struct file *f = u ? file_for(u, flags) : NULL;

	if (u && !f)
		discard(u);
	return f;
}

static long check_type(u32 *type)
{
	if (*type == 3)				/* SOCK_RAW, for old programs */
		*type = SOCK_DGRAM;
	return *type == SOCK_STREAM || *type == SOCK_DGRAM || *type == SOCK_SEQPACKET ? 0 : -ESOCKTNOSUPPORT;
}

long unix_create(u32 type, u32 flags, struct file **out)
{
	long err = check_type(&type);

	if (err)
		return err;
	*out = open_socket(type, flags);
	return *out ? 0 : -ENOMEM;
}

long unix_pair(u32 type, u32 flags, struct file **a, struct file **b)
{
	long err = unix_create(type, flags, a);

	if (err)
		return err;
	if ((err = unix_create(type, flags, b))) {
		file_put(*a);
		return err;
	}
	guard(&unix_lock);
	join((*a)->data, (*b)->data);
	return 0;
}

/* --- waiting ----------------------------------------------------------------------------------------------- */

static async long wait_until_timeout(struct waitq *q, u64 timeout, u64 *deadline)
{
	long r;

	if (!timeout)
		return wait_locked(q, WAIT_SIGNAL | WAIT_KILL);
	if (!*deadline)
		*deadline = time_add(clock_now(), timeout);
	else if (clock_now() >= *deadline) {
		*deadline = 0;
		return -EAGAIN;
	}
	r = wait_locked(q, WAIT_SIGNAL | WAIT_KILL);
	if (r == PENDING)
		timer_start(task_current(), *deadline);
	else
		*deadline = 0;
	return r;
}

async long unix_wait_data(struct unix_socket *u, bool nowait)
{
	return nowait ? -EAGAIN : wait_until_timeout(&u->rq, u->s.receive_timeout, &u->s.receive_deadline);
}

async long unix_wait_room(struct unix_socket *to, struct unix_socket *u, bool nowait)
{
	if (nowait)
		return -EAGAIN;
	guard(&to->wq.lock);
	return wait_until_timeout(&to->wq, u->s.send_timeout, &u->s.send_deadline);
}

long unix_take_error(struct unix_socket *u)
{
	long r = u->error;

	u->error = 0;
	return r;
}

/* Of everything but room to send. */
static u32 state_events(const struct unix_socket *u)
{
	const struct unix_socket *p = u->peer;
	bool stream = u->s.type != SOCK_DGRAM;
	u32 events = 0;

	if (bytes_used(&u->ring) || u->waiting)
		events |= POLLIN | POLLRDNORM;
	if (u->error)
		events |= POLLERR;
	if (u->eof)
		events |= POLLIN | POLLRDNORM | POLLRDHUP;
	if (stream && !u->s.listening && (!p || (u->eof && p->eof)))
		events |= POLLHUP;
	if (!stream && u->eof && u->no_send)
		events |= POLLHUP;
	return events;
}

u32 unix_poll_events(struct unix_socket *u, struct poller *p, bool room)
{
	const u32 writable = POLLOUT | POLLWRNORM | POLLWRBAND;

	if (p) {
		guard(&u->rq.lock);
		poll_add_locked(p, &u->rq);
	}
	return state_events(u) | (room && !u->s.listening ? writable : 0);
}

/* --- options ------------------------------------------------------------------------------------------------- */

enum { SO_ERROR = 4, SO_PEERCRED = 17 };

long unix_get_option(struct file *f, u32 option, void *value, u32 *len)
{
	struct unix_socket *u = f->data;
	struct ucred_k c = u->peer_cred;
	s32 error;

	if (option == SO_ERROR) {
		guard(&u->rq.lock);
		error = -unix_take_error(u);
		*len = min(*len, (u32)sizeof(error));
		memcpy(value, &error, *len);
		return 0;
	}
	if (option != SO_PEERCRED)
		return -ENOPROTOOPT;
	if (!u->peer && !u->s.listening)
		c = (struct ucred_k){ 0, ~0u, ~0u };
	*len = min(*len, (u32)sizeof(c));
	memcpy(value, &c, *len);
	return 0;
}

async long unix_ioctl(struct co *co, struct file *f, u32 request, u64 arg)
{
	struct unix_socket *u = f->data;
	s32 n = min(bytes_used(&u->ring), (u64)INT32_MAX);

	if (request == TIOCOUTQ)
		n = u->peer ? min(bytes_used(&u->peer->ring), (u64)INT32_MAX) : 0;
	else if (request != FIONREAD)
		return -ENOTTY;
	if (u->s.listening)
		return -EINVAL;
	return user_put(arg, n);
}
