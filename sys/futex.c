/* SPDX-License-Identifier: MIT */
/*
 * sys/futex.c: the futex calls' arguments.  What they mean is in proc/futex.c.
 */
#include <asm/unistd.h>
#include <linux/futex.h>
#include <linux/time.h>
#include "core/time.h"
#include "lib/timespec.h"
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
		.compare = (op & FUTEX_CMD_MASK) == FUTEX_CMP_REQUEUE, .shared = shared };

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
	ROW(set_robust_list, 2, 0, "pu"),
	ROW(get_robust_list, 3, 0, "dpp"),
	{ 0 },
};
