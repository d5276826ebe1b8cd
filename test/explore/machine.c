/* SPDX-License-Identifier: MIT */
/* machine.c: harts and devices as fibres, their interrupts, and the contract of arch/arch.h. */
#define _GNU_SOURCE
#include <sys/mman.h>
#include "test/explore/private.h"

_Thread_local struct cpu *host_cpu;
_Thread_local volatile bool host_irq_on;
_Atomic u64 host_clock = START;
void (*_Atomic host_before_irq_off)(void);

/* --- one goes on, another stops ------------------------------------------------------------------ */

static void take_interrupts(void)
{
	struct fibre *f = x->current;

	while (host_irq_on && f->pending) {
		u32 bits = f->pending;

		f->pending = 0;
		host_irq_on = false;
		watched_irq_enter(f->cpu);
		if (bits & BIT_TIMER)
			exec_timer_irq();
		for (u32 i = 0; bits & BIT_EXTERNAL && i < f->requests; i++) {
			join(f->now, f->request[i].clock);
			f->request[i].fn(f->request[i].arg);
		}
		if (bits & BIT_EXTERNAL)
			f->requests = 0;
		f->cpu->irq_depth--;
		host_irq_on = true;
	}
}

static bool can_go_on(struct fibre *f)
{
	return f->state == READY || (f->pending && (f->state == WAITING ||
			(f->state == SPINNING && f->irq_on)));
}

bool maybe_switch(void)
{
	u8 option[FIBRES + 1] = { GO_ON }, to;
	u32 n = 1;

	for (u32 i = 0; x->deviations && i < x->fibres; i++)
		if (&x->fibre[i] != x->current && can_go_on(&x->fibre[i]))
			option[n++] = i + 1;
	to = decide(option, n);
	if (to)
		switch_to(&x->fibre[to - 1]);
	return to;
}

/* Before an atomic operation: true, the word is shared. */
bool point(uintptr_t at, bool write, char kind, void *pc)
{
	struct fibre *f = x->current;
	bool shared;

	if (++x->steps > STEPS)
		explore_fail("does not end");
	x->trace[x->steps] = (struct step){ f - x->fibre, kind, pc, at };
	shared = is_shared(at, write);
	f->last = at;
	if (shared || f->buffered)
		maybe_switch();
	f->last = at;
	return shared;
}

static void fibre_main(void)
{
	struct fibre *f = x->current;

	if (f->device)
		f->device();
	else
		exec_run();
	stop_current(ENDED);
}

void switch_to(struct fibre *f)
{
	struct fibre *me = x->current;

	me->irq_on = host_irq_on;
	if (!_setjmp(me->regs)) {
		x->current = f;
		host_cpu = f->cpu;
		host_irq_on = f->irq_on;
		f->state = READY;
		if (f->started)
			_longjmp(f->regs, 1);
		f->started = true;
		setcontext(&f->first);
	}
	flush(me);				/* a delay does not last for ever */
	take_interrupts();
}

/* Everybody sleeps: the next thing that can happen is a timer.  False: nothing. */
static bool ring_timer(void)
{
	struct fibre *first = NULL;

	for (u32 i = 0; i < x->s->harts; i++)
		if (x->fibre[i].tick != UINT64_MAX && (!first || x->fibre[i].tick < first->tick))
			first = &x->fibre[i];
	if (!first)
		return false;
	host_clock = max(host_clock, first->tick);
	first->pending |= BIT_TIMER;
	return true;
}

void stop_current(enum state how)
{
	struct fibre *me = x->current;
	u8 option[FIBRES];
	u32 n = 0, spinning = 0;

	/* It may stop before its stores are seen; who spins then looks again. */
	if (me->buffered && maybe_switch() && how == SPINNING)
		return;
	flush(me);
	me->state = how;
	me->irq_on = host_irq_on;
	x->trace[++x->steps] = (struct step){ me - x->fibre, 's', __builtin_return_address(0), me->last };
	for (u32 i = 0; i < x->fibres; i++)
		spinning += x->fibre[i].state == SPINNING;
	do {
		for (u32 i = 0; i < x->fibres; i++)
			if (can_go_on(&x->fibre[x->rank[i]]))
				option[n++] = x->rank[i] + 1;
	} while (!n && !spinning && ring_timer());
	if (!n && spinning)
		explore_fail("%u spin and nobody goes on", spinning);
	if (!n)
		_longjmp(x->over, 1);
	n = decide(option, n);
	if (&x->fibre[n - 1] == me)
		me->state = READY;
	else
		switch_to(&x->fibre[n - 1]);
}

void fibre_init(u32 i, struct cpu *c, void (*device)(void))
{
	struct fibre *f = &x->fibre[i];
	char *stack = f->stack;

	if (!stack)
		stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(f, 0, sizeof(*f));
	f->stack = stack;
	f->cpu = c;
	f->device = device;
	f->tick = UINT64_MAX;
	f->now[i] = 1;
	getcontext(&f->first);
	f->first.uc_stack.ss_sp = stack;
	f->first.uc_stack.ss_size = STACK;
	makecontext(&f->first, fibre_main, 0);
}

void start_fibre(struct fibre *f)
{
	x->current = f;
	host_cpu = f->cpu;
	host_irq_on = false;
	f->started = true;
	setcontext(&f->first);
}

/* --- the machine --------------------------------------------------------------------------------- */

void host_take_interrupts(void)
{
	if (x && x->current)
		take_interrupts();
}

int sched_yield(void)				/* arch_relax() */
{
	if (x->current)
		stop_current(SPINNING);
	return 0;
}

void arch_wait(void)
{
	if (!x->current->pending)
		stop_current(WAITING);
	arch_irq_on();
	arch_irq_off();
}

static struct fibre *fibre_of(struct cpu *c) { return &x->fibre[c - cpus]; }
u32 arch_backtrace(u64 *pc, u32 max) { return 0; }
void arch_send_ipi(struct cpu *c) { fibre_of(c)->pending |= BIT_IPI; }
void arch_cpu_init(struct cpu *c) { host_cpu = c; }
u64 arch_ticks_hz(void) { return 1000000000; }
u64 host_real_ticks(void) { return START; }
void arch_timer_quiet(void) { fibre_of(this_cpu())->tick = UINT64_MAX; }
void arch_timer_set(u64 tick)
{
	struct fibre *f = fibre_of(this_cpu());

	f->tick = tick;
	if (tick <= host_clock)
		f->pending |= BIT_TIMER;
}
void host_advance(u64 ticks) { }

void explore_advance(u64 ns)
{
	atomic_fetch_add(&host_clock, ns);
	for (u32 i = 0; i < x->s->harts; i++)
		if (x->fibre[i].tick <= host_clock)
			x->fibre[i].pending |= BIT_TIMER;
}

void explore_interrupt(u32 hart, void (*fn)(void *arg), void *arg)
{
	struct fibre *f = &x->fibre[hart], *me = x->current;
	u32 n = f->requests++;

	f->request[n].fn = fn;
	f->request[n].arg = arg;
	memcpy(f->request[n].clock, me->now, sizeof(vclock));
	me->now[me - x->fibre]++;
	f->pending |= BIT_EXTERNAL;
}

void explore_on(u32 hart) { host_cpu = &cpus[hart]; }

void arch_putc(char c)
{
	if (x->logged < sizeof(x->log) - 1)
		x->log[x->logged++] = c;
}
void arch_power_off(u32 status)
{
	x->log[x->logged] = 0;
	explore_fail("%s", x->log);
}
