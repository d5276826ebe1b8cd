/* SPDX-License-Identifier: MIT */
/*
 * power.c: switching the machine off.  sifive_test carries a status to the host (QEMU exits with
 * it); a syscon board only knows off; the firmware is the last resort.
 */
#include <libfdt.h>
#include "arch/arch.h"
#include "core/log.h"
#include "dev/driver.h"
#include "dev/mmio.h"

void (*power_off_hook)(u32 status) ro_after_init;

static struct { void *at; u32 value; } off ro_after_init;

void power_off(u32 status)
{
	arch_irq_off();
	if (power_off_hook)
		power_off_hook(status);
	arch_power_off(status);
}

static void hook_set(void (*hook)(u32 status))
{
	power_off_hook = panic_power_off = hook;
}

/* --- sifive_test ------------------------------------------------------------------------------ */

enum { TEST_PASS = 0x5555, TEST_FAIL = 0x3333 };

static void sifive_off(u32 status)
{
	mmio_write32(off.at, status ? status << 16 | TEST_FAIL : TEST_PASS);
}

static long sifive_probe(struct device *d)
{
	off.at = phys_to_virt(d->base);
	hook_set(sifive_off);
	return 0;
}

const struct driver sifive_test = {
	.name = "sifive_test",
	.compatible = (const char *const[]){ "sifive,test1", "sifive,test0", NULL },
	.probe = sifive_probe,
};

/* --- syscon-poweroff -------------------------------------------------------------------------- */

static void syscon_off(u32 status)
{
	mmio_write32(off.at, off.value);
}

/* Finding the register block by its handle is dear, and needless if there is something better. */
static long syscon_probe(struct device *d)
{
	int block, len = 0;
	const fdt32_t *reg;

	if (power_off_hook)
		return -ENODEV;
	block = fdt_node_offset_by_phandle(d->fdt, device_u32(d, "regmap", 0));
	reg = block < 0 ? NULL : fdt_getprop(d->fdt, block, "reg", &len);
	if (!reg || len < 8)
		return -EINVAL;
	off.at = (u8 *)phys_to_virt((u64)fdt32_to_cpu(reg[0]) << 32 | fdt32_to_cpu(reg[1])) +
		 device_u32(d, "offset", 0);
	off.value = device_u32(d, "value", 0);
	hook_set(syscon_off);
	return 0;
}

const struct driver syscon_poweroff = {
	.name = "syscon_poweroff",
	.compatible = (const char *const[]){ "syscon-poweroff", NULL },
	.probe = syscon_probe,
};
