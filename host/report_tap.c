// SPDX-License-Identifier: MIT
/*
 * report_tap.c: the Test Anything Protocol, version 13: a line a job, with a YAML block of
 * diagnostics under those that failed.  '#' and backslash have a meaning in a description and
 * are escaped.
 */
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "outcome.h"
#include "report.h"
#include "text.h"

static void put_description(FILE *to, const char *text)
{
	for (; *text; text++) {
		if (*text == '#' || *text == '\\')
			fputc('\\', to);
		fputc(*text == '\n' ? ' ' : *text, to);
	}
}

/* A YAML scalar between double quotes. */
static void put_yaml(FILE *to, const char *key, const char *value)
{
	char *clean = text_utf8(value, strlen(value), true);

	fprintf(to, "  %s: \"", key);
	for (const char *c = clean; *c; c++) {
		if (*c == '\n' || *c == '\t') {
			fputs(*c == '\n' ? "\\n" : "\\t", to);
			continue;
		}
		if (*c == '"' || *c == '\\')
			fputc('\\', to);
		fputc(*c, to);
	}
	fputs("\"\n", to);
	free(clean);
}

static void put_diagnosis(FILE *to, const struct job *job)
{
	char *words = outcome_words(&job->result), *why = explain(job), text[32];

	fputs("  ---\n", to);
	put_yaml(to, "message", why ? why : words);
	put_yaml(to, "outcome", words);
	put_yaml(to, "expected", expect_text(&job->expect, text));
	put_yaml(to, "command", job->command);
	fprintf(to, "  duration_ms: %.3f\n  ...\n", job->result.wall_ns / 1e6);
	free(words);
	free(why);
}

void report_tap(FILE *to, const struct report *r)
{
	fprintf(to, "TAP version 13\n1..%zu\n", r->jobs->count);
	for (size_t i = 0; i < r->jobs->count; i++) {
		const struct job *job = &r->jobs->items[i];

		fprintf(to, "%s %zu - ", job_passed(job) ? "ok" : "not ok", i + 1);
		put_description(to, job->name);
		fputc('\n', to);
		if (!job_passed(job))
			put_diagnosis(to, job);
	}
}
