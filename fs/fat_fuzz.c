/* SPDX-License-Identifier: MIT */
/*
 * fat_fuzz.c: any bytes as a FAT volume: mounted, walked, read, changed, unmounted.  Errors are fine; crashes,
 * hangs and leaks are not.  The input is the boot sector's fields and patches of a small volume, so that
 * mutations reach the tables and directories.
 */
// links: $(FS_LINKS)
#include "fs/disk_test.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

/* What disk_test.h asks for, without cmocka. */
void _assert_true(const LargestIntegralType ok, const char *what, const char *file, const int line)
{
	if (!ok)
		abort();
}
void _assert_int_equal(const LargestIntegralType a, const LargestIntegralType b, const char *file, const int line)
{
	if (a != b)
		abort();
}

enum { SIZE = 128 << 10, NAMES = 8, SECTOR = 512 };
static struct testdisk *disk;
static char found[NAMES][300];
static u32 found_count;

static void put16(u8 *at, u32 x) { at[0] = x; at[1] = x >> 8; }

/* What mkfs would do, for a table of @bits. */
static void format(u8 *b, u32 bits)
{
	u32 tables = bits == 12 ? 1 : 4, root;

	memcpy(b, "\xeb\x3c\x90mkfs.fat", 11);
	put16(b + 11, SECTOR);
	b[13] = 1;
	put16(b + 14, bits == 32 ? 2 : 1);
	b[16] = 2;
	put16(b + 17, bits == 32 ? 0 : 32);
	put16(b + 19, SIZE / SECTOR);
	b[21] = 0xf8;
	put16(b + 22, bits == 32 ? 0 : tables);
	put16(b + 36, tables);
	b[44] = 2;
	put16(b + 48, 1);
	put16(b + 510, 0xaa55);
	root = bits == 32 ? 2 + 2 * tables : 1 + 2 * tables;
	memcpy(b + root * SECTOR, "DIR        \x10", 12);
	memcpy(b + root * SECTOR + 32, "FILE    TXT\x20", 12);
	put16(b + root * SECTOR + 26, 3);
	put16(b + root * SECTOR + 32 + 26, 4);
	put16(b + root * SECTOR + 32 + 28, 700);
}

/* Patches: where, how many, bytes. */
static void patch(u8 *b, const u8 *data, size_t n)
{
	while (n > 3) {
		u32 at = (data[0] | data[1] << 8) * 2 % SIZE, len = data[2] % 64;

		data += 3;
		n -= 3;
		len = min(min((size_t)len, n), (size_t)SIZE - at);
		memcpy(b + at, data, len);
		data += len;
		n -= len;
	}
}

static void remember(const struct testdirent *e, void *arg)
{
	if (found_count < NAMES && strlen(e->name) < 256)
		snprintf(found[found_count++], sizeof(found[0]), "/tmp/m/%s", e->name);
}

static void use(const char *path)
{
	static u8 buf[5000];
	char other[320];
	struct inode st;

	if (!do_stat(path, &st) && inode_is_dir(&st)) {
		snprintf(other, sizeof(other), "%s/new name", path);
		do_list(path, NULL, NULL);
		do_put(other, buf, 100);
		do_rename(other, "/tmp/m/moved", 0);
		do_rmdir(path);
	} else {
		do_get(path, buf, sizeof(buf));
		do_put(path, buf, sizeof(buf));
		do_truncate(path, 600);
		do_truncate(path, 3000);
		do_unlink(path);
	}
}

static void session(void)
{
	found_count = 0;
	do_list("/tmp/m", remember, NULL);
	do_mkdir("/tmp/m/made");
	do_put("/tmp/m/made/with a long name", "x", 1);
	for (u32 i = 0; i < found_count; i++)
		use(found[i]);
	forget_names();
}

static void prepare(void)
{
	make_machine();
	flusher_start();
	ctx = fs_context_create();
	log_level = 0;
	disk = testdisk_create("fuzz", SIZE);
	make_dir("/tmp/m");
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	static u64 used, rounds;
	u64 now;

	if (!disk)
		prepare();
	if (!n)
		return 0;
	memset(disk->bytes, 0, SIZE);
	format(disk->bytes, (const u32[]){ 12, 16, 32, 32 }[data[0] & 3]);
	patch(disk->bytes, data + 1, n - 1);
	cache_reclaim_from(&disk->b.pages, 1000);	/* what was read of the last volume */
	if (!do_mount(disk, "vfat", "/tmp/m", data[0] & 4 ? FS_READONLY : 0, "")) {
		session();
		if (do_umount("/tmp/m", false))
			abort();
	}
	run_all();
	heap_trim();
	now = heap_bytes();
	if (++rounds > 100 && used && now > used + (64 << 10))
		abort();
	used = used && rounds > 100 ? used : now;
	return 0;
}
