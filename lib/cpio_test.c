/* SPDX-License-Identifier: MIT */
/* cpio_test.c: archives as tools make them, and broken in every byte. */
// links: lib/cpio.c
#include <stdio.h>
#include "lib/test.h"
#include "lib/cpio.h"

static u8 buf[8192];
static size_t len;

static void pad(size_t start)
{
	while ((len - start) % 4)
		buf[len++] = 0;
}

/* @namesize 0: as long as the name. */
static void add(const char *name, u32 mode, const char *data, u32 namesize)
{
	size_t start = len, n = strlen(name) + 1, size = strlen(data);

	len += sprintf((char *)buf + len,
		"070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, mode, 2, 3, 1,
		0x5f000000, (u32)size, 8, 9, 10, 11, namesize ? namesize : (u32)n, 0);
	memcpy(buf + len, name, n);
	len += namesize ? namesize : n;
	pad(start);
	memcpy(buf + len, data, size);
	len += size;
	pad(start);
}

static void clear(void)
{
	memset(buf, 0, sizeof(buf));
	len = 0;
}

static void entries(void **state)
{
	struct cpio_entry e;
	struct cpio c;

	clear();
	add("bin", 040755, "", 0);
	add("bin/hello", 0100755, "hello, world", 0);
	add("padded", 0100644, "x", 100);
	add("TRAILER!!!", 0, "", 0);
	cpio_init(&c, buf, len);
	assert_int_equal(cpio_next(&c, &e), 1);
	assert_string_equal(e.name, "bin");
	assert_int_equal(e.mode, 040755);
	assert_int_equal(e.uid, 2);
	assert_int_equal(e.gid, 3);
	assert_int_equal(e.mtime, 0x5f000000);
	assert_int_equal(e.rdev_major, 10);
	assert_int_equal(e.rdev_minor, 11);
	assert_int_equal(cpio_next(&c, &e), 1);
	assert_int_equal(e.name_len, 9);
	assert_int_equal(e.size, 12);
	assert_memory_equal(e.data, "hello, world", 12);
	assert_memory_equal(buf + e.offset, "hello, world", 12);
	assert_int_equal(cpio_next(&c, &e), 1);
	assert_string_equal(e.name, "padded");
	assert_int_equal(e.name_len, 6);
	assert_memory_equal(e.data, "x", 1);
	assert_int_equal(cpio_next(&c, &e), 0);
	assert_int_equal(cpio_next(&c, &e), 0);
}

static void archives_in_a_row(void **state)
{
	struct cpio_entry e;
	struct cpio c;

	clear();
	add("one", 0100644, "1", 0);
	add("TRAILER!!!", 0, "", 0);
	len = align_up(len, 512);
	add("two", 0100644, "2", 0);
	add("TRAILER!!!", 0, "", 0);
	len += 1000;
	cpio_init(&c, buf, len);
	assert_int_equal(cpio_next(&c, &e), 1);
	assert_string_equal(e.name, "one");
	assert_int_equal(cpio_next(&c, &e), 1);
	assert_string_equal(e.name, "two");
	assert_int_equal(cpio_next(&c, &e), 0);
}

static long walk(size_t size)
{
	u8 *copy = malloc(size + !size);	/* so that the sanitizer sees its end */
	struct cpio_entry e;
	struct cpio c;
	u32 sum = 0;
	long r;

	memcpy(copy, buf, size);
	cpio_init(&c, copy, size);
	while ((r = cpio_next(&c, &e)) > 0) {
		assert_int_equal(strlen(e.name), e.name_len);
		for (size_t i = 0; i < e.size; i++)
			sum += ((const u8 *)e.data)[i];
	}
	assert_in_range(c.at, 0, size);
	free(copy);
	return r + (sum & 0);
}

static void truncated_or_damaged(void **state)
{
	clear();
	add("bin/hello", 0100755, "hello, world", 0);
	add("other", 0100755, "something else", 0);
	add("TRAILER!!!", 0, "", 0);
	assert_int_equal(walk(0), 0);
	for (size_t n = 1; n < 110; n++)
		assert_int_equal(walk(n), -EINVAL);
	for (size_t n = 110; n < len; n++)
		walk(n);
	for (size_t i = 0; i < len; i++)
		for (u32 k = 0; k < 256; k += 5) {
			u8 was = buf[i];

			buf[i] = k;
			walk(len);
			buf[i] = was;
		}
	assert_int_equal(walk(len), 0);
}

static void nonsense(void **state)
{
	clear();
	memset(buf, 'x', 500);
	assert_int_equal(walk(500), -EINVAL);
	clear();
	assert_int_equal(walk(500), 0);			/* all zeros: nothing in it */
	add("name", 0100644, "", 4);			/* no NUL within namesize */
	assert_int_equal(walk(len), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries),
		cmocka_unit_test(archives_in_a_row),
		cmocka_unit_test(truncated_or_damaged),
		cmocka_unit_test(nonsense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
