/* SPDX-License-Identifier: MIT */
/*
 * drivers.c: all drivers, in the order in which they are tried.  The order matters for speed only:
 * who needs another driver first says -EAGAIN and is tried again, as long as anything binds.
 */
#include "core/log.h"
#include "dev/board.h"

extern const struct driver uart16550, plic_driver, sifive_test, syscon_poweroff, goldfish_rtc,
	virtio_mmio;

const struct driver *const drivers[] = {
	&uart16550,
	&plic_driver,
	&sifive_test,
	&syscon_poweroff,
	&goldfish_rtc,
	&virtio_mmio,
	NULL,
};

static bool device_probe(struct device *d)
{
	long r = d->driver->probe(d);

	d->settled = r != -EAGAIN;
	if (!r)
		log_debug("%s: %s", d->path, d->driver->name);
	else if (r != -EAGAIN && r != -ENODEV)
		log_warn("%s: %s failed: error %ld", d->path, d->driver->name, -r);
	return !r;
}

/* Offer @driver its devices: how many it has bound. */
static u32 driver_probe(const struct driver *driver)
{
	u32 bound = 0;

	for (struct device *d = devices; d < devices + device_count; d++)
		if (!d->settled && d->driver == driver)
			bound += device_probe(d);
	return bound;
}

void drivers_bind(const void *fdt)
{
	u32 bound;

	do {
		bound = 0;
		for (const struct driver *const *d = drivers; *d; d++)
			bound += driver_probe(*d);
	} while (bound);
	for (struct device *d = devices; d < devices + device_count; d++)
		if (!d->settled)
			log_warn("%s: %s lacks another device", d->path, d->driver->name);
}
