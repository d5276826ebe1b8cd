/* SPDX-License-Identifier: MIT */
/* What the user asked for on the command line. */
#ifndef HOST_OPTIONS_H
#define HOST_OPTIONS_H

#include "job.h"

struct options {
	bool batch; /* else run */
	/* the guest's files */
	const char *root, *sysroot;
	struct strings volumes, disks; /* disks: FILE[:ro] */
	bool root_is_disk;	       /* it is the first of them */
	/* jobs */
	struct strings env;
	const char *cwd;
	uint64_t timeout_ns;
	const char *jobfile;
	struct strings program; /* PROGRAM ARG... */
	/* machine */
	uint64_t memory;
	long cpus;
	bool icount, gdb;
	long gdb_port;
	const char *kernel, *qemu, *qemu_log, *log, *append;
	uint64_t boot_timeout_ns;
	/* what is shown */
	bool strace, summary, explain, dry_run, quiet;
	const char *strace_file;
	const char *trace; /* file for the timeline */
	/* batch */
	long slots;
	bool fail_fast;
	const char *results, *joblog;
	const char *report_json, *report_junit, *report_tap;
};

/* Dies with status 125 if the words make no sense. */
void options_parse(int argc, char **argv, struct options *opt);

#endif
