/* SPDX-License-Identifier: MIT */
/*
 * dir.c: calls on names: directories, links, removal, renaming, where paths start, mounts.  Their first
 * halves start over: all that may wait (strings, lookups) comes before anything is changed.
 */
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <string.h>
#include "dev/blk.h"
#include "fs/change.h"
#include "mem/errand.h"
#include "sys/path.h"

enum { FORCE = 1, DETACH = 2, EXPIRE = 4, NO_FOLLOW = 8 };		/* umount2 */

static long denied(long err)
{
	return place_note(err, "");
}

/* --- reading directories ------------------------------------------------------------------------ */

/* More room is not used: a call shall be short, and the next one goes on. */
enum { DIRENTS_MAX = 32 << 10 };

static async long sys_getdents64(struct co *co, const u64 *a)
{
	struct { struct file *file; struct uio u; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->file = file_current(a[0]);
	if (!f->file)
		return -EBADF;
	if (!f->file->ops->readdir) {
		r = f->file->flags & O_PATH ? -EBADF : -ENOTDIR;
		file_put(f->file);
		return r;
	}
	uio_init(&f->u, a[1], min((u32)a[2], (u32)DIRENTS_MAX));
	do {
		await(r = f->file->ops->readdir(co, f->file, &f->u));
		if (likely(!f->u.fault))
			break;
		await(r = uio_retry(&f->u, true));
	} while (!r);
	file_put(f->file);
	return f->u.done ? (long)f->u.done : r;
	co_end();
}

/* --- where paths start ------------------------------------------------------------------------------ */

static long current_path(char *buf)
{
	struct dentry *root = fs_context_root(fs_current()), *cwd = fs_context_cwd(fs_current());
	long r = cwd->flags & D_GONE ? -ENOENT : dentry_path(cwd, root, buf, PATH_MAX_LEN);

	dentry_put(root);
	dentry_put(cwd);
	return r;
}

static async long sys_getcwd(struct co *co, const u64 *a)
{
	char *buf = path_scratch(0);
	long n = buf ? current_path(buf) : -ENOMEM, r;

	if (n < 0)
		return n;
	if ((u64)n + 1 > a[1])
		return -ERANGE;
	r = user_write(a[0], buf, n + 1);
	return r ? r : n + 1;
}

static async long sys_chdir(struct co *co, const u64 *a)
{
	struct dentry *d;
	long r = place_walk(AT_FDCWD, a[0], WALK_FOLLOW | WALK_DIR, &d);

	if (r)
		return r;
	r = denied(fs_context_set_cwd(fs_current(), d));
	dentry_put(d);
	return r;
}

static async long sys_fchdir(struct co *co, const u64 *a)
{
	struct file *f = file_current(a[0]);
	long r;

	if (!f)
		return -EBADF;
	r = f->dentry ? fs_context_set_cwd(fs_current(), f->dentry) : -ENOTDIR;
	file_put(f);
	return r;
}

static async long sys_chroot(struct co *co, const u64 *a)
{
	struct dentry *d;
	long r = place_walk(AT_FDCWD, a[0], WALK_FOLLOW | WALK_DIR, &d);

	if (r)
		return r;
	r = capable(CAP_SYS_CHROOT) ? fs_context_set_root(fs_current(), d) : -EPERM;
	dentry_put(d);
	return r;
}

static async long sys_umask(struct co *co, const u64 *a)
{
	struct fs_context *c = fs_current();
	u32 old = c->umask;

	c->umask = a[0] & 0777;
	return old;
}

/* --- new names ---------------------------------------------------------------------------------------- */

/*
 * Each call that changes names finds where, and then either does it, in memory, or begins a change on
 * a disk; that half starts over as long as it waits.  The second half awaits the change.
 */
static async long change_done(struct co *co, struct change **g)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = change_end(g));
	return r == -EINTR ? r : denied(r);
	co_end();
}

static async long make_begin(s32 dirfd, uaddr_t path, u32 mode, u32 rdev, struct change **g)
{
	struct fs_context *c = fs_current();
	struct dentry *dir;
	struct last last;
	long r = place_parent(dirfd, path, 0, &dir, &last);

	*g = NULL;
	if (r)
		return r;
	mode &= ~c->umask;
	if (names_on_disk(dir))
		r = change_create(c, dir, &last, mode, rdev, NULL, g);
	else
		r = name_create(c, dir, &last, mode, rdev, NULL, NULL);
	dentry_put(dir);
	return denied(r);
}

static async long make(struct co *co, s32 dirfd, uaddr_t path, u32 mode, u32 rdev)
{
	struct { struct change *g; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = make_begin(dirfd, path, mode, rdev, &f->g));
	if (f->g)
		await(r = change_done(co, &f->g));
	return r;
	co_end();
}

static async long sys_mkdirat(struct co *co, const u64 *a)
{
	return make(co, (s32)a[0], a[1], (a[2] & (0777 | I_STICKY)) | I_DIR, 0);
}

static async long sys_mknodat(struct co *co, const u64 *a)
{
	u32 mode = (u16)a[2], kind = mode & I_FMT;

	if (!kind)
		mode |= kind = I_REG;
	if (kind == I_CHR || kind == I_BLK)
		return capable(CAP_MKNOD) ? make(co, (s32)a[0], a[1], mode, (u32)a[3]) : -EPERM;
	if (kind != I_REG && kind != I_FIFO && kind != I_SOCK)
		return kind == I_DIR ? -EPERM : -EINVAL;
	return make(co, (s32)a[0], a[1], mode, 0);
}

static async long symlink_begin(const u64 *a, struct change **g)
{
	struct dentry *dir;
	struct last last;
	char *target;
	long r = path_from_user(a[0], 1, &target);

	*g = NULL;
	if (r <= 0)
		return r ? r : -ENOENT;
	r = place_parent((s32)a[1], a[2], 0, &dir, &last);
	if (r)
		return r;
	if (names_on_disk(dir))
		r = change_create(fs_current(), dir, &last, I_LNK | 0777, 0, target, g);
	else
		r = name_create(fs_current(), dir, &last, I_LNK | 0777, 0, target, NULL);
	dentry_put(dir);
	return denied(r);
}

static async long sys_symlinkat(struct co *co, const u64 *a)
{
	struct { struct change *g; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = symlink_begin(a, &f->g));
	if (f->g)
		await(r = change_done(co, &f->g));
	return r;
	co_end();
}

static async long link_begin(const u64 *a, struct change **g)
{
	u32 flags = a[4];
	struct dentry *old, *dir;
	struct last last;
	long r;

	*g = NULL;
	r = place_walk((s32)a[0], a[1], (flags & AT_SYMLINK_FOLLOW ? WALK_FOLLOW : 0) |
		       (flags & AT_EMPTY_PATH ? WALK_EMPTY : 0), &old);
	if (r)
		return r;
	r = place_parent((s32)a[2], a[3], 1, &dir, &last);
	if (!r) {
		if (names_on_disk(dir))
			r = change_link(fs_current(), dir, &last, old, g);
		else
			r = name_link(fs_current(), dir, &last, old);
		r = denied(r);
		dentry_put(dir);
	}
	dentry_put(old);
	return r;
}

static async long sys_linkat(struct co *co, const u64 *a)
{
	struct { struct change *g; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[4] & ~(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return syscall_refuse(-EINVAL, "linkat flags", (u32)a[4]);
	await(r = link_begin(a, &f->g));
	if (f->g)
		await(r = change_done(co, &f->g));
	return r;
	co_end();
}

/* --- names go and change -------------------------------------------------------------------------------- */

static async long unlink_begin(const u64 *a, struct change **g)
{
	struct dentry *dir;
	struct last last;
	struct place p;
	long r = place_get(&p, (s32)a[0], a[1], 0);

	*g = NULL;
	if (r)
		return r;
	r = path_parent(fs_current(), p.at, p.path, 0, &dir, &last);
	place_put(&p);
	if (r)
		return place_note(r, p.path);
	if (names_on_disk(dir))
		r = change_remove(fs_current(), dir, &last, a[2] & AT_REMOVEDIR, g);
	else
		r = name_remove(fs_current(), dir, &last, a[2] & AT_REMOVEDIR);
	dentry_put(dir);
	return place_note(r, p.path);
}

static async long sys_unlinkat(struct co *co, const u64 *a)
{
	struct { struct change *g; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[2] & ~AT_REMOVEDIR)
		return syscall_refuse(-EINVAL, "unlinkat flags", (u32)a[2]);
	await(r = unlink_begin(a, &f->g));
	if (f->g)
		await(r = change_done(co, &f->g));
	return r;
	co_end();
}

static async long rename_begin(const u64 *a, u32 flags, struct change **g)
{
	struct dentry *from, *to;
	struct last old, new;
	long r;

	*g = NULL;
	r = place_parent((s32)a[0], a[1], 0, &from, &old);
	if (r)
		return r;
	r = place_parent((s32)a[2], a[3], 1, &to, &new);
	if (!r) {
		if (names_on_disk(from) && names_on_disk(to))
			r = change_rename(fs_current(), from, &old, to, &new, flags, g);
		else
			r = name_rename(fs_current(), from, &old, to, &new, flags);
		r = denied(r);
		dentry_put(to);
	}
	dentry_put(from);
	return r;
}

static async long rename(struct co *co, const u64 *a, u32 flags)
{
	struct { struct change *g; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return syscall_refuse(-EINVAL, "renameat2 flags", flags);
	if (flags == (RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	await(r = rename_begin(a, flags, &f->g));
	if (f->g)
		await(r = change_done(co, &f->g));
	return r;
	co_end();
}

static async long sys_renameat2(struct co *co, const u64 *a) { return rename(co, a, (u32)a[4]); }
#ifdef __NR_renameat
static async long sys_renameat(struct co *co, const u64 *a) { return rename(co, a, 0); }
#endif

/* --- mounts ----------------------------------------------------------------------------------------------- */

enum { PROPAGATION = MS_SHARED | MS_PRIVATE | MS_SLAVE | MS_UNBINDABLE };
enum { HARMLESS = MS_SILENT | MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME | MS_LAZYTIME |
		  MS_SYNCHRONOUS | MS_DIRSYNC | MS_NOSYMFOLLOW | MS_REC };

static u32 fs_flags(u64 flags)
{
	return (flags & MS_RDONLY ? FS_READONLY : 0) | (flags & MS_NOSUID ? FS_NOSUID : 0) |
	       (flags & MS_NODEV ? FS_NODEV : 0) | (flags & MS_NOEXEC ? FS_NOEXEC : 0);
}

struct mount_args { char source[64], type[24], options[256]; };

static async long optional_string(char *buf, uaddr_t at, size_t size)
{
	long r = at ? user_string(buf, at, size) : 0;

	if (!at)
		*buf = 0;
	return r == -ENAMETOOLONG ? -EINVAL : min(r, 0l);
}

static async long mount_strings(const u64 *a, struct mount_args *m)
{
	long r = optional_string(m->source, a[0], sizeof(m->source));

	if (!r)
		r = optional_string(m->type, a[2], sizeof(m->type));
	if (!r)
		r = optional_string(m->options, a[4], sizeof(m->options));
	return r;
}

static async long mount_device(struct dentry *d, const struct mount_args *m, u64 flags,
			       struct errand **work)
{
	struct dentry *source;
	struct blk *b = NULL;
	long r = path_walk(fs_current(), NULL, m->source, WALK_FOLLOW, &source);

	if (r)
		return r;
	r = inode_kind(source->inode) == I_BLK ? 0 : -ENOTBLK;
	if (!r && !(b = blk_find(source->inode->rdev)))
		r = -ENXIO;
	if (!r)
		r = mount_disk(d, m->type, m->source, b, fs_flags(flags), m->options, work);
	blk_put(b);
	dentry_put(source);
	return r;
}

static async long mount_at(struct dentry *d, const struct mount_args *m, u64 flags, struct errand **work)
{
	if (flags & MS_REMOUNT) {
		if (d->parent != d)
			return -EINVAL;
		if (d->inode->fs->disk)
			return disk_remount(d->inode->fs, fs_flags(flags), m->options, work);
		d->inode->fs->flags = fs_flags(flags);
		return 0;
	}
	if (flags & PROPAGATION)
		return d->parent == d ? 0 : -EINVAL;	/* there is one namespace: nothing to do */
	if (!*m->type)
		return -EINVAL;
	if (mount_needs_device(m->type))
		return mount_device(d, m, flags, work);
	return mount_new(d, m->type, *m->source ? m->source : "none", fs_flags(flags), m->options);
}

static long mount_allowed(u64 *flags)
{
	const u64 known = MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_REMOUNT | PROPAGATION | HARMLESS;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if ((*flags & 0xffff0000) == 0xc0ed0000)		/* MS_MGC_VAL, once upon a time */
		*flags &= 0xffff;
	return *flags & ~known ? syscall_refuse(-EINVAL, "mount flags", *flags) : 0;
}

static async long mount_begin(const u64 *a, struct errand **work)
{
	struct mount_args m;
	struct dentry *d;
	u64 flags = a[3];
	long r = mount_allowed(&flags);

	*work = NULL;
	if (r || (r = mount_strings(a, &m)) || (r = place_walk(AT_FDCWD, a[1], WALK_FOLLOW, &d)))
		return r;
	r = mount_at(d, &m, flags, work);
	dentry_put(d);
	return r;
}

static async long sys_mount(struct co *co, const u64 *a)
{
	struct { struct errand *work; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = mount_begin(a, &f->work));
	if (f->work) {
		await(r = errand_wait(f->work));
		errand_put(f->work);
	}
	return r;
	co_end();
}

/* @quiet: it is soon done, and belongs to the call. */
static async long umount_begin(const u64 *a, struct errand **work, bool *quiet)
{
	u32 flags = a[1];
	struct dentry *d;
	long r;

	*work = NULL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (flags & ~(FORCE | DETACH | EXPIRE | NO_FOLLOW))
		return syscall_refuse(-EINVAL, "umount2 flags", flags);
	r = place_walk(AT_FDCWD, a[0], flags & NO_FOLLOW ? 0 : WALK_FOLLOW, &d);
	if (r)
		return r;
	*quiet = !d->inode->fs->disk;
	r = flags & EXPIRE ? -EAGAIN : mount_remove(d, flags & DETACH, work);
	dentry_put(d);
	return r;
}

static async long sys_umount2(struct co *co, const u64 *a)
{
	struct { struct errand *work; bool quiet; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = umount_begin(a, &f->work, &f->quiet));
	if (f->work) {
		if (f->quiet)
			await(r = errand_wait_quiet(f->work));
		else if (!((u32)a[1] & DETACH))
			await(r = errand_wait(f->work));
		errand_put(f->work);
	}
	return r;
	co_end();
}

const struct syscall dir_calls[] = {
	ROW(getdents64, 3, 0, "dpu"),
	ROW(getcwd, 2, 0, "pu"),
	ROW(chdir, 1, 0, "s"),
	ROW(fchdir, 1, 0, "d"),
	ROW(chroot, 1, 0, "s"),
	ROW(umask, 1, 0, "o"),
	ROW(mkdirat, 3, 0, "Aso"),
	ROW(mknodat, 4, 0, "Asox"),
	ROW(symlinkat, 3, 0, "sAs"),
	ROW(linkat, 5, 0, "AsAsx"),
	ROW(unlinkat, 3, 0, "Asx"),
#ifdef __NR_renameat
	ROW(renameat, 4, 0, "AsAs"),
#endif
	ROW(renameat2, 5, 0, "AsAsx"),
	ROW(mount, 5, 0, "sssxp"),
	ROW(umount2, 2, 0, "sx"),
	{ 0 }
};
