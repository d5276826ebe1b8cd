/* SPDX-License-Identifier: MIT */
/*
 * machine.h (riscv64): types and inline functions of the contract in arch/arch.h.
 *
 * tp is the hart's struct cpu while the kernel runs.  sscratch is the running program's context
 * while a program runs, and zero while the kernel runs: the trap entry tests it, nothing else.
 *
 * Kernel addresses (Sv39):
 *	ffffffc0'00000000	all physical memory and devices, PHYSMAP
 *	ffffffe8'00000000	shadow of all these, in the checked build: core/kasan.c
 *	fffffff0'00000000	kernel stacks with guard pages, KSTACKS
 *	ffffffff'80000000	the kernel image, KIMAGE
 */
#pragma once
#include "lib/base.h"

#define MACHINE_NAME	"riscv64"
/* System calls of this machine that the headers are too old for. */
#define MACHINE_CALL_NAMES	[258] = "riscv_hwprobe", [259] = "riscv_flush_icache",

#define PHYSMAP		0xffffffc000000000ul
#define PHYSMAP_SIZE	(128ul << 30)
#define KSTACKS		0xfffffff000000000ul
#define KIMAGE		0xffffffff80000000ul
#define USER_TOP	(1ul << 38)
#define PT_SPAN		(512ul << PAGE_SHIFT)	/* bytes one last-level table maps */
#define SHADOW_SPAN	(PT_SPAN * 8)		/* memory whose shadow is mapped in one piece */

enum { REG_RA = 1, REG_SP = 2, REG_GP = 3, REG_TP = 4, REG_A0 = 10, REG_A7 = 17 };

/* A program's registers.  x[0] is free in the machine, so the program counter lives there.
 * switch.S knows the offsets; machine.h asserts them. */
struct context {
	u64	x[32];			/* x[0]: pc */
	u64	status;			/* sstatus as the program runs with */
	u64	cause, value;		/* scause, stval of the last trap */
	u64	kernel_sp;		/* to come back: the hart's kernel stack, below the run loop */
	void	*kernel_tp;		/* and its struct cpu */
	u64	resumed;		/* arch_ticks() when the program last went on */
	u64	user_ticks;		/* sum of time the program itself has run */
	u16	fp_used;		/* f[] is meaningful: the program has used floating point */
	u16	fp_next;		/* and will soon: load the registers without being asked */
	u32	fp_hart;		/* hart + 1 whose registers hold it now; 0: only f[] does */
	u64	fcsr;
	u64	f[32];
};

enum { CTX_LOOK = sizeof(struct context) + 4 };

enum {	/* sstatus */
	SSTATUS_SIE = 1 << 1, SSTATUS_SPIE = 1 << 5, SSTATUS_SPP = 1 << 8,
	SSTATUS_FS = 3 << 13, SSTATUS_FS_INITIAL = 1 << 13, SSTATUS_FS_CLEAN = 2 << 13,
	SSTATUS_FS_DIRTY = 3 << 13, SSTATUS_SUM = 1 << 18,
};

#define csr_read(name)		({ u64 v_; asm volatile("csrr %0, " #name : "=r"(v_)); v_; })
#define csr_write(name, v)	asm volatile("csrw " #name ", %0" :: "rK"(v) : "memory")
#define csr_set(name, v)	asm volatile("csrs " #name ", %0" :: "rK"(v) : "memory")
#define csr_clear(name, v)	asm volatile("csrc " #name ", %0" :: "rK"(v) : "memory")

static inline struct cpu *arch_cpu(void)
{
	struct cpu *c;
	asm("mv %0, tp" : "=r"(c));		/* the same as long as a C function lives: its stack is the hart's */
	return c;
}

static inline void arch_relax(void) { asm volatile(".insn i 0x0f, 0, x0, x0, 0x010"); }	/* pause */
static inline u64 arch_ticks(void) { return csr_read(time); }
static inline u64 arch_instret(void) { return csr_read(instret); }
static inline void arch_irq_on(void) { csr_set(sstatus, SSTATUS_SIE); }
static inline void arch_irq_off(void) { csr_clear(sstatus, SSTATUS_SIE); }
static inline bool arch_irq_enabled(void) { return csr_read(sstatus) & SSTATUS_SIE; }

static inline void *phys_to_virt(paddr_t pa) { return (void *)(pa + PHYSMAP); }
extern u64 kimage_offset;			/* KIMAGE - where it was loaded */
static inline paddr_t virt_to_phys(const void *va)
{
	u64 v = (u64)va;
	return v >= KIMAGE ? v - kimage_offset : v - PHYSMAP;
}

/* --- page table entries --------------------------------------------------------------------- */

typedef u64 pte_t;
enum {
	PTE_V = 1, PTE_R = 2, PTE_W = 4, PTE_X = 8, PTE_U = 16, PTE_G = 32, PTE_A = 64, PTE_D = 128,
	PTE_COW = 256,		/* software: shared frame, copy before the first write */
	PTE_OWN = 512,		/* software, in a lent table: see mem/vm_tables.c */
};

static inline bool pte_present(pte_t e) { return e & PTE_V; }
static inline paddr_t pte_phys(pte_t e) { return (e >> 10 & ((1ul << 44) - 1)) << PAGE_SHIFT; }
static inline bool pte_writable(pte_t e) { return e & PTE_W; }
static inline bool pte_cow(pte_t e) { return e & PTE_COW; }
static inline bool pte_dirty(pte_t e) { return e & PTE_D; }
static inline bool pte_executable(pte_t e) { return e & PTE_X; }

/* A program's page; accessed and dirty are set in advance, so no hart ever faults for them.
 * On RISC-V write implies read. */
static inline pte_t pte_make(paddr_t pa, bool read, bool write, bool exec)
{
	return pa >> PAGE_SHIFT << 10 | PTE_V | PTE_U | PTE_A | (read || write ? PTE_R : 0) |
	       (write ? PTE_W | PTE_D : 0) | (exec ? PTE_X : 0);
}
/* The same rights for the frame at @pa; @like was made for frame 0. */
static inline pte_t pte_with_phys(pte_t like, paddr_t pa) { return like | pa >> PAGE_SHIFT << 10; }
/* Keeps its frame, but nobody can access it (PROT_NONE); not zero, not present. */
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

/* Links: entries that lead to a table; programs' to a last-level one.  Marks: mem/vm_tables.c. */
enum { LINK_SHARED = 256, LINK_LENT = 512 };
static inline pte_t link_make(const pte_t *table, pte_t marks)
{
	return virt_to_phys(table) >> PAGE_SHIFT << 10 | PTE_V | marks;
}
static inline pte_t *link_table(pte_t link) { return phys_to_virt(pte_phys(link)); }
static inline pte_t link_marks(pte_t link) { return link & (LINK_SHARED | LINK_LENT); }

enum { MMU_LINKS = 8, MMU_MIDDLES = 4 };	/* a few are known without a search */
struct mmu {
	pte_t	*root;
	u64	satp;
	u64	tables;				/* pages in tables, the root included */
	u32	links, middles;
	struct { pte_t *at; uaddr_t base; } link[MMU_LINKS];
	pte_t	*middle[MMU_MIDDLES];		/* root entries in use */
};

static inline pte_t *arch_pte_hot(const struct mmu *m, uaddr_t va)
{
	pte_t e = m->root[va >> 30];

	if (likely(e)) {
		e = link_table(e)[va >> 21 & 511];
		if (likely(e))
			return &link_table(e)[va >> 12 & 511];
	}
	return NULL;
}

/* AT_HWCAP: letters of the ISA: I M A F D C. */
static inline u64 arch_hwcap(void) { return 1 << 8 | 1 << 12 | 1 << 0 | 1 << 5 | 1 << 3 | 1 << 2; }

static inline void arch_tlb_page(uaddr_t va) { asm volatile("sfence.vma %0" :: "r"(va) : "memory"); }

/* --- contexts ----------------------------------------------------------------------------------- */

static inline u64 *ctx_args(struct context *c) { return &c->x[REG_A0]; }	/* six of them */
static inline u64 ctx_number(const struct context *c) { return c->x[REG_A7]; }
static inline void ctx_set_result(struct context *c, long r) { c->x[REG_A0] = r; }
static inline u64 ctx_pc(const struct context *c) { return c->x[0]; }
static inline void ctx_set_pc(struct context *c, u64 pc) { c->x[0] = pc; }
static inline u64 ctx_sp(const struct context *c) { return c->x[REG_SP]; }
static inline void ctx_set_sp(struct context *c, u64 sp) { c->x[REG_SP] = sp; }
static inline void ctx_set_tls(struct context *c, u64 tls) { c->x[REG_TP] = tls; }
/* The call is over, its result stored: go on behind the trap instruction. */
static inline void ctx_skip_trap(struct context *c) { c->x[0] += 4; }
static inline u64 ctx_fault_address(const struct context *c) { return c->value; }
static inline u64 ctx_user_ticks(const struct context *c) { return c->user_ticks; }
u32 ctx_fault_access(const struct context *c);	/* enum access */
void fp_put_away(struct context *c);
void fp_look(struct context *c);
void ctx_expect_fp(struct context *c);
static inline void ctx_save_fp(struct context *c)
{
	if (unlikely((c->status & SSTATUS_FS) == SSTATUS_FS_DIRTY))
		fp_put_away(c);
}
static inline void ctx_check_fp(struct context *c)
{
	if (unlikely(c->status & SSTATUS_FS))
		fp_look(c);
}
/* After CAUSE_ILLEGAL: the instruction exists, for the kernel (csr access, sret, wfi, sfence). */
static inline bool ctx_privileged(const struct context *c) { return (c->value & 0x7f) == 0x73; }
