// SPDX-License-Identifier: MIT
/*
 * main.c: the weir command.  Both commands are the same walk: jobs, files, archive, QEMU, one
 * session, an account.  They differ in where the jobs come from and in what is said at the end.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "cpio.h"
#include "explain.h"
#include "jobfile.h"
#include "outcome.h"
#include "output.h"
#include "pack.h"
#include "report.h"
#include "say.h"
#include "session.h"
#include "term.h"
#include "text.h"
#include "timeline.h"
#include "tmp.h"

enum { JOBFILE_MAX = 64 << 20, MAX_FAILED = 100 };

/* --- jobs ------------------------------------------------------------------------------------- */

static struct job job_defaults(const struct options *opt)
{
	return (struct job){ .env = opt->env,
		.cwd = (char *)opt->cwd,
		.timeout_ns = opt->timeout_ns,
		.expect = { OUTCOME_EXITED, 0 } };
}

static void single_job(const struct options *opt, struct jobs *jobs)
{
	struct job *job = jobs_add(jobs);
	char *copy = must_copy(opt->program.items[0]);

	for (size_t i = 0; i < opt->program.count; i++)
		strings_add(&job->argv, opt->program.items[i]);
	for (size_t i = 0; i < opt->env.count; i++)
		strings_add(&job->env, opt->env.items[i]);
	job->name = must_copy(basename(copy));
	job->command = must_copy(opt->program.items[0]);
	job->cwd = opt->cwd ? must_copy(opt->cwd) : NULL;
	job->timeout_ns = opt->timeout_ns;
	free(copy);
}

static char *read_all(const char *path, size_t *len)
{
	FILE *file = strcmp(path, "-") ? fopen(path, "re") : stdin;
	char *text = must_alloc(1);
	size_t n, room = 0;

	*len = 0;
	if (!file)
		die(STATUS_WEIR, "cannot read the job file %s: %s", path, strerror(errno));
	do {
		room = room ? 2 * room : 65536;
		text = must_grow(text, room);
		n = fread(text + *len, 1, room - *len, file);
		*len += n;
	} while (*len == room && room < JOBFILE_MAX);
	if (ferror(file))
		die(STATUS_WEIR, "cannot read the job file %s: %s", path, strerror(errno));
	if (*len >= JOBFILE_MAX)
		die(STATUS_WEIR, "the job file %s is larger than 64 MiB", path);
	if (file != stdin)
		fclose(file);
	return text;
}

static void batch_jobs(const struct options *opt, struct jobs *jobs)
{
	const struct job defaults = job_defaults(opt);
	struct jobfile_error error;
	size_t len;
	char *text = read_all(opt->jobfile, &len);

	if (jobfile_parse(text, len, &defaults, jobs, &error))
		die(STATUS_WEIR, "%s:%d:%d: %s", opt->jobfile, error.line, error.column,
			error.text);
	if (!jobs->count)
		die(STATUS_WEIR, "%s: there is no job in it", opt->jobfile);
	for (size_t i = 0; i < jobs->count; i++)
		if (!jobs->items[i].name)
			jobs->items[i].name = must_copy(jobs->items[i].command);
	free(text);
}

/* --- files ------------------------------------------------------------------------------------ */

/* Without a root the programs are host files. */
static void put_programs(struct node *root, const struct options *opt, struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++) {
		struct job *job = &jobs->items[i];

		if (!opt->batch)
			check_host_program(job->argv.items[0]);
		pack_program(root, job->argv.items[0], opt->sysroot);
		job->path = pack_guest_path(job->argv.items[0]);
		if (!*job->path) {
			free(job->path);
			job->path = must_copy("/");
		}
	}
}

static void put_jobs(
	struct node *root, const struct options *opt, const struct jobs *jobs, bool tty)
{
	const struct job_setting setting = { .strace = opt->strace,
		.input = opt->batch ? "null"
			 : tty	    ? "tty"
				    : "io" };
	struct node *file = tree_put(root, "/.weir/jobs", S_IFREG | 0600);
	size_t len;
	char *list = jobs_pack(jobs, &setting, &len);

	if (!file)
		die(STATUS_WEIR, "the root file system may not contain /.weir");
	tree_set_memory(file, list, len);
}

static void check_single(struct node *root, const struct options *opt, const struct job *job)
{
	const char *path = job->path ? job->path : job->argv.items[0];
	char *full;

	if (opt->batch || !strchr(path, '/'))
		return;
	full = must_print("%s/%s", *path == '/' || !opt->cwd ? "" : opt->cwd, path);
	check_guest_program(root, full, job->argv.items[0]);
	free(full);
}

/* --root IMAGE[:ro] is the first disk. */
static void root_from_disk(struct options *opt)
{
	size_t len = opt->root ? strlen(opt->root) : 0;
	bool ro = len > 3 && !strcmp(opt->root + len - 3, ":ro") && access(opt->root, F_OK);
	char *path = opt->root ? must_copy(opt->root) : NULL;
	struct strings disks = { NULL, 0 };

	if (ro)
		path[len - 3] = 0;
	if (!path || !pack_is_image(path)) {
		free(path);
		return;
	}
	if (opt->volumes.count)
		die(STATUS_WEIR, "-v does not go with a disk image as --root");
	ro |= access(path, W_OK) != 0;
	strings_add(&disks, ro ? must_print("%s:ro", path) : path);
	for (size_t i = 0; i < opt->disks.count; i++)
		strings_add(&disks, opt->disks.items[i]);
	opt->disks = disks;
	opt->root_is_disk = true;
}

static struct node *build_tree(const struct options *opt, struct jobs *jobs, bool tty)
{
	struct node *root = tree_new();

	if (opt->root && !opt->root_is_disk)
		pack_root(root, opt->root);
	for (size_t i = 0; i < opt->volumes.count; i++)
		pack_volume(root, opt->volumes.items[i]);
	if (!opt->root)
		put_programs(root, opt, jobs);
	pack_basics(root);
	if (opt->cwd && !tree_find(root, opt->cwd, true) &&
		!tree_put(root, opt->cwd, S_IFDIR | 0755))
		die(STATUS_WEIR, "-w %s: %s", opt->cwd, strerror(errno));
	if (!opt->root_is_disk)
		check_single(root, opt, &jobs->items[0]);
	put_jobs(root, opt, jobs, tty);
	return root;
}

static int build_archive(const struct options *opt, struct jobs *jobs, bool tty, uint64_t *size)
{
	struct node *root = build_tree(opt, jobs, tty);
	const char *culprit;
	int fd = tmp_file();
	int err = cpio_write(root, fd, size, &culprit);

	if (err && culprit)
		die(STATUS_WEIR, "cannot pack %s: %s", culprit, strerror(-err));
	if (err)
		die(STATUS_WEIR, "cannot write the guest's files: %s; is $TMPDIR full?",
			strerror(-err));
	tree_free(root);
	return fd;
}

/* --- the machine ------------------------------------------------------------------------------ */

static bool guest_can_fail_fast(const struct jobs *jobs)
{
	for (size_t i = 0; i < jobs->count; i++)
		if (jobs->items[i].expect.outcome == OUTCOME_NONE)
			return false;
	return true;
}

static char *kernel_words(const struct options *opt, const struct session *s)
{
	char *words, *text;
	size_t len;
	FILE *to = open_memstream(&words, &len);
	int rows, columns;

	fprintf(to, "slots=%ld", opt->slots);
	if (opt->root_is_disk)
		fputs(" root=auto", to);
	if (opt->log)
		fprintf(to, " log=%s", opt->log);
	if (opt->fail_fast && !s->host_fail_fast)
		fputs(" failfast", to);
	if (opt->trace)
		fputs(" timeline", to);
	if (s->tty) {
		term_size(&rows, &columns);
		fprintf(to, " tty=%dx%d", rows, columns);
	}
	if (opt->append)
		fprintf(to, " %s", opt->append);
	fclose(to);
	text = must_copy(words);
	free(words);
	return text;
}

/* Descriptors 0 to 2 are there, so that no file of ours gets their numbers. */
static void standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	close(fd);
}

static void say_gdb(const struct session *s)
{
	if (s->opt->gdb)
		say("waiting for a debugger: gdb-multiarch %s -ex 'target remote 127.0.0.1:%ld'",
			s->qemu.kernel, s->opt->gdb_port);
}

static void run_machine(const struct options *opt, struct session *s)
{
	uint64_t size;
	int archive;
	char *words;

	s->tty = !opt->batch && term_present();
	if (s->tty && getenv("TERM")) {
		char *term = must_print("TERM=%s", getenv("TERM"));

		strings_set_env(&s->jobs->items[0].env, term);
		free(term);
	}
	s->host_fail_fast = opt->fail_fast && !guest_can_fail_fast(s->jobs);
	archive = build_archive(opt, s->jobs, s->tty, &size);
	words = kernel_words(opt, s);
	qemu_command(&s->qemu, opt, size, words);
	free(words);
	if (opt->dry_run) {
		qemu_print(&s->qemu);
		exit(0);
	}
	output_open(opt);
	if (opt->trace)
		timeline_open(opt->trace, s->jobs);
	if (opt->batch) {
		progress_open(opt);
		s->on_start = progress_start;
		s->on_end = progress_end;
	}
	session_signals(s);
	qemu_start(&s->qemu, archive);
	close(archive);
	say_gdb(s);
	session_run(s);
	timeline_close();
	progress_close();
}

/* --- the account ------------------------------------------------------------------------------ */

/* Does the guest's log help to understand it? */
static bool log_helps(const struct session *s)
{
	return s->verdict == VERDICT_PANIC ||
	       (!s->ready && (s->verdict == VERDICT_SILENT || s->verdict == VERDICT_QEMU));
}

static void say_verdict(struct session *s)
{
	if (log_helps(s))
		guestlog_print(&s->log);
	if (s->message && *s->message)
		say("%s", s->message);
}

static void say_outcome(const struct job *job, const struct options *opt)
{
	const struct result *r = &job->result;
	char *words;

	if (opt->quiet || r->outcome <= OUTCOME_EXITED || r->outcome >= OUTCOME_PANIC)
		return;
	if (r->outcome == OUTCOME_SIGNALLED && !outcome_is_fault(r) && !opt->explain)
		return; /* a plain signal is no news to who sent it */
	words = opt->explain ? explain(job) : outcome_words(r);
	say("%s: %s", job->name, words);
	free(words);
}

static int run_status(const struct session *s)
{
	const struct job *job = &s->jobs->items[0];

	switch (s->verdict) {
	case VERDICT_PANIC:
		return STATUS_PANIC;
	case VERDICT_INTERRUPTED:
		return 128 + s->interrupted;
	case VERDICT_OUTPUT:
	case VERDICT_FILES:
		return STATUS_WEIR;
	case VERDICT_SILENT:
		return job->result.outcome == OUTCOME_TIMEOUT ? STATUS_TIMEOUT : STATUS_WEIR;
	default:
		return output_failed() ? STATUS_WEIR : outcome_status(&job->result);
	}
}

static int run_account(struct session *s)
{
	const struct options *opt = s->opt;
	const struct job *job = &s->jobs->items[0];

	say_verdict(s);
	say_outcome(job, opt);
	if (opt->explain && job->result.outcome == OUTCOME_EXITED && job->result.code) {
		char *why = explain(job);

		say("%s: %s", job->name, why);
		free(why);
	}
	if (opt->summary) {
		report_one(stderr, job);
		summary_print(stderr, job);
	}
	return run_status(s);
}

static bool write_report(
	const char *path, void (*print)(FILE *, const struct report *), const struct report *report)
{
	FILE *to;

	if (!path)
		return true;
	to = fopen(path, "we");
	if (to)
		print(to, report);
	if (!to || ferror(to) | fclose(to)) {
		say("cannot write the report %s: %s", path, strerror(errno));
		return false;
	}
	return true;
}

static bool write_reports(const struct options *opt, const struct report *report)
{
	bool ok = write_report(opt->report_json, report_json, report);

	ok &= write_report(opt->report_junit, report_junit, report);
	return ok & write_report(opt->report_tap, report_tap, report);
}

static int batch_status(const struct session *s, bool reported)
{
	size_t failed = report_failed(s->jobs);

	if (s->interrupted)
		return 128 + s->interrupted;
	if (!reported || output_failed() || progress_log_failed() || s->verdict == VERDICT_OUTPUT || s->verdict == VERDICT_FILES ||
		(s->verdict == VERDICT_QEMU && !s->ready) ||
		(s->verdict == VERDICT_SILENT && !s->ready))
		return STATUS_WEIR;
	return failed > MAX_FAILED ? STATUS_TOO_MANY : (int)failed;
}

static int batch_account(struct session *s, uint64_t began)
{
	const struct options *opt = s->opt;
	const struct report report = { .jobs = s->jobs,
		.boot = &s->boot,
		.name = opt->jobfile,
		.wall_ns = clock_now() - began,
		.explain = opt->explain };
	bool reported;

	say_verdict(s);
	if (!opt->quiet)
		report_table(stderr, &report);
	for (size_t i = 0; opt->summary && i < s->jobs->count; i++)
		summary_print(stderr, &s->jobs->items[i]);
	reported = write_reports(opt, &report);
	return batch_status(s, reported);
}

int main(int argc, char **argv)
{
	uint64_t began = clock_now();
	struct options opt;
	struct jobs jobs = { 0 };
	struct session s = { .opt = &opt, .jobs = &jobs };

	standard_streams();
	options_parse(argc, argv, &opt);
	root_from_disk(&opt);
	if (opt.batch)
		batch_jobs(&opt, &jobs);
	else
		single_job(&opt, &jobs);
	s.input_open = !opt.batch;
	s.log.echo = opt.log != NULL;
	run_machine(&opt, &s);
	return opt.batch ? batch_account(&s, began) : run_account(&s);
}
