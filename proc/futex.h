/* SPDX-License-Identifier: MIT */
/* futex.h: what the futex system call is made of.  All for the current thread's memory. */
#pragma once
#include "core/co.h"

struct requeue {
	uaddr_t	at, to;
	u32	wake, move;		/* how many at most */
	u32	value;
	bool	compare, shared, to_shared;
};
enum { FUTEX_MANY = 128 };		/* one may wait for */
struct futex_want { uaddr_t at; u32 value; bool shared; };

void futex_init(void);			/* once, before the first program */
/* Until woken: 0, -EAGAIN the word differs, -ETIMEDOUT, -EINTR, -ERESTART, -EFAULT, -EINVAL. */
async long futex_wait(struct co *co, uaddr_t at, u32 value, u32 bits, u64 deadline, bool shared);
/* For any of @n words: the number of one that was woken, or as futex_wait(). */
async long futex_wait_many(struct co *co, const struct futex_want *w, u32 n, s32 clock, u64 deadline);
async long futex_requeue(const struct requeue *q);		/* starts over */
async long futex_wake_op(const struct requeue *q, u32 code);	/* starts over */
