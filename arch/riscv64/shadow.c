/* SPDX-License-Identifier: MIT */
/*
 * shadow.c (riscv64): where the checked build's shadow memory lies (core/kasan.c).  The image's is
 * behind the image and mapped with the MMU off, for the stack is in it; memory's is made of large
 * pages.  Both in tables of the image.  Compiled without the sanitizer.
 */
#include "arch/riscv64/private.h"

#ifdef KASAN

extern char kernel_start[], shadow_start[], kernel_end[];

static pte_t image_middle[512] TABLE, image_leaf[512] TABLE, memory_middle[512] TABLE;

/* The addresses are known: KIMAGE's shadow begins at a multiple of what one table maps. */
void shadow_map_image(void)
{
	const u64 at = (KIMAGE >> 3) + KASAN;
	u64 i = 0;

	table_clear((pte_t *)shadow_start, (pte_t *)kernel_end);
	table_clear(image_middle, image_middle + 512);
	table_clear(image_leaf, image_leaf + 512);
	table_clear(memory_middle, memory_middle + 512);
	for (const char *pa = shadow_start; pa < kernel_end; pa += PAGE_SIZE)
		image_leaf[i++] = leaf((u64)pa, PTE_R | PTE_W);
	image_middle[at >> 21 & 511] = branch_to((u64)image_leaf);
	kernel_root[at >> 30 & 511] = branch_to((u64)image_middle);
}

long arch_shadow_map(uintptr_t va, paddr_t pa, size_t size)
{
	if ((va & ((1ul << 30) - 1)) + size > 1ul << 30)
		return -E2BIG;
	for (u64 i = 0; i < size; i += PT_SPAN)
		memory_middle[(va + i) >> 21 & 511] = leaf(pa + i, PTE_R | PTE_W);
	kernel_root[va >> 30 & 511] = branch_to(virt_to_phys(memory_middle));
	arch_tlb_all();
	return 0;
}

#endif
