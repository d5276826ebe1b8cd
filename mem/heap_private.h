/* SPDX-License-Identifier: MIT */
/*
 * heap_private.h: what heap.c and heap_check.c share.  heap_check.c is the checked build's half: in the
 * release build its functions are empty and free blocks go back at once.
 */
#pragma once
#include "core/kasan.h"
#include "mem/heap.h"
#include "mem/page.h"

enum { HEADER = 64 };

struct slab_page {
	struct slab		*slab;
	struct slab_page	*next, **prev;		/* in slab->partial; prev NULL: full */
	void			*free;			/* freed objects */
	u32			used;			/* objects in use */
	u32			fresh;			/* objects ever cut off */
};
_Static_assert(sizeof(struct slab_page) <= HEADER, "");

/* Slab pages are aligned to their size, as counted from page_base. */
static inline struct slab_page *page_of_order(const void *object, u32 order)
{
	char *base = phys_to_virt(page_base);

	return (struct slab_page *)(base + (((const char *)object - base) & -((u64)PAGE_SIZE << order)));
}

/* Every struct page of one knows its order. */
static inline struct slab_page *page_of(const void *object)
{
	return page_of_order(object, virt_page(object)->order);
}

/* Free objects are linked through their first word. */
static inline no_kasan void *link_get(void *object) { return *(void **)object; }
static inline no_kasan void link_set(void *object, void *next) { *(void **)object = next; }

#ifdef CHECKED

enum { checked = 1, CHECK_ROOM = 24 };		/* bytes behind each object */
#define CALLER	__builtin_return_address(0)

/* The slab's lock is held. */
void heap_check_page(struct slab_page *sp);			/* new */
void heap_check_alloc(struct slab *s, void *object, size_t n, bool fresh, void *pc);
void heap_check_free(struct slab *s, void *object, void *pc);
/* Now @n bytes of the block of @room at @block are in use. */
void heap_check_resize(void *block, size_t n, size_t room);
/* What was freed last is not used again before other things have been freed. */
void quarantine_add(void *object, size_t n);
void *quarantine_take(bool all);	/* the oldest, if there is more than enough (or at all) */

#else

enum { checked = 0, CHECK_ROOM = 0 };
#define CALLER	NULL
static inline void heap_check_page(struct slab_page *sp) { }
static inline void heap_check_alloc(struct slab *s, void *object, size_t n, bool fresh, void *pc) { }
static inline void heap_check_free(struct slab *s, void *object, void *pc) { }
static inline void heap_check_resize(void *block, size_t n, size_t room) { }
static inline void quarantine_add(void *object, size_t n) { }
static inline void *quarantine_take(bool all) { return NULL; }

#endif
