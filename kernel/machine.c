/* SPDX-License-Identifier: MIT */
/* machine.c: what the machine calls upwards (the end of arch/arch.h). */
#include "arch/arch.h"
#include "core/log.h"
#include "core/task.h"
#include "mem/page.h"

void *kernel_table_alloc(void)
{
	struct page *p = page_alloc_zero();

	return p ? page_virt(p) : NULL;
}

void kernel_table_free(void *page) { page_put(virt_page(page)); }

void kernel_timer_irq(void) { exec_timer_irq(); }

/* Another hart has queued something: leaving arch_wait() is all it takes. */
void kernel_ipi(void) { }

void kernel_fault(const char *what, u64 pc, u64 address)
{
	panic("kernel fault: %s at pc 0x%lx, address 0x%lx", what, pc, address);
}
