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

/* Slab pages are aligned to their size, and every struct page of one knows its order. */
static inline struct slab_page *page_of(const void *object)
{
	struct page *p = virt_page(object);
	uintptr_t n = p - pages;

	return page_virt(&pages[n & -(1ul << p->order)]);
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
