/* SPDX-License-Identifier: MIT */
/* disk_test.c: what is generic about file systems on disks, with a toy one (toyfs_test.h). */
// links: $(FS_LINKS)
#include <linux/fs.h>
#include "fs/disk_test.h"
#include "fs/toyfs_test.h"

static struct testdisk *disk;
static u8 buf[TOY_REGION << PAGE_SHIFT], back[TOY_REGION << PAGE_SHIFT];

static void mounted(void)
{
	static bool known;

	if (!known)
		fs_type_add(&toy_type);
	known = true;
	disk = testdisk_create("toy", (u64)TOY_PAGES << PAGE_SHIFT);
	toy_format(disk->bytes);
	make_dir("/tmp/m");
	assert_int_equal(do_mount(disk, "toyfs", "/tmp/m", 0, ""), 0);
}

static void unmounted(void)
{
	assert_int_equal(do_umount("/tmp/m", false), 0);
	testdisk_free(disk);
	remove_("/tmp/m", true);
}

static void again(void)
{
	assert_int_equal(do_umount("/tmp/m", false), 0);
	assert_int_equal(do_mount(disk, "toyfs", "/tmp/m", 0, ""), 0);
}

static void comes_and_goes(void **state)
{
	mounted();
	unmounted();
}

static void file_is_kept(void **state)
{
	for (u32 i = 0; i < sizeof(buf); i++)
		buf[i] = pick(256);
	mounted();
	assert_int_equal(do_put("/tmp/m/a", buf, 100000), 100000);
	assert_int_equal(do_get("/tmp/m/a", back, sizeof(back)), 100000);
	assert_memory_equal(buf, back, 100000);
	again();
	assert_int_equal(do_get("/tmp/m/a", back, sizeof(back)), 100000);
	assert_memory_equal(buf, back, 100000);
	unmounted();
}

static u32 mode_of(const char *path)
{
	struct inode st;

	return do_stat(path, &st) ? 0 : st.mode & I_FMT;
}

static void names(void **state)
{
	char text[64];

	mounted();
	assert_int_equal(do_mkdir("/tmp/m/d"), 0);
	assert_int_equal(do_mkdir("/tmp/m/d"), -EEXIST);
	assert_int_equal(do_mkdir("/tmp/m/x/y"), -ENOENT);
	assert_int_equal(do_put("/tmp/m/d/f", "hello", 5), 5);
	assert_int_equal(do_link("/tmp/m/d/f", "/tmp/m/g"), 0);
	assert_int_equal(do_symlink("d/f", "/tmp/m/s"), 0);
	assert_int_equal(do_unlink("/tmp/m/d"), -EISDIR);
	assert_int_equal(do_rmdir("/tmp/m/g"), -ENOTDIR);
	assert_int_equal(do_rmdir("/tmp/m/d"), -ENOTEMPTY);
	assert_int_equal(do_unlink("/tmp/m/none"), -ENOENT);
	again();
	assert_int_equal(do_get("/tmp/m/s", back, 100), 5);
	assert_int_equal(do_readlink("/tmp/m/s", text, sizeof(text)), 3);
	assert_int_equal(do_list("/tmp/m", NULL, NULL), 3);
	assert_int_equal(do_unlink("/tmp/m/d/f"), 0);
	assert_int_equal(do_rmdir("/tmp/m/d"), 0);
	assert_int_equal(do_get("/tmp/m/s", back, 100), -ENOENT);
	assert_int_equal(do_get("/tmp/m/g", back, 100), 5);
	assert_int_equal(do_link("/tmp/m/g", "/tmp/elsewhere"), -EXDEV);
	unmounted();
}

/* What fits into one listing ends where entries are empty. */
static void gaps_in_directories(void **state)
{
	char path[80];

	mounted();
	for (u32 i = 0; i < 120; i++) {
		snprintf(path, sizeof(path), "/tmp/m/%057u", i);
		assert_int_equal(do_put(path, "x", 1), 1);
	}
	for (u32 i = 30; i < 70; i++) {
		snprintf(path, sizeof(path), "/tmp/m/%057u", i);
		assert_int_equal(do_unlink(path), 0);
		assert_int_equal(do_list("/tmp/m", NULL, NULL), 119 - (i - 30));
	}
	unmounted();
}

static void renames(void **state)
{
	mounted();
	assert_int_equal(do_mkdir("/tmp/m/a"), 0);
	assert_int_equal(do_mkdir("/tmp/m/b"), 0);
	assert_int_equal(do_put("/tmp/m/a/f", "1", 1), 1);
	assert_int_equal(do_put("/tmp/m/b/f", "22", 2), 2);
	assert_int_equal(do_rename("/tmp/m/a", "/tmp/m/a/b", 0), -EINVAL);
	assert_int_equal(do_rename("/tmp/m/a", "/tmp/m/b", 0), -ENOTEMPTY);
	assert_int_equal(do_rename("/tmp/m/a/f", "/tmp/m/b/f", RENAME_NOREPLACE), -EEXIST);
	assert_int_equal(do_rename("/tmp/m/a/f", "/tmp/m/b/f", RENAME_EXCHANGE), 0);
	assert_int_equal(do_get("/tmp/m/a/f", back, 9), 2);
	assert_int_equal(do_rename("/tmp/m/a/f", "/tmp/m/b/f", 0), 0);
	assert_int_equal(do_get("/tmp/m/a/f", back, 9), -ENOENT);
	assert_int_equal(do_get("/tmp/m/b/f", back, 9), 2);
	assert_int_equal(do_rename("/tmp/m/b", "/tmp/m/a", 0), 0);
	assert_int_equal(mode_of("/tmp/m/b"), 0);
	again();
	assert_int_equal(do_get("/tmp/m/a/f", back, 9), 2);
	assert_int_equal(do_list("/tmp/m", NULL, NULL), 1);
	unmounted();
}

/* A file without a name lives as long as it is open, and umount says so. */
static void removed_but_open(void **state)
{
	struct file *f;

	mounted();
	assert_int_equal(do_put("/tmp/m/f", buf, 50000), 50000);
	assert_int_equal(do_open("/tmp/m/f", O_RDWR, &f), 0);
	assert_int_equal(do_unlink("/tmp/m/f"), 0);
	assert_int_equal(do_umount("/tmp/m", false), -EBUSY);
	assert_int_equal(do_read(f, 40000, back, 20000), 10000);
	assert_memory_equal(back, buf + 40000, 10000);
	assert_int_equal(do_write(f, 50000, buf, 7), 7);
	file_put(f);
	again();
	assert_int_equal(((struct toy_inode *)(disk->bytes + PAGE_SIZE))[2].mode, 0);
	unmounted();
}

static void lazily_unmounted(void **state)
{
	struct file *f;

	mounted();
	assert_int_equal(do_put("/tmp/m/f", buf, 9000), 9000);
	assert_int_equal(do_open("/tmp/m/f", O_RDWR, &f), 0);
	struct testcall c = { .what = CALL_UMOUNT, .path = "/tmp/m", .flags = true };
	struct dentry *d;

	assert_int_equal(path_walk(ctx, NULL, "/tmp/m", 0, &d), 0);
	assert_int_equal(mount_remove(d, true, &c.work), 0);
	dentry_put(d);
	run_all();
	assert_int_equal(do_get("/tmp/m/f", back, 10), -ENOENT);
	assert_int_equal(do_read(f, 0, back, 9000), 9000);
	assert_int_equal(do_write(f, 0, "x", 1), 1);
	assert_false(c.work->done.over);
	file_put(f);
	run_all();
	assert_true(c.work->done.over);
	errand_put(c.work);
	testdisk_free(disk);
	remove_("/tmp/m", true);
}

/* A few files against arrays: writes, holes, sizes, names, and all of it once more from the disk. */
enum { FILES = 4, MODEL = TOY_REGION << PAGE_SHIFT };
static struct { u8 bytes[MODEL]; u64 size; bool there; } model[FILES];

static const char *model_name(u32 i)
{
	static char name[32];

	snprintf(name, sizeof(name), "/tmp/m/%u", i);
	return name;
}

static void model_write(u32 i)
{
	u64 pos = pick(MODEL - 30000), n = pick(2) ? pick(200) : pick(30000);
	struct file *f;

	if (do_open(model_name(i), O_RDWR | O_CREAT, &f))
		fail();
	for (u64 k = 0; k < n; k++)
		buf[k] = model[i].bytes[pos + k] = pick(255) + 1;
	assert_int_equal(do_write(f, pos, buf, n), n);
	if (!pick(4))
		assert_int_equal(do_fsync(f), 0);
	file_put(f);
	model[i].there = true;
	model[i].size = n ? max(model[i].size, pos + n) : model[i].size;
}

static void model_truncate(u32 i)
{
	u64 size = pick(MODEL);

	assert_int_equal(do_truncate(model_name(i), size), model[i].there ? 0 : -ENOENT);
	if (!model[i].there)
		return;
	if (size < model[i].size)
		memset(model[i].bytes + size, 0, model[i].size - size);
	model[i].size = size;
}

static void model_unlink(u32 i)
{
	assert_int_equal(do_unlink(model_name(i)), model[i].there ? 0 : -ENOENT);
	memset(&model[i], 0, sizeof(model[i]));
}

static void model_rename(u32 i, u32 k)
{
	char from[32];

	strcpy(from, model_name(i));
	assert_int_equal(do_rename(from, model_name(k), 0), model[i].there ? 0 : -ENOENT);
	if (!model[i].there || i == k)
		return;
	model[k] = model[i];
	memset(&model[i], 0, sizeof(model[i]));
}

static void model_compare(u32 i)
{
	long n = do_get(model_name(i), back, sizeof(back));

	assert_int_equal(n, model[i].there ? (long)model[i].size : -ENOENT);
	if (n > 0)
		assert_memory_equal(back, model[i].bytes, n);
}

static void model_step(void)
{
	u32 i = pick(FILES), what = pick(16);

	if (what < 6)
		model_write(i);
	else if (what < 8)
		model_truncate(i);
	else if (what < 9)
		model_unlink(i);
	else if (what < 10)
		model_rename(i, pick(FILES));
	else if (what < 11)
		forget_names();
	else if (what < 12)
		cache_reclaim(pick(100));
	else if (what < 13)
		host_advance(NSEC_PER_SEC);
	else
		model_compare(i);
}

static void as_arrays(void **state)
{
	memset(model, 0, sizeof(model));
	mounted();
	for (u32 n = 0; n < 10000; n++) {
		model_step();
		if (n % 500 == 499)
			again();
	}
	for (u32 i = 0; i < FILES; i++)
		model_compare(i);
	unmounted();
}

/* Whatever fails, the call says so, and nothing is lost on the way. */
static void errors(void **state)
{
	u32 failed = 0;

	mounted();
	disk->fault = fault_after;
	for (u32 n = 0; n < 300; n++) {
		struct file *f;

		disk->fault_in = n % 40;
		failed += do_mkdir("/tmp/m/d") == -EIO;
		failed += do_put("/tmp/m/d/f", buf, 200000) == -EIO;
		if (!do_open("/tmp/m/d/f", O_RDWR, &f)) {
			failed += do_read(f, 0, back, 200000) == -EIO;
			failed += do_fsync(f) == -EIO;
			file_put(f);
		}
		failed += do_truncate("/tmp/m/d/f", 100) == -EIO;
		failed += do_rename("/tmp/m/d/f", "/tmp/m/g", 0) == -EIO;
		failed += do_unlink("/tmp/m/g") == -EIO;
		failed += do_rmdir("/tmp/m/d") == -EIO;
		forget_names();
		cache_reclaim(10000);
		run_all();
	}
	assert_true(failed > 20);
	disk->fault = NULL;
	do_umount("/tmp/m", false);
	testdisk_free(disk);
	remove_("/tmp/m", true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST_START(),
		FS_TEST(comes_and_goes),
		FS_TEST(file_is_kept),
		FS_TEST(names),
		FS_TEST(gaps_in_directories),
		FS_TEST(renames),
		FS_TEST(removed_but_open),
		FS_TEST(lazily_unmounted),
		FS_TEST(as_arrays),
		FS_TEST(errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
