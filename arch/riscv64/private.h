/* SPDX-License-Identifier: MIT */
/* private.h (riscv64): what the files of this folder share and nobody else sees. */
#pragma once
#include "arch/arch.h"

#define SATP_SV39	(8ul << 60)

/* Places in cpu->arch[]; switch.S knows them. */
enum { CPU_SCRATCH, CPU_STACK_LOW, CPU_EMERGENCY, CPU_FP_OWNER, CPU_ROOT };

enum {	/* scause */
	TRAP_FETCH_MISALIGNED = 0, TRAP_FETCH_ACCESS, TRAP_ILLEGAL, TRAP_BREAKPOINT, TRAP_LOAD_MISALIGNED,
	TRAP_LOAD_ACCESS, TRAP_STORE_MISALIGNED, TRAP_STORE_ACCESS, TRAP_ECALL_USER,
	TRAP_FETCH_PAGE = 12, TRAP_LOAD_PAGE = 13, TRAP_STORE_PAGE = 15,
	IRQ_SOFTWARE = 1, IRQ_TIMER = 5, IRQ_EXTERNAL = 9,
};
#define TRAP_INTERRUPT	(1ul << 63)

enum { VDSO_CLOCK = 0x800 };		/* where vdso.ld has put the clock page */

/* Registers of interrupted kernel code, as switch.S pushes them. */
struct kernel_frame {
	u64	ra, t0, t1, t2, t3, t4, t5, t6, a0, a1, a2, a3, a4, a5, a6, a7;
	u64	sepc, sstatus, sp, s0;
};

/* Bytes of a hart's kernel stack; kernel.ld knows them.  Red zones want room. */
#ifdef KASAN
enum { KERNEL_STACK = 65536 };
#else
enum { KERNEL_STACK = 16384 };
#endif

extern pte_t kernel_root[512];

/* Before there is an allocator: tables in the image, filled while the MMU is off. */
#define TABLE __attribute__((section(".tables,\"aw\",@nobits#"), aligned(PAGE_SIZE)))
static inline pte_t leaf(paddr_t pa, u64 rights)
{
	return pa >> PAGE_SHIFT << 10 | PTE_V | PTE_G | PTE_A | PTE_D | rights;
}
static inline pte_t branch_to(paddr_t table) { return table >> PAGE_SHIFT << 10 | PTE_V; }
static inline void table_clear(pte_t *from, pte_t *to)
{
	while (from < to)
		*from++ = 0;
}

/* shadow.c: the checked build's shadow of the image; called by early_map(), with the MMU off. */
#ifdef KASAN
void shadow_map_image(void);
#else
static inline void shadow_map_image(void) { }
#endif

struct context *user_enter(struct context *ctx);	/* switch.S: as arch_user_enter() */
void fp_save(u64 *f, u64 *fcsr);			/* fp.S */
void fp_load(const u64 *f, const u64 *fcsr);
void kernel_trap(struct kernel_frame *f, u64 cause, u64 value);
void interrupt(u64 cause);

long sbi_hart_start(u32 hart, paddr_t pc, u64 arg);	/* arg arrives in a1 */
struct sbi_result { s64 error, value; };
struct sbi_result sbi_call(u64 extension, u64 function, u64 a0, u64 a1, u64 a2);
