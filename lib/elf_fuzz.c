/* SPDX-License-Identifier: MIT */
/* elf_fuzz.c: any bytes as a program: a plan that is accepted keeps every promise of elf.h. */
// links: lib/elf.c
#include <stdlib.h>
#include "lib/elf.h"

#define TOP (1ul << 38)

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

static void expect(bool ok)
{
	if (!ok)
		abort();
}

static void check_load(const struct elf_plan *p, u32 i, u64 file_size)
{
	const struct elf_load *l = &p->load[i];

	expect(l->memsz && l->filesz <= l->memsz);
	expect(l->offset <= file_size && l->filesz <= file_size - l->offset);
	expect(l->vaddr < TOP && l->memsz < TOP - l->vaddr);
	expect((l->vaddr ^ l->offset) % PAGE_SIZE == 0);
	expect(l->vaddr >= p->low && l->vaddr + l->memsz <= p->high);
	if (i)
		expect(align_down(l->vaddr, PAGE_SIZE) >=
		       align_up(l[-1].vaddr + l[-1].memsz, PAGE_SIZE));
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	u64 file_size = n > 4 ? n + data[n - 1] * 4096ul : n;
	struct elf_plan p;

	if (elf_parse(&p, data, n, file_size, ELF_RISCV, TOP))
		return 0;
	expect(p.count && p.count <= ELF_MAX_LOADS && p.high <= TOP);
	expect(!(p.align & (p.align - 1)) && p.align >= PAGE_SIZE && p.align <= TOP);
	expect(p.entry >= p.low && p.entry < p.high);
	expect(p.interp_len <= 4096 && p.interp_len + p.interp_offset <= file_size);
	expect(!p.phdr || (p.phdr >= p.low && p.phdr + p.phnum * ELF_PHDR_SIZE <= p.high));
	for (u32 i = 0; i < p.count; i++)
		check_load(&p, i, file_size);
	return 0;
}
