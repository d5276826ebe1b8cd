/* SPDX-License-Identifier: MIT */
/*
 * file.c: calls on open files: open, close, read, write, seek, dup, fcntl, ioctl, and copies from
 * file to file.  Transfers keep their progress in a uio in the frame: it survives waits and pages of
 * the program that must be brought in first.
 */
#include <asm/ioctls.h>
#include <asm/unistd.h>
#include <linux/close_range.h>
#include <linux/falloc.h>
#include <linux/memfd.h>
#include <linux/openat2.h>
#include <linux/random.h>
#include <linux/resource.h>
#include <linux/signal.h>
#include <string.h>
#include "dev/driver.h"
#include "fs/change.h"
#include "fs/anon.h"
#include "fs/fdtable.h"
#include "fs/locks.h"
#include "fs/pipe.h"
#include "fs/pty.h"
#include "fs/seals.h"
#include "fs/sync.h"
#include "lib/print.h"
#include "mem/heap.h"
#include "sys/path.h"
#include "sys/sockets.h"
#include "sys/transfer.h"

enum { SEEK_DATA_AT = 3, SEEK_HOLE_AT = 4 };
enum { FLOCK_SH = 1, FLOCK_EX = 2, FLOCK_NB = 4, FLOCK_UN = 8 };

/* --- read and write ------------------------------------------------------------------------------ */

__attribute__((noinline)) long broken_pipe(void)
{
	struct thread *t = thread_current();
	struct siginfo_k info = { .signo = SIGPIPE, .code = SI_USER, .pid = t->proc->pid,
				  .uid = t->proc->uid };

	signal_send_thread(t, &info);
	return -EPIPE;
}

/* What the program gets for a transfer that ended with @r. */
static inline long moved(struct uio *u, long r)
{
	if (unlikely(r == -EPIPE))
		broken_pipe();
	if (likely(u->done))
		return u->done;
	return r == -EINTR ? -ERESTART : r;
}

static long check_transfer(struct file *f, const u64 *a, bool write)
{
	if (!(write ? file_writable(f) : file_readable(f)))
		return -EBADF;
	if (!user_range_ok(a[1], a[2]))
		return -EFAULT;
	return (write ? f->ops->write : f->ops->read) ? 0 : -EINVAL;
}

/* RLIMIT_FSIZE: SIGXFSZ for who writes or extends a file beyond it. */
long size_exceeded(void)
{
	struct thread *t = thread_current();
	struct siginfo_k info = { .signo = SIGXFSZ, .code = SI_KERNEL };

	signal_send_thread(t, &info);
	return -EFBIG;
}

/* A regular file may grow up to the limit: @u is cut there. */
static __attribute__((noinline)) long limit_write(struct file *f, struct uio *u, u64 pos, u64 limit)
{
	if (inode_kind(f->inode) != I_REG || !u->left)
		return 0;
	if (f->flags & O_APPEND)
		pos = file_size(f);
	if (pos >= limit)
		return size_exceeded();
	u->left = min(u->left, limit - pos);
	return 0;
}

static inline long check_size(struct file *f, struct uio *u, u64 pos)
{
	u64 limit = process_current()->limits[RLIMIT_FSIZE].cur;

	return likely(limit == RLIM_INFINITY) ? 0 : limit_write(f, u, pos, limit);
}

/* One buffer, at the file's own position. */
static inline __attribute__((always_inline)) async long
transfer_one(struct co *co, const u64 *a, const bool write)
{
	struct { struct file *file; struct uio u; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->file = file_current(a[0]);
	if (unlikely(!f->file))
		return -EBADF;
	r = check_transfer(f->file, a, write);
	if (unlikely(r)) {
		file_put(f->file);
		return r;
	}
	uio_init(&f->u, a[1], a[2]);
	f->u.nowait = f->file->flags & O_NONBLOCK;
	if (write && unlikely(r = check_size(f->file, &f->u, f->file->pos))) {
		file_put(f->file);
		return r;
	}
	do {
		if (write)
			await(r = f->file->ops->write(co, f->file, &f->u, &f->file->pos));
		else
			await(r = f->file->ops->read(co, f->file, &f->u, &f->file->pos));
		if (likely(!f->u.fault))
			break;
		await(r = uio_retry(&f->u, !write));
	} while (!r);
	file_put(f->file);
	return moved(&f->u, r);
	co_end();
}

static async long sys_read(struct co *co, const u64 *a) { return transfer_one(co, a, false); }
static async long sys_write(struct co *co, const u64 *a) { return transfer_one(co, a, true); }

/* In one go, when that is all it takes. */
static async long quick_read(struct co *co, const u64 *a)
{
	struct file *f = fd_borrow(thread_current()->files, (u32)a[0]);

	return likely(f && file_readable(f) && f->ops->try_read) ? f->ops->try_read(f, a[1], a[2]) : NOT_NOW;
}

static async long quick_write(struct co *co, const u64 *a)
{
	struct file *f = fd_borrow(thread_current()->files, (u32)a[0]);

	return likely(f && file_writable(f) && f->ops->try_write) ? f->ops->try_write(f, a[1], a[2]) :
								    NOT_NOW;
}

/* The rest of the family: buffers or a position of their own. */
enum { MAX_INLINE_VECS = 8 };

struct transfer {
	struct file	*file;
	struct uio	u;
	u64		pos, *at;		/* explicit position, or the file's */
	bool		write;
	struct uvec	*vec, few[MAX_INLINE_VECS];
};

static long transfer_file(struct transfer *t, u64 fd, bool write)
{
	t->write = write;
	t->vec = NULL;
	t->file = file_current(fd);
	if (!t->file)
		return -EBADF;
	t->at = &t->file->pos;
	if (!(write ? file_writable(t->file) : file_readable(t->file)))
		return -EBADF;
	return (write ? t->file->ops->write : t->file->ops->read) ? 0 : -EINVAL;
}

static long transfer_position(struct transfer *t, s64 pos)
{
	if (pos < 0)
		return -EINVAL;
	if (!t->file->ops->seek || t->file->ops->seek == anon_seek)
		return -ESPIPE;
	t->pos = pos;
	t->at = &t->pos;
	return 0;
}

static long transfer_end(struct transfer *t, long r)
{
	if (t->vec != t->few)
		heap_free(t->vec);
	file_put(t->file);
	return r;
}

static long transfer_room(struct transfer *t, u64 n)
{
	if (n > 1024)
		return -EINVAL;
	t->vec = n <= MAX_INLINE_VECS ? t->few : heap_alloc(n * sizeof(*t->vec));
	return t->vec ? 0 : -ENOMEM;
}

static async long transfer_run(struct co *co, struct transfer *t)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	t->u.nowait = t->file->flags & O_NONBLOCK;
	if (t->write && unlikely(r = check_size(t->file, &t->u, *t->at)))
		return r;
	do {
		if (t->write)
			await(r = t->file->ops->write(co, t->file, &t->u, t->at));
		else
			await(r = t->file->ops->read(co, t->file, &t->u, t->at));
		if (likely(!t->u.fault))
			break;
		await(r = uio_retry(&t->u, !t->write));
	} while (!r);
	return moved(&t->u, r);
	co_end();
}

/* @pos: explicit position or -1 for the file's own. */
async long transfer_vector(struct co *co, const u64 *a, bool write, bool at, s64 pos)
{
	struct { struct transfer t; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = transfer_file(&f->t, (u32)a[0], write);
	if (!r && at)
		r = transfer_position(&f->t, pos);
	if (!r)
		r = transfer_room(&f->t, a[2]);
	if (!r)
		await(r = uio_init_vec(&f->t.u, f->t.vec, a[1], a[2]));
	if (!r)
		await(r = transfer_run(co, &f->t));
	return transfer_end(&f->t, r);
	co_end();
}

static async long transfer_at(struct co *co, const u64 *a, bool write)
{
	struct { struct transfer t; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = transfer_file(&f->t, (u32)a[0], write);
	if (!r)
		r = transfer_position(&f->t, a[3]);
	if (!r && !user_range_ok(a[1], a[2]))
		r = -EFAULT;
	if (!r) {
		uio_init(&f->t.u, a[1], a[2]);
		await(r = transfer_run(co, &f->t));
	}
	return transfer_end(&f->t, r);
	co_end();
}

static async long sys_pread64(struct co *co, const u64 *a) { return transfer_at(co, a, false); }
static async long sys_pwrite64(struct co *co, const u64 *a) { return transfer_at(co, a, true); }
static async long sys_readv(struct co *co, const u64 *a)
{
	return transfer_vector(co, a, false, false, 0);
}
static async long sys_writev(struct co *co, const u64 *a)
{
	return transfer_vector(co, a, true, false, 0);
}
static async long sys_preadv(struct co *co, const u64 *a)
{
	return transfer_vector(co, a, false, true, a[3]);
}
static async long sys_pwritev(struct co *co, const u64 *a)
{
	return transfer_vector(co, a, true, true, a[3]);
}

enum { RWF_HIPRI = 1, RWF_DSYNC = 2, RWF_SYNC = 4 };
static async long sync_fd(struct co *co, u64 fd);

/* On 64-bit machines the position is whole in a[3]; -1 means the file's own. */
static async long transfer_v2(struct co *co, const u64 *a, bool write)
{
	const u32 sync = write ? RWF_DSYNC | RWF_SYNC : 0;
	struct { long moved; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[5] & ~(RWF_HIPRI | sync))
		return syscall_refuse(-EOPNOTSUPP, write ? "pwritev2 flags" : "preadv2 flags", (u32)a[5]);
	await(f->moved = transfer_vector(co, a, write, a[3] != ~0ul, a[3]));
	if (f->moved <= 0 || !(a[5] & sync))
		return f->moved;
	await(r = sync_fd(co, a[0]));
	return r && r != -EINVAL ? r : f->moved;	/* -EINVAL: a file that is nowhere but here */
	co_end();
}
static async long sys_preadv2(struct co *co, const u64 *a) { return transfer_v2(co, a, false); }
static async long sys_pwritev2(struct co *co, const u64 *a) { return transfer_v2(co, a, true); }

static long seek(struct file *f, s64 offset, u32 whence, struct change **g)
{
	bool data = whence == SEEK_DATA_AT || whence == SEEK_HOLE_AT;

	if (f->flags & O_PATH)
		return -EBADF;
	if (!f->ops->seek)
		return -ESPIPE;
	if (!data || !f->inode || !f->inode->fs->disk || inode_kind(f->inode) != I_REG)
		return f->ops->seek(f, offset, whence);
	return offset < 0 ? -ENXIO : change_seek(f->inode, offset, whence == SEEK_HOLE_AT, g);
}

static async long sys_lseek(struct co *co, const u64 *a)
{
	struct { struct file *file; struct change *g; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->file = file_current(a[0]);
	f->g = NULL;
	if (!f->file)
		return -EBADF;
	r = seek(f->file, a[1], (u32)a[2], &f->g);
	if (f->g) {
		await(r = change_end(&f->g));
		if (r >= 0)
			f->file->pos = r;
	}
	file_put(f->file);
	return r;
	co_end();
}

/* --- open and close --------------------------------------------------------------------------------- */

struct opening { struct file *file; struct change *more; };

static async long open_path(s32 dirfd, uaddr_t path, u32 flags, u32 mode, u32 walk, struct opening *o)
{
	struct place p;
	long r = place_get(&p, dirfd, path, 0);

	if (r)
		return r;
	r = path_open(fs_current(), p.at, p.path, flags | O_LARGEFILE, mode, walk | WALK_WORDS,
		      &o->file, &o->more);
	place_put(&p);
	return place_note(r, p.path);
}

/* Waiting for a disk or a fifo's other side.  What creates and truncates must not be done again. */
static async long open_rest(struct co *co, const struct opening *o, u32 flags)
{
	struct { struct opening o; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->o = *o;
	r = 0;
	while (!r && f->o.more)
		await(r = path_open_more(fs_current(), flags, &f->o.file, &f->o.more));
	if (r)
		return r;
	await(r = file_open_wait(f->o.file));
	if (r) {
		file_put(f->o.file);
		return r == -EINTR ? -ERESTART : r;
	}
	return fd_install(thread_current()->files, f->o.file, 0, flags & O_CLOEXEC);
	co_end();
}

static inline async long open_file(struct co *co, const u64 *a, u32 flags, u32 mode, u32 walk)
{
	struct opening o = { NULL, NULL };
	long r;

	if (likely(!co_line(co))) {
		r = open_path((s32)a[0], a[1], flags, mode, walk, &o);
		if (unlikely(r))
			return r;
		if (likely(!o.more && inode_kind(o.file->inode) != I_FIFO))
			return fd_install(thread_current()->files, o.file, 0, flags & O_CLOEXEC);
	}
	return open_rest(co, &o, flags);
}

static async long sys_openat(struct co *co, const u64 *a)
{
	return open_file(co, a, (u32)a[2], (u32)a[3], 0);
}

static long resolve_flags(u64 resolve, u32 *walk)
{
	static const struct { u64 flag; u32 walk; } map[] = {
		{ RESOLVE_NO_XDEV, WALK_NO_XDEV }, { RESOLVE_NO_MAGICLINKS, WALK_NO_MAGIC },
		{ RESOLVE_NO_SYMLINKS, WALK_NO_LINKS }, { RESOLVE_BENEATH, WALK_BENEATH },
		{ RESOLVE_IN_ROOT, WALK_IN_ROOT }, { RESOLVE_CACHED, WALK_CACHED },
	};

	*walk = 0;
	if ((resolve & (RESOLVE_BENEATH | RESOLVE_IN_ROOT)) == (RESOLVE_BENEATH | RESOLVE_IN_ROOT))
		return -EINVAL;
	for (u32 i = 0; i < ARRAY_SIZE(map); i++)
		if (resolve & map[i].flag) {
			resolve &= ~map[i].flag;
			*walk |= map[i].walk;
		}
	return resolve ? syscall_refuse(-EINVAL, "openat2 resolve", resolve) : 0;
}

static async long open_how_get(uaddr_t at, u64 size, struct open_how *how)
{
	if (size < sizeof(*how))
		return -EINVAL;
	if (size > sizeof(*how))
		return syscall_refuse(-E2BIG, "openat2 size", size);
	return user_read(how, at, sizeof(*how));
}

static async long sys_openat2(struct co *co, const u64 *a)
{
	struct open_how how;
	u32 walk;
	long r = open_how_get(a[2], a[3], &how);

	if (r || (r = resolve_flags(how.resolve, &walk)))
		return r;
	if (how.flags >> 32 || how.mode & ~(u64)I_PERM)
		return -EINVAL;
	if (walk & WALK_CACHED && how.flags & (O_CREAT | O_TRUNC | __O_TMPFILE))
		return -EAGAIN;
	return open_file(co, a, how.flags, how.mode, walk);
}

static async long sys_close(struct co *co, const u64 *a)
{
	return fd_close(thread_current()->files, (u32)a[0]);
}

static async long sys_close_range(struct co *co, const u64 *a)
{
	struct files *t = thread_current()->files;
	u32 first = a[0], last = a[1], flags = a[2];
	s64 fd = (s64)first - 1;

	if (flags & ~CLOSE_RANGE_CLOEXEC)
		return syscall_refuse(-EINVAL, "close_range flags", flags);
	if (first > last)
		return -EINVAL;
	while ((fd = fd_next(t, fd)) >= 0 && fd <= last) {
		if (flags & CLOSE_RANGE_CLOEXEC)
			fd_cloexec(t, fd, true, true);
		else
			fd_close(t, fd);
	}
	return 0;
}

static async long sys_pipe2(struct co *co, const u64 *a)
{
	struct files *t = thread_current()->files;
	u32 flags = a[1];
	struct file *ends[2];
	s32 fds[2];
	long r;

	if (flags & ~(O_CLOEXEC | O_NONBLOCK))
		return syscall_refuse(-EINVAL, "pipe2 flags", flags);
	if ((r = user_commit(a[0], sizeof(fds), ACCESS_WRITE)))
		return r;
	r = pipe_create(flags & O_NONBLOCK, &ends[0], &ends[1]);
	if (r)
		return r;
	ends[0]->inode->uid = fs_current()->fsuid;
	ends[0]->inode->gid = fs_current()->fsgid;
	fds[0] = fd_install(t, ends[0], 0, flags & O_CLOEXEC);
	if (fds[0] < 0) {
		file_put(ends[1]);
		return fds[0];
	}
	fds[1] = fd_install(t, ends[1], 0, flags & O_CLOEXEC);
	if (fds[1] >= 0 && !(r = user_put(a[0], fds)))
		return 0;
	fd_close(t, fds[0]);
	if (fds[1] >= 0)
		fd_close(t, fds[1]);
	return fds[1] < 0 ? fds[1] : r;
}

static async long sys_dup(struct co *co, const u64 *a)
{
	struct file *f = file_current(a[0]);

	return f ? fd_install(thread_current()->files, f, 0, false) : -EBADF;
}

static async long sys_dup3(struct co *co, const u64 *a)
{
	struct file *f;

	if ((u32)a[0] == (u32)a[1] || (u32)a[2] & ~O_CLOEXEC)
		return -EINVAL;
	f = file_current(a[0]);
	return f ? fd_install_at(thread_current()->files, f, (u32)a[1], a[2] & O_CLOEXEC) : -EBADF;
}

static async long sys_memfd_create(struct co *co, const u64 *a)
{
	enum { NOEXEC_SEAL = 8, EXEC = 16 };
	static const char prefix[] = "/memfd:", suffix[] = " (deleted)";
	char name[NAME_MAX_LEN + 1] = "/memfd:";
	u32 flags = a[1];
	struct inode *ip;
	struct dentry *d;
	struct file *f = NULL;
	long r = user_string(name + sizeof(prefix) - 1, a[0], sizeof(name) - sizeof(prefix) - sizeof(suffix));

	if (r < 0)
		return r == -ENAMETOOLONG ? -EINVAL : r;
	if (flags & ~(u32)(MFD_CLOEXEC | MFD_ALLOW_SEALING | NOEXEC_SEAL | EXEC))
		return syscall_refuse(-EINVAL, "memfd_create flags", flags);
	if (flags & NOEXEC_SEAL && flags & EXEC)
		return -EINVAL;
	memcpy(name + sizeof(prefix) - 1 + r, suffix, sizeof(suffix));
	ip = tmpfs_inode(&anon_fs, I_REG | (flags & NOEXEC_SEAL ? 0666 : 0777), 0);
	if (ip && flags & (MFD_ALLOW_SEALING | NOEXEC_SEAL))
		seals_allow(ip, flags & NOEXEC_SEAL ? SEAL_EXEC : 0);
	d = ip ? dentry_free_standing(name, ip) : NULL;
	inode_put(ip);
	r = d ? dentry_open(d, O_RDWR | O_LARGEFILE, &f) : -ENOMEM;
	dentry_put(d);
	return r ? r : fd_install(thread_current()->files, f, 0, flags & MFD_CLOEXEC);
}

/* --- fcntl, flock, ioctl -------------------------------------------------------------------------------- */

static long set_flags(struct file *f, u32 flags)
{
	const u32 may = O_APPEND | O_NONBLOCK | O_NOATIME | O_DIRECT | FASYNC;

	f->flags = (f->flags & ~may) | (flags & may);
	return 0;
}

/* struct flock to a range; -EINVAL, -EOVERFLOW. */
static long flock_range(struct file *f, const struct flock *l, struct lock_range *r)
{
	static const u8 types[] = { [F_RDLCK] = LOCK_READ, [F_WRLCK] = LOCK_EXCLUSIVE, [F_UNLCK] = LOCK_NONE };
	s64 base = l->l_whence == 1 ? (s64)f->pos : l->l_whence == 2 ? (s64)file_size(f) : 0, start, end;

	if ((u16)l->l_whence > 2 || (u16)l->l_type > F_UNLCK)
		return -EINVAL;
	if (__builtin_add_overflow(base, (s64)l->l_start, &start) ||
	    __builtin_add_overflow(start, (s64)l->l_len, &end))
		return -EOVERFLOW;
	r->start = l->l_len < 0 ? end : start;
	r->end = l->l_len < 0 ? start - 1 : l->l_len ? end - 1 : INT64_MAX;
	r->type = types[l->l_type];
	return min(start, end) < 0 ? -EINVAL : 0;
}

static async long test_lock(struct file *f, uaddr_t at, struct flock *l, struct lock_range *r)
{
	if (l->l_type == F_UNLCK)
		return -EINVAL;
	if (lock_test(f->inode, r)) {
		l->l_type = r->type == LOCK_READ ? F_RDLCK : F_WRLCK;
		l->l_whence = 0;
		l->l_start = r->start;
		l->l_len = r->end == INT64_MAX ? 0 : r->end - r->start + 1;
		l->l_pid = r->pid;
	} else {
		l->l_type = F_UNLCK;
	}
	return user_write(at, l, sizeof(*l));
}

static bool may_lock(const struct file *f, enum lock_type type)
{
	return type == LOCK_READ ? file_readable(f) : type == LOCK_NONE || file_writable(f);
}

/* What a program waited for after another thread had closed the descriptor nobody would give up. */
static long lock_kept(struct file *f, u64 fd, struct lock_range *r)
{
	struct file *now = file_current(fd);
	bool closed = now != f;
	long err;

	file_put(now);
	if (!closed || r->type == LOCK_NONE)
		return 0;
	r->type = LOCK_NONE;
	err = lock_set(f->inode, r, false);
	return err ? err : -EBADF;
}

static async long record_lock(struct file *f, u64 fd, u32 cmd, uaddr_t at)
{
	bool ofd = cmd == F_OFD_GETLK || cmd == F_OFD_SETLK || cmd == F_OFD_SETLKW;
	struct lock_range r = { .kind = LOCK_RECORD };
	struct flock l;
	long err = user_get(l, at);

	if (err || (err = flock_range(f, &l, &r)))
		return err;
	if (ofd && l.l_pid)
		return -EINVAL;
	r.owner = ofd ? (void *)f : thread_current()->files;
	r.pid = ofd ? -1 : thread_current()->proc->pid;
	if (cmd == F_GETLK || cmd == F_OFD_GETLK)
		return test_lock(f, at, &l, &r);
	if (!may_lock(f, r.type))
		return -EBADF;
	err = lock_set(f->inode, &r, cmd == F_SETLKW || cmd == F_OFD_SETLKW);
	if (!err && !ofd)
		err = lock_kept(f, fd, &r);
	return err == -EINTR ? -ERESTART : err;
}

static long pipe_size_call(struct file *f, bool set, u64 size)
{
	if (inode_kind(f->inode) != I_FIFO)
		return -EBADF;
	if (!set)
		return pipe_size(f);
	return size > 1ul << 31 ? -EINVAL : pipe_set_size(f, size, !process_current()->euid);
}

static async long file_control(struct file *f, u64 fd, u32 cmd, u64 arg)
{
	struct files *t = thread_current()->files;

	switch (cmd) {
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return fd_install(t, file_get(f), (u32)arg, cmd == F_DUPFD_CLOEXEC);
	case F_GETFD:
		return fd_cloexec(t, fd, false, false);
	case F_SETFD:
		fd_cloexec(t, fd, true, arg & FD_CLOEXEC);
		return 0;
	case F_GETFL:
		return f->flags & O_PATH ? f->flags & ~O_ACCMODE : f->flags;
	}
	if (f->flags & O_PATH)
		return -EBADF;
	switch (cmd) {
	case F_SETFL:
		return set_flags(f, arg);
	case F_GETLK: case F_SETLK: case F_SETLKW:
	case F_OFD_GETLK: case F_OFD_SETLK: case F_OFD_SETLKW:
		return record_lock(f, fd, cmd, arg);
	case F_GETPIPE_SZ: case F_SETPIPE_SZ:
		return pipe_size_call(f, cmd == F_SETPIPE_SZ, (u32)arg);
	case F_GET_SEALS:
		return seals_get(f->inode);
	case F_ADD_SEALS:
		return seals_add(f, (u32)arg);
	case F_GETOWN: case F_SETOWN:
		return 0;
	}
	return syscall_refuse(-EINVAL, "fcntl command", cmd);
}

static async long sys_fcntl(struct co *co, const u64 *a)
{
	struct { struct file *file; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->file = file_current(a[0]);
	if (!f->file)
		return -EBADF;
	await(r = file_control(f->file, (u32)a[0], (u32)a[1], a[2]));
	file_put(f->file);
	return r;
	co_end();
}

static async long file_lock(struct file *f, u32 op, bool wait)
{
	struct lock_range r = { .kind = LOCK_WHOLE, .owner = f, .pid = -1, .end = INT64_MAX };
	long err;

	if (f->flags & O_PATH)
		return -EBADF;
	if (op != FLOCK_SH && op != FLOCK_EX && op != FLOCK_UN)
		return -EINVAL;
	r.type = op == FLOCK_SH ? LOCK_READ : op == FLOCK_EX ? LOCK_EXCLUSIVE : LOCK_NONE;
	err = lock_set(f->inode, &r, wait);
	return err == -EINTR ? -ERESTART : err;
}

static async long sys_flock(struct co *co, const u64 *a)
{
	struct { struct file *file; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->file = file_current(a[0]);
	if (!f->file)
		return -EBADF;
	await(r = file_lock(f->file, (u32)a[1] & ~FLOCK_NB, !(a[1] & FLOCK_NB)));
	file_put(f->file);
	return r;
	co_end();
}

enum { IOC_CLONE = 0x40049409, IOC_CLONE_RANGE = 0x4020940d };	/* FICLONE: linux/fs.h has names of ours */

/* Requests that are the same for every file; -ENOTTY: none of them. */
static async long ioctl_common(struct file *f, u64 fd, u32 request, uaddr_t arg)
{
	s32 v;
	long r;

	switch (request) {
	case FIOCLEX: case FIONCLEX:
		fd_cloexec(thread_current()->files, fd, true, request == FIOCLEX);
		return 0;
	case FIONBIO:
		if ((r = user_get(v, arg)))
			return r;
		f->flags = (f->flags & ~O_NONBLOCK) | (v ? O_NONBLOCK : 0);
		return 0;
	case TIOCGPTPEER:
		r = pty_open_peer(f, arg, &f);
		return r ? r : fd_install(thread_current()->files, f, 0, arg & O_CLOEXEC);
	case IOC_CLONE: case IOC_CLONE_RANGE:
		return inode_kind(f->inode) == I_REG && file_writable(f) ? -EOPNOTSUPP : -EBADF;
	case FIONREAD:
		if (inode_kind(f->inode) != I_REG)
			return -ENOTTY;
		v = min(file_size(f) - min(f->pos, file_size(f)), (u64)INT32_MAX);
		return user_put(arg, v);
	}
	return -ENOTTY;
}

static async long sys_ioctl(struct co *co, const u64 *a)
{
	struct { struct file *file; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->file = file_current(a[0]);
	if (!f->file)
		return -EBADF;
	r = f->file->flags & O_PATH ? -EBADF : -ENOTTY;
	if (r == -ENOTTY)
		await(r = ioctl_common(f->file, (u32)a[0], (u32)a[1], a[2]));
	if (r == -ENOTTY && f->file->ops->ioctl)
		await(r = f->file->ops->ioctl(co, f->file, (u32)a[1], a[2]));
	file_put(f->file);
	return r == -EINTR ? -ERESTART : r;
	co_end();
}

/* --- sync, size ------------------------------------------------------------------------------------------ */

static async long sync_fd(struct co *co, u64 fd)
{
	struct { struct file *file; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->file = file_current(fd);
	if (!f->file)
		return -EBADF;
	r = -EINVAL;
	if (f->file->ops->sync)
		await(r = f->file->ops->sync(co, f->file));
	file_put(f->file);
	return r;
	co_end();
}
static async long sys_fsync(struct co *co, const u64 *a) { return sync_fd(co, a[0]); }
static async long sys_fdatasync(struct co *co, const u64 *a) { return sys_fsync(co, a); }

static async long sys_sync(struct co *co, const u64 *a)
{
	struct { struct errand *work; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = sync_begin(NULL, &f->work);
	await(r = sync_end(&f->work));
	return 0;
	co_end();
}

static async long sys_syncfs(struct co *co, const u64 *a)
{
	struct { struct errand *work; } *f = co_frame(co);
	struct file *file;
	long r;

	co_begin(f);
	if (!(file = file_current(a[0])))
		return -EBADF;
	r = sync_begin(file->inode->fs, &f->work);
	file_put(file);
	if (!r)
		await(r = sync_end(&f->work));
	return r;
	co_end();
}

/* Calls that change nothing here, for a file that must be open. */
static long only_open(u64 fd)
{
	struct file *f = file_current(fd);

	file_put(f);
	return f ? 0 : -EBADF;
}
static async long sys_sync_file_range(struct co *co, const u64 *a) { return only_open(a[0]); }
static async long sys_readahead(struct co *co, const u64 *a) { return only_open(a[0]); }

static async long sys_fadvise64(struct co *co, const u64 *a)
{
	struct file *f = file_current(a[0]);
	long r;

	if (!f)
		return -EBADF;
	r = inode_kind(f->inode) == I_FIFO ? -ESPIPE : (u32)a[3] > 5 ? -EINVAL : 0;
	file_put(f);
	return r;
}

static long truncate_begin(struct file *f, u64 size, struct change **g)
{
	if ((s64)size < 0 || !file_writable(f))
		return f->flags & O_PATH ? -EBADF : -EINVAL;
	if (inode_kind(f->inode) == I_REG && size > process_current()->limits[RLIMIT_FSIZE].cur && size > file_size(f))
		return size_exceeded();
	if (f->ops->truncate)
		return f->ops->truncate(f, size);
	if (inode_kind(f->inode) == I_REG && f->inode->fs->disk)
		return change_truncate(f->inode, size, g);
	return f->flags & O_PATH ? -EBADF : -EINVAL;
}

static async long sys_ftruncate(struct co *co, const u64 *a)
{
	struct { struct change *g; } *f = co_frame(co);
	struct file *file;
	long r;

	co_begin(f);
	f->g = NULL;
	if (!(file = file_current(a[0])))
		return -EBADF;
	r = truncate_begin(file, a[1], &f->g);
	file_put(file);
	if (f->g)
		await(r = change_end(&f->g));
	return r;
	co_end();
}

static long allocate(struct file *f, u32 mode, s64 offset, s64 len, struct change **g)
{
	long r;

	if (!file_writable(f))
		return -EBADF;
	if (offset < 0 || len <= 0)
		return -EINVAL;
	if (inode_kind(f->inode) != I_REG)
		return inode_kind(f->inode) == I_FIFO ? -ESPIPE : -ENODEV;
	if (f->inode->fs->disk)
		return change_allocate(f->inode, mode, offset, len, g);
	r = tmpfs_allocate(f->inode, mode, offset, len);
	return r == -EOPNOTSUPP ? syscall_refuse(r, "fallocate mode", mode) : r;
}

static async long sys_fallocate(struct co *co, const u64 *a)
{
	struct { struct change *g; } *f = co_frame(co);
	struct file *file;
	long r;

	co_begin(f);
	f->g = NULL;
	if (!(file = file_current(a[0])))
		return -EBADF;
	r = allocate(file, (u32)a[1], a[2], a[3], &f->g);
	file_put(file);
	if (f->g)
		await(r = change_end(&f->g));
	return r;
	co_end();
}

/* --- from file to file -------------------------------------------------------------------------------------- */

enum { COPY_CHUNK = 16 << 10 };

struct copy {
	struct file	*in, *out;
	u64		in_pos, out_pos, *in_at, *out_at;	/* explicit, or the files' own */
	u64		left, done;
	char		*buf;
	struct uio	u;
};

static long copy_files(struct copy *c, u64 in, u64 out, u64 len)
{
	*c = (struct copy){ .in = file_current(in), .out = file_current(out) };
	c->left = min(len, 0x7ffff000ul);
	if (!c->in || !c->out || !file_readable(c->in) || !file_writable(c->out))
		return -EBADF;
	if (!c->in->ops->read || !c->in->ops->seek || !c->out->ops->write || c->out->flags & O_APPEND)
		return -EINVAL;
	c->in_at = &c->in->pos;
	c->out_at = &c->out->pos;
	c->buf = heap_alloc(COPY_CHUNK);
	return c->buf ? 0 : -ENOMEM;
}

static async long copy_position(uaddr_t at, u64 *pos, u64 **use)
{
	long r = at ? user_read(pos, at, sizeof(*pos)) : 0;

	if (r || !at)
		return r;
	*use = pos;
	return (s64)*pos < 0 ? -EINVAL : 0;
}

static void copy_free(struct copy *c)
{
	heap_free(c->buf);
	file_put(c->in);
	file_put(c->out);
}

static async long copy_run(struct co *co, struct copy *c)
{
	struct { u64 chunk, batch; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->batch = FILE_BATCH;
	while (c->left) {
		if (c->done >= f->batch) {
			co_yield();
			f->batch = c->done + FILE_BATCH;
			if (task_killed())
				return -EINTR;
		}
		uio_init_kernel(&c->u, c->buf, min(c->left, (u64)COPY_CHUNK));
		await(r = c->in->ops->read(co, c->in, &c->u, c->in_at));
		f->chunk = c->u.done;
		if (!f->chunk)
			return r;
		uio_init_kernel(&c->u, c->buf, f->chunk);
		c->u.nowait = c->out->flags & O_NONBLOCK;
		await(r = c->out->ops->write(co, c->out, &c->u, c->out_at));
		*c->in_at -= f->chunk - c->u.done;	/* what was not written was not read */
		c->done += c->u.done;
		c->left -= c->u.done;
		if (c->u.left)
			return r < 0 ? r : 0;
	}
	return 0;
	co_end();
}

static long copy_result(struct copy *c, long r)
{
	if (r == -EPIPE)
		broken_pipe();
	if (c->done)
		return c->done;
	return r == -EINTR ? -ERESTART : r;
}

static async long copy_whole(struct co *co, u64 in, u64 out, uaddr_t in_at, uaddr_t out_at, u64 len)
{
	struct { struct copy c; long result; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = copy_files(&f->c, in, out, len);
	if (!r)
		await(r = copy_position(in_at, &f->c.in_pos, &f->c.in_at));
	if (!r)
		await(r = copy_position(out_at, &f->c.out_pos, &f->c.out_at));
	if (!r)
		await(r = copy_run(co, &f->c));
	f->result = copy_result(&f->c, r);
	if (in_at && f->result >= 0)
		await(r = user_write(in_at, &f->c.in_pos, sizeof(u64)));
	if (out_at && f->result >= 0)
		await(r = user_write(out_at, &f->c.out_pos, sizeof(u64)));
	copy_free(&f->c);
	return f->result;
	co_end();
}

static async long sys_sendfile(struct co *co, const u64 *a)
{
	return copy_whole(co, (u32)a[1], (u32)a[0], a[2], 0, a[3]);
}

static long regular(u64 fd)
{
	struct file *f = file_current(fd);
	long r = !f ? -EBADF : inode_is_dir(f->inode) ? -EISDIR : inode_kind(f->inode) != I_REG ? -EINVAL : 0;

	file_put(f);
	return r;
}

static async long sys_copy_file_range(struct co *co, const u64 *a)
{
	long r = (u32)a[5] ? -EINVAL : regular(a[0]);

	if (!r)
		r = regular(a[2]);
	return r ? r : copy_whole(co, (u32)a[0], (u32)a[2], a[1], a[3], a[4]);
}

static void put_random(struct uio *u)
{
	u8 some[256];
	u32 n = min(u->left, sizeof(some));

	random_bytes(some, n);
	uio_out(u, some, n);
}

enum { RANDOM_BATCH = 64 << 10 };

static async long sys_getrandom(struct co *co, const u64 *a)
{
	struct { struct uio u; u64 batch; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[2] & ~(GRND_NONBLOCK | GRND_RANDOM | 4u /* GRND_INSECURE */))
		return syscall_refuse(-EINVAL, "getrandom flags", (u32)a[2]);
	uio_init(&f->u, a[0], min(a[1], 32ul << 20));
	f->batch = RANDOM_BATCH;
	while (f->u.left) {
		if (f->u.done >= f->batch) {
			co_yield();
			f->batch = f->u.done + RANDOM_BATCH;
			if (task_killed())
				return f->u.done;
		}
		put_random(&f->u);
		if (likely(!f->u.fault))
			continue;
		await(r = uio_retry(&f->u, true));
		if (r)
			return f->u.done ? (long)f->u.done : r;
	}
	return f->u.done;
	co_end();
}

const struct syscall file_calls[] = {
	QUICK_ROW(read, 3, 0, "dbu"),
	QUICK_ROW(write, 3, 0, "dbu"),
	ROW(readv, 3, 0, "dpu"),
	ROW(writev, 3, 0, "dpu"),
	ROW(pread64, 4, 0, "dbud"),
	ROW(pwrite64, 4, 0, "dbud"),
	ROW(preadv, 4, 0, "dpud"),
	ROW(pwritev, 4, 0, "dpud"),
	ROW(preadv2, 6, 0, "dpud-x"),
	ROW(pwritev2, 6, 0, "dpud-x"),
	ROW(lseek, 3, 0, "ddd"),
	ROW(openat, 4, 0, "Asfo"),
	ROW(openat2, 4, 0, "Aspu"),
	ROW(close, 1, 0, "d"),
	ROW(close_range, 3, 0, "uux"),
	ROW(pipe2, 2, 0, "pf"),
	ROW(dup, 1, 0, "d"),
	ROW(dup3, 3, 0, "ddf"),
	ROW(memfd_create, 2, 0, "sx"),
	ROW(fcntl, 3, 0, "ddx"),
	ROW(flock, 2, 0, "dd"),
	ROW(ioctl, 3, 0, "dxp"),
	ROW(fsync, 1, 0, "d"),
	ROW(fdatasync, 1, 0, "d"),
	ROW(sync, 0, 0, ""),
	ROW(syncfs, 1, 0, "d"),
	ROW(sync_file_range, 4, 0, "dddx"),
	ROW(readahead, 3, 0, "ddu"),
	ROW(fadvise64, 4, 0, "dddd"),
	ROW(ftruncate, 2, 0, "dd"),
	ROW(fallocate, 4, 0, "dxdd"),
	ROW(sendfile, 4, 0, "ddpu"),
	ROW(copy_file_range, 6, 0, "dpdpux"),
	ROW(getrandom, 3, 0, "bux"),
	{ 0 }
};
