/* SPDX-License-Identifier: MIT */
/*
 * ext4_test.c: images made by mke2fs, debugfs and e2fsck, read here: each tree compared with what it was made from;
 * damaged ones, which must be told apart by their checksums or refused.
 */
// links: $(FS_LINKS)
#include <dirent.h>
#include <errno.h>
#include <linux/fs.h>
#include "fs/disk_test.h"
#include "fs/ext4/private.h"

enum { PIECE = 64 << 10, MANY = 20000 };
static struct testdisk *disk;
static char work[64];			/* a directory that goes when the program ends */

/* --- images ----------------------------------------------------------------------------------- */

static void shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void shell(const char *fmt, ...)
{
	char line[2048], all[2200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	snprintf(all, sizeof(all), "W=%s; PATH=$PATH:/sbin:/usr/sbin; { %s; } >$W/log 2>&1", work, line);
	if (system(all)) {
		snprintf(all, sizeof(all), "echo '%s:'; cat %s/log", line, work);
		if (system(all))
			print_message("no log\n");
		fail();
	}
}

static int begin(void **state)
{
	snprintf(work, sizeof(work), "/tmp/ext4_test.XXXXXX");
	if (!mkdtemp(work))
		return -1;
	shell("python3 test/disk/tree.py $W/tree; python3 test/disk/tree.py $W/trees %d", MANY);
	return 0;
}

static int end(void **state)
{
	shell("rm -rf $W/*");
	return rmdir(work) && errno != ENOTEMPTY ? -1 : system("true") < 0;
}

/* An image of the tree.  With inline_data mke2fs 1.47 forgets what a hole at the end adds to the size. */
static void make_image(const char *options, u32 mib)
{
	shell("rm -f $W/image; mke2fs -q -d $W/tree %s $W/image %uM; "
	      "debugfs -w -R \"sif /a/b/end size $(stat -c %%s $W/tree/a/b/end)\" $W/image", options, mib);
}

static long try_mount(const char *type, const char *options)
{
	char path[80];

	snprintf(path, sizeof(path), "%s/image", work);
	disk = testdisk_open("disk", path, false);
	assert_non_null(disk);
	make_dir("/tmp/m");
	return do_mount(disk, type, "/tmp/m", 0, options);
}

static void mounted(const char *type)
{
	long r = try_mount(type, "");

	if (r)
		fail_msg("mount: %ld %s", r, said);
}

static void gone(void)
{
	testdisk_free(disk);
	remove_("/tmp/m", true);
}

static void unmounted(void)
{
	assert_int_equal(do_umount("/tmp/m", false), 0);
	gone();
}

/* It is refused, and @why is in the log. */
static void refused(const char *type, const char *options, long err, const char *why)
{
	assert_int_equal(try_mount(type, options), err);
	gone();
	if (why && !strstr(said, why))
		fail_msg("no \"%s\" in: %s", why, said);
	if (!why)
		assert_string_equal(said, "");
}

/* --- comparing -------------------------------------------------------------------------------- */

static u8 ours[PIECE], theirs[PIECE];

static void compare_bytes(int fd, struct file *f, u64 from, u64 to)
{
	for (u64 at = from; at < to; at += PIECE) {
		long n = pread(fd, theirs, min(to - at, (u64)PIECE), at);

		assert_int_equal(do_read(f, at, ours, n), n);
		assert_memory_equal(ours, theirs, n);
	}
}

/* All that is data, with the edges of holes. */
static void compare_file(const char *host, const char *guest, u64 size)
{
	extern int open(const char *, int, ...);
	int fd = open(host, O_RDONLY);
	struct file *f;

	assert_true(fd >= 0);
	assert_int_equal(do_open(guest, O_RDONLY, &f), 0);
	for (s64 at = 0, to; (at = lseek(fd, at, SEEK_DATA)) >= 0; at = to) {
		to = lseek(fd, at, SEEK_HOLE);
		compare_bytes(fd, f, max(at - 5000, 0l), min((u64)to + 5000, size));
	}
	compare_bytes(fd, f, max((s64)size - 100, 0l), size);
	assert_int_equal(do_read(f, size, ours, 10), 0);
	file_put(f);
	close(fd);
}

static void compare_link(const char *host, const char *guest)
{
	long n = readlink(host, (char *)theirs, PIECE);

	assert_true(n > 0);
	assert_int_equal(do_readlink(guest, (char *)ours, PIECE), n);
	assert_memory_equal(ours, theirs, n);
}

static void compare_tree(const char *host, const char *guest);

static void compare(const char *host, const char *guest)
{
	struct stat st;
	struct inode ip;
	long r;

	assert_int_equal(lstat(host, &st), 0);
	if ((r = do_stat(guest, &ip)))
		fail_msg("%s: %ld %s", guest, r, said);
	assert_int_equal(ip.mode, st.st_mode);
	assert_int_equal(ip.uid, st.st_uid);
	assert_int_equal(ip.mtime / NSEC_PER_SEC, st.st_mtime);
	if (S_ISDIR(st.st_mode)) {
		compare_tree(host, guest);
		return;
	}
	assert_int_equal(ip.size, st.st_size);
	assert_int_equal(ip.nlink, st.st_nlink);
	if (S_ISLNK(st.st_mode))
		compare_link(host, guest);
	else
		compare_file(host, guest, st.st_size);
}

/* Each entry there is here, and no other ("lost+found" is mke2fs's). */
static void compare_tree(const char *host, const char *guest)
{
	DIR *d = opendir(host);
	char a[600], b[600];
	struct dirent *e;
	long n = 0;

	assert_non_null(d);
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		snprintf(a, sizeof(a), "%s/%s", host, e->d_name);
		snprintf(b, sizeof(b), "%s/%s", guest, e->d_name);
		compare(a, b);
		n++;
	}
	closedir(d);
	assert_int_equal(do_list(guest, NULL, NULL), n + !strcmp(guest, "/tmp/m"));
}

static void same_tree(const char *type, const char *tree)
{
	char host[80];

	snprintf(host, sizeof(host), "%s/%s", work, tree);
	mounted(type);
	compare_tree(host, "/tmp/m");
	assert_string_equal(said, "");
	unmounted();
}

/* --- every kind of image ------------------------------------------------------------------------ */

static void kinds_of_images(void **state)
{
	static const struct { const char *type, *options; } all[] = {
		{ "ext4", "-t ext4" },
		{ "ext4", "-t ext4 -b 1024" },
		{ "ext4", "-t ext4 -b 2048 -O meta_bg,^resize_inode" },
		{ "ext4", "-t ext4 -O inline_data" },
		{ "ext4", "-t ext4 -b 1024 -I 1024 -O inline_data,metadata_csum_seed,large_dir" },
		{ "ext4", "-t ext4 -O ^metadata_csum,^64bit,uninit_bg" },
		{ "ext4", "-t ext4 -O ^metadata_csum,^extent,^64bit -I 128" },
		{ "ext4", "-t ext4 -O bigalloc -C 16384" },
		{ "ext2", "-t ext2" },
		{ "ext2", "-t ext2 -b 1024 -r 0" },
		{ "ext3", "-t ext3 -b 1024" },
		{ "ext4", "-t ext3 -b 2048" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		print_message("%s\n", all[i].options);
		make_image(all[i].options, 32);
		same_tree(all[i].type, "tree");
	}
}

/* --- what is refused ---------------------------------------------------------------------------- */

static void features(void **state)
{
	make_image("-t ext4", 16);
	refused("ext2", "", -EINVAL, NULL);
	refused("ext3", "", -EINVAL, NULL);
	refused("ext4", "noload,bogus", -EINVAL, "option");
	shell("debugfs -w -R 'feature +encrypt' $W/image");
	refused("ext4", "", -EINVAL, "feature encrypt");
	shell("debugfs -w -R 'feature -encrypt +FEATURE_I19' $W/image");
	refused("ext4", "", -EINVAL, "feature unknown (0x80000)");
	shell("dd if=/dev/zero of=$W/image bs=1k count=64");
	said[0] = 0;
	refused("ext4", "", -EINVAL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST_START(),
		FS_TEST(kinds_of_images),
		FS_TEST(features),
	};

	return cmocka_run_group_tests_name("ext4", tests, begin, end);
}
