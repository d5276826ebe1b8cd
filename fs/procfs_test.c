/* SPDX-License-Identifier: MIT */
/* procfs_test.c: /proc and /dev: generated content, processes that come and go, links to open files. */
// links: $(FS_LINKS)
#include "fs/pipe.h"
#include "fs/procfs.h"
#include "fs/streams.h"
#include "fs/test.h"
#include "lib/text.h"

static bool alive = true;
static struct file *open_file;

static long read_name(s32 pid, struct text *t)
{
	if (!alive)
		return -ESRCH;
	text_add(t, "process %d\n", pid);
	return 0;
}

static long read_much(s32 pid, struct text *t)
{
	for (u32 i = 0; i < 1000; i++)
		text_add(t, "line %4u\n", i);
	return 0;
}

static long cwd(s32 pid, struct dentry **out)
{
	*out = fs_context_cwd(ctx);
	return 0;
}

static const struct procfs_file files[] = {
	{ "name", 0444, read_name }, { "much", 0400, read_much }, { NULL, 0, NULL },
};
static const struct procfs_link links[] = { { "cwd", cwd }, { NULL, NULL } };
static s32 next(s32 after) { return !alive ? 0 : after < 1 ? 1 : after < 42 ? 42 : 0; }
static bool owner(s32 pid, u32 *uid, u32 *gid)
{
	*uid = *gid = 1000;
	return alive && (pid == 1 || pid == 42);
}
static s32 self(void) { return 42; }
static s32 next_thread(s32 pid, s32 after) { return after < pid ? pid : 0; }
static s64 next_fd(s32 pid, s64 after) { return after < 3 ? 3 : -1; }
static struct file *get_fd(s32 pid, u32 fd) { return fd == 3 && open_file ? file_get(open_file) : NULL; }
static void totals(struct procfs_totals *sum)
{
	*sum = (struct procfs_totals){
		.user_ns = 0, .created = 9, .threads = 5, .running = 2, .last_pid = 42,
		.load = { 2048, 3072, 512 },
	};
}

static const struct procfs_processes fake = {
	totals, files, links, next, owner, self, self, next_thread, next_fd, get_fd,
};

static void content(void **state)
{
	char buf[16];
	struct file *f;
	u64 pos = 9995;

	procfs_register(&fake);
	assert_non_null(strstr(read_file("/proc/meminfo"), "MemTotal:"));
	assert_string_equal(read_file("/proc/loadavg"), "1.00 1.50 0.25 2/5 42\n");
	assert_non_null(strstr(read_file("/proc/stat"), "processes 9\nprocs_running 2\n"));
	assert_non_null(strstr(read_file("/proc/mounts"), "proc /proc proc rw"));
	assert_string_equal(read_file("/proc/42/name"), "process 42\n");
	assert_string_equal(read_file("/proc/self/name"), "process 42\n");
	assert_string_equal(read_file("/proc/thread-self/name"), "process 42\n");
	assert_int_equal(open_("/proc/1/much", O_RDONLY, &f), 0);
	assert_int_equal(read_at(f, buf, 16, &pos), 5);
	assert_memory_equal(buf, " 999\n", 5);
	pos = 0;
	assert_int_equal(read_at(f, buf, 10, &pos), 10);
	assert_memory_equal(buf, "line    0\n", 10);
	file_put(f);
}

static void processes_go(void **state)
{
	char buf[16];
	struct file *f;

	assert_walk_error("/proc/7", 0, -ENOENT);
	assert_int_equal(remove_("/proc/meminfo", false), -EPERM);
	assert_int_equal(remove_("/proc/42", true), -EPERM);
	assert_int_equal(make_dir("/proc/x"), -ENOENT);
	assert_walk_error("/proc/042", 0, -ENOENT);
	assert_walk_error("/proc/42/nothing", 0, -ENOENT);
	assert_leads("/proc/42/task/42", 0, "/proc/42/task/42");
	assert_leads("/proc/42/fd/../../1", 0, "/proc/1");
	assert_int_equal(open_("/proc/42/name", O_RDONLY, &f), 0);
	assert_int_equal(fs_context_chdir(ctx, "/proc/42"), 0);
	alive = false;
	assert_int_equal(file_get_bytes(f, buf, 16), -ESRCH);
	assert_walk_error("name", 0, -ENOENT);
	assert_walk_error("/proc/42", 0, -ENOENT);
	alive = true;
	file_put(f);
	assert_int_equal(fs_context_chdir(ctx, "/"), 0);
	ctx->fsuid = 5;
	assert_int_equal(open_error("/proc/42/much", O_RDONLY), -EACCES);
}

static void links_to_files(void **state)
{
	struct file *w, *again;
	char buf[64];
	struct dentry *d;

	assert_int_equal(pipe_create(0, &open_file, &w), 0);
	assert_int_equal(path_walk(ctx, NULL, "/proc/self/fd/3", 0, &d), 0);
	assert_true(d->inode->ops->readlink(d->inode, buf, sizeof(buf)) >= 8);
	assert_memory_equal(buf, "pipe:[", 6);
	dentry_put(d);
	file_put_bytes(w, "again");
	assert_int_equal(open_("/dev/fd/3", O_RDONLY, &again), 0);
	assert_int_equal(file_get_bytes(again, buf, 9), 5);
	file_put(again);
	file_put(w);
	assert_int_equal(open_("/dev/fd/3", O_RDONLY, &again), 0);
	assert_int_equal(file_open_wait(again), 0);		/* no writer is left: the end, not a wait */
	assert_int_equal(file_get_bytes(again, buf, 9), 0);
	file_put(again);
	file_put(open_file);
	assert_int_equal(open_("/dev/null", O_RDWR, &open_file), 0);
	assert_leads("/proc/self/fd/3", WALK_FOLLOW, "/dev/null");
	assert_walk_error("/proc/self/fd/3", WALK_FOLLOW | WALK_NO_MAGIC, -ELOOP);
	assert_walk_error("/proc/self/fd/4", WALK_FOLLOW, -ENOENT);
	file_put(open_file);
	open_file = NULL;
	assert_leads("/proc/self/cwd/tmp", 0, "/tmp");
}

static void devices(void **state)
{
	char buf[300];
	struct file *f;

	assert_int_equal(open_("/dev/zero", O_RDWR, &f), 0);
	memset(buf, 1, sizeof(buf));
	assert_int_equal(file_get_bytes(f, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(buf[299], 0);
	assert_int_equal(file_put_bytes(f, "gone"), 4);
	file_put(f);
	assert_int_equal(open_("/dev/full", O_RDWR, &f), 0);
	assert_int_equal(file_put_bytes(f, "x"), -ENOSPC);
	file_put(f);
	assert_int_equal(open_("/dev/urandom", O_RDWR, &f), 0);
	assert_int_equal(file_get_bytes(f, buf, sizeof(buf)), sizeof(buf));
	assert_int_equal(buf[299], 0x5a);
	file_put(f);
	assert_int_equal(open_error("/dev/tty", O_RDWR), -ENXIO);
	f = null_open(O_RDONLY);
	assert_int_equal(file_get_bytes(f, buf, 1), 0);
	assert_true(file_path(f, buf, sizeof(buf)) > 0);
	assert_string_equal(buf, "/dev/null");
	file_put(f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FS_TEST(content), FS_TEST(processes_go), FS_TEST(links_to_files), FS_TEST(devices),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
