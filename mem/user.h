/* SPDX-License-Identifier: MIT */
/*
 * user.h: the only way to a program's memory.  Every byte of every range is checked; a page that
 * is not there yet is committed and the copy goes on.  All work on the address space that is active
 * on this hart (the current program's).
 *
 * The functions here start over (they return PENDING when a page must be read from a disk): a caller
 * without a frame copies before it changes anything, a caller with one awaits.
 */
#pragma once
#include "core/co.h"
#include "mem/vm.h"

async long user_read(void *dst, uaddr_t src, size_t n);		/* 0, -EFAULT, -ENOMEM, PENDING */
async long user_write(uaddr_t dst, const void *src, size_t n);
/* The same where few instructions count. */
static inline async long user_write_hot(uaddr_t dst, const void *src, size_t n)
{
	if (likely(dst <= USER_TOP - n) && likely(!arch_copy_out(dst, src, n)))
		return 0;
	return user_write(dst, src, n);
}
async long user_clear(uaddr_t dst, size_t n);
/* NUL-terminated string of at most @max bytes with its NUL: its length, -ENAMETOOLONG, -EFAULT. */
async long user_string(char *dst, uaddr_t src, size_t max);
static inline bool user_range_ok(uaddr_t a, u64 n) { return n <= USER_TOP && a <= USER_TOP - n; }
/* Make every page of the range present and accessible (ACCESS_READ/WRITE): 0 or -EFAULT. */
async long user_commit(uaddr_t a, size_t n, u32 access);

#define user_get(var, src)	user_read(&(var), (src), sizeof(var))
#define user_put(dst, var)	user_write((dst), &(var), sizeof(var))

/*
 * A transfer in progress: buffers of a program (or of the kernel) and how far we are.  Lives in the
 * frame of the system call.  uio_out() copies to the buffers and advances, uio_in() from them; they
 * never wait, may be called under a spin lock, and return how much was copied: less than asked when
 * the buffers end or at a page that is not there; then uio->fault is set, the file operation returns
 * what it moved so far, or -EFAULT if nothing, and uio_retry() (in the system call) commits the page
 * and says whether to go on.
 */
struct uvec { uaddr_t base; u64 len; };
struct uio {
	struct uvec	*vec;		/* present buffer */
	u32		count;		/* buffers left, the present one included */
	bool		kernel;		/* base are kernel addresses */
	bool		nowait;		/* O_NONBLOCK: -EAGAIN rather than wait */
	u64		at;		/* position in *vec */
	u64		left;		/* bytes left in all */
	u64		done;		/* bytes moved */
	uaddr_t		fault;		/* where the last copy stopped; 0: did not */
	uaddr_t tried; /* where uio_retry() committed last, and how often in a row */
	u32		tries;
	u32		rests;		/* how often uio_retry() let others run */
	struct uvec one; /* for transfers of a single buffer; vec may point here: not copyable */
};
void uio_init(struct uio *u, uaddr_t base, u64 len);
void uio_init_kernel(struct uio *u, void *base, u64 len);
/* Read @n buffers at @iov (struct iovec) into @vec: checks count and total (-EINVAL), -EFAULT. */
async long uio_init_vec(struct uio *u, struct uvec *vec, uaddr_t iov, u64 n);
size_t uio_out(struct uio *u, const void *src, size_t n);
size_t uio_out_zero(struct uio *u, size_t n);
size_t uio_in(struct uio *u, void *dst, size_t n);
size_t uio_skip(struct uio *u, size_t n);	/* as if it had been copied */

/* From the active program's memory to that of @v, which need not be active, as far as pages are there which
 * it may write to: bytes copied.  Less than @n and *@missing: the source is not there. */
size_t user_copy_to(struct vm *v, uaddr_t to, uaddr_t from, size_t n, bool *missing);

/* All of @n bytes to one page of @v, which user_range_ok() has seen, or false: nothing that counts was copied. */
bool user_hand_over(struct vm *v, uaddr_t to, uaddr_t from, size_t n);

/* For those who copy themselves.  The next @n bytes, at least one, lie in one buffer of the program's
 * memory, at *@at? */
static inline bool uio_flat(const struct uio *u, size_t n, uaddr_t *at)
{
	if (unlikely(n - 1 >= u->left || u->kernel || n > u->vec->len - u->at))
		return false;
	*at = u->vec->base + u->at;
	return user_range_ok(*at, n);
}
/* Bytes in the present buffer, at u->vec->base + u->at; 0: look at the next one. */
static inline u64 uio_piece(const struct uio *u)
{
	return u->left ? min(u->left, u->vec->len - u->at) : 0;
}
static inline void uio_advance(struct uio *u, size_t n)
{
	u->at += n;
	u->left -= n;
	u->done += n;
}

/* @left of @n bytes at @at were not moved: remember where it stopped (0 would mean "nowhere"). */
static inline size_t uio_moved(struct uio *u, uaddr_t at, size_t n, size_t left)
{
	uio_advance(u, n - left);
	if (unlikely(left))
		u->fault = max(at + (n - left), (uaddr_t)1);
	return n - left;
}

/* After -EFAULT or a short transfer: 0 the page is there now, repeat the operation;
 * -EFAULT: it is the program's fault; 1: there was no fault.  @write: the buffers are written to. */
async long uio_retry(struct uio *u, bool write);
