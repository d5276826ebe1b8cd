/* SPDX-License-Identifier: MIT */
/*
 * uart16550.c: the first serial port carries the kernel's log.  Output is polled, from any context
 * and without a lock: lines of two harts may mix, but a panic always gets through.  What comes in is
 * given to log_key(), from the interrupt.
 */
#include "arch/arch.h"
#include "core/log.h"
#include "dev/driver.h"
#include "dev/mmio.h"

enum { THR = 0, RBR = 0, IER = 1, FCR = 2, LCR = 3, MCR = 4, LSR = 5 };
enum { LSR_EMPTY = 0x20, LSR_READY = 1, IER_RECEIVED = 1, FIFO = 16, LCR_8N1 = 3, FCR_ON_CLEAR = 7, MCR_DTR_RTS = 3 };
enum { PATIENCE = 100000 };		/* a port that never empties must not stop the kernel */

static struct { volatile u8 *regs; u32 shift; } uart ro_after_init;

static volatile u8 *reg(u32 n) { return uart.regs + (n << uart.shift); }

static void uart_putc(char c)
{
	for (u32 i = 0; !(mmio_read8(reg(LSR)) & LSR_EMPTY) && i < PATIENCE; i++)
		arch_relax();
	mmio_write8(reg(THR), c);
}

static void uart_irq(void *data)
{
	for (u32 i = 0; i < FIFO && mmio_read8(reg(LSR)) & LSR_READY; i++) {
		char c = mmio_read8(reg(RBR));

		if (log_key)
			log_key(c);
	}
}

static void uart_start(const struct device *d)
{
	uart.regs = phys_to_virt(d->base);
	uart.shift = device_u32(d, "reg-shift", 0);
	mmio_write8(reg(IER), 0);
	mmio_write8(reg(LCR), LCR_8N1);		/* the speed is the firmware's */
	mmio_write8(reg(FCR), FCR_ON_CLEAR);
	mmio_write8(reg(MCR), MCR_DTR_RTS);
	log_putc = uart_putc;
}

/* Words go out at once; keys wait for an interrupt controller. */
static long uart_probe(struct device *d)
{
	long err = 0;

	if (uart.regs && uart.regs != (u8 *)phys_to_virt(d->base))
		return -ENODEV;			/* one is enough */
	if (!uart.regs)
		uart_start(d);
	if (d->irq && !(err = irq_attach(d->irq, uart_irq, NULL)))
		mmio_write8(reg(IER), IER_RECEIVED);
	return err == -EAGAIN ? err : 0;
}

const struct driver uart16550 = {
	.name = "uart16550",
	.compatible = (const char *const[]){ "ns16550a", "ns16550", "snps,dw-apb-uart", NULL },
	.probe = uart_probe,
};
