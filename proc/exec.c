/* SPDX-License-Identifier: MIT */
/*
 * exec.c: a new program in an old process.
 *
 * Decide: open the file, follow `#!` lines, read and check headers, the interpreter's too.  Acquire: a
 * new address space with everything mapped.  Commit: other threads are gone, the old space is
 * dropped, stack and registers are set up; from here on an error kills the process, as on Linux.
 */
#include <string.h>
#include <linux/auxvec.h>
#include <linux/fcntl.h>
#include <linux/signal.h>
#include <linux/stat.h>
#include "core/log.h"
#include "core/time.h"
#include "dev/driver.h"
#include "fs/path.h"
#include "lib/elf.h"
#include "lib/print.h"
#include "lib/rand.h"
#include "mem/heap.h"
#include "proc/job.h"
#include "proc/private.h"

enum {
	HEAD = 4096,			/* bytes read from the start of a file, if need be */
	HEAD_FIRST = 1024,		/* enough for nearly all */
	SCRIPTS = 5,			/* `#!` lines one after the other */
	STACK_MAX = 8 << 20,
	STRINGS_MAX = 2 << 20, STRING_MAX = 128 << 10,
};
#define DYN_BASE	(USER_TOP / 3 * 2)	/* where position-independent programs begin */

/* --- arguments ----------------------------------------------------------------------------------------- */

void exec_args_free(struct exec_args *a)
{
	if (!a)
		return;
	dentry_put(a->at);
	heap_free(a->at_path);
	heap_free(a->path);
	heap_free(a->strings);
	heap_free(a);
}

static long args_room(struct exec_args *a, size_t n)
{
	u32 room = a->room ? a->room : 256;
	char *s;

	if (n > STRING_MAX || a->bytes + n > STRINGS_MAX)
		return -E2BIG;
	while (room < a->bytes + n)
		room *= 2;
	if (room == a->room)
		return 0;
	s = heap_grow(a->strings, a->room, room);
	if (!s)
		return -ENOMEM;
	a->strings = s;
	a->room = room;
	return 0;
}

long exec_args_add(struct exec_args *a, const char *s, bool env)
{
	size_t n = strlen(s) + 1;
	long r = args_room(a, n);

	if (r)
		return r;
	memcpy(a->strings + a->bytes, s, n);
	a->bytes += n;
	env ? a->envc++ : a->argc++;
	return 0;
}

async long exec_args_read(struct exec_args *a, uaddr_t s, bool env)
{
	long r;

	for (;;) {
		size_t left = min(a->room - a->bytes, (u32)STRING_MAX);

		r = user_string(a->strings + a->bytes, s, left);
		if (r != -ENAMETOOLONG)
			break;
		r = left < STRING_MAX ? args_room(a, min(max(2 * left, 128ul), (u64)STRING_MAX)) : -E2BIG;
		if (r)
			return r;
	}
	if (r < 0)
		return r;
	a->bytes += r + 1;
	env ? a->envc++ : a->argc++;
	return 0;
}

/* Replace argv[0] by @count strings at @s, @n bytes. */
static long args_replace_first(struct exec_args *a, const char *s, size_t n, u32 count)
{
	size_t first = a->argc ? strlen(a->strings) + 1 : 0;
	long r = args_room(a, n);

	if (r)
		return r;
	memmove(a->strings + n, a->strings + first, a->bytes - first);
	memcpy(a->strings, s, n);
	a->bytes += n - first;
	a->argc += count - (a->argc ? 1 : 0);
	return 0;
}

static long args_set_path(struct exec_args *a, const char *path, size_t n)
{
	char *p = heap_alloc(n + 1);

	if (!p)
		return -ENOMEM;
	memcpy(p, path, n);
	p[n] = 0;
	heap_free(a->path);
	a->path = p;
	return 0;
}

/* Behind the strings, where the stack has it, too. */
static long args_append_path(struct exec_args *a)
{
	size_t n = strlen(a->path) + 1;
	long r = args_room(a, n);

	if (r)
		return r;
	memcpy(a->strings + a->bytes, a->path, n);
	a->path_bytes = n;
	return 0;
}

/* --- the program under construction ---------------------------------------------------------------------- */

struct loading {
	struct file	*file, *interp;
	struct vm	*vm;
	uaddr_t		base, interp_base;	/* added to the addresses of the file */
	uaddr_t		sp;
	u32		head_len;		/* bytes read last */
	char		*head;			/* HEAD bytes: a frame */
	/* From here on not cleared. */
	char		exe[256];
	struct elf_plan	plan, interp_plan;	/* as far as there are a file and an interpreter */
};

static struct loading *loading_create(void)
{
	struct loading *l = heap_alloc(sizeof(*l));
	struct page *p = l ? page_alloc(0) : NULL;

	_Static_assert((u32)HEAD == (u32)PAGE_SIZE, "");
	if (p) {
		memset(l, 0, offsetof(struct loading, exe));
		l->head = page_virt(p);
		return l;
	}
	heap_free(l);
	return NULL;
}

static void loading_free(struct loading *l)
{
	if (!l)
		return;
	file_put(l->file);
	file_put(l->interp);
	if (l->vm)
		vm_put(l->vm);
	page_put(virt_page(l->head));
	heap_free(l);
}

/* `#! interpreter argument`: the interpreter becomes the program. */
static long script_line(struct exec_args *a, const char *head, long n)
{
	const char *end = memchr(head, '\n', n), *s = head + 2, *name, *name_end;
	char buf[512];
	size_t used;

	if (!end && n >= 256)
		return -ENOEXEC;
	end = end ? end : head + n;
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	for (name = s; s < end && *s != ' ' && *s != '\t' && *s; s++)
		;
	name_end = s;
	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	while (end > s && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
		end--;
	if (name == name_end || (size_t)(end - name) + 4 > sizeof(buf) - 1)
		return -ENOEXEC;
	used = snprint(buf, sizeof(buf), "%.*s", (int)(name_end - name), name) + 1;
	if (s < end)
		used += snprint(buf + used, sizeof(buf) - used, "%.*s", (int)(end - s), s) + 1;
	size_t path = strlen(a->path) + 1;
	char *all = heap_alloc(used + path);
	if (!all)
		return -ENOMEM;
	memcpy(all, buf, used);
	memcpy(all + used, a->path, path);
	long r = args_replace_first(a, all, used + path, s < end ? 3 : 2);
	heap_free(all);
	return r ? r : args_set_path(a, buf, name_end - name);
}

static async long open_program(struct file **out, const char *path)
{
	struct thread *t = thread_current();
	long r = file_open(t->fs, NULL, path, O_RDONLY, 0, out);

	if (!r)
		r = file_may_exec(t->fs, *out);
	return r;
}

/* The start of @file, and its plan unless it is a script. */
static async long load_plan(struct co *co, struct loading *l, struct file *file, struct elf_plan *plan)
{
	struct {
		u32	want;
		long	n;
	} *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->want = HEAD_FIRST;; f->want = HEAD) {
		await(f->n = file_read_kernel(co, file, l->head, f->want, 0));
		if (f->n < 0)
			return f->n;
		l->head_len = f->n;
		r = elf_parse(plan, l->head, f->n, file_size(file), ELF_RISCV, USER_TOP);
		if (r != -EFBIG)
			return r;
		if (f->want == HEAD)
			return -ENOEXEC;
	}
	co_end();
}

/* The same for what the caller named. */
static async long open_first(struct file **out, const struct exec_args *a)
{
	struct thread *t = thread_current();
	long r;

	if (!a->at_path)
		return open_program(out, a->path);
	r = path_open(t->fs, a->at, a->at_path, O_RDONLY | (a->at_nofollow ? O_NOFOLLOW : 0), 0,
		      a->at_empty ? WALK_EMPTY : 0, out, NULL);
	if (!r)
		r = file_may_exec(t->fs, *out);
	return r;
}

/* Open, follow scripts, and check: l->file and l->plan. */
static async long load_head(struct co *co, struct loading *l, struct exec_args *a)
{
	struct {
		u32	scripts;
	} *f = co_frame(co);
	long r;

	co_begin(f);
	for (f->scripts = 0;; f->scripts++) {
		file_put(l->file);
		l->file = NULL;
		if (!f->scripts)
			await(r = open_first(&l->file, a));
		else
			await(r = open_program(&l->file, a->path));
		if (r)
			return r;
		await(r = load_plan(co, l, l->file, &l->plan));
		if (r != -ENOEXEC || l->head_len < 2 || l->head[0] != '#' || l->head[1] != '!')
			return r;
		if (!f->scripts && a->at_hidden)
			return -ENOENT;		/* its interpreter could not open it */
		r = f->scripts < SCRIPTS ? script_line(a, l->head, l->head_len) : -ELOOP;
		if (r)
			return r;
	}
	co_end();
}

/* The interpreter a dynamic program names. */
static async long load_interp(struct co *co, struct loading *l)
{
	struct {
		long	n;
	} *f = co_frame(co);
	long r;

	co_begin(f);
	if (!l->plan.interp_len)
		return 0;
	if (l->plan.interp_len > 255)
		return -ENOEXEC;
	await(f->n = file_read_kernel(co, l->file, l->head, l->plan.interp_len, l->plan.interp_offset));
	if (f->n != (long)l->plan.interp_len || l->head[f->n - 1])
		return f->n < 0 ? f->n : -ENOEXEC;
	await(r = open_program(&l->interp, l->head));
	if (r)
		return r;
	await(r = load_plan(co, l, l->interp, &l->interp_plan));
	return r == -ENOEXEC ? -ELIBBAD : r;
	co_end();
}

/* --- mapping ------------------------------------------------------------------------------------------------- */

static u32 load_rights(u32 elf_flags)
{
	return (elf_flags & ELF_R ? VM_READ : 0) | (elf_flags & ELF_W ? VM_WRITE : 0) |
	       (elf_flags & ELF_X ? VM_EXEC : 0);
}

/* One segment: the file's pages, then zeros. */
static long map_load(struct vm *v, struct file *file, const struct elf_load *s, uaddr_t base)
{
	uaddr_t start = align_down(base + s->vaddr, PAGE_SIZE);
	uaddr_t file_end = align_up(base + s->vaddr + s->filesz, PAGE_SIZE);
	uaddr_t end = align_up(base + s->vaddr + s->memsz, PAGE_SIZE);
	struct pageset *set = NULL;
	long r = 0;

	if (s->filesz) {
		r = file->ops->map ? file->ops->map(file, &set, load_rights(s->flags), false) : -ENOEXEC;
		if (!r)
			r = vm_map(v, &start, file_end - start, load_rights(s->flags), MAP_AT, set,
				   (s->offset - (s->vaddr & (PAGE_SIZE - 1))) >> PAGE_SHIFT, NULL, NULL);
		start = file_end;
	}
	if (!r && end > start)
		r = vm_map(v, &start, end - start, load_rights(s->flags), MAP_AT, NULL, 0, NULL, NULL);
	return r;
}

/* The last file page is zero behind the file's data, up to its end: loaders use what is left of it.
 * The space is active. */
static async long clear_tail(const struct elf_load *s, uaddr_t base)
{
	uaddr_t from = base + s->vaddr + s->filesz;

	if (s->filesz == s->memsz || !s->filesz || !(from & (PAGE_SIZE - 1)) || !(s->flags & ELF_W))
		return 0;
	return user_clear(from, align_up(from, PAGE_SIZE) - from);
}

static long map_plan(struct vm *v, struct file *file, const struct elf_plan *p, uaddr_t base)
{
	long r = 0;

	for (u32 i = 0; i < p->count && !r; i++)
		r = map_load(v, file, &p->load[i], base);
	return r;
}

static uaddr_t choose_base(const struct elf_plan *p, uaddr_t where)
{
	return p->dyn ? align_up(where, p->align) - p->low : 0;
}

static struct pageset vdso_set;
uaddr_t program_trampoline ro_after_init;

static long map_vdso(struct vm *v)
{
	v->vdso = 0;
	return vm_map(v, &v->vdso, PAGE_SIZE, VM_READ | VM_EXEC | VM_VDSO, 0, &vdso_set, 0, "[vdso]", NULL);
}

void program_init(void)
{
	struct page *p = page_alloc_zero();
	struct clock_page *clock;

	assert(p);
	vm_needs_memory = process_needs_memory;
	program_trampoline = arch_vdso(page_virt(p), &clock);
	arch_fence_instructions();
	clock_publish(clock);
	pageset_init(&vdso_set, NULL);
	vdso_set.size_pages = 1;
	assert(!pageset_insert(&vdso_set, 0, p));
	page_get(p);				/* never goes */
	dump_init();
}

static u64 stack_limit(struct process *p) { return min(p->limits[3].cur, (u64)STACK_MAX * 8); }

static long map_stack(struct vm *v, u64 limit)
{
	uaddr_t start;
	u64 size = 132 << 10;			/* grows on its own */

	v->stack_top = USER_TOP - PAGE_SIZE - (vm_random_pages(20) << PAGE_SHIFT);
	v->stack_limit = limit;
	v->mmap_top = v->stack_top - max(limit, (u64)STACK_MAX) - (1 << 20) -
		      (vm_random_pages(18) << PAGE_SHIFT);
	start = v->stack_top - size;
	return vm_map(v, &start, size, VM_READ | VM_WRITE | VM_STACK, MAP_AT, NULL, 0, "[stack]", NULL);
}

/* The whole new space but the contents of its stack. */
static long build_space(struct loading *l, struct process *p)
{
	struct vm *v = l->vm = vm_create(&p->job->charge);
	uaddr_t end;
	long r;

	if (!v)
		return -ENOMEM;
	v->limit = p->limits[9].cur;
	l->base = l->plan.dyn ? choose_base(&l->plan, DYN_BASE + (vm_random_pages(18) << PAGE_SHIFT)) : 0;
	r = map_stack(v, stack_limit(p));
	if (!r)
		r = map_plan(v, l->file, &l->plan, l->base);
	if (!r && l->interp) {
		l->interp_base = choose_base(&l->interp_plan, v->mmap_top - (64 << 20));
		r = map_plan(v, l->interp, &l->interp_plan, l->interp_base);
	}
	if (!r)
		r = map_vdso(v);
	end = l->base + l->plan.high;
	v->brk_start = v->brk = align_up(end, PAGE_SIZE) + (vm_random_pages(13) << PAGE_SHIFT);
	return r;
}

/* --- the initial stack ------------------------------------------------------------------------------------------ */

struct auxv { u64 type, value; };
enum { AUXV = 18, RANDOM = 16 };	/* entries; bytes of AT_RANDOM */

static void fill_auxv(struct auxv *v, const struct loading *l, const struct process *p, uaddr_t random,
		     uaddr_t execfn)
{
	const struct auxv all[] = {
		{ AT_PHDR, l->plan.phdr ? l->base + l->plan.phdr : 0 },
		{ AT_PHENT, ELF_PHDR_SIZE }, { AT_PHNUM, l->plan.phnum },
		{ AT_PAGESZ, PAGE_SIZE }, { AT_BASE, l->interp ? l->interp_base + l->interp_plan.low : 0 },
		{ AT_FLAGS, 0 }, { AT_ENTRY, l->base + l->plan.entry },
		{ AT_UID, p->uid }, { AT_EUID, p->euid }, { AT_GID, p->gid }, { AT_EGID, p->egid },
		{ AT_SECURE, p->uid != p->euid || p->gid != p->egid },
		{ AT_HWCAP, arch_hwcap() }, { AT_CLKTCK, 100 },
		{ AT_SYSINFO_EHDR, l->vm->vdso }, { AT_RANDOM, random }, { AT_EXECFN, execfn }, { AT_NULL, 0 },
	};

	_Static_assert(ARRAY_SIZE(all) == AUXV, "");
	memcpy(v, all, sizeof(all));
}

/* The stack from its end: 8 zero bytes, the path, the strings, 16 random bytes, the vectors. */
struct stack_plan { uaddr_t strings, execfn, random, vectors; u64 words; };

static void plan_stack(struct stack_plan *s, const struct exec_args *a, uaddr_t top)
{
	s->execfn = top - 8 - a->path_bytes;
	s->strings = s->execfn - a->bytes;
	s->random = align_down(s->strings - RANDOM, 16);
	s->words = 1 + a->argc + 1 + a->envc + 1;
	s->vectors = align_down(s->random - s->words * 8 - AUXV * sizeof(struct auxv), 16);
}

/* argc, argv, envp, auxv and the random bytes in kernel memory, as the program will see them.  Notes where the
 * arguments are. */
static u64 *fill_vectors(const struct stack_plan *s, const struct exec_args *a, const struct loading *l,
			 const struct process *p)
{
	u64 before_random = (s->random - s->vectors) / 8, *v = heap_alloc(before_random * 8 + RANDOM), *w = v;
	const char *at = a->strings;

	if (!v)
		return NULL;
	v[before_random - 1] = 0;		/* there may be a gap of a word */
	*w++ = a->argc;
	for (u32 i = 0; i < a->argc; i++, at += strlen(at) + 1)
		*w++ = s->strings + (at - a->strings);
	*w++ = 0;
	l->vm->arg_start = s->strings;
	l->vm->arg_end = l->vm->env_start = s->strings + (at - a->strings);
	l->vm->env_end = s->strings + a->bytes;
	for (u32 i = 0; i < a->envc; i++, at += strlen(at) + 1)
		*w++ = s->strings + (at - a->strings);
	*w++ = 0;
	fill_auxv((struct auxv *)w, l, p, s->random, s->execfn);
	random_bytes(v + before_random, RANDOM);
	return v;
}

/* Write it all; the space is active.  Starts over.  Its first page is not there, and need not fault. */
static async long write_stack(struct loading *l, const struct exec_args *a, const struct process *p)
{
	struct stack_plan s;
	long r;
	u64 *v;

	plan_stack(&s, a, l->vm->stack_top);
	r = user_commit(s.vectors, 1, ACCESS_WRITE);
	if (r)
		return r;
	v = fill_vectors(&s, a, l, p);
	if (!v)
		return -ENOMEM;
	r = user_write(s.vectors, v, s.random + RANDOM - s.vectors);
	if (!r)
		r = user_write(s.strings, a->strings, a->bytes + a->path_bytes);
	heap_free(v);
	l->sp = s.vectors;
	return r;
}

static async long clear_tails(const struct elf_plan *p, uaddr_t base)
{
	long r = 0;

	for (u32 i = 0; i < p->count && !r; i++)
		r = clear_tail(&p->load[i], base);
	return r;
}

/* --- commit --------------------------------------------------------------------------------------------------------- */

/* The other threads have to go first; the caller becomes the process's only one. */
static async long alone(struct thread *t)
{
	struct process *p = t->proc;
	struct thread *o;
	guard(&p->lock);

	if (p->exiting || t->leave)		/* two at once: the first one wins */
		return -EINTR;
	if (p->thread_count == 1)
		return 0;
	TAILQ_FOREACH(o, &p->threads, link)
		if (o != t) {
			o->leave = true;
			task_interrupt(&o->task, WAIT_SIGNAL | WAIT_KILL);
		}
	return wait_kill(&p->child_wait);
}

static void swap_space(struct thread *t, struct loading *l)
{
	struct process *p = t->proc;
	struct vm *old;

	{
		guard(&p->lock);
		old = p->vm;
		p->vm = t->vm = vm_get(l->vm);
	}
	vm_activate(t->vm);
	vfork_done(p);
	if (old)
		vm_put(old);
}

static void set_names(struct process *p, const struct exec_args *a, const struct loading *l)
{
	const char *base = strrchr(a->path, '/');
	size_t n;

	base = base ? base + 1 : a->path;
	n = strnlen(base, sizeof(p->comm) - 1);
	memcpy(p->comm, base, n);
	p->comm[n] = 0;
	process_set_exe(p, l->exe);
}

/* Set-user-id and set-group-id programs run as their owner; of a script its interpreter counts. */
static void take_identity(struct thread *t, const struct loading *l)
{
	struct process *p = t->proc;
	const struct inode *ip = l->file->inode;
	u32 mode = p->no_new_privs ? 0 : ip->mode;

	const u32 uid = p->euid, gid = p->egid;

	if (mode & S_ISUID)
		p->euid = t->fs->fsuid = ip->uid;
	if ((mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		p->egid = t->fs->fsgid = ip->gid;
	p->suid = p->euid;
	p->sgid = p->egid;
	caps_exec(p, uid != p->euid || gid != p->egid);
}

static void fresh_thread(struct thread *t, const struct loading *l)
{
	const struct elf_plan *e = l->interp ? &l->interp_plan : &l->plan;
	uaddr_t base = l->interp ? l->interp_base : l->base;
	u64 user_ticks = t->ctx.user_ticks;

	ctx_init(&t->ctx, base + e->entry, l->sp);
	t->ctx.user_ticks = user_ticks;
	t->altstack_sp = t->altstack_size = 0;
	t->altstack_flags = 0;
	t->clear_child_tid = t->set_child_tid = t->robust_list = 0;
	ptimers_stop(t->proc);
	sighand_exec(t->proc->sighand);
	files_exec(t->files);
}

/* A table of handlers or descriptors shared with another process stays with that one. */
static long unshare(struct thread *t)
{
	struct process *p = t->proc;
	struct files *files, *old = t->files;

	if (sighand_unshare(p))
		return -ENOMEM;
	files = files_unshare(old);
	if (!files)
		return -ENOMEM;
	if (files == old)
		return 0;
	{
		guard(&p->lock);			/* and /proc here */
		t->files = files;
	}
	files_put(old);
	return 0;
}

async long exec_program(struct co *co, struct exec_args *a)
{
	struct {
		struct loading	*l;
	} *f = co_frame(co);
	struct thread *const t = thread_current();
	long r;

	co_begin(f);
	f->l = loading_create();
	if (!f->l)
		return -ENOMEM;
	await(r = load_head(co, f->l, a));
	if (!r)
		await(r = load_interp(co, f->l));
	if (!r)
		r = args_append_path(a);
	if (!r)
		r = build_space(f->l, t->proc);
	if (!r)
		r = unshare(t);
	if (!r)
		await(r = alone(t));
	if (r) {
		loading_free(f->l);
		return r;
	}
	if (file_path(f->l->file, f->l->exe, sizeof(f->l->exe)) < 0)
		f->l->exe[0] = 0;
	await(r = futex_thread_exit(t));
	thread_take_pid(t);
	t->proc->exit_signal = SIGCHLD;
	swap_space(t, f->l);
	take_identity(t, f->l);
	await(r = clear_tails(&f->l->plan, f->l->base));
	if (!r && f->l->interp)
		await(r = clear_tails(&f->l->interp_plan, f->l->interp_base));
	if (!r)
		await(r = write_stack(f->l, a, t->proc));
	if (!r) {
		set_names(t->proc, a, f->l);
		fresh_thread(t, f->l);
		timeline_name(t);
	} else {
		process_kill(t->proc);
	}
	loading_free(f->l);
	return 0;
	co_end();
}
