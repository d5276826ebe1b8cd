// SPDX-License-Identifier: MIT
/*
 * names.c: names come, go and change.  Each function decides under tree_lock and then changes the
 * tree in steps that cannot fail; a memory file system has nothing else to do.
 */
#include <linux/fs.h>
#include "fs/path.h"
#include "core/log.h"
#include "fs/notify.h"

/* --- decisions ------------------------------------------------------------------------------- */

long name_may_change(struct fs_context *c, struct dentry *dir)
{
	if (dir->flags & D_GONE)
		return -ENOENT;
	if (!inode_is_dir(dir->inode))
		return -ENOTDIR;
	if (!dir->inode->ops->create && !dir->inode->ops->on_disk)
		return -EPERM;			/* /proc: names are not programs' to change */
	if (dir->inode->fs->flags & FS_READONLY)
		return -EROFS;
	return inode_access(c, dir->inode, MAY_WRITE | MAY_EXEC);
}

/* In a sticky directory only the owner of a file or of the directory removes its name. */
long name_may_remove(struct fs_context *c, struct dentry *dir, struct dentry *d)
{
	long err = name_may_change(c, dir);

	if (!err && dir->inode->mode & I_STICKY && c->fsuid && c->fsuid != d->inode->uid &&
	    c->fsuid != dir->inode->uid)
		err = -EPERM;
	return err;
}

static long check_new(struct fs_context *c, struct dentry *dir, const struct last *l)
{
	if (l->kind != LAST_NAME || dentry_find(dir, l->name))
		return -EEXIST;
	if (!dir->inode->ops->create)
		return -ENOENT;		/* as in /proc: such a name cannot be */
	return name_may_change(c, dir);
}

/* The dentry for a removal, or why not. */
static long find_old(struct fs_context *c, struct dentry *dir, const struct last *l, struct dentry **d)
{
	*d = dentry_find(dir, l->name);
	if (*d)
		return name_may_remove(c, dir, *d);
	return dir->flags & D_GONE || !dir->inode->ops->lookup ? -ENOENT : -EPERM;
}

static long check_directory(const struct dentry *d, const struct last *l, bool directory)
{
	if (!directory && inode_is_dir(d->inode))
		return -EISDIR;
	if ((directory || l->slash) && !inode_is_dir(d->inode))
		return -ENOTDIR;
	if (d->cover)
		return -EBUSY;
	return directory && !dentry_empty(d) ? -ENOTEMPTY : 0;
}

/* --- create ------------------------------------------------------------------------------------ */

static void own(struct fs_context *c, struct inode *dir, struct inode *ip)
{
	ip->uid = c->fsuid;
	ip->gid = c->fsgid;
	if (!(dir->mode & I_SGID))
		return;
	ip->gid = dir->gid;
	if (inode_is_dir(ip))
		ip->mode |= I_SGID;
}

static void enter(struct dentry *dir, struct dentry *d)
{
	d->flags |= D_PINNED;
	dentry_link(dir, d);
	d->inode->nlink++;
	dir->inode->size += NAME_BYTES;
	inode_touch(dir->inode);
}

static long make_dentry(struct fs_context *c, struct dentry *dir, const struct last *l, u32 mode,
			u32 rdev, const char *target, struct dentry **out)
{
	struct inode *ip;
	long err = dir->inode->ops->create(dir->inode, mode, rdev, target, &ip);

	if (err)
		return err;
	own(c, dir->inode, ip);
	*out = dentry_create(l->name, ip);
	return *out ? 0 : -ENOMEM;
}

long name_create(struct fs_context *c, struct dentry *dir, const struct last *l, u32 mode, u32 rdev,
		 const char *target, struct dentry **out)
{
	struct dentry *d = NULL;
	long err;

	guard(&tree_lock);
	err = check_new(c, dir, l);
	if (!err && l->slash && (mode & I_FMT) != I_DIR)
		err = -ENOENT;
	if (!err)
		err = make_dentry(c, dir, l, mode, rdev, target, &d);
	if (err)
		return err;
	enter(dir, d);
	if ((mode & I_FMT) == I_DIR) {
		d->inode->nlink++;
		dir->inode->nlink++;
	}
	notify_entry(dir->inode, l->name, d->inode, IN_CREATE, 0);
	if (out)
		*out = dentry_get(d);
	return 0;
}

long name_link(struct fs_context *c, struct dentry *dir, const struct last *l, struct dentry *old)
{
	struct dentry *d;
	long err;

	guard(&tree_lock);
	err = check_new(c, dir, l);
	if (err)
		return err;
	if (l->slash)
		return -ENOENT;
	if (inode_is_dir(old->inode))
		return -EPERM;
	if (old->inode->fs != dir->inode->fs)
		return -EXDEV;
	if (!old->inode->nlink && (!(old->flags & D_FREE) || old->flags & D_NAMELESS))
		return -ENOENT;
	if (!(d = dentry_create(l->name, inode_get(old->inode))))
		return -ENOMEM;
	enter(dir, d);
	inode_changed(d->inode);
	notify_inode(d->inode, IN_ATTRIB);
	notify_entry(dir->inode, l->name, d->inode, IN_CREATE, 0);
	return 0;
}

/* --- remove --------------------------------------------------------------------------------------- */

/* The name is out of the tree; the caller drops the pin with dentry_put(), after tree_lock. */
static void leave(struct dentry *d)
{
	struct inode *dir = d->parent->inode;

	dentry_unlink(d);
	d->flags &= ~D_PINNED;
	d->inode->nlink--;
	dir->size -= NAME_BYTES;
	if (inode_is_dir(d->inode)) {
		d->inode->nlink--;
		dir->nlink--;
	}
	inode_changed(d->inode);
	inode_touch(dir);
}

long name_special(const struct last *l, bool directory)
{
	static const s32 unlink_errors[] = { 0, -EISDIR, -EISDIR, -EISDIR };
	static const s32 rmdir_errors[] = { 0, -EINVAL, -ENOTEMPTY, -EBUSY };

	return (directory ? rmdir_errors : unlink_errors)[l->kind];
}

/* For watches: the inode, counted, to be told of after the name's dentry has gone. */
static struct inode *removed(struct dentry *d)
{
	if (!inode_is_dir(d->inode))
		notify_inode(d->inode, IN_ATTRIB);
	return inode_get(d->inode);
}

long name_remove(struct fs_context *c, struct dentry *dir, const struct last *l, bool directory)
{
	struct inode *ip = NULL;
	struct dentry *d;
	long err = name_special(l, directory);

	if (err)
		return err;
	spin_lock(&tree_lock);
	err = find_old(c, dir, l, &d);
	if (!err)
		err = check_directory(d, l, directory);
	if (!err)
		leave(d);
	if (!err && notify_on())
		ip = removed(d);
	spin_unlock(&tree_lock);
	if (err)
		return err;
	dentry_put(d);
	if (ip) {
		notify_entry(dir->inode, l->name, ip, IN_DELETE, 0);
		inode_put(ip);
	}
	return 0;
}

/* --- rename ----------------------------------------------------------------------------------------- */

struct renaming {
	struct fs_context	*c;
	struct dentry		*from, *to;	/* directories */
	const struct last	*old, *new;
	struct dentry		*d, *victim;	/* what moves, what is in its way */
	u32			flags;
};

static long check_victim(struct renaming *r)
{
	bool dir = inode_is_dir(r->d->inode);
	long err;

	if (r->flags & RENAME_NOREPLACE)
		return -EEXIST;
	err = name_may_remove(r->c, r->to, r->victim);
	if (err || r->flags & RENAME_EXCHANGE)
		return err;
	if (dir != inode_is_dir(r->victim->inode))
		return dir ? -ENOTDIR : -EISDIR;
	if (r->victim->cover)
		return -EBUSY;
	return dentry_empty(r->victim) ? 0 : -ENOTEMPTY;
}

static long check_loops(struct renaming *r)
{
	if (dentry_below(r->to, r->d))
		return -EINVAL;
	if (r->victim && dentry_below(r->from, r->victim))
		return r->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static long check_rename(struct renaming *r)
{
	long err = find_old(r->c, r->from, r->old, &r->d);

	if (err)
		return err;
	r->victim = dentry_find(r->to, r->new->name);
	if (r->from->inode->fs != r->to->inode->fs)
		return -EXDEV;
	if (!r->victim && r->flags & RENAME_EXCHANGE)
		return -ENOENT;
	if ((r->old->slash || (r->new->slash && !(r->flags & RENAME_EXCHANGE))) &&
	    !inode_is_dir(r->d->inode))
		return -ENOTDIR;
	if (r->d->cover)
		return -EBUSY;
	err = name_may_change(r->c, r->to);
	if (!err)
		err = check_loops(r);
	return err || !r->victim ? err : check_victim(r);
}

static void count_moved(struct dentry *d, struct dentry *from, struct dentry *to)
{
	if (inode_is_dir(d->inode)) {
		from->inode->nlink--;
		to->inode->nlink++;
	}
	from->inode->size -= NAME_BYTES;
	to->inode->size += NAME_BYTES;
	inode_changed(d->inode);
}

static long move(struct renaming *r)
{
	long err = dentry_rename(r->d, r->to, r->new->name);

	if (err)
		return err;
	count_moved(r->d, r->from, r->to);
	inode_touch(r->from->inode);
	inode_touch(r->to->inode);
	if (r->victim) {
		dentry_take_place(r->d, r->victim);
		leave(r->victim);
	}
	notify_move(r->from->inode, r->old->name, r->to->inode, r->new->name, r->d->inode,
		    r->victim ? r->victim->inode : NULL);
	return 0;
}

/* Two names change places: they keep their dentries and swap what these stand for in the tree. */
static long exchange(struct renaming *r)
{
	struct dentry *v = r->victim;
	long err = dentry_rename(r->d, r->to, r->new->name);

	if (err)
		return err;
	err = dentry_rename(v, r->from, r->old->name);
	if (err) {			/* back: the old name fitted before */
		if (dentry_rename(r->d, r->from, r->old->name))
			log_error("rename: exchange half done, out of memory");
		return err;
	}
	count_moved(r->d, r->from, r->to);
	count_moved(v, r->to, r->from);
	inode_touch(r->from->inode);
	inode_touch(r->to->inode);
	notify_move(r->from->inode, r->old->name, r->to->inode, r->new->name, r->d->inode, NULL);
	notify_move(r->to->inode, r->new->name, r->from->inode, r->old->name, v->inode, NULL);
	return 0;
}

static long rename_locked(struct renaming *r)
{
	long err = check_rename(r);

	if (err)
		return err;
	if (r->victim && r->victim->inode == r->d->inode) {
		r->victim = NULL;	/* two names of one file: POSIX wants nothing done */
		return 0;
	}
	if (!(r->flags & RENAME_EXCHANGE))
		return move(r);
	err = exchange(r);
	r->victim = NULL;
	return err;
}

long name_rename(struct fs_context *c, struct dentry *from, const struct last *old, struct dentry *to,
		 const struct last *new, u32 flags)
{
	struct renaming r = { c, from, to, old, new, NULL, NULL, flags };
	long err;

	if (old->kind != LAST_NAME || new->kind != LAST_NAME)
		return flags & RENAME_NOREPLACE && new->kind != LAST_NAME ? -EEXIST : -EBUSY;
	spin_lock(&tree_lock);
	err = rename_locked(&r);
	spin_unlock(&tree_lock);
	if (!err && r.victim)
		dentry_put(r.victim);
	return err;
}
