// SPDX-License-Identifier: MIT
/* sync.c: everything in memory goes to the disks: sync(), syncfs(), the end of the machine; and how much that is. */
#include "fs/disk/private.h"
#include "fs/sync.h"
#include "mem/heap.h"

static async long sync_fs_main(struct co *co, void *fs) { return disk_sync(co, fs); }
static void sync_fs_drop(void *fs) { filesystem_put(fs); }

/* All file systems, then all devices, mounted or not. */
static async long sync_all_main(struct co *co, void *arg)
{
	struct { u32 i; struct filesystem *fs; struct blk *b; } *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->i = 0; f->i < flusher_slots(); f->i++) {
		f->fs = flusher_fs(f->i);
		if (!f->fs)
			continue;
		await(r = disk_sync(co, f->fs));
		filesystem_put(f->fs);
	}
	for (f->b = blk_next(NULL); f->b; f->b = blk_next(f->b))
		await(r = blk_sync(co, f->b));
	return 0;
	co_end();
}

long sync_begin(struct filesystem *fs, struct errand **out)
{
	*out = NULL;
	if (fs && !fs->disk)
		return 0;
	if (fs)
		*out = errand_create("syncfs", sync_fs_main, sync_fs_drop, fs);
	else
		*out = errand_create("sync", sync_all_main, NULL, NULL);
	if (!*out)
		return -ENOMEM;
	if (fs)
		atomic_fetch_add(&fs->refs, 1);
	errand_start(*out);
	return 0;
}

async long sync_end(struct errand **work)
{
	long r = *work ? errand_wait(*work) : 0;

	if (r == PENDING)
		return r;
	errand_put(*work);
	*work = NULL;
	return r;
}

/* --- usage ------------------------------------------------------------------------------------ */

void disk_usage(struct filesystem *fs, struct fs_usage *u)
{
	struct inode *ip;

	u->heap += heap_room(fs->disk);
	if (fs->disk->ops->usage)
		fs->disk->ops->usage(fs, u);
	guard(&fs->lock);
	TAILQ_FOREACH(ip, &fs->inodes, link) {
		u->pages += ip->pages.count;
		u->heap += heap_room(dnode_of(ip)) + heap_room(ip->target) + pageset_heap(&ip->pages);
	}
}

void devices_usage(struct fs_usage *u)
{
	for (struct blk *b = blk_next(NULL); b; b = blk_next(b)) {
		u->pages += b->pages.count;
		u->heap += pageset_heap(&b->pages);
	}
}
