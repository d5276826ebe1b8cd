/* SPDX-License-Identifier: MIT */
/*
 * calls.S (riscv64): the parts of the vDSO that are one trap: returning from a signal handler, and
 * getcpu, which only the kernel knows: all harts share this page.
 *
 * Unwinders look for a caller one byte before the return address, hence the nop, and find out from the
 * frame description that the interrupted registers are in the ucontext above sp: each is where the
 * expression "sp + offset" says, the frame's address is the interrupted sp.
 */
#include <asm/unistd.h>

#define REGS	(128 + 176)			/* siginfo; uc_flags ... uc_sigmask */
#define SLEB(n)	((n) & 0x7f | 0x80), ((n) >> 7)	/* two bytes: n below 8192 */

	/* DW_CFA_expression reg, { DW_OP_breg2 (sp) offset } */
	.macro	saved reg, at
	.cfi_escape 0x10, \reg, 3, 0x72, SLEB(REGS + 8 * \at)
	.endm

	.text
	.cfi_sections .eh_frame
	.cfi_startproc
	.cfi_signal_frame
	.cfi_return_column 64
	/* DW_CFA_def_cfa_expression { DW_OP_breg2 offset of x2, DW_OP_deref } */
	.cfi_escape 0x0f, 4, 0x72, SLEB(REGS + 8 * 2), 0x06
	saved	64, 0				/* pc */
	.irp	r, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	saved	\r, \r
	.endr
	nop
	.globl	__vdso_rt_sigreturn
	.type	__vdso_rt_sigreturn, @function
__vdso_rt_sigreturn:
	li	a7, __NR_rt_sigreturn
	ecall
	.cfi_endproc
	.size	__vdso_rt_sigreturn, . - __vdso_rt_sigreturn

	.macro	trap name, number
	.globl	\name
	.type	\name, @function
\name:
	.cfi_startproc
	li	a7, \number
	ecall
	ret
	.cfi_endproc
	.size	\name, . - \name
	.endm

	trap	__vdso_getcpu, __NR_getcpu
	trap	__vdso_flush_icache, __NR_riscv_flush_icache
	.section .note.GNU-stack, "", @progbits
