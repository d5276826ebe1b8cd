// SPDX-License-Identifier: MIT
/*
 * mount.c: file systems on block devices come and go.
 *
 * Going: once the tree has let go of an instance its inodes are put away one by one; when only the
 * mount's reference is left the file system says good-bye to the disk.  This is an errand, for a lazy
 * unmount has to wait for the last user.
 */
#include <stdarg.h>
#include <string.h>
#include "core/log.h"
#include "fs/disk/private.h"
#include "lib/print.h"
#include "mem/heap.h"

void disk_complain(struct filesystem *fs, const char *fmt, ...)
{
	char line[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprint(line, sizeof(line), fmt, ap);
	va_end(ap);
	log_warn("%s (%s): %s", fs->type->name, fs->disk ? fs->disk->blk->name : "?", line);
}

static void alone(struct filesystem *fs)
{
	wake_all(&fs->disk->gone);
}

/* The generic half of an instance, with the device claimed. */
static long disk_create(struct filesystem *fs, struct blk *b)
{
	struct disk *k;
	long err = blk_claim(b);

	if (err)
		return err;
	k = heap_zero(sizeof(*k));
	if (!k) {
		blk_release(b);
		return -ENOMEM;
	}
	k->ops = fs->type->disk;
	k->fs = fs;
	k->blk = blk_get(b);
	mutex_init(&k->renaming);
	waitq_init(&k->gone);
	TAILQ_INIT(&k->dirty);
	fs->disk = k;
	fs->alone = alone;
	if (b->read_only)
		fs->flags |= FS_READONLY;
	return 0;
}

static void memory_free(struct rcu_head *h)
{
	heap_free(container_of(h, struct disk, rcu));
}

static void disk_free(struct filesystem *fs)
{
	struct disk *k = fs->disk;

	fs->disk = NULL;
	fs->alone = NULL;
	blk_release(k->blk);
	blk_put(k->blk);
	rcu_free(&k->rcu, memory_free);
}

static async long only_mount_left(struct filesystem *fs)
{
	guard(&fs->disk->lock);
	return atomic_load(&fs->refs) == 1 ? 0 : wait_quiet(&fs->disk->gone);
}

/* What was read of the device is forgotten: something else may write to it. */
static void forget(struct blk *b)
{
	while (cache_reclaim_from(&b->pages, RUN_MAX))
		;
}

async long disk_unmount(struct co *co, struct filesystem *fs)
{
	struct { u64 unused; } *f = co_frame(co);
	const struct disk_ops *const ops = fs->type->disk;
	long r;

	co_begin(f);
	await(r = only_mount_left(fs));
	flusher_remove(fs->disk);
	if (ops->sync_fs && !disk_readonly(fs))
		await(r = ops->sync_fs(co, fs));
	if (ops->unmount)
		await(r = ops->unmount(co, fs));
	await(r = blk_sync(co, fs->disk->blk));
	if (r)
		disk_complain(fs, "error %ld when it was unmounted", -r);
	forget(fs->disk->blk);
	disk_free(fs);
	filesystem_put(fs);
	return 0;
	co_end();
}

static async long get_root(struct co *co, struct filesystem *fs, u64 key)
{
	struct { struct inode *ip; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = dnode_get(co, fs, key, &f->ip));
	if (r)
		return r;
	if (!inode_is_dir(f->ip)) {
		inode_put(f->ip);
		return -EUCLEAN;
	}
	fs->root = dentry_root(f->ip);
	return fs->root ? 0 : -ENOMEM;
	co_end();
}

async long disk_mount(struct co *co, struct filesystem *fs, struct blk *b, const char *options)
{
	struct { u64 root; long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	r = disk_create(fs, b);
	if (r)
		return r;
	await(f->err = fs->type->disk->mount(co, fs, options, &f->root));
	if (f->err) {
		disk_free(fs);
		return f->err;
	}
	flusher_add(fs->disk);
	await(f->err = get_root(co, fs, f->root));
	if (!f->err)
		return 0;
	await(r = only_mount_left(fs));
	flusher_remove(fs->disk);
	if (fs->type->disk->unmount)
		await(r = fs->type->disk->unmount(co, fs));
	disk_free(fs);
	return f->err;
	co_end();
}

/* --- sync ------------------------------------------------------------------------------------- */

async long disk_sync(struct co *co, struct filesystem *fs)
{
	struct { struct dnode *d; long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->err = 0;
	for (f->d = dnode_next_dirty(fs->disk, NULL); f->d; f->d = dnode_next_dirty(fs->disk, f->d)) {
		await(r = dnode_flush(co, f->d, true));
		if (r && !f->err)
			f->err = r;
	}
	if (fs->type->disk->sync_fs && !disk_readonly(fs))
		await(r = fs->type->disk->sync_fs(co, fs));
	else
		r = 0;
	if (r && !f->err)
		f->err = r;
	await(r = blk_sync(co, fs->disk->blk));
	return f->err ? f->err : r;
	co_end();
}

/* --- statfs ----------------------------------------------------------------------------------- */

struct statfs_query { struct errand *work; struct filesystem *fs; struct disk_stat st; };

static async long statfs_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct statfs_query *const q = arg;
	long r;

	co_begin(f);
	q->st = (struct disk_stat){
		.block_size = PAGE_SIZE, .name_max = NAME_MAX_LEN, .id = q->fs->dev,
		.blocks = q->fs->disk->blk->size >> PAGE_SHIFT,
	};
	r = 0;
	if (q->fs->type->disk->statfs)
		await(r = q->fs->type->disk->statfs(co, q->fs, &q->st));
	return r;
	co_end();
}

static void statfs_drop(void *arg)
{
	struct statfs_query *q = arg;

	filesystem_put(q->fs);
	heap_free(q);
}

struct statfs_query *disk_statfs_begin(struct filesystem *fs)
{
	struct statfs_query *q = heap_zero(sizeof(*q));

	if (!q)
		return NULL;
	atomic_fetch_add(&fs->refs, 1);
	q->fs = fs;
	q->work = errand_create("statfs", statfs_main, statfs_drop, q);
	if (!q->work) {
		statfs_drop(q);
		return NULL;
	}
	errand_start(q->work);
	return q;
}

async long disk_statfs_wait(struct statfs_query *q) { return errand_wait(q->work); }
const struct disk_stat *disk_statfs_result(const struct statfs_query *q) { return &q->st; }

void disk_statfs_put(struct statfs_query *q)
{
	if (q)
		errand_put(q->work);
}

/* --- remount ---------------------------------------------------------------------------------- */

struct remount { struct filesystem *fs; u32 flags; char options[]; };

/* To read-only: everything is written first, and new writers are refused from the beginning on. */
static async long remount_main(struct co *co, void *arg)
{
	struct { u32 before; } *f = co_frame(co);
	struct remount *const m = arg;
	struct filesystem *const fs = m->fs;
	long r;

	co_begin(f);
	f->before = fs->flags;
	if (!(m->flags & FS_READONLY) && fs->disk->blk->read_only)
		return -EROFS;
	if (m->flags & FS_READONLY && !(f->before & FS_READONLY)) {
		await(r = disk_sync(co, fs));
		if (r)
			return r;
	}
	r = 0;
	if (fs->type->disk->remount)
		await(r = fs->type->disk->remount(co, fs, m->flags, m->options));
	else if (f->before & FS_READONLY && !(m->flags & FS_READONLY) && !fs->type->disk->create)
		r = -EROFS;
	if (!r)
		fs->flags = m->flags;
	return r;
	co_end();
}

static void remount_drop(void *arg)
{
	struct remount *m = arg;

	filesystem_put(m->fs);
	heap_free(m);
}

long disk_remount(struct filesystem *fs, u32 flags, const char *options, struct errand **out)
{
	struct remount *m = heap_alloc(sizeof(*m) + strlen(options) + 1);

	if (!m)
		return -ENOMEM;
	atomic_fetch_add(&fs->refs, 1);
	m->fs = fs;
	m->flags = flags;
	memcpy(m->options, options, strlen(options) + 1);
	*out = errand_create("remount", remount_main, remount_drop, m);
	if (!*out) {
		remount_drop(m);
		return -ENOMEM;
	}
	errand_start(*out);
	return 0;
}
