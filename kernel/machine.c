/* SPDX-License-Identifier: MIT */
/* machine.c: what the machine calls upwards (the end of arch/arch.h; page tables come from
 * mem/page.c, system calls go to sys/table.c, interrupts to dev/plic.c). */
#include "arch/arch.h"
#include "core/log.h"
#include "core/task.h"

void kernel_timer_irq(void) { exec_timer_irq(); }

/* Another hart has queued something, or a signal for the task that runs here: look around. */
void kernel_ipi(void) { exec_ipi(); }

void kernel_fault(const char *what, u64 pc, u64 address)
{
	panic("kernel fault: %s at pc 0x%lx, address 0x%lx", what, pc, address);
}
