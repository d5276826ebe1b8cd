/* SPDX-License-Identifier: MIT */
/*
 * futex.c: programs wait for a word of their memory to change.  Waiters hang in a hash of wait
 * queues; a waiter lives in the frame of its call.  The word is compared under the bucket's lock,
 * which a waker takes as well, so a change followed by a wake is never missed.
 *
 * What names a futex: the address space and the address; in a shared mapping the object and the
 * position in it, so that processes meet.  The lock of a bucket is held across non-waiting accesses
 * to the program's memory only; of two buckets the lower address is locked first.
 */
#include <linux/futex.h>
#include "core/lock_order.h"
#include "mem/heap.h"
#include "mem/user.h"
#include "proc/clocks.h"
#include "proc/futex.h"
#include "proc/process.h"

enum { BUCKETS = 256, ROBUST_MAX = 2048 };

struct futex_key { u64 object, at; };

struct futex_waiter {
	struct waiter		w;
	struct futex_key	key;
	u32			bits;
};

static struct waitq buckets[BUCKETS];

void futex_init(void)
{
	for (u32 i = 0; i < BUCKETS; i++)
		waitq_init(&buckets[i]);
	lock_order_array(buckets, sizeof(buckets));
}

static struct waitq *bucket(const struct futex_key *k)
{
	u64 h = (k->object ^ k->at * 0x9e3779b97f4a7c15ull) * 0xff51afd7ed558ccdull;

	return &buckets[h >> 32 & (BUCKETS - 1)];
}

static bool same(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->at == b->at;
}

static __attribute__((noinline)) void key_of_shared(struct futex_key *k, struct vm *v, uaddr_t at)
{
	struct area *a;

	guard(&v->lock);
	a = vm_find(v, at);
	if (a && a->start <= at && a->flags & VM_SHARED && a->set)
		*k = (struct futex_key){ (u64)a->set, at - a->start + (a->offset << PAGE_SHIFT) };
}

static inline long futex_key(struct futex_key *k, uaddr_t at, bool shared)
{
	struct vm *v = thread_current()->vm;

	if (unlikely(at & 3))
		return -EINVAL;
	if (unlikely(!user_range_ok(at, 4)))
		return -EFAULT;
	*k = (struct futex_key){ (u64)v, at };
	if (shared)
		key_of_shared(k, v, at);
	return 0;
}

/* --- waiting -------------------------------------------------------------------------------------- */

/* Queue up if the word still is @value: 0, -EAGAIN, or -EFAULT: the page is not there. */
static long enqueue(struct futex_waiter *fw, uaddr_t at, u32 value)
{
	struct waitq *q = bucket(&fw->key);
	u32 now;
	guard(&q->lock);

	if (arch_load32(&now, at))
		return -EFAULT;
	if (now != value)
		return -EAGAIN;
	wait_add(q, &fw->w);
	return 0;
}

async long futex_wait(struct co *co, uaddr_t at, u32 value, u32 bits, u64 deadline, bool shared)
{
	struct { struct futex_waiter fw; } *f = co_frame(co);
	long r;

	co_begin(f);
	if (!bits)
		return -EINVAL;
	f->fw = (struct futex_waiter){ .bits = bits };
	if ((r = futex_key(&f->fw.key, at, shared)))
		return r;
	while ((r = enqueue(&f->fw, at, value)) == -EFAULT) {
		await(r = user_commit(at, 4, ACCESS_READ));
		if (r)
			return r;
	}
	if (r)
		return r;
	await(r = wait_woken(&f->fw.w, deadline));
	return r == -EINTR && !deadline ? -ERESTART : r;
	co_end();
}

/* --- waiting for several ------------------------------------------------------------------------- */

/* Leave all queues: the last one that was woken meanwhile, or -1. */
static long leave_all(struct futex_waiter *fw, u32 n)
{
	long woken = -1;

	for (u32 i = 0; i < n; i++)
		if (!wait_cancel(&fw[i].w))
			woken = i;
	return woken;
}

/* In all queues: 0.  A word that differs, or is not there (*missing), undoes it: -EAGAIN, -EFAULT; but a
 * wakeup that came meanwhile counts: its number + 1. */
static long enqueue_all(struct futex_waiter *fw, const struct futex_want *w, u32 n, uaddr_t *missing)
{
	long r = 0, woken;
	u32 i;

	for (i = 0; i < n && !r; i++) {
		fw[i] = (struct futex_waiter){ .bits = FUTEX_BITSET_MATCH_ANY };
		r = futex_key(&fw[i].key, w[i].at, w[i].shared);
		if (r)
			*missing = 0;
		else if ((r = enqueue(&fw[i], w[i].at, w[i].value)))
			*missing = w[i].at;
	}
	if (!r)
		return 0;
	woken = leave_all(fw, i - 1);
	return woken < 0 ? r : woken + 1;
}

static async long wait_all(struct futex_waiter *fw, u32 n, u64 deadline)
{
	long r, woken;
	u32 i = 0;

	while (i < n && atomic_load_explicit(&fw[i].w.q, memory_order_acquire))
		i++;
	r = i < n ? 0 : wait_until(deadline);
	if (r == PENDING)
		return r;
	woken = leave_all(fw, n);
	return woken >= 0 ? woken : r;
}

async long futex_wait_many(struct co *co, const struct futex_want *w, u32 n, s32 clock, u64 deadline)
{
	struct { struct futex_waiter *fw; uaddr_t missing; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->fw = heap_alloc(n * sizeof(*f->fw));
	if (!f->fw)
		return -ENOMEM;
	while ((r = enqueue_all(f->fw, w, n, &f->missing)) == -EFAULT && f->missing) {
		await(r = user_commit(f->missing, 4, ACCESS_READ));
		if (r)
			break;
	}
	if (r > 0)
		r--;
	else if (!r)
		await(r = wait_all(f->fw, n, deadline ? clock_id_deadline(clock, deadline, 0) : 0));
	heap_free(f->fw);
	return r == -EINTR ? -ERESTART : r;
	co_end();
}

/* --- waking --------------------------------------------------------------------------------------- */

static struct futex_waiter *of(struct waiter *w) { return container_of(w, struct futex_waiter, w); }

static u32 wake_locked(struct waitq *q, const struct futex_key *k, u32 n, u32 bits)
{
	struct waiter *w, *next;
	u32 woken = 0;

	for (w = TAILQ_FIRST(&q->waiters); w && woken < n; w = next) {
		next = TAILQ_NEXT(w, link);
		if (!same(&of(w)->key, k) || !(of(w)->bits & bits))
			continue;
		wake_waiter(q, w);
		woken++;
	}
	return woken;
}

long futex_wake(uaddr_t at, u32 n, u32 bits, bool shared)
{
	struct futex_key k;
	long r = futex_key(&k, at, shared);

	if (r)
		return r;
	if (!bits)
		return -EINVAL;
	struct waitq *q = bucket(&k);
	guard(&q->lock);

	return wake_locked(q, &k, n, bits);
}

/* --- moving --------------------------------------------------------------------------------------- */

static void lock_both(struct waitq *a, struct waitq *b)
{
	spin_lock(&min(a, b)->lock);
	if (a != b)
		spin_lock(&max(a, b)->lock);
}

static void unlock_both(struct waitq *a, struct waitq *b)
{
	if (a != b)
		spin_unlock(&max(a, b)->lock);
	spin_unlock(&min(a, b)->lock);
}

static u32 move_locked(struct waitq *from, const struct futex_key *k, struct waitq *to,
		       const struct futex_key *k2, u32 n)
{
	struct waiter *w, *next;
	u32 moved = 0;

	for (w = TAILQ_FIRST(&from->waiters); w && moved < n; w = next) {
		next = TAILQ_NEXT(w, link);
		if (!same(&of(w)->key, k))
			continue;
		of(w)->key = *k2;
		moved++;
		if (to == from)
			continue;
		TAILQ_REMOVE(&from->waiters, w, link);
		TAILQ_INSERT_TAIL(&to->waiters, w, link);
		atomic_store_explicit(&w->q, to, memory_order_release);
	}
	return moved;
}

/* -EFAULT: the page is not there; otherwise woken and moved waiters. */
static long requeue(const struct requeue *q, const struct futex_key *k, const struct futex_key *k2)
{
	struct waitq *from = bucket(k), *to = bucket(k2);
	u32 now = 0;
	long r = 0;

	lock_both(from, to);
	if (q->compare && arch_load32(&now, q->at))
		r = -EFAULT;
	else if (q->compare && now != q->value)
		r = -EAGAIN;
	else {
		r = wake_locked(from, k, q->wake, FUTEX_BITSET_MATCH_ANY);
		r += move_locked(from, k, to, k2, q->move);
	}
	unlock_both(from, to);
	return r;
}

async long futex_requeue(const struct requeue *q)
{
	struct futex_key k, k2;
	long r;

	if ((r = futex_key(&k, q->at, q->shared)) || (r = futex_key(&k2, q->to, q->to_shared)))
		return r;
	for (;;) {
		r = requeue(q, &k, &k2);
		if (r != -EFAULT || (r = user_commit(q->at, 4, ACCESS_READ)))
			return r;
	}
}

/* --- FUTEX_WAKE_OP: change one word, wake on it, and perhaps on another ----------------------------- */

static s32 operate(u32 op, s32 old, s32 arg)
{
	switch (op) {
	case FUTEX_OP_SET:  return arg;
	case FUTEX_OP_ADD:  return (s32)((u32)old + (u32)arg);
	case FUTEX_OP_OR:   return old | arg;
	case FUTEX_OP_ANDN: return old & ~arg;
	default:            return old ^ arg;
	}
}

static bool holds(u32 cmp, s32 old, s32 arg)
{
	switch (cmp) {
	case FUTEX_OP_CMP_EQ: return old == arg;
	case FUTEX_OP_CMP_NE: return old != arg;
	case FUTEX_OP_CMP_LT: return old < arg;
	case FUTEX_OP_CMP_LE: return old <= arg;
	case FUTEX_OP_CMP_GT: return old > arg;
	default:              return old >= arg;
	}
}

static s32 signed12(u32 v) { return (s32)(v << 20) >> 20; }

/* The atomic change: 0 with *@old, or -EFAULT. */
static long change(uaddr_t at, u32 op, s32 arg, u32 *old)
{
	u32 seen;

	if (arch_load32(old, at))
		return -EFAULT;
	for (;;) {
		seen = *old;
		if (arch_cas32(old, at, seen, operate(op, seen, arg)))
			return -EFAULT;
		if (*old == seen)
			return 0;
	}
}

async long futex_wake_op(const struct requeue *q, u32 code)
{
	u32 op = code >> 28 & 7, cmp = code >> 24 & 15, old;
	s32 arg = signed12(code >> 12 & 0xfff), cmparg = signed12(code & 0xfff);
	long r, more = 0;

	if (op > FUTEX_OP_XOR || cmp > FUTEX_OP_CMP_GE || q->to & 3)
		return -EINVAL;
	if (!user_range_ok(q->to, 4))
		return -EFAULT;
	if (code >> 28 & FUTEX_OP_OPARG_SHIFT)
		arg = (s32)(1u << (arg & 31));
	while ((r = change(q->to, op, arg, &old)) == -EFAULT)
		if ((r = user_commit(q->to, 4, ACCESS_WRITE)))
			return r;
	r = futex_wake(q->at, q->wake, FUTEX_BITSET_MATCH_ANY, q->shared);
	if (r >= 0 && holds(cmp, old, cmparg))
		more = futex_wake(q->to, q->move, FUTEX_BITSET_MATCH_ANY, q->shared);
	return r < 0 || more < 0 ? min(r, more) : r + more;
}

/* --- a thread ends ------------------------------------------------------------------------------- */

/* What cannot be reached is left alone: the program's own fault, and nobody is left to tell. */
static async long fetch(void *to, uaddr_t at, size_t n)
{
	return user_range_ok(at, n) ? user_read(to, at, n) : -EFAULT;
}

/* The owner of the mutex at @at died: say so, and wake one who waits. */
static async long robust_died(uaddr_t at, s32 tid)
{
	u32 old, seen;
	long r;

	if (at & 3 || !user_range_ok(at, 4) || (r = user_commit(at, 4, ACCESS_WRITE)) == -EFAULT)
		return -EFAULT;
	if (r || arch_load32(&old, at))
		return r;
	while ((s32)(old & FUTEX_TID_MASK) == tid) {
		seen = old;
		if (arch_cas32(&old, at, seen, (seen & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
			return -EFAULT;
		if (old == seen)
			return seen & FUTEX_WAITERS ?
				futex_wake(at, 1, FUTEX_BITSET_MATCH_ANY, true) : 0;
	}
	return 0;
}

/* The list is the program's own, so it may be broken or a circle: read what can be read.  Starting
 * over does no harm: a mutex that was dealt with is no longer ours. */
static async long robust_walk(struct thread *t)
{
	struct { uaddr_t first, offset, pending; } head;
	uaddr_t at, next;
	long r;

	if ((r = fetch(&head, t->robust_list, sizeof(head))))
		return r;
	at = head.first & ~1ul;
	for (u32 i = 0; i < ROBUST_MAX && at != t->robust_list; i++, at = next & ~1ul) {
		if ((r = fetch(&next, at, sizeof(next))))
			return r;
		if (at == (head.pending & ~1ul))
			continue;
		if ((r = robust_died(at + head.offset, t->tid)) == PENDING)
			return r;
	}
	return head.pending ? robust_died((head.pending & ~1ul) + head.offset, t->tid) : 0;
}

/* Only if somebody else is left who can see it. */
static async long clear_tid(struct thread *t)
{
	const u32 zero = 0;
	long r = 0;

	if (t->proc->thread_live > 1 || atomic_load(&t->vm->refs) > 1)
		r = user_write(t->clear_child_tid, &zero, sizeof(zero));
	if (!r)
		r = futex_wake(t->clear_child_tid, 1, FUTEX_BITSET_MATCH_ANY, true);
	return r;
}

async long futex_thread_exit(struct thread *t)
{
	if (t->robust_list && robust_walk(t) == PENDING)
		return PENDING;
	t->robust_list = 0;
	if (t->clear_child_tid && clear_tid(t) == PENDING)
		return PENDING;
	t->clear_child_tid = 0;
	return 0;
}
