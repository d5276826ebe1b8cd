/* SPDX-License-Identifier: MIT */
/*
 * heap.c: kernel memory in bytes.  A slab page is a block of 1 to 8 frames, aligned to its size, that
 * begins with struct slab_page and is cut into objects of one size; every struct page of it is marked
 * PAGE_SLAB with the block's order, so an object finds its header.  Objects never used are cut off as
 * needed; freed ones are linked through their first word.  A page with free objects is in its slab's
 * partial list.  One empty page a slab is kept.  Classes are powers of two and three quarters of them.
 * slab.lock guards a slab and its pages; page.c's locks are taken inside it.
 *
 * What the checked build adds is in heap_check.c.
 */
#include <string.h>
#include "core/log.h"
#include "mem/fail.h"
#include "mem/heap_private.h"

enum { LARGEST = 2048, MAX_ORDER = 3 };

#define CLASS(n) { .name = "heap-" #n, .size = n, .align = 8 }
static struct slab classes[] = {
	CLASS(16), CLASS(24), CLASS(32), CLASS(48), CLASS(64), CLASS(96), CLASS(128), CLASS(192),
	CLASS(256), CLASS(384), CLASS(512), CLASS(768), CLASS(1024), CLASS(1536), CLASS(2048),
};

static struct {
	spinlock_t	lock;			/* slabs */
	struct slab	*slabs;			/* all that have had pages */
	_Atomic u64	large_bytes;
	_Atomic u64	frames;			/* of slabs and large blocks */
} heap;

bool (*heap_for_program)(void);

/* --- frames ----------------------------------------------------------------------------------- */

/* What programs make the kernel keep is half of memory at most: drivers, and other programs' own pages, shall
 * find some, too. */
static struct page *frames_take(u32 order)
{
	struct page *p;

	if (unlikely(atomic_load_explicit(&heap.frames, memory_order_relaxed) > page_total_count() / 2) &&
	    heap_for_program && heap_for_program())
		return NULL;
	p = page_alloc(order);
	if (p)
		atomic_fetch_add_explicit(&heap.frames, 1ul << order, memory_order_relaxed);
	return p;
}

static void frames_give(struct page *p)
{
	atomic_fetch_sub_explicit(&heap.frames, 1ul << p->order, memory_order_relaxed);
	page_free(p);
}

/* --- pages of a slab -------------------------------------------------------------------------- */

static void list_add(struct slab *s, struct slab_page *sp)
{
	sp->next = s->partial;
	sp->prev = &s->partial;
	if (sp->next)
		sp->next->prev = &sp->next;
	s->partial = sp;
}

static void list_remove(struct slab_page *sp)
{
	*sp->prev = sp->next;
	if (sp->next)
		sp->next->prev = sp->prev;
	sp->prev = NULL;
}

static u32 waste(const struct slab *s, u32 order)
{
	u32 room = (PAGE_SIZE << order) - HEADER;

	return room < s->stride ? ~0u : (room % s->stride + HEADER) >> order;
}

/* First use of @s: how its objects lie in the smallest block that wastes little. */
static void slab_set_up(struct slab *s)
{
	u32 best = 0;

	s->stride = align_up(align_up(max(s->size, 8u), 8) + CHECK_ROOM, max(min(s->align, 16u), 8u));
	for (u32 order = 1; order <= MAX_ORDER; order++)
		if (waste(s, best) > PAGE_SIZE / 16 && waste(s, order) < waste(s, best))
			best = order;
	s->order = best;
	s->per_page = ((PAGE_SIZE << best) - HEADER) / s->stride;
	guard(&heap.lock);
	s->next = heap.slabs;
	heap.slabs = s;
}

static struct slab_page *slab_page_new(struct slab *s)
{
	struct slab_page *sp;
	struct page *p;

	if (!s->stride)
		slab_set_up(s);
	p = frames_take(s->order);
	if (!p)
		return NULL;
	for (u32 i = 0; i < 1u << s->order; i++) {
		p[i].flags = PAGE_SLAB;
		p[i].order = s->order;
	}
	sp = page_virt(p);
	*sp = (struct slab_page){ .slab = s };
	heap_check_page(sp);
	list_add(s, sp);
	s->pages++;
	s->empty++;
	return sp;
}

static void slab_page_free(struct slab *s, struct slab_page *sp)
{
	struct page *p = virt_page(sp);

	list_remove(sp);
	s->pages--;
	s->empty--;
	for (u32 i = 1; i < 1u << s->order; i++)
		p[i].flags = p[i].order = 0;
	frames_give(p);
}

/* --- objects ---------------------------------------------------------------------------------- */

static inline void *slab_take(struct slab *s, size_t n, void *pc)
{
	struct slab_page *sp = s->partial;
	bool fresh = false;
	void *object;

	if (unlikely(!sp) && !(sp = slab_page_new(s)))
		return NULL;
	object = sp->free;
	if (object) {
		sp->free = link_get(object);
	} else {
		object = (char *)sp + HEADER + (size_t)sp->fresh++ * s->stride;
		fresh = true;
	}
	if (!sp->used++)
		s->empty--;
	if (unlikely(sp->used == s->per_page))
		list_remove(sp);
	s->objects++;
	heap_check_alloc(s, object, n, fresh, pc);
	return object;
}

/* The page has become empty: keep it, behind the others, if it is the only one. */
static __attribute__((noinline)) void slab_emptied(struct slab *s, struct slab_page *sp)
{
	s->empty++;
	if (s->empty > 1)
		slab_page_free(s, sp);
}

static inline void slab_give(struct slab *s, struct slab_page *sp, void *object)
{
	link_set(object, sp->free);
	sp->free = object;
	if (unlikely(!sp->prev))
		list_add(s, sp);
	if (unlikely(!--sp->used))
		slab_emptied(s, sp);
}

static inline void *take(struct slab *s, size_t n, void *pc)
{
	guard(&s->lock);
	return slab_take(s, n, pc);
}

static void give(void *object)
{
	struct slab_page *sp = page_of(object);
	guard(&sp->slab->lock);

	slab_give(sp->slab, sp, object);
}

static bool quarantine_flush(void)
{
	void *object;
	bool any = false;

	for (; (object = quarantine_take(true)); any = true)
		give(object);
	return any;
}

static inline void *object_alloc(struct slab *s, size_t n, void *pc)
{
	void *object;

	if (fail_alloc())
		return NULL;
	object = take(s, n, pc);
	if (checked && !object && quarantine_flush())
		object = take(s, n, pc);
	return object;
}

static void check_and_quarantine(struct slab *s, void *object, void *pc)
{
	spin_lock(&s->lock);
	heap_check_free(s, object, pc);
	s->objects--;
	spin_unlock(&s->lock);
	quarantine_add(object, s->stride);
	while ((object = quarantine_take(false)))
		give(object);
}

static inline void object_free(struct slab_page *sp, void *object, void *pc)
{
	struct slab *s = sp->slab;

	if (checked) {
		check_and_quarantine(s, object, pc);
		return;
	}
	guard(&s->lock);
	s->objects--;
	slab_give(s, sp, object);
}

void *slab_alloc(struct slab *s) { return object_alloc(s, s->size, CALLER); }

void slab_free(struct slab *s, void *object)
{
	if (!object)
		return;
	check((virt_page(object)->flags & PAGE_SLAB) && page_of(object)->slab == s);
	object_free(page_of_order(object, s->order), object, CALLER);
}

void slab_peek(const struct slab *s, void (*fn)(const void *object, void *arg), void *arg)
{
	for (u64 n = 0; s->stride && n < page_array_count(); n++) {
		const struct slab_page *sp;

		if (pages[n].flags != PAGE_SLAB || pages[n].order > MAX_ORDER)
			continue;		/* links of free frames have other flags: page.c */
		sp = page_virt(&pages[n]);
		if (page_of(sp) != sp || sp->slab != s)
			continue;
		for (u32 i = 0; i < min(sp->fresh, s->per_page); i++)
			fn((const char *)sp + HEADER + (size_t)i * s->stride, arg);
	}
}

/* --- the heap --------------------------------------------------------------------------------- */

/* Class by size in units of 16 bytes. */
static const u8 class_by_units[LARGEST / 16 + 1] = {
	[0 ... 1] = 0, [2] = 2, [3] = 3, [4] = 4, [5 ... 6] = 5, [7 ... 8] = 6, [9 ... 12] = 7,
	[13 ... 16] = 8, [17 ... 24] = 9, [25 ... 32] = 10, [33 ... 48] = 11, [49 ... 64] = 12,
	[65 ... 96] = 13, [97 ... 128] = 14,
};

static inline struct slab *class_of(size_t n)
{
	if (n - 17 < 8)
		return &classes[1];
	return &classes[class_by_units[(n + 15) / 16]];
}

static u32 order_of(size_t n)
{
	u32 order = 0;

	while ((size_t)PAGE_SIZE << order < n)
		order++;
	return order;
}

static __attribute__((noinline)) void *large_alloc(size_t n)
{
	struct page *p;

	if (!n || n > (size_t)PAGE_SIZE << (PAGE_ORDERS - 1))
		return NULL;
	p = frames_take(order_of(n));
	if (!p)
		return NULL;
	atomic_fetch_add_explicit(
		&heap.large_bytes, (u64)PAGE_SIZE << p->order, memory_order_relaxed);
	heap_check_resize(page_virt(p), n, (size_t)PAGE_SIZE << p->order);
	return page_virt(p);
}

static __attribute__((noinline)) void large_free(void *block, struct page *p)
{
	if (page_refs(p) != 1 || page_virt(p) != block)
		panic("heap: %p is not a block", block);
	atomic_fetch_sub_explicit(
		&heap.large_bytes, (u64)PAGE_SIZE << p->order, memory_order_relaxed);
	frames_give(p);
}

static inline void *alloc(size_t n, void *pc)
{
	if (unlikely(n - 1 >= LARGEST))
		return n ? large_alloc(n) : object_alloc(&classes[0], n, pc);
	return object_alloc(class_of(n), n, pc);
}

void *heap_alloc(size_t n) { return alloc(n, CALLER); }

void *heap_zero(size_t n)
{
	void *p = alloc(n, CALLER);

	if (p)
		memset(p, 0, n);
	return p;
}

char *heap_string(const char *s)
{
	size_t n = strlen(s) + 1;
	char *copy = alloc(n, CALLER);

	return copy ? memcpy(copy, s, n) : NULL;
}

void heap_free(void *block)
{
	if (!block)
		return;
	struct page *p = virt_page(block);
	if (unlikely(!(p->flags & PAGE_SLAB))) {
		large_free(block, p);
		return;
	}
	object_free(page_of(block), block, CALLER);
}

size_t heap_room(const void *block)
{
	struct page *p;

	if (!block)
		return 0;
	p = virt_page(block);
	return p->flags & PAGE_SLAB ? page_of(block)->slab->size : (size_t)PAGE_SIZE << p->order;
}

void *heap_grow(void *old, size_t old_size, size_t n)
{
	void *p;

	if (old && n <= heap_room(old) && n > heap_room(old) / 2) {
		heap_check_resize(old, n, heap_room(old));
		return old;
	}
	p = alloc(n, CALLER);
	if (p && old) {
		memcpy(p, old, min(old_size, n));
		heap_free(old);
	}
	return p;
}

u64 heap_bytes(void)
{
	u64 n = heap.large_bytes;

	guard(&heap.lock);
	for (struct slab *s = heap.slabs; s; s = s->next)
		n += (u64)(s->objects - s->spares) * s->size;
	return n;
}

u64 heap_frames(void) { return atomic_load_explicit(&heap.frames, memory_order_relaxed); }

static void slab_trim(struct slab *s)
{
	guard(&s->lock);
	for (struct slab_page *sp = s->partial, *next; sp && s->empty; sp = next) {
		next = sp->next;
		if (!sp->used)
			slab_page_free(s, sp);
	}
}

void heap_trim(void)
{
	struct slab *first;

	quarantine_flush();
	spin_lock(&heap.lock);
	first = heap.slabs;			/* grows at its head only */
	spin_unlock(&heap.lock);
	for (struct slab *s = first; s; s = s->next)
		slab_trim(s);
}
