/* SPDX-License-Identifier: MIT */
/*
 * harts.c (riscv64): the other harts.  The boot hart starts them one by one; each gets a kernel stack
 * with a guard page below it and an emergency stack, and enters the high half with the kernel's map.
 * A hart once started is never stopped, so its pages are never given back.
 */
#include "arch/riscv64/private.h"
#include "core/cpu.h"

enum { STACK_PAGES = 4, SLOT_PAGES = 8 };	/* the rest of a slot is not there: the guard */

/* What start.S loads before the map is there; physical addresses lead to it. */
struct hart_start {
	u64	satp, sp, pc;
	void	*cpu;
};
struct hart_start hart_starting;

extern char hart_start_low[], hart_start_high[];	/* start.S */

static long stack_map(uintptr_t low)
{
	for (u32 i = 0; i < STACK_PAGES; i++) {
		void *page = kernel_table_alloc();
		long r = page ? arch_kmap(low + i * PAGE_SIZE, virt_to_phys(page), PAGE_SIZE, KMAP_R | KMAP_W) :
				-ENOMEM;

		if (r)
			return r;
	}
	return 0;
}

long arch_hart_start(struct cpu *c, u32 hart)
{
	uintptr_t low = KSTACKS + (u64)(c - cpus) * SLOT_PAGES * PAGE_SIZE + PAGE_SIZE;
	char *emergency = kernel_table_alloc();
	long r = emergency ? stack_map(low) : -ENOMEM;

	if (hart >= 64)
		return -EIO;			/* sbi.c names harts by the bits of a word */
	if (r)
		return r;
	c->hart = hart;
	c->arch[CPU_STACK_LOW] = low;
	c->arch[CPU_EMERGENCY] = (u64)emergency + PAGE_SIZE;
	hart_starting = (struct hart_start){
		.satp = SATP_SV39 | virt_to_phys(kernel_root) >> PAGE_SHIFT,
		.sp = low + STACK_PAGES * PAGE_SIZE,
		.pc = (u64)hart_start_high,
		.cpu = c,
	};
	return sbi_hart_start(hart, virt_to_phys(hart_start_low), virt_to_phys(&hart_starting));
}
