/* SPDX-License-Identifier: MIT */
/*
 * mmio.h: registers of devices.  A write is seen by the device after everything written to memory
 * before it, a read is done before anything read from memory after it: the fences order memory and
 * devices alike (a full fence does so on every machine we know).
 */
#pragma once
#include <stdatomic.h>
#include "lib/base.h"

static inline u32 mmio_read32(const volatile void *at)
{
	u32 v = *(const volatile u32 *)at;

	atomic_thread_fence(memory_order_seq_cst);
	return v;
}

static inline void mmio_write32(volatile void *at, u32 v)
{
	atomic_thread_fence(memory_order_seq_cst);
	*(volatile u32 *)at = v;
}

static inline u8 mmio_read8(const volatile void *at) { return *(const volatile u8 *)at; }
static inline void mmio_write8(volatile void *at, u8 v) { *(volatile u8 *)at = v; }
