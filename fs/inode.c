// SPDX-License-Identifier: MIT
/*
 * inode.c: inodes and instances of file systems: life, access, times.
 *
 * An inode holds a reference to its instance, so an instance that was unmounted lives as long as its
 * last open file.  Numbers are never reused within an instance.
 */
#include "fs/inode.h"
#include <string.h>
#include "core/log.h"
#include "core/time.h"
#include "fs/locks.h"
#include "fs/path.h"
#include "fs/procfs.h"
#include "fs/xattr.h"
#include "mem/heap.h"
#include "mem/vm.h"

static struct slab inode_slab = SLAB("inode", struct inode);
static _Atomic u32 last_dev;

static const struct fs_type anon_type = { .name = "anon", .magic = 0x09041934, .nodev = true };
struct filesystem anon_fs = {
	.refs = 1, .dev = 1, .type = &anon_type, .inodes = TAILQ_HEAD_INITIALIZER(anon_fs.inodes),
};

struct charge *fs_charge(void)
{
	struct vm *v = this_cpu()->mmu;

	return v ? v->charge : NULL;
}

/* --- instances ----------------------------------------------------------------------------- */

static char *copy_string(const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = heap_alloc(n);

	return p ? memcpy(p, s, n) : NULL;
}

struct filesystem *filesystem_create(const struct fs_type *type, const char *source)
{
	struct filesystem *fs = heap_zero(sizeof(*fs));

	if (!fs)
		return NULL;
	fs->refs = 1;
	fs->dev = atomic_fetch_add(&last_dev, 1) + 2;
	fs->type = type;
	TAILQ_INIT(&fs->inodes);
	if (!(fs->source = copy_string(source))) {
		heap_free(fs);
		return NULL;
	}
	return fs;
}

void filesystem_put(struct filesystem *fs)
{
	u32 refs = atomic_fetch_sub(&fs->refs, 1);

	if (fs->alone && refs == 2)
		fs->alone(fs);
	if (refs != 1)
		return;
	assert(fs != &anon_fs && TAILQ_EMPTY(&fs->inodes));
	heap_free((char *)fs->source);
	heap_free(fs);
}

/* --- life ------------------------------------------------------------------------------------ */

static void pages_owner_put(struct pageset *ps)
{
	inode_put(container_of(ps, struct inode, pages));
}

void inode_init(struct inode *ip, struct filesystem *fs, u32 mode, const struct inode_ops *ops)
{
	*ip = (struct inode){ .refs = 1, .mode = mode, .ops = ops, .fs = fs };
	ip->ino = atomic_fetch_add_explicit(&fs->next_ino, 1, memory_order_relaxed) + 1;
	ip->atime = ip->mtime = ip->ctime = ip->btime = clock_real();
	pageset_init(&ip->pages, NULL);
	ip->pages.owner_refs = &ip->refs;
	ip->pages.owner_put = pages_owner_put;
	atomic_fetch_add_explicit(&fs->refs, 1, memory_order_relaxed);
	guard(&fs->lock);
	TAILQ_INSERT_TAIL(&fs->inodes, ip, link);
}

struct inode *inode_create(struct filesystem *fs, u32 mode, const struct inode_ops *ops)
{
	struct inode *ip = slab_alloc(&inode_slab);

	if (ip)
		inode_init(ip, fs, mode, ops);
	return ip;
}

long pageset_path(struct pageset *set, char *buf, size_t size, u64 *ino)
{
	struct inode *ip = container_of(set, struct inode, pages);
	struct dentry *d;
	long n;

	if (set->owner_put != pages_owner_put)
		return 0;			/* memory that is no file */
	*ino = ip->ino;
	spin_lock(&tree_lock);
	d = ip->alias ? dentry_get(ip->alias) : NULL;
	spin_unlock(&tree_lock);
	n = d ? dentry_path(d, root_dentry, buf, size) : 0;
	dentry_put(d);
	return n;
}

struct inode_more *inode_more(struct inode *ip)
{
	struct inode_more *m = atomic_load(&ip->more), *none = NULL;

	if (m || !(m = heap_zero(sizeof(*m))))
		return m;
	if (atomic_compare_exchange_strong(&ip->more, &none, m))
		return m;
	heap_free(m);
	return none;
}

static void more_free(struct inode_more *m)
{
	check(!m->marks);			/* each of them holds a reference */
	xattrs_free(m);
	heap_free(m);
}

void inode_end(struct inode *ip)
{
	if (unlikely(ip->more))
		more_free(ip->more);
	locks_free(ip);
	heap_free(ip->target);
	spin_lock(&ip->fs->lock);
	TAILQ_REMOVE(&ip->fs->inodes, ip, link);
	spin_unlock(&ip->fs->lock);
	filesystem_put(ip->fs);
}

static void inode_free(struct inode *ip)
{
	if (ip->ops->free)
		ip->ops->free(ip);
	pageset_truncate(&ip->pages, 0);
	inode_end(ip);
	slab_free(&inode_slab, ip);
}

void inode_put(struct inode *ip)
{
	if (!ip || atomic_fetch_sub(&ip->refs, 1) != 1)
		return;
	if (ip->ops->last)
		ip->ops->last(ip);
	else
		inode_free(ip);
}

/* --- access ------------------------------------------------------------------------------------ */

/* The superuser may do everything but execute what nobody may. */
static bool root_may(const struct inode *ip, u32 want)
{
	return !(want & MAY_EXEC) || inode_is_dir(ip) || ip->mode & 0111;
}

long inode_access_as(struct fs_context *c, u32 uid, u32 gid, struct inode *ip, u32 want)
{
	u32 shift;

	if (!uid)
		return root_may(ip, want) ? 0 : -EACCES;
	shift = ip->uid == uid ? 6 : ip->gid == gid || fs_has_group(c, ip->gid) ? 3 : 0;
	return (ip->mode >> shift & want) == want ? 0 : -EACCES;
}

long inode_access(struct fs_context *c, struct inode *ip, u32 want)
{
	return inode_access_as(c, c->fsuid, c->fsgid, ip, want);
}

long inode_owned(struct fs_context *c, struct inode *ip)
{
	return !c->fsuid || c->fsuid == ip->uid ? 0 : -EPERM;
}

/* --- times --------------------------------------------------------------------------------------- */

void inode_touch(struct inode *ip)
{
	ip->mtime = ip->ctime = clock_real();
}

void inode_changed(struct inode *ip)
{
	ip->ctime = clock_real();
}

void inode_accessed(struct inode *ip)
{
	u64 now;

	if (likely(ip->atime > ip->mtime && ip->atime > ip->ctime))
		return;		/* a day's precision costs a clock reading: left out */
	now = clock_real();
	ip->atime = now;
}
