// SPDX-License-Identifier: MIT
// jobspec_test.c: reading the list of jobs.
// links: lib/jobspec.c
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include "lib/jobspec.h"

#define READ(s, text) read_one(s, text, sizeof(text) - 1)

static const char *error;

static long read_one(struct job_spec *s, const char *text, size_t size)
{
	size_t at = 0;

	return jobspec_read(text, size, &at, s, &error);
}

static void test_full(void **state)
{
	static const char text[] = "arg=/bin/ls\0env=A=b\0arg=-l\0env=C=\0path=/bin/busybox\0cwd=/tmp\0"
		"timeout_ns=5000\0memory=65536\0stdin=tty\0strace=1\0expect=signal:11\0\0arg=x\0\0";
	struct job_spec s;
	size_t at = 0;

	assert_int_equal(jobspec_read(text, sizeof(text) - 1, &at, &s, &error), 1);
	assert_int_equal(s.args, 2);
	assert_int_equal(s.envs, 2);
	assert_string_equal(s.path, "/bin/busybox");
	assert_string_equal(s.cwd, "/tmp");
	assert_int_equal(s.timeout_ns, 5000);
	assert_int_equal(s.memory, 65536);
	assert_int_equal(s.stdin, STDIN_TTY);
	assert_true(s.strace);
	assert_int_equal(s.expect, EXPECT_SIGNAL);
	assert_int_equal(s.expect_value, 11);
	const char *a = jobspec_next(&s, "arg", NULL);
	assert_string_equal(a, "/bin/ls");
	a = jobspec_next(&s, "arg", a);
	assert_string_equal(a, "-l");
	assert_null(jobspec_next(&s, "arg", a));
	a = jobspec_next(&s, "env", jobspec_next(&s, "env", NULL));
	assert_string_equal(a, "C=");
	assert_int_equal(jobspec_read(text, sizeof(text) - 1, &at, &s, &error), 1);
	assert_int_equal(s.args, 1);
	assert_int_equal(jobspec_read(text, sizeof(text) - 1, &at, &s, &error), 0);
}

static void test_defaults(void **state)
{
	struct job_spec s;

	assert_int_equal(READ(&s, "arg=\0\0"), 1);		/* an empty argv[0] is legal */
	assert_null(s.path);
	assert_int_equal(s.timeout_ns, 0);
	assert_int_equal(s.stdin, STDIN_NULL);
	assert_int_equal(s.expect, EXPECT_EXIT);
	assert_int_equal(s.expect_value, 0);
	assert_int_equal(READ(&s, ""), 0);
}

static void test_expectations(void **state)
{
	struct job_spec s;

	assert_int_equal(READ(&s, "arg=a\0expect=exit:255\0\0"), 1);
	assert_int_equal(s.expect_value, 255);
	assert_int_equal(READ(&s, "arg=a\0expect=oom\0\0"), 1);
	assert_int_equal(s.expect, EXPECT_OOM);
	assert_int_equal(READ(&s, "arg=a\0expect=denied\0\0"), 1);
	assert_int_equal(s.expect, EXPECT_DENIED);
}

static void test_refused(void **state)
{
	static const struct { const char *text; size_t size; } bad[] = {
#define BAD(t) { t, sizeof(t) - 1 }
		BAD("arg=a"), BAD("arg=a\0"), BAD("\0"), BAD("env=A=b\0\0"), BAD("arg=a\0color=red\0\0"),
		BAD("arg=a\0env=A\0\0"), BAD("arg=a\0env==b\0\0"), BAD("arg=a\0path=\0\0"),
		BAD("arg=a\0path=b\0path=c\0\0"), BAD("arg=a\0timeout_ns=\0\0"),
		BAD("arg=a\0timeout_ns=1s\0\0"), BAD("arg=a\0timeout_ns=0\0\0"),
		BAD("arg=a\0timeout_ns=99999999999999999999\0\0"), BAD("arg=a\0memory=-1\0\0"),
		BAD("arg=a\0stdin=file\0\0"), BAD("arg=a\0strace=yes\0\0"),
		BAD("arg=a\0expect=exit:256\0\0"), BAD("arg=a\0expect=exit:\0\0"),
		BAD("arg=a\0expect=signal:0\0\0"), BAD("arg=a\0expect=timeouts\0\0"), BAD("arga\0\0"),
	};
	struct job_spec s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_one(&s, bad[i].text, bad[i].size), -EINVAL);
		assert_non_null(error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full), cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_expectations), cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
