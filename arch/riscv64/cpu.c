/* SPDX-License-Identifier: MIT */
/* cpu.c (riscv64): one hart: trap vector, interrupts, clock, timer. */
#include <string.h>
#include "arch/riscv64/private.h"
#include "core/cpu.h"

enum { SIE_SOFTWARE = 1 << IRQ_SOFTWARE, SIE_TIMER = 1 << IRQ_TIMER, SIE_EXTERNAL = 1 << IRQ_EXTERNAL };

extern char trap_entry[], boot_stack[];
static u8 emergency_stack[4096] __attribute__((aligned(16)));
static u64 ticks_hz ro_after_init = 10000000;
static bool have_stimecmp ro_after_init;

void sbi_timer(u64 tick);

void arch_cpu_init(struct cpu *c)
{
	asm volatile("mv tp, %0" :: "r"(c) : "memory");
	if (!c->arch[CPU_STACK_LOW]) {		/* the boot hart; others: harts.c */
		c->arch[CPU_STACK_LOW] = (u64)boot_stack;
		c->arch[CPU_EMERGENCY] = (u64)emergency_stack + sizeof(emergency_stack);
	}
	csr_write(sscratch, 0);
	csr_write(stvec, (u64)trap_entry);
	csr_clear(sstatus, SSTATUS_SIE | SSTATUS_SUM | SSTATUS_FS);
	csr_write(sie, SIE_SOFTWARE | SIE_EXTERNAL);
	csr_write(scounteren, 7);		/* programs may read cycle, time, instret */
}

/* @isa, "rv64imafdc_zicsr_sstc": with Sstc the timer is a register, not a call to the firmware. */
void arch_features(const char *isa)
{
	for (; *isa; isa++)
		if (!strncmp(isa, "_sstc", 5) && (isa[5] == '_' || !isa[5]))
			have_stimecmp = true;
}

u64 arch_ticks_hz(void) { return ticks_hz; }
void arch_ticks_set_hz(u64 hz) { ticks_hz = hz; }

void arch_timer_set(u64 tick)
{
	if (have_stimecmp)
		asm volatile("csrw 0x14d, %0" :: "r"(tick) : "memory");
	else
		sbi_timer(tick);
	csr_set(sie, SIE_TIMER);
}

/* The interrupt stays pending until the next arch_timer_set(): stop listening. */
void arch_timer_quiet(void) { csr_clear(sie, SIE_TIMER); }

/* Interrupts are off.  Sleep until one is pending, then let it in. */
void arch_wait(void)
{
	asm volatile("wfi" ::: "memory");
	arch_irq_on();
	arch_irq_off();
}

/* A frame pointer points behind its caller's and the return address; a program's ends the chain. */
u32 arch_backtrace(u64 *pc, u32 max)
{
	u32 n = 0;
#ifdef CHECKED
	const u64 low = this_cpu()->arch[CPU_STACK_LOW], high = low + KERNEL_STACK;

	for (u64 fp = (u64)__builtin_frame_address(0), next; n < max; fp = next) {
		if (fp < low + 16 || fp > high || fp & 7)
			break;
		next = ((const u64 *)fp)[-2];
		pc[n++] = ((const u64 *)fp)[-1];
		if (next <= fp)
			break;
	}
#endif
	return n;
}

void arch_fence_instructions(void) { asm volatile("fence.i" ::: "memory"); }
bool arch_random(u64 *out) { return false; }
