/* SPDX-License-Identifier: MIT */
/*
 * ext4_test.c: images made by mke2fs, debugfs and e2fsck, read here: each tree compared with what it was made from;
 * damaged ones, which must be told apart by their checksums or refused.
 */
// links: $(FS_LINKS)
#include <dirent.h>
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
	shell("python3 test/disk/tree.py $W/tree; python3 test/disk/tree.py directory $W/many; "
	      "mke2fs -q -t ext4 -b 1024 -N 64 $W/large 8M; "
	      "printf 'write test/disk/tree.py one\nwrite %s/many many\nsif many mode 040755\n"
	      "sif many links_count 2\n' | debugfs -w -f - $W/large; e2fsck -fy $W/large || [ $? = 1 ]", work);
	return 0;
}

static int end(void **state)
{
	char line[80];

	snprintf(line, sizeof(line), "rm -rf %s", work);
	return system(line);
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

/* --- directories with an index -------------------------------------------------------------------- */

/* Names found, and names that are not there, with few reads: the index was used. */
static void few_reads(void)
{
	struct inode st;
	char path[64];

	for (u32 i = 0; i < MANY; i += 997) {
		snprintf(path, sizeof(path), "/tmp/m/many/name-%u", i * 7919);
		assert_int_equal(do_stat(path, &st), 0);
		snprintf(path, sizeof(path), "/tmp/m/many/name-%u", i * 7919 + 1);
		assert_int_equal(do_stat(path, &st), -ENOENT);
	}
	assert_int_equal(do_stat("/tmp/m/many/..", &st), 0);
}

static u32 seen;
static void count_names(const struct testdirent *e, void *arg) { seen += !memcmp(e->name, "name-", 5); }

static void indexed(const char *alg)
{
	u64 before;

	print_message("%s\n", alg);
	shell("cp $W/large $W/image; [ %s = linear ] || { tune2fs -E hash_alg=%s $W/image; "
	      "e2fsck -fyD $W/image || [ $? = 1 ]; }", alg, alg);
	mounted("ext4");
	before = disk->reads;
	few_reads();
	if (strcmp(alg, "linear"))
		assert_true(disk->reads - before < 200);
	seen = 0;
	assert_int_equal(do_list("/tmp/m/many", count_names, NULL), MANY);
	assert_int_equal(seen, MANY);
	assert_string_equal(said, "");
	unmounted();
}

static void large_directories(void **state)
{
	indexed("linear");
	indexed("half_md4");
	indexed("tea");
	indexed("legacy");
}

/* Letters above 127 count as the superblock says: signed or not. */
static void letters(void **state)
{
	static const char *const alg[] = { "half_md4", "tea", "legacy" };

	for (u32 i = 0; i < 2 * ARRAY_SIZE(alg); i++) {
		make_image("-t ext4 -b 1024", 32);
		shell("debugfs -w -R 'ssv flags %u' $W/image; tune2fs -E hash_alg=%s $W/image; "
		      "e2fsck -fyD $W/image || [ $? = 1 ]; debugfs -R 'htree /names' $W/image | grep -q Hash",
		      1 + i % 2, alg[i / 2]);
		same_tree("ext4", "tree");
	}
}

/* The same names hash to the same as e2fsprogs has it, whatever letters are in them. */
static void hashes(void **state)
{
	static const char *const name[] = {
		"a", "name-123", "\xc3\xa4\xff\x80", "exactly-sixteen-",
		"longer than thirty-two letters are, so that two steps are needed \xe4\xf6\xfc",
	};
	static const char *const alg[] = { "legacy", "half_md4", "tea" };
	static const u32 seed[][4] = { { }, { 0x04030201, 0x08070605, 0x0c0b0a09, 0x100f0e0d } };
	struct ext4 *e = calloc(1, sizeof(*e));
	char path[80], line[80];
	u32 hash, want;
	FILE *f;

	snprintf(path, sizeof(path), "%s/hash", work);
	for (u32 i = 0; i < 3 * ARRAY_SIZE(name) * ARRAY_SIZE(seed); i++) {
		u32 k = i % 3, n = i / 3 % ARRAY_SIZE(name), j = i / 3 / ARRAY_SIZE(name);

		shell("printf 'dx_hash -h %s %s \"%s\"\n' | debugfs -f - | grep -o 'is 0x[0-9a-f]*' >$W/hash", alg[k],
		      seed[j][0] ? "-s 01020304-0506-0708-090a-0b0c0d0e0f10" : "", name[n]);
		f = fopen(path, "r");
		assert_non_null(fgets(line, sizeof(line), f));
		fclose(f);
		want = strtoul(line + 3, NULL, 16);
		memcpy(e->hash_seed, seed[j], sizeof(e->hash_seed));
		assert_int_equal(ext4_hash(e, k, name[n], strlen(name[n]), &hash), 0);
		if (hash != want)
			fail_msg("%s %u %s: %x, not %x", alg[k], j, name[n], hash, want);
	}
	assert_int_equal(ext4_hash(e, 6, "a", 1, &hash), -EOPNOTSUPP);
	free(e);
}

/* --- the journal ---------------------------------------------------------------------------------- */

/* Two transactions: new bytes for a file's block, and some that begin as the journal's own blocks do; the
 * third says that the first block's copy is void, or is not complete. */
static void write_journal(const char *open, const char *third)
{
	shell("cd $W; head -c 1024 /dev/urandom >one; { printf '\\300\\073\\071\\230'; head -c 1020 /dev/urandom; } >two; "
	      "a=$(debugfs -R 'blocks /size1024' image); b=$(debugfs -R 'blocks /size1023' image); "
	      "printf \"jo %s\njw -b $a one\njw -b $b two\n%s\njc\n\" | debugfs -w -f - image; "
	      "dumpe2fs -h image | grep needs_recovery", open, third);
}

static void same_file(const char *guest, const char *host, u32 size)
{
	char path[80];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", work, host);
	f = fopen(path, "r");
	assert_int_equal(fread(theirs, 1, size, f), size);
	fclose(f);
	assert_int_equal(do_get(guest, ours, PIECE), size);
	assert_memory_equal(ours, theirs, size);
}

static void journals(void **state)
{
	static const struct { const char *options, *open; } all[] = {
		{ "-t ext3 -b 1024", "" },
		{ "-t ext4 -b 1024 -O ^metadata_csum", "-c" },
		{ "-t ext4 -b 1024", "-c -v 2" },
		{ "-t ext4 -b 1024", "-c" },
	};

	for (u32 i = 0; i < ARRAY_SIZE(all); i++) {
		print_message("%s, journal %s\n", all[i].options, all[i].open);
		for (u32 third = 0; third < 3; third++) {
			if (third == 1 && i == 1)
				continue;	/* debugfs sums up the revoke block, which Linux does not */
			make_image(all[i].options, 32);
			write_journal(all[i].open, third == 0 ? "" : third == 1 ? "jw -r $a" : "jw -b $a -c two");
			mounted("ext4");
			same_file("/tmp/m/size1024", third == 1 ? "tree/size1024" : "one", 1024);
			same_file("/tmp/m/size1023", "two", 1023);
			unmounted();
			assert_int_equal(try_mount("ext4", "noload"), 0);
			same_file("/tmp/m/size1024", "tree/size1024", 1024);
			unmounted();
		}
	}
}

/* Metadata in the journal: the root directory's inode says something else there. */
static void journal_of_metadata(void **state)
{
	struct inode st;

	make_image("-t ext4 -b 1024", 32);
	shell("cd $W; cp image later; debugfs -w -R 'sif / mode 040711' later; "
	      "b=$(debugfs -R 'imap /' image | grep -o 'at block [0-9]*' | cut -c10-); "
	      "dd if=later of=one bs=1k skip=$b count=1; "
	      "printf \"jo -c\njw -b $b one\njc\n\" | debugfs -w -f - image");
	mounted("ext4");
	assert_int_equal(do_stat("/tmp/m", &st), 0);
	assert_int_equal(st.mode, I_DIR | 0711);
	unmounted();
	said[0] = 0;
	assert_int_equal(try_mount("ext4", "noload"), 0);
	assert_int_equal(do_stat("/tmp/m", &st), 0);
	assert_int_equal(st.mode, I_DIR | 0755);
	unmounted();
}

static void journals_refused(void **state)
{
	make_image("-t ext4 -b 1024", 32);
	write_journal("-c", "");
	shell("cd $W; j=$(debugfs -R 'bmap <8> 2' image); dd if=/dev/urandom of=image bs=1k seek=$j count=1 conv=notrunc");
	refused("ext4", "", -EUCLEAN, "journal: copy of block");
	said[0] = 0;
	make_image("-t ext4 -b 1024 -O fast_commit", 32);
	write_journal("-c", "");
	shell("j=$(debugfs -R 'bmap <8> 0' $W/image); printf '\\062' | dd of=$W/image bs=1 seek=$((j * 1024 + 43)) conv=notrunc");
	refused("ext4", "", -EINVAL, "fast commits");
}

/* --- attributes ----------------------------------------------------------------------------------- */

static void attributes(void **state)
{
	struct inode st;

	make_image("-t ext4", 32);
	shell("{ echo 'cd a'; echo 'mknod null c 1 3'; echo 'mknod disk b 259 7000'; echo 'mknod pipe p'; "
	      "echo 'sif large mtime @4294967295'; echo 'sif large mtime_extra 0xee6b27fd'; "
	      "echo 'sif large atime @0x80000000'; echo 'sif large atime_extra 0'; echo 'sif large ctime @7'; echo 'sif large ctime_extra 400'; "
	      "echo 'sif large uid 70000'; echo 'sif large gid 80000'; echo 'ea_set large user.x y'; "
	      "} | debugfs -w -f - $W/image");
	mounted("ext4");
	assert_int_equal(do_stat("/tmp/m/a/null", &st), 0);
	assert_int_equal(st.mode & I_FMT, I_CHR);
	assert_int_equal(st.rdev, device_number(1, 3));
	assert_int_equal(do_stat("/tmp/m/a/disk", &st), 0);
	assert_int_equal(st.mode & I_FMT, I_BLK);
	assert_int_equal(st.rdev, device_number(259, 7000));
	assert_int_equal(do_stat("/tmp/m/a/pipe", &st), 0);
	assert_int_equal(st.mode & I_FMT, I_FIFO);
	assert_int_equal(do_stat("/tmp/m/a/large", &st), 0);
	assert_int_equal(st.mtime, ((1ul << 32) - 1) * NSEC_PER_SEC + (0xee6b27fd >> 2));
	assert_int_equal(st.atime, 0);		/* 1901 */
	assert_int_equal(st.ctime, 7ul * NSEC_PER_SEC + 100);
	assert_int_equal(st.uid, 70000);
	assert_int_equal(st.gid, 80000);
	unmounted();
}

/* Blocks that were allocated and never written read as zeros, whatever is in them; holes, too. */
static void unwritten(void **state)
{
	struct inode st;

	make_image("-t ext4 -b 1024", 32);
	shell("{ echo 'fallocate /a/b/c/hole 3 9'; echo 'sif /size0 size 5000000000'; } | debugfs -w -f - $W/image; "
	      "for b in $(debugfs -R 'blocks /a/b/c/hole' $W/image); do "
	      "dd if=/dev/urandom of=$W/image bs=1k seek=$b count=1 conv=notrunc; done");
	mounted("ext4");
	memset(theirs, 0, PIECE);
	assert_int_equal(do_get("/tmp/m/a/b/c/hole", ours, PIECE), PIECE);
	assert_memory_equal(ours, theirs, PIECE);
	assert_int_equal(do_stat("/tmp/m/size0", &st), 0);
	assert_int_equal(st.size, 5000000000);
	assert_int_equal(do_put("/tmp/m/new", "x", 1), -EROFS);
	unmounted();
}

/* --- damage --------------------------------------------------------------------------------------- */

/* One byte of the block that @where prints is changed: the checksum finds it, @call fails, and is fine without. */
static void damaged(const char *options, const char *where, u32 at, const char *path, const char *why)
{
	struct inode st;
	char name[80];

	print_message("%s\n", why);
	make_image(options, 32);
	shell("b=$(%s); printf '\\125' | dd of=$W/image bs=1 seek=$((b * 1024 + %u)) conv=notrunc", where, at);
	snprintf(name, sizeof(name), "/tmp/m%s", path);
	said[0] = 0;
	if (!try_mount("ext4", "")) {
		if (do_list(name, NULL, NULL) != -EUCLEAN && do_get(name, ours, PIECE) != -EUCLEAN)
			fail_msg("%s was not found", why);
		unmounted();
	} else {
		gone();
	}
	if (!strstr(said, why))
		fail_msg("no \"%s\" in: %s", why, said);
	assert_int_equal(try_mount("ext4", "nochecksum"), 0);
	assert_int_equal(do_stat(name, &st), 0);
	unmounted();
}

static void checksums(void **state)
{
	const char *ext4 = "-t ext4 -b 1024";

	damaged(ext4, "echo 1", 0x88, "/", "superblock: checksum");
	damaged(ext4, "echo 2", 0x14, "/", "descriptor of group 0: checksum");
	damaged(ext4, "debugfs -R 'imap /' $W/image | grep -o 'at block [0-9]*' | cut -c10-", 256 + 0x70, "/",
		"inode 2: checksum");
	damaged(ext4, "debugfs -R 'bmap /names 0' $W/image", 900, "/names", "checksum of block 0");
	damaged(ext4, "debugfs -R 'ex /a/b/c/pieces' $W/image | awk 'NR == 2 { print $8 }'", 900,
		"/a/b/c/pieces", "its extents");
}

/* Each of the first requests fails once: the error is told, nothing is lost, all is fine afterwards. */
static void failing_disk(void **state)
{
	struct inode st;
	long r;

	make_image("-t ext4 -b 1024", 32);
	for (u32 n = 0; n < 12; n++) {
		r = try_mount("ext4", "");
		assert_int_equal(r, 0);
		assert_int_equal(do_umount("/tmp/m", false), 0);
		disk->fault = fault_after;
		disk->fault_in = n;
		r = do_mount(disk, "ext4", "/tmp/m", 0, "");
		if (!r) {
			r = do_get("/tmp/m/a/b/c/pieces", ours, PIECE);
			assert_true(r == PIECE || r == -EIO);
			assert_int_equal(do_stat("/tmp/m/a/b/c/d/deep", &st), disk->fault_in < 0 ? 0 : -EIO);
			unmounted();
		} else {
			assert_int_equal(r, -EIO);
			gone();
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DISK_TEST_START(),
		FS_TEST(kinds_of_images),
		FS_TEST(features),
		FS_TEST(large_directories),
		FS_TEST(letters),
		FS_TEST(hashes),
		FS_TEST(journals),
		FS_TEST(journal_of_metadata),
		FS_TEST(journals_refused),
		FS_TEST(attributes),
		FS_TEST(unwritten),
		FS_TEST(checksums),
		FS_TEST(failing_disk),
	};

	return cmocka_run_group_tests_name("ext4", tests, begin, end);
}
