// SPDX-License-Identifier: MIT
/* program_fuzz.c: any bytes as a program file. */
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#include "elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int fd = -1;
	struct elf elf;

	if (fd < 0)
		fd = memfd_create("program", 0);
	if (ftruncate(fd, 0) || pwrite(fd, data, size, 0) != (ssize_t)size)
		return 0;
	elf_read(fd, 0, size, &elf);
	elf_free(&elf);
	return 0;
}
