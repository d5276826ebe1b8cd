/* SPDX-License-Identifier: MIT */
/* vm_test.h: programs for tests: one byte at a time, faults resolved as the run loop would. */
#pragma once
#include "mem/test.h"
#include "mem/vm.h"

enum { RW = VM_READ | VM_WRITE };

static inline u8 pattern(uaddr_t at) { return at >> PAGE_SHIFT ^ at ^ 0x5a; }

static inline long touch(struct vm *v, uaddr_t at, u32 access, u8 *byte)
{
	vm_activate(v);
	for (u32 tries = 0; !host_touch(at, access, byte); tries++) {
		long r = vm_fault(v, at, access);

		if (r)
			return r;
		assert_true(tries < 2);
	}
	return 0;
}

static inline long poke(struct vm *v, uaddr_t at, u8 byte)
{
	return touch(v, at, ACCESS_WRITE, &byte);
}

/* The byte at @at, or a negative error. */
static inline long peek(struct vm *v, uaddr_t at)
{
	u8 byte = 0;
	long r = touch(v, at, ACCESS_READ, &byte);

	return r ? r : byte;
}

static inline uaddr_t map(struct vm *v, uaddr_t at, u64 pages, u32 flags, u32 how)
{
	long r = vm_map(v, &at, pages << PAGE_SHIFT, flags, how, NULL, 0, NULL, NULL);

	assert_int_equal(r, 0);
	return at;
}

/* A page set with an owner that counts. */
struct object { struct pageset set; _Atomic u32 refs; };

static inline void object_put(struct pageset *set)
{
	struct object *o = container_of(set, struct object, set);

	if (atomic_fetch_sub(&o->refs, 1) == 1)
		pageset_truncate(set, 0);
}

static inline void object_init(struct object *o, u64 pages, struct charge *c)
{
	pageset_init(&o->set, c);
	o->set.size_pages = pages;
	o->set.owner_refs = &o->refs;
	o->set.owner_put = object_put;
	o->refs = 1;
}

static inline void object_fill(struct object *o, u64 index, u8 byte)
{
	struct page *p = pageset_get(&o->set, index, true);

	memset(page_virt(p), byte, PAGE_SIZE);
	page_put(p);
}

/* What must be true of every space at any time. */
static inline void check_space(struct vm *v)
{
	u64 mapped = 0, resident = 0, count = 0;
	struct area *a, *before = NULL;

	for (a = vm_find(v, 0); a; before = a, a = vm_find(v, a->end)) {
		assert_true(
			a->start < a->end && a->start % PAGE_SIZE == 0 && a->end % PAGE_SIZE == 0);
		if (before) {
			assert_true(before->end <= a->start);
			assert_false(before->end == a->start && before->flags == a->flags &&
				     !a->set && !before->set && before->name == a->name &&
				     !(a->flags & VM_STACK));
		}
		mapped += a->end - a->start;
		count++;
		for (uaddr_t at = a->start; at < a->end; at += PAGE_SIZE) {
			pte_t *e = arch_pte(&v->mmu, at);

			if (!e)
				at = align_down(at, PT_SPAN) + PT_SPAN - PAGE_SIZE;
			else if (*e) {
				resident += phys_page(pte_phys(*e)) != zero_page;
				assert_true(page_refs(phys_page(pte_phys(*e))) > 0);
				assert_false(pte_present(*e) && pte_writable(*e) &&
					     !(a->flags & VM_WRITE));
				assert_false(pte_writable(*e) && !(a->flags & VM_SHARED) &&
					     page_refs(phys_page(pte_phys(*e))) > 1);
			}
		}
	}
	assert_int_equal(mapped, v->mapped);
	assert_int_equal(resident, v->resident);
	assert_int_equal(count, v->area_count);
}
