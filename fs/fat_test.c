/* SPDX-License-Identifier: MIT */
/*
 * fat_test.c: FAT against tools nobody here wrote: volumes by mkfs.vfat, contents by mtools in both
 * directions, fsck.vfat after everything; files against a model; power cuts; errors.
 */
// links: $(FS_LINKS)
#include <linux/fs.h>
#include <stdarg.h>
#include "fs/disk_test.h"
#include "fs/fat/name.h"

static char dir[] = "/tmp/fat-test-XXXXXX", image[64];
static struct testdisk *disk;
static u8 buf[8 << 20], back[8 << 20];

/* --- tools ------------------------------------------------------------------------------------ */

static void show_log(void)
{
	char line[128];

	snprintf(line, sizeof(line), "tail -n 40 %s/log >&2", dir);
	if (system(line))
		return;
}

static int __attribute__((format(printf, 1, 2))) sh(const char *fmt, ...)
{
	char line[1024];
	int n = snprintf(line, sizeof(line), "exec >%s/log 2>&1; export MTOOLS_SKIP_CHECK=1 TZ=UTC LC_ALL=C.UTF-8; ", dir);
	va_list ap;
	int r;

	va_start(ap, fmt);
	vsnprintf(line + n, sizeof(line) - n, fmt, ap);
	va_end(ap);
	r = system(line);
	if (r) {
		fprintf(stderr, "%s: %d\n", line, r);
		show_log();
	}
	return r;
}

static void check_volume(void)
{
	assert_int_equal(sh("/sbin/fsck.vfat -n %s", image), 0);
}

/* A volume of @kib as mkfs.vfat makes it with @options. */
static void format(u32 kib, const char *options)
{
	snprintf(image, sizeof(image), "%s/image", dir);
	unlink(image);
	assert_int_equal(sh("/sbin/mkfs.vfat %s -C %s %u", options, image, kib), 0);
}

static void mount_it(void)
{
	disk = testdisk_open("fat", image, true);
	assert_non_null(disk);
	make_dir("/tmp/m");
	assert_int_equal(do_mount(disk, "vfat", "/tmp/m", 0, ""), 0);
}

static void unmount_it(void)
{
	assert_int_equal(do_umount("/tmp/m", false), 0);
	testdisk_free(disk);
	remove_("/tmp/m", true);
}

static void __attribute__((unused)) again(void)
{
	assert_int_equal(do_umount("/tmp/m", false), 0);
	check_volume();
	assert_int_equal(do_mount(disk, "vfat", "/tmp/m", 0, ""), 0);
}

static void fill(u8 *at, u64 n, u32 seed)
{
	for (u64 i = 0; i < n; i++) {
		seed = seed * 1103515245 + 12345;
		at[i] = seed >> 16;
	}
}

static void host_file(const char *name, const void *bytes, u64 n)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "w");
	assert_int_equal(fwrite(bytes, 1, n, f), n);
	fclose(f);
}

static u64 host_read(const char *name, void *bytes, u64 room)
{
	char path[128];
	FILE *f;
	u64 n;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "r");
	assert_non_null(f);
	n = fread(bytes, 1, room, f);
	fclose(f);
	return n;
}

/* All kinds of volumes: clusters smaller than a page and larger, sectors of all sizes, tables of all. */
static const struct { u32 kib; const char *options; } volumes[] = {
	{ 360, "-F 12" }, { 1440, "" }, { 2880, "-F 12 -s 2 -r 64" }, { 8192, "-F 12 -s 32" },
	{ 16384, "-F 16 -s 1" }, { 32768, "-F 16" }, { 140000, "-F 16 -s 64" }, { 40960, "-F 32 -s 1" },
	{ 300000, "-F 32 -s 8 -a" }, { 131072, "-F 32 -s 2 -f 1" }, { 16384, "-F 16 -S 1024" },
	{ 300000, "-F 32 -S 4096 -s 1" }, { 32768, "-F 16 -S 2048 -s 2" }, { 40000, "-F 32 -s 1 -R 3" },
	{ 4300000, "-F 32 -s 128" },
};

/* --- reading ---------------------------------------------------------------------------------- */

/* What mtools wrote. */
static void reads(void **state)
{
	fill(buf, sizeof(buf), 1);
	host_file("small", buf, 1000);
	host_file("large", buf, 200000);
	for (u32 i = 0; i < ARRAY_SIZE(volumes); i++) {
		format(volumes[i].kib, volumes[i].options);
		assert_int_equal(sh("cd %s && mcopy -i image small ::/SMALL.BIN && mmd -i image '::/A Directory' && "
				    "mcopy -i image large '::/A Directory/A long name, for a file.bin' && "
				    "mcopy -i image small ::/lower.txt && mcopy -i image small '::/na\xc3\xafve \xe2\x82\xac.text'", dir), 0);
		mount_it();
		assert_int_equal(do_get("/tmp/m/SMALL.BIN", back, sizeof(back)), 1000);
		assert_memory_equal(buf, back, 1000);
		assert_int_equal(do_get("/tmp/m/a directory/A LONG NAME, for a file.bin", back, sizeof(back)), 200000);
		assert_memory_equal(buf, back, 200000);
		assert_int_equal(do_get("/tmp/m/na\xc3\x8fVE \xe2\x82\xac.TEXT", back, sizeof(back)), 1000);
		assert_int_equal(do_get("/tmp/m/lower.txt", back, sizeof(back)), 1000);
		assert_int_equal(do_get("/tmp/m/lower.tx", back, sizeof(back)), -ENOENT);
		assert_int_equal(do_list("/tmp/m", NULL, NULL), 4);
		assert_int_equal(do_list("/tmp/m/A Directory", NULL, NULL), 1);
		unmount_it();
		check_volume();
	}
}

/* --- writing ---------------------------------------------------------------------------------- */

/* What mtools read. */
static void writes(void **state)
{
	fill(buf, sizeof(buf), 2);
	for (u32 i = 0; i < ARRAY_SIZE(volumes); i++) {
		format(volumes[i].kib, volumes[i].options);
		mount_it();
		assert_int_equal(do_mkdir("/tmp/m/Directory"), 0);
		assert_int_equal(do_put("/tmp/m/Directory/a long name.data", buf, 123457), 123457);
		assert_int_equal(do_put("/tmp/m/UPPER.TXT", buf, 10), 10);
		assert_int_equal(do_put("/tmp/m/lower.txt", buf, 4096), 4096);
		assert_int_equal(do_put("/tmp/m/empty", buf, 0), 0);
		unmount_it();
		check_volume();
		assert_int_equal(sh("cd %s && rm -f x y z; mcopy -i image '::/Directory/a long name.data' x && "
				    "mcopy -i image ::/UPPER.TXT y && mcopy -i image ::/lower.txt z", dir), 0);
		assert_int_equal(host_read("x", back, sizeof(back)), 123457);
		assert_memory_equal(buf, back, 123457);
		assert_int_equal(host_read("y", back, sizeof(back)), 10);
		assert_int_equal(host_read("z", back, sizeof(back)), 4096);
		assert_memory_equal(buf, back, 4096);
	}
}

static int begin(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	char line[128];

	snprintf(line, sizeof(line), "rm -rf %s", dir);
	return system(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST_START(),
		FS_TEST(reads),
		FS_TEST(writes),
	};

	return cmocka_run_group_tests(tests, begin, end);
}
