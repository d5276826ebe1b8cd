/* SPDX-License-Identifier: MIT */
/*
 * vm_private.h: between vm.c (areas), vm_pages.c (page table entries) and vm_tables.c (their
 * tables).  v->lock is held, but for spaces nobody else knows yet.
 *
 * An entry is 0 (nothing), present, or hidden: a frame in an area without rights.  Every entry holds
 * a reference to its frame (but in a lent table: vm_tables.c).  In a private area a frame whose entry is not marked copy-on-write is this
 * space's alone.
 */
#pragma once
#include "core/cpu.h"
#include "mem/vm.h"

enum { STACK_GAP = 256 << PAGE_SHIFT };		/* kept free below a stack */
#define VM_RIGHTS (VM_READ | VM_WRITE | VM_EXEC)

static inline u64 area_pages(u64 bytes) { return bytes >> PAGE_SHIFT; }

/* The area with @addr; NULL. */
struct area *area_search(struct vm *v, uaddr_t addr);
static inline struct area *area_at(struct vm *v, uaddr_t addr)
{
	struct area *a = v->hint;

	return likely(a && a->start <= addr && addr < a->end) ? a : area_search(v, addr);
}

struct area *vm_next(struct vm *v, struct area *a);
struct area *vm_last_below(struct vm *v, uaddr_t addr);	/* that starts below @addr; NULL */
/* Without the lock: let the stack above @addr, if that is what is there, reach down to it.
 * -EFAULT, -ENOMEM. */
long stack_grow(struct vm *v, uaddr_t addr);

/* --- entries ---------------------------------------------------------------------------------- */

enum { FAULT_AROUND = 16 };		/* pages one fault maps at most */

static inline bool is_loaded(const struct vm *v) { return this_cpu()->mmu == v; }
/* Other harts run programs of @v, or did last. */
bool loaded_elsewhere(const struct vm *v);
/* After entries of @v were changed: the other harts to be told, bit i is cpus[i].  Those asleep will see. */
u64 harts_told(struct vm *v);
static inline u64 harts_to_tell(struct vm *v) { return unlikely(cpu_total() > 1) ? harts_told(v) : 0; }
static inline u64 table_index(uaddr_t addr) { return area_pages(addr % PT_SPAN); }
static inline struct page *entry_page(pte_t e) { return phys_page(pte_phys(e)); }

static inline pte_t entry_make(const struct area *a, paddr_t pa, bool cow)
{
	u32 f = a->flags;
	pte_t e;

	if (unlikely(!(f & VM_RIGHTS)))
		e = pte_hide(pte_make(pa, true, false, false));
	else
		e = pte_make(pa, f & (VM_READ | VM_WRITE), (f & VM_WRITE) && !cow, f & VM_EXEC);
	return cow ? pte_mark_cow(e) : e;
}

struct dropped { u64 frames, zeros, back; };
/* The first entry of [e, last) that is not empty; @last. */
static inline pte_t *skip_empty(pte_t *e, const pte_t *last)
{
	while (e + 4 <= last && !(e[0] | e[1] | e[2] | e[3]))
		e += 4;
	while (e < last && !*e)
		e++;
	return e;
}

/* The same for loops: @frames is frame_zero(). */
static inline struct page *frame_zero(void) { return pages - (page_base >> PAGE_SHIFT); }
static inline struct page *page_among(struct page *frames, pte_t e)
{
	return frames + (pte_phys(e) >> PAGE_SHIFT);
}

/* Let go what the entries [e, last) of one table hold; *d counts up. */
void drop_entries(pte_t *e, const pte_t *last, struct charge *c, struct dropped *d);

/* The table of [start, end) are this space's alone afterwards; -ENOMEM.  pages_drop(),
 * pages_protect() and pages_move() need that. */
long tables_own(struct vm *v, uaddr_t start, uaddr_t end);
void pages_drop(struct vm *v, uaddr_t start, uaddr_t end);	/* unmap and release */
/* @a has new rights: entries of [start, end) follow. */
void pages_protect(struct vm *v, const struct area *a, uaddr_t start, uaddr_t end);
/* Writes to what is there fault from now on, and are told to the cache the pages are in. */
void pages_catch_writes(struct vm *v, uaddr_t start, uaddr_t end);
void vm_enlist(struct vm *v, struct vm *parent);	/* vm_sets.c; of a fork, which holds parent->lock */
void vm_delist(struct vm *v);
/* Move entries from @from to @to, where there are none, after pages_prepare(): -ENOMEM. */
long pages_prepare(struct vm *v, uaddr_t from, uaddr_t to, u64 len);
void pages_move(struct vm *v, uaddr_t from, uaddr_t to, u64 len);
/* Forget translations of [start, end) on this hart, if the space is loaded. */
void pages_flush(struct vm *v, uaddr_t start, uaddr_t end);

/* --- tables ----------------------------------------------------------------------------------- */

/* The entry of @addr in a table a fault may change, made or copied as needed; NULL: no memory.
 * *lent: the table is a copy on loan; what is mapped in it must be noted by lent_note(). */
pte_t *table_entry(struct vm *v, uaddr_t addr, struct lent **lent);
/* Entry @e, which was @old, holds a reference of its own. */
static inline void lent_note(struct lent *l, pte_t *e, pte_t old)
{
	*e = pte_mark_own(*e);
	if (!pte_own(old))
		l->own[l->count++] = e - l->table;
}
/* @to, still without tables, shares those of @from. */
long tables_fork(struct vm *to, struct vm *from, uaddr_t hot);
void tables_free(struct vm *v);		/* the end of a space: all pages and tables */
