/* SPDX-License-Identifier: MIT */
/*
 * heap.h: kernel memory in bytes.  Size classes of slabs over page frames; larger blocks are whole
 * frames.  Never waits.  All return NULL when memory is used up; contents are undefined
 * unless _zero.  heap_free(NULL) is allowed.
 */
#pragma once
#include "lib/base.h"

void *heap_alloc(size_t n);
void *heap_zero(size_t n);		/* cleared */
void *heap_grow(void *old, size_t old_size, size_t n);	/* as realloc */
void heap_free(void *p);
u64 heap_bytes(void);			/* in use, for leak counts */
u64 heap_frames(void);			/* frames held by slabs, full or not */

/* Objects of one kind and size, packed without rounding to a class. */
struct slab {
	const char	*name;
	u32		size, align;
	struct slab_page *partial;	/* pages with free objects */
	u32		pages, objects;	/* now */
	_Atomic u32	lock;
};
#define SLAB(n, T)	{ .name = n, .size = sizeof(T), .align = _Alignof(T) }
void *slab_alloc(struct slab *s);
void slab_free(struct slab *s, void *p);
