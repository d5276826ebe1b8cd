/* SPDX-License-Identifier: MIT */
/*
 * console.h: the two ports to the host (docs/protocol.md) as the rest of the kernel sees them.
 * Backed by virtio-console (dev/virtio_console.c); without such a device everything is dropped and
 * reads end at once, and console_present() says so.
 */
#pragma once
#include "core/wait.h"
#include "mem/user.h"

bool console_present(void);

/* Queue up to u->left bytes of @u as frames of (@job, @stream): bytes taken, -EFAULT (u->fault),
 * PENDING while the ring is full (a slow host), -EAGAIN with u->nowait, -EINTR.  Starts over. */
async long console_write(u32 job, u32 stream, struct uio *u);
/* Frames of @job handed to the device so far and taken by it; async: wait until all were taken. */
async long console_drain(void);
u32 console_frames(u32 job);

/* One line for weir.ctl, without the newline.  Starts over. */
async long report_line(const char *line, size_t n);
void report_panic(const char *message);		/* polled, best effort, any context */

/* Standard input of the job that has it: the driver pushes, the reader takes.  Bounded: the driver
 * stops taking frames from the host while the buffer is full. */
struct input {
	spinlock_t	lock;
	struct waitq	readers;
	u8		*ring;
	u32		size, head, tail;	/* bytes ever in, out */
	bool		eof;
	u32		job;
	void		(*received)(struct input *in);	/* a tty's line discipline; may be NULL */
	void		*data;
};
void console_attach_input(struct input *in);	/* NULL: discard */
void console_input_taken(struct input *in);	/* room was made: fetch more */

/* Command lines from the host ("signal 0 15"); called from the driver's task, must not wait. */
extern void (*console_command)(char *line);
