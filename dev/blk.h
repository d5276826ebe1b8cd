/* SPDX-License-Identifier: MIT */
/*
 * blk.h: block devices: disks, partitions, RAM disks, loop devices.  Addresses and lengths are bytes,
 * multiples of the device's sector size.
 *
 * A request names pieces of memory, goes to the device with blk_submit(), which never waits, and
 * ends once, with done(), in the driver's task: done() may take spin locks and wake tasks, and must
 * not wait.  Requests end in any order; whoever needs an order waits, or asks for a flush.
 *
 * Each device has a page cache, through which its metadata is read and written: blk_page().
 */
#pragma once
#include <sys/queue.h>
#include "core/wait.h"
#include "mem/cache.h"

struct blk;
enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_ZERO };
enum { BLK_SEGS = RUN_MAX };			/* pieces of one request */

struct blk_seg { paddr_t at; u32 len; };	/* contiguous memory */

struct blk_request {
	enum blk_op	op;
	u32		count;			/* of pieces; none for BLK_FLUSH, BLK_DISCARD, BLK_ZERO */
	u64		at, len;		/* bytes on the device */
	struct blk	*blk;
	void		(*done)(struct blk_request *r, long error);
	void		*arg;			/* of whoever asked */
	u64		start;			/* ns, for the statistics */
	TAILQ_ENTRY(blk_request) link;		/* of the driver, while it has it */
	struct blk_seg	seg[BLK_SEGS];
};
TAILQ_HEAD(blk_requests, blk_request);

struct blk_ops {
	/* Take @r, which is checked, and end it with blk_end(), now or later.  Never waits. */
	void		(*submit)(struct blk *b, struct blk_request *r);
	void		(*gone)(struct blk *b);	/* the last reference to a device that was removed */
};

struct blk_count { u64 ios, bytes, ns; };

struct blk {
	char		name[20];		/* "vda1" */
	u32		rdev;			/* device_number() */
	_Atomic u32	refs;			/* the list, who has it open or mounted, pages under way */
	u32		sector_shift;		/* 9 ... 12 */
	bool		read_only;
	bool		can_flush;		/* has a volatile cache */
	bool		can_discard, can_zero;	/* the operations there are */
	u32		max_segs;		/* pieces of one request, at most BLK_SEGS */
	u64		size;			/* bytes */
	struct blk	*whole;			/* of a partition: the device it is on, counted */
	u64		start;			/* and where */
	const struct blk_ops *ops;
	void		*data;			/* of the driver */
	struct pageset	pages;			/* its cache */
	struct cache	cache;
	_Atomic u32	mounted;		/* exclusive use: a file system, or a loop device's */
	_Atomic u64	in_flight;
	spinlock_t	lock;			/* of the counts, and of requests the driver holds back */
	struct blk_count count[4];		/* by operation, BLK_ZERO with BLK_DISCARD */
	TAILQ_ENTRY(blk) link;
};

/* --- for drivers ------------------------------------------------------------------------------ */

/* Fill in name, rdev, sizes, abilities, ops and data; then it is there for all.  One reference is
 * the list's.  -EEXIST. */
long blk_add(struct blk *b);
extern void (*blk_added)(struct blk *b), (*blk_removed)(struct blk *b);	/* set by fs/; may be NULL */
void blk_remove(struct blk *b);			/* not to be found any more; drops that reference */
void blk_end(struct blk_request *r, long error);	/* in a task, no locks held */

/* --- for those who use them ------------------------------------------------------------------- */

struct blk *blk_find(u32 rdev);			/* counted, or NULL */
struct blk *blk_find_name(const char *name);
struct blk *blk_next(struct blk *after);	/* of the list, in order; counted, and @after is put */
static inline struct blk *blk_get(struct blk *b) { atomic_fetch_add(&b->refs, 1); return b; }
void blk_put(struct blk *b);			/* NULL is fine */
/* Use it alone: -EBUSY.  And no longer. */
long blk_claim(struct blk *b);
void blk_release(struct blk *b);

/* Begin a request: op, at, len, seg, count, done and arg are set.  What is not allowed (beyond the
 * end, not whole sectors, writing where that is not possible) ends at once with an error.  No lock held. */
void blk_submit(struct blk *b, struct blk_request *r);

/* Bytes [offset, offset + run's) of a run of pages are at @at on the device: begin to transfer them,
 * in as many requests as it takes.  -ENOMEM, or 0. */
long blk_run(struct blk *b, struct page_run *r, u64 offset, u64 len, u64 at);

/* One transfer between the device and memory of the kernel, past the cache. */
async long blk_io(struct co *co, struct blk *b, enum blk_op op, u64 at, void *buf, u64 len);
/* All that was written before is on the disk afterwards. */
async long blk_flush(struct co *co, struct blk *b);

/* --- metadata: through the device's cache ------------------------------------------------------------ */

/* The page with bytes [index * PAGE_SIZE, ...) of the device, with a reference.  Starts over: 0, PENDING,
 * -EIO (also beyond the end), -ENOMEM, -EINTR (killed).  With @ahead more pages read along. */
async long blk_page_ahead(struct blk *b, u64 index, u32 ahead, struct page **out);
static inline async long blk_page(struct blk *b, u64 index, struct page **out)
{
	return blk_page_ahead(b, index, 0, out);
}
/* The same for what lies at byte @at and does not cross a page: also where it is in memory. */
async long blk_bytes(struct blk *b, u64 at, struct page **out, void **bytes);
/* The content of a page from blk_page() has changed: written back by age, amount or blk_sync(). */
void blk_page_dirty(struct blk *b, u64 index, struct page *p);
/* Write back all of the cache, wait for it, and flush. */
async long blk_sync(struct co *co, struct blk *b);
