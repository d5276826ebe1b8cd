/* SPDX-License-Identifier: MIT */
/*
 * cache.h: a page cache is a page set (mem/pageset.h) whose pages come from somewhere and go back
 * there: contents of files, and of block devices.
 *
 * A page is busy (being read), bad (could not be read), or valid; a valid one may be dirty, and being
 * written.  The I/O belongs to the page: whoever wants one that is busy waits for that page only, many
 * may wait, and one who is killed leaves at once.  ps->lock guards states; whoever holds a
 * reference to a valid page may read and write its bytes, and says so with cache_dirty() afterwards.
 *
 * Reading and writing go in runs of neighbouring pages.  What a set's operation has to do is to
 * turn a run into requests to a device; pages change state and waiters wake when the last one ends.
 */
#pragma once
#include "core/wait.h"
#include "mem/pageset.h"

enum { RUN_MAX = 32 };			/* pages */

struct page_run {
	struct pageset	*ps;		/* its owner is held */
	u64		index;		/* of the first page */
	u32		count;
	bool		write;
	_Atomic u32	pending;	/* pieces under way, and who starts them */
	_Atomic s32	error;		/* the first one of any piece */
	u64		valid;		/* bytes there are: what was read behind them becomes zeros */
	struct page	*page[RUN_MAX];	/* with a reference each */
};
/* For each piece under way: run_hold(), and at its end, from any task, run_put() with 0 or -errno. */
void run_hold(struct page_run *r);
void run_put(struct page_run *r, long error);
/* Bytes [offset, offset + len) of a run: zeros (a hole is read), or what lies at @from. */
void run_zero(struct page_run *r, u64 offset, u64 len);
void run_copy(struct page_run *r, u64 offset, const void *from, u64 len);

struct pageset_ops {
	/* Begin transferring all of @r: what is under way when it returns has been held.  An error
	 * is that of the whole run.  One of the two: start() never waits; transfer() may. */
	void		(*start)(struct page_run *r);
	async long	(*transfer)(struct co *co, struct page_run *r);
	void		(*dirtied)(struct pageset *ps);	/* the first page is dirty; no locks held */
	/* A program wants to write to page @index, which is valid, through a mapping: let there be
	 * room for it, then cache_dirty().  Starts over.  NULL: there is room. */
	async long	(*write_to)(struct pageset *ps, u64 index, struct page *p);
};

struct cache {				/* beside the set, in its owner; under ps->lock */
	struct pageset	*ps;
	u32		dirty, writing, busy;	/* pages */
	u32		careful;	/* reads left that are to be of single pages */
	s32		error;		/* of writing, not yet told to anybody */
	u64		since;		/* oldest dirty page, ns */
	u64		hand;		/* reclaim goes on here */
	TAILQ_ENTRY(cache) link;	/* all caches */
};
void cache_init(struct pageset *ps, struct cache *c, const struct pageset_ops *ops);
/* Nothing is under way and nobody maps it: drop all pages, dirty ones too. */
void cache_destroy(struct pageset *ps);

/* The page, valid, with a new reference, or NULL: it is not there or not valid. */
struct page *cache_try(struct pageset *ps, u64 index);
/* The same, read if need be, up to @ahead more along with it.  Starts over: 0, PENDING, -EINTR (a
 * deadly signal), -EIO and the like, -ENOMEM.  No spin lock held.  @index is below ps->size_pages. */
async long cache_get(struct pageset *ps, u64 index, u32 ahead, struct page **out);
/* Begin to read [index, index + n), as far as memory goes, and do not wait for it. */
void cache_ahead(struct pageset *ps, u64 index, u32 n);
/* @p, valid and seen by nobody, is page @index from now on; the set takes a reference of its own.
 * -EEXIST, -ENOMEM. */
long cache_insert(struct pageset *ps, u64 index, struct page *p);
/* The bytes of @p have changed.  False: it is no longer in the set (truncated meanwhile). */
bool cache_dirty(struct pageset *ps, u64 index, struct page *p);

bool cache_is_dirty(struct pageset *ps, u64 index, struct page *p);	/* and still in the set */
async long cache_write_to(struct pageset *ps, u64 index, struct page *p);	/* ops->write_to */
/* Of @n pages from pageset_get_range(): those that are not valid are put, and NULL. */
void cache_only_valid(struct page **pages, u32 n);

/* Begin to write all dirty pages of [first, end). */
async long cache_write(struct co *co, struct pageset *ps, u64 first, u64 end);
/* Until no page of [first, end) is being written.  Starts over; not ended by signals. */
async long cache_wait(struct pageset *ps, u64 first, u64 end);
/* Both, until nothing that was dirty at the beginning is left: 0, or an error of writing since the
 * last time somebody was told. */
async long cache_sync(struct co *co, struct pageset *ps, u64 first, u64 end);
/* Drop the pages of [first, end), dirty ones too, when none of them is being written any more.
 * Starts over; not ended by signals. */
async long cache_drop(struct pageset *ps, u64 first, u64 end);

/* Drop up to @want clean pages nobody uses, of any cache: how many.  Only tries locks. */
u64 cache_reclaim(u64 want);
u64 cache_reclaim_from(struct pageset *ps, u64 want);		/* the same of one cache */
/* Until at most @limit pages are dirty or being written.  Starts over; deadly signals end it. */
async long cache_wait_clean(u64 limit);
u64 cache_dirty_count(void);		/* dirty pages of all caches */
u64 cache_page_count(void);
