/* SPDX-License-Identifier: MIT */
/*
 * mmu.c (riscv64): Sv39 page tables.  A program's root has the kernel's upper half; its lower
 * half and the tables below are its own.  Roots and tables that were given back are all zero
 * (the roots' upper half apart) and are kept for the next program, linked through their first word.
 * mmu_lock guards the two lists.
 */
#include <string.h>
#include "arch/riscv64/private.h"
#include "core/spin.h"

enum { ENTRIES = 512, USER_ENTRIES = 256, KEEP = 64 };

static spinlock_t mmu_lock;
static struct { pte_t *first; u32 count; } spare_roots, spare_tables;

static pte_t *table_of(pte_t e) { return phys_to_virt(pte_phys(e)); }
static pte_t branch(const pte_t *table) { return virt_to_phys(table) >> PAGE_SHIFT << 10 | PTE_V; }

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

static bool spare_keep(typeof(spare_roots) *s, pte_t *t)
{
	guard(&mmu_lock);
	if (s->count >= KEEP)
		return false;
	t[0] = (u64)s->first;
	s->first = t;
	s->count++;
	return true;
}

static pte_t *table_alloc(void)
{
	pte_t *t = spare_take((void *)&spare_tables);

	return t ? t : kernel_table_alloc();
}

/* @t is all zero again. */
static void table_free(pte_t *t)
{
	if (!spare_keep((void *)&spare_tables, t))
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

long arch_mmu_init(struct mmu *m)
{
	m->root = root_alloc();
	if (!m->root)
		return -ENOMEM;
	m->satp = SATP_SV39 | virt_to_phys(m->root) >> PAGE_SHIFT;
	m->tables = 1;
	return 0;
}

static void link_free(pte_t *link)
{
	pte_t *t = table_of(*link);

	*link = 0;
	table_free(t);
}

static void middle_free(pte_t *link)
{
	pte_t *middle = table_of(*link);

	for (u32 i = 0; i < ENTRIES; i++)
		if (middle[i])
			link_free(&middle[i]);
	link_free(link);
}

/* Most programs have few tables, and we know where they hang; otherwise look everywhere. */
static void tables_free(struct mmu *m)
{
	if (m->tables - 1 <= MMU_LINKS) {
		while (--m->tables)
			link_free(m->link[m->tables - 1]);
		return;
	}
	for (u32 i = 0; i < USER_ENTRIES; i++)
		if (m->root[i])
			middle_free(&m->root[i]);
}

void arch_mmu_destroy(struct mmu *m)
{
	if (!m->root)
		return;
	tables_free(m);
	if (!spare_keep(&spare_roots, m->root))
		kernel_table_free(m->root);
	m->root = NULL;
}

static void spare_trim(typeof(spare_roots) *s)
{
	for (pte_t *t; (t = spare_take(s));)
		kernel_table_free(t);
}

void arch_mmu_trim(void)
{
	spare_trim(&spare_roots);
	spare_trim((void *)&spare_tables);
}

void arch_mmu_activate(struct mmu *m)
{
	csr_write(satp, m ? m->satp : SATP_SV39 | virt_to_phys(kernel_root) >> PAGE_SHIFT);
	arch_tlb_all();
}

/* The table @e points to; made if it is not there and @m is given. */
static pte_t *descend(pte_t *e, struct mmu *m)
{
	if (likely(*e))
		return table_of(*e);
	pte_t *t = m ? table_alloc() : NULL;
	if (t) {
		*e = branch(t);
		if (m->tables <= MMU_LINKS)
			m->link[m->tables - 1] = e;
		m->tables++;
	}
	return t;
}

static __attribute__((noinline)) pte_t *pte_create(struct mmu *m, uaddr_t va)
{
	pte_t *t = descend(&m->root[va >> 30], m);

	if (t)
		t = descend(&t[va >> 21 & 511], m);
	return t ? &t[va >> 12 & 511] : NULL;
}

pte_t *arch_pte(struct mmu *m, uaddr_t va, bool create)
{
	pte_t e = m->root[va >> 30];

	if (likely(e)) {
		e = table_of(e)[va >> 21 & 511];
		if (likely(e))
			return &table_of(e)[va >> 12 & 511];
	}
	return create ? pte_create(m, va) : NULL;
}

u64 arch_mmu_tables(const struct mmu *m) { return m->tables << PAGE_SHIFT; }

void arch_tlb_page(uaddr_t va) { asm volatile("sfence.vma %0" :: "r"(va) : "memory"); }
void arch_tlb_all(void) { asm volatile("sfence.vma" ::: "memory"); }

long arch_kmap(uintptr_t va, paddr_t pa, size_t size, u32 flags)
{
	struct mmu kernel = { .root = kernel_root, .tables = MMU_LINKS + 1 };
	u64 rights = PTE_V | PTE_G | PTE_A | PTE_D | (flags & KMAP_R ? PTE_R : 0) |
		     (flags & KMAP_W ? PTE_W : 0) | (flags & KMAP_X ? PTE_X : 0);

	for (size_t i = 0; i < size; i += PAGE_SIZE) {
		pte_t *t = descend(&kernel_root[(va + i) >> 30 & 511], &kernel);

		if (t)
			t = descend(&t[(va + i) >> 21 & 511], &kernel);
		if (!t)
			return -ENOMEM;
		t[(va + i) >> 12 & 511] = (pa + i) >> PAGE_SHIFT << 10 | rights;
	}
	arch_tlb_all();
	return 0;
}
