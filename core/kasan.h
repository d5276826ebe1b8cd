/* SPDX-License-Identifier: MIT */
/*
 * kasan.h: which bytes of memory may be touched.  In the checked kernel each eight bytes of memory
 * have one of shadow, and the compiler asks core/kasan.c before each load and store.  Allocators
 * say here what is whose.  Unit tests under ASan use the same calls with ASan's shadow; the release
 * kernel has nothing of it.
 *
 * Ranges begin at a multiple of eight.  Poisoning takes whole granules of eight, unpoisoning ends at
 * the exact byte.
 */
#pragma once
#include "lib/base.h"

enum kasan_why {		/* what the shadow of bytes nobody may touch says; as Linux has them */
	KASAN_STACK_LEFT = 0xf1, KASAN_STACK_MID = 0xf2, KASAN_STACK_RIGHT = 0xf3,
	KASAN_SCOPE = 0xf8, KASAN_GLOBAL = 0xf9, KASAN_FRAME = 0xca,
	KASAN_FREED = 0xfb, KASAN_RED_ZONE = 0xfc, KASAN_FREE_PAGE = 0xff,
};

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define KASAN_BY_HOST 1
#endif
#endif

#if defined(KASAN)

#define no_kasan __attribute__((no_sanitize_address))	/* may touch what is poisoned */
void kasan_poison(const void *at, size_t n, enum kasan_why why);
void kasan_unpoison(const void *at, size_t n);
/* What no compiler sees: assembly, and copies of whole ranges. */
void kasan_check(const void *at, size_t n, bool write);
/* Boot: memory is [base, base + size), its shadow kasan_shadow_bytes() at physical @shadow. */
size_t kasan_shadow_bytes(paddr_t base, size_t size);
/* @describe says through log_raw() what the poisoned address @at in memory belongs to. */
void kasan_start(paddr_t base, size_t size, paddr_t shadow, void (*describe)(uintptr_t at, u32 why));

/* Boot: stacks of other harts are in [start, end), which have shadow. */
void kasan_watch_stacks(uintptr_t start, uintptr_t end);

#elif defined(KASAN_BY_HOST)

#include <sanitizer/asan_interface.h>
#define no_kasan __attribute__((no_sanitize_address, noinline))
#define kasan_poison(at, n, why)	__asan_poison_memory_region(at, n)
#define kasan_unpoison(at, n)		__asan_unpoison_memory_region(at, n)
static inline void kasan_check(const void *at, size_t n, bool write) { }

#else

#define no_kasan
static inline void kasan_poison(const void *at, size_t n, enum kasan_why why) { }
static inline void kasan_unpoison(const void *at, size_t n) { }
static inline void kasan_check(const void *at, size_t n, bool write) { }

#endif

#ifndef KASAN
static inline size_t kasan_shadow_bytes(paddr_t base, size_t size) { return 0; }
static inline void kasan_start(paddr_t base, size_t size, paddr_t shadow,
			       void (*describe)(uintptr_t at, u32 why)) { }
#endif
