// SPDX-License-Identifier: MIT
/*
 * vm_sets.c: from a page set to those who map it: what truncate and write-back have to tell address
 * spaces.  There is no list of mappings; all spaces are asked, which is rare: only for sets that are
 * mapped (set->maps).  spaces.lock guards the list (inside v->lock) and is not held while a space is looked at.
 *
 * Nobody is missed.  A space is asked under its lock; one that begins later faults after the set has
 * changed.  A fork's child has its parent's pages without a fault: it is listed behind its parent, before
 * the parent's lock is released, so it comes after the parent has been asked or holds nothing to ask for.
 */
#include "mem/vm_private.h"
#include "core/log.h"
#include "mem/vm_sets.h"

static struct {
	spinlock_t		lock;
	LIST_HEAD(, vm)		all;
} spaces;

void vm_enlist(struct vm *v, struct vm *parent)
{
	guard(&spaces.lock);
	v->listed = true;
	if (parent)
		LIST_INSERT_AFTER(parent, v, others);
	else
		LIST_INSERT_HEAD(&spaces.all, v, others);
}

void vm_delist(struct vm *v)
{
	guard(&spaces.lock);
	if (v->listed)
		LIST_REMOVE(v, others);
}

static bool get_living(struct vm *v)
{
	u32 refs = atomic_load(&v->refs);

	while (refs && !atomic_compare_exchange_weak(&v->refs, &refs, refs + 1))
		;
	return refs;
}

/* The space behind @v (NULL: the first) in the list, counted: it stays there until it is let go. */
static struct vm *next_space(struct vm *v)
{
	guard(&spaces.lock);
	v = v ? LIST_NEXT(v, others) : LIST_FIRST(&spaces.all);
	while (v && !get_living(v))
		v = LIST_NEXT(v, others);
	return v;
}

/* Pages [first, end) of @set as far as @a maps them: true, and where. */
static bool part_of(const struct area *a, const struct pageset *set, u64 first, u64 end, uaddr_t *from,
		    uaddr_t *to)
{
	u64 pages = area_pages(a->end - a->start), skip = first > a->offset ? first - a->offset : 0;

	if (a->set != set || end <= a->offset || skip >= pages)
		return false;
	*from = a->start + (skip << PAGE_SHIFT);
	*to = a->start + (min(pages, end - a->offset) << PAGE_SHIFT);
	return *from < *to;
}

typedef void part_fn(struct vm *v, uaddr_t from, uaddr_t to);

static void ask(struct vm *v, const struct pageset *set, u64 first, u64 end, bool shared_only, part_fn *fn)
{
	uaddr_t from, to;

	guard(&v->lock);
	for (struct area *a = vm_find(v, 0); a; a = vm_next(v, a)) {
		if ((shared_only && !(a->flags & VM_SHARED)) || !part_of(a, set, first, end, &from, &to))
			continue;
		if (tables_own(v, from, to))
			log_warn("no memory to take pages from a program: it keeps them");
		else
			fn(v, from, to);
	}
}

static void each(const struct pageset *set, u64 first, u64 end, bool shared_only, part_fn *fn)
{
	struct vm *v = next_space(NULL), *next;

	for (; v; v = next) {
		ask(v, set, first, end, shared_only, fn);
		next = next_space(v);
		vm_put(v);
	}
}

void vm_unmap_pages(struct pageset *set, u64 first, u64 end)
{
	if (atomic_load_explicit(&set->maps, memory_order_relaxed))
		each(set, first, end, false, pages_drop);
}

void vm_protect_pages(struct pageset *set, u64 first, u64 end)
{
	if (atomic_load_explicit(&set->maps, memory_order_relaxed))
		each(set, first, end, true, pages_catch_writes);
}
