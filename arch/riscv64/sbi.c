/* SPDX-License-Identifier: MIT */
/* sbi.c (riscv64): calls to the firmware (RISC-V Supervisor Binary Interface 1.0). */
#include "arch/riscv64/private.h"
#include "core/cpu.h"

enum {
	SBI_PUTCHAR = 1, SBI_TIME = 0x54494d45, SBI_IPI = 0x735049,
	SBI_SRST = 0x53525354,
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

/* QEMU ends with status 0 whatever the reason: the board's test device tells it better. */
void arch_power_off(u32 status)
{
	sbi_call(SBI_SRST, 0, 0, status ? 1 : 0, 0);
	for (;;)
		asm volatile("wfi");
}
