/* SPDX-License-Identifier: MIT */
/* elf_test.c: a good program, and everything that can be wrong with one. */
// links: lib/elf.c
#include <linux/elf.h>
#include "lib/test.h"
#include "lib/elf.h"

enum { FILE_SIZE = 0x5000 };
#define TOP (1ul << 38)

static struct { Elf64_Ehdr h; Elf64_Phdr p[8]; } f;
static struct elf_plan plan;

static Elf64_Phdr load(u64 offset, u64 vaddr, u64 filesz, u64 memsz, u32 flags)
{
	return (Elf64_Phdr){ .p_type = PT_LOAD,
		.p_flags = flags,
		.p_offset = offset,
		.p_vaddr = vaddr,
		.p_filesz = filesz,
		.p_memsz = memsz,
		.p_align = 0x1000 };
}

/* Text with the headers, data with zeros behind it, thread-local data, a stack that is not code. */
static int good(void **state)
{
	memset(&f, 0, sizeof(f));
	memcpy(f.h.e_ident, ELFMAG "\2\1\1", 7);
	f.h.e_type = ET_EXEC;
	f.h.e_machine = ELF_RISCV;
	f.h.e_version = 1;
	f.h.e_entry = 0x10100;
	f.h.e_phoff = 64;
	f.h.e_phentsize = 56;
	f.h.e_phnum = 4;
	f.p[0] = load(0, 0x10000, 0x2345, 0x2345, PF_R | PF_X);
	f.p[1] = load(0x2e00, 0x13e00, 0x400, 0x1000, PF_R | PF_W);
	f.p[2] = (Elf64_Phdr){ .p_type = PT_TLS,
		.p_offset = 0x2e00,
		.p_vaddr = 0x13e00,
		.p_filesz = 8,
		.p_memsz = 24,
		.p_align = 8 };
	f.p[3] = (Elf64_Phdr){ .p_type = PT_GNU_STACK, .p_flags = PF_R | PF_W };
	return 0;
}

static long parse(void) { return elf_parse(&plan, &f, sizeof(f), FILE_SIZE, ELF_RISCV, TOP); }

static void good_one(void **state)
{
	assert_int_equal(parse(), 0);
	assert_int_equal(plan.count, 2);
	assert_int_equal(plan.low, 0x10000);
	assert_int_equal(plan.high, 0x15000);
	assert_int_equal(plan.entry, 0x10100);
	assert_int_equal(plan.phdr, 0x10040);
	assert_int_equal(plan.load[1].memsz, 0x1000);
	assert_int_equal(plan.load[1].flags, ELF_R | ELF_W);
	assert_int_equal(plan.tls_memsz, 24);
	assert_true(plan.has_stack && !plan.stack_exec && !plan.dyn && !plan.interp_len);
	assert_int_equal(plan.align, 0x1000);
	f.h.e_type = ET_DYN;
	f.p[2] = (Elf64_Phdr){ .p_type = PT_INTERP, .p_offset = 0x200, .p_filesz = 20 };
	f.p[0].p_align = 0x10000;
	assert_int_equal(parse(), 0);
	assert_true(plan.dyn);
	assert_int_equal(plan.interp_offset, 0x200);
	assert_int_equal(plan.interp_len, 20);
	assert_int_equal(plan.align, 0x10000);
}

#define BAD(change) do { good(NULL); change; assert_int_equal(parse(), -ENOEXEC); } while (0)

static void bad_headers(void **state)
{
	for (u32 i = 0; i < 7; i++)
		BAD(f.h.e_ident[i] ^= 3);
	BAD(f.h.e_type = ET_REL);
	BAD(f.h.e_type = ET_CORE);
	BAD(f.h.e_machine = ELF_X86_64);
	BAD(f.h.e_version = 2);
	BAD(f.h.e_phentsize = 32);
	BAD(f.h.e_phnum = 0);
	BAD(f.h.e_phnum = 65);
	BAD(f.h.e_phnum = 0xffff);
	BAD(f.h.e_phoff = FILE_SIZE - 10);
	BAD(f.h.e_phoff = ~0ul);
	BAD(f.h.e_phoff = ~0ul - 100);
	good(NULL);
	for (size_t n = 0; n < 64; n++)
		assert_int_equal(elf_parse(&plan, &f, n, FILE_SIZE, ELF_RISCV, TOP), -ENOEXEC);
	assert_int_equal(elf_parse(&plan, &f, 64 + 4 * 56 - 1, FILE_SIZE, ELF_RISCV, TOP), -EFBIG);
	f.h.e_phoff = 0x4000;
	assert_int_equal(parse(), -EFBIG);
}

static void bad_loads(void **state)
{
	BAD(f.p[0].p_type = f.p[1].p_type = PT_NULL);
	BAD(f.p[0].p_filesz = f.p[0].p_memsz + 1);
	BAD(f.p[1].p_offset = FILE_SIZE - 0x100);
	BAD(f.p[1].p_offset = ~0ul - 0x1ff);
	BAD(f.p[1].p_memsz = ~0ul);
	BAD(f.p[1].p_memsz = TOP);
	BAD(f.p[1].p_vaddr = TOP - 0x200);
	BAD(f.p[1].p_vaddr = ~0ul - 0x1ff);
	BAD(f.p[1].p_vaddr += 8);			/* not where the file has it */
	BAD(f.p[1].p_align = 0x3000);
	BAD(f.p[1].p_align = 0x10000);
	BAD(f.p[1].p_vaddr = 0x12e00);			/* same page */
	BAD(f.p[1].p_vaddr = 0x0fe00);			/* descending */
	BAD(f.p[0].p_memsz = 0x5000);			/* overlap */
	BAD(f.p[0].p_align = 1ul << 62; f.p[0].p_vaddr = 0);
}

static void bad_entries(void **state)
{
	BAD(f.h.e_entry = 0);
	BAD(f.h.e_entry = 0xffff);
	BAD(f.h.e_entry = 0x12345);
	BAD(f.h.e_entry = 0x13e00);			/* data */
	BAD(f.h.e_entry = ~0ul);
	BAD(f.p[0].p_flags = PF_R);
}

static void bad_others(void **state)
{
	BAD(f.p[2].p_memsz = 7);
	BAD(f.p[2].p_align = 12);
	BAD(f.p[2].p_type = PT_INTERP; f.p[2].p_filesz = 1);
	BAD(f.p[2].p_type = PT_INTERP; f.p[2].p_filesz = 4097);
	BAD(f.p[2].p_type = PT_INTERP; f.p[2].p_offset = FILE_SIZE - 4);
	BAD(f.p[2].p_type = PT_INTERP; f.p[3] = f.p[2]);
}

static void odd_but_fine(void **state)
{
	good(NULL);
	f.p[1].p_align = 0;
	assert_int_equal(parse(), 0);
	f.p[1].p_memsz = f.p[1].p_filesz = 0;
	assert_int_equal(parse(), 0);
	assert_int_equal(plan.count, 1);
	good(NULL);
	f.p[3].p_flags |= PF_X;
	assert_int_equal(parse(), 0);
	assert_true(plan.stack_exec);
	good(NULL);
	f.p[0] = load(0x1000, 0x10000, 0x1345, 0x1345, PF_R | PF_X);
	assert_int_equal(parse(), 0);
	assert_int_equal(plan.phdr, 0);			/* not in memory */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(good_one, good),
		cmocka_unit_test(bad_headers),
		cmocka_unit_test(bad_loads),
		cmocka_unit_test(bad_entries),
		cmocka_unit_test(bad_others),
		cmocka_unit_test(odd_but_fine),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
