/* SPDX-License-Identifier: MIT */
/* print_test.c: formats against the C library's printf; text builder and JSON strings. */
// links: lib/print.c lib/text.c
#include <limits.h>
#include <stdio.h>
#include "lib/test.h"
#include "lib/print.h"
#include "lib/text.h"

#pragma GCC diagnostic ignored "-Wformat"

#define SAME(...) do {								\
		char ours[512], theirs[512];					\
		int n = snprint(ours, sizeof(ours), __VA_ARGS__);		\
		int m = snprintf(theirs, sizeof(theirs), __VA_ARGS__);		\
		assert_string_equal(ours, theirs);				\
		assert_int_equal(n, m);						\
	} while (0)

static void integers(void **state)
{
	static const long values[] = { 0, 1, -1, 9, 10, 255, 4096, INT_MAX, INT_MIN, LONG_MAX,
		LONG_MIN };
	static const char *const flags[] = {
		"", "-", "0", "+", " ", "#", "-0", "0+", "#0", "-#", "+ ", "0 ",
	};
	static const char *const widths[] = { "", "1", "8", "21", ".0", ".1", ".5", "8.3", "3.8",
		"30.25" };
	static const char *const kinds[] = {
		"d",
		"i",
		"u",
		"x",
		"X",
		"o",
		"ld",
		"lu",
		"lx",
		"lX",
		"lo",
		"hd",
		"hu",
		"hhd",
		"hhx",
		"zd",
		"llx",
	};

	for (u32 f = 0; f < ARRAY_SIZE(flags); f++)
		for (u32 w = 0; w < ARRAY_SIZE(widths); w++)
			for (u32 k = 0; k < ARRAY_SIZE(kinds); k++)
				for (u32 i = 0; i < ARRAY_SIZE(values); i++) {
					char format[32];

					sprintf(format, "<%%%s%s%s>", flags[f], widths[w],
						kinds[k]);
					SAME(format, values[i]);
				}
}

static void words(void **state)
{
	SAME("%s|%10s|%-10s|%.2s|%10.2s|%-10.2s|", "abc", "abc", "abc", "abc", "abc", "abc");
	SAME("%c|%5c|%-5c|", 'x', 'y', 'z');
	SAME("%*d|%-*d|%.*d|%*s|", 5, 42, 5, 42, 5, 42, -8, "left");
	SAME("%.*s", -1, "all of it");
	SAME("100%% %d%%", 5);
	SAME("%p", (void *)0x1234abcd);
	SAME("plain");
	SAME("%s", "");
}

static void oddities(void **state)
{
	char b[64];

	snprint(b, sizeof(b), "%s", (char *)NULL);
	assert_string_equal(b, "(null)");
	snprint(b, sizeof(b), "%p", NULL);
	assert_string_equal(b, "0");
	snprint(b, sizeof(b), "a%q%d", 5);
	assert_string_equal(b, "a%q5");
	snprint(b, sizeof(b), "end%");
	assert_string_equal(b, "end%");
	snprint(b, sizeof(b), "end%-5");
	assert_string_equal(b, "end%-5");
}

static void bounds(void **state)
{
	char b[8] = "zzzzzzz";

	assert_int_equal(snprint(b, 4, "%s", "abcdef"), 6);
	assert_string_equal(b, "abc");
	assert_int_equal(b[4], 'z');
	assert_int_equal(snprint(b, 1, "%d", 12345), 5);
	assert_string_equal(b, "");
	assert_int_equal(snprint(NULL, 0, "%d", 12345), 5);
	assert_int_equal(snprint(b, sizeof(b), "%200d", 1), 200);
	assert_string_equal(b, "       ");
}

static void text_stays_in_bounds(void **state)
{
	char b[16];
	struct text t;

	text_init(&t, b, sizeof(b));
	text_add(&t, "%d-%s", 12, "ab");
	text_put(&t, "xyz", 3);
	assert_string_equal(b, "12-abxyz");
	assert_false(t.overflow);
	text_add(&t, "%s", "0123456789");
	assert_string_equal(b, "12-abxyz0123456");
	assert_true(t.overflow);
	text_put(&t, "more", 4);
	assert_int_equal(t.len, 15);
}

static void json(void **state)
{
	static const struct { const char *in, *out; size_t n;
	} cases[] = {
		{ "plain", "\"plain\"", 5 },
		{ "q\"b\\n\n\t\0z", "\"q\\\"b\\\\n\\n\\u0009\\u0000z\"", 9 },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80",
			"\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"", 15 },
		{ "\xff\xc3", "\"\xef\xbf\xbd\xef\xbf\xbd\"", 2 },
		{ "\xc0\xaf", "\"\xef\xbf\xbd\xef\xbf\xbd\"", 2 },
		{ "\xed\xa0\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 3 },
		{ "\xf4\x90\x80\x80", "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"", 4 },
		{ "\xe2\x82", "\"\xef\xbf\xbd\xef\xbf\xbd\"", 2 },
		{ "", "\"\"", 0 },
	};
	char b[128];
	struct text t;

	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		text_init(&t, b, sizeof(b));
		text_json(&t, cases[i].in, cases[i].n);
		assert_string_equal(b, cases[i].out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers),
		cmocka_unit_test(words),
		cmocka_unit_test(oddities),
		cmocka_unit_test(bounds),
		cmocka_unit_test(text_stays_in_bounds),
		cmocka_unit_test(json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
