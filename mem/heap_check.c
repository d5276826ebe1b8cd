/* SPDX-License-Identifier: MIT */
/*
 * heap_check.c: the heap of the checked build.  Behind each object is a struct mark: is it in use, how
 * many bytes were asked for, who took it, who gave it back.  All but those bytes is poisoned
 * (core/kasan.h).  Freed objects are filled with FREED, to see also writes KASAN does not, and
 * wait in a queue, the quarantine, before they are used again: quarantine.lock guards it, no other
 * lock is taken inside.
 */
#include <string.h>
#include "core/log.h"
#include "mem/heap_private.h"

#ifdef CHECKED

enum { FREED = 0x6b, QUARANTINE_MAX = 1 << 20, QUARANTINE_SHARE = 128 /* of memory */ };
#define MARK_USED	0x5553454469d3a7c1ul
#define MARK_FREE	0x46524545d2964be3ul

struct mark {
	u64	mark;
	u32	size;			/* asked for */
	u32	taken, given;		/* by whom: low halves of addresses in the image */
	u32	pad_;
};
_Static_assert(sizeof(struct mark) == CHECK_ROOM, "");

static struct {
	spinlock_t	lock;
	void		*first, *last;	/* oldest, newest; linked through first words */
	u64		bytes;
} quarantine;

static struct mark *mark_of(const struct slab *s, void *object)
{
	return (struct mark *)((char *)object + s->stride) - 1;
}

/* The image is less than 2 GiB long: the whole address. */
static uintptr_t text_near(u32 low)
{
	uintptr_t here = (uintptr_t)heap_check_page;

	return low ? here + (s32)(low - (u32)here) : 0;
}

/* --- objects ------------------------------------------------------------------------------------ */

void heap_check_page(struct slab_page *sp)
{
	size_t n = ((size_t)PAGE_SIZE << sp->slab->order) - sizeof(*sp);

	kasan_poison(sp + 1, n, KASAN_RED_ZONE);
}

/* Nobody may have written to it since heap_check_free(). */
static no_kasan void check_untouched(struct slab *s, u8 *b)
{
	if (mark_of(s, b)->mark != MARK_FREE)
		panic("heap: %s %p: written behind its end when free", s->name, (void *)b);
	for (u32 i = 8; i < s->size; i++)
		if (b[i] != FREED)
			panic("heap: %s %p: written after free at +%u", s->name, (void *)b, i);
}

no_kasan void heap_check_alloc(struct slab *s, void *object, size_t n, bool fresh, void *pc)
{
	struct mark *m = mark_of(s, object);

	if (!fresh)
		check_untouched(s, object);
	m->mark = MARK_USED;
	m->size = n;
	m->taken = (u32)(uintptr_t)pc;
	m->given = 0;
	kasan_unpoison(object, s->size);
	memset(object, 0xa5, s->size);
	kasan_poison(object, s->stride, KASAN_RED_ZONE);
	kasan_unpoison(object, n);
}

no_kasan void heap_check_free(struct slab *s, void *object, void *pc)
{
	struct mark *m = mark_of(s, object);

	if (m->mark == MARK_FREE)
		panic("heap: %s %p: freed twice: by 0x%lx and 0x%lx", s->name, object,
		      (u64)text_near(m->given), (u64)pc);
	if (m->mark != MARK_USED)
		panic("heap: %s %p: written behind its end", s->name, object);
	m->mark = MARK_FREE;
	m->given = (u32)(uintptr_t)pc;
	kasan_unpoison(object, s->size);
	memset(object, FREED, s->size);
	kasan_poison(object, s->size, KASAN_FREED);
}

static no_kasan void set_size(const struct slab *s, void *object, size_t n)
{
	mark_of(s, object)->size = n;
}

void heap_check_resize(void *block, size_t n, size_t room)
{
	if (virt_page(block)->flags & PAGE_SLAB)
		set_size(page_of(block)->slab, block, n);
	kasan_poison(block, room, KASAN_RED_ZONE);
	kasan_unpoison(block, n);
}

/* --- quarantine --------------------------------------------------------------------------------- */

void quarantine_add(void *object, size_t n)
{
	guard(&quarantine.lock);
	link_set(object, NULL);
	if (quarantine.first)
		link_set(quarantine.last, object);
	else
		quarantine.first = object;
	quarantine.last = object;
	quarantine.bytes += n;
}

void *quarantine_take(bool all)
{
	u64 limit = min(page_total_count() * PAGE_SIZE / QUARANTINE_SHARE, (u64)QUARANTINE_MAX);
	guard(&quarantine.lock);
	void *object = quarantine.first;

	if (!object || (!all && quarantine.bytes <= limit))
		return NULL;
	quarantine.first = link_get(object);
	quarantine.bytes -= page_of(object)->slab->stride;
	return object;
}

/* --- classes of locks ----------------------------------------------------------------------------- */

/* By the slab, or in the heap by who took the block. */
static no_kasan u64 key_in_slab(const struct slab_page *sp, uintptr_t at)
{
	const struct slab *s = sp->slab;
	uintptr_t first = (uintptr_t)sp + HEADER;
	void *object = (void *)(at - (at - first) % s->stride);
	u64 kind = strncmp(s->name, "heap-", 5) ? (u32)(uintptr_t)s : mark_of(s, object)->taken;

	return kind << 32 | (at - (uintptr_t)object);
}

/* Frames of coroutines are used by one function after the other. */
static bool in_frames(const struct slab_page *sp)
{
	return !strcmp(sp->slab->name, "thread") || !strcmp(sp->slab->name, "errand");
}

/* What is near here, in the image, is a variable.  Larger blocks are not watched. */
u64 heap_lock_key(const spinlock_t *l)
{
	uintptr_t at = (uintptr_t)l, here = (uintptr_t)heap_check_page;

	if (max(at, here) - min(at, here) < 1u << 31)
		return at;
	if (!(virt_page(l)->flags & PAGE_SLAB) || in_frames(page_of(l)))
		return 0;
	return key_in_slab(page_of(l), at);
}

/* --- what a report says ------------------------------------------------------------------------- */

#ifdef KASAN

/* Bytes from the object of @s that @at is in, or before; *@object. */
static s64 nearest(const struct slab *s, const struct slab_page *sp, uintptr_t at, void **object)
{
	uintptr_t first = (uintptr_t)sp + HEADER;
	u64 i = at > first ? (at - first) / s->stride : 0;
	void *here = (void *)(first + i * s->stride);
	u64 offset = at - (uintptr_t)here;

	*object = here;
	if (at < first || offset < s->size || i + 1 >= s->per_page ||
	    offset - s->size < s->stride - offset)
		return offset;
	*object = (char *)here + s->stride;
	return offset - s->stride;
}

void heap_describe(uintptr_t at, u32 why)
{
	const struct page *p = virt_page((void *)at);
	struct slab_page *sp;
	struct mark *m;
	void *object;
	s64 offset;

	if (why == KASAN_FREE_PAGE) {
		log_raw("  frame at 0x%lx, +%lu\n", page_phys(p), at % PAGE_SIZE);
		return;
	}
	if (!(p->flags & PAGE_SLAB)) {
		log_raw("  block of frames, order %u\n", p->order);
		return;
	}
	sp = page_of((void *)at);
	offset = nearest(sp->slab, sp, at, &object);
	m = mark_of(sp->slab, object);
	log_raw("  %s of %u bytes at %p, %s%ld; allocated by 0x%lx", sp->slab->name, m->size, object,
		offset < 0 ? "" : "+", offset, (u64)text_near(m->taken));
	if (m->given)
		log_raw(", freed by 0x%lx", (u64)text_near(m->given));
	log_raw("\n");
}

#endif
#endif
