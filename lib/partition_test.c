/* SPDX-License-Identifier: MIT */
/* partition_test.c: tables that sfdisk and sgdisk would write, byte by byte; damaged ones. */
// links: lib/partition.c lib/crc32.c
#include <stdlib.h>
#include <string.h>
#include "lib/crc32.h"
#include "lib/partition.h"
#include "lib/test.h"

enum { SECTORS = 4096 };
static u8 disk[SECTORS * 512];

static void put(u8 *at, u64 v, u32 n) { memcpy(at, &v, n); }

static void entry(u64 sector, u32 i, u8 type, u32 start, u32 len)
{
	u8 *e = disk + sector * 512 + 446 + i * 16;

	e[4] = type;
	put(e + 8, start, 4);
	put(e + 12, len, 4);
	disk[sector * 512 + 510] = 0x55;
	disk[sector * 512 + 511] = 0xaa;
}

static void find(struct partitions *p)
{
	partitions_begin(p, SECTORS, 512);
	while (p->want_len)
		partitions_feed(p, disk + p->want * 512);
}

static void mbr(void **state)
{
	struct partitions p;

	memset(disk, 0, sizeof(disk));
	find(&p);
	assert_int_equal(p.count, 0);
	entry(0, 0, 0x0c, 2048, 1000);
	entry(0, 2, 0x83, 3100, 100000);		/* beyond the end: cut */
	entry(0, 3, 5, 100, 1000);
	entry(100, 0, 0x83, 10, 20);
	entry(100, 1, 5, 50, 100);
	entry(150, 0, 0x82, 1, 30);
	entry(150, 1, 5, 50, 100);			/* itself again */
	find(&p);
	assert_true(p.count > 4);
	assert_int_equal(p.part[0].start, 2048);
	assert_int_equal(p.part[1].number, 3);
	assert_int_equal(p.part[1].len, SECTORS - 3100);
	assert_int_equal(p.part[2].number, 5);
	assert_int_equal(p.part[2].start, 110);
	assert_int_equal(p.part[3].number, 6);
	assert_int_equal(p.part[3].start, 151);
}

static void header(u64 at, u64 entries)
{
	u8 *h = disk + at * 512;

	memcpy(h, "EFI PART", 8);
	put(h + 12, 92, 4);
	put(h + 72, entries, 8);
	put(h + 80, 128, 4);
	put(h + 84, 128, 4);
	put(h + 88, crc32(0, disk + entries * 512, 128 * 128), 4);
	put(h + 16, 0, 4);
	put(h + 16, crc32(0, h, 92), 4);
}

static void gpt(void **state)
{
	struct partitions p;

	memset(disk, 0, sizeof(disk));
	entry(0, 0, 0xee, 1, SECTORS - 1);
	for (u32 i = 0; i < 2; i++) {
		u8 *e = disk + (i ? SECTORS - 33 : 2) * 512 + 128;

		memset(e, 7, 16);
		put(e + 32, 2048, 8);
		put(e + 40, 3000, 8);
	}
	header(1, 2);
	header(SECTORS - 1, SECTORS - 33);
	find(&p);
	assert_int_equal(p.count, 1);
	assert_int_equal(p.part[0].number, 2);
	assert_int_equal(p.part[0].start, 2048);
	assert_int_equal(p.part[0].len, 953);
	disk[512 + 20] ^= 1;				/* the spare one is as good */
	find(&p);
	assert_int_equal(p.count, 1);
	disk[(SECTORS - 33) * 512 + 5] ^= 1;
	find(&p);
	assert_int_equal(p.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(mbr), cmocka_unit_test(gpt) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
