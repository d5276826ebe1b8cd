/* SPDX-License-Identifier: MIT */
/*
 * lock_order.h: spin locks are taken in one order (checked build).  Locks fall into classes: what is said
 * here of one is true of its like.  Nothing has to be declared: an object's lock is known by the kind of
 * object and its place in it, a variable by its address.  Who takes a lock of class B holding one of class
 * A says that A comes before B; all that was ever said is kept, and what contradicts it is a panic at
 * once, whether or not another hart is there to deadlock with.  Two locks of one class are taken in the
 * order of their addresses.
 *
 * Key of a class: the address of a variable; else its upper half is the lower half of the address of the
 * struct slab, or of who took the block from the heap, and the lower one is where in the object the lock is.
 */
#pragma once
#include "core/spin.h"

enum { LOCK_CLASSES = 512, LOCK_NOTES = 1024 };

#ifdef CHECKED
/* Boot: watch from now on.  @key names the class of a lock; 0: it has none. */
void lock_order_start(u64 (*key)(const spinlock_t *l));
/* Boot: all locks in these @n bytes are one class. */
void lock_order_array(const void *at, size_t n);
/* Boot: locks of two objects of the slab @kind are taken in the order of a graph without circles that their
 * owner sees to; only those of one object are compared. */
void lock_order_graph(const void *kind);
/* @l is about to be taken at @pc, while @held are: its class in the bits of l->v. */
u32 lock_order_check(spinlock_t *l, spinlock_t *const *held, u32 n, const void *pc);
u32 lock_order_class(spinlock_t *l);		/* the same bits of a lock that is held */
#else
static inline void lock_order_start(u64 (*key)(const spinlock_t *l)) { }
static inline void lock_order_array(const void *at, size_t n) { }
static inline void lock_order_graph(const void *kind) { }
#endif
