// SPDX-License-Identifier: MIT
/*
 * commit.c: in which order things reach the disk, so that a power cut at any time leaves clusters nobody
 * has at worst, and never a cluster two files have.
 *
 * New clusters become chains of their own in the table, which is harmless, and files remember what is to
 * be linked; a name goes at once, its clusters only remember that they are free.  A commit, for all
 * files that wait (v->pending) together:
 *	1. entries whose chains are to become shorter say so; then everything is written: new chains,
 *	   names that have gone.  Nothing on the disk needs what is to be freed, but for links.
 *	2. the table links new chains to their files and ends the shorter ones; written, if there were any.
 *	3. entries tell the full size; freed chains become free, and may be taken again.
 * Step 3 is written whenever.  fsync() and sync() commit, and write it.  update() of a file whose chain has
 * changed commits for all, so write-back of many files takes one commit.
 *
 * v->committing: one commit at a time, and none while a chain becomes shorter.  v->barrier: what one who
 * waits has begun to write, the next one does not take for written.
 */
#include "fs/fat/private.h"
#include "core/log.h"
#include "mem/heap.h"

/* --- who waits -------------------------------------------------------------------------------- */

void fat_pend(struct inode *ip)
{
	struct fat_inode *fi = fat_inode(ip);
	struct fat *v = fat_of(ip);

	spin_lock(&v->lock);
	if (fi->pending == FAT_IDLE) {
		fi->pending = FAT_PENDING;
		TAILQ_INSERT_TAIL(&v->pending, fi, pend);
	}
	spin_unlock(&v->lock);
	dnode_dirty(ip);
}

static void unpend_locked(struct fat *v, struct fat_inode *fi)
{
	if (fi->pending == FAT_PENDING)
		TAILQ_REMOVE(&v->pending, fi, pend);
	else if (fi->pending == FAT_BATCH)
		TAILQ_REMOVE(&v->batch, fi, pend);
	fi->pending = FAT_IDLE;
}

void fat_unpend(struct fat_inode *fi)
{
	struct fat *v = fat_of(&fi->d.i);

	guard(&v->lock);
	unpend_locked(v, fi);
}

/* The next of the batch, counted; @after is put.  One that is about to die is none of ours. */
static struct fat_inode *batch_next(struct fat *v, struct fat_inode *after)
{
	struct fat_inode *fi;

	spin_lock(&v->lock);
	fi = after && after->pending == FAT_BATCH ? TAILQ_NEXT(after, pend) : NULL;
	if (!after)
		fi = TAILQ_FIRST(&v->batch);
	while (fi && !ref_try(&fi->d.i.refs))
		fi = TAILQ_NEXT(fi, pend);
	spin_unlock(&v->lock);
	if (after)
		inode_put(&after->d.i);
	return fi;
}

/* --- barrier ---------------------------------------------------------------------------------- */

static struct fat_inode *dirty_dir(struct fat *v)
{
	struct fat_inode *fi;

	guard(&v->lock);
	while ((fi = TAILQ_FIRST(&v->dirty))) {
		TAILQ_REMOVE(&v->dirty, fi, dirty_link);
		fi->dirty = false;
		if (ref_try(&fi->d.i.refs))
			return fi;
	}
	return NULL;
}

/* What could not be written stays dirty. */
static void dir_again(struct inode *dir)
{
	for (u32 slot = 0; slot < fat_slots(dir); slot += FAT_PAGE_SLOTS) {
		struct page *p = cache_try(&dir->pages, slot / FAT_PAGE_SLOTS);

		if (!p)
			continue;
		fat_slot_dirty(dir, slot, p);
		page_put(p);
	}
}

/* Directories and the table go to the disk, which may keep them in its cache. */
static async long write_all(struct co *co, struct fat *v)
{
	struct { struct fat_inode *dir; long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(f->err = fat_table_write(co, v));
	while (!f->err && (f->dir = dirty_dir(v))) {
		await(f->err = cache_sync(co, &f->dir->d.i.pages, 0, UINT64_MAX));
		if (f->err)
			dir_again(&f->dir->d.i);
		inode_put(&f->dir->d.i);
	}
	r = f->err;
	return r;
	co_end();
}

async long fat_barrier(struct co *co, struct fat *v)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = mutex_lock(&v->barrier));
	await(r = write_all(co, v));
	if (!r)
		await(r = blk_flush(co, v->blk));
	mutex_unlock(&v->barrier);
	return r;
	co_end();
}

/* --- commit ----------------------------------------------------------------------------------- */

/* All who wait are this commit's.  False: there is nothing to do. */
static bool batch_begin(struct fat *v)
{
	struct fat_inode *fi;

	guard(&v->lock);
	while ((fi = TAILQ_FIRST(&v->pending))) {
		TAILQ_REMOVE(&v->pending, fi, pend);
		TAILQ_INSERT_TAIL(&v->batch, fi, pend);
		fi->pending = FAT_BATCH;
	}
	TAILQ_CONCAT(&v->freeing, &v->freed, link);
	return !TAILQ_EMPTY(&v->batch) || !TAILQ_EMPTY(&v->freeing);
}

/* After a failure: once more, with the next. */
static void batch_back(struct fat *v)
{
	struct fat_inode *fi;

	guard(&v->lock);
	while ((fi = TAILQ_FIRST(&v->batch))) {
		TAILQ_REMOVE(&v->batch, fi, pend);
		TAILQ_INSERT_TAIL(&v->pending, fi, pend);
		fi->pending = FAT_PENDING;
	}
}

/* Let the table lead from cluster @index on to @next. */
static async long link_after(struct co *co, struct inode *ip, u32 index, u32 next)
{
	struct { struct fat_run at; struct page *p; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = fat_find(co, ip, index, &f->at));
	if (r)
		return r;
	await(r = fat_page(fat_of(ip), f->at.first, &f->p));
	if (r)
		return r;
	fat_set(fat_of(ip), f->p, f->at.first, next);
	page_put(f->p);
	return 0;
	co_end();
}

/* What a commit that failed has left apart becomes one piece. */
static async long join_pieces(struct co *co, struct inode *ip)
{
	struct { u64 unused; } *f = co_frame(co);
	struct fat_inode *const fi = fat_inode(ip);
	long r;

	co_begin(f);
	r = 0;
	if (fi->snap && fi->snap > fi->kept && fi->snap < fi->count)
		await(r = link_after(co, ip, fi->snap - 1, fi->snap_next));
	if (!r)
		fi->snap = 0;
	return r;
	co_end();
}

static void take_snap(struct fat_inode *fi)
{
	guard(&fi->lock);
	fi->snap = fi->count;
}

static async long step_one(struct co *co, struct fat *v)
{
	struct { struct fat_inode *fi; long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->err = 0;
	for (f->fi = batch_next(v, NULL); f->fi; f->fi = batch_next(v, f->fi)) {
		await(r = join_pieces(co, &f->fi->d.i));
		if (!r)
			await(r = fat_store(co, &f->fi->d.i, false));
		if (!r)
			take_snap(f->fi);
		if (r && !f->err)
			f->err = r;
	}
	r = f->err;
	return r;
	co_end();
}

/* The pieces that are on the disk are its own now. */
static void kept(struct fat_inode *fi)
{
	guard(&fi->lock);
	if (fi->snap > fi->kept) {
		fi->kept = fi->snap;
		fi->kept_next = fi->snap_next;
	}
	fi->snap = 0;
	fi->cut = false;
}

/* *linked if the table was changed. */
static async long link_one(struct co *co, struct inode *ip, bool *linked)
{
	struct { u64 unused; } *f = co_frame(co);
	struct fat_inode *const fi = fat_inode(ip);
	long r;

	co_begin(f);
	r = 0;
	if (fi->kept && (fi->snap > fi->kept || fi->cut)) {
		await(r = link_after(co, ip, fi->kept - 1, fi->snap > fi->kept ? fi->kept_next : FAT_END));
		*linked = true;
	}
	if (!r)
		kept(fi);
	return r;
	co_end();
}

static async long step_two(struct co *co, struct fat *v)
{
	struct { struct fat_inode *fi; long err; bool linked; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->err = 0;
	f->linked = false;
	for (f->fi = batch_next(v, NULL); f->fi; f->fi = batch_next(v, f->fi)) {
		await(r = link_one(co, &f->fi->d.i, &f->linked));
		if (r && !f->err)
			f->err = r;
	}
	if (!f->err && f->linked)
		await(f->err = fat_barrier(co, v));
	r = f->err;
	return r;
	co_end();
}

/* It is done, unless there is more already. */
static void done(struct fat *v, struct fat_inode *fi)
{
	bool more;

	spin_lock(&fi->lock);
	more = fi->count > fi->kept || fi->cut;
	spin_unlock(&fi->lock);
	guard(&v->lock);
	if (fi->pending != FAT_BATCH)
		return;
	unpend_locked(v, fi);
	if (!more)
		return;
	fi->pending = FAT_PENDING;
	TAILQ_INSERT_TAIL(&v->pending, fi, pend);
}

static struct fat_inode *batch_first(struct fat *v)
{
	return batch_next(v, NULL);
}

static struct fat_freed *freeing_first(struct fat *v)
{
	guard(&v->lock);
	return TAILQ_FIRST(&v->freeing);
}

static void freed(struct fat *v, struct fat_freed *x)
{
	spin_lock(&v->lock);
	TAILQ_REMOVE(&v->freeing, x, link);
	v->freed_count -= x->count;
	v->freed_records--;
	spin_unlock(&v->lock);
	heap_free(x);
}

static async long step_three(struct co *co, struct fat *v)
{
	struct { struct fat_inode *fi; struct fat_freed *x; long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->err = 0;
	while ((f->fi = batch_first(v))) {
		await(r = fat_store(co, &f->fi->d.i, true));
		if (r && !f->err)
			f->err = r;
		done(v, f->fi);
		inode_put(&f->fi->d.i);
	}
	while ((f->x = freeing_first(v))) {
		await(r = fat_give(co, v, f->x->first, f->x->count));
		if (r && r != -EUCLEAN && !f->err)
			f->err = r;
		freed(v, f->x);
	}
	r = f->err;
	return r;
	co_end();
}

static async long commit_locked(struct co *co, struct fat *v)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!batch_begin(v))
		return 0;
	await(r = step_one(co, v));
	if (!r)
		await(r = fat_barrier(co, v));
	if (!r)
		await(r = step_two(co, v));
	if (r) {
		batch_back(v);
		return r;
	}
	await(r = step_three(co, v));
	return r;
	co_end();
}

async long fat_commit(struct co *co, struct fat *v)
{
	struct { u64 unused; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = mutex_lock(&v->committing));
	await(r = commit_locked(co, v));
	mutex_unlock(&v->committing);
	return r;
	co_end();
}

/* The caller flushes. */
static async long write_rest(struct co *co, struct fat *v)
{
	struct { long err; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = mutex_lock(&v->barrier));
	await(f->err = write_all(co, v));
	if (!f->err && v->info_old && v->info_at)
		await(f->err = fat_count(co, v));
	if (!f->err)
		await(f->err = fat_info_write(co, v));
	mutex_unlock(&v->barrier);
	r = f->err;
	return r;
	co_end();
}

async long fat_sync(struct co *co, struct filesystem *fs)
{
	struct { long err; } *f = co_frame(co);
	struct fat *const v = fs->data;
	long r;

	co_begin(f);
	await(f->err = fat_commit(co, v));
	await(r = write_rest(co, v));
	return f->err ? f->err : r;
	co_end();
}
