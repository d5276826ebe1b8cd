/* SPDX-License-Identifier: MIT */
/*
 * explore.c: runs scenarios in every order, on one thread.
 *
 * The kernel's own sources are compiled with clang's -fsanitize=thread, but linked with this file
 * instead of the sanitizer: each atomic operation calls us before it is done, each plain access says
 * where it goes.  Harts are fibres; before an operation on a word that several of them use (or a hart
 * and its interrupt handlers), another one may go on.  So a run is a list of decisions, and all lists
 * are tried, depth first, with at most so many deviations from a plain order: go on until you
 * stop, then the first one in a list does; all such lists are tried, too.
 *
 * Weak memory: a store or the store of a read-modify-write may be delayed (this is a deviation, too): others see it only when its fibre meets a fence or a later release store, stops, or is gone on with
 * after a switch.  What must be ordered without one is ordered by happens-before: each atomic
 * word carries a vector clock as C11's release and acquire say, and two accesses to a plain word, of
 * which one writes, must be ordered by it.  So a missing acquire or release is an error in the first
 * order in which it matters, though this host never reorders.
 *
 * Not covered: loads that overtake loads, and more deviations than the bound.
 *
 * Between two runs .data and .bss are put back as they were; all that must survive is in *x.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>
#include "test/explore/explore.h"

enum {
	FIBRES = EXPLORE_HARTS + EXPLORE_DEVICES, STACK = 64 << 10, DECISIONS = 1 << 15, STEPS = 20000,
	CELLS = 1 << 15, SYNCS = 1 << 12, BUFFER = 4, REQUESTS = 8, RANDOM_BOUND = 6, START = 1000000,
};
enum { RELAXED, CONSUME, ACQUIRE, RELEASE, ACQ_REL, SEQ_CST };	/* as compilers number them */
enum { BIT_TIMER = 1, BIT_IPI = 2, BIT_EXTERNAL = 4 };
enum { GO_ON = 0, DELAY = 100 };		/* decisions; 1 + n: fibre n goes on */
enum state { READY, WAITING, SPINNING, ENDED };

typedef u32 vclock[FIBRES];

struct delayed { uintptr_t at; u32 size; u64 value; bool rmw; vclock clock; };

struct fibre {
	jmp_buf		regs;
	ucontext_t	first;
	bool		started;
	enum state	state;
	struct cpu	*cpu;
	bool		irq_on;
	u32		pending;
	u64		tick;
	uintptr_t	last;			/* word of its last atomic operation */
	vclock		now, released, seen;	/* seen: what an acquire fence will make its own */
	struct delayed	buffer[BUFFER];
	u32		buffered;
	struct { void (*fn)(void *); void *arg; vclock clock; } request[REQUESTS];
	u32		requests;
	void		(*device)(void);
	char		*stack;
};

/* Who has touched four bytes, and when. */
struct cell {
	uintptr_t	at;
	u32		run;
	u8		write_mask, read_mask, freed;
	u8		writer;
	u32		write_time;
	vclock		read, atomic_read, atomic_write;
	void		*write_pc, *read_pc, *atomic_pc;
};
struct sync { uintptr_t at; u32 run; vclock clock; };
struct shared { uintptr_t at; u32 readers, writers; };

struct decision { u32 step, count, taken; u8 option[FIBRES + 1]; };
struct step { u8 fibre; char kind; void *pc; uintptr_t at; };

static struct explorer {
	const struct scenario *s;
	struct fibre	fibre[FIBRES];
	struct fibre	*current;
	u32		fibres, run, steps;
	u8		rank[FIBRES];		/* who goes on when somebody stops: the first that can */
	u32		bound, deviations;	/* allowed in a run; left in this one */
	u64		seed;
	u64		random;			/* 0: all orders; else the state of a generator */
	jmp_buf		over;
	char		failure[512];
	void		*culprit[2];		/* two places of a race */
	bool		failed, grew;
	struct decision	decision[DECISIONS];
	u32		decisions, at;
	struct { u32 step; u8 option; } replay[DECISIONS];
	u32		replays;
	bool		replaying;
	struct step	trace[STEPS + 1];
	struct cell	cell[CELLS];
	struct sync	sync[SYNCS];
	struct shared	shared[SYNCS];
	char		log[4096];
	u32		logged;
	char		*data;
} *x;

_Thread_local struct cpu *host_cpu;
_Thread_local volatile bool host_irq_on;
_Atomic u64 host_clock = START;
void (*host_before_irq_off)(void);
extern char __data_start[], _end[];

static void switch_to(struct fibre *f);
static void stop_current(enum state how);

/* --- failing ------------------------------------------------------------------------------------- */

void explore_fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->failure, sizeof(x->failure), fmt, ap);
	va_end(ap);
	x->failed = true;
	_longjmp(x->over, 1);
}

static const char *place(void *pc)
{
	static char line[256];
	char cmd[128], fn[128] = "?", where[256] = "?";
	FILE *p;

	snprintf(cmd, sizeof(cmd), "addr2line -s -f -e /proc/%d/exe %p", getpid(), (char *)pc - 1);
	if ((p = popen(cmd, "r"))) {
		if (fscanf(p, "%127s %255s", fn, where) != 2)
			where[0] = 0;
		pclose(p);
	}
	snprintf(line, sizeof(line), "%s %s", where, fn);
	return line;
}

static const char *fibre_name(u32 i)
{
	static char name[2][16];
	static u32 n;
	char *s = name[n++ & 1];

	snprintf(s, 16, i < x->s->harts ? "hart %u" : "device %u", i < x->s->harts ? i : i - x->s->harts);
	return s;
}

/* One line for each stretch that one fibre ran. */
static void print_schedule(bool all)
{
	u32 from = x->fibres + 1;		/* before that the order was chosen */

	for (u32 i = from; i <= x->steps && i <= STEPS; i++) {
		struct step *s = &x->trace[i];
		bool last = i == x->steps || x->trace[i + 1].fibre != s->fibre;

		if (all || x->trace[i].kind == 'd')
			printf("    %5u %s %c %lx %s\n", i, fibre_name(s->fibre), s->kind, s->at, place(s->pc));
		if (!last)
			continue;
		if (!all) {
			printf("    %5u-%u %s: %s", from, i, fibre_name(s->fibre), place(x->trace[from].pc));
			printf(" ... %s\n", place(s->pc));
		}
		from = i + 1;
	}
}

static void print_replay(void)
{
	const char *sep = "";

	printf("    again: --replay %s ", x->s->name);
	for (u32 i = 0; i < x->at; i++) {
		struct decision *d = &x->decision[i];

		if (d->option[d->taken] == d->option[0])
			continue;
		printf("%s%u:%u", sep, d->step, d->option[d->taken]);
		sep = ",";
	}
	printf("\n");
}

/* --- decisions ----------------------------------------------------------------------------------- */

static u8 replayed(const struct decision *d)
{
	for (u32 i = 0; i < x->replays; i++)
		if (x->replay[i].step == d->step)
			for (u32 k = 0; k < d->count; k++)
				if (d->option[k] == x->replay[i].option)
					return k;
	return 0;
}

static u32 random_below(u32 n)
{
	x->random ^= x->random << 13;
	x->random ^= x->random >> 7;
	x->random ^= x->random << 17;
	return (x->random >> 33) % n;
}

/* Rarely anything but the default: the few that the bounds allow shall be spread over a run. */
static u8 random_option(u32 count)
{
	return random_below(16) ? 0 : random_below(count);
}

static u8 decided(struct decision *d)
{
	if (x->deviations && d->taken)
		x->deviations--;
	return d->option[d->taken];
}

/* Option 0 is what happens by default. */
static u8 decide(const u8 *option, u32 count)
{
	struct decision *d = &x->decision[x->at];

	if (count == 1 || !x->deviations)
		return option[0];
	if (x->at == DECISIONS)
		explore_fail("more than %u decisions", DECISIONS);
	if (x->at++ < x->decisions) {
		if (d->step != x->steps || d->count != count || memcmp(d->option, option, count)) {
			x->grew = true;			/* other words are shared now: begin again */
			_longjmp(x->over, 1);
		}
		return decided(d);
	}
	*d = (struct decision){ .step = x->steps, .count = count };
	memcpy(d->option, option, count);
	if (x->replaying)
		d->taken = replayed(d);
	else if (x->random)
		d->taken = random_option(count);
	x->decisions = x->at;
	return decided(d);
}

/* The next list of decisions: false, all were tried. */
static bool next_run(void)
{
	while (x->decisions) {
		struct decision *d = &x->decision[x->decisions - 1];

		if (++d->taken < d->count)
			return true;
		x->decisions--;
	}
	return false;
}

/* --- clocks -------------------------------------------------------------------------------------- */

static void join(vclock to, const vclock from)
{
	for (u32 i = 0; i < FIBRES; i++)
		to[i] = max(to[i], from[i]);
}

static struct sync *sync_of(uintptr_t at)
{
	for (u32 h = (u32)(at / 4) * 0x9e3779b1u >> 20, i = 0; i < SYNCS; i++, h++) {
		struct sync *s = &x->sync[h % SYNCS];

		if (s->run == x->run && s->at == at)
			return s;
		if (s->run != x->run) {
			memset(s, 0, sizeof(*s));
			s->run = x->run;
			s->at = at;
			return s;
		}
	}
	abort();
}

static void acquired(struct fibre *f, uintptr_t at, int order)
{
	struct sync *s = sync_of(at);

	join(order == RELAXED || order == RELEASE ? f->seen : f->now, s->clock);
}

static bool releases(int order) { return order >= RELEASE; }

/* What a store of @order hands on. */
static void handed_on(struct fibre *f, int order, vclock out)
{
	memcpy(out, releases(order) ? f->now : f->released, sizeof(vclock));
	if (releases(order))
		f->now[f - x->fibre]++;
}

/* --- who touches what ---------------------------------------------------------------------------- */

static struct cell *cell_of(uintptr_t at)
{
	for (u32 h = (u32)(at / 4) * 0x9e3779b1u >> 17, i = 0; i < CELLS; i++, h++) {
		struct cell *c = &x->cell[h % CELLS];

		if (c->run == x->run && c->at == at / 4)
			return c;
		if (c->run != x->run) {
			memset(c, 0, sizeof(*c));
			c->run = x->run;
			c->at = at / 4;
			return c;
		}
	}
	abort();
}

static void race(struct cell *c, const char *what, void *pc, void *other)
{
	x->culprit[0] = pc;
	x->culprit[1] = other;
	explore_fail("%s at %lx by %s", what, c->at * 4, fibre_name(x->current - x->fibre));
}

static bool unordered(const vclock when, const struct fibre *f)
{
	for (u32 i = 0; i < FIBRES; i++)
		if (i != (u32)(f - x->fibre) && when[i] > f->now[i])
			return true;
	return false;
}

static void touch(uintptr_t at, u8 mask, bool write, bool atomic, void *pc)
{
	struct fibre *f = x->current;
	u32 me = f - x->fibre;
	struct cell *c = cell_of(at);

	if (c->freed & mask)
		race(c, "used after free", pc, c->write_pc);
	if (c->write_mask & mask && c->writer != me && c->write_time > f->now[c->writer])
		race(c, "race", pc, c->write_pc);
	if (!atomic && (unordered(c->atomic_write, f) || (write && unordered(c->atomic_read, f))))
		race(c, "race with atomic", pc, c->atomic_pc);
	if (write && c->read_mask & mask && unordered(c->read, f))
		race(c, "race", pc, c->read_pc);
	if (atomic) {
		(write ? c->atomic_write : c->atomic_read)[me] = f->now[me];
		c->atomic_pc = pc;
	} else if (write) {
		c->writer = me;
		c->write_time = f->now[me];
		c->write_mask = mask;
		c->write_pc = pc;
	} else {
		c->read[me] = f->now[me];
		c->read_mask |= mask;
		c->read_pc = pc;
	}
}

static bool on_stack(uintptr_t at)
{
	for (u32 i = 0; i < x->fibres; i++)
		if (at - (uintptr_t)x->fibre[i].stack < STACK)
			return true;
	return false;
}

static void access_range(uintptr_t at, size_t n, bool write, bool atomic, void *pc)
{
	if (!x || !x->current || on_stack(at) || at == (uintptr_t)&host_cpu || at == (uintptr_t)&host_irq_on)
		return;
	while (n) {
		u32 first = at % 4, part = min(n, (size_t)4 - first);

		touch(at, ((1u << part) - 1) << first, write, atomic, pc);
		at += part;
		n -= part;
	}
}

void explore_free(void *p, size_t n)
{
	if (!x->current)
		return;
	access_range((uintptr_t)p, n, true, false, __builtin_return_address(0));
	for (uintptr_t at = (uintptr_t)p; at < (uintptr_t)p + n; at += 4)
		cell_of(at)->freed = 15;
}

/* Words that several use (a hart's interrupts are another one) and one changes: only before operations on these others may go on. */
static bool is_shared(uintptr_t at, bool write)
{
	struct fibre *f = x->current;
	u32 bit = 1u << (f - x->fibre + (f->cpu && f->cpu->irq_depth ? FIBRES : 0)), all;

	if (x->replaying)
		return true;
	for (u32 h = (u32)(at / 4) * 0x9e3779b1u >> 20, i = 0; i < SYNCS; i++, h++) {
		struct shared *s = &x->shared[h % SYNCS];
		bool was;

		if (s->at && s->at != at)
			continue;
		s->at = at;
		all = s->readers | s->writers;
		was = s->writers && all & (all - 1);
		*(write ? &s->writers : &s->readers) |= bit;
		all = s->readers | s->writers;
		return was;			/* the first time counts from the next run on */
	}
	abort();
}

/* Has it become shared since?  Asked after a run. */
static u32 shared_count(void)
{
	u32 n = 0;

	for (u32 i = 0; i < SYNCS; i++) {
		u32 all = x->shared[i].readers | x->shared[i].writers;

		n += x->shared[i].writers && all & (all - 1);
	}
	return n;
}

/* --- memory -------------------------------------------------------------------------------------- */

static void wake_spinners(uintptr_t at)
{
	for (u32 i = 0; i < x->fibres; i++)
		if (x->fibre[i].state == SPINNING && x->fibre[i].last == at)
			x->fibre[i].state = READY;
}

static void claim(uintptr_t at);
static void apply(struct delayed *d)
{
	struct sync *s = sync_of(d->at);

	claim(d->at);
	memcpy((void *)d->at, &d->value, d->size);
	if (d->rmw)
		join(s->clock, d->clock);
	else
		memcpy(s->clock, d->clock, sizeof(vclock));
	wake_spinners(d->at);
}

static void flush(struct fibre *f)
{
	struct delayed d;

	while (f->buffered) {
		d = f->buffer[0];
		memmove(f->buffer, f->buffer + 1, --f->buffered * sizeof(d));
		apply(&d);
	}
}

/* A word in the middle of somebody's read-modify-write is his until it is written. */
static void claim(uintptr_t at)
{
	for (u32 i = 0; i < x->fibres; i++)
		for (u32 k = 0; k < x->fibre[i].buffered; k++)
			if (x->fibre[i].buffer[k].rmw && x->fibre[i].buffer[k].at == at) {
				flush(&x->fibre[i]);
				break;
			}
}

static bool buffers(struct fibre *f, uintptr_t at)
{
	for (u32 i = 0; i < f->buffered; i++)
		if (f->buffer[i].at == at)
			return true;
	return false;
}

static bool delay_it(struct fibre *f, bool shared)
{
	const u8 option[] = { GO_ON, DELAY };

	if (!shared || f->buffered == BUFFER || decide(option, 2) != DELAY)
		return false;
	x->trace[x->steps].kind = 'd';
	return true;
}

static void put(struct fibre *f, uintptr_t at, u32 size, u64 v, int order, bool rmw, bool shared)
{
	struct delayed d = { .at = at, .size = size, .value = v, .rmw = rmw };

	handed_on(f, order, d.clock);
	if (delay_it(f, shared)) {
		f->buffer[f->buffered++] = d;
		return;
	}
	if (releases(order) || buffers(f, at))
		flush(f);
	apply(&d);
}

static u64 get(struct fibre *f, uintptr_t at, u32 size)
{
	u64 v = 0;

	memcpy(&v, (void *)at, size);
	for (u32 i = 0; i < f->buffered; i++)
		if (f->buffer[i].at == at)
			v = f->buffer[i].value;
	return v;
}

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

static bool maybe_switch(void)
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
static bool point(uintptr_t at, bool write, char kind, void *pc)
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

static void switch_to(struct fibre *f)
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

static void stop_current(enum state how)
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

/* --- what the compiler calls --------------------------------------------------------------------- */

#define PC __builtin_return_address(0)
#define LOCAL(p) (!x || !x->current || on_stack((uintptr_t)(p)))

static u64 masked(u64 v, u32 size) { return size == 8 ? v : v & ((1ull << size * 8) - 1); }

static u64 do_load(uintptr_t at, u32 size, int order, void *pc)
{
	struct fibre *f = x->current;

	point(at, false, 'r', pc);
	if (order == SEQ_CST)
		flush(f);
	access_range(at, size, false, true, pc);
	acquired(f, at, order);
	return get(f, at, size);
}

static void do_store(uintptr_t at, u32 size, u64 v, int order, void *pc)
{
	bool shared = point(at, true, 'w', pc);

	access_range(at, size, true, true, pc);
	claim(at);
	put(x->current, at, size, v, order, false, shared);
}

enum op { OP_XCHG, OP_ADD, OP_SUB, OP_AND, OP_OR, OP_XOR };
static u64 operate(enum op op, u64 old, u64 v)
{
	switch (op) {
	case OP_XCHG: return v;
	case OP_ADD: return old + v;
	case OP_SUB: return old - v;
	case OP_AND: return old & v;
	case OP_OR: return old | v;
	case OP_XOR: return old ^ v;
	}
	abort();
}

static u64 do_rmw(enum op op, uintptr_t at, u32 size, u64 v, int order, void *pc)
{
	bool shared = point(at, true, 'x', pc);
	struct fibre *f = x->current;
	u64 old;

	access_range(at, size, true, true, pc);
	if (releases(order) || buffers(f, at))
		flush(f);
	claim(at);
	old = get(f, at, size);
	acquired(f, at, order);
	put(f, at, size, masked(operate(op, old, v), size), order, true, shared);
	return old;
}

static u64 do_cas(uintptr_t at, u32 size, u64 expect, u64 v, int order, int failed, void *pc)
{
	bool shared = point(at, true, 'c', pc);
	struct fibre *f = x->current;
	u64 old;

	if (releases(order) || buffers(f, at))
		flush(f);
	claim(at);
	old = get(f, at, size);
	access_range(at, size, old == expect, true, pc);
	acquired(f, at, old == expect ? order : failed);
	if (old == expect)
		put(f, at, size, masked(v, size), order, true, shared);
	return old;
}

static u64 raw_get(const volatile void *p, u32 size)
{
	u64 v = 0;

	memcpy(&v, (const void *)p, size);
	return v;
}

#define ATOMICS(N, T)								\
	T __tsan_atomic##N##_load(const volatile T *p, int o)			\
	{									\
		return LOCAL(p) ? *p : (T)do_load((uintptr_t)p, N / 8, o, PC);	\
	}									\
	void __tsan_atomic##N##_store(volatile T *p, T v, int o)		\
	{									\
		if (LOCAL(p))							\
			*p = v;							\
		else								\
			do_store((uintptr_t)p, N / 8, v, o, PC);		\
	}									\
	T __tsan_atomic##N##_compare_exchange_val(volatile T *p, T e, T v, int o, int fo)	\
	{									\
		T old;								\
										\
		if (!LOCAL(p))							\
			return (T)do_cas((uintptr_t)p, N / 8, e, v, o, fo, PC);	\
		if ((old = *p) == e)						\
			*p = v;							\
		return old;							\
	}									\
	RMW(N, T, exchange, OP_XCHG) RMW(N, T, fetch_add, OP_ADD) RMW(N, T, fetch_sub, OP_SUB)	\
	RMW(N, T, fetch_and, OP_AND) RMW(N, T, fetch_or, OP_OR) RMW(N, T, fetch_xor, OP_XOR)
#define RMW(N, T, name, op)							\
	T __tsan_atomic##N##_##name(volatile T *p, T v, int o)			\
	{									\
		T old;								\
										\
		if (!LOCAL(p))							\
			return (T)do_rmw(op, (uintptr_t)p, N / 8, v, o, PC);	\
		old = raw_get(p, N / 8);					\
		*p = operate(op, old, v);					\
		return old;							\
	}
ATOMICS(8, u8) ATOMICS(16, u16) ATOMICS(32, u32) ATOMICS(64, u64)

void __tsan_atomic_thread_fence(int order)
{
	struct fibre *f = x ? x->current : NULL;

	if (!f)
		return;
	if (order != ACQUIRE) {
		flush(f);
		memcpy(f->released, f->now, sizeof(vclock));
		f->now[f - x->fibre]++;
	}
	if (order != RELEASE)
		join(f->now, f->seen);
}
void __tsan_atomic_signal_fence(int order) { }

#define PLAIN(n)								\
	void __tsan_read##n(void *p) { access_range((uintptr_t)p, n, false, false, PC); }	\
	void __tsan_write##n(void *p) { access_range((uintptr_t)p, n, true, false, PC); }	\
	void __tsan_unaligned_read##n(void *p) { access_range((uintptr_t)p, n, false, false, PC); }	\
	void __tsan_unaligned_write##n(void *p) { access_range((uintptr_t)p, n, true, false, PC); }
PLAIN(1) PLAIN(2) PLAIN(4) PLAIN(8) PLAIN(16)
void __tsan_init(void) { }
void __tsan_func_entry(void *pc) { }
void __tsan_func_exit(void) { }
void *__tsan_memset(void *p, int c, size_t n)
{
	access_range((uintptr_t)p, n, true, false, PC);
	return memset(p, c, n);
}
void *__tsan_memcpy(void *to, const void *from, size_t n)
{
	access_range((uintptr_t)from, n, false, false, PC);
	access_range((uintptr_t)to, n, true, false, PC);
	return memcpy(to, from, n);
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

/* --- runs ---------------------------------------------------------------------------------------- */

static void fibre_init(u32 i, struct cpu *c, void (*device)(void))
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

static void set_up(const struct scenario *s)
{
	memcpy(__data_start, x->data, _end - __data_start);
	x->run++;
	x->steps = x->at = x->logged = 0;
	x->current = NULL;
	x->fibres = s->harts;
	for (u32 i = 0; i < s->harts; i++) {
		fibre_init(i, &cpus[i], NULL);
		exec_init(&cpus[i], i, i);
	}
	for (u32 i = 0; i < EXPLORE_DEVICES && s->device[i]; i++)
		fibre_init(x->fibres++, NULL, s->device[i]);
	check_chaos = false;
	explore_on(0);
	s->setup();
}

/* The order in which fibres go on, if nothing deviates from it: any. */
static void choose_ranks(void)
{
	u8 left[FIBRES] = { 1, 2, 3, 4, 5 }, to;

	x->deviations = FIBRES;				/* these are free */
	for (u32 i = 0, n = x->fibres; n; i++, n--) {
		x->steps++;
		to = decide(left, n);
		x->rank[i] = to - 1;
		for (u32 k = 0, m = 0; k < n; k++)
			if (left[k] != to)
				left[m++] = left[k];
	}
	x->deviations = x->bound;
}

static void start(struct fibre *f)
{
	x->current = f;
	host_cpu = f->cpu;
	host_irq_on = false;
	f->started = true;
	setcontext(&f->first);
}

/* One run: false if it failed. */
static bool run_once(const struct scenario *s)
{
	set_up(s);
	if (!_setjmp(x->over)) {
		choose_ranks();
		start(&x->fibre[x->rank[0]]);
	}
	x->current = NULL;
	if (!x->failed && !x->grew && !_setjmp(x->over)) {
		explore_on(0);
		s->at_rest();
	}
	return !x->failed;
}

static void forget(void)
{
	memset(x->shared, 0, sizeof(x->shared));
	x->decisions = 0;
	x->random = 0;
	x->failed = x->grew = x->replaying = false;
	x->culprit[0] = x->culprit[1] = NULL;
}

static double seconds(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static bool failed(const struct scenario *s, u32 runs)
{
	x->current = NULL;
	printf("not ok %s: in order %u: %s\n", s->name, runs, x->failure);
	for (u32 i = 0; i < 2; i++)
		if (x->culprit[i])
			printf("    at %s\n", place(x->culprit[i]));
	print_schedule(x->replaying);
	print_replay();
	fflush(stdout);
	return false;
}

/* All orders within the bound, or random ones: false if one failed.  Words found to be shared late
 * would have been places to switch earlier: then begin again. */
static bool explore_bound(const struct scenario *s, u32 *runs, double until, bool *all)
{
	u32 known = shared_count();

	x->decisions = 0;
	*all = true;
	do {
		++*runs;
		if (!run_once(s))
			return failed(s, *runs);
		if (x->grew || shared_count() != known || x->random)
			x->decisions = 0;
		known = shared_count();
		x->grew = false;
		*all = seconds() < until;
	} while (*all && (!x->decisions || next_run()));
	return true;
}

/* With one deviation, with two and so on while there is time; then at random with some more. */
static bool explore(const struct scenario *s, double limit)
{
	double begin = seconds();
	u32 runs = 0, most = s->most ? s->most : 3;
	bool all = true;

	x->s = s;
	forget();
	for (x->bound = 1; all && x->bound <= most; x->bound++)
		if (!explore_bound(s, &runs, begin + limit, &all))
			return false;
	printf("ok %s: %u orders: all with up to %u deviations", s->name, runs, x->bound - 1 - !all);
	if (!all) {
		runs = 0;
		x->bound = RANDOM_BOUND;
		x->random = x->seed;
		if (!explore_bound(s, &runs, begin + limit * 1.5, &all))
			return false;
		printf(", %u random ones with %u, seed %lu", runs, RANDOM_BOUND, x->seed);
	}
	printf("; %u shared words, %.1f s\n", shared_count(), seconds() - begin);
	fflush(stdout);
	return true;
}

static bool replay(const struct scenario *s, const char *list)
{
	u32 step, option;
	int n;

	x->s = s;
	forget();
	x->replaying = true;
	x->bound = 99;
	for (; sscanf(list, "%u:%u%n", &step, &option, &n) == 2; list += n + (list[n] == ',')) {
		x->replay[x->replays].step = step;
		x->replay[x->replays++].option = option;
	}
	return run_once(s) || failed(s, 1);
}

int main(int argc, char **argv)
{
	double limit = getenv("LIMIT") ? atof(getenv("LIMIT")) : 0.5;
	const char *seed = getenv("SEED");
	bool good = true, again = argc > 3 && !strcmp(argv[1], "--replay");

	x = mmap(NULL, sizeof(*x), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	x->seed = seed ? strtoull(seed, NULL, 0) : (u64)time(NULL);
	x->data = malloc(_end - __data_start);
	memcpy(x->data, __data_start, _end - __data_start);
	for (u32 i = 0; scenarios[i]; i++) {
		const struct scenario *s = scenarios[i];

		if (again && !strcmp(s->name, argv[2]))
			good &= replay(s, argv[3]);
		else if (!again && (argc < 2 || strstr(s->name, argv[1])))
			good &= explore(s, limit);
	}
	return !good;
}
