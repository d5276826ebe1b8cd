/* SPDX-License-Identifier: MIT */
/*
 * heap.h: kernel memory in bytes.  Size classes of slabs over page frames; larger blocks are whole
 * frames.  Never waits.  All return NULL when memory is used up; contents are undefined
 * unless _zero.  heap_free(NULL) is allowed.
 */
#pragma once
#include "core/spin.h"
#include "lib/base.h"

void *heap_alloc(size_t n);
void *heap_zero(size_t n);		/* cleared */
void *heap_grow(void *old, size_t old_size, size_t n);	/* as realloc */
char *heap_string(const char *s);	/* a copy */
void heap_free(void *p);
size_t heap_room(const void *p);		/* bytes usable at @p, which are those counted; NULL: 0 */
u64 heap_bytes(void);			/* in use, slabs and large blocks, for leak counts */
u64 heap_frames(void);			/* frames held by slabs and large blocks, full or not */
/* Is the present allocation for a program's call?  Those are refused when half of memory is the heap's.  Set by
 * proc/; NULL: never. */
extern bool (*heap_for_program)(void);
void heap_trim(void);			/* give back slab pages that are empty */

#ifdef CHECKED
u64 heap_lock_key(const spinlock_t *l);		/* for lock_order_start(): a lock in the heap, or a variable */
#else
#define heap_lock_key NULL
#endif

/* For reports of KASAN (core/kasan.h): what the address @at in a heap block or a frame belongs to. */
#ifdef KASAN
void heap_describe(uintptr_t at, u32 why);
#else
#define heap_describe NULL
#endif

/* Objects of one kind and size, packed without rounding to a class. */
struct slab {
	const char	*name;
	u32		size, align;		/* align: at most 16 */
	spinlock_t	lock;			/* of what follows, and of the pages */
	struct slab_page *partial;		/* pages with free objects; empty ones last */
	u32		stride, per_page, order;	/* 0 until the first page */
	u32		pages, objects, empty;	/* now; empty: of pages, without objects */
	_Atomic u32	spares;			/* of the objects, those kept for the next use */
	struct slab	*next;			/* all that have had pages */
};
#define SLAB(n, T)	{ .name = n, .size = sizeof(T), .align = _Alignof(T) }
void *slab_alloc(struct slab *s);		/* NULL: no memory; contents undefined */
void slab_free(struct slab *s, void *p);	/* NULL is fine */

/* Each object ever cut from @s, in use or free, without a lock: for dumps. */
void slab_peek(const struct slab *s, void (*fn)(const void *object, void *arg), void *arg);

/*
 * A hart keeps one object for its next use: *@spare is that hart's own.  The checked build does not,
 * so that it finds use after free.
 */
static inline void *slab_take_spare(struct slab *s, void *spare)
{
	void **at = spare, *p = *at;

	if (unlikely(!p))
		return slab_alloc(s);
	*at = NULL;
	atomic_fetch_sub_explicit(&s->spares, 1, memory_order_relaxed);
	return p;
}
static inline void slab_keep_spare(struct slab *s, void *spare, void *p)
{
#ifdef CHECKED
	(void)spare;
#else
	if (likely(!*(void **)spare)) {
		*(void **)spare = p;
		atomic_fetch_add_explicit(&s->spares, 1, memory_order_relaxed);
		return;
	}
#endif
	slab_free(s, p);
}
