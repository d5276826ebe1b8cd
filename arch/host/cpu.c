/* SPDX-License-Identifier: MIT */
/*
 * cpu.c (host): harts are threads, interrupts are signals.
 *
 * A signal that finds interrupts off leaves its bit in hart->pending; arch_irq_on() looks there.
 * Timers and devices (host_interrupt()) interrupt for real, wherever the thread is.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "arch/arch.h"
#include "core/rcu.h"

enum { HARTS = 64, REQUESTS = 64 };
enum { PENDING_TIMER = 1, PENDING_IPI = 2, PENDING_EXTERNAL = 4 };

struct hart {
	struct cpu	*_Atomic cpu;
	pthread_t	thread;
	timer_t		timer;
	_Atomic u64	timer_tick;		/* what it is set to, for the clock that stands still */
	_Atomic u32	pending;
	pthread_mutex_t	lock;			/* of those who raise interrupts */
	_Atomic u32	head, tail;		/* requests; the hart itself moves tail */
	struct { void (*fn)(void *arg); void *arg; } request[REQUESTS];
};

static struct hart harts[HARTS];
static _Atomic u32 hart_count;
static _Thread_local struct hart *self;

_Thread_local struct cpu *host_cpu;
_Thread_local volatile bool host_irq_on;
_Atomic u64 host_clock;
void (*_Atomic host_before_irq_off)(void);

/* Rooms above, if they are linked. */
__attribute__((weak)) void kernel_timer_irq(void) { }
__attribute__((weak)) void kernel_ipi(void) { }
__attribute__((weak)) void kernel_external_irq(void) { }
__attribute__((weak)) void kernel_hart_main(struct cpu *c) { abort(); }

/* --- interrupts ---------------------------------------------------------------------------------- */

static void run_requests(struct hart *h)
{
	u32 tail = atomic_load(&h->tail);

	while (tail != atomic_load(&h->head)) {
		h->request[tail % REQUESTS].fn(h->request[tail % REQUESTS].arg);
		atomic_store(&h->tail, ++tail);
	}
}

static void dispatch(struct hart *h, u32 bits)
{
	irq_enter(host_cpu);
	if (bits & PENDING_TIMER)
		kernel_timer_irq();
	if (bits & PENDING_IPI)
		kernel_ipi();
	if (bits & PENDING_EXTERNAL) {
		run_requests(h);
		kernel_external_irq();
	}
	host_cpu->irq_depth--;
}

void host_take_interrupts(void)
{
	u32 bits;

	while (self && host_irq_on && (bits = atomic_exchange(&self->pending, 0))) {
		host_irq_on = false;
		dispatch(self, bits);
		host_irq_on = true;
	}
}

static void on_signal(int signo)
{
	if (!self)
		return;
	if (signo == SIGUSR2)
		atomic_fetch_or(&self->pending, PENDING_TIMER);
	host_take_interrupts();
}

static void raise_on(struct hart *h, u32 bit)
{
	atomic_fetch_or(&h->pending, bit);
	pthread_kill(h->thread, SIGUSR1);
}

static struct hart *hart_of(struct cpu *c)
{
	for (u32 i = 0; i < HARTS; i++)
		if (atomic_load(&harts[i].cpu) == c)
			return &harts[i];
	abort();
}

void arch_send_ipi(struct cpu *c) { raise_on(hart_of(c), PENDING_IPI); }

void host_interrupt(struct cpu *c, void (*fn)(void *arg), void *arg)
{
	struct hart *h = hart_of(c);
	u32 head;

	pthread_mutex_lock(&h->lock);
	head = atomic_load(&h->head);
	while (head - atomic_load(&h->tail) == REQUESTS)
		sched_yield();
	h->request[head % REQUESTS].fn = fn;
	h->request[head % REQUESTS].arg = arg;
	atomic_store(&h->head, head + 1);
	pthread_mutex_unlock(&h->lock);
	raise_on(h, PENDING_EXTERNAL);
}

/* --- clock and timer ------------------------------------------------------------------------------ */

u64 host_real_ticks(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

u64 arch_ticks_hz(void) { return 1000000000; }
void arch_ticks_set_hz(u64 hz) { }

static void set_timer(u64 tick)
{
	struct itimerspec its = { .it_value = { tick / 1000000000, tick % 1000000000 } };

	timer_settime(self->timer, TIMER_ABSTIME, &its, NULL);
}

void arch_timer_set(u64 tick)
{
	atomic_store(&self->timer_tick, tick);
	if (!atomic_load(&host_clock) && tick != UINT64_MAX)
		set_timer(max(tick, 1u));
	else
		host_advance(0);
}

void arch_timer_quiet(void)
{
	atomic_store(&self->timer_tick, UINT64_MAX);
	if (!atomic_load(&host_clock))
		set_timer(0);
	atomic_fetch_and(&self->pending, ~PENDING_TIMER);
}

void host_advance(u64 ticks)
{
	u64 now = atomic_load(&host_clock) + ticks;

	if (now == ticks)
		return;				/* the real clock */
	atomic_store(&host_clock, now);
	if (self && atomic_load(&self->timer_tick) <= now) {
		atomic_fetch_or(&self->pending, PENDING_TIMER);
		host_take_interrupts();
	}
}

/* With a clock that stands still, the next thing that can happen is the timer. */
static void jump(void)
{
	u64 tick = atomic_load(&self->timer_tick);

	if (atomic_load(&host_clock) && tick != UINT64_MAX) {
		atomic_store(&host_clock, max(tick, atomic_load(&host_clock)));
		atomic_fetch_or(&self->pending, PENDING_TIMER);
	}
}

/* Not "the mask as it was": ThreadSanitizer's runtime sometimes leaves a thread with all signals
 * blocked, when one comes while it runs the handlers of others. */
void arch_wait(void)
{
	sigset_t block, old;

	sigemptyset(&block);
	sigaddset(&block, SIGUSR1);
	sigaddset(&block, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &block, &old);
	sigdelset(&old, SIGUSR1);
	sigdelset(&old, SIGUSR2);
	if (!atomic_load(&self->pending))
		jump();
	while (!atomic_load(&self->pending))
		sigsuspend(&old);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	arch_irq_on();
	arch_irq_off();
}

/* --- harts ----------------------------------------------------------------------------------------- */

static void catch(int signo)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	sigaddset(&sa.sa_mask, SIGUSR1);
	sigaddset(&sa.sa_mask, SIGUSR2);
	sigaction(signo, &sa, NULL);
}

static void become_hart(void)
{
	struct sigevent ev = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR2 };
	struct hart *h = &harts[atomic_fetch_add(&hart_count, 1)];

	ev._sigev_un._tid = syscall(SYS_gettid);
	h->thread = pthread_self();
	h->timer_tick = UINT64_MAX;
	pthread_mutex_init(&h->lock, NULL);
	timer_create(CLOCK_MONOTONIC, &ev, &h->timer);
	catch(SIGUSR1);
	catch(SIGUSR2);
	self = h;
}

void arch_cpu_init(struct cpu *c)
{
	host_irq_on = false;
	host_cpu = c;
	if (!self)
		become_hart();
	atomic_store(&self->pending, 0);
	atomic_store(&self->cpu, c);
}

static void *hart_thread(void *c)
{
	kernel_hart_main(c);
	return NULL;
}

long host_start_hart(struct cpu *c)
{
	pthread_t t;

	return -pthread_create(&t, NULL, hart_thread, c);
}

/* --- the rest --------------------------------------------------------------------------------------- */

void arch_putc(char c)
{
	if (write(2, &c, 1) < 0)
		return;
}

void arch_power_off(u32 status)
{
	fflush(NULL);
	_exit(status);
}

void arch_fence_instructions(void) { }
bool arch_random(u64 *out) { return false; }
u32 arch_backtrace(u64 *pc, u32 max) { return 0; }
void arch_features(const char *isa) { }
void arch_seal(void) { }
