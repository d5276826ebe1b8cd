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
	const char	*path;		/* name of the node: "serial@10000000" */
	paddr_t		base;		/* first "reg" */
	u64		size;
	u32		irq;		/* first interrupt; 0: none */
	bool		settled;	/* bound, or nobody's: not tried again */
	const struct driver *driver;	/* matched by "compatible" */
	void		*data;		/* of the driver */
};

struct driver {
	const char	*name;
	const char	*const *compatible;		/* NULL-terminated */
	long		(*probe)(struct device *d);	/* 0, -EAGAIN, -ENODEV not mine, -errno */
};
extern const struct driver *const drivers[];		/* dev/drivers.c, NULL-terminated */

/* Facts of the board (dev/board.c), read once from the device tree. */
struct board {
	struct { paddr_t base; u64 size; } memory[8], reserved[16];
	u32	memory_count, reserved_count;
	paddr_t	initrd_start, initrd_end;
	u32	harts[64], hart_count;
	u32	hart_intc[64];		/* phandle of each hart's own interrupt controller */
	u64	timebase_hz;
	char	isa[256];		/* what the processor can do, as the tree words it */
	char	bootargs[1024];
	u8	seed[64];
	u32	seed_len;
};
extern struct board board;
/* Memory, harts, chosen; and which nodes have drivers: the only walk over the tree.  Before any
 * allocation.  -EINVAL: not a device tree, or one without memory.  The tree itself is among the
 * reserved ranges; the kernel image and the initial RAM file system are not. */
long board_read(const void *fdt);
void board_args_check(void);			/* log words of the command line nobody knows */
void drivers_bind(const void *fdt);		/* probe everything; the heap works */

/* Value of word "@key=value" of the command line, or NULL; flag words give "". */
const char *board_arg(const char *key, char *buf, size_t size);

/* A 32-bit property of @d's node, or @otherwise. */
u32 device_u32(const struct device *d, const char *property, u32 otherwise);

/* Interrupts: @fn runs in interrupt context: sets flags, wakes tasks, nothing else. */
long irq_attach(u32 irq, void (*fn)(void *data), void *data);	/* -EAGAIN: no controller yet */
void irq_hart_init(void);			/* this hart takes device interrupts, too */
/* Orderly end; tries the board's power-off device, then firmware. */
void power_off(u32 status) __attribute__((noreturn));
extern void (*power_off_hook)(u32 status);		/* set by the driver */

/* The kernel's generator (lib/rand.h), seeded from the tree, the processor and devices. */
void random_start(void);			/* first seed; after board_read() */
void random_add(const void *seed, size_t n);
void random_bytes(void *buf, size_t n);
