/* SPDX-License-Identifier: MIT */
/*
 * harts.c: the other harts, at the end of boot.  One that does not come is reported and done without.
 */
#include "arch/arch.h"
#include "core/log.h"
#include "core/task.h"
#include "core/time.h"
#include "core/timeline.h"
#include "dev/driver.h"
#include "kernel/boot.h"

static const u64 PATIENCE_NS = 5ull * NSEC_PER_SEC, LOOK_NS = 50 * NSEC_PER_USEC;

void kernel_hart_main(struct cpu *c)
{
	exec_init(c, c - cpus, c->hart);
	timeline_attach(c);
	exec_run();
}

/* Not a loop that is always busy: an emulator may let only one hart run at a time, until it sleeps. */
static bool came(u32 id)
{
	u64 deadline = time_add(clock_now(), PATIENCE_NS);

	while (cpu_total() <= id && clock_now() <= deadline) {
		arch_timer_set(clock_ticks(clock_now() + LOOK_NS));
		arch_wait();
	}
	arch_timer_quiet();
	return cpu_total() > id;
}

void boot_harts(void)
{
	u32 boot_hart = this_cpu()->hart;

	for (u32 i = 0; i < board.hart_count; i++) {
		u32 id = cpu_total();

		if (board.harts[i] == boot_hart)
			continue;
		if (id == CPU_MAX) {
			log_warn("%u harts are in use, of %u", id, board.hart_count);
			return;
		}
		if (arch_hart_start(&cpus[id], board.harts[i]) || !came(id)) {
			log_error("hart %lu does not start", (u64)board.harts[i]);
			return;
		}
	}
}
