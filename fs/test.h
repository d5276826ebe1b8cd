/* SPDX-License-Identifier: MIT */
/*
 * test.h: what the tests of this room share: one machine with the file systems of fs_init() and a
 * context of its own for each test; what dev/ does for us; files without system calls.
 */
#pragma once
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <cmocka.h>
#include <linux/fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include "core/check.h"
#include "core/log.h"
#include "core/task.h"
#include "core/time.h"
#include "dev/console.h"
#include "dev/driver.h"
#include "fs/path.h"
#include "mem/errand.h"
#include "mem/heap.h"
#include "mem/page.h"

enum { TEST_MEMORY = 32 << 20, TEST_ARCHIVE = 4 << 20, TEST_TASK_FRAMES = 1024 };

static u64 frames_before, heap_before;
static u8 *archive_area;		/* memory that was never given to the allocator */
static struct fs_context *ctx;
static char said[4096];

/* --- what other rooms do ---------------------------------------------------------------------- */

void random_bytes(void *buf, size_t n) { memset(buf, 0x5a, n); }
void random_add(const void *seed, size_t n) { }
const char *board_arg(const char *key, char *buf, size_t size) { return NULL; }

static char shown[4096];		/* what was written to the console */
static size_t shown_len;
static bool console_full;

async long console_write(u32 job, u32 stream, struct uio *u)
{
	u64 before = u->done;

	if (console_full)
		return -EAGAIN;
	shown_len += uio_in(u, shown + shown_len, min(u->left, sizeof(shown) - 1 - shown_len));
	shown[shown_len] = 0;
	return u->done - before;
}

void console_input_taken(struct input *in) { }

/* --- one machine -------------------------------------------------------------------------------- */

static void hear(char c)
{
	size_t n = strlen(said);

	if (n + 1 < sizeof(said))
		said[n] = c;
}

static inline void make_machine(void)
{
	u8 *area = mmap(NULL, TEST_MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	size_t array = align_up(page_array_bytes(TEST_MEMORY), PAGE_SIZE);
	struct charge c;

	exec_init(&cpus[0], 0, 0);
	cpu_count = 1;
	arch_irq_on();
	host_clock = 1000000;
	log_putc = hear;
	memset(area, 0xcc, TEST_MEMORY);
	archive_area = area + TEST_MEMORY - TEST_ARCHIVE;
	page_init_range(virt_to_phys(area), TEST_MEMORY, virt_to_phys(area));
	page_free_range(virt_to_phys(area) + array, TEST_MEMORY - TEST_ARCHIVE - array);
	charge_open(&c, 0);			/* the table of accounts stays */
	charge_close(&c);
	if (fs_init())
		abort();
	path_scratch(0);
	path_scratch(1);
}

static inline int fresh_files(void **state)
{
	static bool made;

	if (!made)
		make_machine();
	made = true;
	memset(said, 0, sizeof(said));
	shown_len = 0;
	console_full = false;
	heap_trim();
	frames_before = page_free_count();
	heap_before = heap_bytes();
	ctx = fs_context_create();
	return 0;
}

static inline int files_gone(void **state)
{
	fs_context_put(ctx);
	ctx = NULL;
	while (exec_step())			/* what waits for readers is freed */
		;
	heap_trim();
	assert_int_equal(heap_bytes(), heap_before);
	assert_int_equal(page_free_count(), frames_before);
	return 0;
}

#define FS_TEST(f) cmocka_unit_test_setup_teardown(f, fresh_files, files_gone)

/* Take all frames but @n; give_all() undoes it. */
static struct page *taken[TEST_MEMORY >> PAGE_SHIFT];
static u32 taken_count;

static inline void give_all(void)
{
	while (taken_count)
		page_put(taken[--taken_count]);
}

static inline void leave_only(u32 n)
{
	for (struct page *p; (p = page_alloc(0));)
		taken[taken_count++] = p;
	while (n-- && taken_count)
		page_put(taken[--taken_count]);
}

static inline u32 pick(u32 n)		/* 0 .. n - 1, the same at every run */
{
	static u64 s = 88172645463325252ul;

	s ^= s << 13;
	s ^= s >> 7;
	s ^= s << 17;
	return (s >> 20) % n;
}

/* --- tasks ------------------------------------------------------------------------------------------ */

struct tester { void *arg; long result; bool finished; struct task t; };

static inline void tester_exit(struct task *t)
{
	container_of(t, struct tester, t)->finished = true;
}

static inline struct tester *spawn(long (*main)(struct co *, struct task *), void *arg)
{
	struct tester *r = calloc(1, sizeof(*r) + TEST_TASK_FRAMES);

	r->arg = arg;
	task_init(&r->t, "tester", TEST_TASK_FRAMES, main, tester_exit);
	task_wake(&r->t);
	return r;
}
static inline void *arg_of(struct task *t) { return container_of(t, struct tester, t)->arg; }

static inline void run_all(void)
{
	while (exec_step())
		;
}

/* A file operation from outside any task: it must not wait. */
static inline long read_at(struct file *f, void *buf, size_t n, u64 *pos)
{
	struct uio u;
	long r;

	uio_init_kernel(&u, buf, n);
	u.nowait = true;
	r = f->ops->read(NULL, f, &u, pos);
	return u.done ? (long)u.done : r;
}

/* Appending has a frame. */
struct appending { struct file *f; struct uio u; u64 *pos; long result; };

static inline long append_main(struct co *co, struct task *t)
{
	struct { u8 none; } *f = co_frame(co);
	struct appending *const a = arg_of(t);

	co_begin(f);
	await(a->result = a->f->ops->write(co, a->f, &a->u, a->pos));
	return 0;
	co_end();
}

static inline long append_in_task(struct file *f, const void *buf, size_t n, u64 *pos)
{
	struct appending a = { .f = f, .pos = pos };
	struct tester *t;

	uio_init_kernel(&a.u, (void *)buf, n);
	a.u.nowait = true;
	t = spawn(append_main, &a);
	run_all();
	free(t);
	return a.u.done ? (long)a.u.done : a.result;
}

static inline long write_at(struct file *f, const void *buf, size_t n, u64 *pos)
{
	struct uio u;
	long r;

	if (f->flags & O_APPEND && !task_current())
		return append_in_task(f, buf, n, pos);
	uio_init_kernel(&u, (void *)buf, n);
	u.nowait = true;
	r = f->ops->write(NULL, f, &u, pos);
	return u.done ? (long)u.done : r;
}

static inline long file_get_bytes(struct file *f, void *buf, size_t n)
{
	return read_at(f, buf, n, &f->pos);
}

static inline long file_put_bytes(struct file *f, const char *s)
{
	return write_at(f, s, strlen(s), &f->pos);
}

static inline long unmount_(struct dentry *root, bool lazy)
{
	struct errand *work;
	long r = mount_remove(root, lazy, &work);

	errand_put(work);
	while (!task_current() && exec_step())	/* many names take turns; the errand itself is freed by RCU */
		;
	return r;
}

/* --- names --------------------------------------------------------------------------------------------- */

static inline long open_(const char *path, u32 flags, struct file **f)
{
	return path_open(ctx, NULL, path, flags, 0644, 0, f, NULL);
}

/* Error of opening it, which must not succeed. */
static inline long open_error(const char *path, u32 flags)
{
	struct file *f;
	long r = open_(path, flags, &f);

	assert_true(r < 0);
	return r;
}

static inline void write_file(const char *path, const char *content)
{
	struct file *f;

	assert_int_equal(open_(path, O_CREAT | O_WRONLY | O_TRUNC, &f), 0);
	assert_int_equal(file_put_bytes(f, content), strlen(content));
	file_put(f);
}

static inline const char *read_file(const char *path)
{
	static char buf[8192];
	struct file *f;
	long n = open_(path, O_RDONLY, &f);

	if (n < 0)
		return NULL;
	n = file_get_bytes(f, buf, sizeof(buf) - 1);
	file_put(f);
	buf[max(n, 0l)] = 0;
	return buf;
}

static inline long make(const char *path, u32 mode, const char *target)
{
	struct dentry *dir;
	struct last last;
	long r = path_parent(ctx, NULL, path, 0, &dir, &last);

	if (r)
		return r;
	r = name_create(ctx, dir, &last, mode, 0, target, NULL);
	dentry_put(dir);
	return r;
}

static inline long make_dir(const char *path) { return make(path, I_DIR | 0755, NULL); }
static inline long make_link(const char *target, const char *path) { return make(path, I_LNK | 0777, target); }

static inline long remove_(const char *path, bool directory)
{
	struct dentry *dir;
	struct last last;
	long r = path_parent(ctx, NULL, path, 0, &dir, &last);

	if (r)
		return r;
	r = name_remove(ctx, dir, &last, directory);
	dentry_put(dir);
	return r;
}

static inline long rename_(const char *from, const char *to, u32 flags)
{
	struct dentry *a, *b;
	struct last old, new;
	long r = path_parent(ctx, NULL, from, 0, &a, &old);

	if (r)
		return r;
	r = path_parent(ctx, NULL, to, WALK_SECOND, &b, &new);
	if (!r) {
		r = name_rename(ctx, a, &old, b, &new, flags);
		dentry_put(b);
	}
	dentry_put(a);
	return r;
}

static inline long link_(const char *old, const char *new)
{
	struct dentry *d, *dir;
	struct last last;
	long r = path_walk(ctx, NULL, old, 0, &d);

	if (r)
		return r;
	r = path_parent(ctx, NULL, new, WALK_SECOND, &dir, &last);
	if (!r) {
		r = name_link(ctx, dir, &last, d);
		dentry_put(dir);
	}
	dentry_put(d);
	return r;
}

/* Where @path leads, as a path; or the error in *@err. */
static inline const char *leads_to(const char *path, u32 flags, long *err)
{
	static char buf[PATH_MAX_LEN];
	struct dentry *d;

	*err = path_walk(ctx, NULL, path, flags, &d);
	if (*err)
		return NULL;
	dentry_path(d, root_dentry, buf, sizeof(buf));
	dentry_put(d);
	return buf;
}

#define assert_leads(path, flags, to) do {					\
		long err_;							\
		const char *s_ = leads_to(path, flags, &err_);			\
		assert_int_equal(err_, 0);					\
		assert_string_equal(s_, to);					\
	} while (0)
#define assert_walk_error(path, flags, error) do {				\
		long err_;							\
		assert_null(leads_to(path, flags, &err_));			\
		assert_int_equal(err_, error);					\
	} while (0)

/* Remove everything in @dir but mount points. */
static inline void remove_below(struct dentry *dir)
{
	struct dentry *d, *next;

	for (d = TAILQ_FIRST(&dir->children); d; d = next) {
		struct last l = { .name = { d->name, d->len, d->hash } };
		bool is_dir = inode_is_dir(d->inode);

		next = TAILQ_NEXT(d, sibling);
		if (d->cover)
			continue;
		if (is_dir)
			remove_below(d);
		name_remove(&kernel_context, dir, &l, is_dir);
	}
}

static inline void clean_tmp(void)
{
	struct dentry *d;

	if (path_walk(&kernel_context, NULL, "/tmp", 0, &d))
		abort();
	remove_below(d);
	dentry_put(d);
}
