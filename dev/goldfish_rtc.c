/* SPDX-License-Identifier: MIT */
/* goldfish_rtc.c: the time of day, read once at boot: nanoseconds since 1970 in two registers. */
#include "arch/arch.h"
#include "core/time.h"
#include "dev/driver.h"
#include "dev/mmio.h"

enum { TIME_LOW = 0, TIME_HIGH = 4 };	/* reading the low half latches the high one */

static long rtc_probe(struct device *d)
{
	const u8 *regs = phys_to_virt(d->base);
	u64 low = mmio_read32(regs + TIME_LOW);

	clock_set_real((u64)mmio_read32(regs + TIME_HIGH) << 32 | low);
	return 0;
}

const struct driver goldfish_rtc = {
	.name = "goldfish_rtc",
	.compatible = (const char *const[]){ "google,goldfish-rtc", NULL },
	.probe = rtc_probe,
};
