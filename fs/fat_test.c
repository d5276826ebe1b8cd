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

static void again(void)
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

/* --- names ------------------------------------------------------------------------------------ */

static bool listed_found;
static const char *listed_name;
static void look_for(const struct testdirent *e, void *arg) { listed_found |= !strcmp(e->name, listed_name); }

/* Is exactly this name in the directory? */
static bool listed(const char *where, const char *name)
{
	listed_found = false;
	listed_name = name;
	assert_true(do_list(where, look_for, NULL) >= 0);
	return listed_found;
}

static void names_are_folded_and_kept(void **state)
{
	struct inode a, b;

	format(8192, "");
	mount_it();
	assert_int_equal(do_put("/tmp/m/MixedCase", "1", 1), 1);
	assert_int_equal(do_stat("/tmp/m/mixedcase", &a), 0);
	assert_int_equal(do_stat("/tmp/m/MIXEDCASE", &b), 0);
	assert_int_equal(a.ino, b.ino);
	assert_int_equal(do_stat("/tmp/m/mixedcas", &b), -ENOENT);
	assert_true(listed("/tmp/m", "MixedCase"));
	assert_int_equal(do_mkdir("/tmp/m/MIXEDcase"), -EEXIST);
	assert_int_equal(do_rename("/tmp/m/mixedCASE", "/tmp/m/mixedcase", 0), 0);
	assert_true(listed("/tmp/m", "mixedcase"));
	assert_false(listed("/tmp/m", "MixedCase"));
	again();
	assert_true(listed("/tmp/m", "mixedcase"));
	assert_int_equal(do_rename("/tmp/m/MIXEDCASE", "/tmp/m/short.TXT", 0), 0);
	assert_true(listed("/tmp/m", "short.TXT"));
	assert_int_equal(do_get("/tmp/m/SHORT.txt", back, 9), 1);
	assert_int_equal(do_put("/tmp/m/trailing dots...", "", 0), 0);
	assert_true(listed("/tmp/m", "trailing dots"));
	assert_int_equal(do_stat("/tmp/m/TRAILI~1", &a), 0);
	assert_int_equal(do_put("/tmp/m/a:b", "", 0), -EINVAL);
	assert_int_equal(do_put("/tmp/m/a\nb", "", 0), -EINVAL);
	assert_int_equal(do_put("/tmp/m/ends in a space ", "", 0), -EINVAL);
	assert_int_equal(do_put("/tmp/m/not \xff UTF-8", "", 0), -EINVAL);
	assert_int_equal(do_symlink("x", "/tmp/m/link"), -EPERM);
	assert_int_equal(do_link("/tmp/m/short.txt", "/tmp/m/link"), -EPERM);
	unmount_it();
	check_volume();
}

/* From one character to 255 units, across pages of the directory, with characters of two units. */
static void names_of_every_length(void **state)
{
	char path[600];
	u32 n;

	format(40000, "-F 32 -s 1");
	mount_it();
	for (u32 len = 1; len <= 255; len++) {
		n = sprintf(path, "/tmp/m/");
		for (u32 i = 0; i < len; i++)
			path[n++] = i ? 'a' + (i + len) % 26 : 'A' + len % 7;
		path[n] = 0;
		assert_int_equal(do_put(path, buf, len), len);
	}
	assert_int_equal(do_put("/tmp/m/\xf0\x9f\x98\x80 \xf0\x90\x90\xb7.\xf0\x9f\x98\x80", buf, 3), 3);
	for (u32 round = 0; round < 2; round++, again())
		for (u32 len = 1; len <= 255; len++) {
			n = sprintf(path, "/tmp/m/");
			for (u32 i = 0; i < len; i++)
				path[n++] = i ? 'a' + (i + len) % 26 : 'A' + len % 7;
			path[n] = 0;
			assert_int_equal(do_get(path, back, sizeof(back)), len);
		}
	assert_true(listed("/tmp/m", "\xf0\x9f\x98\x80 \xf0\x90\x90\xb7.\xf0\x9f\x98\x80"));
	assert_int_equal(do_list("/tmp/m", NULL, NULL), 256);
	unmount_it();
	check_volume();
	assert_int_equal(sh("cd %s && mdir -b -i image ::/ >names; mcopy -D o -i image ::/__~1._ x", dir), 0);
	assert_int_equal(host_read("x", back, 100), 3);
}

/* Thousands of names with one beginning: short names are found quickly, and all are different. */
static void many_names(u32 count, u32 step)
{
	char path[64];

	for (u32 i = 0; i < count; i++) {
		sprintf(path, "/tmp/m/d/A long beginning %05u.text", i);
		assert_int_equal(do_put(path, "", 0), 0);
	}
	assert_int_equal(do_list("/tmp/m/d", NULL, NULL), count);
	for (u32 i = 0; i < count; i += step) {
		sprintf(path, "/tmp/m/d/a long beginning %05u.TEXT", i);
		assert_int_equal(do_unlink(path), 0);
	}
	for (u32 i = 0; i < count; i++) {
		struct inode st;

		sprintf(path, "/tmp/m/d/A LONG beginning %05u.text", i);
		assert_int_equal(do_stat(path, &st), i % step ? 0 : -ENOENT);
	}
}

static void a_large_directory(void **state)
{
	format(40000, "-F 32 -s 4");
	mount_it();
	assert_int_equal(do_mkdir("/tmp/m/d"), 0);
	many_names(3000, 3);
	again();
	assert_int_equal(do_list("/tmp/m/d", NULL, NULL), 2000);
	unmount_it();
	check_volume();
}

/* A directory has 65,536 slots, and says so: run by hand with FAT_LONG=1. */
static void the_largest_directory(void **state)
{
	char path[64];
	u32 n = 0;

	if (!getenv("FAT_LONG"))
		return;
	format(400000, "-F 32 -s 8");
	mount_it();
	assert_int_equal(do_mkdir("/tmp/m/d"), 0);
	many_names(20000, 7);
	again();
	assert_int_equal(do_mkdir("/tmp/m/e"), 0);
	for (;; n++) {
		sprintf(path, "/tmp/m/e/%u", n);
		long r = do_put(path, "", 0);

		if (r) {
			assert_int_equal(r, -ENOSPC);
			break;
		}
	}
	assert_int_equal(n, 65534);
	unmount_it();
	check_volume();
}

/* --- changes ---------------------------------------------------------------------------------- */

static void renames(void **state)
{
	for (u32 i = 0; i < ARRAY_SIZE(volumes); i += 4) {
		format(volumes[i].kib, volumes[i].options);
		mount_it();
		assert_int_equal(do_mkdir("/tmp/m/one"), 0);
		assert_int_equal(do_mkdir("/tmp/m/two"), 0);
		assert_int_equal(do_mkdir("/tmp/m/one/inner"), 0);
		assert_int_equal(do_put("/tmp/m/one/file", buf, 5000), 5000);
		assert_int_equal(do_put("/tmp/m/two/another long file name", buf, 777), 777);
		assert_int_equal(do_rename("/tmp/m/one/file", "/tmp/m/two/FILE", 0), 0);
		assert_int_equal(do_rename("/tmp/m/two/another long file name", "/tmp/m/two/file", 0), 0);
		assert_int_equal(do_rename("/tmp/m/one/inner", "/tmp/m/two/moved", 0), 0);
		assert_int_equal(do_rename("/tmp/m/two", "/tmp/m/two/moved/x", 0), -EINVAL);
		assert_int_equal(do_rename("/tmp/m/two/moved", "/tmp/m/one", 0), 0);
		assert_int_equal(do_rename("/tmp/m/one", "/tmp/m/two", 0), -ENOTEMPTY);
		assert_int_equal(do_rename("/tmp/m/one", "/tmp/m/two", RENAME_EXCHANGE), -EINVAL);
		again();
		assert_int_equal(do_get("/tmp/m/two/file", back, sizeof(back)), 777);
		assert_int_equal(do_list("/tmp/m/one", NULL, NULL), 0);
		assert_int_equal(do_list("/tmp/m/two", NULL, NULL), 1);
		assert_int_equal(do_list("/tmp/m", NULL, NULL), 2);
		assert_int_equal(do_rmdir("/tmp/m/one"), 0);
		assert_int_equal(do_rmdir("/tmp/m/two"), -ENOTEMPTY);
		unmount_it();
		check_volume();
	}
}

/* A file without a name keeps its contents, and its clusters come back. */
static void removed_but_open(void **state)
{
	struct file *f;

	fill(buf, 200000, 3);
	format(1440, "");
	mount_it();
	for (u32 i = 0; i < 20; i++) {
		assert_int_equal(do_put("/tmp/m/f", buf, 200000), 200000);
		assert_int_equal(do_open("/tmp/m/f", O_RDWR, &f), 0);
		assert_int_equal(do_unlink("/tmp/m/f"), 0);
		assert_int_equal(do_put("/tmp/m/f", buf, 100), 100);
		assert_int_equal(do_write(f, 200000, buf, 5000), 5000);
		cache_reclaim(1000);
		assert_int_equal(do_read(f, 100000, back, 200000), 105000);
		assert_memory_equal(back, buf + 100000, 100000);
		file_put(f);
		run_all();
	}
	unmount_it();
	check_volume();
}

/* A full disk is told to who writes; everything else is as it was, and room comes back at once. */
static void full(void **state)
{
	char path[64];
	long n;

	fill(buf, sizeof(buf), 4);
	for (u32 i = 0; i < 6; i++) {
		format(volumes[i].kib, volumes[i].options);
		mount_it();
		assert_int_equal(do_mkdir("/tmp/m/d"), 0);
		for (u32 round = 0; round < 3; round++) {
			for (u32 k = 0;; k++) {
				sprintf(path, "/tmp/m/d/%u", k);
				n = do_put(path, buf, 1 << 20);
				if (n != 1 << 20)
					break;
			}
			assert_true(n > 0 || n == -ENOSPC);
			assert_int_equal(do_put("/tmp/m/more", buf, 100), -ENOSPC);
			assert_int_equal(do_mkdir("/tmp/m/dir"), -ENOSPC);
			assert_int_equal(do_get(path, back, sizeof(back)), n > 0 ? n : 0);
			assert_memory_equal(back, buf, n > 0 ? n : 0);
			again();
			for (u32 k = 0; do_unlink((sprintf(path, "/tmp/m/d/%u", k), path)) == 0; k++)
				;
			assert_int_equal(do_unlink("/tmp/m/more"), 0);
		}
		unmount_it();
		check_volume();
	}
}

static void sizes(void **state)
{
	struct inode st;
	struct file *f;

	format(5000000, "-F 32 -s 64");
	mount_it();
	assert_int_equal(do_open("/tmp/m/f", O_CREAT | O_RDWR, &f), 0);
	assert_int_equal(do_write(f, 1ul << 32, "x", 1), -EFBIG);
	assert_int_equal(do_write(f, 70000, buf, 10), 10);
	assert_int_equal(do_read(f, 0, back, 80000), 70010);
	for (u32 i = 0; i < 70000; i++)
		assert_int_equal(back[i], 0);
	assert_int_equal(do_truncate("/tmp/m/f", 33000), 0);
	assert_int_equal(do_truncate("/tmp/m/f", 40000), 0);
	assert_int_equal(do_truncate("/tmp/m/f", 1ul << 32), -EFBIG);
	assert_int_equal(CALL(.what = CALL_ALLOCATE, .file = f, .pos = 50000, .len = 100000), 0);
	assert_int_equal(do_stat("/tmp/m/f", &st), 0);
	assert_int_equal(st.size, 150000);
	assert_int_equal(CALL(.what = CALL_ALLOCATE, .file = f, .mode = 1, .pos = 0, .len = 1000000), -EOPNOTSUPP);
	if (getenv("FAT_LONG")) {
		assert_int_equal(do_truncate("/tmp/m/f", UINT32_MAX), 0);
		assert_int_equal(do_write(f, UINT32_MAX - 10, buf, 100), 10);
		assert_int_equal(do_write(f, UINT32_MAX, buf, 1), -EFBIG);
	}
	file_put(f);
	unmount_it();
	check_volume();
}

/* 100 MB are found with each page of the table read at most once; FSInfo is made right if it was wrong. */
static void allocates_in_batches(void **state)
{
	u64 before;

	format(300000, "-F 32 -s 1");
	assert_int_equal(sh("printf '\\377\\377\\377\\000' | dd of=%s bs=1 seek=1000 conv=notrunc", image), 0);
	mount_it();
	before = disk->reads;
	for (u32 i = 0; i < 13; i++) {
		char path[32];

		sprintf(path, "/tmp/m/%u", i);
		assert_int_equal(do_put(path, buf, sizeof(buf)), sizeof(buf));
	}
	assert_true(disk->reads - before <= (300000 * 2 / 1024) + 10);
	unmount_it();
	check_volume();
}

/* --- against a model ------------------------------------------------------------------------------ */

enum { FILES = 6, MODEL = 200000 };
static struct { u8 bytes[MODEL]; u64 size; bool there; } model[FILES];

static const char *model_name(u32 i)
{
	static char name[2][64];
	static u32 turn;
	char *s = name[turn++ & 1];

	sprintf(s, i & 1 ? "/tmp/m/sub dir/f%u" : "/tmp/m/A file with a long name, %u", i);
	return s;
}

static void model_write(u32 i)
{
	u64 pos = pick(4) ? pick(MODEL - 30000) : model[i].size, n = pick(2) ? pick(200) : pick(30000);
	struct file *f;

	pos = min(pos, MODEL - 30000ul);
	assert_int_equal(do_open(model_name(i), O_RDWR | O_CREAT, &f), 0);
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
	u64 size = pick(3) ? pick(MODEL) : pick(2) * pick(3000);

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
	assert_int_equal(do_rename(model_name(i), model_name(k), 0), model[i].there ? 0 : -ENOENT);
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
	u32 i = pick(FILES), what = pick(17);

	if (what < 6)
		model_write(i);
	else if (what < 8)
		model_truncate(i);
	else if (what < 9)
		model_unlink(i);
	else if (what < 11)
		model_rename(i, pick(FILES));
	else if (what < 12)
		forget_names();
	else if (what < 13)
		cache_reclaim(pick(100));
	else if (what < 14)
		host_advance(NSEC_PER_SEC);
	else
		model_compare(i);
}

static void as_arrays(void **state)
{
	u32 rounds = getenv("FAT_LONG") ? 100000 : 600;

	for (u32 v = 0; v < ARRAY_SIZE(volumes); v += 2) {
		memset(model, 0, sizeof(model));
		format(max(volumes[v].kib, 4096u), v ? volumes[v].options : "-F 12 -s 4");
		mount_it();
		assert_int_equal(do_mkdir("/tmp/m/sub dir"), 0);
		for (u32 n = 0; n < rounds; n++) {
			model_step();
			if (n % 200 == 199)
				again();
		}
		for (u32 i = 0; i < FILES; i++)
			model_compare(i);
		unmount_it();
		check_volume();
	}
}

/* --- power cuts and errors ------------------------------------------------------------------------ */

/* After so many requests nothing reaches the disk any more. */
static long cut(struct testdisk *d, const struct blk_request *r)
{
	if (d->fault_in > 0)
		d->fault_in--;
	return d->fault_in ? 0 : -EIO;
}

enum { KEPT = 24, KEPT_MOST = 40000 };
static struct { u32 seed, size; bool synced; } kept[KEPT];

static const char *kept_name(u32 i)
{
	static char name[64];

	sprintf(name, i % 3 ? "/tmp/m/d/kept file number %u" : "/tmp/m/K%u", i);
	return name;
}

/* A new version of a file; with luck it is promised. */
static void keep(u32 i)
{
	struct file *f;

	kept[i].synced = false;
	kept[i].seed = pick(1 << 30);
	kept[i].size = pick(KEPT_MOST);
	fill(buf, kept[i].size, kept[i].seed);
	if (do_open(kept_name(i), O_RDWR | O_CREAT | O_TRUNC, &f))
		return;
	if (do_write(f, 0, buf, kept[i].size) == kept[i].size && pick(2))
		kept[i].synced = !do_fsync(f);
	file_put(f);
}

static void disturb(u32 i)
{
	char other[64];

	kept[i].synced = false;
	if (pick(3)) {
		do_unlink(kept_name(i));
	} else if (pick(2)) {
		do_truncate(kept_name(i), pick(KEPT_MOST));
	} else {
		strcpy(other, kept_name(i));
		kept[(i + 5) % KEPT].synced = false;
		do_rename(other, kept_name((i + 5) % KEPT), 0);
	}
}

/* What a power cut may leave: clusters nobody has, the end of a name, counts and copies that are old. */
static void check_sound(void)
{
	assert_int_equal(sh("/sbin/fsck.vfat -n %s; test $? -le 1 && ! grep -E 'shares clusters|free cluster |"
			    "Start cluster|chain length is [0-9]|Start does|Duplicate|ircular|ad cluster|point to' %s/log",
			    image, dir), 0);
}

static void check_kept(void)
{
	for (u32 i = 0; i < KEPT; i++) {
		if (!kept[i].synced)
			continue;
		fill(buf, kept[i].size, kept[i].seed);
		assert_int_equal(do_get(kept_name(i), back, sizeof(back)), kept[i].size);
		assert_memory_equal(buf, back, kept[i].size);
	}
}

static void power_cuts(void **state)
{
	u32 rounds = getenv("FAT_LONG") ? 2000 : 40;

	for (u32 n = 0; n < rounds; n++) {
		memset(kept, 0, sizeof(kept));
		format(n & 1 ? 40000 : 1440, n & 1 ? "-F 32 -s 1" : "-F 12 -s 1");
		mount_it();
		do_mkdir("/tmp/m/d");
		disk->fault_in = 1 + pick(600);
		disk->fault = cut;
		for (u32 step = 0; step < 300 && disk->fault_in; step++) {
			if (pick(3))
				keep(pick(KEPT));
			else
				disturb(pick(KEPT));
			if (!pick(8))
				host_advance(NSEC_PER_SEC * 2);
		}
		disk->fault_in = 0;
		unmount_it();
		check_sound();
		mount_it();
		check_kept();
		unmount_it();
	}
}

/* Whatever fails, once: the call says so or a later one does, nothing leaks, and the volume stays sound. */
static void errors(void **state)
{
	u32 failed = 0;

	format(8192, "-F 16 -s 1");
	mount_it();
	disk->fault = fault_after;
	for (u32 n = 0; n < 200; n++) {
		struct file *f;

		disk->fault_in = n % 40;
		failed += do_mkdir("/tmp/m/d") == -EIO;
		failed += do_put("/tmp/m/d/a long file name", buf, 100000) == -EIO;
		if (!do_open("/tmp/m/d/a long file name", O_RDWR, &f)) {
			failed += do_read(f, 0, back, 200000) == -EIO;
			failed += do_fsync(f) == -EIO;
			file_put(f);
		}
		failed += do_truncate("/tmp/m/d/a long file name", 100) == -EIO;
		failed += do_rename("/tmp/m/d/a long file name", "/tmp/m/g", 0) == -EIO;
		failed += do_unlink("/tmp/m/g") == -EIO;
		failed += do_rmdir("/tmp/m/d") == -EIO;
		forget_names();
		cache_reclaim(10000);
		run_all();
	}
	assert_true(failed > 20);
	disk->fault = NULL;
	unmount_it();
	check_sound();
}

static int begin(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int end(void **state)
{
	char line[128];

	snprintf(line, sizeof(line), "rm -rf %s", dir);
	return getenv("KEEP") ? 0 : system(line);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST_START(),
		cmocka_unit_test_setup(a_large_directory, fresh_files),	/* tables grow, once */
		FS_TEST(reads),
		FS_TEST(writes),
		FS_TEST(names_are_folded_and_kept),
		FS_TEST(names_of_every_length),
		FS_TEST(a_large_directory),
		FS_TEST(the_largest_directory),
		FS_TEST(renames),
		FS_TEST(removed_but_open),
		FS_TEST(full),
		FS_TEST(sizes),
		FS_TEST(allocates_in_batches),
		FS_TEST(as_arrays),
		FS_TEST(power_cuts),
		FS_TEST(errors),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, begin, end);
}
