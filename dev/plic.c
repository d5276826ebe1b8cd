/* SPDX-License-Identifier: MIT */
/*
 * plic.c: the platform-level interrupt controller.  Each hart has a context for supervisor mode,
 * found in "interrupts-extended".  Interrupts go to the harts that asked for them, which is the
 * boot hart; a source is enabled when a driver attaches to it.
 */
#include <libfdt.h>
#include "core/cpu.h"
#include "core/log.h"
#include "core/spin.h"
#include "dev/driver.h"
#include "dev/mmio.h"

enum { SOURCES = 128, EXTERNAL_S = 9, NO_CONTEXT = -1 };
enum { ENABLE = 0x2000, ENABLE_STEP = 0x80, CONTEXT = 0x200000, CONTEXT_STEP = 0x1000, CLAIM = 4 };

static struct {
	spinlock_t	lock;			/* enabling */
	u8		*regs;
	u64		size;
	s32		context[CPU_MAX];	/* by cpu->id, after irq_hart_init() */
	u32		boot;			/* cpu->id that takes the interrupts */
	const void	*wiring;		/* "interrupts-extended" */
	u32		wires;			/* pairs in it */
	struct handler { void (*fn)(void *data); void *data; } handler[SOURCES];
} plic;

/* The context wired to the external interrupt of the supervisor on @hart. */
static s32 context_of(u32 hart)
{
	const fdt32_t *w = plic.wiring;
	u32 intc = 0;

	for (u32 i = 0; i < board.hart_count; i++)
		if (board.harts[i] == hart)
			intc = board.hart_intc[i];
	for (u32 i = 0; i < plic.wires; i++)
		if (fdt32_to_cpu(w[2 * i]) == intc && fdt32_to_cpu(w[2 * i + 1]) == EXTERNAL_S)
			return i;
	return NO_CONTEXT;
}

static u8 *context_regs(u32 cpu)
{
	return plic.regs + CONTEXT + plic.context[cpu] * CONTEXT_STEP;
}

void irq_hart_init(void)
{
	const struct cpu *c = this_cpu();

	plic.context[c->id] = plic.regs ? context_of(c->hart) : NO_CONTEXT;
	if (plic.context[c->id] != NO_CONTEXT)
		mmio_write32(context_regs(c->id), 0);		/* threshold: let all through */
}

long irq_attach(u32 irq, void (*fn)(void *data), void *data)
{
	u8 *word;

	if (!plic.regs)
		return -EAGAIN;
	if (!irq || irq >= SOURCES)
		return -EINVAL;
	guard(&plic.lock);
	if (plic.handler[irq].fn)
		return -EBUSY;
	plic.handler[irq].data = data;
	__atomic_store_n(&plic.handler[irq].fn, fn, __ATOMIC_RELEASE);
	word = plic.regs + ENABLE + plic.context[plic.boot] * ENABLE_STEP + irq / 32 * 4;
	mmio_write32(plic.regs + irq * 4, 1);			/* priority: not never */
	mmio_write32(word, mmio_read32(word) | 1u << irq % 32);
	return 0;
}

/* Called by arch with interrupts off.  One a trap: more are rare, and would trap again. */
void kernel_external_irq(void)
{
	u32 cpu = this_cpu()->id, irq;
	void (*fn)(void *data);

	if (!plic.regs || plic.context[cpu] == NO_CONTEXT)
		return;
	irq = mmio_read32(context_regs(cpu) + CLAIM);
	if (!irq || irq >= SOURCES)
		return;
	fn = __atomic_load_n(&plic.handler[irq].fn, __ATOMIC_ACQUIRE);
	if (fn)
		fn(plic.handler[irq].data);
	mmio_write32(context_regs(cpu) + CLAIM, irq);
}

static long plic_probe(struct device *d)
{
	int len = 0;

	if (plic.regs)
		return -ENODEV;
	plic.wiring = fdt_getprop(d->fdt, d->node, "interrupts-extended", &len);
	if (!plic.wiring)
		return -EINVAL;
	plic.wires = len / 8;
	plic.boot = this_cpu()->id;
	plic.regs = phys_to_virt(d->base);
	irq_hart_init();
	if (plic.context[plic.boot] != NO_CONTEXT)
		return 0;
	plic.regs = NULL;
	return -EINVAL;
}

const struct driver plic_driver = {
	.name = "plic",
	.compatible = (const char *const[]){ "sifive,plic-1.0.0", "riscv,plic0", NULL },
	.probe = plic_probe,
};
