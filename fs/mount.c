// SPDX-License-Identifier: MIT
/*
 * mount.c: which file system is where.  A mounted instance is in `mounts' and its root covers a
 * directory: both are changed under tree_lock.  Unmounting takes the names of an instance apart; open
 * files keep their inodes.
 */
#include <string.h>
#include "core/log.h"
#include "fs/change.h"
#include "fs/disk/private.h"
#include "fs/notify.h"
#include "fs/xattr.h"
#include "lib/text.h"
#include "mem/heap.h"

enum { TYPES_MAX = 16 };
static const struct fs_type *types[TYPES_MAX] = {
	&tmpfs_type, &devfs_type, &procfs_type, &ext4_type, &ext3_type, &ext2_type, &fat_type,
};
static const struct fs_type ramfs_type = { .name = "ramfs", .magic = 0x858458f6, .mount = tmpfs_mount };
static const struct fs_type rootfs_type = {
	.name = "rootfs", .magic = 0x01021994, .nodev = true, .mount = tmpfs_mount,
	.blocks = tmpfs_blocks,
};
static TAILQ_HEAD(, filesystem) mounts = TAILQ_HEAD_INITIALIZER(mounts);
static u32 mount_count;				/* tree_lock */
struct dentry *root_dentry;

static const struct fs_type *find_type(const char *name)
{
	for (u32 i = 0; i < TYPES_MAX && types[i]; i++)
		if (!strcmp(types[i]->name, name))
			return types[i];
	return !strcmp(name, ramfs_type.name) ? &ramfs_type : NULL;
}

void fs_type_add(const struct fs_type *type)
{
	for (u32 i = 0; i < TYPES_MAX; i++)
		if (!types[i]) {
			types[i] = type;
			return;
		}
	log_error("too many types of file systems: %s", type->name);
}

/* --- taking an instance apart -------------------------------------------------------------------- */

enum { NAMES_A_TURN = 200, MOUNTS_MAX = 256 };

/* Who takes the names of an instance apart, and how far he is: the directory of the last name, counted,
 * saves the way down to the next. */
struct razing { struct filesystem *fs; struct dentry *near; };

/* Some name without names below it, out of the tree; NULL: only the root is left. */
static struct dentry *pluck_leaf(struct razing *z, struct dentry **near)
{
	struct dentry *root = z->fs->root, *d = z->near;

	guard(&tree_lock);
	if (!d || d->flags & D_GONE)		/* somebody inside was quicker */
		d = root;
	while (!dentry_empty(d))
		d = TAILQ_FIRST(&d->children);
	if (d == root)
		return NULL;
	*near = dentry_get(d->parent);
	if (d->flags & D_CACHED) {
		names_forget(d);
		return d;
	}
	dentry_unlink(d);
	if (!(d->flags & D_PINNED))
		return dentry_get(d);
	d->flags &= ~D_PINNED;
	d->inode->nlink--;
	return d;
}

/* Some names go; false: all have gone. */
static bool names_some(struct razing *z)
{
	for (u32 i = 0; z->fs->root && i < NAMES_A_TURN; i++) {
		struct dentry *near = NULL, *d = pluck_leaf(z, &near);

		dentry_put(z->near);
		z->near = near;
		dentry_put(d);
		if (d)
			continue;
		dentry_put(z->fs->root);
		z->fs->root = NULL;
	}
	return z->fs->root;
}

static async long unmount_main(struct co *co, void *arg)
{
	struct { struct razing z; } *f = co_frame(co);
	struct filesystem *const fs = arg;
	long r;

	co_begin(f);
	f->z = (struct razing){ .fs = fs };
	while (names_some(&f->z))
		co_yield();
	if (!fs->disk) {
		filesystem_put(fs);
		return 0;
	}
	await(r = disk_unmount(co, fs));
	return r;
	co_end();
}

/* Of an instance that nobody has seen: there is little in it. */
static void names_end(struct filesystem *fs)
{
	struct razing z = { .fs = fs };

	while (names_some(&z))
		;
}

static void instance_end(struct filesystem *fs)
{
	if (fs->type->end)
		fs->type->end(fs);
	names_end(fs);
	filesystem_put(fs);
}

/* --- mount ------------------------------------------------------------------------------------------ */

static long instance_create(const struct fs_type *type, const char *source, u32 flags,
			    const char *options, struct filesystem **out)
{
	struct filesystem *fs = filesystem_create(type, source);
	long err = fs ? type->mount(fs, options) : -ENOMEM;

	if (err && fs)
		instance_end(fs);
	if (err)
		return err;
	fs->flags = flags;
	*out = fs;
	return 0;
}

static long cover(struct dentry *at, struct filesystem *fs)
{
	guard(&tree_lock);
	if (at->flags & (D_GONE | D_FREE))
		return -ENOENT;
	if (at->cover || at == root_dentry || at->flags & D_PASSING)
		return -EBUSY;
	if (mount_count >= MOUNTS_MAX)
		return -ENOSPC;
	mount_count++;
	at->cover = dentry_get(fs->root);
	fs->root->covers = dentry_get(at);
	TAILQ_INSERT_TAIL(&mounts, fs, link);
	return 0;
}

long mount_new(struct dentry *at, const char *type_name, const char *source, u32 flags,
	       const char *options)
{
	const struct fs_type *type = find_type(type_name);
	struct filesystem *fs;
	long err;

	if (!type || type->disk)
		return -ENODEV;
	if (!inode_is_dir(at->inode))
		return -ENOTDIR;
	err = instance_create(type, source, flags, options, &fs);
	if (err)
		return err;
	err = cover(at, fs);
	if (err)
		instance_end(fs);
	return err;
}

/* --- on block devices ------------------------------------------------------------------------- */

struct mounting {
	struct dentry	*at;
	struct blk	*blk;
	struct filesystem *fs;
	char		options[];
};

static void mounting_drop(void *arg)
{
	struct mounting *m = arg;

	dentry_put(m->at);
	blk_put(m->blk);
	heap_free(m);
}

static async long mount_main(struct co *co, void *arg)
{
	struct { long err; } *f = co_frame(co);
	struct mounting *const m = arg;
	long r;

	co_begin(f);
	await(f->err = disk_mount(co, m->fs, m->blk, m->options));
	if (f->err) {
		filesystem_put(m->fs);
		return f->err;
	}
	f->err = cover(m->at, m->fs);
	if (!f->err)
		return 0;
	names_end(m->fs);
	await(r = disk_unmount(co, m->fs));
	return f->err;
	co_end();
}

bool mount_needs_device(const char *type)
{
	const struct fs_type *t = find_type(type);

	return t && t->disk;
}

long mount_disk(struct dentry *at, const char *type_name, const char *source, struct blk *b, u32 flags,
		const char *options, struct errand **out)
{
	const struct fs_type *type = find_type(type_name);
	size_t n = strlen(options) + 1;
	struct mounting *m;

	if (!type || !type->disk)
		return -ENODEV;
	if (!inode_is_dir(at->inode))
		return -ENOTDIR;
	m = heap_zero(sizeof(*m) + n);
	if (!m)
		return -ENOMEM;
	memcpy(m->options, options, n);
	m->at = dentry_get(at);
	m->blk = blk_get(b);
	m->fs = filesystem_create(type, source);
	*out = m->fs ? errand_create("mount", mount_main, mounting_drop, m) : NULL;
	if (!*out) {
		if (m->fs)
			filesystem_put(m->fs);
		mounting_drop(m);
		return -ENOMEM;
	}
	m->fs->flags = flags;
	flusher_start();
	errand_start(*out);
	return 0;
}

const struct fs_type *mount_type(u32 n)
{
	return n < TYPES_MAX ? types[n] : NULL;
}

/* The old root stays as it is, out of reach; its names are nobody's any more. */
void mount_set_root(struct filesystem *fs)
{
	struct dentry *old[2] = { kernel_context.root, kernel_context.cwd };

	spin_lock(&tree_lock);
	root_dentry = fs->root;
	kernel_context.root = dentry_get(fs->root);
	kernel_context.cwd = dentry_get(fs->root);
	TAILQ_INSERT_HEAD(&mounts, fs, link);
	spin_unlock(&tree_lock);
	dentry_put(old[0]);
	dentry_put(old[1]);
}

long mount_root(void)
{
	struct filesystem *fs;
	long err = instance_create(&rootfs_type, "rootfs", 0, "mode=755", &fs);

	if (err)
		return err;
	root_dentry = fs->root;
	TAILQ_INSERT_TAIL(&mounts, fs, link);
	return 0;
}

/* --- unmount ---------------------------------------------------------------------------------------- */

/* Is any name used but by the tree itself?  @extra: references to the root that are accounted for. */
static bool busy(struct dentry *d, u32 extra)
{
	struct dentry *c;
	u32 n = extra;

	TAILQ_FOREACH(c, &d->children, sibling)
		n++;
	return d->cover || atomic_load(&d->refs) != n;
}

/* The name after @d in the tree below @root, depth first; NULL: that was all. */
static struct dentry *next_name(struct dentry *d, struct dentry *root)
{
	if (!dentry_empty(d))
		return TAILQ_FIRST(&d->children);
	for (; d != root; d = d->parent)
		if (TAILQ_NEXT(d, sibling))
			return TAILQ_NEXT(d, sibling);
	return NULL;
}

/* The root: of its instance, of the mount, the caller's. */
static bool instance_busy(struct dentry *root)
{
	if (busy(root, 3))
		return true;
	for (struct dentry *d = next_name(root, root); d; d = next_name(d, root))
		if (busy(d, 1))
			return true;
	return false;
}

static long uncover(struct dentry *root, bool lazy, struct dentry **at)
{
	guard(&tree_lock);
	if (root->parent != root || !root->covers)
		return -EINVAL;
	if (!lazy && instance_busy(root))
		return -EBUSY;
	for (struct dentry *d = root; d; d = next_name(d, root))
		if (d->cover)
			return -EBUSY;		/* mounts inside: not even lazily */
	*at = root->covers;
	root->flags |= D_GONE;			/* nothing new, for those who are still in it */
	(*at)->cover = NULL;
	root->covers = NULL;
	TAILQ_REMOVE(&mounts, root->inode->fs, link);
	mount_count--;
	return 0;
}

/* Names nobody uses are no reason to be busy, and what is in memory only of a disk goes there. */
long mount_remove(struct dentry *root, bool lazy, struct errand **out)
{
	struct filesystem *fs = root->inode->fs;
	struct errand *work;
	struct dentry *at;
	long err;

	*out = NULL;
	while (fs->disk && disk_names_evict(fs, UINT32_MAX))
		;
	if (!(work = errand_create("unmount", unmount_main, NULL, fs)))
		return -ENOMEM;
	err = uncover(root, lazy, &at);
	if (err) {
		errand_put(work);
		return err;
	}
	dentry_put(at);
	dentry_put(root);
	if (fs->type->end)
		fs->type->end(fs);
	notify_unmount(fs);
	errand_start(work);
	*out = work;
	return 0;
}

/* --- lists ---------------------------------------------------------------------------------------------- */

/* The n-th mount, its root counted. */
static struct dentry *nth_root(u32 n)
{
	struct filesystem *fs;

	guard(&tree_lock);
	TAILQ_FOREACH(fs, &mounts, link)
		if (!n--)
			return dentry_get(fs->root);
	return NULL;
}

/* What would end the field, as three octal digits. */
static void add_field(struct text *t, const char *s, const char *special)
{
	for (; *s; s++)
		if (strchr(special, *s))
			text_add(t, "\\%c%c%c", '0' + (*s >> 6 & 3), '0' + (*s >> 3 & 7), '0' + (*s & 7));
		else
			text_put(t, s, 1);
	text_put(t, " ", 1);
}

static void add_mount(struct text *t, struct dentry *root)
{
	struct filesystem *fs = root->inode->fs;
	char path[256];
	bool named = dentry_path(root, root_dentry, path, sizeof(path)) >= 0;

	if (named && !strncmp(path, "(unreachable)", 13))
		return;
	add_field(t, fs->source, " \t\n\\#");
	add_field(t, named ? path : "?", " \t\n\\");
	text_add(t, "%s %s%s%s%s 0 0\n", fs->type->name, fs->flags & FS_READONLY ? "ro" : "rw",
		 fs->flags & FS_NOSUID ? ",nosuid" : "", fs->flags & FS_NODEV ? ",nodev" : "",
		 fs->flags & FS_NOEXEC ? ",noexec" : "");
}

long mounts_text(struct text *t)
{
	struct dentry *d;

	for (u32 i = 0; (d = nth_root(i)); i++) {
		add_mount(t, d);
		dentry_put(d);
	}
	return 0;
}

long filesystems_text(struct text *t)
{
	for (u32 i = 0; i < TYPES_MAX && types[i]; i++)
		text_add(t, "%s\t%s\n", types[i]->nodev ? "nodev" : "", types[i]->name);
	text_add(t, "nodev\t%s\n", ramfs_type.name);
	return 0;
}

static u64 instance_pages(struct filesystem *fs)
{
	struct inode *ip;
	u64 n = 0;

	guard(&fs->lock);
	TAILQ_FOREACH(ip, &fs->inodes, link)
		n += ip->pages.count;
	return n;
}

u64 fs_memory_pages(void)
{
	struct filesystem *fs;
	u64 n = instance_pages(&anon_fs);

	guard(&tree_lock);
	TAILQ_FOREACH(fs, &mounts, link)
		n += instance_pages(fs);
	return n;
}

/* --- what names hold --------------------------------------------------------------------------------- */

/* Only what has a name: an inode that lost its last one stays as long as it is used. */
static void add_inode(struct fs_usage *u, struct inode *ip)
{
	if (!ip->nlink)
		return;
	u->pages += ip->pages.count;
	u->heap += sizeof(*ip) + heap_room(ip->target) + pageset_heap(&ip->pages) + xattrs_heap(ip);
}

/* The instance and its root's name; the other names are counted where they come and go. */
static void add_instance(struct fs_usage *u, struct filesystem *fs)
{
	struct inode *ip;

	u->heap += heap_room(fs) + heap_room(fs->source) + sizeof(*fs->root);
	if (fs->disk) {
		disk_usage(fs, u);
		return;
	}
	if (!fs->root->inode->ops->create)
		return;				/* inodes as long as they are used: procfs */
	guard(&fs->lock);
	TAILQ_FOREACH(ip, &fs->inodes, link)
		add_inode(u, ip);
}

struct fs_usage fs_usage(void)
{
	struct fs_usage u = { .heap = dentry_tree_heap() };
	struct filesystem *fs;

	devices_usage(&u);
	guard(&tree_lock);
	TAILQ_FOREACH(fs, &mounts, link)
		add_instance(&u, fs);
	return u;
}
