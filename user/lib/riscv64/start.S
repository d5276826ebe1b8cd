/* SPDX-License-Identifier: MIT */
/* start.S (riscv64): where a program begins, where a thread begins. */
	.text
	.globl	_start
_start:
	.option	push
	.option	norelax
	la	gp, __global_pointer$
	.option	pop
	mv	a0, sp			/* argc, argv, NULL, envp, NULL, auxv */
	andi	sp, sp, -16
	li	ra, 0
	call	lib_start
	ebreak

/* long thread_clone(flags, stack, fn, arg, parent_tid, child_tid): the child runs fn(arg) on its
 * stack and ends. */
	.globl	thread_clone
thread_clone:
	addi	a1, a1, -16
	sd	a2, 0(a1)
	sd	a3, 8(a1)
	mv	a2, a4			/* parent_tid */
	mv	a4, a5			/* child_tid */
	mv	a3, zero		/* tls */
	li	a7, 220
	ecall
	beqz	a0, 1f
	ret
1:	ld	a5, 0(sp)
	ld	a0, 8(sp)
	addi	sp, sp, 16
	jalr	a5
	li	a0, 0
	li	a7, 93			/* exit: this thread only */
	ecall
	ebreak
