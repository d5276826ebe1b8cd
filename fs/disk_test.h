/* SPDX-License-Identifier: MIT */
/*
 * disk_test.h: file systems on disks as host programs: a disk in memory or in a file, whose requests end
 * late, in any order (the same at every run), and fail when told to; and files by path, as system
 * calls have them, each call run to its end with everybody else running meanwhile.
 */
#pragma once
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dev/blk.h"
#include "fs/change.h"
#include "fs/disk/private.h"
#include "fs/test.h"

/* --- disks ------------------------------------------------------------------------------------ */

enum { DISK_FRAMES = 256 };
struct testdisk {
	struct blk		b;
	u8			*bytes;
	bool			mapped, gone;
	struct blk_requests	waiting;
	u32			waiting_count, most_waiting;
	u64			reads, writes, flushes;		/* requests that ended */
	u64			read_bytes, written_bytes;
	u32			lazy;		/* polls a request waits, at most */
	/* The error a request is to end with, or 0; may be NULL. */
	long			(*fault)(struct testdisk *d, const struct blk_request *r);
	s64			fault_in;	/* of fault_after(): requests left */
	union { struct task task; u8 room[sizeof(struct task) + DISK_FRAMES]; } daemon;
};

static inline void testdisk_copy(struct testdisk *d, const struct blk_request *r)
{
	u8 *at = d->bytes + r->at;

	for (u32 i = 0; i < r->count; at += r->seg[i++].len) {
		void *memory = phys_to_virt(r->seg[i].at);

		if (r->op == BLK_READ)
			memcpy(memory, at, r->seg[i].len);
		else
			memcpy(at, memory, r->seg[i].len);
	}
	if (r->op == BLK_ZERO)
		memset(at, 0, r->len);
	if (r->op == BLK_DISCARD)
		memset(at, 0xdb, r->len);
}

static inline void testdisk_finish(struct testdisk *d, struct blk_request *r)
{
	long err = d->fault ? d->fault(d, r) : 0;

	TAILQ_REMOVE(&d->waiting, r, link);
	d->waiting_count--;
	if (!err)
		testdisk_copy(d, r);
	d->reads += r->op == BLK_READ;
	d->writes += r->op == BLK_WRITE;
	d->flushes += r->op == BLK_FLUSH;
	*(r->op == BLK_READ ? &d->read_bytes : &d->written_bytes) += r->len;
	blk_end(r, err);
}

/* Each poll ends one request, any, or nothing. */
static inline long testdisk_main(struct co *co, struct task *t)
{
	struct testdisk *d = container_of(t, struct testdisk, daemon.task);
	struct blk_request *r = TAILQ_FIRST(&d->waiting);

	if (!r)
		return PENDING;
	if (!d->lazy || !pick(d->lazy + 1)) {
		for (u32 n = pick(d->waiting_count); n; n--)
			r = TAILQ_NEXT(r, link);
		testdisk_finish(d, r);
	}
	if (!TAILQ_EMPTY(&d->waiting))
		task_requeue(t);
	return PENDING;
}

static inline void testdisk_submit(struct blk *b, struct blk_request *r)
{
	struct testdisk *d = b->data;

	TAILQ_INSERT_TAIL(&d->waiting, r, link);
	d->most_waiting = max(d->most_waiting, ++d->waiting_count);
	task_requeue(&d->daemon.task);
}

static inline void testdisk_gone(struct blk *b) { ((struct testdisk *)b->data)->gone = true; }
static const struct blk_ops testdisk_ops = { .submit = testdisk_submit, .gone = testdisk_gone };

static inline struct testdisk *testdisk_from(const char *name, u8 *bytes, u64 size)
{
	static u32 number;
	struct testdisk *d = calloc(1, sizeof(*d));

	TAILQ_INIT(&d->waiting);
	d->bytes = bytes;
	d->lazy = 2;
	snprintf(d->b.name, sizeof(d->b.name), "%s", name);
	d->b.rdev = device_number(254, number++);
	d->b.sector_shift = 9;
	d->b.can_flush = d->b.can_zero = d->b.can_discard = true;
	d->b.size = size;
	d->b.ops = &testdisk_ops;
	d->b.data = d;
	task_init(&d->daemon.task, "testdisk", DISK_FRAMES, testdisk_main, NULL);
	assert_int_equal(blk_add(&d->b), 0);
	return d;
}

static inline struct testdisk *testdisk_create(const char *name, u64 size)
{
	return testdisk_from(name, calloc(1, size), size);
}

/* The image at @path; what is written changes it only if @keep. */
static inline struct testdisk *testdisk_open(const char *name, const char *path, bool keep)
{
	int open(const char *, int, ...), fd = open(path, keep ? O_RDWR : O_RDONLY);
	struct testdisk *d;
	struct stat st;
	u8 *at;

	if (fd < 0 || fstat(fd, &st))
		return NULL;
	at = mmap(NULL, st.st_size, PROT_READ | PROT_WRITE, keep ? MAP_SHARED : MAP_PRIVATE, fd, 0);
	close(fd);
	assert_ptr_not_equal(at, MAP_FAILED);
	d = testdisk_from(name, at, align_down(st.st_size, 512));
	d->mapped = true;
	return d;
}

static inline void testdisk_free(struct testdisk *d)
{
	u64 size = d->b.size;

	run_all();
	assert_int_equal(d->waiting_count, 0);
	blk_remove(&d->b);
	assert_true(d->gone);			/* nobody held it any more */
	if (d->mapped)
		munmap(d->bytes, size);
	else
		free(d->bytes);
	free(d);
}

/* Let the @n-th request from now on fail. */
static inline long fault_after(struct testdisk *d, const struct blk_request *r)
{
	return !d->fault_in-- ? -EIO : 0;
}

/* --- calls ------------------------------------------------------------------------------------ */

/* Everything a call needs; which one is `what'. */
struct testcall {
	enum {
		CALL_OPEN, CALL_READ, CALL_WRITE, CALL_MAKE, CALL_LINK, CALL_REMOVE, CALL_RENAME,
		CALL_TRUNCATE, CALL_STAT, CALL_LIST, CALL_MOUNT, CALL_UMOUNT, CALL_SYNC, CALL_SYNCFS,
		CALL_ALLOCATE, CALL_READLINK,
	} what;
	const char	*path, *to;
	u32		flags, mode;
	void		*buf;
	u64		len, pos, at;
	struct file	*file;
	struct dentry	*d;
	struct inode	*ip;
	struct change	*g;
	struct errand	*work;
	struct blk	*blk;
	struct uio	u;
};

/* First halves: start over. */
static inline async long testcall_parents(struct testcall *c)
{
	struct dentry *a, *b = NULL;
	struct last old, new;
	struct dentry *what = NULL;
	long r = 0;

	if (c->what == CALL_LINK && (r = path_walk(ctx, NULL, c->path, 0, &what)))
		return r;
	r = path_parent(ctx, NULL, c->what == CALL_LINK ? c->to : c->path, 0, &a, &old);
	if (!r && c->what == CALL_RENAME && (r = path_parent(ctx, NULL, c->to, WALK_SECOND, &b, &new)))
		dentry_put(a);
	if (!r) {
		if (!names_on_disk(a))
			r = -EXDEV;
		else if (c->what == CALL_MAKE)
			r = change_create(ctx, a, &old, c->mode, 0, c->to, &c->g);
		else if (c->what == CALL_LINK)
			r = change_link(ctx, a, &old, what, &c->g);
		else if (c->what == CALL_REMOVE)
			r = change_remove(ctx, a, &old, c->flags, &c->g);
		else
			r = change_rename(ctx, a, &old, b, &new, c->flags, &c->g);
		dentry_put(a);
		dentry_put(b);
	}
	dentry_put(what);
	return r;
}

static inline async long testcall_inode(struct testcall *c, u32 walk)
{
	struct dentry *d;
	long r = path_walk(ctx, NULL, c->path, walk, &d);

	if (r)
		return r;
	c->ip = inode_get(d->inode);
	dentry_put(d);
	return 0;
}

static inline async long testcall_mount(struct testcall *c)
{
	struct dentry *d;
	long r = path_walk(ctx, NULL, c->path, WALK_FOLLOW, &d);

	if (r)
		return r;
	if (c->what == CALL_MOUNT)
		r = mount_disk(d, c->to, c->blk->name, c->blk, c->flags, c->buf, &c->work);
	else
		r = mount_remove(d, c->flags, &c->work);
	dentry_put(d);
	return r;
}


static inline async long testcall_run(struct co *co, void *arg)
{
	struct { long result; } *f = co_frame(co);
	struct testcall *const c = arg;
	long r;

	co_begin(f);
	f->result = 0;
	if (c->what == CALL_OPEN) {
		await(r = path_open(ctx, NULL, c->path, c->flags, c->mode, 0, &c->file, &c->g));
		while (!r && c->g)
			await(r = path_open_more(ctx, c->flags, &c->file, &c->g));
		return r;
	} else if (c->what == CALL_READ || c->what == CALL_WRITE) {
		uio_init_kernel(&c->u, c->buf, c->len);
		do {
			if (c->what == CALL_READ)
				await(r = c->file->ops->read(co, c->file, &c->u, &c->pos));
			else
				await(r = c->file->ops->write(co, c->file, &c->u, &c->pos));
		} while (r > 0 && c->u.left);
		return c->u.done ? (long)c->u.done : r;
	} else if (c->what == CALL_LIST) {
		uio_init_kernel(&c->u, c->buf, c->len);
		await(r = c->file->ops->readdir(co, c->file, &c->u));
		return r;
	} else if (c->what == CALL_SYNC) {
		await(r = c->file->ops->sync(co, c->file));
		return r;
	} else if (c->what == CALL_STAT || c->what == CALL_TRUNCATE || c->what == CALL_READLINK) {
		await(r = testcall_inode(c, c->flags));
		if (!r && c->what == CALL_TRUNCATE)
			r = change_truncate(c->ip, c->len, &c->g);
	} else if (c->what == CALL_ALLOCATE) {
		r = change_allocate(c->file->inode, c->mode, c->pos, c->len, &c->g);
	} else if (c->what == CALL_MOUNT || c->what == CALL_UMOUNT) {
		await(r = testcall_mount(c));
	} else {
		await(r = testcall_parents(c));
	}
	if (c->g)
		await(r = change_end(&c->g));
	if (c->work) {
		await(r = errand_wait(c->work));
		errand_put(c->work);
		c->work = NULL;
	}
	return r;
	co_end();
}

/* Run a call to its end.  It must have one. */
static inline long testcall(struct testcall *c)
{
	struct errand *e = errand_create("call", testcall_run, NULL, c);
	long r;

	assert_non_null(e);
	errand_start(e);
	for (u32 i = 0; !e->done.over; i++) {
		if (!exec_step() && !exec_step())
			host_advance(NSEC_PER_SEC / 100);
		assert_true(i < 20000000);	/* nobody will ever wake it */
	}
	r = e->result;
	errand_put(e);
	return r;
}

#define CALL(...) testcall(&(struct testcall){ __VA_ARGS__ })

static inline long do_mount(struct testdisk *d, const char *type, const char *path, u32 flags,
			    const char *options)
{
	return CALL(.what = CALL_MOUNT, .blk = &d->b, .to = type, .path = path, .flags = flags,
		    .buf = (void *)options);
}
static inline long do_umount(const char *path, bool lazy)
{
	return CALL(.what = CALL_UMOUNT, .path = path, .flags = lazy);
}
static inline long do_open(const char *path, u32 flags, struct file **f)
{
	struct testcall c = { .what = CALL_OPEN, .path = path, .flags = flags, .mode = 0644 };
	long r = testcall(&c);

	*f = c.file;
	return r;
}
static inline long do_read(struct file *f, u64 pos, void *buf, u64 len)
{
	return CALL(.what = CALL_READ, .file = f, .pos = pos, .buf = buf, .len = len);
}
static inline long do_write(struct file *f, u64 pos, const void *buf, u64 len)
{
	return CALL(.what = CALL_WRITE, .file = f, .pos = pos, .buf = (void *)buf, .len = len);
}
static inline long do_fsync(struct file *f) { return CALL(.what = CALL_SYNC, .file = f); }
static inline long do_mkdir(const char *path)
{
	return CALL(.what = CALL_MAKE, .path = path, .mode = I_DIR | 0755);
}
static inline long do_symlink(const char *text, const char *path)
{
	return CALL(.what = CALL_MAKE, .path = path, .to = text, .mode = I_LNK | 0777);
}
static inline long do_link(const char *old, const char *new)
{
	return CALL(.what = CALL_LINK, .path = old, .to = new);
}
static inline long do_unlink(const char *path) { return CALL(.what = CALL_REMOVE, .path = path); }
static inline long do_rmdir(const char *path)
{
	return CALL(.what = CALL_REMOVE, .path = path, .flags = true);
}
static inline long do_rename(const char *from, const char *to, u32 flags)
{
	return CALL(.what = CALL_RENAME, .path = from, .to = to, .flags = flags);
}
static inline long do_truncate(const char *path, u64 size)
{
	struct testcall c = { .what = CALL_TRUNCATE, .path = path, .len = size };
	long r = testcall(&c);

	inode_put(c.ip);
	return r;
}
/* What a path stands for (not following a link at the end): copied from the inode. */
static inline long do_stat(const char *path, struct inode *st)
{
	struct testcall c = { .what = CALL_STAT, .path = path };
	long r = testcall(&c);

	if (!r)
		*st = *c.ip;
	inode_put(c.ip);
	return r;
}
static inline long do_readlink(const char *path, char *buf, u64 size)
{
	struct testcall c = { .what = CALL_STAT, .path = path };
	long r = testcall(&c);

	if (!r)
		r = c.ip->target ? snprintf(buf, size, "%s", c.ip->target) : -EINVAL;
	inode_put(c.ip);
	return r;
}

/* A whole file: what was written, read back. */
static inline long do_put(const char *path, const void *buf, u64 len)
{
	struct file *f;
	long r = do_open(path, O_CREAT | O_WRONLY | O_TRUNC, &f);

	if (r)
		return r;
	r = len ? do_write(f, 0, buf, len) : 0;
	file_put(f);
	return r;
}
static inline long do_get(const char *path, void *buf, u64 len)
{
	struct file *f;
	long r = do_open(path, O_RDONLY, &f);

	if (r)
		return r;
	r = do_read(f, 0, buf, len);
	file_put(f);
	return r;
}

/* Each entry of a directory but "." and "..": how many, or an error. */
struct testdirent { u64 ino; s64 next; u16 len; u8 type; char name[]; };
static inline long do_list(const char *path, void (*each)(const struct testdirent *e, void *arg), void *arg)
{
	static u8 buf[2048];
	struct file *f;
	long n = 0, r = do_open(path, O_RDONLY | O_DIRECTORY, &f);

	while (!r && (r = CALL(.what = CALL_LIST, .file = f, .buf = buf, .len = sizeof(buf))) > 0) {
		for (long i = 0; i < r; i += ((struct testdirent *)(buf + i))->len) {
			const struct testdirent *e = (const struct testdirent *)(buf + i);

			if (!strcmp(e->name, ".") || !strcmp(e->name, ".."))
				continue;
			n++;
			if (each)
				each(e, arg);
		}
		r = 0;
	}
	file_put(f);
	return r ? r : n;
}

/* Before anything is counted: the write-back daemon, which stays. */
static inline void disk_test_start(void **state)
{
	flusher_start();
	run_all();
}
#define DISK_TEST_START() cmocka_unit_test_setup(disk_test_start, fresh_files)

/* Names nobody uses are forgotten: what comes next is from the disk. */
static inline void forget_names(void)
{
	disk_names_evict(NULL, UINT32_MAX);
	run_all();
}
