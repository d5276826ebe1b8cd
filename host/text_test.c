// SPDX-License-Identifier: MIT
/* text_test.c: sizes, times and text from strangers; outcomes and their words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "outcome.h"
#include "text.h"

static void sizes(void **state)
{
	uint64_t n;

	(void)state;
	assert_true(!text_to_size("4096", &n) && n == 4096);
	assert_true(!text_to_size("64K", &n) && n == 65536);
	assert_true(!text_to_size("128m", &n) && n == 128u << 20);
	assert_true(!text_to_size("2GiB", &n) && n == 2ull << 30);
	assert_true(text_to_size("", &n) && text_to_size("M", &n) && text_to_size("-1", &n));
	assert_true(text_to_size("1X", &n) && text_to_size("1MM", &n) && text_to_size("1 M", &n));
	assert_true(text_to_size("99999999999999999999", &n) && text_to_size("16777216T", &n));
}

static void times(void **state)
{
	char out[32];
	uint64_t n;

	(void)state;
	assert_true(!text_to_ns("1", &n) && n == 1000000000);
	assert_true(!text_to_ns("0.25s", &n) && n == 250000000);
	assert_true(text_to_ns("0", &n) && text_to_ns("-1", &n) && text_to_ns("nan", &n));
	assert_true(text_to_ns("1e99", &n) && text_to_ns("1x", &n) && text_to_ns("", &n));
	assert_string_equal(text_time(1500, out), "2 us");
	assert_string_equal(text_time(12345678, out), "12.3 ms");
	assert_string_equal(text_count(1234567, out), "1,234,567");
	assert_string_equal(text_count(999, out), "999");
	assert_string_equal(text_bytes(1536, out), "1.5 KiB");
	assert_string_equal(text_bytes(UINT64_MAX, out), "16777216 TiB");
}

static void is_utf8(const char *in, size_t len, const char *expected)
{
	char *out = text_utf8(in, len, true);

	assert_string_equal(out, expected);
	free(out);
}

static void utf8(void **state)
{
	(void)state;
	is_utf8("a\303\244\342\202\254\360\237\230\200", 10,
		"a\303\244\342\202\254\360\237\230\200");
	is_utf8("\xff", 1, "\xef\xbf\xbd");
	is_utf8("\xc3", 1, "\xef\xbf\xbd");
	is_utf8("\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd");
	is_utf8("\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	is_utf8("\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	is_utf8("\xef\xbf\xbf", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
	is_utf8("a\0b\x1b", 4,
		"a\xef\xbf\xbd"
		"b\xef\xbf\xbd");
	is_utf8("a\n\tb", 4, "a\n\tb");
}

static void is_name(const char *in, const char *expected)
{
	char *out = text_file_name(in);

	assert_string_equal(out, expected);
	free(out);
}

static void file_names(void **state)
{
	char *out, name[512];

	(void)state;
	is_name("sort", "sort");
	is_name("../../etc/passwd", "_.._.._etc_passwd");
	is_name("..", "_..");
	is_name("", "_");
	is_name("a b\n\303\244", "a_b___");
	memset(name, 'x', sizeof name);
	name[sizeof name - 1] = 0;
	out = text_file_name(name);
	assert_int_equal(strlen(out), 80);
	free(out);
}

static void expectations(void **state)
{
	struct job job = { .state = JOB_DONE,
		.expect = { OUTCOME_EXITED, 0 },
		.result = { .outcome = OUTCOME_EXITED, .code = 7 } };
	char text[32];

	(void)state;
	assert_false(job_passed(&job));
	assert_int_equal(expect_parse("exit:7", &job.expect), 0);
	assert_true(job_passed(&job));
	assert_string_equal(expect_text(&job.expect, text), "exit:7");
	assert_int_equal(expect_parse("signal:KILL", &job.expect), 0);
	assert_false(job_passed(&job));
	job.result = (struct result){ .outcome = OUTCOME_SIGNALLED, .signal = 9 };
	assert_true(job_passed(&job));
	assert_int_equal(expect_parse("any", &job.expect), 0);
	assert_true(job_passed(&job));
	job.result.outcome = OUTCOME_PANIC;
	assert_false(job_passed(&job));
}

static void statuses(void **state)
{
	struct result r = { .outcome = OUTCOME_SIGNALLED, .signal = 11 };
	char *words;

	(void)state;
	assert_int_equal(outcome_status(&r), 139);
	words = outcome_words(&r);
	assert_string_equal(words, "killed by SIGSEGV");
	free(words);
	r = (struct result){ .outcome = OUTCOME_SIGNALLED,
		.signal = 11,
		.cause = "sent",
		.signal_code = "SI_USER",
		.fault_addr = "0x0" };
	words = outcome_words(&r);
	assert_string_equal(words, "killed by SIGSEGV: sent");
	free(words);
	r = (struct result){ .outcome = OUTCOME_SIGNALLED, .signal = 40 };
	words = outcome_words(&r);
	assert_string_equal(words, "killed by signal 40");
	free(words);
	for (int i = OUTCOME_EXITED; i <= OUTCOME_ERROR; i++)
		assert_int_equal(outcome_from_name(outcome_name(i)), i);
	assert_int_equal(outcome_from_name("any"), OUTCOME_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(times),
		cmocka_unit_test(utf8),
		cmocka_unit_test(file_names),
		cmocka_unit_test(expectations),
		cmocka_unit_test(statuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
