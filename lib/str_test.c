/* SPDX-License-Identifier: MIT */
/* str_test.c: our string functions, under other names, against the C library's. */
// links:
#include "lib/test.h"

#define memcpy our_memcpy
#define memmove our_memmove
#define memset our_memset
#define memchr our_memchr
#define memcmp our_memcmp
#define strlen our_strlen
#define strnlen our_strnlen
#define strchr our_strchr
#define strrchr our_strrchr
#define strcmp our_strcmp
#define strncmp our_strncmp
#define strtoul our_strtoul
void *our_memcpy(void *d, const void *s, size_t n);
void *our_memmove(void *d, const void *s, size_t n);
void *our_memset(void *d, int c, size_t n);
size_t our_strlen(const char *s);
#include "lib/memory.c"
#define plain_loop plain_string_loop
#include "lib/str.c"
#undef plain_loop
#undef memcpy
#undef memmove
#undef memset
#undef memchr
#undef memcmp
#undef strlen
#undef strnlen
#undef strchr
#undef strrchr
#undef strcmp
#undef strncmp
#undef strtoul

enum { ROOM = 2048 };
static u8 a[ROOM], b[ROOM], c[ROOM];

static void noise(u8 *p)
{
	for (u32 i = 0; i < ROOM; i++)
		p[i] = pick(256);
}

/* Every alignment of both ends, lengths around every unrolling. */
static void copies(void **state)
{
	noise(a);
	for (u32 i = 0; i < 40000; i++) {
		u32 n = pick(2) ? pick(40) : pick(700), d = pick(300), s = pick(300);

		noise(b);
		memcpy(c, b, ROOM);
		assert_ptr_equal(our_memcpy(b + d, a + s, n), b + d);
		memcpy(c + d, a + s, n);
		assert_memory_equal(b, c, ROOM);
		if (i > 3000 && i % 7)
			i += 6;
	}
}

static void moves_with_overlap(void **state)
{
	for (u32 i = 0; i < 20000; i++) {
		u32 n = pick(2) ? pick(40) : pick(900), d = 500 + pick(100), s = 500 + pick(100);

		if (i % 64 == 0)
			noise(b);
		memcpy(c, b, ROOM);
		our_memmove(b + d, b + s, n);
		memmove(c + d, c + s, n);
		assert_memory_equal(b, c, ROOM);
	}
}

static void fills(void **state)
{
	for (u32 i = 0; i < 20000; i++) {
		u32 n = pick(2) ? pick(40) : pick(700), d = pick(64), v = pick(1000);

		our_memset(b + d, v, n);
		memset(c + d, v, n);
		if (i % 16 == 0)
			assert_memory_equal(b, c, ROOM);
	}
}

static int sign(int v) { return (v > 0) - (v < 0); }

static void compares(void **state)
{
	for (u32 i = 0; i < 20000; i++) {
		u32 n = pick(100), x = pick(10), y = pick(10);

		noise(a);
		memcpy(b + y, a + x, n);
		if (n && pick(2))
			b[y + pick(n)] ^= 1 << pick(8);
		assert_int_equal(sign(our_memcmp(a + x, b + y, n)), sign(memcmp(a + x, b + y, n)));
		if (i > 1000)
			i += 9;
	}
}

static const char *const words[] = {
	"", "a", "b", "ab", "abc", "abd", "abcd", "\xff", "a\xff", "abcabc", "/usr/bin/env", "z",
};

static void strings(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		const char *x = words[i];

		assert_int_equal(our_strlen(x), strlen(x));
		for (u32 n = 0; n < 8; n++)
			assert_int_equal(our_strnlen(x, n), strnlen(x, n));
		for (const char *ch = "abcz/\xff"; ; ch++) {
			assert_ptr_equal(our_strchr(x, *ch), strchr(x, *ch));
			assert_ptr_equal(our_strrchr(x, *ch), strrchr(x, *ch));
			assert_ptr_equal(our_memchr(x, *ch, strlen(x)), memchr(x, *ch, strlen(x)));
			if (!*ch)
				break;
		}
		for (u32 k = 0; k < ARRAY_SIZE(words); k++) {
			assert_int_equal(sign(our_strcmp(x, words[k])), sign(strcmp(x, words[k])));
			for (u32 n = 0; n < 6; n++)
				assert_int_equal(sign(our_strncmp(x, words[k], n)),
						 sign(strncmp(x, words[k], n)));
		}
	}
}

static void numbers(void **state)
{
	static const char *const text[] = {
		"0",
		"1",
		"42x",
		" 7",
		"0x1F",
		"0x",
		"0xg",
		"077",
		"08",
		"x",
		"",
		"18446744073709551615",
		"18446744073709551616",
		"99999999999999999999999",
		"0xffffffffffffffff1",
		"zz",
	};
	static const int bases[] = { 0, 10, 16, 8, 36 };

	for (u32 i = 0; i < ARRAY_SIZE(text); i++)
		for (u32 k = 0; k < ARRAY_SIZE(bases); k++) {
			char *ours, *theirs;

			assert_int_equal(our_strtoul(text[i], &ours, bases[k]),
				strtoul(text[i], &theirs, bases[k]));
			assert_ptr_equal(ours, theirs);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies),
		cmocka_unit_test(moves_with_overlap),
		cmocka_unit_test(fills),
		cmocka_unit_test(compares),
		cmocka_unit_test(strings),
		cmocka_unit_test(numbers),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
