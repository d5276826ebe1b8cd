/* SPDX-License-Identifier: MIT */
/*
 * driver.h: drivers are matched to device-tree nodes by "compatible" and tried again, as long as
 * any attempt binds something (a driver may need another one first: -EAGAIN).
 */
#pragma once
#include "lib/base.h"

struct device {				/* one node of the device tree */
	const void	*fdt;
	int		node;		/* offset in the tree */
	const char	*path;
	paddr_t		base;		/* first "reg" */
	u64		size;
	u32		irq;		/* first interrupt; 0: none */
	const struct driver *driver;	/* bound */
	void		*data;		/* of the driver */
};

struct driver {
	const char	*name;
	const char	*const *compatible;		/* NULL-terminated */
	long		(*probe)(struct device *d);	/* 0, -EAGAIN later, -ENODEV not mine, -errno */
};
extern const struct driver *const drivers[];		/* dev/drivers.c, NULL-terminated */

/* Facts of the board (dev/board.c), read once from the device tree. */
struct board {
	struct { paddr_t base; u64 size; } memory[8], reserved[16];
	u32	memory_count, reserved_count;
	paddr_t	initrd_start, initrd_end;
	u32	harts[64], hart_count;
	u64	timebase_hz;
	char	bootargs[1024];
	u8	seed[64];
	u32	seed_len;
};
extern struct board board;
long board_read(const void *fdt);		/* memory, harts, chosen: before any allocation */
void drivers_bind(const void *fdt);		/* probe everything */

/* Value of word "@key=value" of the command line, or NULL; flag words give "". */
const char *board_arg(const char *key, char *buf, size_t size);

/* Interrupts: @fn runs in interrupt context: sets flags, wakes tasks, nothing else. */
long irq_attach(u32 irq, void (*fn)(void *data), void *data);
/* Orderly end; tries the board's power-off device, then firmware. */
void power_off(u32 status) __attribute__((noreturn));
extern void (*power_off_hook)(u32 status);		/* set by the driver */
void random_add(const void *seed, size_t n);	/* lib/rand.h state of the kernel */
