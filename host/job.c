// SPDX-License-Identifier: MIT
/*
 * job.c: jobs and lists of strings, and the job list as the guest reads it (docs/protocol.md).
 * A struct jobs owns everything its jobs point to, except captures.
 */
#include "job.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "outcome.h"
#include "say.h"

void strings_add(struct strings *s, const char *text)
{
	s->items = must_grow(s->items, (s->count + 2) * sizeof *s->items);
	s->items[s->count++] = must_copy(text);
	s->items[s->count] = NULL;
}

void strings_set_env(struct strings *s, const char *assignment)
{
	size_t name = strcspn(assignment, "=") + 1;

	for (size_t i = 0; i < s->count; i++)
		if (!strncmp(s->items[i], assignment, name)) {
			free(s->items[i]);
			s->items[i] = must_copy(assignment);
			return;
		}
	strings_add(s, assignment);
}

void strings_free(struct strings *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->items[i]);
	free(s->items);
	*s = (struct strings){ 0 };
}

struct job *jobs_add(struct jobs *jobs)
{
	struct job *job;

	jobs->items = must_grow(jobs->items, (jobs->count + 1) * sizeof *jobs->items);
	job = &jobs->items[jobs->count++];
	*job = (struct job){ .expect = { OUTCOME_EXITED, 0 } };
	return job;
}

void result_free(struct result *r)
{
	for (size_t i = 0; i < r->ncounts; i++)
		free(r->counts[i].name);
	for (size_t i = 0; i < r->nfailures; i++) {
		free(r->failures[i].syscall);
		free(r->failures[i].path);
		free(r->failures[i].detail);
	}
	free(r->counts);
	free(r->signal_code);
	free(r->fault_addr);
	free(r->fault_pc);
	free(r->cause);
	*r = (struct result){ 0 };
}

void jobs_free(struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++) {
		struct job *job = &jobs->items[i];

		strings_free(&job->argv);
		strings_free(&job->env);
		result_free(&job->result);
		free(job->name);
		free(job->command);
		free(job->path);
		free(job->cwd);
	}
	free(jobs->items);
	*jobs = (struct jobs){ 0 };
}

static void put(struct buf *out, const char *key, const char *value)
{
	buf_add(out, key, strlen(key));
	buf_char(out, '=');
	buf_add(out, value, strlen(value) + 1);
}

static void put_number(struct buf *out, const char *key, uint64_t value)
{
	char digits[24];

	snprintf(digits, sizeof digits, "%" PRIu64, value);
	if (value)
		put(out, key, digits);
}

static void put_expect(struct buf *out, const struct expect *expect)
{
	char text[32];

	if (expect->outcome != OUTCOME_NONE)
		put(out, "expect", expect_text(expect, text));
}

static void put_job(struct buf *out, const struct job *job, const struct job_setting *setting)
{
	for (size_t i = 0; i < job->argv.count; i++)
		put(out, "arg", job->argv.items[i]);
	if (job->path)
		put(out, "path", job->path);
	for (size_t i = 0; i < job->env.count; i++)
		put(out, "env", job->env.items[i]);
	if (job->cwd)
		put(out, "cwd", job->cwd);
	put_number(out, "timeout_ns", job->timeout_ns);
	put_number(out, "memory", job->memory);
	put(out, "stdin", setting->input);
	if (setting->strace)
		put(out, "strace", "1");
	put_expect(out, &job->expect);
	buf_char(out, 0);
}

char *jobs_pack(const struct jobs *jobs, const struct job_setting *setting, size_t *len)
{
	struct buf out = { 0 };

	for (size_t i = 0; i < jobs->count; i++)
		put_job(&out, &jobs->items[i], setting);
	*len = buf_len(&out);
	return out.base ? out.base : must_alloc(1); /* nothing was taken: head is 0 */
}
