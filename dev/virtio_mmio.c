/* SPDX-License-Identifier: MIT */
/*
 * virtio_mmio.c: virtio devices behind registers in memory (virtio 1.x, section 4.2).  Only the
 * modern interface; QEMU offers the legacy one unless told otherwise, so that is said in the log.
 * The interrupt handler acknowledges and wakes the driver's task; all else is the task's.
 */
#include <linux/virtio_config.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include "core/log.h"
#include "dev/driver.h"
#include "dev/mmio.h"
#include "dev/virtio.h"
#include "mem/heap.h"

enum { MAGIC = 0x74726976, MODERN = 2 };

extern const struct virtio_driver virtio_console, virtio_blk;

const struct virtio_driver *const virtio_drivers[] = {
	&virtio_console,
	&virtio_blk,
	NULL,
};

static u32 read_reg(struct virtio *v, u32 reg) { return mmio_read32(v->regs + reg); }
static void write_reg(struct virtio *v, u32 reg, u32 value) { mmio_write32(v->regs + reg, value); }

static void add_status(struct virtio *v, u32 bit)
{
	write_reg(v, VIRTIO_MMIO_STATUS, read_reg(v, VIRTIO_MMIO_STATUS) | bit);
}

static void write_reg64(struct virtio *v, u32 low, u64 value)
{
	write_reg(v, low, (u32)value);
	write_reg(v, low + 4, (u32)(value >> 32));
}

/* --- for drivers ------------------------------------------------------------------------------ */

long virtio_queue(struct virtio *v, struct virtq *q, u32 index, u16 num)
{
	u32 most;
	struct vslot *slots;
	void *shared;

	write_reg(v, VIRTIO_MMIO_QUEUE_SEL, index);
	most = read_reg(v, VIRTIO_MMIO_QUEUE_NUM_MAX);
	if (!most || read_reg(v, VIRTIO_MMIO_QUEUE_READY))
		return -ENODEV;
	while (num > most)
		num /= 2;
	slots = heap_alloc(num * sizeof(*slots));
	shared = heap_alloc(virtq_bytes(num) + 15);
	if (!slots || !shared) {
		heap_free(slots);
		heap_free(shared);
		return -ENOMEM;
	}
	virtq_init(q, num, (void *)align_up((uintptr_t)shared, 16), slots);
	write_reg(v, VIRTIO_MMIO_QUEUE_NUM, num);
	write_reg64(v, VIRTIO_MMIO_QUEUE_DESC_LOW, virt_to_phys(q->desc));
	write_reg64(v, VIRTIO_MMIO_QUEUE_AVAIL_LOW, virt_to_phys(q->avail));
	write_reg64(v, VIRTIO_MMIO_QUEUE_USED_LOW, virt_to_phys(q->used));
	write_reg(v, VIRTIO_MMIO_QUEUE_READY, 1);
	return 0;
}

void virtio_go(struct virtio *v) { add_status(v, VIRTIO_CONFIG_S_DRIVER_OK); }
void virtio_fail(struct virtio *v) { add_status(v, VIRTIO_CONFIG_S_FAILED); }
void virtio_kick(struct virtio *v, u32 index) { write_reg(v, VIRTIO_MMIO_QUEUE_NOTIFY, index); }

u32 virtio_config(struct virtio *v, u32 offset)
{
	return read_reg(v, VIRTIO_MMIO_CONFIG + offset);
}

/* --- finding them ----------------------------------------------------------------------------- */

static void interrupt(void *data)
{
	struct virtio *v = data;
	struct task *t = atomic_load_explicit(&v->task, memory_order_acquire);

	write_reg(v, VIRTIO_MMIO_INTERRUPT_ACK, read_reg(v, VIRTIO_MMIO_INTERRUPT_STATUS));
	if (t)
		task_wake(t);
}

static const struct virtio_driver *driver_of(u32 number)
{
	for (const struct virtio_driver *const *d = virtio_drivers; *d; d++)
		if ((*d)->number == number)
			return *d;
	return NULL;
}

static u64 device_features(struct virtio *v)
{
	u64 f;

	write_reg(v, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	f = (u64)read_reg(v, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
	write_reg(v, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	return f | read_reg(v, VIRTIO_MMIO_DEVICE_FEATURES);
}

/* Reset, and agree on features. */
static long negotiate(struct virtio *v, u64 wanted)
{
	u64 must = 1ull << VIRTIO_F_VERSION_1;

	write_reg(v, VIRTIO_MMIO_STATUS, 0);
	add_status(v, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	v->features = device_features(v) & (wanted | must);
	write_reg(v, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write_reg(v, VIRTIO_MMIO_DRIVER_FEATURES, v->features >> 32);
	write_reg(v, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	write_reg(v, VIRTIO_MMIO_DRIVER_FEATURES, (u32)v->features);
	add_status(v, VIRTIO_CONFIG_S_FEATURES_OK);
	if ((v->features & must) && (read_reg(v, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_FEATURES_OK))
		return 0;
	virtio_fail(v);
	return -EPROTO;
}

/* The driver for what is behind the registers, or NULL: an empty slot, unknown, or too old. */
static const struct virtio_driver *identify(const struct device *d)
{
	const u8 *regs = phys_to_virt(d->base);
	u32 number = mmio_read32(regs + VIRTIO_MMIO_DEVICE_ID);
	const struct virtio_driver *driver = number ? driver_of(number) : NULL;

	if (!driver || mmio_read32(regs + VIRTIO_MMIO_MAGIC_VALUE) != MAGIC)
		return NULL;
	if (mmio_read32(regs + VIRTIO_MMIO_VERSION) == MODERN)
		return driver;
	log_error("%s: %s has the legacy interface only: start QEMU with "
		  "-global virtio-mmio.force-legacy=false", d->path, driver->name);
	return NULL;
}

static long mmio_probe(struct device *d)
{
	const struct virtio_driver *driver = identify(d);
	struct virtio *v;
	long err;

	if (!driver)
		return -ENODEV;
	v = heap_zero(sizeof(*v));
	if (!v)
		return -ENOMEM;
	v->regs = phys_to_virt(d->base);
	v->name = d->path;
	err = irq_attach(d->irq, interrupt, v);
	if (err) {
		heap_free(v);
		return err;
	}
	d->data = v;			/* the interrupt has it now: never freed */
	err = negotiate(v, driver->features);
	return err ? err : driver->probe(v);
}

const struct driver virtio_mmio = {
	.name = "virtio_mmio",
	.compatible = (const char *const[]){ "virtio,mmio", NULL },
	.probe = mmio_probe,
};
