/* SPDX-License-Identifier: MIT */
/* pipe.h: pipes and fifos, for those who create them. */
#pragma once
#include "fs/files.h"

/* Both ends of a new pipe; @flags: O_NONBLOCK, O_DIRECT is refused by the caller. */
long pipe_create(u32 flags, struct file **reader, struct file **writer);
/* Up to @n bytes from @offset bytes behind the front on, which stay in the pipe; how many. */
u64 pipe_peek(struct file *f, u64 offset, void *to, u64 n);
enum { PIPE_SIZE_MAX = 1 << 20, PIPE_SIZE_ROOT = 16 << 20 };
u64 pipe_size(struct file *f);
/* At least @want: what it is then; -EPERM too much, -EBUSY more is in it. */
long pipe_set_size(struct file *f, u64 want, bool privileged);
/* Open an end of the fifo @f->inode as f->flags say; does not wait. */
long fifo_open(struct inode *ip, struct file *f);
/* Wait for the other side, as open() does.  Starts over. */
async long fifo_wait(struct file *f);
