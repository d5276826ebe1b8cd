/* SPDX-License-Identifier: MIT */
/*
 * virtio.h: a virtio device as its driver sees it, whatever transport it is behind (so far
 * registers in memory: virtio_mmio.c).  The transport finds the driver by the device's number,
 * resets the device and agrees on features; the driver's probe sets up its queues, calls
 * virtio_go(), and from then on the interrupt wakes the driver's task.
 */
#pragma once
#include "core/task.h"
#include "dev/virtqueue.h"

struct virtio;
struct virtio_driver {
	const char	*name;
	u32		number;			/* VIRTIO_ID_* */
	u64		features;		/* wanted; VIRTIO_F_VERSION_1 is always */
	long		(*probe)(struct virtio *v);
};
extern const struct virtio_driver *const virtio_drivers[];	/* virtio_mmio.c, NULL-terminated */

struct virtio {
	u8		*regs;
	const char	*name;			/* of the node, for the log */
	u64		features;		/* those both sides have */
	_Atomic(struct task *) task;		/* woken by interrupts; set before virtio_go() */
};

/* Queue @index with at most @num descriptors: 0, -ENODEV the device has none, -ENOMEM. */
long virtio_queue(struct virtio *v, struct virtq *q, u32 index, u16 num);
void virtio_go(struct virtio *v);		/* queues are ready: the device may start */
void virtio_kick(struct virtio *v, u32 index);
u32 virtio_config(struct virtio *v, u32 offset);	/* 32 bits of the device's configuration */
void virtio_fail(struct virtio *v);		/* give the device up */
