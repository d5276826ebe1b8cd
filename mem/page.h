/* SPDX-License-Identifier: MIT */
/*
 * page.h: page frames.  Every frame of memory has a struct page; a frame is owned by whoever
 * holds references to it, and returns to the buddy allocator with the last one.
 */
#pragma once
#include <stdatomic.h>
#include "arch/arch.h"
#include "lib/base.h"

struct charge;
struct page {			/* 8 bytes, for they are many */
	_Atomic u32	refs;	/* of a frame in use */
	u16		owner;	/* charge number + 1 the frame is counted against; 0: nobody */
	u8		order;	/* of the block it is the first page of */
	u8		flags;	/* PAGE_* */
};
enum {
	PAGE_FREE = 1, PAGE_RESERVED = 2, PAGE_SLAB = 4, PAGE_ZERO = 8 /* the shared zero page */,
	/* Of a page in a page cache (mem/cache.h); under the lock of its set.  None: clean, valid. */
	PAGE_BUSY = 16,		/* being read: no content yet */
	PAGE_DIRTY = 32,	/* newer than the disk */
	PAGE_WRITING = 64,	/* on its way to the disk */
	PAGE_BAD = 128,		/* could not be read: the next one to want it gets the error */
};

/* Boot, once, before any allocation: memory is [base, base + size), nothing of it is free yet; the
 * struct pages are put at physical address @array, page_array_bytes(size) bytes that the caller
 * keeps out of what it frees. */
size_t page_array_bytes(size_t size);
void page_init_range(paddr_t base, size_t size, paddr_t array);
void page_free_range(paddr_t base, size_t size);	/* boot: hand a range to the allocator */
/* A frame that was never given to the allocator (a page of the boot archive) gets its first
 * reference; it is freed as any other, later. */
struct page *page_adopt(paddr_t pa);

/* 2^order frames with one reference, or NULL.  Not cleared unless page_alloc_zero(). */
enum { PAGE_ORDERS = 11 };
struct page *page_alloc(u32 order);
struct page *page_alloc_zero(void);
void page_free(struct page *p);			/* drop the last reference by force (order kept) */
/* Memory is used up: give back up to @want frames that are easily made again; how many.  Called with any
 * lock held, so it may only try those it needs.  Set by mem/cache.c. */
extern u64 (*page_short)(u64 want);
static inline void page_get(struct page *p)
{
	atomic_fetch_add_explicit(&p->refs, 1, memory_order_relaxed);
}
void page_release(struct page *p);	/* refs has become 0 */
static inline void page_put(struct page *p)
{
	if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) == 1)
		page_release(p);
}
static inline u32 page_refs(struct page *p)
{
	return atomic_load_explicit(&p->refs, memory_order_acquire);
}

extern struct page *pages;		/* pages[n] is the frame at page_base + n * PAGE_SIZE */
extern paddr_t page_base;
static inline paddr_t page_phys(const struct page *p)
{
	return page_base + ((u64)(p - pages) << PAGE_SHIFT);
}
static inline struct page *phys_page(paddr_t pa)
{
	return pages + ((pa - page_base) >> PAGE_SHIFT);
}
static inline void *page_virt(const struct page *p) { return phys_to_virt(page_phys(p)); }
static inline struct page *virt_page(const void *v) { return phys_page(virt_to_phys(v)); }

extern struct page *zero_page;		/* always full of zeros, never written */
u64 page_free_count(void);		/* frames free now */
u64 page_array_count(void);		/* of struct pages */
u64 page_total_count(void);		/* frames that were ever free or adopted */

void page_clear(void *page);		/* a whole frame, in kernel memory */
void page_copy(void *restrict to, const void *restrict from);

/* --- charging: who has how much --------------------------------------------------------------- */

/* A batch job's (or the kernel's) account of frames.  page_charge() fails when it would pass the
 * limit: that is the job's out-of-memory. */
struct charge {
	_Atomic s64	used;		/* frames */
	s64		limit;		/* frames; 0: none */
	_Atomic s64	peak;
	_Atomic u32	failed;		/* a request was refused */
	u16		number;		/* given by charge_open() */
};
enum { CHARGE_MAX = 4095 };
/* The struct charge must outlive the reads under way when it is closed (free it by RCU once there
 * are several harts). */
long charge_open(struct charge *c, u64 limit_bytes);	/* -ENOMEM: too many */
void charge_close(struct charge *c);		/* frames still owned become the kernel's */
/* Allocate one frame against @c (NULL: the kernel).  NULL if memory or the limit is used up. */
struct page *page_alloc_for(struct charge *c, bool zero);
/* page_put() for frames most of which are @c's: counts what it owes to @c in *@back, for one
 * charge_back() at the end.  Who has the only reference drops it without an atomic operation. */
void page_release_for(struct page *p, struct charge *c, u64 *back);
static inline void page_put_for(struct page *p, struct charge *c, u64 *back)
{
	if (atomic_load_explicit(&p->refs, memory_order_relaxed) == 1 ||
	    atomic_fetch_sub_explicit(&p->refs, 1, memory_order_release) == 1)
		page_release_for(p, c, back);
}
bool charge_try(struct charge *c, u64 frames);	/* page tables, kernel objects */
void charge_back(struct charge *c, u64 frames);
