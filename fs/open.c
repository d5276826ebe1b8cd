// SPDX-License-Identifier: MIT
/*
 * open.c: from a path to an open file.
 *
 * Opening never waits but for the path walk; a fifo's wait for its other side is a second step
 * (file_open_wait), so that the first one, which creates and truncates, is not done twice.
 */
#include <linux/fcntl.h>
#include "core/wait.h"
#include "fs/change.h"
#include "fs/notify.h"
#include "fs/pipe.h"
#include "lib/print.h"

extern const struct file_ops dir_file_ops, path_file_ops;

static u32 wanted_access(u32 flags)
{
	static const u8 want[] = { MAY_READ, MAY_WRITE, MAY_READ | MAY_WRITE, MAY_READ | MAY_WRITE };

	return want[flags & O_ACCMODE] | (flags & O_TRUNC ? MAY_WRITE : 0);
}

static long check_kind(struct inode *ip, u32 flags, u32 want)
{
	switch (inode_kind(ip)) {
	case I_LNK:
		return -ELOOP;
	case I_DIR:
		return want & MAY_WRITE || flags & O_CREAT ? -EISDIR : 0;
	case I_SOCK:
		return -ENXIO;
	case I_CHR:
	case I_BLK:
		return ip->fs->flags & FS_NODEV ? -EACCES : 0;
	case I_REG:
		return want & MAY_WRITE && ip->fs->flags & FS_READONLY ? -EROFS : 0;
	}
	return 0;
}

static long may_open(struct fs_context *c, struct inode *ip, u32 flags, bool created)
{
	u32 want = wanted_access(flags);
	long err;

	if (flags & O_PATH)
		return 0;
	if ((err = check_kind(ip, flags, want)))
		return err;
	if (unlikely(flags & O_NOATIME) && inode_owned(c, ip))
		return -EPERM;
	return created ? 0 : inode_access(c, ip, want);
}

/* Which operations an inode's open files have. */
static long set_ops(struct inode *ip, struct file *f)
{
	if (ip->ops->open)
		return ip->ops->open(ip, f);
	switch (inode_kind(ip)) {
	case I_DIR:
		f->ops = &dir_file_ops;
		return 0;
	case I_CHR:
	case I_BLK:
		return device_open(ip, f);
	case I_FIFO:
		return fifo_open(ip, f);
	}
	return -ENXIO;
}

static const u32 not_kept = O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC;

long dentry_open(struct dentry *d, u32 flags, struct file **out)
{
	struct file *f = file_create(&path_file_ops, flags & ~(not_kept & ~O_NOCTTY), NULL);
	long err = 0;

	if (!f)
		return -ENOMEM;
	f->dentry = dentry_get(d);
	f->inode = d->inode;
	if (flags & O_PATH)
		f->flags = (flags & (O_PATH | O_DIRECTORY | O_NOFOLLOW)) | O_ACCMODE;
	else if ((err = set_ops(f->inode, f))) {
		f->ops = NULL;		/* nothing to release */
		file_put(f);
		return err;
	}
	f->flags &= ~O_NOCTTY;		/* terminals have looked at it */
	if (!(flags & O_PATH))
		notify_file(f, IN_OPEN);
	*out = f;
	return 0;
}

/* A file on a disk is truncated by *@more, which then has to be awaited. */
static __attribute__((noinline)) long
open_found(struct fs_context *c, struct dentry *d, u32 flags, bool created, struct file **out,
	   struct change **more)
{
	struct inode *ip = d->inode;
	long err = may_open(c, ip, flags, created);

	if (!err)
		err = dentry_open(d, flags, out);
	if (err || !(flags & O_TRUNC) || created || inode_kind(ip) != I_REG)
		return err;
	if (ip->ops->truncate)
		err = ip->ops->truncate(ip, 0);
	else if (ip->fs->disk)
		err = more ? change_truncate(ip, 0, more) : -EROFS;
	if (err)
		file_put(*out);
	return err;
}

/* Regular files, without the questions others raise.  Takes the reference to @d if it returns a file. */
static struct file *open_regular(struct fs_context *c, struct dentry *d, u32 flags)
{
	struct inode *ip = d->inode;
	struct file *f;

	if (flags & (O_PATH | O_TRUNC | O_NOATIME | O_EXCL | __O_TMPFILE) || inode_kind(ip) != I_REG ||
	    unlikely(!ip->ops->open) ||
	    (flags & O_ACCMODE && ip->fs->flags & FS_READONLY) ||
	    (c->fsuid && inode_access(c, ip, wanted_access(flags))))
		return NULL;
	f = file_create(NULL, flags & ~not_kept, NULL);
	if (unlikely(!f))
		return NULL;
	f->inode = ip;
	if (likely(!ip->ops->open(ip, f))) {
		f->dentry = d;
		notify_file(f, IN_OPEN);
		return f;
	}
	f->inode = NULL;
	file_put(f);
	return NULL;
}

/* The last name does not exist: create it, through a link that leads nowhere as well. */
static __attribute__((noinline)) async long
open_new(struct fs_context *c, struct dentry *at, const char *path, u32 flags, u32 mode, u32 walk,
	 struct file **out, struct change **more)
{
	struct dentry *dir, *d = NULL;
	struct last last;
	long err = path_parent(c, at, path, walk, &dir, &last);

	if (err)
		return err;
	err = last.slash || last.kind != LAST_NAME ? -EISDIR : 0;
	mode = (mode & I_PERM & ~c->umask) | I_REG;
	if (!err && names_on_disk(dir)) {
		err = more ? change_open(c, dir, &last, mode, more) : -EROFS;
		dentry_put(dir);
		return err;
	}
	if (!err)
		err = name_create(c, dir, &last, mode, 0, NULL, &d);
	if (!err) {
		err = open_found(c, d, flags & ~O_TRUNC, true, out, NULL);
		dentry_put(d);
	}
	dentry_put(dir);
	return err;
}

/* O_TMPFILE: a file without a name in the file system of a directory. */
static __attribute__((noinline)) long
open_unnamed(struct fs_context *c, struct dentry *dir, u32 flags, u32 mode, struct file **out)
{
	struct inode *ip = NULL;
	struct dentry *d;
	char name[24];
	long err = -EOPNOTSUPP;

	if (!inode_is_dir(dir->inode))
		return -ENOTDIR;
	if (!(flags & (O_WRONLY | O_RDWR)))
		return -EINVAL;
	if (dir->inode->ops->create)
		err = inode_access(c, dir->inode, MAY_WRITE | MAY_EXEC);
	if (!err)
		err = dir->inode->ops->create(dir->inode, (mode & I_PERM & ~c->umask) | I_REG, 0, NULL, &ip);
	if (err)
		return err;
	ip->uid = c->fsuid;
	ip->gid = c->fsgid;
	snprint(name, sizeof(name), "#%lu", ip->ino);
	d = dentry_free_standing(name, ip);
	inode_put(ip);
	if (!d)
		return -ENOMEM;
	if (flags & O_EXCL)
		d->flags |= D_NAMELESS;
	err = dentry_open(d, flags & ~__O_TMPFILE, out);
	dentry_put(d);
	return err;
}

async long path_open(struct fs_context *c, struct dentry *at, const char *path, u32 flags, u32 mode,
		     u32 walk, struct file **out, struct change **more)
{
	bool tmpfile = flags & __O_TMPFILE, create = flags & O_CREAT && !(flags & O_PATH);
	struct dentry *d;
	long err;

	if (!(flags & O_NOFOLLOW) && (flags & (O_CREAT | O_EXCL)) != (O_CREAT | O_EXCL))
		walk |= WALK_FOLLOW;
	if (flags & O_DIRECTORY && !create)
		walk |= WALK_DIR;
	err = path_walk(c, at, path, walk, &d);
	if (err == -ENOENT && create)
		return open_new(c, at, path, flags, mode, walk, out, more);
	if (err)
		return err;
	if (likely((*out = open_regular(c, d, flags))))
		return 0;
	if (create && flags & O_EXCL)
		err = -EEXIST;
	else if (unlikely(tmpfile))
		err = open_unnamed(c, d, flags, mode, out);
	else
		err = open_found(c, d, flags, false, out, more);
	dentry_put(d);
	return err;
}

/* The name is there now, as a file made for us or by somebody else meanwhile. */
static long open_created(struct fs_context *c, struct dentry *d, bool created, u32 flags,
			 struct file **out, struct change **more)
{
	long err = 0;

	if (!created && (flags & (O_CREAT | O_EXCL)) == (O_CREAT | O_EXCL))
		err = -EEXIST;
	if (!err)
		err = open_found(c, d, flags, created, out, more);
	dentry_put(d);
	return err;
}

async long path_open_more(struct fs_context *c, u32 flags, struct file **out, struct change **more)
{
	struct dentry *d;
	bool created;
	long r;

	if (*out) {				/* is being truncated */
		r = change_end(more);
		if (r && r != PENDING) {
			file_put(*out);
			*out = NULL;
		}
		return r;
	}
	r = change_opened(more, &d, &created);
	return r ? r : open_created(c, d, created, flags, out, more);
}

async long file_open_wait(struct file *f)
{
	return inode_kind(f->inode) == I_FIFO && !(f->flags & O_PATH) ? fifo_wait(f) : 0;
}

struct dentry *file_dentry(struct file *f)
{
	char name[40];

	if (f->dentry)
		return dentry_get(f->dentry);
	if (file_path(f, name, sizeof(name)) < 0)
		return NULL;
	return dentry_free_standing(name, f->inode);
}

static const struct inode_ops nameless_ops = { };

bool file_place(struct file *f, const char *path, u32 mode, u32 rdev)
{
	struct dentry *d;

	if (!path_walk(&kernel_context, NULL, path, 0, &d)) {
		if (inode_kind(d->inode) == (mode & I_FMT) && d->inode->rdev == rdev) {
			f->dentry = d;
			f->inode = d->inode;
			return true;
		}
		dentry_put(d);
	}
	f->inode = inode_create(&anon_fs, mode, &nameless_ops);
	if (f->inode)
		f->inode->rdev = rdev;
	return f->inode;
}

/* --- for the kernel itself ----------------------------------------------------------------------- */

async long file_open(struct fs_context *c, struct dentry *at, const char *path, u32 flags, u32 mode,
		     struct file **out)
{
	return path_open(c, at, path, flags, mode, 0, out, NULL);
}

async long file_read_kernel(struct co *co, struct file *file, void *buf, u64 n, u64 pos)
{
	struct { struct uio u; u64 pos; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!file->ops->read)
		return -EINVAL;
	uio_init_kernel(&f->u, buf, n);
	f->pos = pos;
	do {
		await(r = file->ops->read(co, file, &f->u, &f->pos));
	} while (r > 0 && f->u.left);
	return r < 0 && !f->u.done ? r : (long)f->u.done;
	co_end();
}

long file_may_exec(struct fs_context *c, struct file *f)
{
	if (inode_kind(f->inode) != I_REG || f->inode->fs->flags & FS_NOEXEC)
		return -EACCES;
	return inode_access(c, f->inode, MAY_EXEC);
}
