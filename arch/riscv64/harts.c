/* SPDX-License-Identifier: MIT */
/*
 * harts.c (riscv64): the other harts.  The boot hart starts them one by one; each gets a kernel stack
 * with a guard page below it and an emergency stack, and enters the high half with the kernel's map.
 * A hart once started is never stopped, so its pages are never given back.
 */
#include "arch/riscv64/private.h"
#include "core/cpu.h"
#include "core/kasan.h"

enum {
	STACK_PAGES = KERNEL_STACK / PAGE_SIZE,
	SLOT_PAGES = STACK_PAGES * 2,		/* the rest of a slot is not there: the guard */
};

/* What start.S loads before the map is there; physical addresses lead to it. */
struct hart_start {
	u64	satp, sp, pc;
	void	*cpu;
};
struct hart_start hart_starting;

extern char hart_start_low[], hart_start_high[];	/* start.S */

/* Fresh memory for @n pages at @low. */
static long pages_map(uintptr_t low, u32 n)
{
	for (u32 i = 0; i < n; i++) {
		void *page = kernel_table_alloc();
		long r = page ? arch_kmap(low + i * PAGE_SIZE, virt_to_phys(page), PAGE_SIZE, KMAP_R | KMAP_W) :
				-ENOMEM;

		if (r)
			return r;
	}
	return 0;
}

#ifdef KASAN
/* Slots are as many pages as have whole pages of shadow. */
static long shadow_map(uintptr_t slot)
{
	_Static_assert(SLOT_PAGES % 8 == 0, "");
	long r = pages_map((slot >> 3) + KASAN, SLOT_PAGES / 8);

	if (!r)
		kasan_watch_stacks(KSTACKS + SLOT_PAGES * PAGE_SIZE, slot + SLOT_PAGES * PAGE_SIZE);
	return r;
}
#else
static long shadow_map(uintptr_t slot) { return 0; }
#endif

long arch_hart_start(struct cpu *c, u32 hart)
{
	uintptr_t slot = KSTACKS + (u64)(c - cpus) * SLOT_PAGES * PAGE_SIZE, low = slot + PAGE_SIZE;
	char *emergency = kernel_table_alloc();
	long r = emergency ? pages_map(low, STACK_PAGES) : -ENOMEM;

	if (hart >= 64)
		return -EIO;			/* sbi.c names harts by the bits of a word */
	if (r || (r = shadow_map(slot)))
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
