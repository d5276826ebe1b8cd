/* SPDX-License-Identifier: MIT */
/* A job: what is to be run, what is expected of it, and what became of it. */
#ifndef HOST_JOB_H
#define HOST_JOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum outcome {
	OUTCOME_NONE, /* not (yet) ended */
	OUTCOME_EXITED,
	OUTCOME_SIGNALLED,
	OUTCOME_TIMEOUT,
	OUTCOME_OOM,
	OUTCOME_NOEXEC,
	OUTCOME_NOTFOUND,
	OUTCOME_DENIED,
	OUTCOME_CANCELLED,
	OUTCOME_ERROR,
	OUTCOME_PANIC, /* was running when the guest kernel panicked */
	OUTCOME_LOST,  /* the guest or QEMU ended without telling */
};

/* What counts as success; OUTCOME_NONE: anything the program may do. */
struct expect {
	enum outcome outcome;
	int value; /* exit code or signal */
};

struct count {
	char *name;
	uint64_t times;
};

/* A system call that failed, for `explain`. */
struct failure {
	char *syscall, *path, *detail;
	int error;
};

enum { FAILURES_MAX = 8, COUNTS_MAX = 1024 };

/* The guest's account of a job, checked and bounded. */
struct result {
	enum outcome outcome;
	int code, signal, error;
	char *signal_code, *fault_addr, *fault_pc, *cause;
	uint64_t wall_ns, user_ns, kernel_ns, instructions, syscalls, faults, peak_bytes, processes;
	uint64_t io_frames, leaked_frames, leaked_heap, files_bytes;
	struct count *counts;
	size_t ncounts;
	struct failure failures[FAILURES_MAX];
	size_t nfailures;
	bool trusted;
};

struct strings {
	char **items; /* NULL-terminated */
	size_t count;
};

struct job {
	/* as asked for */
	char *name, *command; /* command: as written, for people */
	struct strings argv, env;
	char *path; /* file to execute if not argv[0] */
	char *cwd;
	uint64_t timeout_ns, memory;
	struct expect expect;
	/* as it went */
	enum { JOB_WAITING, JOB_RUNNING, JOB_ENDING, JOB_DONE } state;
	struct result result;
	double started;	       /* host clock, seconds since the epoch */
	uint64_t started_mono; /* host's monotonic clock */
	uint64_t ended_mono;
	uint64_t frames, bytes[4];
	struct capture *capture;
};

struct jobs {
	struct job *items;
	size_t count;
};

void strings_add(struct strings *s, const char *text);
void strings_set_env(struct strings *s, const char *assignment); /* replaces an equal name */
void strings_free(struct strings *s);

struct job *jobs_add(struct jobs *jobs);
void jobs_free(struct jobs *jobs);
void result_free(struct result *result);

/* The text of /.weir/jobs for the guest. */
struct job_setting {
	bool strace;
	const char *input; /* "null", "io", "tty" */
};
char *jobs_pack(const struct jobs *jobs, const struct job_setting *setting, size_t *len);

#endif
