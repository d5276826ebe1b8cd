/* SPDX-License-Identifier: MIT */
/* cpio_fuzz.c: any bytes as an archive: all that is reported lies inside it, and it ends. */
// links: lib/cpio.c
#include <stdlib.h>
#include <string.h>
#include "lib/cpio.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	struct cpio_entry e;
	struct cpio c;
	u32 sum = 0;
	size_t before = 0;

	cpio_init(&c, data, n);
	while (cpio_next(&c, &e) > 0) {
		if (c.at <= before || c.at > n || strlen(e.name) != e.name_len ||
		    (const u8 *)e.data != data + e.offset || e.offset + e.size > n)
			abort();
		for (size_t i = 0; i < e.size; i++)
			sum += ((const u8 *)e.data)[i];
		before = c.at;
	}
	return sum == 1 && !n ? -1 : 0;		/* so that the bytes are read */
}
