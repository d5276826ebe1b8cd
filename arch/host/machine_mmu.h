/* SPDX-License-Identifier: MIT */
/*
 * machine_mmu.h (host): page tables and the physical memory of unit tests.  Physical addresses are
 * addresses of the test program itself.  A program's memory is reached through page tables as on a
 * real machine, and through a TLB that remembers until it is told to forget: what forgets to tell it
 * sees old pages.
 */
#pragma once
#include "lib/base.h"

#define USER_TOP	(1ul << 38)
#define PT_SPAN		(512ul << PAGE_SHIFT)

typedef u64 pte_t;
enum { PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_D = 128, PTE_COW = 256, PTE_OWN = 512 };

struct mmu {
	pte_t	*root;
	u64	tables;
};

enum { LINK_SHARED = 256, LINK_LENT = 512 };

static inline void *phys_to_virt(paddr_t pa) { return (void *)(uintptr_t)pa; }
static inline paddr_t virt_to_phys(const void *va) { return (paddr_t)(uintptr_t)va; }

#define arch_pte_hot(m, va) arch_pte(m, va)
static inline bool pte_present(pte_t e) { return e & PTE_V; }
static inline paddr_t pte_phys(pte_t e) { return e >> 10 << PAGE_SHIFT; }
static inline bool pte_writable(pte_t e) { return e & PTE_W; }
void arch_tlb_page(uaddr_t va);
static inline bool pte_cow(pte_t e) { return e & PTE_COW; }
static inline bool pte_dirty(pte_t e) { return e & PTE_D; }
static inline bool pte_executable(pte_t e) { return e & PTE_X; }
static inline pte_t pte_make(paddr_t pa, bool read, bool write, bool exec)
{
	return pa >> PAGE_SHIFT << 10 | PTE_V | (read || write ? PTE_R : 0) |
	       (write ? PTE_W | PTE_D : 0) | (exec ? PTE_X : 0);
}
static inline pte_t pte_with_phys(pte_t like, paddr_t pa) { return like | pa >> PAGE_SHIFT << 10; }
static inline pte_t pte_hide(pte_t e) { return e & ~(u64)PTE_V; }
static inline pte_t pte_mark_cow(pte_t e) { return (e & ~(u64)(PTE_W | PTE_D)) | PTE_COW; }
/* @e for its copy at @pa, which may be written. */
static inline pte_t pte_of_copy(pte_t e, paddr_t pa)
{
	return (e & 0x3ff & ~(u64)PTE_COW) | PTE_W | PTE_D | pa >> PAGE_SHIFT << 10;
}
static inline bool pte_own(pte_t e) { return e & PTE_OWN; }
static inline pte_t pte_mark_own(pte_t e) { return e | PTE_OWN; }
static inline pte_t pte_unmark_own(pte_t e) { return e & ~(u64)PTE_OWN; }
static inline pte_t link_make(const pte_t *table, pte_t marks)
{
	return virt_to_phys(table) >> PAGE_SHIFT << 10 | PTE_V | marks;
}
static inline pte_t *link_table(pte_t link) { return phys_to_virt(pte_phys(link)); }
static inline pte_t link_marks(pte_t link) { return link & (LINK_SHARED | LINK_LENT); }

/* --- for tests -------------------------------------------------------------------------------- */

/* Fresh physical memory of @size bytes, handed to mem/page.c; what was there before is gone. */
void host_memory_init(size_t size);
/* One access of the active program, without a kernel that would resolve its fault: false. */
bool host_touch(uaddr_t at, u32 access, u8 *byte);
