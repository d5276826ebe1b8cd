/* SPDX-License-Identifier: MIT */
/*
 * socket.c: system calls on sockets: making, naming and connecting them, shutting down, options.
 * Sending and receiving: sys/message.c.  Families: net/.
 */
#include <asm/unistd.h>
#include <linux/in.h>
#include "core/time.h"
#include "lib/timespec.h"
#include "sys/path.h"
#include "sys/sockets.h"

enum { SOCK_TYPE = 15, SOCK_NONBLOCK = O_NONBLOCK, SOCK_CLOEXEC = O_CLOEXEC, FAMILIES = 46, TYPES = 11 };
enum { UNIX = 1 };

/* --- who calls, for net/ ----------------------------------------------------------------------------- */

static void caller(struct ucred_k *c)
{
	struct process *p = process_current();

	*c = (struct ucred_k){ p->pid, p->euid, p->egid };
}

static struct fs_context *caller_fs(void) { return fs_current(); }

void socket_calls_init(void)
{
	socket_caller = caller;
	socket_fs = caller_fs;
}

/* --- new ones ------------------------------------------------------------------------------------------ */

static long check_socket(u32 domain, u32 type, u32 protocol)
{
	if (type & ~(u32)(SOCK_TYPE | SOCK_NONBLOCK | SOCK_CLOEXEC) || (domain < FAMILIES && (type & SOCK_TYPE) >= TYPES))
		return -EINVAL;
	if (domain != UNIX)
		return domain < FAMILIES ? syscall_refuse(-EAFNOSUPPORT, "address family", domain) : -EAFNOSUPPORT;
	return protocol && protocol != UNIX ? -EPROTONOSUPPORT : 0;
}

static long install(struct file *f, u32 flags)
{
	return fd_install(thread_current()->files, f, 0, flags & SOCK_CLOEXEC);
}

static async long sys_socket(struct co *co, const u64 *a)
{
	u32 type = a[1];
	struct file *f = NULL;
	long r = check_socket(a[0], type, a[2]);

	if (!r)
		r = unix_create(type & SOCK_TYPE, type & SOCK_NONBLOCK, &f);
	return r ? r : install(f, type);
}

static async long sys_socketpair(struct co *co, const u64 *a)
{
	struct files *t = thread_current()->files;
	u32 type = a[1];
	struct file *ends[2];
	s32 fds[2];
	long r = check_socket(a[0], type, a[2]);

	if (r || (r = user_commit(a[3], sizeof(fds), ACCESS_WRITE)))
		return r;
	if ((r = unix_pair(type & SOCK_TYPE, type & SOCK_NONBLOCK, &ends[0], &ends[1])))
		return r;
	fds[0] = install(ends[0], type);
	fds[1] = install(ends[1], type);
	r = fds[0] < 0 ? fds[0] : fds[1] < 0 ? fds[1] : user_put(a[3], fds);
	for (u32 i = 0; r && i < 2; i++)
		if (fds[i] >= 0)
			fd_close(t, fds[i]);
	return r;
}

long socket_get(u64 fd, struct file **f, struct socket **s)
{
	long r;

	*f = file_current(fd);
	if (!*f)
		return -EBADF;
	*s = file_socket(*f);
	if (*s)
		return 0;
	r = (*f)->flags & O_PATH ? -EBADF : -ENOTSOCK;
	file_put(*f);
	return r;
}

/* --- addresses ----------------------------------------------------------------------------------------- */

async long address_read(struct address *a, uaddr_t at, u32 len)
{
	*a = (struct address){ .len = len };
	if (len > ADDRESS_MAX)
		return -EINVAL;
	return len ? user_read(&a->family, at, len) : 0;
}

/* As much of it as the program has room for, and how long it really is. */
async long address_write(const struct address *a, uaddr_t at, uaddr_t len_at)
{
	s32 room;
	long r = user_get(room, len_at);

	if (r || room < 0)
		return r ? r : -EINVAL;
	if (a->len && (r = user_write(at, &a->family, min((u32)room, a->len))))
		return r;
	return user_put(len_at, a->len);
}

static long not_there(struct file *f) { return -EOPNOTSUPP; }

static async long sys_bind(struct co *co, const u64 *a)
{
	struct address name;
	struct socket *s;
	struct file *f;
	long r = socket_get(a[0], &f, &s);

	if (r)
		return r;
	r = (s32)a[2] < 0 ? -EINVAL : address_read(&name, a[1], a[2]);
	if (!r)
		r = s->ops->bind ? s->ops->bind(f, &name) : not_there(f);
	file_put(f);
	return r;
}

static async long sys_connect(struct co *co, const u64 *a)
{
	struct address name;
	struct socket *s;
	struct file *f;
	long r = socket_get(a[0], &f, &s);

	if (r)
		return r;
	r = (s32)a[2] < 0 ? -EINVAL : address_read(&name, a[1], a[2]);
	if (!r)
		r = s->ops->connect ? s->ops->connect(f, &name) : not_there(f);
	file_put(f);
	return r == -EINTR ? -ERESTART : r;
}

static async long sys_listen(struct co *co, const u64 *a)
{
	struct socket *s;
	struct file *f;
	long r = socket_get(a[0], &f, &s);

	if (r)
		return r;
	r = s->ops->listen ? s->ops->listen(f, a[1]) : not_there(f);
	file_put(f);
	return r;
}

static async long name_call(const u64 *a, bool peer)
{
	struct address name;
	struct socket *s;
	struct file *f;
	long r = socket_get(a[0], &f, &s);

	if (r)
		return r;
	r = s->ops->name(f, peer, &name);
	file_put(f);
	return r ? r : address_write(&name, a[1], a[2]);
}
static async long sys_getsockname(struct co *co, const u64 *a) { return name_call(a, false); }
static async long sys_getpeername(struct co *co, const u64 *a) { return name_call(a, true); }

static async long accept_file(struct co *co, struct file *file, u32 flags, struct file **new)
{
	struct socket *s = file->data;
	long r = s->ops->accept ? s->ops->accept(file, file->flags & O_NONBLOCK, new) : not_there(file);

	if (!r)
		(*new)->flags |= flags & SOCK_NONBLOCK;
	return r;
}

static async long accept_call(struct co *co, const u64 *a, u32 flags)
{
	struct { struct file *file, *new; struct socket *s; struct address name; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (flags & ~(u32)(SOCK_NONBLOCK | SOCK_CLOEXEC))
		return -EINVAL;
	r = socket_get(a[0], &f->file, &f->s);
	if (r)
		return r;
	await(r = accept_file(co, f->file, flags, &f->new));
	file_put(f->file);
	if (r)
		return r == -EINTR ? -ERESTART : r;
	if (a[1]) {
		if (f->s->ops->name(f->new, true, &f->name))
			f->name.len = 0;
		await(r = address_write(&f->name, a[1], a[2]));
		if (r) {
			file_put(f->new);
			return r;
		}
	}
	return install(f->new, flags);
	co_end();
}
static async long sys_accept(struct co *co, const u64 *a) { return accept_call(co, a, 0); }
static async long sys_accept4(struct co *co, const u64 *a) { return accept_call(co, a, a[3]); }

static async long sys_shutdown(struct co *co, const u64 *a)
{
	struct socket *s;
	struct file *f;
	long r = socket_get(a[0], &f, &s);

	if (r)
		return r;
	r = s->ops->shutdown(f, a[1]);
	file_put(f);
	return r;
}

/* --- options ------------------------------------------------------------------------------------------- */

enum {
	SOL_SOCKET = 1, SO_DEBUG = 1, SO_REUSEADDR, SO_TYPE, SO_ERROR, SO_DONTROUTE, SO_BROADCAST, SO_SNDBUF,
	SO_RCVBUF, SO_KEEPALIVE, SO_OOBINLINE, SO_NO_CHECK, SO_PRIORITY, SO_LINGER, SO_REUSEPORT = 15,
	SO_PASSCRED, SO_PEERCRED, SO_RCVLOWAT, SO_SNDLOWAT, SO_RCVTIMEO, SO_SNDTIMEO, SO_TIMESTAMP = 29,
	SO_ACCEPTCONN, SO_SNDBUFFORCE = 32, SO_RCVBUFFORCE, SO_PROTOCOL = 38, SO_DOMAIN,
	SO_RCVTIMEO_NEW = 66, SO_SNDTIMEO_NEW,
};
enum { SEND_MIN = 4608, RECEIVE_MIN = 2304, BUFFER_MAX = 212992 };

/* Those that are remembered and change nothing on a socket of this machine. */
static const u64 kept = 1ul << SO_DEBUG | 1ul << SO_REUSEADDR | 1ul << SO_DONTROUTE | 1ul << SO_BROADCAST |
			1ul << SO_KEEPALIVE | 1ul << SO_OOBINLINE | 1ul << SO_NO_CHECK | 1ul << SO_REUSEPORT |
			1ul << SO_TIMESTAMP;

static long get_number(struct socket *s, u32 option, s32 *v)
{
	if (option < 64 && kept >> option & 1) {
		*v = s->options >> option & 1;
		return 0;
	}
	switch (option) {
	case SO_TYPE: *v = s->type; return 0;
	case SO_DOMAIN: *v = s->domain; return 0;
	case SO_PROTOCOL: *v = 0; return 0;
	case SO_ACCEPTCONN: *v = s->listening; return 0;
	case SO_SNDBUF: *v = s->send_size; return 0;
	case SO_RCVBUF: *v = s->receive_size; return 0;
	case SO_PASSCRED: *v = s->pass_cred; return 0;
	case SO_PRIORITY: *v = 0; return 0;
	case SO_RCVLOWAT: case SO_SNDLOWAT: *v = 1; return 0;
	}
	return -ENOPROTOOPT;
}

static bool is_timeout(u32 option)
{
	return option == SO_RCVTIMEO || option == SO_SNDTIMEO || option == SO_RCVTIMEO_NEW || option == SO_SNDTIMEO_NEW;
}

static u64 *timeout_of(struct socket *s, u32 option)
{
	return option == SO_RCVTIMEO || option == SO_RCVTIMEO_NEW ? &s->receive_timeout : &s->send_timeout;
}

static long get_option(struct file *f, u32 option, void *value, u32 *len)
{
	struct socket *s = f->data;
	struct timeval_k tv;
	u64 linger = 0;
	s32 v = 0;
	long r;

	if (is_timeout(option)) {
		tv = ns_timeval(*timeout_of(s, option));
		*len = min(*len, (u32)sizeof(tv));
		memcpy(value, &tv, *len);
		return 0;
	}
	if (option == SO_LINGER) {
		*len = min(*len, (u32)sizeof(linger));
		memcpy(value, &linger, *len);
		return 0;
	}
	r = get_number(s, option, &v);
	if (r)
		return s->ops->get ? s->ops->get(f, option, value, len) : r;
	*len = min(*len, (u32)sizeof(v));
	memcpy(value, &v, *len);
	return 0;
}

enum { OPTION_MAX = 64 };

static async long sys_getsockopt(struct co *co, const u64 *a)
{
	u8 value[OPTION_MAX] = { 0 };
	struct socket *s;
	struct file *f;
	u32 len = 0;
	s32 room;
	long r = socket_get(a[0], &f, &s);

	if (r)
		return r;
	if (!(r = user_get(room, a[4]))) {
		len = min((u32)room, (u32)OPTION_MAX);
		r = room < 0 ? -EINVAL : (u32)a[1] != SOL_SOCKET ? -EOPNOTSUPP : get_option(f, a[2], value, &len);
		if (r == -ENOPROTOOPT)
			r = syscall_refuse(r, "socket option", (u32)a[2]);
	}
	file_put(f);
	if (r || (r = user_put(a[4], len)))
		return r;
	return user_write(a[3], value, len);
}

static long set_timeout(struct socket *s, u32 option, const void *value, u32 len)
{
	struct timeval_k tv;
	u64 ns;

	if (len < sizeof(tv))
		return -EINVAL;
	memcpy(&tv, value, sizeof(tv));
	if ((u64)tv.usec >= US_PER_S)
		return -EDOM;
	if (timeval_ns(&tv, &ns))
		ns = 1;				/* negative: at once */
	*timeout_of(s, option) = ns;
	return 0;
}

static long set_number(struct socket *s, u32 option, s32 v)
{
	if (option < 64 && kept >> option & 1) {
		s->options = (s->options & ~(1ul << option)) | (u64)!!v << option;
		return 0;
	}
	switch (option) {
	case SO_SNDBUF: case SO_SNDBUFFORCE:
		s->send_size = max(min((u32)v, (u32)BUFFER_MAX) * 2, (u32)SEND_MIN);
		return 0;
	case SO_RCVBUF: case SO_RCVBUFFORCE:
		s->receive_size = max(min((u32)v, (u32)BUFFER_MAX) * 2, (u32)RECEIVE_MIN);
		return 0;
	case SO_PASSCRED:
		s->pass_cred = v;
		return 0;
	case SO_PRIORITY: case SO_RCVLOWAT: case SO_LINGER:
		return 0;
	}
	return syscall_refuse(-ENOPROTOOPT, "socket option", option);
}

static long set_option(struct socket *s, u32 option, const u8 *value, u32 len)
{
	s32 v;

	if (is_timeout(option))
		return set_timeout(s, option, value, len);
	if (len < sizeof(v))
		return -EINVAL;
	memcpy(&v, value, sizeof(v));
	return set_number(s, option, v);
}

static async long sys_setsockopt(struct co *co, const u64 *a)
{
	u8 value[OPTION_MAX] = { 0 };
	u32 len = min((u32)a[4], (u32)OPTION_MAX);
	struct socket *s;
	struct file *f;
	long r = socket_get(a[0], &f, &s);

	if (r)
		return r;
	r = (s32)a[4] < 0 ? -EINVAL : user_read(value, a[3], len);
	if (!r)
		r = (u32)a[1] == SOL_SOCKET ? set_option(s, a[2], value, len) : -EOPNOTSUPP;
	file_put(f);
	return r;
}

const struct syscall socket_calls[] = {
	ROW(socket, 3, 0, "dxd"),
	ROW(socketpair, 4, 0, "dxdp"),
	ROW(bind, 3, 0, "dpu"),
	ROW(listen, 2, 0, "dd"),
	ROW(accept, 3, 0, "dpp"),
	ROW(accept4, 4, 0, "dppf"),
	ROW(connect, 3, 0, "dpu"),
	ROW(getsockname, 3, 0, "dpp"),
	ROW(getpeername, 3, 0, "dpp"),
	ROW(setsockopt, 5, 0, "dddpu"),
	ROW(getsockopt, 5, 0, "dddpp"),
	ROW(shutdown, 2, 0, "dd"),
	{ 0 }
};
