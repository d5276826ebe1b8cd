/* SPDX-License-Identifier: MIT */
/*
 * port.h: a named stream of bytes to the host and back, between console.c, which knows what the
 * bytes mean, and virtio_console.c, which moves them.  Private to dev/.
 *
 * Outwards: console.c appends to p->out under p->lock; what lies there goes as one buffer, one
 * buffer at a time, so that what is written while the device is busy travels together.
 * Inwards: only the driver's task receives; p->receive() takes what it can, and the rest waits in
 * the device's buffer until port_wake().
 */
#pragma once
#include "core/wait.h"
#include "dev/frame.h"
#include "dev/virtqueue.h"

enum { PORT_BUFFERS = 4 };

struct port_buffer { u8 *data; u32 size, len, at; };

struct port {
	const char		*name;		/* given by the host */
	u32			out_order;	/* pages of the ring, as a power of two */
	size_t			(*receive)(const u8 *data, size_t n);	/* how many it took */
	void			(*gone)(void);	/* the device has given up; may be NULL */
	spinlock_t		lock;		/* guards all but what receiving needs */
	bool			bound;		/* the device has such a port */
	struct outring		out;
	struct waitq		room;		/* woken when the device took something */
	struct virtq		*tx, *rx;
	u32			tx_index;
	struct port_buffer	buffer[PORT_BUFFERS];
	struct port_buffer	*current;	/* received, not yet taken altogether */
};
extern struct port port_io, port_ctl;		/* console.c */

void port_flush(struct port *p);		/* p->lock held: send now, as far as possible */
void port_wake(void);				/* send and receive soon: run the driver's task */
void port_panic(struct port *p, const char *last, size_t n);	/* polled, no locks */
