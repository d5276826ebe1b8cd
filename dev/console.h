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

/* Queue all of @u as frames of (@job, @stream): the bytes @u has moved in all (u->done); fewer
 * after a fault (u->fault), a signal, or with u->nowait; if there are none -EFAULT, -EINTR,
 * -EAGAIN. PENDING while the ring is full (a slow host): u has advanced, starting over goes on
 * there. */
async long console_write(u32 job, u32 stream, struct uio *u);
/* Wait until the device has taken all that was written; by anyone, or by @job. */
async long console_drain(void);
async long console_drain_job(u32 job);
/* Frames sent for @job: asked once, when the job is over and drained; then it is forgotten. */
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
/* Whose input it is from now on; in->size is a power of two.  Frames for a later job wait until
 * that is attached, those for earlier ones are discarded; NULL: also those for the last one.  No
 * locks are held by the caller; afterwards the one before is not touched any more.  in->received()
 * is called without in->lock. */
void console_attach_input(struct input *in);
void console_input_taken(struct input *in);	/* room was made: fetch more */

/* Command lines from the host ("signal 0 15"); called from the driver's task, must not wait. */
extern void (*console_command)(char *line);
