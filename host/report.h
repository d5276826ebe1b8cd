/* SPDX-License-Identifier: MIT */
/* The account of a batch, for people and for machines. */
#ifndef HOST_REPORT_H
#define HOST_REPORT_H

#include <stdio.h>

#include "session.h"

struct report {
	const struct jobs *jobs;
	const struct boot *boot;
	const char *name; /* of the batch: the job file */
	uint64_t wall_ns; /* of it all, on the host */
	bool explain;
};

/* One phrase: outcome, and what was expected if that was something else; to be freed. */
char *report_outcome(const struct job *job);
size_t report_failed(const struct jobs *jobs);

void report_table(FILE *to, const struct report *r);
void report_one(FILE *to, const struct job *job); /* the line of a single run */
void report_json(FILE *to, const struct report *r);
void report_junit(FILE *to, const struct report *r);
void report_tap(FILE *to, const struct report *r);

/* Progress on standard error while the batch runs, and GNU parallel's job log. */
void progress_open(const struct options *opt);
void progress_start(struct session *s, struct job *job);
void progress_end(struct session *s, struct job *job);
void progress_close(void);
bool progress_log_failed(void);

#endif
