/* SPDX-License-Identifier: MIT */
/*
 * machine.h (host): a stand-in for a machine, so that the kernel's rooms run unmodified in unit
 * tests.  A hart is a thread; its interrupts are signals, and come at any point as real ones do.
 * Only what tests need is there: no program ever runs.
 *
 * A thread that is no hart (the test's own, usually) has no struct cpu: it may take spin locks and
 * raise interrupts with host_interrupt(), but not wake tasks itself.  It becomes one by exec_init(),
 * which calls arch_cpu_init().
 */
#pragma once
#include <sched.h>
#include <stdatomic.h>
#include "lib/base.h"

/* As on a small program's machine: six arguments, a program counter, a stack. */
struct context {
	u64	x[32];			/* x[0]: pc, x[2]: sp, x[10]...: arguments, x[17]: call number */
	u64	value;			/* fault address */
	u32	access;			/* enum access */
	u64	user_ticks;
};

extern _Thread_local struct cpu *host_cpu;
extern _Thread_local volatile bool host_irq_on;

/* Ticks.  0: the real clock runs.  Else time stands still but for host_advance(), and arch_wait()
 * jumps to the time the timer is set to. */
extern _Atomic u64 host_clock;
void host_advance(u64 ticks);

/* Called by arch_irq_off() before it does its work: the last moment an interrupt can come. */
extern void (*_Atomic host_before_irq_off)(void);

u64 host_real_ticks(void);
void host_take_interrupts(void);

/* Run @fn as a device's interrupt on hart @c, soon; from any thread. */
void host_interrupt(struct cpu *c, void (*fn)(void *arg), void *arg);
/* A new thread that runs kernel_hart_main(@c). */
long host_start_hart(struct cpu *c);

static inline struct cpu *arch_cpu(void) { return host_cpu; }
static inline void arch_relax(void) { sched_yield(); }
static inline u64 arch_ticks(void)
{
	u64 fixed = atomic_load_explicit(&host_clock, memory_order_relaxed);

	return fixed ? fixed : host_real_ticks();
}
static inline u64 arch_instret(void) { return arch_ticks(); }
static inline void arch_irq_on(void)
{
	host_irq_on = true;
	host_take_interrupts();
}
static inline void arch_irq_off(void)
{
	void (*before)(void) = atomic_load_explicit(&host_before_irq_off, memory_order_relaxed);

	if (before)
		before();
	host_irq_on = false;
}
static inline bool arch_irq_enabled(void) { return host_irq_on; }

static inline u64 *ctx_args(struct context *c) { return &c->x[10]; }
static inline u64 ctx_number(const struct context *c) { return c->x[17]; }
static inline void ctx_set_result(struct context *c, long r) { c->x[10] = r; }
static inline u64 ctx_pc(const struct context *c) { return c->x[0]; }
static inline void ctx_set_pc(struct context *c, u64 pc) { c->x[0] = pc; }
static inline u64 ctx_sp(const struct context *c) { return c->x[2]; }
static inline void ctx_set_sp(struct context *c, u64 sp) { c->x[2] = sp; }
static inline void ctx_set_tls(struct context *c, u64 tls) { c->x[4] = tls; }
static inline void ctx_skip_trap(struct context *c) { c->x[0] += 4; }
static inline u64 ctx_fault_address(const struct context *c) { return c->value; }
static inline u64 ctx_user_ticks(const struct context *c) { return c->user_ticks; }
static inline u32 ctx_fault_access(const struct context *c) { return c->access; }

#include "machine_mmu.h"
