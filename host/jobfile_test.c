// SPDX-License-Identifier: MIT
/* jobfile_test.c: the grammar of job files, what it takes and what it refuses and where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "jobfile.h"

static int parse(const char *text, struct jobs *jobs, struct jobfile_error *error)
{
	const struct job defaults = { .timeout_ns = 7, .expect = { OUTCOME_EXITED, 0 } };

	*jobs = (struct jobs){ 0 };
	return jobfile_parse(text, strlen(text), &defaults, jobs, error);
}

static void words(const char *text, size_t count, const char *const *expected)
{
	struct jobfile_error error = { 0 };
	struct jobs jobs;

	assert_int_equal(parse(text, &jobs, &error), 0);
	assert_int_equal(jobs.count, 1);
	assert_int_equal(jobs.items[0].argv.count, count);
	for (size_t i = 0; i < count; i++)
		assert_string_equal(jobs.items[0].argv.items[i], expected[i]);
	jobs_free(&jobs);
}

#define WORDS(text, ...)                                                                           \
	words(text, sizeof((const char *[]){ __VA_ARGS__ }) / sizeof(char *),                      \
		(const char *[]){ __VA_ARGS__ })

static void quoting(void **state)
{
	(void)state;
	WORDS("a b", "a", "b");
	WORDS("  a\t 'b c'  ", "a", "b c");
	WORDS("a \"b 'c' \\\" \\\\ \\n\"", "a", "b 'c' \" \\ \\n");
	WORDS("a b\\ c d'e'\"f\"", "a", "b c", "def");
	WORDS("a '' \"\"", "a", "", "");
	WORDS("a b#c # d", "a", "b#c");
	WORDS("a \\# '|' \"&\" \\;", "a", "#", "|", "&", ";");
	WORDS("a 'two\nlines'", "a", "two\nlines");
	WORDS("a b\\\n  c d\\\ne", "a", "b", "c", "de");
	WORDS("a \"b\\\nc\"", "a", "bc");
	WORDS("a '$x' \"\\$x\" \\$y", "a", "$x", "$x", "$y");
	WORDS("a *.c ? ~ {x} !", "a", "*.c", "?", "~", "{x}", "!");
	WORDS("a b\r\n", "a", "b");
	WORDS("'@x' @y a=b", "@x", "@y", "a=b");
	WORDS("'A'=b c", "A=b", "c");
	WORDS("\xff\xfe", "\xff\xfe");
}

static void settings(void **state)
{
	struct jobfile_error error = { 0 };
	struct jobs jobs;
	const struct job *job;

	(void)state;
	assert_int_equal(parse("@name='a b' @timeout=2.5 @memory=32M @cwd=/x @expect=signal:segv "
			       "A=1 B='2 3' A=4 prog",
				 &jobs, &error),
		0);
	job = &jobs.items[0];
	assert_string_equal(job->name, "a b");
	assert_true(job->timeout_ns == 2500000000u && job->memory == 32u << 20);
	assert_string_equal(job->cwd, "/x");
	assert_int_equal(job->expect.outcome, OUTCOME_SIGNALLED);
	assert_int_equal(job->expect.value, 11);
	assert_int_equal(job->env.count, 2);
	assert_string_equal(job->env.items[0], "A=4");
	assert_string_equal(job->env.items[1], "B=2 3");
	assert_string_equal(job->command, "prog");
	jobs_free(&jobs);
}

static void lasting_settings(void **state)
{
	struct jobfile_error error = { 0 };
	struct jobs jobs;

	(void)state;
	assert_int_equal(parse("one x # remark\n\n@timeout=3 A=1\n\n  # c\n@timeout=4 two\nthree\n",
				 &jobs, &error),
		0);
	assert_int_equal(jobs.count, 3);
	assert_string_equal(jobs.items[0].command, "one x");
	assert_true(jobs.items[0].timeout_ns == 7);
	assert_true(jobs.items[1].timeout_ns == 4000000000u);
	assert_true(jobs.items[2].timeout_ns == 3000000000u);
	assert_int_equal(jobs.items[0].env.count, 0);
	assert_int_equal(jobs.items[2].env.count, 1);
	assert_int_equal(jobs.items[2].expect.outcome, OUTCOME_EXITED);
	jobs_free(&jobs);
}

static void errors(void **state)
{
	static const struct {
		const char *text;
		int line, column;
		const char *says;
	} cases[] = {
		{ "a 'b", 1, 3, "never closed" },
		{ "a\nb \"c\n", 2, 3, "never closed" },
		{ "a | b", 1, 3, "'|' needs a shell" },
		{ "a; b", 1, 2, "';' needs a shell" },
		{ "a >x", 1, 3, "'>' needs a shell" },
		{ "a $x", 1, 3, "nothing is expanded" },
		{ "a \"x$y\"", 1, 5, "nothing is expanded" },
		{ "a `b`", 1, 3, "nothing is expanded" },
		{ "a b\\", 1, 5, "backslash" },
		{ "@nam=x a", 1, 1, "unknown setting @nam" },
		{ "@timeout a", 1, 1, "needs a value" },
		{ "x\n @timeout=soon a", 2, 11, "expected seconds" },
		{ "@timeout=0 a", 1, 10, "expected seconds" },
		{ "@memory=big a", 1, 9, "expected a size" },
		{ "@expect=exit:256 a", 1, 9, "expected exit:N" },
		{ "@expect=exit a", 1, 9, "expected exit:N" },
		{ "@expect=signal:NOPE a", 1, 9, "expected exit:N" },
		{ "@expect=panic a", 1, 9, "expected exit:N" },
		{ "@cwd=x a", 1, 6, "absolute" },
		{ "@name= a", 1, 7, "expected a name" },
		{ "@name=x", 1, 8, "without a command" },
		{ "'' a", 1, 1, "empty" },
	};
	struct jobfile_error error;
	struct jobs jobs;

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		print_message("%s\n", cases[i].text);
		assert_int_not_equal(parse(cases[i].text, &jobs, &error), 0);
		assert_non_null(strstr(error.text, cases[i].says));
		assert_int_equal(error.line, cases[i].line);
		assert_int_equal(error.column, cases[i].column);
		jobs_free(&jobs);
	}
}

static void nul_byte(void **state)
{
	const struct job defaults = { 0 };
	struct jobfile_error error;
	struct jobs jobs = { 0 };

	(void)state;
	assert_int_not_equal(jobfile_parse("a b\0c", 5, &defaults, &jobs, &error), 0);
	assert_int_equal(error.column, 4);
	jobs_free(&jobs);
}

static unsigned random_state = 1;

static unsigned roll(unsigned n)
{
	random_state = random_state * 1103515245 + 12345;
	return (random_state >> 16) % n;
}

static void noise(void **state)
{
	static const char alphabet[] = "a@='\"\\ \n#$|A\t\rname:timeout\0x";
	const struct job defaults = { 0 };
	struct jobfile_error error;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct jobs jobs = { 0 };
		size_t len = roll(40);
		char *text = test_malloc(len + 1);

		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[roll(sizeof alphabet)];
		jobfile_parse(text, len, &defaults, &jobs, &error);
		jobs_free(&jobs);
		test_free(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(quoting),
		cmocka_unit_test(settings),
		cmocka_unit_test(lasting_settings),
		cmocka_unit_test(errors),
		cmocka_unit_test(nul_byte),
		cmocka_unit_test(noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
