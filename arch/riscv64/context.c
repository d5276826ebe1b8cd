/* SPDX-License-Identifier: MIT */
/*
 * context.c (riscv64): a program's registers: fresh, copied, shown; and signal frames in the layout of
 * the Linux ABI (struct rt_sigframe: siginfo, ucontext).
 */
#include <string.h>
#include <linux/signal.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include "arch/riscv64/private.h"
#include "core/log.h"

void fp_forget(struct context *ctx);
void fp_need(struct context *ctx);

void ctx_init(struct context *ctx, uaddr_t pc, uaddr_t sp)
{
	memset(ctx, 0, offsetof(struct context, fcsr));
	ctx->x[0] = pc;
	ctx->x[REG_SP] = sp;
	ctx->status = SSTATUS_SPIE;
}

void ctx_copy(struct context *to, struct context *from)
{
	ctx_save_fp(from);
	memcpy(to, from, from->fp_used ? sizeof(*to) : offsetof(struct context, fcsr));
	to->user_ticks = 0;
	fp_forget(to);
}

void ctx_dump(const struct context *c)
{
	static const char names[] = "pc  ra  sp  gp  tp  t0  t1  t2  s0  s1  a0  a1  a2  a3  a4  a5  "
				    "a6  a7  s2  s3  s4  s5  s6  s7  s8  s9  s10 s11 t3  t4  t5  t6  ";

	for (u32 i = 0; i < 32; i++)
		log_raw("%.4s%016lx%s", names + i * 4, c->x[i], i % 4 == 3 ? "\n" : "  ");
	log_raw("status %lx cause %lx value %lx\n", c->status, c->cause, c->value);
}

/* --- signal frames ------------------------------------------------------------------------------------ */

struct rt_sigframe {
	u8		info[128];
	struct ucontext	uc;
};

static long put(uaddr_t to, const void *from, size_t n, uaddr_t *fault)
{
	if (to > USER_TOP - n)
		return -EFAULT;
	size_t left = arch_copy_out(to, from, n);

	*fault = to + n - left;
	return left ? -EFAULT : 0;
}

static long get(void *to, uaddr_t from, size_t n, uaddr_t *fault)
{
	if (from > USER_TOP - n)
		return -EFAULT;
	size_t left = arch_copy_in(to, from, n);

	*fault = from + n - left;
	return left ? -EFAULT : 0;
}

#define FRAME(sp, field) ((sp) + offsetof(struct rt_sigframe, field))

static long put_fp(struct context *ctx, uaddr_t at, uaddr_t *fault)
{
	static const u64 zero[3];
	u32 fcsr;

	ctx_save_fp(ctx);
	fp_need(ctx);
	fcsr = ctx->fcsr;
	if (put(at, ctx->f, sizeof(ctx->f), fault) || put(at + 256, &fcsr, 4, fault))
		return -EFAULT;
	return put(at + offsetof(union __riscv_fp_state, q.reserved), zero, sizeof(u32) * 3, fault);
}

long arch_signal_push(struct context *ctx, const struct signal_frame_args *a, uaddr_t *fault)
{
	uaddr_t sp = (a->sp - sizeof(struct rt_sigframe)) & ~15ul;
	struct { u64 flags, link, ss_sp, ss_flags, ss_size, mask; } head = {
		.ss_sp = a->altstack_sp, .ss_flags = a->altstack_flags, .ss_size = a->altstack_size,
		.mask = a->mask,
	};

	*fault = 0;
	if (sp >= USER_TOP || put(FRAME(sp, info), a->siginfo, 128, fault) ||
	    put(FRAME(sp, uc), &head, sizeof(head), fault) ||
	    put(FRAME(sp, uc.uc_mcontext.sc_regs), ctx->x, sizeof(ctx->x), fault) ||
	    put_fp(ctx, FRAME(sp, uc.uc_mcontext.sc_fpregs), fault))
		return -EFAULT;
	ctx->x[0] = a->handler;
	ctx->x[REG_RA] = a->restorer;
	ctx->x[REG_SP] = sp;
	ctx->x[REG_A0] = *(const u32 *)a->siginfo;
	ctx->x[REG_A0 + 1] = FRAME(sp, info);
	ctx->x[REG_A0 + 2] = FRAME(sp, uc);
	return 0;
}

static long get_fp(struct context *ctx, uaddr_t at, uaddr_t *fault)
{
	u32 fcsr;

	if (get(ctx->f, at, sizeof(ctx->f), fault) || get(&fcsr, at + 256, 4, fault))
		return -EFAULT;
	ctx->fcsr = fcsr & 0xff;
	ctx->fp_used = 1;
	fp_forget(ctx);
	return 0;
}

long arch_signal_pop(struct context *ctx, u64 *mask, uaddr_t *altsp, uaddr_t *fault)
{
	uaddr_t sp = ctx->x[REG_SP];
	u64 x[32];

	*fault = 0;
	if (sp & 15 || sp > USER_TOP - sizeof(struct rt_sigframe))
		return -EFAULT;
	if (get(mask, FRAME(sp, uc.uc_sigmask), 8, fault) ||
	    get(x, FRAME(sp, uc.uc_mcontext.sc_regs), sizeof(x), fault) ||
	    get_fp(ctx, FRAME(sp, uc.uc_mcontext.sc_fpregs), fault))
		return -EFAULT;
	*altsp = FRAME(sp, uc.uc_stack);
	memcpy(ctx->x, x, sizeof(x));
	return 0;
}

/* The ELF header's entry point is the trampoline. */
u64 arch_vdso(void *page, struct clock_page **clock)
{
	extern const u8 vdso_image[], vdso_image_end[];
	enum { ELF_ENTRY = 24 };

	memcpy(page, vdso_image, vdso_image_end - vdso_image);
	*clock = (struct clock_page *)((u8 *)page + VDSO_CLOCK);
	return *(const u64 *)(vdso_image + ELF_ENTRY);
}
