/* SPDX-License-Identifier: MIT */
/*
 * start.S (riscv64): from the firmware to C in the high half.  Entered with the MMU off, a0 the
 * hart, a1 the device tree, at any page-aligned address: everything here and in boot.c's
 * early_map() is relative to the program counter.
 */
	.section .text.start, "ax"
	.globl	_start
_start:
	lla	t0, entered
	li	t1, 1
	amoswap.w t1, t1, (t0)
	bnez	t1, late
	csrw	sie, zero
	csrw	sscratch, zero
	mv	s0, a0
	mv	s1, a1
	lla	t0, data_end			/* clear what the program loader did not */
	lla	t1, bss_clear_end
1:	sd	zero, 0(t0)
	addi	t0, t0, 8
	bltu	t0, t1, 1b
	lla	sp, boot_stack_top
	lla	a0, kernel_start
	call	early_map			/* a0: satp; the low map is in it, too */
	lla	t0, kernel_start
	li	s2, 0xffffffff80000000
	sub	s2, s2, t0			/* from load address to high half */
	lla	t1, high
	add	t1, t1, s2
	csrw	stvec, t1			/* in case the next fetch faults */
	csrw	satp, a0
	sfence.vma
	jr	t1
	.balign	4
high:
	.option push
	.option norelax
	lla	sp, boot_stack_top
	lla	tp, cpus
	.option pop
	mv	a0, s0
	mv	a1, s1
	mv	a2, s2
	mv	fp, zero
	call	boot_main
1:	wfi
	j	1b

	/* Another hart: a0 its number, a1 the physical address of harts.c's hart_starting, MMU off.  The fetch
	 * behind the new map faults, and the trap vector is where it goes on. */
	.globl	hart_start_low, hart_start_high
	/* OpenSBI up to 1.1 declares a hart started before it has noted where: a hart that looks just then
	 * comes to _start.  It is the one that is being started. */
late:
	lla	a1, hart_starting
hart_start_low:
	csrw	sie, zero
	csrw	sscratch, zero
	ld	t0, 0(a1)
	ld	sp, 8(a1)
	ld	t1, 16(a1)
	ld	a0, 24(a1)
	csrw	stvec, t1
	sfence.vma
	csrw	satp, t0
	.balign	4
hart_start_high:
	sfence.vma
	mv	tp, a0
	mv	fp, zero
	call	kernel_hart_main
1:	wfi
	j	1b

	.section .data, "aw"
	.balign	4
entered:
	.word	0
