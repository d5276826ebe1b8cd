// SPDX-License-Identifier: MIT
/*
 * dir.c: open directories.  The position is the cookie of the next entry: 0 ".", 1 "..", then what
 * the tree has, in order of cookies, which only grow; names that come or go meanwhile disturb nobody.
 * The file remembers the name it gave last, so that the next call goes on there.
 * Entries that are not in the tree (ops->list) come after those, from position DIR_LISTED on.
 */
#include <linux/fcntl.h>
#include <string.h>
#include "fs/notify.h"
#include "fs/path.h"

enum { FIRST = 2, SEEK_START = 0, SEEK_HERE = 1 };

struct dirent {				/* linux_dirent64 */
	u64	ino;
	s64	next;
	u16	len;
	u8	type;
	char	name[];
};

struct sink {
	struct dir_sink	s;
	struct uio	*u;
	long		err;
};

static bool put_whole(struct uio *u, const void *record, size_t size)
{
	struct uio before = *u;

	if (likely(uio_out(u, record, size) == size))
		return true;
	before.fault = u->fault;
	*u = before;
	return false;
}

long dirent_put(struct uio *u, const char *name, u32 len, u64 ino, u8 type, u64 next)
{
	u64 buf[(sizeof(struct dirent) + NAME_MAX_LEN + 16) / 8];
	struct dirent *e = (struct dirent *)buf;
	u32 size = align_up(offsetof(struct dirent, name) + len + 1, 8);

	if (u->left < size)
		return -EINVAL;
	buf[size / 8 - 1] = 0;
	*e = (struct dirent){ ino, next, size, type };
	memcpy(e->name, name, len);
	memset(e->name + len, 0, size - offsetof(struct dirent, name) - len);
	return put_whole(u, e, size) ? 0 : -EFAULT;
}

static bool add(struct dir_sink *ds, const char *name, u32 len, u64 ino, u32 mode, u64 next)
{
	struct sink *s = container_of(ds, struct sink, s);
	long err = dirent_put(s->u, name, len, ino, mode >> 12 & 15, next);

	if (err)
		s->err = err;
	return !err;
}

static bool add_dots(struct file *f, struct sink *s)
{
	struct dentry *d = f->dentry, *up = d->covers ? d->covers->parent : d->parent;

	if (f->pos == 0) {
		if (!add(&s->s, ".", 1, d->inode->ino, I_DIR, 1))
			return false;
		f->pos = 1;
	}
	if (f->pos == 1) {
		if (!add(&s->s, "..", 2, up->inode->ino, I_DIR, FIRST))
			return false;
		f->pos = FIRST;
	}
	return true;
}

/* Cookies begin at 1, positions of entries at FIRST. */
static inline u64 position_after(const struct dentry *d) { return d->cookie + 2; }

/* The first entry at the file's position or behind it. */
static struct dentry *entry_at(struct file *f)
{
	struct dentry *d = f->data;

	if (d && d->parent == f->dentry && !(d->flags & D_GONE) && position_after(d) == f->pos)
		return TAILQ_NEXT(d, sibling);
	d = TAILQ_FIRST(&f->dentry->children);
	while (d && position_after(d) <= f->pos)
		d = TAILQ_NEXT(d, sibling);
	return d;
}

/* True: these were all.  *@last: the one that was given last, if any. */
static bool add_children(struct file *f, struct sink *s, struct dentry **last)
{
	for (struct dentry *d = entry_at(f); d; d = TAILQ_NEXT(d, sibling)) {
		struct inode *ip = d->cover ? d->cover->inode : d->inode;

		if (!add(&s->s, d->name, d->len, ip->ino, ip->mode, position_after(d)))
			return false;
		f->pos = position_after(d);
		*last = d;
	}
	return true;
}

/* Remember @d, NULL: nothing, lest a removed file live on.  What was remembered is put when the lock is
 * free. */
static struct dentry *remember(struct file *f, struct dentry *d)
{
	struct dentry *old = f->data;

	f->data = d ? dentry_get(d) : NULL;
	return old;
}

static bool add_tree(struct file *f, struct sink *s)
{
	struct dentry *last = NULL, *old = NULL;
	bool all;

	spin_lock(&tree_lock);
	all = add_dots(f, s) && (f->pos >= DIR_LISTED || add_children(f, s, &last));
	if (all || last)
		old = remember(f, all ? NULL : last);
	spin_unlock(&tree_lock);
	dentry_put(old);
	return all;
}

static void add_listed(struct file *f, struct sink *s)
{
	const struct inode_ops *ops = f->inode->ops;
	u64 at;
	long err;

	if (!ops->list)
		return;
	at = f->pos < DIR_LISTED ? 0 : f->pos - DIR_LISTED;
	err = ops->list(f->inode, &at, &s->s);
	f->pos = DIR_LISTED + at;
	if (err)
		s->err = err;
}

static async long dir_readdir(struct co *co, struct file *f, struct uio *u)
{
	struct sink s = { .s.add = add, .u = u };
	u64 before = u->done;

	if (f->dentry->flags & D_GONE)
		return -ENOENT;
	if (add_tree(f, &s))
		add_listed(f, &s);
	notify_file(f, IN_ACCESS);
	if (u->done != before)
		return u->done - before;
	return s.err;
}

static async long dir_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	return -EISDIR;
}

static long dir_seek(struct file *f, s64 offset, u32 whence)
{
	s64 to = whence == SEEK_HERE ? (s64)f->pos + offset : offset;

	if (whence > SEEK_HERE || to < 0)
		return -EINVAL;
	f->pos = to;
	return to;
}

static void dir_release(struct file *f)
{
	dentry_put(f->data);
}

static async long dir_sync(struct co *co, struct file *f)
{
	return 0;
}

const struct file_ops dir_file_ops = {
	.read = dir_read, .seek = dir_seek, .readdir = dir_readdir, .sync = dir_sync,
	.release = dir_release,
};

/* A file opened with O_PATH: a place, nothing else. */
const struct file_ops path_file_ops = { };
