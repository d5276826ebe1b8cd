/* SPDX-License-Identifier: MIT */
/*
 * virtqueue.h: a split virtqueue (virtio 1.x, section 2.7), without the device behind it: pure, so
 * that it runs on the host under test.
 *
 * The device is not trusted.  What it may write (the used ring) is only read, once, and bounded;
 * the descriptors, which it might scribble on, are never read back: the free list, the tokens and
 * the room of each chain are in private slots.  A device that breaks the rules makes the queue
 * broken: virtq_take() returns NULL for ever.
 *
 * The owner serialises all calls.  Little-endian machines only, as all of ours are.
 */
#pragma once
#include <linux/virtio_ring.h>
#include "lib/base.h"

struct vseg { paddr_t addr; u32 len; };		/* a piece of memory, contiguous for the device */

struct vslot {			/* of a chain, at its first descriptor */
	void	*token;		/* NULL: not in use */
	u32	room;		/* bytes the device may write */
	u16	count;		/* descriptors */
	u16	next;		/* of every descriptor: next in the chain or free list */
};

struct virtq {
	struct vring_desc	*desc;
	struct vring_avail	*avail;
	struct vring_used	*used;
	struct vslot		*slots;		/* num of them */
	u16			num, free, free_count;
	u16			avail_at, used_at;	/* next entry to write, to read */
	bool			broken;
};

/* Bytes of shared memory for @num descriptors (a power of two); aligned to 16, contiguous. */
size_t virtq_bytes(u16 num);
void virtq_init(struct virtq *q, u16 num, void *shared, struct vslot *slots);

/* Offer @out pieces to read and @in to write, in this order: 0, -ENOSPC.  @token is not NULL. */
long virtq_add(struct virtq *q, const struct vseg *segs, u32 out, u32 in, void *token);
bool virtq_must_kick(struct virtq *q);		/* after virtq_add(): is it to be told? */
/* Token of a chain the device is done with and the bytes it wrote, or NULL. */
void *virtq_take(struct virtq *q, u32 *written);
/* Ask for interrupts; true: something has come meanwhile, look again. */
bool virtq_irq_on(struct virtq *q);
void virtq_irq_off(struct virtq *q);		/* a hint to the device */
