/* SPDX-License-Identifier: MIT */
/* batch.h: what the batch runner and its report share. */
#pragma once
#include "dev/console.h"
#include "lib/jobspec.h"
#include "lib/text.h"
#include "proc/job.h"

struct usage { s64 frames, heap, files; };	/* without files; bytes of files */

/* One job at a time goes through a slot; slots are coroutines. */
struct slot {
	u32			number;		/* of the job */
	struct job_spec		spec;
	struct job		*job;		/* counted; NULL: not running (batch lock) */
	struct exec_args	*args;
	struct files		*files;
	struct fs_context	*fs;
	const char		*next_dir;	/* in PATH, while searching */
	struct input		input;		/* standard input of the job, if it has one */
	bool			has_input, alone;
	u64			end_ns, retry_at;
	s32			error;		/* it could not be started: positive errno */
	enum outcome		outcome;
	struct usage		before;
	struct text		text;
	char			path[1024];
	char			line[16384];	/* the report */
	struct task		task;		/* last: its frames follow */
};

/* The end event but for what is known only when the job is gone; then the rest. */
void report_end(struct slot *s);
void report_leaks(struct slot *s, const struct usage *now, bool exact);
bool outcome_expected(const struct slot *s);
void job_init(void);
void procinfo_init(void);
void load_init(void);			/* the daemon of load averages */
