/* SPDX-License-Identifier: MIT */
/* user_test.c: copies to and from programs: every byte checked, pages committed on the way. */
// links: $(MEM_LINKS)
#include "mem/user.h"
#include "mem/vm_test.h"

enum { P = PAGE_SIZE };
#define BASE 0x10000000ul

static struct vm *v;
static u8 k[8 * P];

/* Four pages to write to, one to read only, then nothing. */
static int one_program(void **state)
{
	fresh_memory(state);
	v = vm_create(NULL);
	vm_activate(v);
	map(v, BASE, 4, RW, MAP_AT);
	map(v, BASE + 4 * P, 1, VM_READ, MAP_AT);
	memset(k, 0x77, sizeof(k));
	return 0;
}

static void put(uaddr_t at, const void *what, size_t n)
{
	assert_int_equal(user_write(at, what, n), 0);
}

static int program_gone(void **state)
{
	vm_put(v);
	return nothing_leaked(state);
}

static void reads_and_writes(void **state)
{
	u64 x = 0x1122334455667788, y = 0;

	assert_int_equal(user_put(BASE + P - 3, x), 0); /* across two pages, neither there */
	assert_int_equal(user_get(y, BASE + P - 3), 0);
	assert_int_equal(y, x);
	assert_int_equal(user_write(BASE + 100, k, 3 * P), 0);
	assert_int_equal(user_clear(BASE + 200, 2 * P), 0);
	assert_int_equal(peek(v, BASE + 199), 0x77);
	assert_int_equal(peek(v, BASE + 200), 0);
	assert_int_equal(peek(v, BASE + 200 + 2 * P), 0x77);
	assert_int_equal(user_read(k, BASE, 5 * P), 0);
	assert_int_equal(user_read(k, 0, 0), 0);
}

static void bad_ranges(void **state)
{
	assert_int_equal(user_read(k, BASE - 1, 2), -EFAULT);
	assert_int_equal(user_read(k, BASE + 5 * P - 1, 2), -EFAULT);
	assert_int_equal(user_write(BASE + 4 * P - 1, k, 2), -EFAULT);
	assert_int_equal(user_write(BASE + 4 * P, k, 1), -EFAULT);
	assert_int_equal(user_clear(BASE + 3 * P, 2 * P), -EFAULT);
	assert_int_equal(user_read(k, USER_TOP, 1), -EFAULT);
	assert_int_equal(user_read(k, USER_TOP - 1, 2), -EFAULT);
	assert_int_equal(user_read(k, ~0ul, 2), -EFAULT);
	assert_int_equal(user_read(k, BASE, ~0ul), -EFAULT);
	assert_int_equal(user_write((uaddr_t)k, k, 1), -EFAULT); /* the kernel's own memory */
	assert_int_equal(user_commit(BASE, 5 * P, ACCESS_READ), 0);
	assert_int_equal(user_commit(BASE, 5 * P, ACCESS_WRITE), -EFAULT);
	assert_int_equal(user_commit(BASE + P - 1, 2, ACCESS_WRITE), 0);
}

static void strings(void **state)
{
	char s[32];

	put(BASE + P - 4, "abcdefgh", 9);
	assert_int_equal(user_string(s, BASE + P - 4, sizeof(s)), 8);
	assert_string_equal(s, "abcdefgh");
	assert_int_equal(user_string(s, BASE + P - 4, 9), 8);
	assert_int_equal(user_string(s, BASE + P - 4, 8), -ENAMETOOLONG);
	assert_int_equal(user_string(s, BASE + P - 4, 0), -ENAMETOOLONG);
	assert_int_equal(user_string(s, BASE - 4, sizeof(s)), -EFAULT);
	assert_int_equal(user_string(s, USER_TOP, sizeof(s)), -EFAULT);
	put(BASE + 4 * P - 4, "abcd", 4);
	assert_int_equal(
		user_string(s, BASE + 4 * P - 4, sizeof(s)), 4); /* ends in the zeros after it */
	vm_unmap(v, BASE + 4 * P, P);
	assert_int_equal(user_string(s, BASE + 4 * P - 4, sizeof(s)), -EFAULT);
	map(v, USER_TOP - P, 1, RW, MAP_AT);
	put(USER_TOP - 4, "xyz", 4);
	assert_int_equal(user_string(s, USER_TOP - 4, sizeof(s)), 3);
	put(USER_TOP - 4, "xyzz", 4);
	assert_int_equal(user_string(s, USER_TOP - 4, sizeof(s)), -EFAULT);
}

/* What a file operation and its system call do together. */
static long transfer(struct uio *u, bool out)
{
	for (;;) {
		size_t n = out ? uio_out(u, k + u->done, u->left) : uio_in(u, k + u->done, u->left);
		long r;

		if (!u->left || (!n && !u->fault))
			return u->done;
		r = uio_retry(u, out);
		if (r)
			return u->done ? (long)u->done : r;
	}
}

static void single_buffers(void **state)
{
	struct uio u;

	uio_init(&u, BASE + 10, 3 * P);
	assert_int_equal(uio_out(&u, k, P), 0);			/* not there: does not wait */
	assert_int_equal(u.fault, BASE + 10);
	assert_int_equal(transfer(&u, true), 3 * P);
	uio_init(&u, BASE + 3 * P, 2 * P);
	assert_int_equal(transfer(&u, true), P); /* up to what it may write */
	uio_init(&u, BASE + 4 * P, P);
	assert_int_equal(transfer(&u, true), -EFAULT);
	uio_init(&u, 0, P);
	assert_int_equal(transfer(&u, false), -EFAULT);
	uio_init(&u, USER_TOP, P);
	assert_int_equal(transfer(&u, false), -EFAULT);
	uio_init(&u, (uaddr_t)k, P);
	assert_int_equal(transfer(&u, true), -EFAULT);
	uio_init(&u, BASE, ~0ul);
	assert_int_equal(u.left, 0x7ffff000);
	assert_int_equal(uio_retry(&u, true), 1);
	uio_init(&u, 0, 0);
	assert_int_equal(transfer(&u, true), 0);
}

static void kernel_buffers(void **state)
{
	u8 buf[100];
	struct uio u;

	uio_init_kernel(&u, buf, sizeof(buf));
	assert_int_equal(uio_out(&u, k, 60), 60);
	assert_int_equal(uio_out_zero(&u, 60), 40);
	assert_int_equal(u.left, 0);
	assert_int_equal(buf[59], 0x77);
	assert_int_equal(buf[60], 0);
	uio_init_kernel(&u, buf, sizeof(buf));
	assert_int_equal(uio_skip(&u, 59), 59);
	assert_int_equal(uio_in(&u, k, 200), 41);
	assert_int_equal(k[0], 0x77);
	assert_int_equal(k[1], 0);
}

static void vectors(void **state)
{
	struct uvec list[4] = { { BASE, 10 }, { 1, 0 }, { BASE + P - 5, 10 }, { BASE + 2 * P, 5 } },
		    vec[4];
	struct uio u;

	put(BASE + 3 * P, list, sizeof(list));
	assert_int_equal(uio_init_vec(&u, vec, BASE + 3 * P, 4), 0);
	assert_int_equal(u.left, 25);
	for (u32 i = 0; i < 25; i++)
		k[i] = i;
	assert_int_equal(transfer(&u, true), 25);
	assert_int_equal(peek(v, BASE + 9), 9);
	assert_int_equal(peek(v, BASE + P - 5), 10);
	assert_int_equal(peek(v, BASE + P + 4), 19);
	assert_int_equal(peek(v, BASE + 2 * P + 4), 24);
	assert_int_equal(uio_init_vec(&u, vec, BASE + 3 * P, 1025), -EINVAL);
	assert_int_equal(uio_init_vec(&u, vec, BASE + 5 * P - 8, 4), -EFAULT);
	list[1].len = ~0ul;
	put(BASE + 3 * P, list, sizeof(list));
	assert_int_equal(uio_init_vec(&u, vec, BASE + 3 * P, 4), -EINVAL);
	list[1] = (struct uvec){ BASE, 1ul << 62 };
	put(BASE + 3 * P, list, sizeof(list));
	assert_int_equal(uio_init_vec(&u, vec, BASE + 3 * P, 4), -EFAULT);
	assert_int_equal(uio_init_vec(&u, vec, BASE, 0), 0);
	assert_int_equal(transfer(&u, true), 0);
}

static void memory_ends(void **state)
{
	leave_only(0);
	assert_int_equal(user_write(BASE, k, 1), -ENOMEM);
	give_all();
	assert_int_equal(user_write(BASE, k, 1), 0);
}

#define PROGRAM_TEST(f) cmocka_unit_test_setup_teardown(f, one_program, program_gone)
int main(void)
{
	const struct CMUnitTest tests[] = {
		PROGRAM_TEST(reads_and_writes),
		PROGRAM_TEST(bad_ranges),
		PROGRAM_TEST(strings),
		PROGRAM_TEST(single_buffers),
		PROGRAM_TEST(kernel_buffers),
		PROGRAM_TEST(vectors),
		PROGRAM_TEST(memory_ends),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
