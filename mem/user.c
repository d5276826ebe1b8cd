/* SPDX-License-Identifier: MIT */
/*
 * user.c: copies between the kernel and the active program.  The machine copies until a page is
 * missing and says where; the page is committed here and the copy goes on.  A page that faults
 * again and again although vm_fault() says it is there ends in -EFAULT: TRIES allows for machines
 * that remember missing translations once.
 */
#include <string.h>
#include "core/task.h"
#include "mem/user.h"

enum { TRIES = 3, IOV_MAX = 1024, RETRY_BATCH = 256 << 10 };
#define IO_MAX 0x7ffff000ul		/* bytes of one transfer, as Linux's MAX_RW_COUNT */

/* Commit the page at @at: 0, or what a call reports. */
static long commit(uaddr_t at, u32 access)
{
	struct vm *v = vm_active();
	long r = v ? vm_fault(v, at, access) : -EFAULT;

	return !r || r == PENDING || r == -ENOMEM ? r : -EFAULT;
}

/* The address that stopped a copy, and how often in a row. */
struct stop { uaddr_t at; u32 times; };

static long stopped(struct stop *s, uaddr_t at, u32 access)
{
	s->times = s->at == at ? s->times + 1 : 1;
	s->at = at;
	return s->times > TRIES ? -EFAULT : commit(at, access);
}

static __attribute__((noinline)) long read_rest(void *dst, uaddr_t src, size_t n, size_t left)
{
	struct stop s = { .times = 0 };

	while (left) {
		size_t done = n - left;
		long r = stopped(&s, src + done, ACCESS_READ);

		if (r)
			return r;
		left = arch_copy_in((char *)dst + done, src + done, left);
	}
	return 0;
}

async long user_read(void *dst, uaddr_t src, size_t n)
{
	size_t left;

	if (unlikely(!user_range_ok(src, n)))
		return -EFAULT;
	left = arch_copy_in(dst, src, n);
	return likely(!left) ? 0 : read_rest(dst, src, n, left);
}

static __attribute__((noinline)) long write_rest(
	uaddr_t dst, const void *src, size_t n, size_t left)
{
	struct stop s = { .times = 0 };

	while (left) {
		size_t done = n - left;
		long r = stopped(&s, dst + done, ACCESS_WRITE);

		if (r)
			return r;
		left = arch_copy_out(dst + done, (const char *)src + done, left);
	}
	return 0;
}

async long user_write(uaddr_t dst, const void *src, size_t n)
{
	size_t left;

	if (unlikely(!user_range_ok(dst, n)))
		return -EFAULT;
	left = arch_copy_out(dst, src, n);
	return likely(!left) ? 0 : write_rest(dst, src, n, left);
}

async long user_clear(uaddr_t dst, size_t n)
{
	struct stop s = { .times = 0 };
	size_t left;

	if (!user_range_ok(dst, n))
		return -EFAULT;
	for (left = n; (left = arch_clear_out(dst + (n - left), left));) {
		long r = stopped(&s, dst + (n - left), ACCESS_WRITE);

		if (r)
			return r;
	}
	return 0;
}

/* A string may end anywhere below USER_TOP, though @max reaches beyond. */
async long user_string(char *dst, uaddr_t src, size_t max)
{
	struct stop s = { .times = 0 };
	size_t have = 0;

	if (src >= USER_TOP || !max)
		return max ? -EFAULT : -ENAMETOOLONG;
	for (;;) {
		size_t room = min(max, (size_t)(USER_TOP - src)) - have;
		long r = arch_string_in(dst + have, src + have, room);

		if (r >= 0) {
			if ((size_t)r < room)
				return have + r;
			return have + room == max ? -ENAMETOOLONG : -EFAULT;
		}
		have += -1 - r;
		r = stopped(&s, src + have, ACCESS_READ);
		if (r)
			return r;
	}
}

async long user_commit(uaddr_t a, size_t n, u32 access)
{
	uaddr_t end = a + n;

	if (!user_range_ok(a, n))
		return -EFAULT;
	for (uaddr_t at = a; at < end; at = align_down(at, PAGE_SIZE) + PAGE_SIZE) {
		long r = commit(at, access);

		if (r)
			return r;
	}
	return 0;
}

/* Within one page of @v, whose lock keeps it there and writable: bytes not copied. */
static inline size_t copy_to_page(struct vm *v, uaddr_t to, uaddr_t from, size_t n, bool *missing)
{
	size_t left;
	pte_t *e;

	guard(&v->lock);
	e = arch_pte_hot(&v->mmu, to);
	if (!e || !pte_present(*e) || !pte_writable(*e))
		return n;
	left = arch_copy_in((char *)phys_to_virt(pte_phys(*e)) + to % PAGE_SIZE, from, n);
	*missing = left;
	return left;
}

bool user_hand_over(struct vm *v, uaddr_t to, uaddr_t from, size_t n)
{
	bool missing;

	return n <= PAGE_SIZE - to % PAGE_SIZE && user_range_ok(from, n) && !copy_to_page(v, to, from, n, &missing);
}

size_t user_copy_to(struct vm *v, uaddr_t to, uaddr_t from, size_t n, bool *missing)
{
	size_t done = 0, left = 0;

	*missing = false;
	if (!user_range_ok(to, n) || !user_range_ok(from, n))
		return 0;
	while (done < n && !left) {
		size_t part = min(n - done, PAGE_SIZE - (to + done) % PAGE_SIZE);

		left = copy_to_page(v, to + done, from + done, part, missing);
		done += part - left;
	}
	return done;
}

/* --- transfers -------------------------------------------------------------------------------- */

void uio_init(struct uio *u, uaddr_t base, u64 len)
{
	*u = (struct uio){
		.count = 1, .left = min(len, IO_MAX), .one = { base, min(len, IO_MAX) }
	};
	u->vec = &u->one;
}

void uio_init_kernel(struct uio *u, void *base, u64 len)
{
	*u = (struct uio){ .count = 1, .kernel = true, .left = len, .one = { (uaddr_t)base, len } };
	u->vec = &u->one;
}

/* All lengths together must be a number; a transfer that is too large is cut short. */
static long check_vec(struct uio *u, struct uvec *vec, u64 n)
{
	u64 total = 0;

	for (u64 i = 0; i < n; i++) {
		if ((s64)vec[i].len < 0 || __builtin_add_overflow(total, vec[i].len, &total) ||
		    (s64)total < 0)
			return -EINVAL;
		if (!user_range_ok(vec[i].base, vec[i].len))
			return -EFAULT;
	}
	*u = (struct uio){ .vec = vec, .count = n, .left = min(total, IO_MAX) };
	return 0;
}

async long uio_init_vec(struct uio *u, struct uvec *vec, uaddr_t iov, u64 n)
{
	long r;

	if (n > IOV_MAX)
		return -EINVAL;
	r = user_read(vec, iov, n * sizeof(*vec));
	return r ? r : check_vec(u, vec, n);
}

/* Bytes that may be moved now within the present buffer, at *@at; 0: the end. */
static inline size_t uio_chunk(struct uio *u, size_t n, uaddr_t *at)
{
	while (u->count && u->at == u->vec->len) {
		u->vec++;
		u->count--;
		u->at = 0;
	}
	if (unlikely(!u->count))
		return 0;
	*at = u->vec->base + u->at;
	return min(min(n, u->vec->len - u->at), u->left);
}

static inline bool in_program(const struct uio *u, uaddr_t at, size_t n)
{
	return likely(user_range_ok(at, n)) && !u->kernel;
}

static inline size_t move_out(struct uio *u, uaddr_t at, const void *src, size_t n)
{
	if (likely(in_program(u, at, n)))
		return arch_copy_out(at, src, n);
	if (!u->kernel)
		return n;
	memcpy((void *)(uintptr_t)at, src, n);
	return 0;
}

static inline size_t move_in(struct uio *u, void *dst, uaddr_t at, size_t n)
{
	if (likely(in_program(u, at, n)))
		return arch_copy_in(dst, at, n);
	if (!u->kernel)
		return n;
	memcpy(dst, (const void *)(uintptr_t)at, n);
	return 0;
}

static inline size_t move_zero(struct uio *u, uaddr_t at, size_t n)
{
	if (likely(in_program(u, at, n)))
		return arch_clear_out(at, n);
	if (!u->kernel)
		return n;
	memset((void *)(uintptr_t)at, 0, n);
	return 0;
}

static __attribute__((noinline)) size_t out_parts(struct uio *u, const void *src, size_t n)
{
	size_t done = 0, part, moved;
	uaddr_t at;

	while (done < n && (part = uio_chunk(u, n - done, &at))) {
		moved = uio_moved(u, at, part, move_out(u, at, (const char *)src + done, part));
		done += moved;
		if (unlikely(moved < part))
			break;
	}
	return done;
}

size_t uio_out(struct uio *u, const void *src, size_t n)
{
	uaddr_t at;

	u->fault = 0;
	if (likely(uio_flat(u, n, &at)))
		return uio_moved(u, at, n, arch_copy_out(at, src, n));
	return out_parts(u, src, n);
}

static __attribute__((noinline)) size_t in_parts(struct uio *u, void *dst, size_t n)
{
	size_t done = 0, part, moved;
	uaddr_t at;

	while (done < n && (part = uio_chunk(u, n - done, &at))) {
		moved = uio_moved(u, at, part, move_in(u, (char *)dst + done, at, part));
		done += moved;
		if (unlikely(moved < part))
			break;
	}
	return done;
}

size_t uio_in(struct uio *u, void *dst, size_t n)
{
	uaddr_t at;

	u->fault = 0;
	if (likely(uio_flat(u, n, &at)))
		return uio_moved(u, at, n, arch_copy_in(dst, at, n));
	return in_parts(u, dst, n);
}

size_t uio_out_zero(struct uio *u, size_t n)
{
	size_t done = 0, part, moved;
	uaddr_t at;

	u->fault = 0;
	while (done < n && (part = uio_chunk(u, n - done, &at))) {
		moved = uio_moved(u, at, part, move_zero(u, at, part));
		done += moved;
		if (unlikely(moved < part))
			break;
	}
	return done;
}

size_t uio_skip(struct uio *u, size_t n)
{
	size_t done = 0, part;
	uaddr_t at;

	while (done < n && (part = uio_chunk(u, n - done, &at))) {
		uio_advance(u, part);
		done += part;
	}
	return done;
}

/* To memory that is not there yet operations move a page at a time and never come to their own pauses. */
static async long uio_rest(struct uio *u)
{
	u->rests = u->done / RETRY_BATCH;
	if (task_killed())
		return -EINTR;
	task_requeue(task_current());
	return PENDING;
}

async long uio_retry(struct uio *u, bool write)
{
	uaddr_t at = u->fault;
	long r;

	if (!at)
		return 1;
	u->tries = u->tried == at ? u->tries + 1 : 1;
	u->tried = at;
	if (u->tries > TRIES)
		return -EFAULT;
	r = commit(at, write ? ACCESS_WRITE : ACCESS_READ);
	if (r)
		return r;
	if (unlikely(u->done / RETRY_BATCH > u->rests))
		return uio_rest(u);
	u->fault = 0;
	return 0;
}
