/* SPDX-License-Identifier: MIT */
/*
 * report.c: the end of a job as one line of JSON; docs/protocol.md says what the fields mean.
 */
#include <string.h>
#include "core/time.h"
#include "proc/batch.h"

static const char *const outcome_names[] = {
	[OUT_EXITED] = "exited", [OUT_SIGNALLED] = "signalled", [OUT_TIMEOUT] = "timeout",
	[OUT_OOM] = "oom", [OUT_NOEXEC] = "noexec", [OUT_NOTFOUND] = "notfound",
	[OUT_DENIED] = "denied", [OUT_CANCELLED] = "cancelled", [OUT_ERROR] = "error",
};

static void add_string(struct text *t, const char *s) { text_json(t, s, strlen(s)); }

static void add_ending(struct text *t, const struct slot *s)
{
	const struct process *p = s->job ? s->job->main : NULL;

	text_add(t, ",\"outcome\":\"%s\"", outcome_names[s->outcome]);
	if (s->outcome == OUT_EXITED)
		text_add(t, ",\"code\":%d", p->exit_status >> 8 & 255);
	if (s->outcome >= OUT_NOEXEC && s->outcome != OUT_CANCELLED)
		text_add(t, ",\"errno\":%d", s->error);
	if (s->outcome != OUT_SIGNALLED)
		return;
	text_add(t, ",\"signal\":%d,\"signal_code\":\"%s\"", p->exit_status & 127,
		 signal_code_name(p->death.signo, p->death.code));
	text_add(t, ",\"fault_addr\":\"0x%lx\",\"fault_pc\":\"0x%lx\",\"cause\":", p->death.addr,
		 p->death_pc);
	add_string(t, p->death_cause ? p->death_cause : "killed by the kernel");
}

static u64 calls_total(const struct job *j)
{
	u64 n = 0;

	for (u32 i = 0; i < SYSCALLS; i++)
		n += j->calls[i];
	return n;
}

static void add_counts(struct text *t, const struct job *j)
{
	const char *comma = "";

	text_add(t, ",\"syscalls\":%lu,\"syscall_counts\":{", calls_total(j));
	for (u32 i = 0; i < SYSCALLS; i++) {
		if (!j->calls[i])
			continue;
		text_add(t, "%s\"%s\":%lu", comma, syscall_name(i), j->calls[i]);
		comma = ",";
	}
	text_add(t, "}");
}

static void add_errors(struct text *t, const struct job *j)
{
	u32 n = min(j->error_count, (u32)ARRAY_SIZE(j->errors));

	text_add(t, ",\"last_errors\":[");
	for (u32 i = j->error_count - n; i != j->error_count; i++) {
		const struct last_error *e = &j->errors[i % ARRAY_SIZE(j->errors)];

		text_add(t, "%s{\"syscall\":\"%s\",\"path\":", i == j->error_count - n ? "" : ",",
			 syscall_name(e->call));
		add_string(t, e->path);
		text_add(t, ",\"errno\":%d,\"detail\":", e->error);
		add_string(t, e->detail);
		text_add(t, "}");
	}
	text_add(t, "]");
}

static void add_usage(struct text *t, const struct slot *s)
{
	struct job *j = s->job;

	text_add(t, ",\"wall_ns\":%lu,\"user_ns\":%lu,\"kernel_ns\":%lu,\"instructions\":%lu",
		 s->end_ns - j->start_ns, j->user_ns, j->kernel_ns, j->instret);
	text_add(t, ",\"faults\":%lu,\"peak_bytes\":%lu,\"processes\":%u,\"io_frames\":%u",
		 atomic_load(&j->faults), (u64)atomic_load(&j->charge.peak) << PAGE_SHIFT,
		 atomic_load(&j->started), j->io_frames);
	add_counts(t, j);
	add_errors(t, j);
}

void report_end(struct slot *s)
{
	struct text *t = &s->text;

	text_init(t, s->line, sizeof(s->line));
	text_add(t, "{\"event\":\"end\",\"job\":%u", s->number);
	add_ending(t, s);
	if (s->job)
		add_usage(t, s);
	text_add(t, ",\"trusted\":false");
}

/* With other jobs around nobody can tell whose memory it is: then nothing is said to leak. */
void report_leaks(struct slot *s, const struct usage *now, bool exact)
{
	s64 frames = exact ? now->frames - s->before.frames : 0;
	s64 heap = exact ? now->heap - s->before.heap : 0;
	s64 files = exact ? now->files - s->before.files : 0;

	text_add(&s->text, ",\"leaked_frames\":%ld,\"leaked_heap\":%ld,\"files_bytes\":%ld}",
		 max(frames, 0l), max(heap, 0l), max(files, 0l));
}

bool outcome_expected(const struct slot *s)
{
	static const enum outcome wanted[] = {
		[EXPECT_EXIT] = OUT_EXITED, [EXPECT_SIGNAL] = OUT_SIGNALLED,
		[EXPECT_TIMEOUT] = OUT_TIMEOUT, [EXPECT_OOM] = OUT_OOM,
		[EXPECT_NOEXEC] = OUT_NOEXEC, [EXPECT_NOTFOUND] = OUT_NOTFOUND,
		[EXPECT_DENIED] = OUT_DENIED,
	};
	u32 value = s->spec.expect_value;

	if (s->outcome != wanted[s->spec.expect])
		return false;
	if (s->outcome == OUT_EXITED)
		return (u32)(s->job->main->exit_status >> 8 & 255) == value;
	return s->outcome != OUT_SIGNALLED || (u32)(s->job->main->exit_status & 127) == value;
}
