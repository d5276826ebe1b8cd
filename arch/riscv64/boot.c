/* SPDX-License-Identifier: MIT */
/*
 * boot.c (riscv64): the kernel's map, and the step into kernel_main().
 *
 * early_map() runs with the MMU off at an unknown address: it may only use addresses relative to
 * the program counter (no pointers in data, no switch).  It builds the final kernel map, in which
 * text is read-only also through PHYSMAP and data is never executable, plus one giga-page of
 * identity that boot_main() drops.  The tables are part of the image; more come from mmu.c.
 */
#include "arch/arch.h"
#include "core/cpu.h"
#include "core/log.h"
#include "arch/riscv64/private.h"

extern char kernel_start[], text_end[], rodata_end[], ro_after_init_end[], kernel_end[], stack_guard[];

enum { IMAGE_TABLES = 4 };			/* 2 MiB each: the largest image */

static pte_t image_middle[512] TABLE, image_leaf[IMAGE_TABLES][512] TABLE;
static pte_t alias_middle[512] TABLE, alias_leaf[IMAGE_TABLES + 1][512] TABLE;
pte_t kernel_root[512] TABLE;

u64 kimage_offset ro_after_init;

/* Rights of the image's page @at, a physical address during early_map(). */
static u64 image_rights(const char *at)
{
	if (at < text_end)
		return PTE_R | PTE_X;
	return at < rodata_end ? PTE_R : PTE_R | PTE_W;
}

/* The image at KIMAGE, page by page. */
static void map_image(void)
{
	u64 i = 0;

	for (const char *at = kernel_start; at < kernel_end; at += PAGE_SIZE, i++)
		image_leaf[i >> 9][i & 511] = at == stack_guard ? 0 : leaf((u64)at, image_rights(at));
	for (u64 t = 0; t < IMAGE_TABLES; t++)
		image_middle[t] = branch_to((u64)image_leaf[t]);
	kernel_root[KIMAGE >> 30 & 511] = branch_to((u64)image_middle);
}

/* All physical memory at PHYSMAP in giga-pages, except where the image lies: there in pages, so that
 * text and constants cannot be written through the back door. */
static void map_memory(void)
{
	u64 first = (u64)kernel_start >> 21 << 21, giga = first >> 30 << 30;

	for (u64 i = 0; i < PHYSMAP_SIZE >> 30; i++)
		kernel_root[256 + i] = leaf(i << 30, PTE_R | PTE_W);
	for (u64 i = 0; i < 512; i++)
		alias_middle[i] = leaf(giga + (i << 21), PTE_R | PTE_W);
	for (u64 t = 0; t <= IMAGE_TABLES; t++) {
		u64 at = first + (t << 21);

		if (at >= (u64)kernel_end || at >= giga + (1ul << 30))
			break;
		for (u64 i = 0; i < 512; i++) {
			u64 pa = at + (i << PAGE_SHIFT);
			bool constant = pa >= (u64)kernel_start && pa < (u64)rodata_end;

			alias_leaf[t][i] = leaf(pa, constant ? PTE_R : PTE_R | PTE_W);
		}
		alias_middle[at >> 21 & 511] = branch_to((u64)alias_leaf[t]);
	}
	kernel_root[256 + (giga >> 30)] = branch_to((u64)alias_middle);
}

/* Build the map; @load is where the image is.  Returns the value for satp. */
u64 early_map(u64 load)
{
	table_clear(kernel_root, kernel_root + 512);
	table_clear(image_middle, image_middle + 512);
	table_clear(image_leaf[0], image_leaf[0] + IMAGE_TABLES * 512);
	map_image();
	map_memory();
	shadow_map_image();
	kernel_root[load >> 30] = leaf(load >> 30 << 30, PTE_R | PTE_W | PTE_X) & ~(u64)PTE_G;
	return SATP_SV39 | (u64)kernel_root >> PAGE_SHIFT;
}

/* First code in the high half. */
void boot_main(u64 hart, paddr_t dtb, u64 offset)
{
	kimage_offset = offset;
	for (u64 i = 0; i < 256; i++)
		kernel_root[i] = 0;			/* nothing of ours is low any more */
	arch_tlb_all();
	arch_cpu_init(&cpus[0]);
	kernel_main(hart, phys_to_virt(dtb));
}

/* After boot: what was set once stays. */
void arch_seal(void)
{
	for (char *at = rodata_end; at < ro_after_init_end; at += PAGE_SIZE) {
		pte_t *e = &image_leaf[(at - kernel_start) >> 21][(at - kernel_start) >> PAGE_SHIFT & 511];
		paddr_t pa = virt_to_phys(at);
		u64 first = virt_to_phys(kernel_start) >> 21;

		*e &= ~(u64)PTE_W;
		alias_leaf[(pa >> 21) - first][pa >> PAGE_SHIFT & 511] &= ~(u64)PTE_W;
	}
	arch_tlb_all();
	if (cpu_total() > 1)
		arch_tlb_range_on((1ul << cpu_total()) - 2, 0, UINT64_MAX);
}

/* Frames the image occupies. */
paddr_t arch_image_start(void) { return virt_to_phys(kernel_start); }
paddr_t arch_image_end(void) { return virt_to_phys(kernel_end); }
