// SPDX-License-Identifier: MIT
/*
 * report_junit.c: JUnit XML as CI systems read it: a test case a job; what did not end as
 * expected is a failure, what never ran is skipped, what the guest could not answer for is an
 * error.  All text is valid UTF-8 and XML 1.0.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "explain.h"
#include "outcome.h"
#include "output.h"
#include "report.h"

#include "text.h"

static void put(FILE *to, const char *data, size_t len)
{
	char *text = text_utf8(data, len, true);

	for (const char *c = text; *c; c++) {
		switch (*c) {
		case '&':
			fputs("&amp;", to);
			break;
		case '<':
			fputs("&lt;", to);
			break;
		case '>':
			fputs("&gt;", to);
			break;
		case '"':
			fputs("&quot;", to);
			break;
		default:
			fputc(*c, to);
		}
	}
	free(text);
}

/* In an attribute a line feed would become a space. */
static void put_attribute(FILE *to, const char *key, const char *value)
{
	fprintf(to, " %s=\"", key);
	for (const char *c = value; *c;) {
		size_t len = strcspn(c, "\n\t");

		put(to, c, len);
		c += len;
		if (*c)
			fprintf(to, "&#%d;", *c++);
	}
	fputc('"', to);
}

static void put_output(FILE *to, const struct job *job, const char *element, unsigned stream)
{
	size_t len = 0;
	char *tail = output_tail(job, stream, &len);

	if (tail) {
		fprintf(to, "      <%s>", element);
		put(to, tail, len);
		fprintf(to, "</%s>\n", element);
	}
	free(tail);
}

static bool skipped(const struct job *job)
{
	return job->result.outcome == OUTCOME_NONE || job->result.outcome == OUTCOME_CANCELLED;
}

static bool broken(const struct job *job)
{
	return job->result.outcome >= OUTCOME_ERROR;
}

static void put_verdict(FILE *to, const struct job *job)
{
	char *words = report_outcome(job), *why = explain(job);

	if (skipped(job)) {
		fputs("      <skipped", to);
		put_attribute(to, "message", words);
		fputs("/>\n", to);
	} else {
		fprintf(to, "      <%s", broken(job) ? "error" : "failure");
		put_attribute(to, "type", outcome_name(job->result.outcome));
		put_attribute(to, "message", words);
		fputc('>', to);
		put(to, why ? why : words, strlen(why ? why : words));
		fprintf(to, "</%s>\n", broken(job) ? "error" : "failure");
	}
	free(words);
	free(why);
}

static void put_case(FILE *to, const struct report *r, const struct job *job)
{
	fputs("    <testcase", to);
	put_attribute(to, "name", job->name);
	put_attribute(to, "classname", r->name);
	fprintf(to, " time=\"%.6f\"", job->result.wall_ns / 1e9);
	if (job_passed(job)) {
		fputs("/>\n", to);
		return;
	}
	fputs(">\n", to);
	put_verdict(to, job);
	put_output(to, job, "system-out", 1);
	put_output(to, job, "system-err", 2);
	fputs("    </testcase>\n", to);
}

static void put_totals(FILE *to, const struct report *r)
{
	size_t counts[3] = { 0 }; /* failures, errors, skipped */

	for (size_t i = 0; i < r->jobs->count; i++) {
		const struct job *job = &r->jobs->items[i];

		if (!job_passed(job))
			counts[skipped(job) ? 2 : broken(job)]++;
	}
	fprintf(to, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.6f\"",
		r->jobs->count, counts[0], counts[1], counts[2], r->wall_ns / 1e9);
}

void report_junit(FILE *to, const struct report *r)
{
	time_t began = time(NULL) - r->wall_ns / 1000000000;
	char stamp[32];

	strftime(stamp, sizeof stamp, "%Y-%m-%dT%H:%M:%S", gmtime(&began));
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", to);
	put_totals(to, r);
	fputs(">\n  <testsuite", to);
	put_attribute(to, "name", r->name);
	put_totals(to, r);
	fprintf(to, " timestamp=\"%s\">\n", stamp);
	for (size_t i = 0; i < r->jobs->count; i++)
		put_case(to, r, &r->jobs->items[i]);
	fputs("  </testsuite>\n</testsuites>\n", to);
}
