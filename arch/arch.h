/* SPDX-License-Identifier: MIT */
/*
 * arch.h: the whole contract with a machine.  Everything the kernel wants from the processor
 * and the board's firmware is here, one sentence each; what a machine calls upwards is at the
 * end.  arch/<machine>/machine.h, found by -Iarch/<machine>, has the types and the functions
 * that must be inline:
 *
 *	struct context		a program's registers, and how the kernel gets back in
 *	struct mmu		a program's page table
 *	pte_t			one entry of it
 *	USER_TOP		first address no program has
 *	arch_cpu()		the hart's struct cpu, from a register
 *	arch_relax()		a hint in a spinning loop
 *	arch_ticks(), arch_instret()	clock and instructions retired, raw
 *	arch_irq_on/off/enabled()	interrupts of this hart
 *	phys_to_virt(), virt_to_phys()	the kernel's map of all memory
 *	pte_*()			make and read entries
 *	arch_pte_hot()		arch_pte() where few instructions count
 *	arch_tlb_page()		forget the translation of a page in the active space, on this hart
 *	ctx_*()			read and change a context
 *	ctx_save_fp()		before its thread gives up the hart: floating-point registers are in it
 *	ctx_expect_fp()		a new thread of a program that uses floating point will, too
 *	ctx_check_fp()		before it is returned from kernel_switch(): are they the hart's?
 */
#pragma once
#include "lib/base.h"

struct cpu;
struct clock_page;
struct context;
struct mmu;

#include "machine.h"

/* --- hart and board ------------------------------------------------------------------------ */

void arch_cpu_init(struct cpu *c);		/* make @c this hart's; traps go to the kernel */
void arch_wait(void);				/* interrupts off: sleep until one is pending, take it */
u64 arch_ticks_hz(void);			/* rate of arch_ticks() */
void arch_ticks_set_hz(u64 hz);			/* from the device tree */
void arch_timer_set(u64 tick);			/* timer interrupt when arch_ticks() reaches @tick */
void arch_putc(char c);				/* the firmware's console, for the first words */
void arch_power_off(u32 status) __attribute__((noreturn));	/* without a driver: by firmware */
void arch_send_ipi(struct cpu *c);
/* Hart @hart begins in kernel_hart_main(@c), on a stack of its own: 0, -ENOMEM, -EIO.  One at a time: until
 * it has come as far as exec_init(). */
long arch_hart_start(struct cpu *c, u32 hart);
void arch_timer_quiet(void);			/* the timer interrupt was taken: silent until the next set */
void arch_features(const char *isa);		/* what the device tree says the processor can do */
void arch_seal(void);				/* end of boot: set-once data becomes read-only */
paddr_t arch_image_start(void), arch_image_end(void);	/* where the kernel itself lies */
void arch_fence_instructions(void);		/* code was written: on this hart */
void arch_fence_instructions_on(u64 harts);	/* on others; bit i is cpus[i] */
bool arch_random(u64 *out);			/* the processor's own entropy, if it has any */

/* --- address spaces --------------------------------------------------------------------------- */

long arch_mmu_init(struct mmu *m);		/* empty user half, kernel half shared; -ENOMEM */
void arch_mmu_destroy(struct mmu *m);		/* links have been cleared; frees what is above them */
void arch_mmu_activate(struct mmu *m);		/* use it on this hart (NULL: kernel only) */

/* The entry of @va in the last-level table; NULL: there is no table, or, for arch_pte_own(), its link
 * is marked.  Entries of one table are consecutive up to the next multiple of PT_SPAN. */
pte_t *arch_pte(struct mmu *m, uaddr_t va);
pte_t *arch_pte_own(struct mmu *m, uaddr_t va);
/* The link of @va's last-level table, 0 if there is none yet; NULL: no memory.  arch_link_find(): NULL
 * if there is no table. */
pte_t *arch_link(struct mmu *m, uaddr_t va);
pte_t *arch_link_find(struct mmu *m, uaddr_t va);
/* A link that is 0 gets @value (link_make()); to change or clear one later, store to it. */
void arch_link_add(struct mmu *m, pte_t *link, uaddr_t va, pte_t value);
/* All links in use, in any order; *cursor is 0 first.  *base: the first address mapped there. */
pte_t *arch_link_next(struct mmu *m, u64 *cursor, uaddr_t *base);
pte_t *arch_table_alloc(void);			/* a last-level table, all zero; NULL: no memory */
void arch_table_free(pte_t *table);		/* all zero again */
u64 arch_mmu_tables(const struct mmu *m);	/* bytes in page tables */
u64 arch_mmu_trim(void);			/* give back page tables kept for reuse; pages that stay */

void arch_tlb_all(void);
/* On other harts (bit i is cpus[i]), which hold the lock of the space or not; returns when it is done. */
void arch_tlb_range_on(u64 harts, uaddr_t start, u64 size);

/* Map [pa, pa + size) at kernel address @va, @flags of enum kmap; during boot and for stacks. */
enum kmap { KMAP_R = 1, KMAP_W = 2, KMAP_X = 4, KMAP_DEVICE = 8 };
long arch_kmap(uintptr_t va, paddr_t pa, size_t size, u32 flags);

/* Checked build, boot: map the shadow of memory, at @va by KASAN's rule, to [@pa, @pa + size), which
 * is aligned to and in pieces of PT_SPAN.  -E2BIG: more than the machine has tables for. */
long arch_shadow_map(uintptr_t va, paddr_t pa, size_t size);
/* Checked build: who called this function, and who called those, innermost first; how many. */
u32 arch_backtrace(u64 *pc, u32 max);

/* --- a program's memory -------------------------------------------------------------------------- */

/* Copy; the result is the number of bytes NOT copied: the fault is at that distance from the
 * end.  The caller has checked the range against USER_TOP.  Spin locks may be held. */
size_t arch_copy_in(void *dst, uaddr_t src, size_t n);
size_t arch_copy_out(uaddr_t dst, const void *src, size_t n);
size_t arch_clear_out(uaddr_t dst, size_t n);
/* Length of the string copied without its NUL, @max if there is none in @max bytes; or -1 - n: after
 * n bytes, which were copied, is one that is not there. */
long arch_string_in(char *dst, uaddr_t src, size_t max);
/* Atomic operations on a program's aligned words, for futexes: 0 or -EFAULT. */
long arch_load32(u32 *out, uaddr_t src);
long arch_cas32(u32 *old, uaddr_t at, u32 expect, u32 new);

/* --- programs ------------------------------------------------------------------------------------- */

enum cause {			/* why a program stopped running */
	CAUSE_SYSCALL,		/* a call the fast path left: not begun, or begun and PENDING */
	CAUSE_FAULT,		/* memory: trap_address(), trap_access() */
	CAUSE_ILLEGAL,		/* illegal or privileged instruction */
	CAUSE_BREAKPOINT,
	CAUSE_MISALIGNED,	/* load, store or jump */
	CAUSE_ACCESS,		/* a physical address nobody answers */
	CAUSE_INTERRUPT,	/* handled; look whether to yield */
};
enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_EXEC };

/* Run the program of @ctx on this hart until it traps: to the caller a function that returns.  System
 * calls and page faults that kernel_syscall() and kernel_page_fault() bring to their end are served
 * without returning; while one waits the hart may go on with other programs.  The result is the context
 * of the program that trapped, or NULL: all there were wait, or are the executor's again. */
struct context *arch_user_enter(struct context *ctx);
enum cause ctx_cause(const struct context *ctx);		/* why it stopped last */

/* Fresh registers: everything zero but program counter, stack pointer and status. */
void ctx_init(struct context *ctx, uaddr_t pc, uaddr_t sp);
/* The page all programs share, a shared object for their dynamic linkers (vDSO): clocks without a
 * trap, and how signal handlers return.  Fills @page; the result is the offset of the code handlers
 * return to, *@clock where the kernel keeps the clocks' parameters up to date. */
u64 arch_vdso(void *page, struct clock_page **clock);
void ctx_copy(struct context *to, struct context *from);	/* fork */
void ctx_dump(const struct context *ctx);			/* through log_raw() */

/* Write a signal frame below @sp (already chosen: program's or alternate stack) and make @ctx
 * run @handler(signo, info, frame); @restorer is where the handler returns to. -EFAULT if the
 * stack is not there: commit *@fault and try again. */
struct signal_frame_args {
	uaddr_t sp, handler, restorer;
	const void *siginfo;		/* 128 bytes */
	u64 mask;
	uaddr_t altstack_sp; u64 altstack_size; u32 altstack_flags;
};
long arch_signal_push(struct context *ctx, const struct signal_frame_args *a, uaddr_t *fault);
/* Undo it from sp: registers come back, *@mask is the saved mask. -EFAULT likewise. */
long arch_signal_pop(struct context *ctx, u64 *mask, uaddr_t *altsp, uaddr_t *fault);

/* --- what machines call upwards -------------------------------------------------------------------- */

/* The kernel itself did something impossible: says so and does not return. */
void kernel_fault(const char *what, u64 pc, u64 address) __attribute__((noreturn));
/* A system call arrived; called with interrupts off, on the hart's kernel stack.  The result for the
 * program, which goes on at once; or, below every errno: ARCH_SWITCH, kernel_switch() is called with all
 * registers in the context; anything less, kernel_syscall_leave() is asked what to do. */
#define ARCH_SWITCH	(-4096L)
#define ARCH_LEAVE	(-4099L)
long kernel_syscall(struct context *ctx);
/* @r is what kernel_syscall() returned, and either no result, or the u32 CTX_LOOK bytes behind the context,
 * which belongs to whoever owns that, is not zero.  The program's result after all; ARCH_SWITCH; or
 * ARCH_LEAVE, arch_user_enter() returns with CAUSE_SYSCALL. */
long kernel_syscall_leave(struct context *ctx, long r);
/* The call of @ctx waits: the context this hart goes on with, or NULL to leave. */
struct context *kernel_switch(struct context *ctx);
/* A page fault arrived, in the same way.  True: the page is there, run the instruction again.  False:
 * arch_user_enter() returns with CAUSE_FAULT. */
bool kernel_page_fault(struct context *ctx);
void *kernel_table_alloc(void);			/* a cleared page for a page table, or NULL */
void kernel_table_free(void *page);
void kernel_timer_irq(void);			/* flags only */
void kernel_external_irq(void);			/* the interrupt controller's driver */
void kernel_ipi(void);
/* First C function of the boot hart: high half, stack, early console; @dtb is mapped. */
void kernel_main(u32 hart, const void *dtb) __attribute__((noreturn));
void kernel_hart_main(struct cpu *c) __attribute__((noreturn));	/* other harts */
