/* SPDX-License-Identifier: MIT */
/*
 * sys/futex.c: the futex calls' arguments.  What they mean is in proc/futex.c.
 */
#include <asm/unistd.h>
#include <linux/futex.h>
#include <linux/time.h>
#include "core/time.h"
#include "lib/timespec.h"
#include "mem/heap.h"
#include "mem/user.h"
#include "proc/clocks.h"
#include "proc/futex.h"
#include "proc/process.h"
#include "sys/table.h"

/* Relative for FUTEX_WAIT, absolute for the others; absolute here. */
static async long read_deadline(uaddr_t at, u32 op, u64 *deadline)
{
	struct timespec_k ts;
	u64 ns;
	long r;

	*deadline = 0;
	if (!at)
		return 0;
	if ((r = user_get(ts, at)) || (r = timespec_ns(&ts, &ns)))
		return r;
	if ((op & FUTEX_CMD_MASK) == FUTEX_WAIT)
		ns = time_add(clock_now(), ns);
	*deadline = max(ns, 1ull);
	return 0;
}

/* Of a time of day the deadline is another one when the clock is set: looked up at every poll. */
static u64 now_deadline(u32 op, u64 at)
{
	bool real = op & FUTEX_CLOCK_REALTIME && (op & FUTEX_CMD_MASK) != FUTEX_WAIT;

	return at ? clock_id_deadline(real ? CLOCK_REALTIME : CLOCK_MONOTONIC, at, 0) : 0;
}

static async long wait(struct co *co, const u64 *a, u32 op, u32 bits)
{
	struct { u64 deadline; } *f = co_frame(co);
	long r;

	co_begin(f);
	await(r = read_deadline(a[3], op, &f->deadline));
	if (r)
		return r;
	await(r = futex_wait(co, a[0], a[2], bits, now_deadline(op, f->deadline), !(op & FUTEX_PRIVATE_FLAG)));
	return r;
	co_end();
}

/* The less frequent operations. */
static __attribute__((noinline)) async long futex_other(struct co *co, const u64 *a, u32 op)
{
	bool shared = !(op & FUTEX_PRIVATE_FLAG);
	struct requeue q = { .at = a[0], .to = a[4], .wake = a[2], .move = a[3], .value = a[5],
		.compare = (op & FUTEX_CMD_MASK) == FUTEX_CMP_REQUEUE, .shared = shared,
		.to_shared = shared };

	switch (op & FUTEX_CMD_MASK) {
	case FUTEX_WAKE_BITSET:
		return futex_wake(a[0], a[2], a[5], shared);
	case FUTEX_WAIT:
		return wait(co, a, op, FUTEX_BITSET_MATCH_ANY);
	case FUTEX_WAIT_BITSET:
		return wait(co, a, op, a[5]);
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		return futex_requeue(&q);
	case FUTEX_WAKE_OP:
		return futex_wake_op(&q, a[5]);
	default:
		return syscall_refuse(-ENOSYS, "futex operation", op);
	}
}

static async long sys_futex(struct co *co, const u64 *a)
{
	u32 op = a[1], command = op & FUTEX_CMD_MASK;
	bool shared = !(op & FUTEX_PRIVATE_FLAG);

	if (likely(command == FUTEX_WAKE))
		return futex_wake(a[0], a[2], FUTEX_BITSET_MATCH_ANY, shared);
	if (likely(command == FUTEX_WAIT && !a[3]))
		return futex_wait(co, a[0], a[2], FUTEX_BITSET_MATCH_ANY, 0, shared);
	return futex_other(co, a, op);
}

/* --- the newer calls: one for each operation, with flags --------------------------------------------- */

enum { SIZE_U32 = 2, SIZE_MASK = 3, PRIVATE = 128 };		/* FUTEX2_* */

static bool bad_flags(u32 flags)
{
	return flags & ~(u32)(SIZE_MASK | PRIVATE) || (flags & SIZE_MASK) != SIZE_U32;
}

static async long sys_futex_wake(struct co *co, const u64 *a)
{
	if (bad_flags(a[3]) || a[1] >> 32)
		return -EINVAL;
	if (!(u32)a[1])
		return -EINVAL;
	if (!(s32)a[2])
		return 0;
	return futex_wake(a[0], a[2], a[1], !(a[3] & PRIVATE));
}

/* Absolute, of one of two clocks. */
static async long read_until(uaddr_t at, s32 clock, u64 *until)
{
	struct timespec_k ts;
	long r;

	*until = 0;
	if (!at)
		return 0;
	if ((r = user_get(ts, at)))
		return r;
	if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)
		return -EINVAL;
	if ((r = timespec_ns(&ts, until)))
		return r;
	*until = max(*until, 1ull);
	return 0;
}

static async long sys_futex_wait(struct co *co, const u64 *a)
{
	struct { u64 until; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (bad_flags(a[3]) || a[1] >> 32 || a[2] >> 32)
		return -EINVAL;
	await(r = read_until(a[4], a[5], &f->until));
	if (r)
		return r;
	await(r = futex_wait(co, a[0], a[1], a[2], f->until ? clock_id_deadline(a[5], f->until, 0) : 0,
			     !(a[3] & PRIVATE)));
	return r == -EINTR ? -ERESTART : r;
	co_end();
}

/* Check and translate in place. */
static long wanted(struct futex_want *w, const struct futex_waitv *v)
{
	if (bad_flags(v->flags) || v->__reserved || v->val >> 32)
		return -EINVAL;
	*w = (struct futex_want){ v->uaddr, v->val, !(v->flags & PRIVATE) };
	return 0;
}

static async long sys_futex_requeue(struct co *co, const u64 *a)
{
	struct futex_waitv v[2];
	struct futex_want from, to;
	struct requeue q;
	long r;

	if ((u32)a[1] || !a[0])
		return -EINVAL;
	if ((r = user_read(v, a[0], sizeof(v))) || (r = wanted(&from, &v[0])) || (r = wanted(&to, &v[1])))
		return r;
	if ((s32)a[2] < 0 || (s32)a[3] < 0)
		return -EINVAL;
	q = (struct requeue){ .at = from.at, .to = to.at, .wake = a[2], .move = a[3], .value = from.value,
			      .compare = true, .shared = from.shared, .to_shared = to.shared };
	return futex_requeue(&q);
}

static async long read_waiters(struct futex_want *w, uaddr_t at, u32 n)
{
	struct futex_waitv v;
	long r = 0;

	for (u32 i = 0; i < n && !r; i++)
		if (!(r = user_get(v, at + i * sizeof(v))))
			r = wanted(&w[i], &v);
	return r;
}

static async long sys_futex_waitv(struct co *co, const u64 *a)
{
	struct { struct futex_want *w; u64 until; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((u32)a[2] || !(u32)a[1] || (u32)a[1] > FUTEX_MANY || !a[0])
		return -EINVAL;
	await(r = read_until(a[3], a[4], &f->until));
	if (r)
		return r;
	f->w = heap_alloc((u32)a[1] * sizeof(*f->w));
	if (!f->w)
		return -ENOMEM;
	await(r = read_waiters(f->w, a[0], a[1]));
	if (!r)
		await(r = futex_wait_many(co, f->w, a[1], a[4], f->until));
	heap_free(f->w);
	return r;
	co_end();
}

enum { ROBUST_HEAD = 24 };

static async long sys_set_robust_list(struct co *co, const u64 *a)
{
	if (a[1] != ROBUST_HEAD)
		return -EINVAL;
	thread_current()->robust_list = a[0];
	return 0;
}

static async long sys_get_robust_list(struct co *co, const u64 *a)
{
	struct thread *t = thread_current();
	struct { u64 head, size; } out = { t->robust_list, ROBUST_HEAD };
	long r;

	if ((s32)a[0] && (s32)a[0] != t->tid)
		return syscall_refuse(-EPERM, "robust list of thread", a[0]);
	if ((r = user_put(a[1], out.head)))
		return r;
	return user_put(a[2], out.size);
}

const struct syscall futex_calls[] = {
	ROW(futex, 6, 0, "pxupxu"),
	ROW(futex_wake, 4, 0, "pxdx"),
	ROW(futex_wait, 6, 0, "pxxxpd"),
	ROW(futex_requeue, 4, 0, "pxdd"),
	ROW(futex_waitv, 5, 0, "puxpd"),
	ROW(set_robust_list, 2, 0, "pu"),
	ROW(get_robust_list, 3, 0, "dpp"),
	{ 0 },
};
