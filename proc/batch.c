/* SPDX-License-Identifier: MIT */
/*
 * batch.c: runs the jobs of /.weir/jobs and reports on each; the kernel's reason to be.
 *
 * A slot is a coroutine that takes the next job from the list, runs it and reports, until none is
 * left; the last slot says "done" and switches the machine off.  batch.lock guards the list, the
 * counts, and slot->job against commands from the host.  A job is over when its first process has
 * ended: what it left running is killed.
 */
#include <string.h>
#include <linux/fcntl.h>
#include "core/log.h"
#include "core/rcu.h"
#include "core/time.h"
#include "core/timeline.h"
#include "dev/driver.h"
#include "fs/files.h"
#include "fs/path.h"
#include "fs/root.h"
#include "fs/streams.h"
#include "fs/sync.h"
#include "lib/number.h"
#include "lib/print.h"
#include "mem/errand.h"
#include "mem/fail.h"
#include "mem/heap.h"
#include "core/rcu.h"
#include "net/socket.h"
#include "proc/batch.h"
#include "proc/futex.h"
#include "proc/timeline.h"

enum {
	SLOTS_MAX = 64, FRAMES = 1536, INPUT_SIZE = 1 << 16,
	STATUS_NO_JOBS = 98, STATUS_NO_ROOT = 97,
	KILL_EVERY = 50 * NSEC_PER_MSEC,	/* processes that are just being made escape a kill */
};

static struct batch {
	spinlock_t	lock;
	char		*text;			/* the list, as the host wrote it */
	size_t		size, at;
	u32		jobs, next, failed;
	u32		slots, running;		/* jobs that run now */
	bool		failfast, stop;		/* start no more */
	bool		overlap;		/* several ran at the same time */
	u16		rows, cols;
	struct mutex	input;			/* there is one standard input */
	struct slot	*slot[SLOTS_MAX];
} batch;

/* --- what a job needs ---------------------------------------------------------------------------- */

static struct usage usage_now(void)
{
	struct fs_usage files = fs_usage();
	u64 kept = vm_trim();

	return (struct usage){
		.frames = page_total_count() - page_free_count() - heap_frames() - files.pages - kept,
		.heap = heap_bytes() - files.heap,
		.files = (files.pages << PAGE_SHIFT) + files.heap,
	};
}

static long install(struct slot *s, u32 fd, struct file *f)
{
	long r = f ? fd_install_at(s->files, f, fd, false) : -ENOMEM;

	return min(r, 0l);
}

static long open_terminal(struct slot *s)
{
	struct tty *t = tty_create(s->number, &s->input, batch.rows, batch.cols);
	long r = 0;

	if (!t)
		return -ENOMEM;
	s->job->tty = t;
	for (u32 fd = 0; fd <= 2 && !r; fd++)
		r = install(s, fd, tty_open(t, O_RDWR));
	return r;
}

static long open_streams(struct slot *s)
{
	long r;

	if (s->spec.stdin == STDIN_TTY)
		return open_terminal(s);
	r = install(s, 0, s->has_input ? console_stdin(&s->input) : null_open(O_RDONLY));
	for (u32 fd = 1; fd <= 2 && !r; fd++)
		r = install(s, fd, console_stdout(s->number, fd));
	return r;
}

static long input_open(struct slot *s)
{
	s->input = (struct input){ .size = INPUT_SIZE, .job = s->number };
	waitq_init(&s->input.readers);
	s->input.ring = heap_alloc(INPUT_SIZE);
	return s->input.ring ? 0 : -ENOMEM;
}

static void input_close(struct slot *s)
{
	console_attach_input(NULL);
	heap_free(s->input.ring);
	mutex_unlock(&batch.input);
	s->has_input = false;
}

static long make_args(struct slot *s)
{
	const char *v = NULL;
	long r = 0;

	s->args = heap_zero(sizeof(*s->args));
	if (!s->args || !(s->args->path = heap_string(s->path)))
		return -ENOMEM;
	while (!r && (v = jobspec_next(&s->spec, "arg", v)))
		r = exec_args_add(s->args, v, false);
	while (!r && (v = jobspec_next(&s->spec, "env", v)))
		r = exec_args_add(s->args, v, true);
	return r;
}

/* --- finding the program --------------------------------------------------------------------------- */

static const char *search_path(const struct slot *s)
{
	const char *v = NULL;

	while ((v = jobspec_next(&s->spec, "env", v)))
		if (!strncmp(v, "PATH=", 5))
			return v + 5;
	return "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin";
}

/* The next candidate into s->path; false: no directory is left. */
static bool next_candidate(struct slot *s, const char *name)
{
	const char *dir = s->next_dir, *end;
	int n;

	if (!dir)
		return false;
	end = strchr(dir, ':');
	s->next_dir = end ? end + 1 : NULL;
	n = end ? end - dir : (int)strlen(dir);
	n = snprint(s->path, sizeof(s->path), "%.*s%s%s", n, dir, n ? "/" : "", name);
	if ((size_t)n >= sizeof(s->path))
		s->path[0] = 0;
	return true;
}

/* Is there something at s->path that may be executed? */
static async long probe(struct slot *s)
{
	struct file *f = NULL;
	long r = file_open(s->fs, NULL, s->path, O_PATH, 0, &f);

	if (r)
		return r;
	r = file_may_exec(s->fs, f);
	file_put(f);
	return r;
}

/* s->path becomes the program's: 0 or why not, which is "not found" only if no directory of PATH
 * had the name. */
static async long find_program(struct co *co, struct slot *s)
{
	struct { const char *name; long why; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->name = s->spec.path ? s->spec.path : jobspec_next(&s->spec, "arg", NULL);
	f->why = -ENOENT;
	if (!f->name[0] || strchr(f->name, '/')) {
		if ((size_t)snprint(s->path, sizeof(s->path), "%s", f->name) >= sizeof(s->path))
			return -ENAMETOOLONG;
		return 0;
	}
	s->next_dir = search_path(s);
	while (next_candidate(s, f->name)) {
		await(r = probe(s));
		if (!r || r == -ENOMEM)
			return r;
		if (r == -EACCES)
			f->why = r;
	}
	return f->why;
	co_end();
}

/* --- a job's life ------------------------------------------------------------------------------------ */

static void set_running(struct slot *s, struct job *j)
{
	guard(&batch.lock);
	s->job = j;
	if (++batch.running > 1)
		batch.overlap = true;
}

static long prepare(struct slot *s)
{
	struct job *j;

	if (!(j = job_create(s->number, s->spec.memory)))
		return -ENOMEM;
	j->spec = &s->spec;
	j->trace = s->spec.strace;
	if (s->spec.timeout_ns)
		j->deadline = time_add(j->start_ns, s->spec.timeout_ns);
	set_running(s, j);
	s->files = files_create();
	s->fs = fs_context_create();
	if (!s->files || !s->fs)
		return -ENOMEM;
	if (s->spec.cwd)
		return fs_context_chdir(s->fs, s->spec.cwd);
	return 0;
}

static void take_terminal(struct job *j)
{
	if (j->tty)
		tty_set_session(j->tty, j->main_pid, j->main_pid);
}

/* What process_spawn() has not taken over. */
static void drop_unused(struct slot *s)
{
	exec_args_free(s->args);
	files_put(s->files);
	fs_context_put(s->fs);
	s->args = NULL;
	s->files = NULL;
	s->fs = NULL;
}

static async long spawn(struct slot *s)
{
	long r = process_spawn(s->job, s->args, s->files, s->fs);

	if (r == PENDING)
		return r;
	s->args = NULL;
	s->files = NULL;
	s->fs = NULL;
	if (!r)
		take_terminal(s->job);
	return r;
}

static async long begin(struct co *co, struct slot *s)
{
	struct { u8 none; } *f = co_frame(co);
	long r;

	co_begin(f);
	if ((r = prepare(s)))
		return r;
	if ((r = open_streams(s)))
		return r;
	if (s->has_input)
		console_attach_input(&s->input);
	await(r = find_program(co, s));
	if (r || (r = make_args(s)))
		return r;
	await(r = spawn(s));
	return r;
	co_end();
}

static async long main_ended(struct job *j)
{
	guard(&proc_lock);
	if (j->main->state != PROC_ALIVE)
		return 0;
	return wait_on_until(&j->wait, j->deadline);
}

static async long all_ended(struct job *j, u64 until)
{
	guard(&proc_lock);
	if (!atomic_load(&j->processes))
		return 0;
	return wait_on_until(&j->wait, until);
}

/* Kill what is left, as often as it takes. */
static async long end_all(struct co *co, struct slot *s)
{
	struct { u8 none; } *f = co_frame(co);
	long r;

	co_begin(f);
	do {
		job_kill(s->job);
		s->retry_at = clock_now() + KILL_EVERY;
		await(r = all_ended(s->job, s->retry_at));
	} while (r);
	return 0;
	co_end();
}

static enum outcome start_failure(long error)
{
	switch (error) {
	case -ENOENT: case -ENOTDIR: return OUT_NOTFOUND;
	case -ENOEXEC: case -ELIBBAD: case -EINVAL: return OUT_NOEXEC;
	case -EACCES: case -EPERM: case -EISDIR: return OUT_DENIED;
	default: return OUT_ERROR;
	}
}

static enum outcome ending(const struct slot *s, long error)
{
	const struct job *j = s->job;

	if (error)
		return start_failure(error);
	if (j->cancelled)
		return OUT_CANCELLED;
	if (j->timed_out)
		return OUT_TIMEOUT;
	if (!(j->main->exit_status & 127))
		return OUT_EXITED;
	return j->oom && (j->main->exit_status & 127) == SIGKILL ? OUT_OOM : OUT_SIGNALLED;
}

static async long report_start(struct slot *s)
{
	char line[96];
	int n = snprint(line, sizeof(line), "{\"event\":\"start\",\"job\":%u,\"pid\":%d,\"time_ns\":%lu}",
			s->number, s->job->main_pid, s->job->start_ns);

	return report_line(line, n);
}

/* From the first instruction to the last process's end. */
static async long run(struct co *co, struct slot *s)
{
	struct { u8 none; } *f = co_frame(co);
	long r;

	co_begin(f);
	timeline(TL_JOB, s->number, 0, 0);
	await(r = report_start(s));
	await(r = main_ended(s->job));
	s->end_ns = clock_now();
	if (r == -ETIMEDOUT)
		s->job->timed_out = true;
	await(r = end_all(co, s));
	timeline(TL_JOB_END, s->number, 0, 0);
	return s->job->start_error;
	co_end();
}

/* --- afterwards ---------------------------------------------------------------------------------- */

/* Others may still hold the job for a moment: the executor frees tasks after their last poll. */
static bool is_alone(struct job *j)
{
	struct process *p = j->main;

	return atomic_load(&j->refs) <= (p ? 2 : 1) && (!p || atomic_load(&p->refs) == 1);
}

static async long let_go(struct co *co, struct slot *s)
{
	struct { u32 tries; } *f = co_frame(co);

	co_begin(f);
	for (f->tries = 0; !is_alone(s->job) && f->tries < 1000; f->tries++)
		co_yield();
	return 0;
	co_end();
}

static void count_ended(struct slot *s)
{
	bool expected = outcome_expected(s);
	guard(&batch.lock);

	if (!expected)
		batch.failed++;
	if (!expected && batch.failfast)
		batch.stop = true;
}

static void release(struct slot *s)
{
	struct job *j = s->job;
	{
		guard(&batch.lock);
		s->job = NULL;
		batch.running--;
		s->alone = !batch.overlap;
		if (!batch.running)
			batch.overlap = false;
	}
	process_put(j->main);
	j->main = NULL;
	job_put(j);
}

static async long finish(struct co *co, struct slot *s, long error)
{
	struct { struct usage now; } *f = co_frame(co);
	long r;

	co_begin(f);
	drop_unused(s);
	await(r = console_drain_job(s->number));
	if (s->has_input)
		input_close(s);
	if (s->job) {
		s->job->io_frames = console_frames(s->number);
		s->outcome = ending(s, error);
	}
	report_end(s);
	count_ended(s);
	if (s->job) {
		await(r = let_go(co, s));
		release(s);
	}
	sockets_search(true);
	co_yield();				/* tasks of files it had open (timerfd) end */
	await(r = rcu_wait(co));		/* its last threads have left their harts, */
	await(r = rcu_wait(co));		/* what they left behind is free */
	f->now = usage_now();
	report_leaks(s, &f->now, s->alone);
	await(r = report_line(s->line, s->text.len));
	return 0;
	co_end();
}

static async long job_run(struct co *co, struct slot *s)
{
	struct { long error; } *f = co_frame(co);
	long r;

	co_begin(f);
	s->before = usage_now();
	s->has_input = s->spec.stdin != STDIN_NULL;
	if (s->has_input) {
		await(r = mutex_lock(&batch.input));
		f->error = input_open(s);
	} else {
		f->error = 0;
	}
	fail_begin(s->number);
	if (!f->error)
		await(f->error = begin(co, s));
	s->end_ns = clock_now();
	if (!f->error)
		await(f->error = run(co, s));
	fail_end();
	s->error = -f->error;
	s->outcome = start_failure(f->error);
	await(r = finish(co, s, f->error));
	return 0;
	co_end();
}

static async long job_cancelled(struct slot *s)
{
	s->outcome = OUT_CANCELLED;
	s->alone = false;
	report_end(s);
	report_leaks(s, &s->before, false);
	return report_line(s->line, s->text.len);
}

/* --- the list ------------------------------------------------------------------------------------- */

/* The list was checked before the first job: nothing in it is wrong. */
static bool next_job(struct slot *s)
{
	const char *error;
	guard(&batch.lock);

	if (jobspec_read(batch.text, batch.size, &batch.at, &s->spec, &error) != 1)
		return false;
	s->number = batch.next++;
	s->outcome = OUT_ERROR;
	s->alone = false;
	return true;
}

static bool last_slot(void)
{
	guard(&batch.lock);
	return --batch.slots == 0;
}

static async long report_done(void)
{
	char line[64];
	int n = snprint(line, sizeof(line), "{\"event\":\"done\",\"failed\":%u}", batch.failed);

	return report_line(line, n);
}

static long slot_main(struct co *co, struct task *task)
{
	struct { struct errand *sync; } *f = co_frame(co);
	struct slot *const s = container_of(task, struct slot, task);
	long r;

	co_begin(f);
	while (next_job(s)) {
		if (batch.stop) {
			batch.failed++;
			await(r = job_cancelled(s));
		} else {
			await(r = job_run(co, s));
		}
	}
	if (!last_slot())
		return 0;
	r = sync_begin(NULL, &f->sync);
	if (!r)
		await(r = sync_end(&f->sync));
	await(r = timeline_flush(co));
	await(r = report_done());
	await(r = console_drain());
	power_off(0);
	co_end();
}

static async long report_ready(void)
{
	char line[320];
	int n = snprint(line, sizeof(line),
		"{\"event\":\"ready\",\"harts\":%u,\"memory_bytes\":%lu,\"free_bytes\":%lu,"
		"\"boot_ns\":%lu,\"boot_instructions\":%lu,\"jobs\":%u,\"homeless\":%u}",
		cpu_count, page_total_count() << PAGE_SHIFT, page_free_count() << PAGE_SHIFT,
		clock_ns(arch_ticks() - boot_ticks), arch_instret() - boot_instret, batch.jobs,
		fs_initrd_homeless());

	return report_line(line, n);
}

static long batch_main(struct co *co, struct task *t)
{
	struct { u32 i, slots; struct errand *root; } *f = co_frame(co);
	long r;

	co_begin(f);
	f->root = root_begin();
	r = -ENOMEM;
	if (f->root)
		await(r = errand_wait_quiet(f->root));
	errand_put(f->root);
	if (r)
		power_off(STATUS_NO_ROOT);
	await(r = report_ready());
	f->slots = batch.slots;
	for (f->i = 0; f->i < f->slots; f->i++)
		task_wake(&batch.slot[f->i]->task);
	return 0;
	co_end();
}

/* --- what the host says meanwhile ----------------------------------------------------------------- */

static struct job *running_job(u64 number)
{
	guard(&batch.lock);
	for (u32 i = 0; i < SLOTS_MAX; i++)
		if (batch.slot[i] && batch.slot[i]->job && batch.slot[i]->number == number)
			return job_get(batch.slot[i]->job);
	return NULL;
}

static void command_signal(u64 number, u64 signo)
{
	struct siginfo_k info = { .signo = signo, .code = SI_KERNEL };
	struct job *j = running_job(number);

	if (!j)
		return;
	if (j->main && signo >= 1 && signo <= SIG_MAX)
		signal_send_group(j->main->pgid, &info);
	job_put(j);
}

static void command_winsize(u64 rows, u64 cols)
{
	guard(&batch.lock);
	batch.rows = rows;
	batch.cols = cols;
	for (u32 i = 0; i < SLOTS_MAX; i++)
		if (batch.slot[i] && batch.slot[i]->job && batch.slot[i]->job->tty)
			tty_set_size(batch.slot[i]->job->tty, rows, cols);
}

static void command_quit(void)
{
	guard(&batch.lock);
	batch.stop = true;
	for (u32 i = 0; i < SLOTS_MAX; i++)
		if (batch.slot[i] && batch.slot[i]->job) {
			batch.slot[i]->job->cancelled = true;
			job_kill(batch.slot[i]->job);
		}
}

/* "WORD NUMBER NUMBER" */
static void command(char *line)
{
	char *a = strchr(line, ' '), *b = a ? strchr(a + 1, ' ') : NULL;
	u64 x = 0, y = 0;

	if (a)
		*a++ = 0;
	if (b)
		*b++ = 0;
	if ((a && number_parse(a, 10, UINT32_MAX, &x)) || (b && number_parse(b, 10, UINT16_MAX, &y)))
		log_warn("the host's command %s is not understood", line);
	else if (!strcmp(line, "signal") && b)
		command_signal(x, y);
	else if (!strcmp(line, "winsize") && b && x <= UINT16_MAX)
		command_winsize(x, y);
	else if (!strcmp(line, "quit") && !a)
		command_quit();
	else
		log_warn("the host's command %s is not understood", line);
}

/* --- start ---------------------------------------------------------------------------------------------- */

/* Count the jobs; a list that is wrong is the host command's fault. */
static bool check_list(void)
{
	struct job_spec s;
	const char *error;
	size_t at = 0;
	long r;

	while ((r = jobspec_read(batch.text, batch.size, &at, &s, &error)) == 1)
		batch.jobs++;
	if (r)
		log_error("/.weir/jobs, job %u: %s", batch.jobs, error);
	return !r;
}

static void read_settings(void)
{
	char word[32];
	const char *v = board_arg("slots", word, sizeof(word)), *cols;
	u64 n = 1;

	if (v && (number_parse(v, 10, SLOTS_MAX, &n) || !n))
		n = 1;
	batch.slots = max(min((u32)n, batch.jobs), 1u);
	batch.failfast = board_arg("failfast", word, sizeof(word));
	death_verbose = board_arg("regs", word, sizeof(word));
	batch.rows = 24;
	batch.cols = 80;
	v = board_arg("tty", word, sizeof(word));
	cols = v ? strchr(v, 'x') : NULL;
	if (cols && !number_parse_n(v, cols - v, 10, UINT16_MAX, &n))
		batch.rows = n;
	if (cols && !number_parse(cols + 1, 10, UINT16_MAX, &n))
		batch.cols = n;
}

static void read_failures(void)
{
	char words[48];
	const char *v = board_arg("fail-alloc", words, sizeof(words));

	if (v && !fail_set(v))
		log_error("fail-alloc=%s: not N,step=K,every=M, or not the checked kernel", v);
}

static bool make_slots(void)
{
	for (u32 i = 0; i < batch.slots; i++) {
		batch.slot[i] = heap_zero(sizeof(struct slot) + FRAMES);
		if (!batch.slot[i])
			return false;
		task_init(&batch.slot[i]->task, "batch", FRAMES, slot_main, NULL);
		task_keep(&batch.slot[i]->task);
	}
	return true;
}

/* What is made at its first use and stays shall not look like a leak of the first job. */
static void warm_up(void)
{
	path_scratch_all();
	job_put(job_create(0, 0));
}

void batch_start(void)
{
	static struct { struct task task; u64 frames[32]; } starter;

	futex_init();
	job_init();
	procinfo_init();
	load_init();
	mutex_init(&batch.input);
	batch.text = fs_take_file("/.weir/jobs", &batch.size);
	if (!batch.text) {
		log_error("no list of jobs: /.weir/jobs is not in the archive");
		power_off(STATUS_NO_JOBS);
	}
	if (!check_list())
		power_off(STATUS_NO_JOBS);
	read_settings();
	read_failures();
	if (!make_slots()) {
		log_error("not enough memory for the batch runner");
		power_off(STATUS_NO_JOBS);
	}
	warm_up();
	console_command = command;
	task_init(&starter.task, "start", sizeof(starter.frames), batch_main, NULL);
	task_keep(&starter.task);
	task_wake(&starter.task);
}
