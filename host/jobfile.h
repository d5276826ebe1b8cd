/* SPDX-License-Identifier: MIT */
/* The job file: one command a line, quoted as in a shell. */
#ifndef HOST_JOBFILE_H
#define HOST_JOBFILE_H

#include "job.h"

/* Where and what is wrong with a job file. */
struct jobfile_error {
	int line, column; /* from 1 */
	char text[160];
};

/*
 * Appends the jobs in text to jobs.  Every job starts out with the settings of `defaults`
 * (environment, working directory, limits).  0, or -EINVAL with *error filled.
 */
int jobfile_parse(const char *text, size_t len, const struct job *defaults, struct jobs *jobs,
	struct jobfile_error *error);

#endif
