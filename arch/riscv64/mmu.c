/* SPDX-License-Identifier: MIT */
/*
 * mmu.c (riscv64): Sv39 page tables.  A program's root has the kernel's upper half; its lower
 * half and the tables below are its own.  Roots and tables that were given back are all zero
 * (the roots' upper half apart) and are kept for the next program, linked through their first word.
 * mmu_lock guards the two lists.  Last-level tables belong to mem/vm_tables.c, which hangs them in
 * links, entries of the middle level.
 */
#include <string.h>
#include "arch/riscv64/private.h"
#include "core/cpu.h"

enum { ENTRIES = 512, USER_ENTRIES = 256, KEEP = 64 };

static spinlock_t mmu_lock;
/* Roots with the middle tables nearly every program uses, all empty. */
enum { SKELETONS = 16, COMMON = 2 };
static struct { u32 count; struct skeleton { pte_t *root; u32 common; } one[SKELETONS]; } skeletons;
static struct { pte_t *first; u32 count; } spare_roots, spare_tables;

static pte_t *spare_take(typeof(spare_roots) *s)
{
	guard(&mmu_lock);
	pte_t *t = s->first;

	if (t) {
		s->first = (pte_t *)t[0];
		t[0] = 0;
		s->count--;
	}
	return t;
}

static bool spare_keep(typeof(spare_roots) *s, pte_t *t, u32 most)
{
	guard(&mmu_lock);
	if (s->count >= most)
		return false;
	t[0] = (u64)s->first;
	s->first = t;
	s->count++;
	return true;
}

pte_t *arch_table_alloc(void)
{
	pte_t *t = spare_take((void *)&spare_tables);

	return t ? t : kernel_table_alloc();
}

void arch_table_free(pte_t *t)
{
	if (!spare_keep((void *)&spare_tables, t, KEEP))
		kernel_table_free(t);
}

static pte_t *root_alloc(void)
{
	pte_t *r = spare_take(&spare_roots);

	if (r)
		return r;
	r = kernel_table_alloc();
	if (r)
		memcpy(r + USER_ENTRIES, kernel_root + USER_ENTRIES, USER_ENTRIES * sizeof(pte_t));
	return r;
}

/* What every program uses: the first gigabyte and the one with the stack. */
static bool is_common(const struct mmu *m, const pte_t *e)
{
	return e == &m->root[0] || e == &m->root[USER_ENTRIES - 1];
}

/* Most programs have few middle tables, and we know where they hang; otherwise look everywhere. */
static void middles_free(struct mmu *m, bool all)
{
	bool few = m->middles <= MMU_MIDDLES;
	u32 n = few ? m->middles : USER_ENTRIES;

	m->middles = 0;
	for (u32 i = 0; i < n; i++) {
		pte_t *e = few ? m->middle[i] : &m->root[i];

		if (!*e)
			continue;
		if (!all && is_common(m, e)) {
			m->middle[m->middles++] = e;
			continue;
		}
		arch_table_free(link_table(*e));
		*e = 0;
	}
}

static bool skeleton_take(struct mmu *m)
{
	struct skeleton k;
	{
		guard(&mmu_lock);
		if (!skeletons.count)
			return false;
		k = skeletons.one[--skeletons.count];
	}
	m->root = k.root;
	m->middles = 0;
	for (u32 i = 0; i < COMMON; i++)
		if (k.common & 1u << i)
			m->middle[m->middles++] = &k.root[i ? USER_ENTRIES - 1 : 0];
	return true;
}

static bool skeleton_keep(struct mmu *m)
{
	struct skeleton k = { m->root, (m->root[0] != 0) | (m->root[USER_ENTRIES - 1] != 0) << 1 };
	guard(&mmu_lock);

	if (skeletons.count == SKELETONS)
		return false;
	skeletons.one[skeletons.count++] = k;
	return true;
}

static void skeletons_trim(void)
{
	struct mmu m;

	while (skeleton_take(&m)) {
		middles_free(&m, true);
		spare_keep(&spare_roots, m.root, UINT32_MAX);
	}
}

long arch_mmu_init(struct mmu *m)
{
	m->links = m->middles = 0;
	if (unlikely(!skeleton_take(m)))
		m->root = root_alloc();
	if (!m->root)
		return -ENOMEM;
	m->satp = SATP_SV39 | virt_to_phys(m->root) >> PAGE_SHIFT;
	m->tables = 1 + m->middles;
	return 0;
}

/* A hart that runs no program may still have the root of the last one: its kernel half is in use. */
static bool root_in_use(const pte_t *root)
{
	for (u32 i = 0, n = cpu_total(); i < n; i++)
		if (cpus[i].arch[CPU_ROOT] == (u64)root)
			return true;
	return false;
}

void arch_mmu_destroy(struct mmu *m)
{
	if (!m->root)
		return;
	middles_free(m, false);
	if (likely(skeleton_keep(m)))
		return;
	middles_free(m, true);
	if (!spare_keep(&spare_roots, m->root, root_in_use(m->root) ? UINT32_MAX : KEEP))
		kernel_table_free(m->root);
}

u64 arch_mmu_trim(void)
{
	pte_t *t, *used = NULL, *next;

	skeletons_trim();
	while ((t = spare_take(&spare_roots))) {
		if (!root_in_use(t)) {
			kernel_table_free(t);
			continue;
		}
		t[0] = (u64)used;
		used = t;
	}
	for (; used; used = next) {
		next = (pte_t *)used[0];
		spare_keep(&spare_roots, used, UINT32_MAX);
	}
	while ((t = spare_take((void *)&spare_tables)))
		kernel_table_free(t);
	return spare_roots.count;
}

void arch_mmu_activate(struct mmu *m)
{
	pte_t *root = m ? m->root : kernel_root;

	this_cpu()->arch[CPU_ROOT] = (u64)root;
	csr_write(satp, m ? m->satp : SATP_SV39 | virt_to_phys(root) >> PAGE_SHIFT);
	arch_tlb_all();
}

static __attribute__((noinline)) bool middle_add(struct mmu *m, pte_t *e)
{
	pte_t *t = arch_table_alloc();

	if (!t)
		return false;
	*e = link_make(t, 0);
	if (m->middles < MMU_MIDDLES)
		m->middle[m->middles] = e;
	m->middles++;
	m->tables++;
	return true;
}

pte_t *arch_link(struct mmu *m, uaddr_t va)
{
	pte_t *e = &m->root[va >> 30];

	if (unlikely(!*e) && !middle_add(m, e))
		return NULL;
	return &link_table(*e)[va >> 21 & 511];
}

pte_t *arch_link_find(struct mmu *m, uaddr_t va)
{
	pte_t e = m->root[va >> 30], *link = e ? &link_table(e)[va >> 21 & 511] : NULL;

	return link && *link ? link : NULL;
}

void arch_link_add(struct mmu *m, pte_t *link, uaddr_t va, pte_t value)
{
	*link = value;
	if (m->links < MMU_LINKS) {
		m->link[m->links].at = link;
		m->link[m->links].base = align_down(va, PT_SPAN);
	}
	m->links++;
	m->tables++;
}

static pte_t *link_search(struct mmu *m, u64 *cursor, uaddr_t *base)
{
	while (*cursor < USER_ENTRIES * ENTRIES) {
		u64 at = *cursor;
		pte_t middle = m->root[at / ENTRIES], *link;

		*cursor = middle ? at + 1 : align_down(at, ENTRIES) + ENTRIES;
		link = middle ? &link_table(middle)[at % ENTRIES] : NULL;
		if (link && *link) {
			*base = at * PT_SPAN;
			return link;
		}
	}
	return NULL;
}

pte_t *arch_link_next(struct mmu *m, u64 *cursor, uaddr_t *base)
{
	if (unlikely(m->links > MMU_LINKS))
		return link_search(m, cursor, base);
	while (*cursor < m->links) {
		u64 i = (*cursor)++;

		*base = m->link[i].base;
		if (*m->link[i].at)
			return m->link[i].at;
	}
	return NULL;
}

pte_t *arch_pte(struct mmu *m, uaddr_t va) { return arch_pte_hot(m, va); }

pte_t *arch_pte_own(struct mmu *m, uaddr_t va)
{
	pte_t e = m->root[va >> 30];

	if (likely(e)) {
		e = link_table(e)[va >> 21 & 511];
		if (likely(e && !link_marks(e)))
			return &link_table(e)[va >> 12 & 511];
	}
	return NULL;
}

u64 arch_mmu_tables(const struct mmu *m) { return m->tables << PAGE_SHIFT; }

void arch_tlb_all(void) { asm volatile("sfence.vma" ::: "memory"); }

/* The table @e points to, made if it is not there. */
static pte_t *kernel_table(pte_t *e)
{
	pte_t *t = *e ? link_table(*e) : arch_table_alloc();

	if (t && !*e)
		*e = link_make(t, 0);
	return t;
}

long arch_kmap(uintptr_t va, paddr_t pa, size_t size, u32 flags)
{
	u64 rights = PTE_V | PTE_G | PTE_A | PTE_D | (flags & KMAP_R ? PTE_R : 0) |
		     (flags & KMAP_W ? PTE_W : 0) | (flags & KMAP_X ? PTE_X : 0);

	for (size_t i = 0; i < size; i += PAGE_SIZE) {
		pte_t *t = kernel_table(&kernel_root[(va + i) >> 30 & 511]);

		if (t)
			t = kernel_table(&t[(va + i) >> 21 & 511]);
		if (!t)
			return -ENOMEM;
		t[(va + i) >> 12 & 511] = (pa + i) >> PAGE_SHIFT << 10 | rights;
	}
	arch_tlb_all();
	return 0;
}
