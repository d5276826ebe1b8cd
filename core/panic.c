/* SPDX-License-Identifier: MIT */
/*
 * panic.c: the end of the world, in the order of what is most likely to work: the log, the list of
 * tasks, the host, power.  Takes no lock that others could hold.  A panic inside goes straight to
 * the power switch.
 */
#include <stdatomic.h>
#include "core/log.h"
#include "core/task.h"
#include "lib/print.h"

enum { PANIC_STATUS = 99, CALLS_MAX = 16 };

void (*panic_hook)(const char *message);
void (*panic_dump)(void);
void (*panic_power_off)(u32 status) = arch_power_off;
static _Atomic u32 depth;
static char message[256];

/* As arguments for addr2line -fipe weir.elf. */
static void show_calls(const void *caller)
{
	u64 pc[CALLS_MAX];
	u32 n = arch_backtrace(pc, CALLS_MAX);

	log_raw("  called from");
	for (u32 i = 0; i < n; i++)
		log_raw(" 0x%lx", pc[i]);
	log_raw(n ? "\n" : " %p\n", caller);
}

static void describe(const void *caller)
{
	struct cpu *c = this_cpu();

	log_raw("panic: %s\n", message);
	show_calls(caller);
	if (!c || c < cpus || c >= cpus + CPU_MAX)
		return;
	log_raw("  hart %u, %s", c->id, c->irq_depth ? "in an interrupt, " : "");
	log_raw("task %s\n", current_of(c) && current_of(c)->name ? current_of(c)->name : "none");
	if (current_of(c))
		task_backtrace(current_of(c));
	if (panic_dump)
		panic_dump();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	arch_irq_off();
	if (!atomic_fetch_add(&depth, 1)) {
		va_start(ap, fmt);
		vsnprint(message, sizeof(message), fmt, ap);
		va_end(ap);
		describe(__builtin_return_address(0));
		if (panic_hook)
			panic_hook(message);
	}
	panic_power_off(PANIC_STATUS);
	arch_power_off(PANIC_STATUS);
}
