/* SPDX-License-Identifier: MIT */
/* tinyblob.S: the file build/bench/tiny inside the benchmark. */
	.section .rodata
	.globl	tiny_begin, tiny_end
tiny_begin:
	.incbin	TINY
tiny_end:
