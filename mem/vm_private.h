/* SPDX-License-Identifier: MIT */
/*
 * vm_private.h: between vm.c (areas) and vm_pages.c (page table entries).  v->lock is held, but for
 * spaces nobody else knows yet.
 *
 * An entry is 0 (nothing), present, or hidden: a frame in an area without rights.  Every entry holds
 * a reference to its frame.  In a private area a frame whose entry is not marked copy-on-write is this
 * space's alone.
 */
#pragma once
#include "core/cpu.h"
#include "mem/vm.h"

enum { STACK_GAP = 256 << PAGE_SHIFT };		/* kept free below a stack */
#define VM_RIGHTS (VM_READ | VM_WRITE | VM_EXEC)

static inline u64 area_pages(u64 bytes) { return bytes >> PAGE_SHIFT; }

/* The area with @addr, or the stack grown down to it; NULL. */
struct area *area_search(struct vm *v, uaddr_t addr);
static inline struct area *area_at(struct vm *v, uaddr_t addr)
{
	struct area *a = v->hint;

	return likely(a && a->start <= addr && addr < a->end) ? a : area_search(v, addr);
}

pte_t *pages_entry(struct vm *v, uaddr_t addr);			/* makes tables; NULL: no memory */
void pages_drop(struct vm *v, uaddr_t start, uaddr_t end);	/* unmap and release */
/* @a has new rights: entries of [start, end) follow. */
void pages_protect(struct vm *v, const struct area *a, uaddr_t start, uaddr_t end);
long pages_fork(struct vm *to, struct vm *from, const struct area *a, bool *changed);
/* Move entries from @from to @to, where there are none; tables of @to exist (pages_prepare()). */
long pages_prepare(struct vm *v, uaddr_t from, uaddr_t to, u64 len);
void pages_move(struct vm *v, uaddr_t from, uaddr_t to, u64 len);
/* Forget translations of [start, end) on this hart, if the space is loaded. */
void pages_flush(struct vm *v, uaddr_t start, uaddr_t end);
