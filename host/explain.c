// SPDX-License-Identifier: MIT
/*
 * explain.c: one line that says why a job failed, from what the guest noted on the way: the
 * fault, or the last system call that failed.  What C libraries merely try at their start (rseq and
 * the like) comes early, so it only counts when nothing else went wrong.
 */
#include "explain.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "outcome.h"
#include "say.h"
#include "text.h"

static const struct failure *last_failure(const struct result *r)
{
	return r->nfailures ? &r->failures[r->nfailures - 1] : NULL;
}

static char *explain_failure(const struct failure *f)
{
	const char *call = f->syscall ? f->syscall : "a system call";
	const char *path = f->path ? f->path : "", *space = f->path ? " " : "";
	char name[16];

	if (f->error == ENOSYS)
		return must_print("missing system call %s%s%s", call, f->detail ? ": " : "",
			f->detail ? f->detail : "");
	if (f->detail)
		return must_print("%s%s%s: %s (%s)", call, space, path, f->detail,
			error_name(f->error, name));
	if (f->error == ENOENT && f->path)
		return must_print("missing file %s (%s)", f->path, call);
	return must_print("%s%s%s failed: %s (%s)", call, space, path, strerror(f->error),
		error_name(f->error, name));
}

static char *explain_fault(const struct result *r)
{
	char *words = outcome_words(r), *all;

	all = must_print("%s%s%s%s%s%s", words, r->signal_code ? " (" : "",
		r->signal_code ? r->signal_code : "", r->signal_code ? ")" : "",
		r->fault_pc ? ", pc " : "", r->fault_pc ? r->fault_pc : "");
	free(words);
	return all;
}

static char *explain_limit(const struct job *job)
{
	char peak[16], limit[16];

	text_bytes(job->result.peak_bytes, peak);
	if (!job->memory)
		return must_print(
			"the machine's memory was used up at %s; give it more with -m", peak);
	return must_print("it used %s of the %s it may have", peak, text_bytes(job->memory, limit));
}

static char *explain_outcome(const struct job *job)
{
	const struct result *r = &job->result;
	char time[16];

	switch (r->outcome) {
	case OUTCOME_SIGNALLED:
		return explain_fault(r);
	case OUTCOME_TIMEOUT:
		return must_print("still running after %s", text_time(r->wall_ns, time));
	case OUTCOME_OOM:
		return explain_limit(job);
	case OUTCOME_NOTFOUND:
		return must_print("no file %s, or no interpreter for it",
			job->path ? job->path : job->argv.items[0]);
	case OUTCOME_NOEXEC:
		return must_print("%s is not a program this machine can run",
			job->path ? job->path : job->argv.items[0]);
	case OUTCOME_DENIED:
		return must_print(
			"%s may not be executed", job->path ? job->path : job->argv.items[0]);
	default:
		return outcome_words(r);
	}
}

char *explain(const struct job *job)
{
	const struct result *r = &job->result;
	const struct failure *f = last_failure(r);
	char *how, *why, *line;

	if (r->outcome == OUTCOME_EXITED && r->code == 0)
		return NULL;
	how = explain_outcome(job);
	if (!f || r->outcome == OUTCOME_NOTFOUND)
		return how;
	why = explain_failure(f);
	line = must_print("%s; %s", how, why);
	free(how);
	free(why);
	return line;
}

static int busier(const void *a, const void *b)
{
	const struct count *x = a, *y = b;

	if (x->times != y->times)
		return x->times < y->times ? 1 : -1;
	return strcmp(x->name, y->name);
}

void summary_print(FILE *to, const struct job *job)
{
	const struct result *r = &job->result;
	struct count *sorted = must_alloc((r->ncounts + 1) * sizeof *sorted);
	char number[32];

	if (r->ncounts)
		memcpy(sorted, r->counts, r->ncounts * sizeof *sorted);
	qsort(sorted, r->ncounts, sizeof *sorted, busier);
	fprintf(to, "%s: %" PRIu64 " system calls\n", job->name, r->syscalls);
	for (size_t i = 0; i < r->ncounts; i++)
		fprintf(to, "%12s  %s\n", text_count(sorted[i].times, number), sorted[i].name);
	free(sorted);
}
