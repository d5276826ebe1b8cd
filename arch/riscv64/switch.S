/* SPDX-License-Identifier: MIT */
/*
 * switch.S (riscv64): the two halves of the switch between the kernel and a program.
 *
 * user_enter(ctx) saves the registers C expects to survive on the kernel stack, loads the
 * program's and goes.  trap_entry is its dual: it saves the program's registers in the context
 * and returns from user_enter().  sscratch tells the two worlds apart: a context while a
 * program runs, zero while the kernel runs.
 *
 * A system call first takes the short way: only what C may destroy is saved, kernel_syscall() is
 * called on the same kernel stack, and if it has an answer the program goes on at once.  Otherwise
 * the rest is saved, and user_enter() returns.  Page faults are tried the same way.  If the call waits,
 * another program may go on from here, as if user_enter() had been called for that one.
 */
#define X(n)		((n) * 8)
#define CTX_STATUS	256
#define CTX_CAUSE	264
#define CTX_VALUE	272
#define CTX_KSP		280
#define CTX_KTP		288
#define CTX_RESUMED	296
#define CTX_USER	304
#define CTX_LOOK	588
#define CPU_SCRATCH	0
#define CPU_STACK_LOW	8
#define CPU_EMERGENCY	16

#define KFRAME		112			/* ctx, ra, s0-s11 */
#define NFRAME		160			/* struct kernel_frame */

	/* What C has kept of the program at a0. */
	.macro	save_rest
	sd	s0, X(8)(a0)
	sd	s1, X(9)(a0)
	sd	s2, X(18)(a0)
	sd	s3, X(19)(a0)
	sd	s4, X(20)(a0)
	sd	s5, X(21)(a0)
	sd	s6, X(22)(a0)
	sd	s7, X(23)(a0)
	sd	s8, X(24)(a0)
	sd	s9, X(25)(a0)
	sd	s10, X(26)(a0)
	sd	s11, X(27)(a0)
	csrr	t1, sstatus
	sd	t1, CTX_STATUS(a0)
	.endm

	.text
	.globl	trap_entry
	.balign	4
trap_entry:
	csrrw	sp, sscratch, sp
	beqz	sp, from_kernel
	sd	ra, X(1)(sp)
	sd	gp, X(3)(sp)
	sd	tp, X(4)(sp)
	sd	t0, X(5)(sp)
	sd	t1, X(6)(sp)
	sd	t2, X(7)(sp)
	sd	a0, X(10)(sp)
	sd	a1, X(11)(sp)
	sd	a2, X(12)(sp)
	sd	a3, X(13)(sp)
	sd	a4, X(14)(sp)
	sd	a5, X(15)(sp)
	sd	a6, X(16)(sp)
	sd	a7, X(17)(sp)
	sd	t3, X(28)(sp)
	sd	t4, X(29)(sp)
	sd	t5, X(30)(sp)
	sd	t6, X(31)(sp)
	csrrw	t0, sscratch, zero
	sd	t0, X(2)(sp)
	csrr	t1, sepc
	sd	t1, X(0)(sp)
	csrr	t2, time			/* the program's own time */
	ld	t3, CTX_RESUMED(sp)
	ld	t4, CTX_USER(sp)
	sub	t2, t2, t3
	add	t4, t4, t2
	sd	t4, CTX_USER(sp)
	csrr	a1, scause
	ld	tp, CTX_KTP(sp)
	mv	a0, sp
	ld	sp, CTX_KSP(sp)
	li	t0, 8
	bne	a1, t0, not_call
	call	kernel_syscall
	ld	t6, 0(sp)			/* ctx */
	lw	t1, CTX_LOOK(t6)
	lui	t2, 0xfffff			/* ARCH_SWITCH; what else is no result is less */
	bge	t2, a0, leave_call
	bnez	t1, leave_call
result:
	ld	t0, X(0)(t6)
	addi	t0, t0, 4			/* behind the ecall */
	csrw	sepc, t0
resume:
	csrr	t1, time
	sd	t1, CTX_RESUMED(t6)
	csrw	sscratch, t6
	ld	ra, X(1)(t6)
	ld	sp, X(2)(t6)
	ld	gp, X(3)(t6)
	ld	tp, X(4)(t6)
	ld	t0, X(5)(t6)
	ld	t1, X(6)(t6)
	ld	t2, X(7)(t6)
	ld	a1, X(11)(t6)
	ld	a2, X(12)(t6)
	ld	a3, X(13)(t6)
	ld	a4, X(14)(t6)
	ld	a5, X(15)(t6)
	ld	a6, X(16)(t6)
	ld	a7, X(17)(t6)
	ld	t3, X(28)(t6)
	ld	t4, X(29)(t6)
	ld	t5, X(30)(t6)
	ld	t6, X(31)(t6)
	sret

	/* A page that is not there: most are made present at once, and the instruction runs again. */
not_call:
	addi	t0, a1, -12
	li	t1, 3
	bltu	t1, t0, leave			/* neither fetch 12, load 13 nor store 15 */
	csrr	t0, stval
	sd	a1, CTX_CAUSE(a0)
	sd	t0, CTX_VALUE(a0)
	call	kernel_page_fault
	ld	t6, 0(sp)
	beqz	a0, leave_fault
	ld	a0, X(10)(t6)
	ld	t0, X(0)(t6)
	csrw	sepc, t0
	j	resume
leave_fault:
	mv	a0, t6
	j	leave_saved

	/* The call has no result that goes straight back: t6 = ctx, t2 = ARCH_SWITCH. */
leave_call:
	beq	a0, t2, wait_call
	mv	a1, a0
	mv	a0, t6
	call	kernel_syscall_leave
	ld	t6, 0(sp)
	lui	t2, 0xfffff
	blt	t2, a0, result
wait_call:
	li	a1, 8
	sd	a1, CTX_CAUSE(t6)
	mv	a1, a0
	mv	a0, t6
	save_rest
	bne	a1, t2, return
	call	kernel_switch
	beqz	a0, return
	mv	t6, a0
	sd	t6, 0(sp)
	j	go

	/* Back into the run loop: a0 = ctx, a1 = scause, sp = kernel stack. */
leave:
	csrr	t0, stval
	sd	a1, CTX_CAUSE(a0)
	sd	t0, CTX_VALUE(a0)
leave_saved:
	save_rest
return:
	ld	ra, 8(sp)
	ld	s0, 16(sp)
	ld	s1, 24(sp)
	ld	s2, 32(sp)
	ld	s3, 40(sp)
	ld	s4, 48(sp)
	ld	s5, 56(sp)
	ld	s6, 64(sp)
	ld	s7, 72(sp)
	ld	s8, 80(sp)
	ld	s9, 88(sp)
	ld	s10, 96(sp)
	ld	s11, 104(sp)
	addi	sp, sp, KFRAME
	ret

	/* struct context *user_enter(struct context *ctx): interrupts are off. */
	.globl	user_enter
user_enter:
	addi	sp, sp, -KFRAME
	sd	a0, 0(sp)
	sd	ra, 8(sp)
	sd	s0, 16(sp)
	sd	s1, 24(sp)
	sd	s2, 32(sp)
	sd	s3, 40(sp)
	sd	s4, 48(sp)
	sd	s5, 56(sp)
	sd	s6, 64(sp)
	sd	s7, 72(sp)
	sd	s8, 80(sp)
	sd	s9, 88(sp)
	sd	s10, 96(sp)
	sd	s11, 104(sp)
	mv	t6, a0
go:
	sd	sp, CTX_KSP(t6)
	sd	tp, CTX_KTP(t6)
	ld	t0, X(0)(t6)
	ld	t1, CTX_STATUS(t6)
	csrw	sepc, t0
	csrw	sstatus, t1
	csrr	t2, time
	sd	t2, CTX_RESUMED(t6)
	csrw	sscratch, t6
	ld	ra, X(1)(t6)
	ld	sp, X(2)(t6)
	ld	gp, X(3)(t6)
	ld	tp, X(4)(t6)
	ld	t0, X(5)(t6)
	ld	t1, X(6)(t6)
	ld	t2, X(7)(t6)
	ld	s0, X(8)(t6)
	ld	s1, X(9)(t6)
	ld	a0, X(10)(t6)
	ld	a1, X(11)(t6)
	ld	a2, X(12)(t6)
	ld	a3, X(13)(t6)
	ld	a4, X(14)(t6)
	ld	a5, X(15)(t6)
	ld	a6, X(16)(t6)
	ld	a7, X(17)(t6)
	ld	s2, X(18)(t6)
	ld	s3, X(19)(t6)
	ld	s4, X(20)(t6)
	ld	s5, X(21)(t6)
	ld	s6, X(22)(t6)
	ld	s7, X(23)(t6)
	ld	s8, X(24)(t6)
	ld	s9, X(25)(t6)
	ld	s10, X(26)(t6)
	ld	s11, X(27)(t6)
	ld	t3, X(28)(t6)
	ld	t4, X(29)(t6)
	ld	t5, X(30)(t6)
	ld	t6, X(31)(t6)
	sret

	/* The kernel itself was interrupted or has faulted: sp is zero, sscratch has it. */
from_kernel:
	sd	t0, CPU_SCRATCH(tp)
	csrrw	sp, sscratch, zero
	ld	t0, CPU_STACK_LOW(tp)
	addi	t0, t0, NFRAME + 256
	bgeu	sp, t0, 1f
	sub	t0, t0, sp
	addi	t0, t0, -(2047)
	bgtz	t0, 1f				/* on another stack altogether */
	mv	t0, sp
	ld	sp, CPU_EMERGENCY(tp)		/* the kernel stack overflowed: tell it from here */
	addi	sp, sp, -NFRAME
	sd	t0, 144(sp)
	j	2f
1:	addi	sp, sp, -NFRAME
	addi	t0, sp, NFRAME
	sd	t0, 144(sp)
2:	ld	t0, CPU_SCRATCH(tp)
	sd	ra, 0(sp)
	sd	t0, 8(sp)
	sd	t1, 16(sp)
	sd	t2, 24(sp)
	sd	t3, 32(sp)
	sd	t4, 40(sp)
	sd	t5, 48(sp)
	sd	t6, 56(sp)
	sd	a0, 64(sp)
	sd	a1, 72(sp)
	sd	a2, 80(sp)
	sd	a3, 88(sp)
	sd	a4, 96(sp)
	sd	a5, 104(sp)
	sd	a6, 112(sp)
	sd	a7, 120(sp)
	sd	s0, 152(sp)
	csrr	t0, sepc
	csrr	t1, sstatus
	sd	t0, 128(sp)
	sd	t1, 136(sp)
	mv	a0, sp
	csrr	a1, scause
	csrr	a2, stval
	call	kernel_trap
	ld	t0, 128(sp)
	ld	t1, 136(sp)
	csrw	sepc, t0
	csrw	sstatus, t1
	ld	ra, 0(sp)
	ld	t0, 8(sp)
	ld	t1, 16(sp)
	ld	t2, 24(sp)
	ld	t3, 32(sp)
	ld	t4, 40(sp)
	ld	t5, 48(sp)
	ld	t6, 56(sp)
	ld	a0, 64(sp)
	ld	a1, 72(sp)
	ld	a2, 80(sp)
	ld	a3, 88(sp)
	ld	a4, 96(sp)
	ld	a5, 104(sp)
	ld	a6, 112(sp)
	ld	a7, 120(sp)
	ld	sp, 144(sp)
	sret
