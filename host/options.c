// SPDX-License-Identifier: MIT
/*
 * options.c: the command line.  Options of later versions are known and refused by name, so
 * that nobody mistakes them for typing errors.  docs/weir.md describes each.
 */
#include "options.h"

#include <argp.h>
#include <stdlib.h>
#include <string.h>

#include "option_check.h"
#include "say.h"
#include "text.h"

enum {
	KEY_ROOT = 256,
	KEY_SYSROOT,
	KEY_ARCH,
	KEY_TIMEOUT,
	KEY_TRUST,
	KEY_STRACE,
	KEY_TRACE,
	KEY_SUMMARY,
	KEY_EXPLAIN,
	KEY_GDB,
	KEY_LOG,
	KEY_DRY_RUN,
	KEY_ICOUNT,
	KEY_KERNEL,
	KEY_FAIL_FAST,
	KEY_RESULTS,
	KEY_JOBLOG,
	KEY_REPORT,
	KEY_QEMU,
	KEY_QEMU_LOG,
	KEY_APPEND,
	KEY_DISK,
	KEY_BOOT_TIMEOUT,
	KEY_ENV = 'e',
	KEY_WORKDIR = 'w',
	KEY_VOLUME = 'v',
	KEY_PORT = 'p',
	KEY_MEMORY = 'm',
	KEY_CPUS = 'c',
	KEY_JOBS = 'j',
	KEY_QUIET = 'q',
};

static const struct argp_option common_options[] = {
	{ NULL, 0, NULL, 0, "Files:", 1 },
	{ "root", KEY_ROOT, "PATH", 0, "root file system: a directory, or a tar or cpio archive",
		0 },
	{ "volume", KEY_VOLUME, "HOST:GUEST[:ro]", 0, "copy a file or directory in", 0 },
	{ "disk", KEY_DISK, "FILE[:ro]", 0, "raw disk image: /dev/vda, /dev/vdb, ...", 0 },
	{ "sysroot", KEY_SYSROOT, "DIR", 0, "where a single program's libraries are", 0 },
	{ "env", KEY_ENV, "NAME[=VALUE]", 0, "set a variable, or pass it on", 0 },
	{ "workdir", KEY_WORKDIR, "DIR", 0, "working directory (/)", 0 },
	{ NULL, 0, NULL, 0, "Machine:", 2 },
	{ "arch", KEY_ARCH, "ARCH", 0, "machine (from the program: riscv64)", 0 },
	{ "memory", KEY_MEMORY, "SIZE", 0, "memory (128M)", 0 },
	{ "cpus", KEY_CPUS, "N", 0, "harts (1)", 0 },
	{ "timeout", KEY_TIMEOUT, "SECONDS", 0, "limit on wall time, of each job", 0 },
	{ "icount", KEY_ICOUNT, NULL, 0, "virtual time: one instruction is one nanosecond", 0 },
	{ "kernel", KEY_KERNEL, "FILE", 0, "kernel to boot", 0 },
	{ "append", KEY_APPEND, "WORDS", 0, "more words for the kernel's command line", 0 },
	{ "qemu", KEY_QEMU, "PROGRAM", 0, "QEMU to use (qemu-system-riscv64)", 0 },
	{ "boot-timeout", KEY_BOOT_TIMEOUT, "SECONDS", 0, "give up if the guest is silent (30)",
		0 },
	{ NULL, 0, NULL, 0, "What happened:", 3 },
	{ "strace", KEY_STRACE, "FILE", OPTION_ARG_OPTIONAL, "print each system call", 0 },
	{ "trace", KEY_TRACE, "FILE", 0, "write a timeline for Perfetto or chrome://tracing", 0 },
	{ "summary", KEY_SUMMARY, NULL, 0, "print system calls by name, the busiest first", 0 },
	{ "explain", KEY_EXPLAIN, NULL, 0, "say in one line why it failed", 0 },
	{ "gdb", KEY_GDB, "PORT", OPTION_ARG_OPTIONAL, "wait for a debugger (1234)", 0 },
	{ "log", KEY_LOG, "LEVEL", 0, "show the kernel's log: error, warn, info, debug", 0 },
	{ "qemu-log", KEY_QEMU_LOG, "FILE", 0, "keep QEMU's log of guest errors", 0 },
	{ "dry-run", KEY_DRY_RUN, NULL, 0, "print the QEMU command instead of running it", 0 },
	{ "quiet", KEY_QUIET, NULL, 0, "nothing but what the programs write", 0 },
	{ "publish", KEY_PORT, "PORTS", OPTION_HIDDEN, "", 0 },
	{ "trust", KEY_TRUST, NULL, OPTION_HIDDEN, "", 0 },
	{ 0 },
};

static const struct argp_option batch_options[] = {
	{ NULL, 0, NULL, 0, "Batch:", 4 },
	{ "jobs", KEY_JOBS, "N", 0, "jobs that run at the same time (1)", 0 },
	{ "fail-fast", KEY_FAIL_FAST, NULL, 0, "cancel the rest after the first failure", 0 },
	{ "results", KEY_RESULTS, "DIR", 0, "keep stdout, stderr and status of each job", 0 },
	{ "joblog", KEY_JOBLOG, "FILE", 0, "a line for each job, as GNU parallel writes it", 0 },
	{ "report", KEY_REPORT, "json=F,junit=F,tap=F", 0, "reports for machines", 0 },
	{ 0 },
};

static void parse_env(struct options *opt, const char *arg)
{
	const char *value;
	char *both;

	if (*arg == '=' || !*arg)
		die(STATUS_WEIR, "-e %s: a variable needs a name", arg);
	if (strchr(arg, '=')) {
		strings_set_env(&opt->env, arg);
		return;
	}
	value = getenv(arg);
	if (!value)
		return;
	both = must_print("%s=%s", arg, value);
	strings_set_env(&opt->env, both);
	free(both);
}

static void parse_size(const char *arg, uint64_t *size)
{
	if (text_to_size(arg, size) || !*size)
		die(STATUS_WEIR, "-m %s: write a size such as 128M", arg);
}

static void parse_seconds(const char *option, const char *arg, uint64_t *ns)
{
	if (text_to_ns(arg, ns))
		die(STATUS_WEIR, "%s %s: write seconds, such as 2.5", option, arg);
}

static void parse_number(const char *option, const char *arg, long max, long *value)
{
	if (text_to_number(arg, 1, max, value))
		die(STATUS_WEIR, "%s %s: write a number from 1 to %ld", option, arg, max);
}

static void parse_level(struct options *opt, const char *arg)
{
	static const char *const levels[] = { "quiet", "error", "warn", "info", "debug" };

	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
		if (!strcmp(arg, levels[i])) {
			opt->log = arg;
			return;
		}
	die(STATUS_WEIR, "--log %s: the levels are quiet, error, warn, info and debug", arg);
}

static void parse_report(struct options *opt, const char *arg)
{
	char *copy = must_copy(arg), *save; /* the names stay in it */

	for (char *item = strtok_r(copy, ",", &save); item; item = strtok_r(NULL, ",", &save)) {
		if (!strncmp(item, "json=", 5) && item[5])
			opt->report_json = item + 5;
		else if (!strncmp(item, "junit=", 6) && item[6])
			opt->report_junit = item + 6;
		else if (!strncmp(item, "tap=", 4) && item[4])
			opt->report_tap = item + 4;
		else
			die(STATUS_WEIR, "--report %s: write json=FILE, junit=FILE or tap=FILE",
				item);
	}
}

static bool parse_files(struct options *opt, int key, const char *arg)
{
	switch (key) {
	case KEY_ROOT:
		opt->root = arg;
		return true;
	case KEY_DISK:
		strings_add(&opt->disks, arg);
		return true;
	case KEY_SYSROOT:
		opt->sysroot = arg;
		return true;
	case KEY_VOLUME:
		strings_add(&opt->volumes, arg);
		return true;
	case KEY_ENV:
		parse_env(opt, arg);
		return true;
	case KEY_WORKDIR:
		if (*arg != '/')
			die(STATUS_WEIR, "-w %s: write an absolute directory", arg);
		opt->cwd = arg;
		return true;
	default:
		return false;
	}
}

static bool parse_machine(struct options *opt, int key, const char *arg)
{
	switch (key) {
	case KEY_ARCH:
		if (strcmp(arg, "riscv64"))
			die(STATUS_WEIR, "--arch %s is not supported yet; only riscv64 is", arg);
		return true;
	case KEY_MEMORY:
		parse_size(arg, &opt->memory);
		return true;
	case KEY_CPUS:
		parse_number("-c", arg, 64, &opt->cpus);
		return true;
	case KEY_TIMEOUT:
		parse_seconds("--timeout", arg, &opt->timeout_ns);
		return true;
	case KEY_BOOT_TIMEOUT:
		parse_seconds("--boot-timeout", arg, &opt->boot_timeout_ns);
		return true;
	case KEY_ICOUNT:
		return opt->icount = true;
	case KEY_KERNEL:
		opt->kernel = arg;
		return true;
	case KEY_APPEND:
		opt->append = arg;
		return true;
	case KEY_QEMU:
		opt->qemu = arg;
		return true;
	default:
		return false;
	}
}

static bool parse_account(struct options *opt, int key, const char *arg)
{
	switch (key) {
	case KEY_STRACE:
		opt->strace_file = arg;
		return opt->strace = true;
	case KEY_TRACE:
		opt->trace = arg;
		return true;
	case KEY_SUMMARY:
		return opt->summary = true;
	case KEY_EXPLAIN:
		return opt->explain = true;
	case KEY_GDB:
		parse_number("--gdb", arg ? arg : "1234", 65535, &opt->gdb_port);
		return opt->gdb = true;
	case KEY_LOG:
		parse_level(opt, arg);
		return true;
	case KEY_QEMU_LOG:
		opt->qemu_log = arg;
		return true;
	case KEY_DRY_RUN:
		return opt->dry_run = true;
	case KEY_QUIET:
		return opt->quiet = true;
	default:
		return false;
	}
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	if (key == KEY_PORT)
		die(STATUS_WEIR, "-p is not supported yet: there is no network");
	if (key == KEY_TRUST)
		die(STATUS_WEIR, "--trust is not supported yet");
	if (parse_files(opt, key, arg) || parse_machine(opt, key, arg) ||
		parse_account(opt, key, arg))
		return 0;
	return ARGP_ERR_UNKNOWN;
}

static error_t parse_run(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = opt;
		return 0;
	case ARGP_KEY_ARG:
		strings_add(&opt->program, arg);
		while (state->next < state->argc)
			strings_add(&opt->program, state->argv[state->next++]);
		return 0;
	case ARGP_KEY_NO_ARGS:
		die(STATUS_WEIR, "run: which program? see weir run --help");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static error_t parse_batch(int key, char *arg, struct argp_state *state)
{
	struct options *opt = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->child_inputs[0] = opt;
		return 0;
	case KEY_JOBS:
		parse_number("-j", arg, 256, &opt->slots);
		return 0;
	case KEY_FAIL_FAST:
		opt->fail_fast = true;
		return 0;
	case KEY_RESULTS:
		opt->results = arg;
		return 0;
	case KEY_JOBLOG:
		opt->joblog = arg;
		return 0;
	case KEY_REPORT:
		parse_report(opt, arg);
		return 0;
	case ARGP_KEY_ARG:
		if (opt->jobfile)
			die(STATUS_WEIR, "batch: one job file, please: %s or %s?", opt->jobfile,
				arg);
		opt->jobfile = arg;
		return 0;
	case ARGP_KEY_NO_ARGS:
		die(STATUS_WEIR, "batch: which job file? see weir batch --help");
	default:
		return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp common_argp = { common_options, parse_common, NULL, NULL, NULL, NULL,
	NULL };

static const struct argp_child children[] = {
	{ &common_argp, 0, NULL, 0 },
	{ 0 },
};

static const struct argp run_argp = { NULL, parse_run, "PROGRAM [ARG...]",
	"Run a Linux program in a small machine of its own.", children, NULL, NULL };

static const struct argp batch_argp = { batch_options, parse_batch, "JOBFILE",
	"Run the jobs of a file, one command a line; '-' is standard input.", children, NULL,
	NULL };

static const char usage[] = "weir runs Linux programs in batches on a small kernel inside QEMU\n"
			    "\n"
			    "  weir run   [OPTIONS] [--] PROGRAM [ARG...]\n"
			    "  weir batch [OPTIONS] JOBFILE\n"
			    "\n"
			    "weir run --help and weir batch --help list the options.\n";

static const char version[] = "weir 0.1";

static void defaults(struct options *opt)
{
	const char *qemu = getenv("WEIR_QEMU");

	*opt = (struct options){
		.memory = 128 << 20, .cpus = 1, .slots = 1, .boot_timeout_ns = 30000000000ull
	};
	opt->qemu = qemu && *qemu ? qemu : "qemu-system-riscv64";
	strings_add(&opt->env, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
	strings_add(&opt->env, "HOME=/");
}

static void parse_command(int argc, char **argv, struct options *opt)
{
	static char names[2][16] = { "weir run", "weir batch" };
	const struct argp_option *const tables[] = { common_options,
		opt->batch ? batch_options : NULL, NULL };

	option_check(tables, !opt->batch, argv + 1);
	argv[0] = names[opt->batch];
	argp_err_exit_status = STATUS_WEIR;
	argp_parse(opt->batch ? &batch_argp : &run_argp, argc, argv, ARGP_IN_ORDER, NULL, opt);
	if (opt->icount && opt->cpus > 1) /* QEMU 7.2 runs one hart for as long as it is busy, waiting for another or not */
		die(STATUS_WEIR, "--icount counts the instructions of one hart: leave out -c %ld", opt->cpus);
}

void options_parse(int argc, char **argv, struct options *opt)
{
	const char *command = argc > 1 ? argv[1] : "";

	defaults(opt);
	if (!strcmp(command, "--help") || !strcmp(command, "help") || !strcmp(command, "-h")) {
		fputs(usage, stdout);
		exit(0);
	}
	if (!strcmp(command, "--version")) {
		puts(version);
		exit(0);
	}
	opt->batch = !strcmp(command, "batch");
	if (!opt->batch && strcmp(command, "run"))
		die(STATUS_WEIR,
			"what to do? weir run PROGRAM, weir batch JOBFILE, or weir --help");
	parse_command(argc - 1, argv + 1, opt);
}
