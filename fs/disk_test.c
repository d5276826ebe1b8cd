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

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST_START(),
		FS_TEST(comes_and_goes),
		FS_TEST(file_is_kept),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
