/* SPDX-License-Identifier: MIT */
/* fp.S (riscv64): all floating-point registers to memory and back; sstatus.FS is on. */
	.option	arch, +f, +d
	.text
	.globl	fp_save, fp_load
fp_save:					/* (u64 *f, u64 *fcsr) */
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fsd	f\n, \n*8(a0)
	.endr
	frcsr	t0
	sd	t0, 0(a1)
	ret
fp_load:
	.irp	n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
	fld	f\n, \n*8(a0)
	.endr
	ld	t0, 0(a1)
	fscsr	t0
	ret
