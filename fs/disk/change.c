// SPDX-License-Identifier: MIT
/*
 * change.c: changes to names and sizes on disks, see fs/change.h.
 *
 * A change is decided and done with the locks of its directories held: what exists is what the disk
 * says then.  Once the file system has done its part the tree of names and the inodes follow, in steps
 * that cannot fail: all memory is there before.
 */
#include <linux/fs.h>
#include <string.h>
#include "core/log.h"
#include "fs/notify.h"
#include "fs/change.h"
#include "fs/disk/private.h"
#include "mem/heap.h"

struct change {
	struct errand		*work;
	struct fs_context	*c;
	struct dentry		*dir, *to;	/* counted */
	struct name		name, new;	/* in text */
	struct dentry		*old;		/* link(): what gets another name */
	struct dentry		*d, *victim;	/* found, or made; counted */
	struct dentry		*spare;
	struct inode		*ip;		/* truncate, allocate */
	u32			mode, rdev, flags;
	u64			at, len;
	char			*target;	/* in text */
	bool			slash, directory, open, created, crossed;
	char			text[];
};

/* --- life ------------------------------------------------------------------------------------- */

static struct name copy_name(char **at, const struct last *l)
{
	struct name n = { *at, l->name.len, l->name.hash };

	memcpy(*at, l->name.s, n.len);
	(*at)[n.len] = 0;
	*at += n.len + 1;
	return n;
}

static struct change *change_new(struct fs_context *c, struct dentry *dir, const struct last *l,
				 struct dentry *to, const struct last *new, const char *target)
{
	size_t text = target ? strlen(target) + 1 : 0;
	struct change *g;
	char *at;

	text += (l ? l->name.len + 1ul : 0) + (new ? new->name.len + 1ul : 0);
	g = heap_zero(sizeof(*g) + text);
	if (!g)
		return NULL;
	at = g->text;
	g->c = c ? fs_context_get(c) : NULL;
	g->dir = dir ? dentry_get(dir) : NULL;
	g->to = to ? dentry_get(to) : NULL;
	if (l) {
		g->name = copy_name(&at, l);
		g->slash = l->slash;
	}
	if (new)
		g->new = copy_name(&at, new);
	if (target)
		g->target = memcpy(at, target, strlen(target) + 1);
	return g;
}

static void change_drop(void *arg)
{
	struct change *g = arg;

	dentry_put(g->d);
	dentry_put(g->victim);
	dentry_put(g->spare);
	dentry_put(g->old);
	dentry_put(g->dir);
	dentry_put(g->to);
	inode_put(g->ip);
	if (g->c)
		fs_context_put(g->c);
	heap_free(g);
}

static long change_begin(struct change *g, const char *name, async long (*run)(struct co *, void *),
			 struct change **out)
{
	g->work = errand_create(name, run, change_drop, g);
	if (!g->work) {
		change_drop(g);
		return -ENOMEM;
	}
	errand_start(g->work);
	*out = g;
	return 0;
}

async long change_end(struct change **at)
{
	long r = errand_wait((*at)->work);

	if (r == PENDING)
		return r;
	errand_put((*at)->work);
	*at = NULL;
	return r;
}

async long change_opened(struct change **at, struct dentry **d, bool *created)
{
	struct change *g = *at;
	long r = errand_wait(g->work);

	if (r == PENDING)
		return r;
	if (!r) {
		*d = g->d;
		*created = g->created;
		g->d = NULL;
	}
	errand_put(g->work);
	*at = NULL;
	return r;
}

/* --- decisions -------------------------------------------------------------------------------- */

static long read_only(const struct inode *ip)
{
	return ip->fs->flags & FS_READONLY ? -EROFS : 0;
}

static long name_allowed(const struct change *g, struct dentry *dir, struct name n)
{
	const struct disk_ops *ops = disk_ops(dir->inode);

	return ops->name_ok ? ops->name_ok(dir->inode, n) : 0;
}

static long may_change_dir(struct change *g, struct dentry *dir)
{
	guard(&tree_lock);
	return name_may_change(g->c, dir);
}

static long may_take(struct change *g, struct dentry *dir, struct dentry *d)
{
	guard(&tree_lock);
	return name_may_remove(g->c, dir, d);
}

/* --- what follows in memory ------------------------------------------------------------------- */

static void changed(struct inode *ip)
{
	inode_changed(ip);
	dnode_dirty(ip);
}

static void touched(struct inode *dir)
{
	inode_touch(dir);
	dnode_dirty(dir);
}

/* The dentry of a new name of @ip comes into the tree; g->d is it afterwards. */
static void name_comes(struct change *g, struct dentry *dir, struct dentry *new)
{
	struct inode *ip = new->inode;

	spin_lock(&tree_lock);
	ip->nlink++;
	if (inode_is_dir(ip)) {
		ip->nlink++;
		dir->inode->nlink++;
	}
	g->d = names_enter(dir, (struct name){ new->name, new->len, new->hash }, new, &g->spare);
	if (ip->nlink > 1 && !inode_is_dir(ip))
		notify_inode(ip, IN_ATTRIB);
	notify_entry(dir->inode, dentry_name(g->d), ip, IN_CREATE, 0);
	spin_unlock(&tree_lock);
	names_forget_aliases(dir, NULL);
	touched(dir->inode);
	changed(ip);
}

/* @d, whose name the disk no longer has, leaves the tree. */
static void name_goes(struct dentry *d)
{
	struct inode *dir = d->parent->inode, *ip = d->inode;
	bool known;

	spin_lock(&tree_lock);
	known = !(d->flags & D_GONE);
	if (known)
		names_forget(d);
	ip->nlink--;
	if (inode_is_dir(ip)) {
		ip->nlink--;
		dir->nlink--;
	} else {
		notify_inode(ip, IN_ATTRIB);
	}
	notify_entry(dir, dentry_name(d), ip, IN_DELETE, 0);
	spin_unlock(&tree_lock);
	if (known)
		dentry_put(d);
	names_forget_aliases(d->parent, d);
	changed(ip);
	touched(dir);
}

/* --- create ----------------------------------------------------------------------------------- */

static void own(struct change *g, struct inode *dir, struct inode *ip)
{
	ip->uid = g->c->fsuid;
	ip->gid = dir->mode & I_SGID ? dir->gid : g->c->fsgid;
	ip->rdev = g->rdev;
	if (dir->mode & I_SGID && inode_is_dir(ip))
		ip->mode |= I_SGID;
}

/* A dentry with a new inode, neither known to anybody. */
static long make_new(struct change *g, struct dentry **out)
{
	struct dnode *d = dnode_create(g->dir->inode->fs, g->mode);

	if (!d)
		return -ENOMEM;
	own(g, g->dir->inode, &d->i);
	if (g->target) {
		d->i.target = heap_string(g->target);
		d->i.size = strlen(g->target);
		if (!d->i.target) {
			inode_put(&d->i);
			return -ENOMEM;
		}
	}
	*out = dentry_create(g->name, &d->i);
	return *out ? 0 : -ENOMEM;
}

static long check_create(struct change *g)
{
	long err = may_change_dir(g, g->dir);

	if (!err && g->slash && (g->mode & I_FMT) != I_DIR)
		err = -ENOENT;
	if (!err && !disk_ops(g->dir->inode)->create)
		err = -EROFS;
	return err ? err : name_allowed(g, g->dir, g->name);
}

static async long create_locked(struct co *co, struct change *g)
{
	struct { struct dentry *new; } *f = co_frame(co);
	struct inode *const dir = g->dir->inode;
	long r;

	co_begin(f);
	await(r = names_find(co, g->dir, g->name, &g->d));
	if (r != -ENOENT)
		return r ? r : g->open ? 0 : -EEXIST;
	if ((r = check_create(g)) || (r = make_new(g, &f->new)))
		return r;
	await(r = disk_ops(dir)->create(co, dir, g->name, f->new->inode));
	if (r) {
		dentry_put(f->new);
		return r;
	}
	dnode_publish(dnode_of(f->new->inode));
	g->created = true;
	name_comes(g, g->dir, f->new);
	return 0;
	co_end();
}

static async long create_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct change *const g = arg;
	struct dnode *const dir = dnode_of(g->dir->inode);
	long r;

	co_begin(f);
	await(r = write_lock(&dir->lock));
	await(r = create_locked(co, g));
	write_unlock(&dir->lock);
	return r;
	co_end();
}

long change_create(struct fs_context *c, struct dentry *dir, const struct last *l, u32 mode, u32 rdev,
		   const char *target, struct change **out)
{
	struct change *g;

	if (l->kind != LAST_NAME)
		return -EEXIST;
	g = change_new(c, dir, l, NULL, NULL, target);
	if (!g)
		return -ENOMEM;
	g->mode = mode;
	g->rdev = rdev;
	return change_begin(g, "create name", create_main, out);
}

long change_open(struct fs_context *c, struct dentry *dir, const struct last *l, u32 mode,
		 struct change **out)
{
	struct change *g = change_new(c, dir, l, NULL, NULL, NULL);

	if (!g)
		return -ENOMEM;
	g->mode = mode;
	g->open = true;
	return change_begin(g, "create file", create_main, out);
}

/* --- link ------------------------------------------------------------------------------------- */

static long check_link(struct change *g)
{
	struct inode *ip = g->old->inode;
	long err = may_change_dir(g, g->dir);

	if (err)
		return err;
	if (g->slash)
		return -ENOENT;
	if (inode_is_dir(ip))
		return -EPERM;
	if (ip->fs != g->dir->inode->fs)
		return -EXDEV;
	if (!ip->nlink)
		return -ENOENT;
	return disk_ops(ip)->link ? name_allowed(g, g->dir, g->name) : -EPERM;
}

static async long link_locked(struct co *co, struct change *g)
{
	struct { struct dentry *new; } *f = co_frame(co);
	struct inode *const dir = g->dir->inode, *const ip = g->old->inode;
	long r;

	co_begin(f);
	await(r = names_find(co, g->dir, g->name, &g->d));
	if (r != -ENOENT)
		return r ? r : -EEXIST;
	if ((r = check_link(g)))
		return r;
	if (!(f->new = dentry_create(g->name, inode_get(ip))))
		return -ENOMEM;
	await(r = disk_ops(dir)->link(co, dir, g->name, ip));
	if (r)
		dentry_put(f->new);
	else
		name_comes(g, g->dir, f->new);
	return r;
	co_end();
}

static async long link_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct change *const g = arg;
	struct dnode *const dir = dnode_of(g->dir->inode);
	long r;

	co_begin(f);
	await(r = write_lock(&dir->lock));
	await(r = link_locked(co, g));
	write_unlock(&dir->lock);
	return r;
	co_end();
}

long change_link(struct fs_context *c, struct dentry *dir, const struct last *l, struct dentry *old,
		 struct change **out)
{
	struct change *g;

	if (l->kind != LAST_NAME)
		return -EEXIST;
	g = change_new(c, dir, l, NULL, NULL, NULL);
	if (!g)
		return -ENOMEM;
	g->old = dentry_get(old);
	return change_begin(g, "link name", link_main, out);
}

/* --- remove ----------------------------------------------------------------------------------- */

static long check_kind(const struct change *g, const struct dentry *d)
{
	if (!g->directory && inode_is_dir(d->inode))
		return -EISDIR;
	if ((g->directory || g->slash) && !inode_is_dir(d->inode))
		return -ENOTDIR;
	return d->cover ? -EBUSY : 0;
}

static async long remove_locked(struct co *co, struct change *g)
{
	struct { struct dnode *locked; } *f = co_frame(co);
	struct inode *const dir = g->dir->inode;
	long r;

	co_begin(f);
	await(r = names_find(co, g->dir, g->name, &g->d));
	if (r || (r = may_take(g, g->dir, g->d)) || (r = check_kind(g, g->d)))
		return r;
	if (!disk_ops(dir)->unlink)
		return -EROFS;
	f->locked = g->directory ? dnode_of(g->d->inode) : NULL;
	if (f->locked)
		await(r = write_lock(&f->locked->lock));
	await(r = disk_ops(dir)->unlink(co, dir, g->name, g->d->inode));
	if (!r)
		name_goes(g->d);
	if (f->locked)
		write_unlock(&f->locked->lock);
	return r;
	co_end();
}

static async long remove_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct change *const g = arg;
	struct dnode *const dir = dnode_of(g->dir->inode);
	long r;

	co_begin(f);
	await(r = write_lock(&dir->lock));
	await(r = remove_locked(co, g));
	write_unlock(&dir->lock);
	if (!r && g->directory)
		disk_names_evict_below(g->d);
	return r;
	co_end();
}

long change_remove(struct fs_context *c, struct dentry *dir, const struct last *l, bool directory,
		   struct change **out)
{
	struct change *g;

	if (l->kind != LAST_NAME)
		return name_special(l, directory);
	g = change_new(c, dir, l, NULL, NULL, NULL);
	if (!g)
		return -ENOMEM;
	g->directory = directory;
	return change_begin(g, "remove name", remove_main, out);
}

/* --- rename ----------------------------------------------------------------------------------- */

static long check_victim(struct change *g)
{
	bool dir = inode_is_dir(g->d->inode);
	long err;

	if (g->flags & RENAME_NOREPLACE)
		return -EEXIST;
	err = may_take(g, g->to, g->victim);
	if (err || g->flags & RENAME_EXCHANGE)
		return err;
	if (dir != inode_is_dir(g->victim->inode))
		return dir ? -ENOTDIR : -EISDIR;
	return g->victim->cover ? -EBUSY : 0;
}

static long check_loops(struct change *g)
{
	guard(&tree_lock);
	if (dentry_below(g->to, g->d))
		return -EINVAL;
	if (g->victim && dentry_below(g->dir, g->victim))
		return g->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	return 0;
}

static long check_rename(struct change *g)
{
	bool exchange = g->flags & RENAME_EXCHANGE;
	long err;

	if (!g->victim && exchange)
		return -ENOENT;
	if ((g->slash || (g->crossed && !exchange)) && !inode_is_dir(g->d->inode))
		return -ENOTDIR;
	if (g->d->cover)
		return -EBUSY;
	err = may_change_dir(g, g->to);
	if (!err)
		err = check_loops(g);
	if (!err && g->victim)
		err = check_victim(g);
	return err ? err : name_allowed(g, g->to, g->new);
}

static void count_moved(const struct dentry *d, struct inode *from, struct inode *to)
{
	if (inode_is_dir(d->inode)) {
		from->nlink--;
		to->nlink++;
	}
}

/* The disk has it; so shall the tree.  Names that do not fit a dentry were made sure of just before. */
static void name_moves(struct change *g, struct dentry *d, struct dentry *to, struct name n)
{
	char old[NAME_MAX_LEN + 1];
	struct name old_name;
	struct dentry *before = dentry_get(d->parent);
	struct inode *from = before->inode;
	long err = 0;

	spin_lock(&tree_lock);
	g->spare = names_shadow_take(to, n);
	memcpy(old, d->name, d->len);
	old_name = (struct name){ old, d->len, d->hash };
	if (!(d->flags & D_GONE))
		err = dentry_rename(d, to, n);
	count_moved(d, from, to->inode);
	notify_move(from, old_name, to->inode, n, d->inode, NULL);
	spin_unlock(&tree_lock);
	if (err)
		log_error("rename: no memory for the name of inode %lu", d->inode->ino);
	dentry_put(g->spare);
	g->spare = NULL;
	names_forget_aliases(before, d);
	names_forget_aliases(to, NULL);
	dentry_put(before);
	touched(from);
	touched(to->inode);
	changed(d->inode);
}

static async long move(struct co *co, struct change *g)
{
	struct { struct rename r; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->r = (struct rename){
		.from = g->dir->inode, .to = g->to->inode, .old = g->name, .new = g->new,
		.ip = g->d->inode, .victim = g->victim ? g->victim->inode : NULL,
		.exchange = g->flags & RENAME_EXCHANGE,
	};
	await(r = disk_ops(f->r.from)->rename(co, &f->r));
	if (r)
		return r;
	if (g->victim && f->r.exchange)
		name_moves(g, g->victim, g->dir, g->name);
	else if (g->victim)
		name_goes(g->victim);
	name_moves(g, g->d, g->to, g->new);
	return 0;
	co_end();
}

/* Directories that move or go are locked, too: by address, for neither is in the other. */
static struct dnode *moving_directory(const struct change *g, u32 which)
{
	struct dentry *a = g->d, *b = g->victim;
	struct dnode *x = inode_is_dir(a->inode) ? dnode_of(a->inode) : NULL;
	struct dnode *y = b && inode_is_dir(b->inode) ? dnode_of(b->inode) : NULL;

	if (x == y)
		y = NULL;
	if (!x || (y && y < x)) {
		struct dnode *t = x;

		x = y;
		y = t;
	}
	return which ? y : x;
}

static async long rename_found(struct co *co, struct change *g)
{
	struct { struct dnode *first, *second; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->first = moving_directory(g, 0);
	f->second = moving_directory(g, 1);
	if (f->first)
		await(r = write_lock(&f->first->lock));
	if (f->second)
		await(r = write_lock(&f->second->lock));
	await(r = move(co, g));
	if (f->first)
		write_unlock(&f->first->lock);
	if (f->second)
		write_unlock(&f->second->lock);
	return r;
	co_end();
}

/* Two names of one file: POSIX wants nothing done; one name written differently is a rename. */
static bool same_file(struct change *g)
{
	if (!g->victim || g->victim->inode != g->d->inode)
		return false;
	if (g->victim == g->d || g->d->inode->nlink > 1 || !disk_ops(g->d->inode)->fold_case)
		return true;
	dentry_put(g->victim);
	g->victim = NULL;
	return false;
}

static async long rename_locked(struct co *co, struct change *g)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = names_find(co, g->dir, g->name, &g->d));
	if (r || (r = may_take(g, g->dir, g->d)))
		return r;
	await(r = names_find(co, g->to, g->new, &g->victim));
	if (r && r != -ENOENT)
		return r;
	if ((r = check_rename(g)))
		return r;
	if (!disk_ops(g->dir->inode)->rename)
		return -EROFS;
	if (same_file(g))
		return 0;
	await(r = rename_found(co, g));
	return r;
	co_end();
}

/* The directories in the order of their locks: the outer one first, else by address. */
static struct dnode *directory(const struct change *g, u32 which)
{
	struct dnode *a = dnode_of(g->dir->inode), *b = dnode_of(g->to->inode);
	bool turn;

	if (a == b)
		return which ? NULL : a;
	guard(&tree_lock);
	turn = dentry_below(g->dir, g->to) || (!dentry_below(g->to, g->dir) && b < a);
	return turn == !which ? b : a;
}

static async long rename_main(struct co *co, void *arg)
{
	struct { struct dnode *first, *second; } *f = co_frame(co);
	struct change *const g = arg;
	struct mutex *const m = &disk_of(g->dir->inode)->renaming;
	long r;

	co_begin(f);
	await(r = mutex_lock(m));
	f->first = directory(g, 0);
	f->second = directory(g, 1);
	await(r = write_lock(&f->first->lock));
	if (f->second)
		await(r = write_lock(&f->second->lock));
	await(r = rename_locked(co, g));
	if (f->second)
		write_unlock(&f->second->lock);
	write_unlock(&f->first->lock);
	mutex_unlock(m);
	return r;
	co_end();
}

long change_rename(struct fs_context *c, struct dentry *from, const struct last *old,
		   struct dentry *to, const struct last *new, u32 flags, struct change **out)
{
	struct change *g;

	if (old->kind != LAST_NAME || new->kind != LAST_NAME)
		return flags & RENAME_NOREPLACE && new->kind != LAST_NAME ? -EEXIST : -EBUSY;
	if (from->inode->fs != to->inode->fs)
		return -EXDEV;
	g = change_new(c, from, old, to, new, NULL);
	if (!g)
		return -ENOMEM;
	g->flags = flags;
	g->crossed = new->slash;
	return change_begin(g, "rename", rename_main, out);
}

/* --- sizes ------------------------------------------------------------------------------------ */

static async long truncate_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct change *const g = arg;
	long r;

	co_begin(f);
	await(r = write_lock(&dnode_of(g->ip)->lock));
	await(r = disk_truncate(co, g->ip, g->at));
	write_unlock(&dnode_of(g->ip)->lock);
	return r;
	co_end();
}

static async long allocate_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct change *const g = arg;
	long r;

	co_begin(f);
	await(r = write_lock(&dnode_of(g->ip)->lock));
	await(r = disk_allocate(co, g->ip, g->mode, g->at, g->len));
	write_unlock(&dnode_of(g->ip)->lock);
	return r;
	co_end();
}

static struct change *change_content(struct inode *ip, u64 at, u64 len)
{
	struct change *g = change_new(NULL, NULL, NULL, NULL, NULL, NULL);

	if (!g)
		return NULL;
	g->ip = inode_get(ip);
	g->at = at;
	g->len = len;
	return g;
}

long change_truncate(struct inode *ip, u64 size, struct change **out)
{
	struct change *g = read_only(ip) ? NULL : change_content(ip, size, 0);

	if (!g)
		return read_only(ip) ? -EROFS : -ENOMEM;
	return change_begin(g, "truncate", truncate_main, out);
}

long change_allocate(struct inode *ip, u32 mode, u64 at, u64 len, struct change **out)
{
	struct change *g = read_only(ip) ? NULL : change_content(ip, at, len);

	if (!g)
		return read_only(ip) ? -EROFS : -ENOMEM;
	g->mode = mode;
	return change_begin(g, "allocate", allocate_main, out);
}

static async long seek_main(struct co *co, void *arg)
{
	struct change *g = arg;

	return disk_seek(co, g->ip, g->at, g->directory);
}

long change_seek(struct inode *ip, u64 at, bool hole, struct change **out)
{
	struct change *g = change_content(ip, at, 0);

	if (!g)
		return -ENOMEM;
	g->directory = hole;
	return change_begin(g, "seek", seek_main, out);
}
