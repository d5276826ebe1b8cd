/* SPDX-License-Identifier: MIT */
/* machine.h (riscv64): the system call instruction, and instructions only a crime needs. */
#pragma once

static inline long call6(long n, long a, long b, long c, long d, long e, long f)
{
	register long a7 asm("a7") = n, a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c,
		a3 asm("a3") = d, a4 asm("a4") = e, a5 asm("a5") = f;

	asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
		     : "memory");
	return a0;
}

#define KERNEL_ADDRESS	0xffffffff80000000ul	/* the kernel's own text */
#define USER_END	(1ul << 38)

enum { UCONTEXT_PC = 176, STORE_BYTES = 4 };	/* place in a signal's third argument; length of: */
static inline void store_byte(void *p)
{
	asm volatile(".option push\n\t.option norvc\n\tsb zero, (%0)\n\t.option pop" :: "r"(p)
		     : "memory");
}

static inline void illegal_instruction(void) { asm volatile(".half 0"); }
static inline void read_status_register(void) { asm volatile("csrr a0, sstatus" ::: "a0"); }
static inline void write_page_table_register(void) { asm volatile("csrw satp, zero"); }
static inline void return_from_trap(void) { asm volatile("sret"); }
static inline void machine_return(void) { asm volatile("mret"); }
static inline void wait_for_interrupt(void) { asm volatile("wfi"); }
static inline void flush_translations(void) { asm volatile("sfence.vma"); }
static inline void breakpoint(void) { asm volatile("ebreak"); }
static inline void misaligned_atomic(void *p)
{
	asm volatile("amoadd.w zero, zero, (%0)" :: "r"(p) : "memory");
}
static inline void set_stack(unsigned long sp) { asm volatile("mv sp, %0" :: "r"(sp)); }
/* The stack pointer is @sp and the call is kill(pid, sig): then back as it was. */
static inline long kill_with_stack(unsigned long sp, long pid, long sig)
{
	register long a7 asm("a7") = 129, a0 asm("a0") = pid, a1 asm("a1") = sig;

	asm volatile("mv t0, sp\n\tmv sp, %3\n\tecall\n\tmv sp, t0"
		     : "+r"(a0) : "r"(a1), "r"(a7), "r"(sp) : "t0", "memory");
	return a0;
}
/* rt_sigreturn with the frame at @sp: does not come back here. */
static inline void sigreturn_from(void *sp)
{
	asm volatile("mv sp, %0\n\tli a7, 139\n\tecall" :: "r"(sp) : "a7", "memory");
}
