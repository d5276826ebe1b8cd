// SPDX-License-Identifier: MIT
/*
 * report_json.c: one JSON object a line and job, and a last one for the batch ("type" tells
 * them apart).  Fields have the names and units of docs/protocol.md.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "explain.h"
#include "outcome.h"
#include "report.h"
#include "say.h"
#include "text.h"

static void add_text(cJSON *o, const char *key, const char *value)
{
	char *clean;

	if (!value)
		return;
	clean = text_utf8(value, strlen(value), false);
	cJSON_AddStringToObject(o, key, clean);
	free(clean);
}

/* Numbers beyond 2^53 would lose digits as a double. */
static void add_number(cJSON *o, const char *key, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
	cJSON_AddRawToObject(o, key, digits);
}

static void add_texts(cJSON *o, const char *key, const struct strings *s)
{
	cJSON *array = cJSON_AddArrayToObject(o, key);

	for (size_t i = 0; i < s->count; i++) {
		char *clean = text_utf8(s->items[i], strlen(s->items[i]), false);

		cJSON_AddItemToArray(array, cJSON_CreateString(clean));
		free(clean);
	}
}

static void add_end(cJSON *o, const struct result *r)
{
	add_text(o, "outcome", r->outcome == OUTCOME_NONE ? "notrun" : outcome_name(r->outcome));
	if (r->outcome == OUTCOME_EXITED)
		add_number(o, "code", r->code);
	if (r->outcome == OUTCOME_SIGNALLED)
		add_number(o, "signal", r->signal);
	add_text(o, "signal_code", r->signal_code);
	add_text(o, "fault_addr", r->fault_addr);
	add_text(o, "fault_pc", r->fault_pc);
	add_text(o, "cause", r->cause);
	if (r->error)
		add_number(o, "errno", r->error);
}

static void add_costs(cJSON *o, const struct result *r)
{
	add_number(o, "wall_ns", r->wall_ns);
	add_number(o, "user_ns", r->user_ns);
	add_number(o, "kernel_ns", r->kernel_ns);
	if (r->instructions)			/* known with --icount only */
		add_number(o, "instructions", r->instructions);
	add_number(o, "syscalls", r->syscalls);
	add_number(o, "faults", r->faults);
	add_number(o, "peak_bytes", r->peak_bytes);
	add_number(o, "processes", r->processes);
	add_number(o, "leaked_frames", r->leaked_frames);
	add_number(o, "leaked_heap", r->leaked_heap);
	add_number(o, "files_bytes", r->files_bytes);
	cJSON_AddBoolToObject(o, "trusted", r->trusted);
}

static void add_counts(cJSON *o, const struct result *r)
{
	cJSON *counts = cJSON_AddObjectToObject(o, "syscall_counts");

	for (size_t i = 0; i < r->ncounts; i++)
		add_number(counts, r->counts[i].name, r->counts[i].times);
}

static void add_failures(cJSON *o, const struct result *r)
{
	cJSON *array = cJSON_AddArrayToObject(o, "last_errors");

	for (size_t i = 0; i < r->nfailures; i++) {
		cJSON *failure = cJSON_CreateObject();

		add_text(failure, "syscall", r->failures[i].syscall);
		add_text(failure, "path", r->failures[i].path);
		add_number(failure, "errno", r->failures[i].error);
		add_text(failure, "detail", r->failures[i].detail);
		cJSON_AddItemToArray(array, failure);
	}
}

static cJSON *job_object(const struct report *report, const struct job *job)
{
	cJSON *o = cJSON_CreateObject();
	char text[32], *why = job_passed(job) ? NULL : explain(job);

	cJSON_AddStringToObject(o, "type", "job");
	add_number(o, "job", job - report->jobs->items);
	add_text(o, "name", job->name);
	add_text(o, "command", job->command);
	add_texts(o, "argv", &job->argv);
	cJSON_AddBoolToObject(o, "passed", job_passed(job));
	add_text(o, "expected", expect_text(&job->expect, text));
	add_end(o, &job->result);
	add_text(o, "why", why);
	add_costs(o, &job->result);
	add_number(o, "stdout_bytes", job->bytes[1]);
	add_number(o, "stderr_bytes", job->bytes[2]);
	add_counts(o, &job->result);
	add_failures(o, &job->result);
	free(why);
	return o;
}

static cJSON *batch_object(const struct report *report)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "type", "batch");
	add_text(o, "name", report->name);
	add_number(o, "jobs", report->jobs->count);
	add_number(o, "failed", report_failed(report->jobs));
	add_number(o, "wall_ns", report->wall_ns);
	add_number(o, "harts", report->boot->harts);
	add_number(o, "memory_bytes", report->boot->memory_bytes);
	add_number(o, "free_bytes", report->boot->free_bytes);
	add_number(o, "boot_ns", report->boot->boot_ns);
	if (report->boot->boot_instructions)
		add_number(o, "boot_instructions", report->boot->boot_instructions);
	return o;
}

static void print_object(FILE *to, cJSON *o)
{
	char *line = cJSON_PrintUnformatted(o);

	if (!line)
		die(STATUS_WEIR, "out of memory on the host");
	fprintf(to, "%s\n", line);
	free(line);
	cJSON_Delete(o);
}

void report_json(FILE *to, const struct report *r)
{
	for (size_t i = 0; i < r->jobs->count; i++)
		print_object(to, job_object(r, &r->jobs->items[i]));
	print_object(to, batch_object(r));
}
