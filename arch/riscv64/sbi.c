/* SPDX-License-Identifier: MIT */
/* sbi.c (riscv64): calls to the firmware (RISC-V Supervisor Binary Interface 1.0). */
#include "arch/riscv64/private.h"
#include "core/cpu.h"

enum {
	SBI_PUTCHAR = 1, SBI_TIME = 0x54494d45, SBI_IPI = 0x735049,
	SBI_SRST = 0x53525354, SBI_HSM = 0x48534d, SBI_RFENCE = 0x52464e43,
};

struct sbi_result sbi_call(u64 extension, u64 function, u64 a0, u64 a1, u64 a2)
{
	register u64 r0 asm("a0") = a0;
	register u64 r1 asm("a1") = a1;
	register u64 r2 asm("a2") = a2;
	register u64 r6 asm("a6") = function;
	register u64 r7 asm("a7") = extension;

	asm volatile("ecall" : "+r"(r0), "+r"(r1) : "r"(r2), "r"(r6), "r"(r7) : "memory");
	return (struct sbi_result){ r0, r1 };
}

void arch_putc(char c) { sbi_call(SBI_PUTCHAR, 0, (u8)c, 0, 0); }

void sbi_timer(u64 tick) { sbi_call(SBI_TIME, 0, tick, 0, 0); }

void arch_send_ipi(struct cpu *c) { sbi_call(SBI_IPI, 0, 1, c->hart, 0); }

static u64 hart_mask(u64 cpu_set)
{
	u64 mask = 0;

	for (; cpu_set; cpu_set &= cpu_set - 1)
		mask |= 1ul << cpus[__builtin_ctzll(cpu_set)].hart;
	return mask;
}

/* The firmware's interrupts reach harts whose own are off: no hart waits for another's kernel. */
static void rfence(u64 function, u64 cpu_set, u64 start, u64 size)
{
	register u64 r0 asm("a0") = hart_mask(cpu_set);
	register u64 r1 asm("a1") = 0;
	register u64 r2 asm("a2") = start;
	register u64 r3 asm("a3") = size;
	register u64 r6 asm("a6") = function;
	register u64 r7 asm("a7") = SBI_RFENCE;

	asm volatile("ecall" : "+r"(r0), "+r"(r1) : "r"(r2), "r"(r3), "r"(r6), "r"(r7) : "memory");
}

void arch_fence_instructions_on(u64 harts) { rfence(0, harts, 0, 0); }
void arch_tlb_range_on(u64 harts, uaddr_t start, u64 size) { rfence(1, harts, start, size); }

long sbi_hart_start(u32 hart, paddr_t pc, u64 arg)
{
	return sbi_call(SBI_HSM, 0, hart, pc, arg).error ? -EIO : 0;
}

/* QEMU ends with status 0 whatever the reason: the board's test device tells it better. */
void arch_power_off(u32 status)
{
	sbi_call(SBI_SRST, 0, 0, status ? 1 : 0, 0);
	for (;;)
		asm volatile("wfi");
}
