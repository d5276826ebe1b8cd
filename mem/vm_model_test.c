/* SPDX-License-Identifier: MIT */
/*
 * vm_model_test.c: random operations on a family of spaces, each compared with a plain table of
 * what every page must be; memory runs out now and then.
 */
// links: $(MEM_LINKS)
#include "mem/vm_test.h"

enum { P = PAGE_SIZE, PAGES = 96, SPACES = 4, FILE_PAGES = 24 };
#define BASE (PT_SPAN * 3 - 20 * P)		/* across the end of a table */

enum kind { NONE, PRIVATE, SHARED };
struct model_page { u8 kind, rights, byte; u32 index; };	/* index in the file, if SHARED */
struct space { struct vm *v; struct model_page page[PAGES]; };

static struct space spaces[SPACES];
static struct object file;
static u8 content[FILE_PAGES];
static struct charge account;

static u8 expected(const struct model_page *m)
{
	return m->kind == SHARED ? content[m->index] : m->byte;
}

static void compare(struct space *s, u32 i)
{
	struct model_page *m = &s->page[i];
	long got = peek(s->v, BASE + i * P + pick(P));

	if (m->kind == NONE)
		assert_int_equal(got, -EFAULT);
	else if (!(m->rights & RW))
		assert_int_equal(got, -EACCES);
	else if (got != -ENOMEM)
		assert_int_equal(got, expected(m));
}

/* A whole page gets the same byte, so that any byte of it can be compared. */
static long fill(struct vm *v, uaddr_t at, u8 byte)
{
	u8 page[PAGE_SIZE];
	long r = poke(v, at, byte);

	memset(page, byte, P);
	if (!r)
		assert_int_equal(arch_copy_out(at, page, P), 0);
	return r;
}

static void write_page(struct space *s, u32 i)
{
	struct model_page *m = &s->page[i];
	u8 byte = pick(256);
	long r = fill(s->v, BASE + i * P, byte);

	if (m->kind == NONE)
		assert_int_equal(r, -EFAULT);
	else if (!(m->rights & VM_WRITE))
		assert_int_equal(r, -EACCES);
	else if (r)
		assert_int_equal(r, -ENOMEM);
	else if (m->kind == SHARED)
		content[m->index] = byte;
	else
		m->byte = byte;
}

static void map_private(struct space *s, u32 i, u32 n, u32 rights)
{
	uaddr_t at = BASE + i * P;

	if (vm_map(s->v, &at, n * P, rights, MAP_AT, NULL, 0, NULL, NULL))
		return;
	for (u32 k = i; k < i + n; k++)
		s->page[k] = (struct model_page){ PRIVATE, rights, 0, 0 };
}

static void map_file(struct space *s, u32 i, u32 n, u32 rights)
{
	uaddr_t at = BASE + i * P;
	u32 index = pick(FILE_PAGES - n + 1);

	if (vm_map(s->v, &at, n * P, rights | VM_SHARED, MAP_AT, &file.set, index, NULL, NULL))
		return;
	for (u32 k = 0; k < n; k++)
		s->page[i + k] = (struct model_page){ SHARED, rights, 0, index + k };
}

static void unmap(struct space *s, u32 i, u32 n)
{
	if (vm_unmap(s->v, BASE + i * P, n * P))
		return;
	memset(&s->page[i], 0, n * sizeof(s->page[0]));
}

/* All of [i, end) have @rights now. */
static bool have_rights(struct space *s, u32 i, u32 end, u32 rights)
{
	for (; i < end; i++)
		if ((vm_find(s->v, BASE + i * P)->flags & 7) != rights)
			return false;
	return true;
}

/* What is before a hole changes, unless memory was short. */
static void protect(struct space *s, u32 i, u32 n, u32 rights)
{
	long r = vm_protect(s->v, BASE + i * P, n * P, rights);
	u32 end = i;

	while (end < i + n && s->page[end].kind != NONE)
		end++;
	if (!r)
		assert_int_equal(end, i + n);
	else if (end == i + n || !have_rights(s, i, end, rights))
		return;
	for (u32 k = i; k < end; k++)
		s->page[k].rights = rights;
}

static void discard(struct space *s, u32 i, u32 n)
{
	if (vm_discard(s->v, BASE + i * P, n * P, false) == -EAGAIN)	/* no memory for a table */
		return;
	for (u32 k = i; k < i + n; k++)
		s->page[k].byte = 0;
}

static void move(struct space *s, u32 i, u32 n)
{
	u32 to = pick(PAGES - n + 1);
	struct model_page moved[PAGES];

	if (vm_remap(s->v, (struct remap){ BASE + i * P, n * P, n * P, BASE + to * P, true, false }) < 0)
		return;
	memcpy(moved, &s->page[i], n * sizeof(moved[0]));
	memset(&s->page[i], 0, n * sizeof(moved[0]));
	memcpy(&s->page[to], moved, n * sizeof(moved[0]));
}

static void fork_over(struct space *s)
{
	struct space *to = &spaces[pick(SPACES)];
	struct vm *child;

	if (to == s)
		return;
	child = vm_fork(s->v, pick(2) ? BASE + pick(PAGES) * P : 0);
	if (!child)
		return;
	vm_put(to->v);
	to->v = child;
	memcpy(to->page, s->page, sizeof(s->page));
}

static void step(void)
{
	static const u32 all_rights[] = { 0, VM_READ, RW, RW, RW, RW | VM_EXEC };
	struct space *s = &spaces[pick(SPACES)];
	u32 n = 1 + pick(8), i = pick(PAGES - n + 1), rights = all_rights[pick(6)];

	switch (pick(24)) {
	case 0: case 1: map_private(s, i, n, rights); break;
	case 2: map_file(s, i, n, rights); break;
	case 3: unmap(s, i, n); break;
	case 4: case 5: protect(s, i, n, rights); break;
	case 6: discard(s, i, n); break;
	case 7: move(s, i, n); break;
	case 8: case 9: fork_over(s); break;
	case 10: check_space(s->v); break;
	default: if (pick(2)) write_page(s, i); else compare(s, i);
	}
}

static void family(u32 steps, u32 scarce)
{
	assert_int_equal(charge_open(&account, 0), 0);
	object_init(&file, FILE_PAGES, &account);
	memset(content, 0, sizeof(content));
	for (u32 i = 0; i < SPACES; i++) {
		memset(spaces[i].page, 0, sizeof(spaces[i].page));
		spaces[i].v = vm_create(&account);
		map_private(&spaces[i], 0, PAGES, RW);
	}
	for (u32 i = 0; i < steps; i++) {
		if (scarce && i % 64 == 0)
			leave_only(pick(scarce));
		step();
		if (scarce && i % 64 == 31)
			give_all();
	}
	give_all();
	for (u32 i = 0; i < SPACES; i++) {
		for (u32 k = 0; k < PAGES; k++)
			compare(&spaces[i], k);
		check_space(spaces[i].v);
		vm_put(spaces[i].v);
	}
	object_put(&file.set);
	vm_trim();
	assert_int_equal(account.used, 0);
	charge_close(&account);
}

static void plenty(void **state) { family(60000, 0); }
static void scarce(void **state) { for (u32 i = 0; i < 12; i++) family(3000, 8); }

int main(void)
{
	const struct CMUnitTest tests[] = {
		MEMORY_TEST(plenty),
		MEMORY_TEST(scarce),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
