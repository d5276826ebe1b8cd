/* SPDX-License-Identifier: MIT */
/*
 * message.c: sending to and receiving from sockets.  An exchange is one message on its way between a
 * program's buffers and a socket; it is allocated, for it is too large for a frame.
 */
#include <asm/unistd.h>
#include "core/time.h"
#include "lib/timespec.h"
#include "mem/heap.h"
#include "sys/path.h"
#include "sys/sockets.h"

enum { MSG_PEEK = 2, MSG_CTRUNC = 8, MSG_TRUNC = 0x20, MSG_DONTWAIT = 0x40, MSG_WAITFORONE = 0x10000,
       MSG_OOB = 1, MSG_NOSIGNAL = 0x4000, MSG_CMSG_CLOEXEC = 0x40000000 };
enum { SOL_SOCKET = 1, SCM_RIGHTS = 1, SCM_CREDENTIALS = 2 };
enum { VECS = 8, VECS_MAX = 1024, CONTROL_MAX = 20480, MESSAGES_MAX = 1024 };

struct msghdr_k {
	uaddr_t	name;
	u32	name_len, pad0_;
	uaddr_t	vec;
	u64	vecs;
	uaddr_t	control;
	u64	control_len;
	u32	flags, pad1_;
};
struct cmsg { u64 len; s32 level, type; };

struct exchange {
	struct file	*file;
	struct socket	*s;
	struct uio	u;
	struct message	m;
	struct msghdr_k	h;
	uaddr_t		at;		/* the program's msghdr */
	struct uvec	*vec, few[VECS];
	u8		*control;
	u32		control_used;
};

static long exchange_new(u64 fd, u32 flags, struct exchange **out)
{
	struct exchange *x = heap_zero(sizeof(*x));
	long r;

	if (!x)
		return -ENOMEM;
	if ((r = socket_get(fd, &x->file, &x->s))) {
		heap_free(x);
		return r;
	}
	x->m.flags = flags;
	x->vec = x->few;
	*out = x;
	return 0;
}

static void exchange_free(struct exchange *x)
{
	rights_free(x->m.rights);
	if (x->vec != x->few)
		heap_free(x->vec);
	heap_free(x->control);
	file_put(x->file);
	heap_free(x);
}

static async long read_header(struct exchange *x, uaddr_t at)
{
	long r = user_read(&x->h, at, sizeof(x->h));

	if (r)
		return r;
	x->at = at;
	if ((s32)x->h.name_len < 0)
		return -EINVAL;
	if (x->h.vecs > VECS_MAX)
		return -EMSGSIZE;
	if (x->h.vecs > VECS && x->vec == x->few && !(x->vec = heap_alloc(x->h.vecs * sizeof(*x->vec))))
		return -ENOMEM;
	return uio_init_vec(&x->u, x->vec, x->h.vec, x->h.vecs);
}

/* --- control messages from a program ----------------------------------------------------------------- */

static long add_rights(struct exchange *x, const s32 *fds, u32 n)
{
	struct rights *r = x->m.rights;
	struct file *f;

	if (n > RIGHTS_MAX - (r ? r->count : 0))
		return -EINVAL;
	if (!r) {
		r = x->m.rights = heap_alloc(sizeof(*r) + RIGHTS_MAX * sizeof(r->file[0]));
		if (!r)
			return -ENOMEM;
		r->count = 0;
	}
	for (u32 i = 0; i < n; i++) {
		f = file_current(fds[i]);
		if (f && f->flags & O_PATH) {
			file_put(f);
			f = NULL;
		}
		if (!f)
			return -EBADF;
		r->file[r->count++] = f;
	}
	return 0;
}

/* Only the superuser may claim to be somebody else. */
static long claim(struct exchange *x, const struct ucred_k *c)
{
	struct process *p = process_current();

	if (p->euid && (c->pid != p->pid ||
			(c->uid != p->uid && c->uid != p->euid && c->uid != p->suid) ||
			(c->gid != p->gid && c->gid != p->egid && c->gid != p->sgid)))
		return -EPERM;
	x->m.cred = *c;
	x->m.has_cred = true;
	return 0;
}

static long control_one(struct exchange *x, const struct cmsg *c)
{
	const void *data = c + 1;
	u64 n = c->len - sizeof(*c);

	if (c->level != SOL_SOCKET)
		return 0;
	if (c->type == SCM_RIGHTS)
		return add_rights(x, data, n / sizeof(s32));
	if (c->type == SCM_CREDENTIALS && n == sizeof(struct ucred_k))
		return claim(x, data);
	return -EINVAL;
}

static long control_parse(struct exchange *x)
{
	u64 at = 0, end = x->h.control_len;
	long r = 0;

	while (!r && end - at >= sizeof(struct cmsg)) {
		const struct cmsg *c = (void *)(x->control + at);

		if (c->len < sizeof(*c) || c->len > end - at)
			return -EINVAL;
		r = control_one(x, c);
		at = min(at + align_up(c->len, 8), end);
	}
	if (x->m.rights && !x->m.rights->count) {
		heap_free(x->m.rights);
		x->m.rights = NULL;
	}
	return r;
}

static long control_room(struct exchange *x)
{
	if (!x->h.control_len)
		return 0;
	if (x->h.control_len > CONTROL_MAX)
		return -ENOBUFS;
	x->control = heap_alloc(x->h.control_len);
	return x->control ? 0 : -ENOMEM;
}

/* --- sending ------------------------------------------------------------------------------------------- */

static long sent(struct exchange *x, long r)
{
	if (r == -EPIPE && !x->u.done && x->s->type == 1 && !(x->m.flags & MSG_NOSIGNAL))
		broken_pipe();
	if (x->u.done)
		return x->u.done;
	return r == -EINTR && !x->s->send_timeout ? -ERESTART : r;
}

static async long send_run(struct co *co, struct exchange *x)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (x->m.flags & MSG_OOB)
		return syscall_refuse(-EOPNOTSUPP, "send flags", x->m.flags);
	x->u.nowait = x->file->flags & O_NONBLOCK || x->m.flags & MSG_DONTWAIT;
	do {
		await(r = x->s->ops->send(x->file, &x->u, &x->m));
		if (likely(!x->u.fault))
			break;
		await(r = uio_retry(&x->u, false));
	} while (!r);
	return sent(x, r);
	co_end();
}

static async long sys_sendto(struct co *co, const u64 *a)
{
	struct { struct exchange *x; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = exchange_new(a[0], a[3], &f->x);
	if (r)
		return r;
	uio_init(&f->x->u, a[1], a[2]);
	r = user_range_ok(a[1], a[2]) ? 0 : -EFAULT;
	if (!r && a[4])
		await(r = address_read(&f->x->m.name, a[4], a[5]));
	if (!r)
		await(r = send_run(co, f->x));
	exchange_free(f->x);
	return r;
	co_end();
}

static async long send_message(struct co *co, u64 fd, uaddr_t at, u32 flags)
{
	struct { struct exchange *x; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = exchange_new(fd, flags, &f->x);
	if (r)
		return r;
	await(r = read_header(f->x, at));
	if (!r && f->x->h.name)
		await(r = address_read(&f->x->m.name, f->x->h.name, min(f->x->h.name_len, (u32)ADDRESS_MAX)));
	if (!r)
		r = control_room(f->x);
	if (!r && f->x->control)
		await(r = user_read(f->x->control, f->x->h.control, f->x->h.control_len));
	if (!r && f->x->control)
		r = control_parse(f->x);
	if (!r)
		await(r = send_run(co, f->x));
	exchange_free(f->x);
	return r;
	co_end();
}
static async long sys_sendmsg(struct co *co, const u64 *a) { return send_message(co, a[0], a[1], a[2]); }

/* --- receiving ----------------------------------------------------------------------------------------- */

static long received(struct exchange *x, long r)
{
	if (r < 0 && !x->u.done)
		return r == -EINTR && !x->s->receive_timeout ? -ERESTART : r;
	if (x->m.flags & x->m.told & MSG_TRUNC)
		return x->m.length;
	return x->u.done;
}

static async long receive_run(struct co *co, struct exchange *x)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (x->m.flags & MSG_OOB)
		return -EOPNOTSUPP;
	x->u.nowait = x->file->flags & O_NONBLOCK || x->m.flags & MSG_DONTWAIT;
	do {
		await(r = x->s->ops->receive(x->file, &x->u, &x->m));
		if (likely(!x->u.fault))
			break;
		await(r = uio_retry(&x->u, true));
	} while (!r);
	return received(x, r);
	co_end();
}

static async long sys_recvfrom(struct co *co, const u64 *a)
{
	struct { struct exchange *x; long result; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = exchange_new(a[0], a[3], &f->x);
	if (r)
		return r;
	uio_init(&f->x->u, a[1], a[2]);
	r = user_range_ok(a[1], a[2]) ? 0 : -EFAULT;
	if (!r)
		await(r = receive_run(co, f->x));
	f->result = r;
	if (r >= 0 && a[4]) {
		await(r = address_write(&f->x->m.name, a[4], a[5]));
		if (r)
			f->result = r;
	}
	exchange_free(f->x);
	return f->result;
	co_end();
}

/* One control message behind the others; what has no room is cut off and MSG_CTRUNC told. */
static void control_add(struct exchange *x, s32 type, const void *data, u32 len)
{
	struct cmsg c = { .len = sizeof(c) + len, .level = SOL_SOCKET, .type = type };
	u32 room = min(x->h.control_len, (u64)CONTROL_MAX) - x->control_used;

	if (room < c.len)
		x->m.told |= MSG_CTRUNC;
	if (room < sizeof(c))
		return;
	c.len = min(c.len, (u64)room);
	memcpy(x->control + x->control_used, &c, sizeof(c));
	memcpy(x->control + x->control_used + sizeof(c), data, c.len - sizeof(c));
	x->control_used += min(align_up(c.len, 8), (u64)room);
}

/* As many as there is room for become descriptors. */
static void install_rights(struct exchange *x)
{
	struct files *t = thread_current()->files;
	u32 room = min(x->h.control_len, (u64)CONTROL_MAX) - x->control_used, n = 0;
	u32 most = room > sizeof(struct cmsg) ? (room - sizeof(struct cmsg)) / sizeof(s32) : 0;
	struct rights *r = x->m.rights;
	s32 fds[RIGHTS_MAX];

	for (; n < r->count && n < most; n++) {
		fds[n] = fd_install(t, file_get(r->file[n]), 0, x->m.flags & MSG_CMSG_CLOEXEC);
		if (fds[n] < 0)
			break;
	}
	if (n < r->count)
		x->m.told |= MSG_CTRUNC;
	if (n)
		control_add(x, SCM_RIGHTS, fds, n * sizeof(s32));
}

/* All that goes back besides the bytes, ready to be written. */
static void answer(struct exchange *x)
{
	if (x->s->pass_cred && x->m.has_cred)
		control_add(x, SCM_CREDENTIALS, &x->m.cred, sizeof(x->m.cred));
	if (x->m.rights)
		install_rights(x);
	x->h.control_len = x->control_used;
	x->h.flags = x->m.told | (x->m.flags & MSG_CMSG_CLOEXEC);
}

static async long write_answer(struct exchange *x)
{
	long r = 0;

	if (x->h.name && x->m.name.len)
		r = user_write(x->h.name, &x->m.name.family, min(x->h.name_len, x->m.name.len));
	if (!r && x->h.name)
		r = user_put(x->at + offsetof(struct msghdr_k, name_len), x->m.name.len);
	if (!r && x->control_used)
		r = user_write(x->h.control, x->control, x->control_used);
	if (!r)
		r = user_put(x->at + offsetof(struct msghdr_k, control_len), x->h.control_len);
	return r ? r : user_put(x->at + offsetof(struct msghdr_k, flags), x->h.flags);
}

static long receive_room(struct exchange *x)
{
	u64 n = min(x->h.control_len, (u64)CONTROL_MAX);

	x->control = n ? heap_zero(n) : NULL;
	return n && !x->control ? -ENOMEM : 0;
}

static async long receive_message(struct co *co, u64 fd, uaddr_t at, u32 flags)
{
	struct { struct exchange *x; long result; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = exchange_new(fd, flags, &f->x);
	if (r)
		return r;
	await(r = read_header(f->x, at));
	if (!r)
		r = receive_room(f->x);
	if (!r)
		await(r = receive_run(co, f->x));
	f->result = r;
	if (r >= 0) {
		answer(f->x);
		await(r = write_answer(f->x));
		if (r)
			f->result = r;
	}
	exchange_free(f->x);
	return f->result;
	co_end();
}
static async long sys_recvmsg(struct co *co, const u64 *a) { return receive_message(co, a[0], a[1], a[2]); }

/* --- many at once ---------------------------------------------------------------------------------------- */

enum { MMSG = sizeof(struct msghdr_k) + 8 };

/* A message that fails after others went well is told the next time. */
static async long sys_sendmmsg(struct co *co, const u64 *a)
{
	struct { u32 i; u32 bytes; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < min((u32)a[2], (u32)MESSAGES_MAX); f->i++) {
		await(r = send_message(co, a[0], a[1] + f->i * MMSG, a[3]));
		if (r < 0)
			return f->i ? (long)f->i : r;
		f->bytes = r;
		await(r = user_write(a[1] + f->i * MMSG + sizeof(struct msghdr_k), &f->bytes, sizeof(f->bytes)));
		if (r)
			return f->i ? (long)f->i : r;
	}
	return f->i;
	co_end();
}

static async long read_timeout(uaddr_t at, u64 *deadline)
{
	struct timespec_k ts;
	u64 ns;
	long r;

	*deadline = 0;
	if (!at)
		return 0;
	if ((r = user_get(ts, at)) || (r = timespec_ns(&ts, &ns)))
		return r;
	*deadline = time_add(clock_now(), ns);
	return 0;
}

/* The timeout is looked at after each message, as on Linux. */
static async long sys_recvmmsg(struct co *co, const u64 *a)
{
	struct { u32 i, bytes, flags; u64 deadline; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = read_timeout(a[4], &f->deadline));
	if (r)
		return r;
	f->flags = a[3] & ~(u64)MSG_WAITFORONE;
	for (f->i = 0; f->i < min((u32)a[2], (u32)MESSAGES_MAX); f->i++) {
		await(r = receive_message(co, a[0], a[1] + f->i * MMSG, f->flags));
		if (r < 0)
			return f->i ? (long)f->i : r;
		f->bytes = r;
		await(r = user_write(a[1] + f->i * MMSG + sizeof(struct msghdr_k), &f->bytes, sizeof(f->bytes)));
		if (r)
			return f->i ? (long)f->i : r;
		if (a[3] & MSG_WAITFORONE)
			f->flags |= MSG_DONTWAIT;
		if (f->deadline && clock_now() >= f->deadline)
			return f->i + 1;
	}
	return f->i;
	co_end();
}

const struct syscall message_calls[] = {
	ROW(sendto, 6, 0, "dbuxpu"),
	ROW(recvfrom, 6, 0, "dbuxpp"),
	ROW(sendmsg, 3, 0, "dpx"),
	ROW(recvmsg, 3, 0, "dpx"),
	ROW(sendmmsg, 4, 0, "dpux"),
	ROW(recvmmsg, 5, 0, "dpuxp"),
	{ 0 }
};
