/* SPDX-License-Identifier: MIT */
/* epoll.h: sets of watched files, for the system calls.  See epoll.c. */
#pragma once
#include "core/co.h"
#include "fs/files.h"

/* As programs lay it out. */
struct epoll_event_k {
	u32	events, pad_;
	u64	data;
};

void epoll_init(void);
struct file *epoll_create(void);		/* NULL: no memory */
extern const struct file_ops epoll_ops;
static inline bool epoll_is(const struct file *f) { return f->ops == &epoll_ops; }
/* EPOLL_CTL_ADD, _DEL, _MOD of @target, known as @fd. */
long epoll_control(struct file *f, u32 op, struct file *target, s32 fd, const struct epoll_event_k *ev);
/* Up to @max events to the program's memory at @to, which is in its range: how many; -EAGAIN: call
 * again, for others must run; -EFAULT: the first one could not be stored at @to, commit the page. */
long epoll_take(struct file *f, u64 to, u32 max);
/* The usual case, quickly: one event, which is all there is; false: it is not that simple. */
bool epoll_take_one(struct file *f, u64 to);
/* Sleep until there may be something to take: 0, -ETIMEDOUT, -EINTR.  Starts over. */
async long epoll_wait_ready(struct file *f, u64 deadline);
