// SPDX-License-Identifier: MIT
/*
 * event.c: the guest's JSON lines, read with distrust: a field that is missing or of the wrong
 * type is zero, numbers are forced into range, texts are bounded and made valid UTF-8.
 */
#include "event.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "outcome.h"
#include "say.h"
#include "text.h"

enum { TEXT_MAX = 512 };

static uint64_t number_value(const cJSON *item, uint64_t missing)
{
	double value = cJSON_GetNumberValue(item); /* NaN if it is none */

	if (!(value >= 0))
		return missing;
	return value >= 9e18 ? (uint64_t)9e18 : (uint64_t)value;
}

static uint64_t number(const cJSON *o, const char *key)
{
	return number_value(cJSON_GetObjectItemCaseSensitive(o, key), 0);
}

static int small(const cJSON *o, const char *key)
{
	uint64_t value = number(o, key);

	return value > INT_MAX ? INT_MAX : (int)value;
}

static char *text(const cJSON *o, const char *key)
{
	const char *value = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));

	if (!value || !*value)
		return NULL;
	return text_utf8(value, strnlen(value, TEXT_MAX), true);
}

static enum outcome read_outcome(const cJSON *o)
{
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "outcome"));
	enum outcome outcome = name ? outcome_from_name(name) : OUTCOME_NONE;

	return outcome == OUTCOME_NONE || outcome > OUTCOME_ERROR ? OUTCOME_ERROR : outcome;
}

static void read_counts(const cJSON *o, struct result *r)
{
	const cJSON *item, *counts = cJSON_GetObjectItemCaseSensitive(o, "syscall_counts");

	if (!cJSON_IsObject(counts))
		return;
	r->counts = must_alloc(COUNTS_MAX * sizeof *r->counts);
	cJSON_ArrayForEach(item, counts)
	{
		uint64_t times = number_value(item, 0);

		if (times && r->ncounts < COUNTS_MAX)
			r->counts[r->ncounts++] = (struct count){
				text_utf8(item->string, strnlen(item->string, 64), true), times
			};
	}
	r->counts = must_grow(r->counts, r->ncounts * sizeof *r->counts);
}

static void read_failures(const cJSON *o, struct result *r)
{
	const cJSON *item, *errors = cJSON_GetObjectItemCaseSensitive(o, "last_errors");

	if (!cJSON_IsArray(errors))
		return;
	cJSON_ArrayForEach(item, errors)
	{
		if (r->nfailures == FAILURES_MAX)
			break;
		r->failures[r->nfailures++] = (struct failure){ .syscall = text(item, "syscall"),
			.path = text(item, "path"),
			.detail = text(item, "detail"),
			.error = small(item, "errno") };
	}
}

static void read_cost(const cJSON *o, struct result *r)
{
	r->wall_ns = number(o, "wall_ns");
	r->user_ns = number(o, "user_ns");
	r->kernel_ns = number(o, "kernel_ns");
	r->instructions = number(o, "instructions");
	r->syscalls = number(o, "syscalls");
	r->faults = number(o, "faults");
	r->peak_bytes = number(o, "peak_bytes");
	r->processes = number(o, "processes");
	r->leaked_frames = number(o, "leaked_frames");
	r->leaked_heap = number(o, "leaked_heap");
	r->files_bytes = number(o, "files_bytes");
}

static void read_end(const cJSON *o, struct result *r)
{
	r->outcome = read_outcome(o);
	r->code = small(o, "code") & 0xff;
	r->signal = small(o, "signal") & 0x7f;
	r->error = small(o, "errno");
	r->signal_code = text(o, "signal_code");
	r->fault_addr = text(o, "fault_addr");
	r->fault_pc = text(o, "fault_pc");
	r->cause = text(o, "cause");
	r->io_frames = number(o, "io_frames");
	r->trusted = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "trusted"));
	read_cost(o, r);
	read_counts(o, r);
	read_failures(o, r);
}

static void read_ready(const cJSON *o, struct boot *boot)
{
	boot->harts = number(o, "harts");
	boot->memory_bytes = number(o, "memory_bytes");
	boot->free_bytes = number(o, "free_bytes");
	boot->boot_ns = number(o, "boot_ns");
	boot->boot_instructions = number(o, "boot_instructions");
	boot->homeless = number(o, "homeless");
}

/* As long as the line may be: who reads the records does not trust them either. */
static void read_timeline(const cJSON *o, struct timeline *t)
{
	const char *records = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "records"));

	t->hart = number_value(cJSON_GetObjectItemCaseSensitive(o, "hart"), UINT64_MAX);
	t->lost = number(o, "lost");
	t->records = records ? must_copy(records) : NULL;
}

static void read_kind(const cJSON *o, const char *kind, struct event *event)
{
	if (!strcmp(kind, "ready")) {
		event->kind = EVENT_READY;
		read_ready(o, &event->boot);
	} else if (!strcmp(kind, "start")) {
		event->kind = EVENT_START;
	} else if (!strcmp(kind, "end")) {
		event->kind = EVENT_END;
		read_end(o, &event->result);
	} else if (!strcmp(kind, "panic")) {
		event->kind = EVENT_PANIC;
		event->message = text(o, "message");
	} else if (!strcmp(kind, "done")) {
		event->kind = EVENT_DONE;
	} else if (!strcmp(kind, "timeline")) {
		event->kind = EVENT_TIMELINE;
		read_timeline(o, &event->timeline);
	}
}

int event_parse(const char *line, struct event *event)
{
	cJSON *o = cJSON_Parse(line);
	const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, "event"));

	*event = (struct event){ 0 };
	if (kind) {
		event->job = number_value(cJSON_GetObjectItemCaseSensitive(o, "job"), UINT64_MAX);
		read_kind(o, kind, event);
	}
	cJSON_Delete(o);
	return kind ? 0 : -EINVAL;
}

void event_free(struct event *event)
{
	result_free(&event->result);
	free(event->message);
	free(event->timeline.records);
	*event = (struct event){ 0 };
}
