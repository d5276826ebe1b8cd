/* SPDX-License-Identifier: MIT */
/*
 * vm_tables.c: the last-level tables of address spaces, and how spaces share them.  A fork does not
 * copy tables: both spaces link to the same one and mark their links LINK_SHARED.  A table's count
 * is that of its frame: links and loans.
 *
 * A table with an unmarked link is its space's alone, guarded by its v->lock; each entry holds a
 * reference to its frame.  A table behind a LINK_SHARED link never changes and has no private entry
 * one may write through, so it needs no lock, on any number of harts; whoever wants to change it finds
 * that he is the last (only he could make it two again) and takes the mark off, or makes a copy:
 *
 *  - a loan, LINK_LENT: entries are copied, their references are not.  The original lives on for them;
 *    the copy's own entries are marked PTE_OWN and listed.  So neither copying nor dropping a table
 *    touches the frames behind it: the child that only execs or exits.  It ends (settle()) when the
 *    original has no other user, when the list is full, or when anything but a fault or the end of
 *    the space changes the table.
 *  - a plain copy, each entry with a reference, where there is no room to remember a loan.
 *
 * What a loan keeps alive needlessly is bounded by its list: LENT_OWN frames.
 *
 * A child writes to its stack at once, and its C library's fork() to the same few pages in every child.
 * Those are copied by the fork itself, which spares the faults: the page at the stack pointer, and the
 * first pages that a child wrote while the areas were the same.  Each RELEARN forks the next child's
 * faults are noted anew.
 */
#include <string.h>
#include "core/log.h"
#include "mem/vm_private.h"

enum { ENTRIES = PT_SPAN >> PAGE_SHIFT, RELEARN = 64 };

/* --- copies kept ------------------------------------------------------------------------------- */

/*
 * Copies on loan that were given back, a few, with the entries of their originals: the next loan of the
 * same table, as long as it has not changed, need not copy them; one of another table overwrites them
 * if its entries are as many.  kept.lock guards them.
 */
enum { KEPT = 4 };
static struct {
	spinlock_t	lock;
	u32		count, next;
	struct kept { pte_t *table; const pte_t *origin; u16 first, end; } copy[KEPT];
} kept;

static void kept_free(const struct kept *k)
{
	memset(k->table + k->first, 0, (k->end - k->first) * sizeof(pte_t));
	arch_table_free(k->table);
}

/* @origin is about to change or to go. */
static void kept_forget(const pte_t *origin)
{
	guard(&kept.lock);
	for (u32 i = 0; i < kept.count; i++)
		if (kept.copy[i].origin == origin)
			kept.copy[i].origin = NULL;
}

static pte_t *kept_remove(u32 i)
{
	pte_t *t = kept.copy[i].table;

	kept.copy[i] = kept.copy[--kept.count];
	return t;
}

/* A copy of l->origin's entries; NULL: no memory. */
static pte_t *kept_take(const struct lent *l)
{
	pte_t *t = NULL;

	spin_lock(&kept.lock);
	for (u32 i = 0; !t && i < kept.count; i++)
		if (kept.copy[i].origin == l->origin && kept.copy[i].first == l->first &&
		    kept.copy[i].end == l->end) {
			t = kept_remove(i);
			spin_unlock(&kept.lock);
			return t;
		}
	for (u32 i = 0; !t && i < kept.count; i++)
		if (kept.copy[i].first == l->first && kept.copy[i].end == l->end)
			t = kept_remove(i);
	spin_unlock(&kept.lock);
	if (!t)
		t = arch_table_alloc();
	if (t)
		memcpy(t + l->first, l->origin + l->first, (l->end - l->first) * sizeof(*t));
	return t;
}

/* l->table is as l->origin again, and empty otherwise. */
static void kept_give(const struct lent *l)
{
	struct kept *k;
	guard(&kept.lock);

	if (kept.count < KEPT) {
		k = &kept.copy[kept.count++];
	} else {
		k = &kept.copy[kept.next++ % KEPT];
		kept_free(k);
	}
	*k = (struct kept){ l->table, l->origin, l->first, l->end };
}

/* --- tables ----------------------------------------------------------------------------------- */

static inline bool table_alone(pte_t *t) { return page_refs(virt_page(t)) == 1; }
static inline void table_get(pte_t *t) { page_get(virt_page(t)); }

/* Drop a reference: true if it was the last, which the caller still holds. */
static bool table_put(pte_t *t)
{
	struct page *p = virt_page(t);

	if (!table_alone(t)) {
		if (atomic_fetch_sub_explicit(&p->refs, 1, memory_order_acq_rel) != 1)
			return false;
		atomic_store_explicit(&p->refs, 1, memory_order_relaxed);
	}
	kept_forget(t);
	return true;
}

/* The last reference is ours: free it with all that its entries hold. */
static void table_discard(struct vm *v, pte_t *t)
{
	struct dropped d = { 0, 0, 0 };

	drop_entries(t, t + ENTRIES, v->charge, &d);
	charge_back(v->charge, d.back);
	arch_table_free(t);
}

/* The next table walk must not find the old table in this hart's memory. */
static void relink(struct vm *v, pte_t *link, pte_t *table, pte_t marks)
{
	*link = link_make(table, marks);
	pages_flush(v, 0, USER_TOP);
}

static inline u64 table_count(const struct vm *v) { return area_pages(arch_mmu_tables(&v->mmu)); }

static __attribute__((noinline)) pte_t *make_table(struct vm *v, uaddr_t addr)
{
	enum { MOST = 3 };			/* a walk makes fewer */
	u64 made;
	pte_t *link, *t = NULL;

	if (!charge_try(v->charge, MOST))
		return NULL;
	link = arch_link(&v->mmu, addr);
	if (link && (t = arch_table_alloc()))
		arch_link_add(&v->mmu, link, addr, link_make(t, 0));
	made = table_count(v) - v->charged_tables;
	charge_back(v->charge, MOST - made);
	v->charged_tables += made;
	return t ? &t[table_index(addr)] : NULL;
}

/* --- loans ------------------------------------------------------------------------------------ */

static struct lent *lent_find(struct vm *v, const pte_t *table)
{
	struct lent *l = v->lent;

	while (l->table != table)
		l++;
	check(l < v->lent + v->lent_count);
	return l;
}

/* The loan is over: the record is free, and the original no longer paid for. */
static void lent_forget(struct vm *v, struct lent *l)
{
	*l = v->lent[--v->lent_count];
	charge_back(v->charge, 1);
}

/* Nobody else wants the original: its references become the copy's, but for those replaced. */
static void take_over(struct vm *v, struct lent *l)
{
	pte_t *t = l->table, *from = l->origin;
	struct dropped d = { 0, 0, 0 };

	for (u32 i = 0; i < l->count; i++) {
		u32 n = l->own[i];

		t[n] = pte_unmark_own(t[n]);
		drop_entries(&from[n], &from[n + 1], v->charge, &d);
	}
	charge_back(v->charge, d.back);
	kept_forget(from);
	memset(from + l->first, 0, (l->end - l->first) * sizeof(*from));
	arch_table_free(from);
}

/* References of our own for all that is lent. */
static void stand_alone(struct vm *v, struct lent *l)
{
	pte_t *t = l->table;

	for (u32 i = l->first; i < l->end; i++)
		if (t[i] && !pte_own(t[i]))
			page_get(entry_page(t[i]));
	for (u32 i = 0; i < l->count; i++)
		t[l->own[i]] = pte_unmark_own(t[l->own[i]]);
	if (table_put(l->origin))
		table_discard(v, l->origin);
}

static void settle(struct vm *v, pte_t *link, struct lent *l)
{
	if (table_alone(l->origin))
		take_over(v, l);
	else
		stand_alone(v, l);
	*link = link_make(l->table, 0);
	lent_forget(v, l);
}

/* Entries of the table at @base that may be in use. */
static void used_entries(struct vm *v, uaddr_t base, struct lent *l)
{
	struct area *first = vm_find(v, base), *last = vm_last_below(v, base + PT_SPAN);

	l->first = l->end = 0;
	if (first && last && first->start <= last->start) {
		l->first = area_pages(max(first->start, base) - base);
		l->end = area_pages(min(last->end, base + PT_SPAN) - base);
	}
}

u64 vm_trim(void)
{
	{
		guard(&kept.lock);
		while (kept.count)
			kept_free(&kept.copy[--kept.count]);
	}
	return arch_mmu_trim();
}

static __attribute__((noinline)) bool borrow(struct vm *v, pte_t *link, uaddr_t base)
{
	struct lent *l = &v->lent[v->lent_count];

	if (v->lent_count == VM_LENT || !charge_try(v->charge, 1))
		return false;
	used_entries(v, base, l);
	l->origin = link_table(*link);
	l->table = kept_take(l);
	if (!l->table) {
		charge_back(v->charge, 1);
		return false;
	}
	v->lent_count++;
	l->count = 0;
	relink(v, link, l->table, LINK_LENT);
	return true;
}

static bool copy_table(struct vm *v, pte_t *link)
{
	pte_t *t = arch_table_alloc(), *from = link_table(*link);

	if (!t)
		return false;
	for (u32 i = 0; i < ENTRIES; i++)
		if ((t[i] = from[i]))
			page_get(entry_page(t[i]));
	relink(v, link, t, 0);
	if (table_put(from))
		table_discard(v, from);
	return true;
}

/* --- tables to be changed --------------------------------------------------------------------- */

static bool is_last(pte_t *link)
{
	if (!table_alone(link_table(*link)))
		return false;
	kept_forget(link_table(*link));
	*link = link_make(link_table(*link), 0);
	return true;
}

/* The loan behind @link if it can take what a fault may map; else it is over. */
static struct lent *lent_roomy(struct vm *v, pte_t *link)
{
	struct lent *l = lent_find(v, link_table(*link));

	if (l->count + FAULT_AROUND <= LENT_OWN && !table_alone(l->origin))
		return l;
	settle(v, link, l);
	return NULL;
}

pte_t *table_entry(struct vm *v, uaddr_t addr, struct lent **lent)
{
	pte_t *link = arch_link_find(&v->mmu, addr);

	*lent = NULL;
	if (!link)
		return make_table(v, addr);
	if (link_marks(*link) == LINK_SHARED && !is_last(link) &&
	    !borrow(v, link, align_down(addr, PT_SPAN)) && !copy_table(v, link))
		return NULL;
	if (link_marks(*link) == LINK_LENT)
		*lent = lent_roomy(v, link);
	return link_table(*link) + table_index(addr);
}

static bool own(struct vm *v, pte_t *link)
{
	if (link_marks(*link) == LINK_LENT)
		settle(v, link, lent_find(v, link_table(*link)));
	return link_marks(*link) != LINK_SHARED || is_last(link) || copy_table(v, link);
}

long tables_own(struct vm *v, uaddr_t start, uaddr_t end)
{
	if (!v->forked)
		return 0;
	for (uaddr_t at = start; at < end; at = align_down(at, PT_SPAN) + PT_SPAN) {
		pte_t *link = arch_link_find(&v->mmu, at);

		if (link && link_marks(*link) && !own(v, link))
			return -ENOMEM;
	}
	return 0;
}

/* --- fork ------------------------------------------------------------------------------------- */

struct fork {
	struct vm	*to, *from;
	uaddr_t		hot;
	bool		changed;	/* translations of the parent */
	u32		firsts;
	uaddr_t		first[VM_FIRST];	/* what the child will write to first */
};

/* No private entry of the table may be written through any more. */
static void protect_table(struct fork *f, pte_t *t, uaddr_t base)
{
	struct area *a = vm_find(f->from, base);

	for (; a && a->start < base + PT_SPAN; a = vm_next(f->from, a)) {
		pte_t *e = t + area_pages(max(a->start, base) - base);
		pte_t *last = t + area_pages(min(a->end, base + PT_SPAN) - base);

		for (; !(a->flags & VM_SHARED) && e < last; e++)
			if (*e && !pte_cow(*e)) {
				f->changed |= pte_writable(*e);
				*e = pte_mark_cow(*e);
			}
	}
}

/* The page both will write to next: the child gets its copy at once, the parent keeps it as it is. */
static bool fork_hot_page(struct fork *f, const struct area *a, pte_t *d, pte_t s)
{
	struct page *p, *from = entry_page(s);

	if (!s || from == zero_page || (a->flags & (VM_SHARED | VM_WRITE)) != VM_WRITE)
		return false;
	p = page_alloc_for(f->to->charge, false);
	if (!p)
		return false;
	page_copy(page_virt(p), page_virt(from));
	*d = entry_make(a, page_phys(p), false);
	return true;
}

/* Both spaces share the frames; private ones are copied when written to. */
static void fork_entries(struct fork *f, const struct area *a, pte_t *d, pte_t *s, uaddr_t at, u64 n)
{
	const pte_t *first = s, *last = s + n;
	u64 hot = area_pages(f->hot - at);

	while ((s = skip_empty(s, last)) < last) {
		u64 i = s - first;
		pte_t *to = d + i;

		if (i != hot || !fork_hot_page(f, a, to, *s)) {
			if (!(a->flags & VM_SHARED)) {
				f->changed |= pte_writable(*s);
				*s = pte_mark_cow(*s);
			}
			*to = *s;
			page_get(entry_page(*s));
		}
		s++;
	}
}

/* The table with the hot page is copied; the parent's stays its own. */
static void fork_table(struct fork *f, pte_t *d, pte_t *s, uaddr_t base)
{
	struct area *a = vm_find(f->from, base);

	for (; a && a->start < base + PT_SPAN; a = vm_next(f->from, a)) {
		uaddr_t at = max(a->start, base);
		u64 first = area_pages(at - base);

		fork_entries(f, a, d + first, s + first, at,
			     area_pages(min(a->end, base + PT_SPAN) - at));
	}
}

/* A copy of the page behind @e, of a table on loan; without memory the child will see. */
static void copy_first(struct vm *v, struct lent *l, pte_t *e)
{
	pte_t old = *e;
	struct page *p;
	void *from;

	if (!pte_present(old) || !pte_cow(old) || pte_own(old) || entry_page(old) == zero_page)
		return;
	p = page_alloc_for(v->charge, false);
	if (!p)
		return;
	from = page_virt(entry_page(old));
	page_copy(page_virt(p), from);
	*e = pte_mark_own(pte_of_copy(old, page_phys(p)));
	l->own[l->count++] = e - l->table;
}

static void copy_firsts(struct fork *f, pte_t *link, uaddr_t base)
{
	struct lent *l = NULL;

	for (u32 i = 0; i < f->firsts; i++) {
		if (f->first[i] - base >= PT_SPAN)
			continue;
		if (!l && !borrow(f->to, link, base))
			return;
		l = &f->to->lent[f->to->lent_count - 1];
		copy_first(f->to, l, &l->table[table_index(f->first[i])]);
	}
}

static long fork_link(struct fork *f, pte_t *link, uaddr_t base)
{
	pte_t *to = arch_link(&f->to->mmu, base), *copy;

	if (!to)
		return -ENOMEM;
	if (link_marks(*link) == LINK_LENT)
		settle(f->from, link, lent_find(f->from, link_table(*link)));
	if (f->hot - base < PT_SPAN && own(f->from, link) && (copy = arch_table_alloc())) {
		arch_link_add(&f->to->mmu, to, base, link_make(copy, 0));
		fork_table(f, copy, link_table(*link), base);
		return 0;
	}
	if (!link_marks(*link))
		protect_table(f, link_table(*link), base);
	*link = link_make(link_table(*link), LINK_SHARED);
	table_get(link_table(*link));
	arch_link_add(&f->to->mmu, to, base, *link);
	copy_firsts(f, to, base);
	return 0;
}

/* The pages to copy; none when it is time to make a new list. */
static void firsts_known(struct fork *f)
{
	struct area_tree *t = f->from->tree;
	u32 n = atomic_load_explicit(&t->first_count, memory_order_acquire);

	if (n && ++t->forks % RELEARN == 0) {
		n = 0;
		atomic_store_explicit(&t->first_count, 0, memory_order_relaxed);
	}
	f->to->watched = !n;
	f->firsts = n;
	for (u32 i = 0; i < n; i++)
		f->first[i] = (u64)atomic_load_explicit(&t->first[i], memory_order_relaxed)
			      << PAGE_SHIFT;
}

long tables_fork(struct vm *to, struct vm *from, uaddr_t hot)
{
	struct fork f;
	u64 most = table_count(from), cursor = 0;
	uaddr_t base;
	long err = 0;

	f.to = to;
	f.from = from;
	f.hot = USER_TOP;
	f.changed = false;
	f.firsts = 0;
	if (!charge_try(to->charge, most))
		return -ENOMEM;
	if (likely(!loaded_elsewhere(from))) {	/* nobody writes while we copy */
		f.hot = align_down(hot, PAGE_SIZE);
		firsts_known(&f);
	}
	for (pte_t *link; !err && (link = arch_link_next(&from->mmu, &cursor, &base)); )
		err = fork_link(&f, link, base);
	charge_back(to->charge, most - (table_count(to) - to->charged_tables));
	to->charged_tables = table_count(to);
	to->resident = to->peak_resident = from->resident;
	to->forked = from->forked = true;
	from->watched = false;
	if (f.changed)
		pages_flush(from, 0, USER_TOP);
	return err;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Give back a copy: what is its own, and the loan. */
static void lent_release(struct vm *v, struct lent *l)
{
	pte_t *t = l->table;
	struct dropped d = { 0, 0, 0 };
	struct page *frames = frame_zero();

	for (u32 i = 0; i < l->count; i++) {
		pte_t *e = &t[l->own[i]];

		page_put_for(page_among(frames, *e), v->charge, &d.back);
		*e = l->origin[l->own[i]];
	}
	charge_back(v->charge, d.back);
	kept_give(l);
	if (table_put(l->origin))
		table_discard(v, l->origin);
	lent_forget(v, l);
}

/* What the areas of the table at @base hold. */
static void table_drop(struct vm *v, pte_t *t, uaddr_t base)
{
	struct dropped d = { 0, 0, 0 };

	for (struct area *a = vm_find(v, base); a && a->start < base + PT_SPAN; a = vm_next(v, a))
		drop_entries(t + area_pages(max(a->start, base) - base),
			     t + area_pages(min(a->end, base + PT_SPAN) - base), v->charge, &d);
	charge_back(v->charge, d.back);
	arch_table_free(t);
}

void tables_free(struct vm *v)
{
	u64 cursor = 0;
	uaddr_t base;

	for (pte_t *link; (link = arch_link_next(&v->mmu, &cursor, &base)); *link = 0) {
		pte_t *t = link_table(*link);

		if (link_marks(*link) == LINK_LENT)
			lent_release(v, lent_find(v, t));
		else if (link_marks(*link) != LINK_SHARED || table_put(t))
			table_drop(v, t, base);
	}
}
