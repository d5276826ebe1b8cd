/* SPDX-License-Identifier: MIT */
/*
 * trace.c: strace in the kernel: one line a call, "[pid 3] openat(AT_FDCWD, "/x", O_RDONLY) = 3".
 *
 * A thread has one line under way, in struct trace.  It is written up to the first argument the
 * call fills (a buffer of read()) before the call, the rest after it, and then sent on stream 3; the
 * letters in a call's row say how an argument looks.  Only the thread itself touches its trace.
 * Program memory is read without waiting: what is not there is shown as an address.
 */
#include <string.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include "dev/console.h"
#include "lib/errname.h"
#include "lib/text.h"
#include "mem/heap.h"
#include "mem/user.h"
#include "proc/job.h"
#include "sys/table.h"

enum { LINE = 640, STRING_SHOWN = 64, BYTES_SHOWN = 32 };

struct trace {
	struct text	text;
	size_t		sent;
	u32		next;		/* argument */
	u32		call;
	bool		complete;	/* being sent */
	u64		args[6];	/* as they were before the call */
	char		line[LINE];
};

/* --- arguments ---------------------------------------------------------------------------------- */

static void add_byte(struct text *t, u8 c)
{
	static const char letters[] = "\nn\tt\rr\"\"\\\\";

	for (u32 i = 0; i < sizeof(letters) - 1; i += 2)
		if (c == letters[i]) {
			text_add(t, "\\%c", letters[i + 1]);
			return;
		}
	if (c >= ' ' && c < 127)
		text_add(t, "%c", c);
	else
		text_add(t, "\\x%02x", c);
}

static void add_bytes(struct text *t, const char *s, size_t n, bool more)
{
	text_add(t, "\"");
	for (size_t i = 0; i < n; i++)
		add_byte(t, s[i]);
	text_add(t, more ? "\"..." : "\"");
}

static void add_pointer(struct text *t, u64 v)
{
	text_add(t, v ? "0x%lx" : "NULL", v);
}

static void add_string(struct text *t, uaddr_t at)
{
	char s[STRING_SHOWN];
	long n = user_range_ok(at, sizeof(s)) ? arch_string_in(s, at, sizeof(s)) : -1;

	if (n < 0)
		add_pointer(t, at);
	else
		add_bytes(t, s, n, n == sizeof(s));
}

static void add_buffer(struct text *t, uaddr_t at, u64 n)
{
	char s[BYTES_SHOWN];
	u64 shown = min(n, (u64)sizeof(s));

	if (!user_range_ok(at, shown) || arch_copy_in(s, at, shown))
		add_pointer(t, at);
	else
		add_bytes(t, s, shown, shown < n);
}

struct bit_name { u32 bit; const char *name; };

static void add_flags(struct text *t, u32 v, const struct bit_name *names, u32 count)
{
	for (u32 i = 0; i < count; i++)
		if ((v & names[i].bit) == names[i].bit) {
			text_add(t, "|%s", names[i].name);
			v &= ~names[i].bit;
		}
	if (v)
		text_add(t, "|0x%x", v);
}

static void add_open_flags(struct text *t, u32 v)
{
	static const char *const modes[] = { "O_RDONLY", "O_WRONLY", "O_RDWR", "O_ACCMODE" };
	static const struct bit_name names[] = {
		{ O_CREAT, "O_CREAT" }, { O_EXCL, "O_EXCL" }, { O_NOCTTY, "O_NOCTTY" },
		{ O_TRUNC, "O_TRUNC" }, { O_APPEND, "O_APPEND" }, { O_NONBLOCK, "O_NONBLOCK" },
		{ O_SYNC, "O_SYNC" }, { O_DSYNC, "O_DSYNC" }, { O_DIRECT, "O_DIRECT" },
		{ O_TMPFILE, "O_TMPFILE" }, { O_DIRECTORY, "O_DIRECTORY" },
		{ O_NOFOLLOW, "O_NOFOLLOW" }, { O_CLOEXEC, "O_CLOEXEC" }, { O_PATH, "O_PATH" },
		{ O_LARGEFILE, "O_LARGEFILE" }, { O_NOATIME, "O_NOATIME" },
	};

	text_add(t, "%s", modes[v & 3]);
	add_flags(t, v & ~3u, names, ARRAY_SIZE(names));
}

/* The number of bytes of a buffer is the next argument. */
static void add_arg(struct text *t, char letter, const u64 *a)
{
	switch (letter) {
	case 'd': text_add(t, "%d", (s32)a[0]); break;
	case 'u': text_add(t, "%lu", a[0]); break;
	case 'x': text_add(t, a[0] ? "0x%lx" : "0", a[0]); break;
	case 'o': text_add(t, "%#o", (u32)a[0]); break;
	case 's': add_string(t, a[0]); break;
	case 'b': add_buffer(t, a[0], a[1]); break;
	case 'f': add_open_flags(t, a[0]); break;
	case 'S': text_add(t, "%s", signal_name(a[0])); break;
	case 'A':
		if ((s32)a[0] == AT_FDCWD)
			text_add(t, "AT_FDCWD");
		else
			text_add(t, "%d", (s32)a[0]);
		break;
	default: add_pointer(t, a[0]);
	}
}

/* Calls whose buffer is what they return. */
static bool fills_buffer(u32 call)
{
	switch (call) {
	case __NR_read: case __NR_pread64: case __NR_readlinkat: case __NR_getcwd:
	case __NR_getrandom: case __NR_recvfrom:
		return true;
	default:
		return false;
	}
}

static void add_args(struct trace *tr, const struct syscall *s, u32 call, bool before)
{
	for (; tr->next < s->arity; tr->next++) {
		char letter = s->args && tr->next < strlen(s->args) ? s->args[tr->next] : 'x';

		if (before && letter == 'b' && fills_buffer(call))
			return;
		if (tr->next)
			text_add(&tr->text, ", ");
		add_arg(&tr->text, letter, &tr->args[tr->next]);
	}
}

/* --- results -------------------------------------------------------------------------------------- */

static bool returns_address(u32 call)
{
	return call == __NR_mmap || call == __NR_brk || call == __NR_mremap;
}

static void add_result(struct text *t, u32 call, long r)
{
	if (r == -ERESTART)
		text_add(t, ") = ? ERESTARTSYS\n");
	else if (r < 0 && error_name(-r))
		text_add(t, ") = -1 %s\n", error_name(-r));
	else if (returns_address(call))
		text_add(t, ") = 0x%lx\n", r);
	else
		text_add(t, ") = %ld\n", r);
}

/* --- the line ------------------------------------------------------------------------------------- */

static struct trace *trace_begin(struct thread *t)
{
	if (!t->trace)
		t->trace = heap_alloc(sizeof(*t->trace));
	if (!t->trace)
		return NULL;
	t->trace->sent = t->trace->next = 0;
	t->trace->complete = false;
	text_init(&t->trace->text, t->trace->line, sizeof(t->trace->line));
	text_add(&t->trace->text, "[pid %5d] ", t->tid);
	return t->trace;
}

static void complete(struct trace *tr)
{
	if (tr->text.overflow)		/* keep the line a line */
		tr->line[tr->text.len - 1] = '\n';
	tr->complete = true;
}

/* Starts over.  A signal does not get in between: then we come back until the ring has room. */
static async long trace_send(struct thread *t)
{
	struct trace *tr = t->trace;
	struct uio u;
	long r;

	while (tr->sent < tr->text.len) {
		uio_init_kernel(&u, tr->line + tr->sent, tr->text.len - tr->sent);
		r = console_write(t->proc->job->number, 3, &u);
		tr->sent += u.done;
		if (r == PENDING)
			return r;
		if (r == -EINTR) {
			task_requeue(&t->task);
			return PENDING;
		}
		if (r < 0)
			break;
	}
	tr->complete = false;
	tr->text.len = 0;
	return 0;
}

/* The buffer of read() and the like: as many bytes as came back. */
static void add_filled(struct trace *tr, long result)
{
	u64 at = tr->args[tr->next];

	if (tr->next)
		text_add(&tr->text, ", ");
	if (result >= 0)
		add_buffer(&tr->text, at, result);
	else
		add_pointer(&tr->text, at);
	tr->next++;
}

static const struct syscall *call_row(u64 call)
{
	return call < SYSCALLS ? syscall_table[call] : NULL;
}

async long trace_enter(struct thread *t)
{
	const struct syscall *s = call_row(ctx_number(&t->ctx));
	struct trace *tr = t->trace;

	if (tr && tr->complete)
		return trace_send(t);
	if (!(tr = trace_begin(t)))
		return 0;
	tr->call = min(ctx_number(&t->ctx), (u64)SYSCALLS);
	memcpy(tr->args, ctx_args(&t->ctx), sizeof(tr->args));
	if (s)
		text_add(&tr->text, "%s(", s->name);
	else
		text_add(&tr->text, "%s(", syscall_name(thread_call(t)));
	if (s)
		add_args(tr, s, tr->call, true);
	if (tr->call != __NR_exit && tr->call != __NR_exit_group)
		return 0;
	text_add(&tr->text, ") = ?\n");
	complete(tr);
	return trace_send(t);
}

async long trace_exit(struct thread *t, long result)
{
	struct trace *tr = t->trace;
	const struct syscall *s = tr ? call_row(tr->call) : NULL;

	if (!tr || !tr->text.len)
		return 0;
	if (!tr->complete) {
		if (s && fills_buffer(tr->call))
			add_filled(tr, result);
		if (s)
			add_args(tr, s, tr->call, false);
		add_result(&tr->text, tr->call, result);
		complete(tr);
	}
	return trace_send(t);
}

async long trace_signal(struct thread *t, const struct siginfo_k *info)
{
	struct trace *tr = t->trace;

	if (tr && tr->complete)
		return trace_send(t);
	if (!(tr = trace_begin(t)))
		return 0;
	text_add(&tr->text, "--- %s {si_signo=%s, si_code=%s, ", signal_name(info->signo),
		 signal_name(info->signo), signal_code_name(info->signo, info->code));
	if (info->code > 0 && info->signo != SIGCHLD)
		text_add(&tr->text, "si_addr=0x%lx} ---\n", info->addr);
	else
		text_add(&tr->text, "si_pid=%d, si_uid=%u} ---\n", info->pid, info->uid);
	complete(tr);
	return trace_send(t);
}

async long trace_end(struct thread *t)
{
	struct process *p = t->proc;
	struct trace *tr = t->trace;

	if (tr && tr->complete)
		return trace_send(t);
	if (p->thread_live > 1 || !(tr = trace_begin(t)))
		return 0;
	if (p->exit_status & 127)
		text_add(&tr->text, "+++ killed by %s +++\n", signal_name(p->exit_status & 127));
	else
		text_add(&tr->text, "+++ exited with %d +++\n",
			 p->exiting ? p->exit_status >> 8 & 255 : t->exit_code & 255);
	complete(tr);
	return trace_send(t);
}

void trace_free(struct thread *t)
{
	heap_free(t->trace);
	t->trace = NULL;
}
