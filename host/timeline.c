// SPDX-License-Identifier: MIT
/*
 * timeline.c: Chrome's trace format.  Three kinds of tracks: the harts (process 0), what they run;
 * the guest's processes, a track for each thread with its system calls and faults; the jobs.
 * Events are written as they come: readers sort them by time, so the rings of several harts may
 * arrive in any order, and only what a hart does now has to be remembered.
 *
 * Records come from the guest and are not trusted: one that makes no sense is left out.
 */
#include "timeline.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"
#include "text.h"

enum kind { /* docs/protocol.md */
	RUN = 1, IDLE, WAKE, IRQ, IRQ_END, CALL, RETURN, FAULT, FAULT_END, THREAD, NAME, EXIT, JOB,
	JOB_END,
};

enum { HARTS_MAX = 64, TASKS = 4096, NAME_MAX_ = 48, JOBS_PID = 4194304 };

struct record {
	unsigned kind;
	uint64_t time, c, a, b;
	char call[NAME_MAX_];
};

static struct {
	FILE *file;
	const char *path;
	const struct jobs *jobs;
	bool begun;				 /* something is written */
	bool hart_named[HARTS_MAX], hart_busy[HARTS_MAX];
	struct { uint64_t task; uint32_t tid, pid; } task[TASKS]; /* of threads, by hash of the task */
	uint64_t lost[HARTS_MAX];
	uint64_t last; /* latest time seen */
} tl;

/* --- writing ------------------------------------------------------------------------------------ */

/* A name as a JSON string, without what would have to be escaped. */
static void put_name(const char *name)
{
	char *text = text_utf8(name, strlen(name), true);

	for (char *p = text; *p; p++)
		if (*p == '"' || *p == '\\')
			*p = '_';
	fprintf(tl.file, "\"%s\"", text);
	free(text);
}

static void begin(char phase, uint64_t pid, uint64_t tid, uint64_t ns)
{
	fprintf(tl.file, "%s{\"ph\":\"%c\",\"pid\":%llu,\"tid\":%llu,\"ts\":%llu.%03llu", tl.begun ? ",\n" : "",
		phase, (unsigned long long)pid, (unsigned long long)tid, (unsigned long long)(ns / 1000),
		(unsigned long long)(ns % 1000));
	tl.begun = true;
}

static void event(char phase, uint64_t pid, uint64_t tid, uint64_t ns, const char *name)
{
	begin(phase, pid, tid, ns);
	if (name) {
		fputs(",\"name\":", tl.file);
		put_name(name);
	}
	fputs(phase == 'i' ? ",\"s\":\"t\"}" : "}", tl.file);
}

static void event_with(char phase, uint64_t pid, uint64_t tid, uint64_t ns, const char *name, const char *key,
	const char *format, uint64_t value)
{
	begin(phase, pid, tid, ns);
	if (name) {
		fputs(",\"name\":", tl.file);
		put_name(name);
	}
	fprintf(tl.file, ",\"args\":{\"%s\":\"", key);
	fprintf(tl.file, format, (unsigned long long)value);
	fputs("\"}}", tl.file);
}

static void name_track(const char *what, uint64_t pid, uint64_t tid, const char *name)
{
	begin('M', pid, tid, 0);
	fprintf(tl.file, ",\"name\":\"%s\",\"args\":{\"name\":", what);
	put_name(name);
	fputs("}}", tl.file);
}

/* --- records ------------------------------------------------------------------------------------ */

/* Up to 16 characters from two numbers. */
static const char *unpack(uint64_t a, uint64_t b, char out[17])
{
	uint64_t both[2] = { a, b };

	memcpy(out, both, 16);
	out[16] = 0;
	return out;
}

static unsigned slot_of(uint64_t task)
{
	return (task * 0x9e3779b97f4a7c15ull >> 40) % TASKS;
}

static void name_hart(unsigned hart)
{
	char name[32];

	if (tl.hart_named[hart])
		return;
	tl.hart_named[hart] = true;
	snprintf(name, sizeof name, "hart %u", hart);
	name_track("thread_name", 0, hart, name);
}

static void on_run(unsigned hart, const struct record *r)
{
	unsigned i = slot_of(r->a);
	char name[64], text[17];

	if (tl.hart_busy[hart])
		event('E', 0, hart, r->time, NULL);
	tl.hart_busy[hart] = true;
	if (r->kind == IDLE)
		snprintf(name, sizeof name, "idle");
	else if (tl.task[i].task == r->a)
		snprintf(name, sizeof name, "%s %u", unpack(r->b, 0, text), tl.task[i].tid);
	else
		snprintf(name, sizeof name, "%s", unpack(r->b, 0, text));
	event('B', 0, hart, r->time, name);
}

static void on_wake(unsigned hart, const struct record *r)
{
	unsigned i = slot_of(r->a);

	if (tl.task[i].task == r->a)
		event_with('i', tl.task[i].pid, tl.task[i].tid, r->time, "woken", "by hart", "%llu", hart);
}

static const char *irq_name(uint64_t cause)
{
	switch (cause & 0xff) {
	case 1:
		return "irq: other hart";
	case 5:
		return "irq: timer";
	case 9:
		return "irq: device";
	default:
		return "irq";
	}
}

static void on_thread(const struct record *r)
{
	unsigned i = slot_of(r->a);

	tl.task[i].task = r->a;
	tl.task[i].tid = r->c;
	tl.task[i].pid = r->b;
}

/* The process is called what its first thread is. */
static void on_name(const struct record *r)
{
	char text[17];

	name_track("thread_name", r->c, r->c, unpack(r->a, r->b, text));
	for (unsigned i = 0; i < TASKS; i++)
		if (tl.task[i].task && tl.task[i].tid == r->c && tl.task[i].pid != r->c) {
			name_track("thread_name", tl.task[i].pid, r->c, text);
			return;
		}
	name_track("process_name", r->c, r->c, text);
}

static void on_job(const struct record *r)
{
	const char *name = r->c < tl.jobs->count ? tl.jobs->items[r->c].name : "?";

	event(r->kind == JOB ? 'B' : 'E', JOBS_PID, r->c, r->time, name);
}

static void on_record(unsigned hart, const struct record *r)
{
	switch (r->kind) {
	case RUN:
	case IDLE:
		on_run(hart, r);
		break;
	case WAKE:
		on_wake(hart, r);
		break;
	case IRQ:
		event('B', 0, hart, r->time, irq_name(r->c));
		break;
	case IRQ_END:
		event('E', 0, hart, r->time, NULL);
		break;
	case CALL:
		event('B', r->b, r->c, r->time, r->call);
		break;
	case RETURN:
		event_with('E', r->b, r->c, r->time, NULL, "result", "%lld", r->a);
		break;
	case FAULT:
		event_with('B', r->b, r->c, r->time, "page fault", "address", "0x%llx", r->a);
		break;
	case FAULT_END:
		event('E', r->b, r->c, r->time, NULL);
		break;
	case THREAD:
		on_thread(r);
		break;
	case NAME:
		on_name(r);
		break;
	case EXIT:
		event('i', r->b, r->c, r->time, "exit");
		break;
	case JOB:
	case JOB_END:
		on_job(r);
		break;
	}
}

/* "kind,time,c,a,b", hexadecimal; in place of a call's number its name. */
static bool parse(const char *s, struct record *r)
{
	char *end;
	size_t n;

	r->kind = strtoul(s, &end, 16);
	if (*end != ',' || !r->kind || r->kind > JOB_END)
		return false;
	r->time = strtoull(end + 1, &end, 16);
	if (*end != ',')
		return false;
	r->c = strtoull(end + 1, &end, 16) & UINT32_MAX;
	if (*end++ != ',')
		return false;
	n = strcspn(end, ",;");
	snprintf(r->call, sizeof r->call, "%.*s", (int)(n < sizeof r->call ? n : sizeof r->call - 1), end);
	r->a = strtoull(end, NULL, 16);
	if (end[n] != ',')
		return false;
	r->b = strtoull(end + n + 1, &end, 16);
	if (r->kind != NAME && r->kind != RUN)
		r->b &= UINT32_MAX;
	return *end == ';' || !*end;
}

void timeline_add(const struct timeline *t)
{
	struct record r;

	if (!tl.file || t->hart >= HARTS_MAX || !t->records)
		return;
	name_hart(t->hart);
	tl.lost[t->hart] = t->lost;
	for (const char *s = t->records; *s;) {
		if (parse(s, &r)) {
			tl.last = r.time > tl.last ? r.time : tl.last;
			on_record(t->hart, &r);
		}
		s += strcspn(s, ";");
		s += *s == ';';
	}
}

/* --- the file ------------------------------------------------------------------------------------- */

void timeline_open(const char *path, const struct jobs *jobs)
{
	char name[32];

	tl.path = path;
	tl.jobs = jobs;
	tl.file = fopen(path, "we");
	if (!tl.file)
		die(STATUS_WEIR, "cannot write %s: %s", path, strerror(errno));
	fputs("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n", tl.file);
	name_track("process_name", 0, 0, "harts");
	name_track("process_name", JOBS_PID, 0, "jobs");
	for (size_t i = 0; i < jobs->count; i++) {
		snprintf(name, sizeof name, "job %zu", i + 1);
		name_track("thread_name", JOBS_PID, i, name);
	}
}

static void close_tracks(void)
{
	for (unsigned i = 0; i < HARTS_MAX; i++) {
		if (tl.hart_busy[i])
			event('E', 0, i, tl.last, NULL);
		if (tl.lost[i])
			say("%s lacks %llu events of hart %u: they came too fast", tl.path,
				(unsigned long long)tl.lost[i], i);
	}
}

void timeline_close(void)
{
	bool failed;

	if (!tl.file)
		return;
	close_tracks();
	fputs("\n]}\n", tl.file);
	failed = ferror(tl.file);
	if (fclose(tl.file) || failed)
		say("cannot write %s", tl.path);
	tl.file = NULL;
}
