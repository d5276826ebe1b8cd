// SPDX-License-Identifier: MIT
/*
 * report.c: the table for people.  Columns are as wide as their content, within limits; a line
 * a job, then the reasons of the failures, then one line for all.
 */
#include "report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "outcome.h"
#include "say.h"
#include "text.h"

enum { NAME_WIDTH = 32, OUTCOME_WIDTH = 64 };

char *report_outcome(const struct job *job)
{
	char *words = job->state == JOB_DONE ? outcome_words(&job->result) : must_copy("not run");
	char text[32], *all;

	if (job_passed(job))
		return words;
	if (job->expect.outcome == OUTCOME_EXITED && !job->expect.value)
		return words;
	all = must_print("%s (expected %s)", words, expect_text(&job->expect, text));
	free(words);
	return all;
}

size_t report_failed(const struct jobs *jobs)
{
	size_t failed = 0;

	for (size_t i = 0; i < jobs->count; i++)
		failed += !job_passed(&jobs->items[i]);
	return failed;
}

/* Columns on the screen, for UTF-8 without combining characters. */
static int columns(const char *text)
{
	int n = 0;

	for (; *text; text++)
		n += ((unsigned char)*text & 0xc0) != 0x80;
	return n;
}

static void print_padded(FILE *to, const char *text, int width)
{
	int n = 0;

	for (; *text && (n < width || ((unsigned char)*text & 0xc0) == 0x80); text++) {
		n += ((unsigned char)*text & 0xc0) != 0x80;
		fputc(*text, to);
	}
	fprintf(to, "%*s", width - n, "");
}

static int at_most(int n, int limit)
{
	return n < limit ? n : limit;
}

static void widths(const struct jobs *jobs, int *name, int *outcome)
{
	*name = 4;
	*outcome = 7;
	for (size_t i = 0; i < jobs->count; i++) {
		char *words = report_outcome(&jobs->items[i]);

		if (columns(jobs->items[i].name) > *name)
			*name = columns(jobs->items[i].name);
		if (columns(words) > *outcome)
			*outcome = columns(words);
		free(words);
	}
	*name = at_most(*name, NAME_WIDTH);
	*outcome = at_most(*outcome, OUTCOME_WIDTH);
}

static void print_costs(FILE *to, const struct result *r)
{
	char wall[16], user[16], kernel[16], peak[16], instructions[32], calls[32], faults[32];

	fprintf(to, " %9s %9s %9s %13s %9s %7s %9s\n", text_time(r->wall_ns, wall),
		text_time(r->user_ns, user), text_time(r->kernel_ns, kernel),
		r->instructions ? text_count(r->instructions, instructions) : "-",
		text_count(r->syscalls, calls),
		text_count(r->faults, faults), text_bytes(r->peak_bytes, peak));
}

static void print_job(FILE *to, const struct job *job, int name, int outcome)
{
	char *words = report_outcome(job);

	fputs(job_passed(job) ? "ok    " : "FAIL  ", to);
	print_padded(to, job->name, name);
	fputs("  ", to);
	print_padded(to, words, outcome);
	print_costs(to, &job->result);
	free(words);
}

static void print_reasons(FILE *to, const struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++) {
		const struct job *job = &jobs->items[i];
		char *why = job_passed(job) ? NULL : explain(job);

		if (why)
			fprintf(to, "%s: %s\n", job->name, why);
		free(why);
	}
}

/* What must never happen is said without being asked for. */
static void print_leaks(FILE *to, const struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++) {
		const struct result *r = &jobs->items[i].result;

		if (r->leaked_frames || r->leaked_heap)
			fprintf(to,
				"%s: the kernel lost %" PRIu64 " page frames and %" PRIu64
				" bytes of heap: a bug of Weir's\n",
				jobs->items[i].name, r->leaked_frames, r->leaked_heap);
	}
}

void report_table(FILE *to, const struct report *r)
{
	size_t failed = report_failed(r->jobs);
	int name, outcome;
	char wall[16];

	widths(r->jobs, &name, &outcome);
	fprintf(to, "      %-*s  %-*s %9s %9s %9s %13s %9s %7s %9s\n", name, "job", outcome,
		"outcome", "time", "user", "kernel", "instructions", "calls", "faults", "peak");
	for (size_t i = 0; i < r->jobs->count; i++)
		print_job(to, &r->jobs->items[i], name, outcome);
	if (r->explain)
		print_reasons(to, r->jobs);
	print_leaks(to, r->jobs);
	fprintf(to, "%zu job%s, %zu passed, %zu failed, %s\n", r->jobs->count,
		r->jobs->count == 1 ? "" : "s", r->jobs->count - failed, failed,
		text_time(r->wall_ns, wall));
}

void report_one(FILE *to, const struct job *job)
{
	int name, outcome;
	const struct jobs one = { .items = (struct job *)job, .count = 1 };

	widths(&one, &name, &outcome);
	fprintf(to, "      %-*s  %-*s %9s %9s %9s %13s %9s %7s %9s\n", name, "job", outcome,
		"outcome", "time", "user", "kernel", "instructions", "calls", "faults", "peak");
	print_job(to, job, name, outcome);
}
