/* SPDX-License-Identifier: MIT */
/*
 * vm_pages.c: what is behind the areas: page table entries, faults, copying on write.  vm_fault()
 * takes v->lock; the functions of vm_private.h are called with it.  Set and page locks are
 * taken inside.
 *
 * Translations are forgotten when an entry that was present changes.  Not when an entry becomes
 * present: a machine that remembers "nothing there" (RISC-V allows it) faults once more, finds the
 * entry present, and forgets then.
 */
#include <string.h>
#include "core/log.h"
#include "mem/cache.h"
#include "mem/vm_private.h"

enum { FAULT_WAIT = 1 };		/* a page of a cache must be read, or made dirty, first */

enum { FLUSH_SINGLY = 16 };	/* pages */

async long (*vm_needs_memory)(struct vm *v) ro_after_init;

/* --- harts ------------------------------------------------------------------------------------ */

bool loaded_elsewhere(const struct vm *v)
{
	for (u32 i = 0, n = cpu_total(); i < n; i++)
		if (&cpus[i] != this_cpu() && cpus[i].mmu == v)
			return true;
	return false;
}

/* The other side of vm_activate(): it says what it has loaded, then looks at v->stale; the order here is the
 * other one.  A hart going to sleep says what it keeps before it says that it has nothing loaded. */
static bool must_tell(struct vm *v, const struct cpu *c, u64 bit)
{
	if (c->mmu == v)
		return true;
	if (c->mmu_kept != v)
		return false;
	atomic_fetch_or(&v->stale, bit);
	atomic_thread_fence(memory_order_seq_cst);
	return c->mmu == v;
}

u64 harts_told(struct vm *v)
{
	u64 harts = 0;

	atomic_thread_fence(memory_order_seq_cst);	/* the change before the look */
	for (u32 i = 0, n = cpu_total(); i < n; i++)
		if (must_tell(v, &cpus[i], 1ul << i))
			harts |= 1ul << i;
	return harts & ~(1ul << this_cpu()->id);
}

/* --- entries ---------------------------------------------------------------------------------- */

static void flush_here(uaddr_t start, uaddr_t end)
{
	if (end - start > FLUSH_SINGLY << PAGE_SHIFT) {
		arch_tlb_all();
		return;
	}
	for (; start < end; start += PAGE_SIZE)
		arch_tlb_page(start);
}

static inline void flush_elsewhere(struct vm *v, uaddr_t start, uaddr_t end)
{
	u64 others = harts_to_tell(v);

	if (unlikely(others))
		arch_tlb_range_on(others, start, end - start);
}

static inline void flush_own(const struct vm *v, uaddr_t start, uaddr_t end)
{
	if (is_loaded(v))
		flush_here(start, end);
}

void pages_flush(struct vm *v, uaddr_t start, uaddr_t end)
{
	flush_own(v, start, end);
	flush_elsewhere(v, start, end);
}

static inline void flush_page(struct vm *v, uaddr_t addr)
{
	u64 others = harts_to_tell(v);

	if (is_loaded(v))
		arch_tlb_page(addr);
	if (unlikely(others))
		arch_tlb_range_on(others, addr, PAGE_SIZE);
}

/* Code has come to the space of this hart's program. */
static void code_written(void)
{
	struct vm *v = vm_active();
	u64 others = v ? harts_to_tell(v) : 0;

	arch_fence_instructions();
	if (unlikely(others))
		arch_fence_instructions_on(others);
}

/* The entries of [at, *stop), the part of [at, end) that one table maps; NULL: nothing is there. */
static inline pte_t *entries(struct vm *v, uaddr_t at, uaddr_t end, uaddr_t *stop)
{
	*stop = min(align_down(at, PT_SPAN) + PT_SPAN, end);
	return arch_pte(&v->mmu, at);
}

static inline void count_resident(struct vm *v, u64 n)
{
	v->resident += n;
	if (v->resident > v->peak_resident)
		v->peak_resident = v->resident;
}

/* --- ranges ----------------------------------------------------------------------------------- */

void drop_entries(pte_t *e, const pte_t *last, struct charge *c, struct dropped *d)
{
	struct page *frames = frame_zero(), *zero = zero_page;
	u64 gone = 0;

	while ((e = skip_empty(e, last)) < last) {
		struct page *p = page_among(frames, *e);

		*e++ = 0;
		gone++;
		d->zeros += p == zero;
		page_put_for(p, c, &d->back);
	}
	d->frames += gone;
}

/* Nobody on another hart reaches the frames any more when they are let go.  The lock is held meanwhile: were it
 * not, another thread could be given the addresses and write to the old frames. */
static void pages_hide(struct vm *v, uaddr_t start, uaddr_t end)
{
	uaddr_t at = start, stop;

	for (; at < end; at = stop) {
		pte_t *e = entries(v, at, end, &stop);

		for (u64 i = 0; e && i < area_pages(stop - at); i++)
			if (e[i])
				e[i] = pte_hide(e[i]);
	}
	pages_flush(v, start, end);
}

void pages_drop(struct vm *v, uaddr_t start, uaddr_t end)
{
	struct dropped d = { 0, 0, 0 };
	uaddr_t at = start, stop;
	bool hidden = cpu_total() > 1;

	if (unlikely(hidden))
		pages_hide(v, start, end);
	for (; at < end; at = stop) {
		pte_t *e = entries(v, at, end, &stop);

		if (e)
			drop_entries(e, e + area_pages(stop - at), v->charge, &d);
	}
	if (!d.frames)
		return;
	v->resident -= d.frames - d.zeros;
	charge_back(v->charge, d.back);
	if (likely(!hidden))
		flush_own(v, start, end);
}

void pages_protect(struct vm *v, const struct area *a, uaddr_t start, uaddr_t end)
{
	bool changed = false;
	uaddr_t at = start, stop;

	for (; at < end; at = stop) {
		pte_t *e = entries(v, at, end, &stop);

		if (!e)
			continue;
		for (pte_t *last = e + area_pages(stop - at); e < last; e++)
			if (*e) {
				*e = entry_make(a, pte_phys(*e), pte_cow(*e));
				changed = true;
			}
	}
	if (!changed)
		return;
	pages_flush(v, start, end);
	if (a->flags & VM_EXEC)
		code_written();
}

void pages_catch_writes(struct vm *v, uaddr_t start, uaddr_t end)
{
	bool changed = false;
	uaddr_t at = start, stop;

	for (; at < end; at = stop) {
		pte_t *e = entries(v, at, end, &stop);

		if (!e)
			continue;
		for (pte_t *last = e + area_pages(stop - at); e < last; e++)
			if (pte_writable(*e)) {
				*e = pte_mark_cow(*e);
				changed = true;
			}
	}
	if (changed)
		pages_flush(v, start, end);
}

long pages_prepare(struct vm *v, uaddr_t from, uaddr_t to, u64 len)
{
	uaddr_t end = from + len, stop;
	struct lent *none;

	if (tables_own(v, from, end) || tables_own(v, to, to + len))
		return -ENOMEM;
	for (uaddr_t at = from; at < end; at = stop) {
		pte_t *e = entries(v, at, end, &stop);

		for (; e && at < stop; e++, at += PAGE_SIZE)
			if (*e && !table_entry(v, to + (at - from), &none))
				return -ENOMEM;
	}
	return 0;
}

void pages_move(struct vm *v, uaddr_t from, uaddr_t to, u64 len)
{
	uaddr_t end = from + len, stop;

	for (uaddr_t at = from; at < end; at = stop) {
		pte_t *e = entries(v, at, end, &stop);

		for (; e && at < stop; e++, at += PAGE_SIZE)
			if (*e) {
				*arch_pte(&v->mmu, to + (at - from)) = *e;
				*e = 0;
			}
	}
	pages_flush(v, from, end);
}

/* --- faults ----------------------------------------------------------------------------------- */

struct fault {
	struct vm		*v;
	const struct area	*a;
	uaddr_t			addr;		/* of the page */
	pte_t			*e;		/* its entry */
	struct lent		*lent;		/* its table is on loan */
	bool			write;
};

/* Map @p at entry @e, which takes the reference. */
static inline void install(
	const struct area *a, pte_t *e, struct lent *lent, struct page *p, bool cow)
{
	pte_t old = *e;

	*e = entry_make(a, page_phys(p), cow);
	if (unlikely(lent))
		lent_note(lent, e, old);
	if (unlikely(a->flags & VM_EXEC))
		code_written();
}

static inline long fault_zeros(
	struct vm *v, const struct area *a, pte_t *e, struct lent *lent, bool write)
{
	struct page *p;

	if (!write) {
		page_get(zero_page);
		install(a, e, lent, zero_page, true);
		return 0;
	}
	p = page_alloc_for(v->charge, true);
	if (unlikely(!p))
		return -ENOMEM;
	install(a, e, lent, p, false);
	count_resident(v, 1);
	return 0;
}

/* A frame of our own with what is in @from. */
static inline struct page *page_duplicate(struct vm *v, struct page *from)
{
	struct page *p = page_alloc_for(v->charge, from == zero_page);

	if (likely(p) && from != zero_page)
		page_copy(page_virt(p), page_virt(from));
	return p;
}

/* The entry's reference is its own, not that of the table it was lent by. */
static inline bool entry_owns(const struct fault *f) { return !f->lent || pte_own(*f->e); }

/* fork copies these at once for the next children: it is the C library's fork() that writes to them. */
static void note_first(struct vm *v, uaddr_t addr)
{
	struct area_tree *t = v->tree;
	u32 n = atomic_load_explicit(&t->first_count, memory_order_relaxed);

	if (n == VM_FIRST) {
		v->watched = false;
		return;
	}
	atomic_store_explicit(&t->first[n], addr >> PAGE_SHIFT, memory_order_relaxed);
	atomic_store_explicit(&t->first_count, n + 1, memory_order_release);
}

static __attribute__((noinline)) long copy_on_write(const struct fault *f)
{
	struct page *old = entry_page(*f->e), *p;
	bool own = entry_owns(f);

	if (own && page_refs(old) == 1) {	/* all others have copied or gone */
		install(f->a, f->e, f->lent, old, false);
		arch_tlb_page(f->addr);
		return 0;
	}
	p = page_duplicate(f->v, old);
	if (unlikely(!p))
		return -ENOMEM;
	if (old == zero_page)
		count_resident(f->v, 1);
	install(f->a, f->e, f->lent, p, false);
	arch_tlb_page(f->addr);
	flush_elsewhere(f->v, f->addr, f->addr + PAGE_SIZE);
	if (own)
		page_put(old);
	else if (f->v->watched)
		note_first(f->v, f->addr);
	return 0;
}

static inline u64 area_index(const struct area *a, uaddr_t addr)
{
	return a->offset + area_pages(addr - a->start);
}

/* Pages of a cache (mem/cache.h) that are shared are mapped for reading first, marked as if to be copied:
 * the first write makes the page dirty, which may take time. */
static long share_write(const struct fault *f)
{
	struct page *p = entry_page(*f->e);

	if (!cache_is_dirty(f->a->set, area_index(f->a, f->addr), p))
		return FAULT_WAIT;
	if (!entry_owns(f))
		page_get(p);
	install(f->a, f->e, f->lent, p, false);
	flush_page(f->v, f->addr);
	return 0;
}

/* The page is there, but not for this; or was installed since by another thread. */
static long fault_present(const struct fault *f)
{
	pte_t e = *f->e;

	if (f->write && pte_cow(e))
		return unlikely(f->a->flags & VM_SHARED) ? share_write(f) : copy_on_write(f);
	*f->e = entry_make(f->a, pte_phys(e), pte_cow(e));
	if (f->lent && pte_own(e))
		*f->e = pte_mark_own(*f->e);
	if (f->a->flags & VM_EXEC)
		code_written();
	arch_tlb_page(f->addr);
	return 0;
}

/* How much to map at once: around code, and where a file is read in order (the page before is there
 * already), more; else a page. */
static inline u64 window_of(const struct fault *f)
{
	bool more =
		(f->a->flags & VM_EXEC) || (f->addr % PT_SPAN && f->addr > f->a->start && f->e[-1]);

	return more ? FAULT_AROUND << PAGE_SHIFT : PAGE_SIZE;
}

/* Map the pages the set has around the fault, as far as one aligned window, the area and the object
 * go: true if the page itself was among them. */
static bool fault_around(const struct fault *f)
{
	const struct area *a = f->a;
	u64 window = window_of(f);
	uaddr_t start = max(align_down(f->addr, window), a->start);
	uaddr_t end = min(align_down(f->addr, window) + window, a->end);
	u64 first = area_index(a, start),
	    n = min(area_pages(end - start), a->set->size_pages - first);
	pte_t *e = f->e - area_pages(f->addr - start);
	pte_t like = entry_make(a, 0, !(a->flags & VM_SHARED) || a->set->ops);
	struct page *found[FAULT_AROUND];
	u64 mapped = 0;

	if (!pageset_get_range(a->set, first, n, found))
		return false;
	if (unlikely(a->set->ops))
		cache_only_valid(found, n);
	for (u32 i = 0; i < n; i++) {
		if (!found[i])
			continue;
		if (e[i]) {
			page_put(found[i]);
			continue;
		}
		e[i] = pte_with_phys(like, page_phys(found[i]));
		if (unlikely(f->lent))
			lent_note(f->lent, &e[i], 0);
		mapped++;
	}
	count_resident(f->v, mapped);
	if (a->flags & VM_EXEC)
		code_written();
	return *f->e;
}

/* The page of a cache, if it is there and may be used like this; else the caller waits for it. */
static long fault_cached(const struct fault *f, u64 index)
{
	struct page *from = cache_try(f->a->set, index), *p;

	if (!from)
		return FAULT_WAIT;
	if (f->a->flags & VM_SHARED) {
		install(f->a, f->e, f->lent, from,
			!f->write || !cache_is_dirty(f->a->set, index, from));
		count_resident(f->v, 1);
		return f->write && pte_cow(*f->e) ? FAULT_WAIT : 0;
	}
	p = page_duplicate(f->v, from);
	page_put(from);
	if (!p)
		return -ENOMEM;
	install(f->a, f->e, f->lent, p, false);
	count_resident(f->v, 1);
	return 0;
}

static long fault_shared(const struct fault *f, u64 index)
{
	struct page *p = pageset_get(f->a->set, index, true);

	if (!p)
		return -ENOMEM;
	install(f->a, f->e, f->lent, p, false);
	count_resident(f->v, 1);
	return 0;
}

/* First write to a private page of a file: straight to a copy. */
static long fault_private_write(const struct fault *f, u64 index)
{
	struct page *from = pageset_get(f->a->set, index, false), *p;

	if (!from)
		return fault_zeros(f->v, f->a, f->e, f->lent, f->write);
	p = page_duplicate(f->v, from);
	page_put(from);
	if (!p)
		return -ENOMEM;
	install(f->a, f->e, f->lent, p, false);
	count_resident(f->v, 1);
	return 0;
}

static __attribute__((noinline)) long fault_set(const struct fault *f)
{
	u64 index = area_index(f->a, f->addr);

	if (index >= f->a->set->size_pages)
		return -EIO;
	if (!f->write && fault_around(f))
		return 0;
	if (unlikely(f->a->set->ops))
		return f->write ? fault_cached(f, index) : FAULT_WAIT;
	if (f->a->flags & VM_SHARED)
		return fault_shared(f, index);
	return f->write ? fault_private_write(f, index) : fault_zeros(f->v, f->a, f->e, f->lent, false);
}

/* On every machine what may be written may be read. */
static const u8 wanted[] = {
	[ACCESS_READ] = VM_READ | VM_WRITE, [ACCESS_WRITE] = VM_WRITE, [ACCESS_EXEC] = VM_EXEC,
};

/* Everything but the most frequent fault; f->e is NULL if the table is not there or not ours alone. */
static __attribute__((noinline)) long fault_other(struct fault *f)
{
	if (!f->e && !(f->e = table_entry(f->v, f->addr, &f->lent)))
		return -ENOMEM;
	if (*f->e)
		return fault_present(f);
	return f->a->set ? fault_set(f) : fault_zeros(f->v, f->a, f->e, f->lent, f->write);
}

/* Others only read it: no need for an atomic addition. */
static inline void count_fault(struct vm *v)
{
	u64 n = atomic_load_explicit(&v->faults, memory_order_relaxed);

	atomic_store_explicit(&v->faults, n + 1, memory_order_relaxed);
}

/* -EAGAIN: there is no area. */
static inline __attribute__((always_inline)) long fault(struct vm *v, uaddr_t addr, u32 access)
{
	struct area *a;
	pte_t *e;

	guard(&v->lock);
	a = area_at(v, addr);
	if (unlikely(!a))
		return -EAGAIN;
	count_fault(v);
	if (unlikely(!(a->flags & wanted[access])))
		return -EACCES;
	e = arch_pte_own(&v->mmu, addr);
	if (likely(e && !*e && !a->set))
		return fault_zeros(v, a, e, NULL, access == ACCESS_WRITE);
	return fault_other(&(struct fault){ v, a, addr, e, NULL, access == ACCESS_WRITE });
}

static __attribute__((noinline)) long fault_below_stack(struct vm *v, uaddr_t addr, u32 access)
{
	long err = stack_grow(v, addr);

	if (!err)
		err = fault(v, addr, access);
	return err == -EAGAIN ? -EFAULT : err;
}

/* The set behind @addr, held, and which page of it; NULL: it has gone meanwhile. */
static struct pageset *set_behind(struct vm *v, uaddr_t addr, u64 *index, bool *shared)
{
	struct area *a;

	guard(&v->lock);
	a = area_at(v, addr);
	if (!a || !a->set || !a->set->ops)
		return NULL;
	*index = area_index(a, addr);
	*shared = a->flags & VM_SHARED;
	atomic_fetch_add_explicit(a->set->owner_refs, 1, memory_order_relaxed);
	return a->set;
}

/* Without the lock: let the page a fault wants be there, and be dirty if it is to be written to. */
static async long fault_wait(struct vm *v, uaddr_t addr, u32 access)
{
	bool shared;
	u64 index;
	struct pageset *set = set_behind(v, addr, &index, &shared);
	struct page *p;
	long r;

	if (!set)
		return 0;
	r = cache_get(set, index, FAULT_AROUND - 1, &p);
	if (!r) {
		r = shared && access == ACCESS_WRITE ? cache_write_to(set, index, p) : 0;
		page_put(p);
	}
	set->owner_put(set);
	return r;
}

static __attribute__((noinline)) long fault_slow(struct vm *v, uaddr_t addr, u32 access, long r)
{
	while (r == FAULT_WAIT) {
		r = fault_wait(v, addr, access);
		if (r == -EINTR)
			return 0;		/* the task shall end: the run loop sees to that */
		if (!r)
			r = fault(v, addr, access);
	}
	return r == -EAGAIN ? fault_below_stack(v, addr, access) : r;
}

static __attribute__((noinline)) async long fault_failed(struct vm *v, uaddr_t addr, u32 access, long r)
{
	r = fault_slow(v, addr, access, r);
	return r == -ENOMEM && vm_needs_memory ? vm_needs_memory(v) : r;
}

async long vm_fault(struct vm *v, uaddr_t addr, u32 access)
{
	long r;

	addr = align_down(addr, PAGE_SIZE);
	r = fault(v, addr, access);
	return likely(!r) ? 0 : fault_failed(v, addr, access, r);
}

bool vm_ready(struct vm *v, uaddr_t addr, u64 len, u32 access)
{
	pte_t *e;

	if (addr >= USER_TOP || len > PAGE_SIZE - addr % PAGE_SIZE)
		return false;
	guard(&v->lock);
	e = arch_pte(&v->mmu, addr);
	return e && pte_present(*e) && (access != ACCESS_WRITE || pte_writable(*e));
}
