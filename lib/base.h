/* SPDX-License-Identifier: MIT */
/*
 * base.h: the words every room uses: integer types, error numbers, small helpers.
 * Pure; usable in the kernel and in host programs.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/errno.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int32_t s32;
typedef int64_t s64;
typedef u64 paddr_t;		/* physical address */
typedef u64 uaddr_t;		/* address in a program; never dereferenced by the kernel */

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)
#define container_of(p, T, m) ((T *)((char *)(p) - offsetof(T, m)))
#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define min(a, b)	({ __auto_type a_ = (a); __auto_type b_ = (b); a_ < b_ ? a_ : b_; })
#define max(a, b)	({ __auto_type a_ = (a); __auto_type b_ = (b); a_ > b_ ? a_ : b_; })

/* For the kernel's own use, programs never see it: interrupted by a signal, run the call again if
 * SA_RESTART.  Below every error number, as PENDING is: one compare finds both. */
#undef ERESTART
#define ERESTART	4097

/* Set once during boot, read-only afterwards. */
#define ro_after_init	__attribute__((section(".data.ro_after_init")))

static inline u64 align_down(u64 v, u64 to) { return v & ~(to - 1); }	/* to: power of two */
static inline u64 align_up(u64 v, u64 to) { return (v + to - 1) & ~(to - 1); }

enum { PAGE_SHIFT = 12, PAGE_SIZE = 1 << PAGE_SHIFT };
