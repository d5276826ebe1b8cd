/* SPDX-License-Identifier: MIT */
/* futex.h: what the futex system call is made of.  All for the current thread's memory. */
#pragma once
#include "core/co.h"

struct requeue {
	uaddr_t	at, to;
	u32	wake, move;		/* how many at most */
	u32	value;
	bool	compare, shared;
};

void futex_init(void);			/* once, before the first program */
/* Until woken: 0, -EAGAIN the word differs, -ETIMEDOUT, -EINTR, -ERESTART, -EFAULT, -EINVAL. */
async long futex_wait(struct co *co, uaddr_t at, u32 value, u32 bits, u64 deadline, bool shared);
async long futex_requeue(const struct requeue *q);		/* starts over */
async long futex_wake_op(const struct requeue *q, u32 code);	/* starts over */
