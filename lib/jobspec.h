/* SPDX-License-Identifier: MIT */
/*
 * jobspec.h: the list of jobs the host hands over (docs/protocol.md): "key=value" strings, each
 * ended by a NUL, an empty one after each job.  Pure.  A spec points into the text it was read from.
 */
#pragma once
#include "lib/base.h"

enum job_stdin { STDIN_NULL, STDIN_IO, STDIN_TTY };
enum job_expect {
	EXPECT_EXIT, EXPECT_SIGNAL, EXPECT_TIMEOUT, EXPECT_OOM, EXPECT_NOEXEC, EXPECT_NOTFOUND,
	EXPECT_DENIED,
};

struct job_spec {
	const char	*text;		/* this job's strings, for jobspec_next() */
	size_t		size;
	const char	*path;		/* NULL: argv[0] */
	const char	*cwd;		/* NULL: "/" */
	u64		timeout_ns;	/* 0: none */
	u64		memory;		/* bytes; 0: no limit */
	u32		args, envs;	/* how many */
	enum job_stdin	stdin;
	enum job_expect	expect;
	u32		expect_value;	/* exit status or signal */
	bool		strace;
};

/* Read the job at *@at and move on: 1; 0 there is no more; -EINVAL with what is wrong in *@error. */
long jobspec_read(const char *text, size_t size, size_t *at, struct job_spec *s, const char **error);
/* The values of a repeated key ("arg", "env"), in order: the one after @previous (NULL: the first),
 * or NULL. */
const char *jobspec_next(const struct job_spec *s, const char *key, const char *previous);
