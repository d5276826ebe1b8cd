/* SPDX-License-Identifier: MIT */
/* vdso_image.S (riscv64): the linked vDSO (vdso/), as bytes. */
	.section .rodata
	.globl	vdso_image, vdso_image_end
	.balign	8
vdso_image:
	.incbin	"vdso.so"
vdso_image_end:
	.if	vdso_image_end - vdso_image > 4096
	.error	"the vDSO is larger than a page"
	.endif
