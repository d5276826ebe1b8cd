/* SPDX-License-Identifier: MIT */
/* vm_test.c: areas, placement, faults, copying on write, one behaviour at a time. */
// links: $(MEM_LINKS)
#include "mem/vm_test.h"

enum { P = PAGE_SIZE };
#define BASE 0x10000000ul

static struct charge account;
static struct vm *v;

static int one_space(void **state)
{
	fresh_memory(state);
	assert_int_equal(charge_open(&account, 0), 0);
	v = vm_create(&account);
	assert_non_null(v);
	v->mmap_top = 0x2000000000;
	v->stack_limit = 8 << 20;
	vm_activate(v);
	return 0;
}

static int space_gone(void **state)
{
	check_space(v);
	vm_put(v);
	vm_trim();
	assert_int_equal(account.used, 0);
	charge_close(&account);
	return nothing_leaked(state);
}

/* --- pages ------------------------------------------------------------------------------------ */

static void zeros_until_written(void **state)
{
	uaddr_t a = map(v, 0, 4, RW, 0);

	assert_int_equal(peek(v, a + 5), 0);
	assert_int_equal(v->resident, 0);		/* the zero page */
	assert_int_equal(poke(v, a + 5, 7), 0);
	assert_int_equal(peek(v, a + 5), 7);
	assert_int_equal(peek(v, a + 6), 0);
	assert_int_equal(v->resident, 1);
	assert_int_equal(poke(v, a + P, 8), 0);
	assert_int_equal(v->resident, 2);
	assert_int_equal(v->faults, 3);
	assert_int_equal(peek(v, a + 4 * P), -EFAULT);
	assert_int_equal(peek(v, a - 1), -EFAULT);
	assert_int_equal(vm_fault(v, USER_TOP + P, ACCESS_READ), -EFAULT);
	assert_int_equal(vm_fault(v, ~0ul, ACCESS_READ), -EFAULT);
}

static void rights_are_kept(void **state)
{
	uaddr_t a = map(v, 0, 3, VM_READ, 0);

	assert_int_equal(poke(v, a, 1), -EACCES);
	assert_int_equal(vm_fault(v, a, ACCESS_EXEC), -EACCES);
	assert_int_equal(vm_protect(v, a, 3 * P, RW), 0);
	assert_int_equal(poke(v, a, 1), 0);
	assert_int_equal(vm_protect(v, a, 3 * P, 0), 0);
	assert_int_equal(peek(v, a), -EACCES);
	assert_int_equal(poke(v, a, 2), -EACCES);
	assert_int_equal(v->resident, 1);
	assert_int_equal(vm_protect(v, a, 3 * P, VM_READ | VM_EXEC), 0);
	assert_int_equal(peek(v, a), 1);
	assert_int_equal(vm_fault(v, a, ACCESS_EXEC), 0);
	assert_int_equal(poke(v, a, 2), -EACCES);
	assert_int_equal(vm_protect(v, a, 4 * P, VM_READ), -ENOMEM);
	assert_int_equal(vm_protect(v, a + 1, P, VM_READ), -EINVAL);
	assert_int_equal(vm_protect(v, a, ~0ul, VM_READ), -ENOMEM);
}

static void fork_copies_on_write(void **state)
{
	uaddr_t a = map(v, 0, 3, RW, 0);
	struct vm *child, *grandchild;

	poke(v, a, 1);
	poke(v, a + P, 2);
	peek(v, a + 2 * P);
	child = vm_fork(v, 0);
	check_space(child);
	assert_int_equal(child->resident, 2);
	assert_int_equal(poke(v, a, 11), 0);		/* the parent copies */
	assert_int_equal(peek(child, a), 1);
	assert_int_equal(poke(child, a, 21), 0);	/* now the child's alone: in place */
	assert_int_equal(peek(v, a), 11);
	grandchild = vm_fork(child, 0);
	assert_int_equal(poke(grandchild, a + P, 32), 0);
	assert_int_equal(peek(child, a + P), 2);
	assert_int_equal(peek(v, a + P), 2);
	assert_int_equal(peek(grandchild, a), 21);
	assert_int_equal(poke(grandchild, a + 2 * P, 33), 0);
	assert_int_equal(peek(v, a + 2 * P), 0);
	check_space(v);
	check_space(child);
	check_space(grandchild);
	vm_put(child);
	assert_int_equal(peek(grandchild, a), 21);
	vm_put(grandchild);
	assert_int_equal(poke(v, a + P, 3), 0);
}

/* A table that two spaces share is changed by neither for the other. */
static void shared_tables_are_copied_before_they_change(void **state)
{
	uaddr_t a = map(v, BASE, 8, RW, MAP_AT);
	struct vm *child;

	for (u32 i = 0; i < 8; i++)
		poke(v, a + i * P, i + 1);
	child = vm_fork(v, 0);
	assert_ptr_equal(arch_pte(&v->mmu, a), arch_pte(&child->mmu, a));
	assert_int_equal(vm_unmap(child, a, 2 * P), 0);
	assert_int_equal(vm_protect(v, a + 2 * P, 2 * P, VM_READ), 0);
	assert_ptr_not_equal(arch_pte(&v->mmu, a), arch_pte(&child->mmu, a));
	assert_int_equal(peek(v, a + P), 2);
	assert_int_equal(peek(child, a + P), -EFAULT);
	assert_int_equal(poke(child, a + 2 * P, 30), 0);
	assert_int_equal(peek(v, a + 2 * P), 3);
	assert_int_equal(poke(v, a + 2 * P, 40), -EACCES);
	vm_discard(v, a + 4 * P, P, false);
	assert_int_equal(peek(child, a + 4 * P), 5);
	check_space(v);
	check_space(child);
	vm_put(child);
}

/* A loan: few frames while it lasts, none lost when either side goes first or the list is full. */
static void loans_end(void **state)
{
	uaddr_t a = map(v, BASE, 100, RW, MAP_AT);
	u64 free_frames;
	struct vm *child;

	for (u32 i = 0; i < 100; i++)
		poke(v, a + i * P, i);
	for (u32 written = 1; written < 100; written += 9) {
		free_frames = page_free_count() + heap_frames();
		child = vm_fork(v, 0);
		for (u32 i = 0; i < written; i++)
			assert_int_equal(poke(child, a + i * P, 200), 0);
		assert_int_equal(v->lent_count, 0);
		assert_int_equal(child->lent_count, written <= LENT_OWN - 16);
		for (u32 i = 0; i < 100; i++)
			assert_int_equal(peek(child, a + i * P), i < written ? 200 : i);
		poke(v, a + 99 * P, 99);
		check_space(child);
		vm_put(child);
		poke(v, a + 98 * P, 98);
		check_space(v);
		assert_int_equal(v->lent_count, 0);
		vm_trim();
		assert_int_equal(page_free_count() + heap_frames(), free_frames);
	}
}

/* A child's copy serves the next child, but not with what either has written since. */
static void copies_follow_the_original(void **state)
{
	uaddr_t a = map(v, BASE, 10, RW, MAP_AT);

	for (u32 i = 0; i < 8; i++)
		poke(v, a + i * P, i);
	for (u32 round = 0; round < 200; round++) {
		u32 changed = round % 5;
		struct vm *child = vm_fork(v, 0), *grandchild;

		assert_int_equal(poke(child, a + round % 10 * P, 100), 0);
		assert_int_equal(poke(child, a + 9 * P, 101), 0);
		grandchild = round % 7 ? NULL : vm_fork(child, 0);
		for (u32 i = 0; i < 9; i++)
			assert_int_equal(peek(child, a + i * P), i == round % 10 ? 100 :
					 i < 8 ? peek(v, a + i * P) : 0);
		check_space(child);
		vm_put(child);
		vm_put(grandchild);
		if (changed < 3)
			assert_int_equal(poke(v, a + changed * P, round % 99), 0);
		if (round % 50 == 49)
			vm_discard(v, a + 5 * P, P, false);
		check_space(v);
	}
}

/* The parent goes first: what it was the only one to use goes with the child's next fault. */
static void loans_outlive_the_lender(void **state)
{
	uaddr_t a = map(v, BASE, 10, RW, MAP_AT);
	struct vm *child, *grandchild;

	for (u32 i = 0; i < 10; i++)
		poke(v, a + i * P, i);
	child = vm_fork(v, 0);
	poke(child, a, 100);
	grandchild = vm_fork(child, a + P);
	poke(grandchild, a + 2 * P, 102);
	vm_put(child);
	vm_unmap(v, a, 10 * P);
	poke(grandchild, a + 3 * P, 103);
	check_space(grandchild);
	for (u32 i = 0; i < 10; i++)
		assert_int_equal(
			peek(grandchild, a + i * P), i == 0 || i == 2 || i == 3 ? 100 + i : i);
	vm_put(grandchild);
}

/* Both write to the hot page without a fault in the parent; others are copied on write. */
static void hot_page_is_copied_at_once(void **state)
{
	uaddr_t a = map(v, BASE, 3, RW, MAP_AT);
	struct vm *child;
	u8 byte = 9;

	poke(v, a, 1);
	poke(v, a + P, 2);
	child = vm_fork(v, a + 5);
	vm_activate(v);
	assert_true(host_touch(a, ACCESS_WRITE, &byte));
	assert_false(host_touch(a + P, ACCESS_WRITE, &byte));
	vm_activate(child);
	assert_true(host_touch(a, ACCESS_WRITE, &byte));
	assert_int_equal(poke(child, a, 3), 0);
	assert_int_equal(poke(child, a + P, 4), 0);
	assert_int_equal(peek(v, a), 9);
	assert_int_equal(peek(v, a + P), 2);
	check_space(v);
	check_space(child);
	vm_put(child);
}

static void fork_of_hidden_pages(void **state)
{
	uaddr_t a = map(v, 0, 1, RW, 0);
	struct vm *child;

	poke(v, a, 1);
	vm_protect(v, a, P, 0);
	child = vm_fork(v, 0);
	vm_protect(v, a, P, RW);
	poke(v, a, 2);
	vm_protect(child, a, P, RW);
	assert_int_equal(peek(child, a), 1);
	poke(child, a, 3);
	assert_int_equal(peek(v, a), 2);
	vm_put(child);
}

static void fork_leaves_out_what_is_marked(void **state)
{
	uaddr_t a = map(v, 0, 3, RW, 0);
	struct vm *child;

	poke(v, a + P, 5);
	assert_int_equal(vm_mark(v, a + P, P, VM_DONTFORK, true), 0);
	assert_int_equal(v->area_count, 3);
	child = vm_fork(v, 0);
	assert_int_equal(peek(child, a + P), -EFAULT);
	assert_int_equal(peek(child, a), 0);
	check_space(child);
	vm_put(child);
	assert_int_equal(vm_mark(v, a + P, P, VM_DONTFORK, false), 0);
	assert_int_equal(v->area_count, 1);
}

static void discard_gives_zeros(void **state)
{
	uaddr_t a = map(v, 0, 4, RW, 0);

	for (u32 i = 0; i < 4; i++)
		poke(v, a + i * P, i + 1);
	assert_int_equal(vm_discard(v, a + P, 2 * P, false), 0);
	assert_int_equal(v->resident, 2);
	assert_int_equal(peek(v, a), 1);
	assert_int_equal(peek(v, a + P), 0);
	assert_int_equal(peek(v, a + 3 * P), 4);
	assert_int_equal(vm_discard(v, a, 5 * P, false), -ENOMEM);
}

/* --- areas ------------------------------------------------------------------------------------ */

static void neighbours_merge_and_split(void **state)
{
	map(v, BASE, 2, RW, MAP_AT);
	map(v, BASE + 4 * P, 2, RW, MAP_AT);
	assert_int_equal(v->area_count, 2);
	poke(v, BASE, 1);
	poke(v, BASE + 5 * P, 2);
	map(v, BASE + 2 * P, 2, RW, MAP_AT);
	assert_int_equal(v->area_count, 1);
	vm_protect(v, BASE + P, 4 * P, VM_READ);
	assert_int_equal(v->area_count, 3);
	assert_int_equal(poke(v, BASE + P, 1), -EACCES);
	vm_protect(v, BASE + P, 4 * P, RW);
	assert_int_equal(v->area_count, 1);
	assert_int_equal(vm_unmap(v, BASE + 2 * P, P), 0);
	assert_int_equal(v->area_count, 2);
	assert_int_equal(peek(v, BASE + 2 * P), -EFAULT);
	assert_int_equal(peek(v, BASE), 1);
	assert_int_equal(peek(v, BASE + 5 * P), 2);
	map(v, BASE + P, 3, RW, MAP_AT); /* over the end of one, a hole, the start of one */
	assert_int_equal(v->area_count, 1);
	assert_int_equal(v->mapped, 6 * P);
	check_space(v);
	assert_int_equal(vm_unmap(v, 0, USER_TOP), 0);
	assert_int_equal(v->mapped, 0);
	assert_int_equal(vm_unmap(v, BASE, 0), -EINVAL);
	assert_int_equal(vm_unmap(v, BASE + 1, P), -EINVAL);
	assert_int_equal(vm_unmap(v, USER_TOP, P), -EINVAL);
}

static long try_map(uaddr_t at, u64 len, u32 how)
{
	return vm_map(v, &at, len, RW, how, NULL, 0, NULL, NULL);
}

static void placement(void **state)
{
	uaddr_t a = map(v, 0, 4, RW, 0), b = map(v, 0, 2, VM_READ, 0), c;

	assert_int_equal(a, v->mmap_top - 4 * P);
	assert_int_equal(b, a - 2 * P);
	vm_unmap(v, a + P, 2 * P);
	assert_int_equal(map(v, 0, 3, RW, 0), b - 3 * P);	/* does not fit the hole */
	c = map(v, 0, 2, RW, 0);
	assert_int_equal(c, a + P);				/* does */
	assert_int_equal(map(v, BASE + 5, 1, RW, 0), BASE);	/* a hint that is free */
	assert_true(map(v, BASE, 1, RW, 0) != BASE);
	assert_int_equal(try_map(BASE, P, MAP_KEEP), -EEXIST);
	assert_int_equal(try_map(BASE + 1, P, MAP_AT), -EINVAL);
	assert_int_equal(try_map(USER_TOP - P, 2 * P, MAP_AT), -ENOMEM);
	assert_int_equal(try_map(USER_TOP + P, P, MAP_AT), -ENOMEM);
	assert_int_equal(try_map(0, P, MAP_AT), -EPERM);
	assert_int_equal(try_map(0, 0, 0), -EINVAL);
	assert_int_equal(try_map(0, ~0ul, 0), -ENOMEM);
	assert_int_equal(try_map(0, USER_TOP, 0), -ENOMEM);
	v->limit = v->mapped + 2 * P;
	assert_int_equal(try_map(0, 3 * P, 0), -ENOMEM);
	assert_int_equal(try_map(BASE, 3 * P, MAP_AT), 0);	/* one of them replaced */
}

/* Whatever was mapped and unmapped before, a gap that is there is found, the highest first. */
static void placement_against_a_search(void **state)
{
	enum { N = 64 };
	bool used[N] = { 0 };

	v->mmap_top = BASE + N * P;
	for (u32 i = 0; i < 3000; i++) {
		u32 n = 1 + pick(6), at = pick(N - 6), want;

		if (pick(2)) {
			vm_unmap(v, BASE + at * P, n * P);
			memset(used + at, false, n);
			continue;
		}
		for (want = N - n; want < N; want--) {
			u32 k = 0;

			while (k < n && !used[want + k])
				k++;
			if (k == n)
				break;
		}
		if (want < N) {
			assert_int_equal(map(v, 0, n, RW, 0), BASE + want * P);
			memset(used + want, true, n);
		}
	}
	check_space(v);
}

static void many_areas_are_paid_for(void **state)
{
	s64 used = account.used;

	for (u32 i = 0; i < 320; i++)
		map(v, BASE + i * 2 * P, 1, RW, MAP_AT);
	assert_int_equal(account.used - used, 10);
	account.limit = account.used;
	assert_int_equal(try_map(BASE + 641 * P, P, MAP_AT), -ENOMEM);
	assert_int_equal(vm_unmap(v, BASE, 640 * P), 0);
	assert_int_equal(account.used, used);
}

static void breaks(void **state)
{
	v->brk_start = v->brk = BASE;
	assert_int_equal(vm_brk(v, 0), BASE);
	assert_int_equal(vm_brk(v, BASE + 100), BASE + 100);
	assert_int_equal(poke(v, BASE + 4095, 1), 0);
	assert_int_equal(poke(v, BASE + 4096, 1), -EFAULT);
	assert_int_equal(vm_brk(v, BASE + 3 * P + 1), BASE + 3 * P + 1);
	assert_int_equal(v->area_count, 1);
	assert_int_equal(poke(v, BASE + 4 * P - 1, 9), 0);
	assert_int_equal(vm_brk(v, BASE + P), BASE + P);
	assert_int_equal(peek(v, BASE + P), -EFAULT);
	assert_int_equal(vm_brk(v, BASE + 4 * P), BASE + 4 * P);
	assert_int_equal(peek(v, BASE + 4 * P - 1), 0);
	map(v, BASE + 8 * P, 1, RW, MAP_AT);
	assert_int_equal(vm_brk(v, BASE + 9 * P), BASE + 4 * P);
	assert_int_equal(vm_brk(v, BASE + 8 * P), BASE + 8 * P);
	assert_int_equal(vm_brk(v, ~0ul), BASE + 8 * P);
	assert_int_equal(vm_brk(v, BASE), BASE);
	assert_int_equal(v->mapped, P);
}

static void stacks_grow(void **state)
{
	uaddr_t top = USER_TOP - 16 * P;

	v->stack_limit = 512 * P;
	map(v, top - P, 1, RW | VM_STACK, MAP_AT);
	assert_int_equal(poke(v, top - 10 * P, 1), 0);
	assert_int_equal(v->mapped, 10 * P);
	assert_int_equal(poke(v, top - 513 * P, 1), -EFAULT);
	assert_int_equal(poke(v, top - 512 * P, 1), 0);
	assert_int_equal(poke(v, top - 512 * P - 1, 1), -EFAULT);
	v->stack_limit = 8 << 20;
	map(v, top - 1000 * P, 1, RW, MAP_AT);
	assert_int_equal(poke(v, top - 743 * P, 1), 0);
	assert_int_equal(poke(v, top - 744 * P, 1), -EFAULT);	/* the gap */
	assert_int_equal(try_map(top - 800 * P, P, MAP_KEEP), -EEXIST);
}

static void moves(void **state)
{
	uaddr_t a = map(v, BASE, 4, RW, MAP_AT), b;

	for (u32 i = 0; i < 4; i++)
		poke(v, a + i * P, i + 1);
	assert_int_equal(vm_remap(v, (struct remap){ a, 4 * P, 6 * P, 0, false, false }), a);
	assert_int_equal(peek(v, a + 5 * P), 0);
	map(v, BASE + 6 * P, 1, VM_READ, MAP_AT);
	assert_int_equal(vm_remap(v, (struct remap){ a, 6 * P, 7 * P, 0, false, false }), -ENOMEM);
	b = vm_remap(v, (struct remap){ a + P, 5 * P, 9 * P, 0, true, false });
	assert_true(b > a && b < USER_TOP);
	for (u32 i = 1; i < 4; i++)
		assert_int_equal(peek(v, b + (i - 1) * P), i + 1);
	assert_int_equal(peek(v, b + 8 * P), 0);
	assert_int_equal(peek(v, a), 1);
	assert_int_equal(peek(v, a + P), -EFAULT);
	check_space(v);
	assert_int_equal(vm_remap(v, (struct remap){ b, 9 * P, P, 0, false, false }), b);
	assert_int_equal(peek(v, b + P), -EFAULT);
	assert_int_equal(vm_remap(v, (struct remap){ b, P, 2 * P, BASE + 100 * P, true, false }), BASE + 100 * P);
	assert_int_equal(peek(v, BASE + 100 * P), 2);
	assert_int_equal(vm_remap(v, (struct remap){ b, P, 2 * P, 0, true, false }), -EFAULT);
	assert_int_equal(vm_remap(v, (struct remap){ a, P, 2 * P, a + P, true, false }), 0x10001000);
	assert_int_equal(vm_remap(v, (struct remap){ a + P, P, 2 * P, a, true, false }), -EINVAL);
	assert_int_equal(vm_remap(v, (struct remap){ a + 1, P, 2 * P, 0, true, false }), -EINVAL);
	assert_int_equal(vm_remap(v, (struct remap){ a + P, 0, P, 0, true, false }), -EINVAL);
	assert_int_equal(vm_remap(v, (struct remap){ a + P, P, ~0ul, 0, true, false }), -ENOMEM);
}

/* --- files ------------------------------------------------------------------------------------ */

static long map_object(struct object *o, uaddr_t at, u64 pages, u32 flags, u64 offset)
{
	return vm_map(v, &at, pages * P, flags, MAP_AT, &o->set, offset, NULL, NULL);
}

static void private_files(void **state)
{
	struct object o;

	object_init(&o, 20, &account);
	for (u32 i = 0; i < 20; i += 1 + (i == 7))
		object_fill(&o, i, i + 1);		/* 8 is a hole */
	assert_int_equal(map_object(&o, BASE, 30, RW, 0), 0);
	assert_int_equal(o.refs, 2);
	assert_int_equal(peek(v, BASE + 3 * P), 4);
	assert_int_equal(v->resident, 1);
	assert_int_equal(
		peek(v, BASE + 4 * P), 5); /* one after the other: all around, but for the hole */
	assert_int_equal(v->resident, 15);
	assert_int_equal(v->faults, 2);
	assert_int_equal(peek(v, BASE + 8 * P), 0);
	assert_int_equal(poke(v, BASE + 8 * P, 88), 0);
	assert_int_equal(poke(v, BASE + 3 * P, 99), 0);	/* copies */
	assert_int_equal(poke(v, BASE + 17 * P, 77), 0);	/* straight to a copy */
	assert_int_equal(peek(v, BASE + 3 * P + 1), 4);
	assert_int_equal(peek(v, BASE + 17 * P + 1), 18);
	assert_int_equal(*(u8 *)page_virt(pageset_find(&o.set, 3)), 4);
	assert_null(pageset_find(&o.set, 8));
	assert_int_equal(peek(v, BASE + 20 * P), -EIO);
	assert_int_equal(poke(v, BASE + 29 * P, 1), -EIO);
	object_put(&o.set); /* the file is removed: the mapping goes on */
	assert_int_equal(peek(v, BASE + 5 * P), 6);
	vm_unmap(v, BASE, 30 * P);
	assert_int_equal(o.refs, 0);
	assert_int_equal(o.set.count, 0);
}

static void shared_files(void **state)
{
	struct vm *child;
	struct object o;

	object_init(&o, 4, &account);
	assert_int_equal(map_object(&o, BASE, 4, RW | VM_SHARED, 0), 0);
	assert_int_equal(map_object(&o, BASE + 8 * P, 2, VM_READ | VM_SHARED | VM_NOWRITE, 1), 0);
	assert_int_equal(poke(v, BASE + P, 5), 0);
	assert_int_equal(peek(v, BASE + 8 * P), 5);
	assert_int_equal(vm_protect(v, BASE + 8 * P, P, RW), -EACCES);
	child = vm_fork(v, 0);
	assert_int_equal(poke(child, BASE + P, 6), 0);
	assert_int_equal(poke(child, BASE + 2 * P, 7), 0);
	assert_int_equal(peek(v, BASE + P), 6);
	assert_int_equal(peek(v, BASE + 9 * P), 7);
	assert_int_equal(o.refs, 3);
	vm_discard(v, BASE, 4 * P, false);
	assert_int_equal(peek(v, BASE + 2 * P), 7);
	vm_unmap(v, BASE + P, P);			/* splits: offsets follow */
	assert_int_equal(peek(v, BASE + 2 * P), 7);
	assert_int_equal(o.refs, 6);
	vm_put(child);
	vm_unmap(v, BASE, 16 * P);
	object_put(&o.set);
	assert_int_equal(o.refs, 0);
}

/* --- running out ------------------------------------------------------------------------------ */

static void limits_end_in_enomem(void **state)
{
	uaddr_t a = map(v, 0, 100, RW, 0);
	struct vm *child;
	u32 i;

	account.limit = account.used + 10;
	for (i = 0; i < 100 && !poke(v, a + i * P, 1); i++)
		;
	assert_true(i >= 7 && i <= 10);
	assert_int_equal(poke(v, a + i * P, 1), -ENOMEM);
	assert_true(account.failed > 0);
	assert_null(vm_fork(v, 0));
	assert_int_equal(account.used, account.limit);
	account.limit += 5;
	child = vm_fork(v, 0);
	assert_non_null(child);
	account.limit = account.used;
	assert_int_equal(poke(child, a, 2), -ENOMEM);
	vm_put(child);
	assert_int_equal(poke(v, a, 3), 0);
}

static void nothing_is_half_done_without_memory(void **state)
{
	uaddr_t a = map(v, BASE, 600, RW, MAP_AT);

	for (u32 i = 0; i < 600; i += 50)
		poke(v, a + i * P, i);
	for (u32 left = 0; left < 12; left++) {
		u64 mapped = v->mapped;
		struct vm *child;
		long r;

		leave_only(left);
		child = vm_fork(v, 0);
		vm_put(child);
		assert_int_equal(v->mapped, mapped);
		r = vm_remap(v, (struct remap){ a, 600 * P, 700 * P, 0x1000000000 + left * PT_SPAN, true, false });
		if (r > 0)
			a = r;
		poke(v, a + P, 1);
		r = vm_unmap(v, a + 10 * P, P);
		check_space(v);
		give_all();
		if (!r)
			map(v, a + 10 * P, 1, RW, MAP_AT);
	}
	for (u32 i = 50; i < 600; i += 50)
		assert_int_equal(peek(v, a + i * P), (u8)i);
}

static void hopeless_sizes_are_refused(void **state)
{
	uaddr_t a = 0;

	assert_int_equal(vm_map(v, &a, 1ul << 33, RW, 0, NULL, 0, NULL, NULL), -ENOMEM);
	assert_int_equal(vm_map(v, &a, 1ul << 33, RW | VM_NORESERVE, 0, NULL, 0, NULL, NULL), 0);
	assert_int_equal(vm_map(v, &a, 1ul << 33, 0, 0, NULL, 0, NULL, NULL), 0);
	assert_int_equal(vm_unmap(v, a, 1ul << 33), 0);
}

static void presence(void **state)
{
	uaddr_t a = map(v, 0, 4, RW, 0);
	u8 out[5];

	poke(v, a + P, 1);
	assert_int_equal(vm_present(v, a, 4, out), 0);
	assert_memory_equal(out, "\0\1\0\0", 4);
	assert_int_equal(vm_present(v, a, 5, out), -ENOMEM);
	assert_true(vm_range_mapped(v, a, 4 * P));
	assert_false(vm_range_mapped(v, a, 4 * P + 1));
	assert_false(vm_range_mapped(v, a, ~0ul));
}

#define SPACE_TEST(f) cmocka_unit_test_setup_teardown(f, one_space, space_gone)
int main(void)
{
	const struct CMUnitTest tests[] = {
		SPACE_TEST(zeros_until_written),
		SPACE_TEST(rights_are_kept),
		SPACE_TEST(fork_copies_on_write),
		SPACE_TEST(shared_tables_are_copied_before_they_change),
		SPACE_TEST(loans_end),
		SPACE_TEST(copies_follow_the_original),
		SPACE_TEST(loans_outlive_the_lender),
		SPACE_TEST(hot_page_is_copied_at_once),
		SPACE_TEST(fork_of_hidden_pages),
		SPACE_TEST(fork_leaves_out_what_is_marked),
		SPACE_TEST(discard_gives_zeros),
		SPACE_TEST(neighbours_merge_and_split),
		SPACE_TEST(placement),
		SPACE_TEST(placement_against_a_search),
		SPACE_TEST(many_areas_are_paid_for),
		SPACE_TEST(breaks),
		SPACE_TEST(stacks_grow),
		SPACE_TEST(moves),
		SPACE_TEST(private_files),
		SPACE_TEST(shared_files),
		SPACE_TEST(limits_end_in_enomem),
		SPACE_TEST(nothing_is_half_done_without_memory),
		SPACE_TEST(hopeless_sizes_are_refused),
		SPACE_TEST(presence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
