/* SPDX-License-Identifier: MIT */
/*
 * trap.c (riscv64): what switch.S found, in words: entering a program until it traps, interrupts, and
 * faults of the kernel itself (which are a fixup in a checked user copy, or the end).
 */
#include <string.h>
#include "arch/riscv64/private.h"
#include "core/rcu.h"
#include "core/timeline.h"

extern const struct fixup { u64 from, to, target; } fixups_start[], fixups_end[];

/* Timer, other harts, devices: raise flags, wake tasks. */
void interrupt(u64 cause)
{
	struct cpu *c = this_cpu();

	irq_enter(c);
	timeline(TL_IRQ, (u32)cause, 0, 0);
	switch (cause & ~TRAP_INTERRUPT) {
	case IRQ_TIMER:
		kernel_timer_irq();
		break;
	case IRQ_SOFTWARE:
		csr_clear(sip, 2);
		kernel_ipi();
		break;
	case IRQ_EXTERNAL:
		kernel_external_irq();
		break;
	}
	timeline(TL_IRQ_END, 0, 0, 0);
	c->irq_depth--;
}

/* A trap while the kernel ran; interrupts are off. */
void kernel_trap(struct kernel_frame *f, u64 cause, u64 value)
{
	if (cause & TRAP_INTERRUPT) {
		interrupt(cause);
		return;
	}
	for (const struct fixup *x = fixups_start; x < fixups_end; x++)
		if (f->sepc >= x->from && f->sepc < x->to) {
			f->sepc = x->target;
			return;
		}
	kernel_fault(cause == TRAP_STORE_PAGE ? "store to a bad address" :
		     cause == TRAP_LOAD_PAGE ? "load from a bad address" :
		     cause == TRAP_FETCH_PAGE ? "jump to a bad address" :
		     cause == TRAP_ILLEGAL ? "illegal instruction" :
		     cause == TRAP_BREAKPOINT ? "breakpoint" : "unexpected trap", f->sepc, value);
}

enum cause ctx_cause(const struct context *ctx)
{
	if (ctx->cause & TRAP_INTERRUPT)
		return CAUSE_INTERRUPT;
	switch (ctx->cause) {
	case TRAP_ECALL_USER:
		return CAUSE_SYSCALL;
	case TRAP_FETCH_PAGE: case TRAP_LOAD_PAGE: case TRAP_STORE_PAGE:
		return CAUSE_FAULT;
	case TRAP_BREAKPOINT:
		return CAUSE_BREAKPOINT;
	case TRAP_FETCH_MISALIGNED: case TRAP_LOAD_MISALIGNED: case TRAP_STORE_MISALIGNED:
		return CAUSE_MISALIGNED;
	case TRAP_FETCH_ACCESS: case TRAP_LOAD_ACCESS: case TRAP_STORE_ACCESS:
		return CAUSE_ACCESS;
	default:
		return CAUSE_ILLEGAL;
	}
}

/* --- floating point: in the registers until the thread gives up the hart ---------------------------- */

static bool fp_is_here(struct context *ctx)
{
	struct cpu *c = this_cpu();

	return c->arch[CPU_FP_OWNER] == (u64)ctx && ctx->fp_hart == c->id + 1;
}

static void fp_set(struct context *ctx, u64 state)
{
	ctx->status = (ctx->status & ~(u64)SSTATUS_FS) | state;
}

/* f[] and fcsr mean something: zeros, if the program has not used them. */
void fp_need(struct context *ctx)
{
	if (ctx->fp_used)
		return;
	memset(&ctx->fcsr, 0, sizeof(*ctx) - offsetof(struct context, fcsr));
	ctx->fp_used = 1;
}

static void fp_bring(struct context *ctx)
{
	struct cpu *c = this_cpu();

	fp_need(ctx);
	csr_set(sstatus, SSTATUS_FS_CLEAN);
	fp_load(ctx->f, &ctx->fcsr);
	csr_clear(sstatus, SSTATUS_FS);
	c->arch[CPU_FP_OWNER] = (u64)ctx;
	ctx->fp_hart = c->id + 1;
	ctx->fp_next = 0;
	fp_set(ctx, SSTATUS_FS_CLEAN);
}

/* The first floating-point instruction since the program came to this hart. */
static bool fp_first_use(struct context *ctx)
{
	if (ctx->status & SSTATUS_FS)
		return false;
	fp_bring(ctx);
	return true;
}

/* Save what the program changed; @ctx's registers may still be used until another program's come. */
void fp_put_away(struct context *ctx)
{
	csr_set(sstatus, SSTATUS_FS_CLEAN);
	fp_save(ctx->f, &ctx->fcsr);
	csr_clear(sstatus, SSTATUS_FS);
	ctx->fp_next = 1;
	fp_set(ctx, SSTATUS_FS_CLEAN);
}

void ctx_expect_fp(struct context *ctx)
{
	if (!ctx->fp_used)
		return;
	ctx->fp_next = 1;
	fp_set(ctx, SSTATUS_FS_CLEAN);		/* for ctx_check_fp() to look */
}

/* The registers in the context were changed (fork, exec, signal return): use those. */
void fp_forget(struct context *ctx)
{
	ctx->fp_hart = 0;
	fp_set(ctx, 0);
}

/* --- programs ------------------------------------------------------------------------------------------ */

/* Before @ctx's program goes on.  The trap of a first use goes through the firmware and costs as much as
 * loading the registers ten times: who changed them in its last slice finds them there. */
void fp_look(struct context *ctx)
{
	if (fp_is_here(ctx))
		return;
	if (ctx->fp_next)
		fp_bring(ctx);
	else
		fp_set(ctx, 0);
}

struct context *arch_user_enter(struct context *ctx)
{
	arch_irq_off();
	ctx_check_fp(ctx);
	do
		ctx = user_enter(ctx);
	while (unlikely(ctx && ctx->cause == TRAP_ILLEGAL && fp_first_use(ctx)));
	if (ctx && ctx->cause & TRAP_INTERRUPT)
		interrupt(ctx->cause);
	arch_irq_on();
	return ctx;
}

u32 ctx_fault_access(const struct context *c)
{
	switch (c->cause) {
	case TRAP_STORE_PAGE: case TRAP_STORE_ACCESS: case TRAP_STORE_MISALIGNED:
		return ACCESS_WRITE;
	case TRAP_FETCH_PAGE: case TRAP_FETCH_ACCESS: case TRAP_FETCH_MISALIGNED:
		return ACCESS_EXEC;
	default:
		return ACCESS_READ;
	}
}
