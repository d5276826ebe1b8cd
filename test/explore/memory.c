/* SPDX-License-Identifier: MIT */
/*
 * memory.c: what the compiler calls for each access, who touched what and when, and stores that others see
 * later.  explore.c says what the rules are.
 */
#include "test/explore/private.h"

/* --- clocks -------------------------------------------------------------------------------------- */

void join(vclock to, const vclock from)
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
bool is_shared(uintptr_t at, bool write)
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
u32 shared_count(void)
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

void flush(struct fibre *f)
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
