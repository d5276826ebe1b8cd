/* SPDX-License-Identifier: MIT */
/*
 * usercopy.S (riscv64): copies between the kernel and a program, in which any access to the
 * program's side may fault.  .fixups tells the trap handler where to go on: a fault in a loop of
 * words goes to the loop of bytes, which finds the exact byte; a fault there ends the copy with what
 * is left in a2.  sstatus.SUM is on only in here.
 */
#define SUM	(1 << 18)

	.macro	fixup from, to, target
	.pushsection .fixups, "a"
	.dword	\from, \to, \target
	.popsection
	.endm

	.macro	eight at
	ld	t0, \at(a1)
	ld	t1, \at+8(a1)
	ld	t2, \at+16(a1)
	ld	t3, \at+24(a1)
	ld	a3, \at+32(a1)
	ld	a4, \at+40(a1)
	ld	a5, \at+48(a1)
	ld	a6, \at+56(a1)
	sd	t0, \at(a0)
	sd	t1, \at+8(a0)
	sd	t2, \at+16(a0)
	sd	t3, \at+24(a0)
	sd	a3, \at+32(a0)
	sd	a4, \at+40(a0)
	sd	a5, \at+48(a0)
	sd	a6, \at+56(a0)
	.endm

	/* Both directions: a0 = destination, a1 = source, a2 = bytes; result: bytes not copied. */
	.text
	.globl	arch_copy_in, arch_copy_out, arch_clear_out, arch_string_in, arch_load32, arch_cas32
arch_copy_in:
arch_copy_out:
	li	t6, SUM
	csrs	sstatus, t6
	li	t5, 8
	bltu	a2, t5, 5f			/* few: bytes */
	or	t4, a0, a1
	andi	t4, t4, 7
	bnez	t4, 10f
2:	li	t5, 512				/* 132 instructions for 512 bytes */
	bltu	a2, t5, 30f
3:	eight	0
	eight	64
	eight	128
	eight	192
	eight	256
	eight	320
	eight	384
	eight	448
	addi	a2, a2, -512
	addi	a1, a1, 512
	addi	a0, a0, 512
	bgeu	a2, t5, 3b
	beqz	a2, 7f
30:	li	t5, 64
	bltu	a2, t5, 4f
31:	eight	0
	addi	a2, a2, -64
	addi	a1, a1, 64
	addi	a0, a0, 64
	bgeu	a2, t5, 31b
	beqz	a2, 7f
4:	li	t5, 8
	bltu	a2, t5, 5f
41:	ld	t0, 0(a1)
	sd	t0, 0(a0)
	addi	a2, a2, -8
	addi	a1, a1, 8
	addi	a0, a0, 8
	bgeu	a2, t5, 41b
	j	5f
10:	xor	t4, a0, a1
	andi	t4, t4, 7
	bnez	t4, 50f
1:	lbu	t0, 0(a1)			/* to a word boundary */
	sb	t0, 0(a0)
	addi	a1, a1, 1
	addi	a0, a0, 1
	addi	a2, a2, -1
	andi	t4, a0, 7
	bnez	t4, 1b
	j	2b
50:	li	t5, 32				/* never aligned together: shift pairs of words */
	bltu	a2, t5, 5f
51:	andi	t4, a0, 7
	beqz	t4, 52f
511:	lbu	t0, 0(a1)
	sb	t0, 0(a0)
	addi	a1, a1, 1
	addi	a0, a0, 1
	addi	a2, a2, -1
	j	51b
52:	andi	a6, a1, -8			/* an aligned word lies in one page with the bytes we want */
	sub	t4, a1, a6
	slli	t4, t4, 3
	neg	a7, t4
	li	t5, 8
	ld	t0, 0(a6)
53:	ld	t1, 8(a6)
	srl	t2, t0, t4
	sll	t3, t1, a7
	or	t2, t2, t3
	sd	t2, 0(a0)
	mv	t0, t1
	addi	a6, a6, 8
	addi	a1, a1, 8
	addi	a0, a0, 8
	addi	a2, a2, -8
	bgeu	a2, t5, 53b
5:	beqz	a2, 7f
6:	lbu	t0, 0(a1)
	sb	t0, 0(a0)
	addi	a2, a2, -1
	addi	a1, a1, 1
	addi	a0, a0, 1
	bnez	a2, 6b
7:	csrc	sstatus, t6
	mv	a0, a2
	ret
	fixup	2b, 30b, 30b			/* smaller steps to the page that is missing */
	fixup	30b, 10b, 5b
	fixup	1b, 50b, 7b
	fixup	511b, 52b, 7b
	fixup	52b, 5b, 5b
	fixup	6b, 7b, 7b

arch_clear_out:					/* (dst, n): bytes not cleared */
	li	t6, SUM
	csrs	sstatus, t6
	li	t5, 8
	bltu	a1, t5, 3f
	andi	t4, a0, 7
	beqz	t4, 2f
	sub	t4, t5, t4			/* to a word boundary */
	sub	a1, a1, t4
1:	sb	zero, 0(a0)
	addi	a0, a0, 1
	addi	t4, t4, -1
	bnez	t4, 1b
11:	bltu	a1, t5, 3f
2:	sd	zero, 0(a0)
	addi	a1, a1, -8
	addi	a0, a0, 8
	bgeu	a1, t5, 2b
3:	beqz	a1, 5f
4:	sb	zero, 0(a0)
	addi	a1, a1, -1
	addi	a0, a0, 1
	bnez	a1, 4b
5:	csrc	sstatus, t6
	mv	a0, a1
	ret
6:	add	a1, a1, t4			/* not even to the boundary */
	j	5b
	fixup	1b, 11b, 6b
	fixup	2b, 3b, 5b			/* aligned words: the fault is at the word */
	fixup	4b, 5b, 5b

	/* (dst, src, max).  Words where both sides agree on them: (w - 01..01) & ~w & 80..80 is
	 * not 0 if a byte of w is, and its lowest bit is in the first one.  Behind the NUL come zeros. */
arch_string_in:
	li	t6, SUM
	csrs	sstatus, t6
	mv	t1, a0
	li	a5, 8
	or	t0, a0, a1
	andi	t0, t0, 7
	beqz	t0, 2f
	xor	t0, a0, a1
	andi	t0, t0, 7
	bnez	t0, 5f
1:	andi	t0, a1, 7
	beqz	t0, 2f
	beqz	a2, 8f
11:	lbu	t0, 0(a1)
12:	sb	t0, 0(t1)
	beqz	t0, 8f
	addi	t1, t1, 1
	addi	a1, a1, 1
	addi	a2, a2, -1
	j	1b
2:	ld	t4, ones
	slli	t5, t4, 7
	bltu	a2, a5, 5f
3:	ld	t0, 0(a1)
	sub	t2, t0, t4
	not	t3, t0
	and	t2, t2, t3
	and	t2, t2, t5
	bnez	t2, 4f
	sd	t0, 0(t1)
	addi	t1, t1, 8
	addi	a1, a1, 8
	addi	a2, a2, -8
	bgeu	a2, a5, 3b
	j	5f
4:	neg	t3, t2
	and	t2, t2, t3
	srli	t2, t2, 7
	addi	t2, t2, -1			/* the bytes below the NUL */
	and	t0, t0, t2
	sd	t0, 0(t1)
	and	t2, t2, t4
	mul	t2, t2, t4
	srli	t2, t2, 56			/* how many these are */
	add	t1, t1, t2
	j	8f
5:	li	t5, 4				/* four bytes a turn; where one of them faults, byte by byte */
	bltu	a2, t5, 6f
51:	lbu	t0, 0(a1)
	sb	t0, 0(t1)
	beqz	t0, 8f
	lbu	t0, 1(a1)
	sb	t0, 1(t1)
	beqz	t0, 73f
	lbu	t0, 2(a1)
	sb	t0, 2(t1)
	beqz	t0, 72f
	lbu	t0, 3(a1)
	sb	t0, 3(t1)
	beqz	t0, 71f
	addi	a1, a1, 4
	addi	t1, t1, 4
	addi	a2, a2, -4
	bgeu	a2, t5, 51b
6:	beqz	a2, 8f
61:	lbu	t0, 0(a1)
62:	sb	t0, 0(t1)
	beqz	t0, 8f
	addi	t1, t1, 1
	addi	a1, a1, 1
	addi	a2, a2, -1
	bnez	a2, 61b
	j	8f
71:	addi	t1, t1, 1
72:	addi	t1, t1, 1
73:	addi	t1, t1, 1
8:	csrc	sstatus, t6
	sub	a0, t1, a0
	ret
9:	csrc	sstatus, t6
	sub	a0, a0, t1
	addi	a0, a0, -1
	ret
	.balign	8
ones:	.dword	0x0101010101010101
	fixup	11b, 12b, 9b
	fixup	3b, 4b, 5b
	fixup	51b, 6b, 6b
	fixup	61b, 62b, 9b

arch_load32:					/* (u32 *out, src) */
	li	t6, SUM
	csrs	sstatus, t6
1:	lwu	t0, 0(a1)
2:	csrc	sstatus, t6
	sw	t0, 0(a0)
	li	a0, 0
	ret
3:	csrc	sstatus, t6
	li	a0, -14
	ret
	fixup	1b, 2b, 3b

arch_cas32:					/* (u32 *old, at, expect, new) */
	li	t6, SUM
	csrs	sstatus, t6
	sext.w	a2, a2
1:	lr.w.aqrl t0, (a1)
	bne	t0, a2, 2f
	sc.w.rl	t1, a3, (a1)
	bnez	t1, 1b
2:	csrc	sstatus, t6
	sw	t0, 0(a0)
	li	a0, 0
	ret
3:	csrc	sstatus, t6
	li	a0, -14
	ret
	fixup	1b, 2b, 3b
