// SPDX-License-Identifier: MIT
/*
 * flush.c: the write-back daemon.  Wakes now and then, and when much is dirty; begins to write what
 * has been dirty for AGE, or everything while there is more than the background limit.  Whoever
 * writes while there is more than the hard limit waits until the disk has got enough.
 * When memory is short it also lets names go that nobody uses, and with them their inodes.
 */
#include "core/log.h"
#include "core/time.h"
#include "fs/change.h"
#include "fs/disk/private.h"

#define PERIOD	(1ul * NSEC_PER_SEC)
#define AGE	(5ul * NSEC_PER_SEC)

enum { DISKS_MAX = 32, NAMES_AT_ONCE = 256 };
static struct {
	spinlock_t	lock;
	struct disk	*disk[DISKS_MAX];	/* mounted */
	struct errand	*daemon;
	bool		pressed;
} flusher;

static u64 background_limit(void) { return page_total_count() / 16; }
static u64 hard_limit(void) { return page_total_count() / 8; }
static bool much_dirty(void) { return cache_dirty_count() > background_limit(); }

/* --- one round -------------------------------------------------------------------------------- */

u32 flusher_slots(void) { return DISKS_MAX; }

struct filesystem *flusher_fs(u32 n)
{
	struct disk *k;

	guard(&flusher.lock);
	k = flusher.disk[n];
	if (!k)
		return NULL;
	atomic_fetch_add(&k->fs->refs, 1);
	return k->fs;
}

static bool is_due(const struct dnode *d, bool all)
{
	u64 since = d->since ? d->since : d->cache.since;

	return all || since + AGE <= clock_now();
}

static async long flush_disk(struct co *co, struct disk *k, bool all)
{
	struct { struct dnode *d; } *f = co_frame(co);
	long r;

	co_begin(f);
	dnode_retry_orphans(k);
	for (f->d = dnode_next_dirty(k, NULL); f->d; f->d = dnode_next_dirty(k, f->d))
		if (is_due(f->d, all))
			await(r = dnode_flush(co, f->d, false));
	return 0;
	co_end();
}

/* Metadata, and what programs wrote to devices. */
static async long flush_devices(struct co *co)
{
	struct { struct blk *b; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->b = blk_next(NULL); f->b; f->b = blk_next(f->b))
		if (f->b->cache.dirty && (much_dirty() || f->b->cache.since + AGE <= clock_now()))
			await(r = cache_write(co, &f->b->pages, 0, UINT64_MAX));
	return 0;
	co_end();
}

static async long flush_main(struct co *co, void *arg)
{
	struct { u64 at; u32 i; struct filesystem *fs; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (;;) {
		f->at = time_add(clock_now(), PERIOD);
		await(r = wait_until(flusher.pressed ? 1 : f->at));
		flusher.pressed = false;
		for (f->i = 0; f->i < DISKS_MAX; f->i++) {
			f->fs = flusher_fs(f->i);
			if (!f->fs)
				continue;
			await(r = flush_disk(co, f->fs->disk, much_dirty()));
			filesystem_put(f->fs);
		}
		await(r = flush_devices(co));
		if (page_free_count() < page_total_count() / 64)
			disk_names_evict(NULL, NAMES_AT_ONCE);
	}
	return 0;
	co_end();
}

/* --- who asks for it -------------------------------------------------------------------------- */

void flusher_add(struct disk *k)
{
	guard(&flusher.lock);
	for (u32 i = 0; i < DISKS_MAX; i++)
		if (!flusher.disk[i]) {
			flusher.disk[i] = k;
			return;
		}
	log_warn("more than %u disks: %s is not written back by age", DISKS_MAX, k->blk->name);
}

void flusher_remove(struct disk *k)
{
	guard(&flusher.lock);
	for (u32 i = 0; i < DISKS_MAX; i++)
		if (flusher.disk[i] == k)
			flusher.disk[i] = NULL;
}

void flusher_start(void)
{
	if (flusher.daemon)
		return;
	flusher.daemon = errand_create("write-back", flush_main, NULL, NULL);
	if (flusher.daemon)
		errand_start(flusher.daemon);
}

async long flusher_throttle(void)
{
	if (likely(cache_dirty_count() <= hard_limit()) || !flusher.daemon)
		return 0;
	flusher.pressed = true;
	task_wake(&flusher.daemon->task);
	return cache_wait_clean(hard_limit());
}
