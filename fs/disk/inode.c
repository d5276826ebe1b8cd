// SPDX-License-Identifier: MIT
/*
 * inode.c: inodes of file systems on disks: found by key, loaded once, written back, evicted.
 *
 * The last reference is final: an inode with none is on its way out, and who looks for its key waits
 * until it has gone, then loads it afresh.  A clean one that has names is freed at once; else an errand
 * writes it back, or gives its blocks back to the disk.  disk->lock guards hash, states, the dirty list.
 */
#include <string.h>
#include "core/log.h"
#include "core/time.h"
#include "fs/disk/private.h"
#include "mem/heap.h"

static struct dnode **bucket_of(struct disk *k, u64 key)
{
	return &k->bucket[(key * 0x9e3779b97f4a7c15ul) >> 56 & (DNODE_BUCKETS - 1)];
}

static void hash_locked(struct disk *k, struct dnode *d)
{
	struct dnode **b = bucket_of(k, d->key);

	d->next = *b;
	*b = d;
	d->state |= N_HASHED;
}

static void unhash_locked(struct disk *k, struct dnode *d)
{
	if (!(d->state & N_HASHED))
		return;
	for (struct dnode **b = bucket_of(k, d->key); *b; b = &(*b)->next)
		if (*b == d) {
			*b = d->next;
			break;
		}
	d->state &= ~N_HASHED;
}

static void undirty_locked(struct disk *k, struct dnode *d)
{
	if (d->state & (N_DIRTY | N_ORPHAN))
		TAILQ_REMOVE(&k->dirty, d, dirty);
	d->state &= ~(N_DIRTY | N_ORPHAN);
}

/* --- coming ----------------------------------------------------------------------------------- */

static const struct inode_ops *ops_of(u32 mode)
{
	return (mode & I_FMT) == I_DIR ? &disk_dir_ops
	       : (mode & I_FMT) == I_REG ? &disk_file_ops : &disk_node_ops;
}

struct dnode *dnode_create(struct filesystem *fs, u32 mode)
{
	struct dnode *d = heap_zero(fs->disk->ops->inode_size);

	if (!d)
		return NULL;
	inode_init(&d->i, fs, mode, ops_of(mode));
	d->i.ino = 0;
	rwlock_init(&d->lock);
	cache_init(&d->i.pages, &d->cache, &disk_pages_ops);
	return d;
}

void dnode_publish(struct dnode *d)
{
	struct disk *k = disk_of(&d->i);

	if (!d->i.ino)
		d->i.ino = d->key;
	guard(&k->lock);
	hash_locked(k, d);
}

void dnode_rekey(struct inode *ip, u64 key)
{
	struct disk *k = disk_of(ip);
	struct dnode *d = dnode_of(ip);

	guard(&k->lock);
	bool known = d->state & N_HASHED;

	unhash_locked(k, d);
	d->key = key;
	if (known)
		hash_locked(k, d);
}

static struct dnode *find_locked(struct disk *k, u64 key)
{
	struct dnode *d = *bucket_of(k, key);

	while (d && d->key != key)
		d = d->next;
	return d;
}

static bool get_living(struct dnode *d)
{
	u32 refs = atomic_load(&d->i.refs);

	while (refs && !atomic_compare_exchange_weak(&d->i.refs, &refs, refs + 1))
		;
	return refs;
}

/* The inode, counted; with *mine it is new and to be loaded. */
static async long find_or_add(struct filesystem *fs, u64 key, struct dnode **out, bool *mine)
{
	struct disk *k = fs->disk;
	struct dnode *d;

	guard(&k->lock);
	d = find_locked(k, key);
	*mine = !d;
	if (d && (d->state & (N_LOADING | N_EVICTING) || !get_living(d)))
		return wait_quiet(&k->gone);
	if (!d) {
		d = dnode_create(fs, 0);
		if (!d)
			return -ENOMEM;
		d->key = key;
		d->state = N_LOADING;
		hash_locked(k, d);
	}
	*out = d;
	return 0;
}

static long loaded(struct dnode *d, long err)
{
	struct disk *k = disk_of(&d->i);

	if (!d->i.ino)
		d->i.ino = d->key;
	d->i.ops = ops_of(d->i.mode);
	d->i.pages.size_pages = (d->i.size + PAGE_SIZE - 1) >> PAGE_SHIFT;
	spin_lock(&k->lock);
	d->state &= ~N_LOADING;
	if (err)
		unhash_locked(k, d);
	spin_unlock(&k->lock);
	wake_all(&k->gone);
	if (err)
		dnode_free(d);
	return err;
}

async long dnode_get(struct co *co, struct filesystem *fs, u64 key, struct inode **out)
{
	struct { struct dnode *d; bool mine; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = find_or_add(fs, key, &f->d, &f->mine));
	if (r)
		return r;
	if (f->mine) {
		await(r = fs->disk->ops->load(co, &f->d->i));
		r = loaded(f->d, r);
	}
	if (!r)
		*out = &f->d->i;
	return r;
	co_end();
}

/* --- dirty ------------------------------------------------------------------------------------ */

static void enlist(struct dnode *d)
{
	struct disk *k = disk_of(&d->i);

	guard(&k->lock);
	if (d->state & (N_DIRTY | N_EVICTING))
		return;
	d->state |= N_DIRTY;
	TAILQ_INSERT_TAIL(&k->dirty, d, dirty);
}

void dnode_dirty(struct inode *ip)
{
	struct dnode *d = dnode_of(ip);

	if (d->since)
		return;
	d->since = clock_now();
	enlist(d);
}

static void pages_dirtied(struct pageset *ps)
{
	enlist(dnode_of(container_of(ps, struct inode, pages)));
}

long disk_attributes(struct inode *ip, struct attributes *a)
{
	long err = disk_ops(ip)->attributes ? disk_ops(ip)->attributes(ip, a) : 0;

	if (err)
		return err;
	spin_lock(&ip->lock);
	if (a->set & A_MODE)
		ip->mode = (ip->mode & I_FMT) | a->mode;
	if (a->set & A_UID)
		ip->uid = a->uid;
	if (a->set & A_GID)
		ip->gid = a->gid;
	if (a->set & A_ATIME)
		ip->atime = a->atime;
	if (a->set & A_MTIME)
		ip->mtime = a->mtime;
	inode_changed(ip);
	spin_unlock(&ip->lock);
	dnode_dirty(ip);
	return 0;
}

async long disk_transfer(struct co *co, struct page_run *r);
async long disk_write_to(struct pageset *ps, u64 index, struct page *p);
const struct pageset_ops disk_pages_ops = {
	.transfer = disk_transfer, .dirtied = pages_dirtied, .write_to = disk_write_to,
};

struct dnode *dnode_next_dirty(struct disk *k, struct dnode *after)
{
	struct dnode *d;

	spin_lock(&k->lock);
	d = after && after->state & N_DIRTY ? TAILQ_NEXT(after, dirty) : TAILQ_FIRST(&k->dirty);
	while (d && (d->state & (N_EVICTING | N_ORPHAN) || !get_living(d)))
		d = TAILQ_NEXT(d, dirty);
	spin_unlock(&k->lock);
	if (after)
		inode_put(&after->i);
	return d;
}

/* Off the list, unless it has become dirty again. */
static void clean(struct dnode *d)
{
	struct disk *k = disk_of(&d->i);

	guard(&k->lock);
	if (!d->since && !d->cache.dirty && d->state & N_DIRTY)
		undirty_locked(k, d);
}

async long dnode_flush(struct co *co, struct dnode *d, bool wait)
{
	struct { long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (wait)
		await(f->err = cache_sync(co, &d->i.pages, 0, UINT64_MAX));
	else
		await(f->err = cache_write(co, &d->i.pages, 0, UINT64_MAX));
	if (d->since && disk_ops(&d->i)->update) {
		d->since = 0;
		await(r = disk_ops(&d->i)->update(co, &d->i));
		if (r && !f->err)
			f->err = r;
	}
	clean(d);
	return f->err;
	co_end();
}

/* --- going ------------------------------------------------------------------------------------ */

static void memory_free(struct rcu_head *h)
{
	heap_free(container_of(h, struct dnode, rcu));
}

void dnode_free(struct dnode *d)
{
	if (disk_ops(&d->i)->free)
		disk_ops(&d->i)->free(&d->i);
	cache_destroy(&d->i.pages);
	inode_end(&d->i);
	rcu_free(&d->rcu, memory_free);
}

static void gone(struct dnode *d, bool evicted)
{
	struct disk *k = disk_of(&d->i);

	spin_lock(&k->lock);
	undirty_locked(k, d);
	unhash_locked(k, d);
	k->evicting -= evicted;
	spin_unlock(&k->lock);
	wake_all(&k->gone);
}

/* No names are left, no users: nothing of it need be written. */
static async long discard(struct co *co, struct dnode *d)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = cache_drop(&d->i.pages, 0, UINT64_MAX));
	r = 0;
	d->since = 0;
	if (disk_ops(&d->i)->evict)
		await(r = disk_ops(&d->i)->evict(co, &d->i));
	return r;
	co_end();
}

static async long evict_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct dnode *const d = arg;
	long r;

	co_begin(f);
	if (d->i.nlink)
		await(r = dnode_flush(co, d, true));
	else
		await(r = discard(co, d));
	if (r)
		log_warn("%s: inode %lu: error %ld when it was put away", d->i.fs->type->name, d->i.ino, -r);
	gone(d, true);
	if (atomic_fetch_sub(&d->i.refs, 1) == 1)
		dnode_free(d);		/* else the end of a run of pages frees it */
	return 0;
	co_end();
}

static void evict(struct dnode *d)
{
	if (!errand_send("evict inode", evict_main, NULL, d))
		return;
	struct disk *k = disk_of(&d->i);

	guard(&k->lock);
	if (!(d->state & N_DIRTY))
		TAILQ_INSERT_TAIL(&k->dirty, d, dirty);
	d->state = (d->state & ~N_DIRTY) | N_ORPHAN;
}

void dnode_retry_orphans(struct disk *k)
{
	struct dnode *d;

	spin_lock(&k->lock);
	TAILQ_FOREACH(d, &k->dirty, dirty)
		if (d->state & N_ORPHAN)
			break;
	if (d)
		undirty_locked(k, d);
	spin_unlock(&k->lock);
	if (d)
		evict(d);
}

static void dnode_last(struct inode *ip)
{
	struct dnode *d = dnode_of(ip);
	struct disk *k = disk_of(ip);
	bool idle;

	spin_lock(&k->lock);
	idle = d->state & N_EVICTING || (ip->nlink && !d->cache.dirty && !d->since) ||
	       !(d->state & N_HASHED);
	if (!idle) {
		d->state |= N_EVICTING;
		k->evicting++;
		atomic_store(&ip->refs, 1);
	}
	spin_unlock(&k->lock);
	if (!idle) {
		evict(d);
		return;
	}
	gone(d, false);
	dnode_free(d);
}

const struct inode_ops disk_node_ops = { .last = dnode_last };
long disk_dir_open(struct inode *ip, struct file *f);
const struct inode_ops disk_dir_ops = { .last = dnode_last, .open = disk_dir_open, .on_disk = true };
const struct inode_ops disk_file_ops = { .last = dnode_last, .open = disk_open };
