/* SPDX-License-Identifier: MIT */
/* partition_fuzz.c: any bytes as a device: the search ends, and partitions lie on it. */
// links: lib/partition.c lib/crc32.c
#include <stdlib.h>
#include <string.h>
#include "lib/partition.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct partitions p;
	u32 reads = 0;

	partitions_begin(&p, n / 512, 512);
	while (p.want_len) {
		u8 *copy = malloc(p.want_len * 512);

		if (p.want + p.want_len > n / 512 || ++reads > 200)
			abort();
		memcpy(copy, data + p.want * 512, p.want_len * 512);
		partitions_feed(&p, copy);
		free(copy);
	}
	for (u32 i = 0; i < p.count; i++)
		if (!p.part[i].start || !p.part[i].len || p.part[i].len > p.sectors - p.part[i].start)
			abort();
	return 0;
}
