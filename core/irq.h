/* SPDX-License-Identifier: MIT */
/*
 * irq.h: critical sections against this hart's interrupts: irq_guard(); keeps them off to the end of the
 * block.  For what interrupts use, too, or what must come in one piece; against other harts it does
 * nothing.
 */
#pragma once
#include "arch/arch.h"
#include "core/spin.h"

static inline bool irq_keep_off(void)
{
	bool on = arch_irq_enabled();

	arch_irq_off();
	return on;
}
static inline void irq_restore(bool *on)
{
	if (*on)
		arch_irq_on();
}

#define irq_guard() bool CAT(irq_, __LINE__)					\
	__attribute__((cleanup(irq_restore), unused)) = irq_keep_off()
