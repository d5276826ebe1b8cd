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

enum { PANIC_STATUS = 99 };

void (*panic_hook)(const char *message);
void (*panic_dump)(void);
void (*panic_power_off)(u32 status) = arch_power_off;
static _Atomic u32 depth;
static char message[256];

static void describe(const void *caller)
{
	struct cpu *c = this_cpu();

	log_raw("panic: %s\n  called from %p\n", message, caller);
	if (!c || c < cpus || c >= cpus + CPU_MAX)
		return;
	log_raw("  hart %u, %s", c->id, c->irq_depth ? "in an interrupt, " : "");
	log_raw("task %s\n", current_of(c) && current_of(c)->name ? current_of(c)->name : "none");
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
