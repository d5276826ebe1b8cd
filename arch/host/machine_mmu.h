/* SPDX-License-Identifier: MIT */
/* machine_mmu.h (host): page tables and the physical memory of unit tests. */
#pragma once
#include "lib/base.h"

#define USER_TOP	(1ul << 38)
#define PT_SPAN		(512ul << PAGE_SHIFT)

typedef u64 pte_t;
struct mmu { void *root; };

static inline void *phys_to_virt(paddr_t pa) { return (void *)pa; }
static inline paddr_t virt_to_phys(const void *va) { return (paddr_t)va; }
