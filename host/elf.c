// SPDX-License-Identifier: MIT
/*
 * elf.c: a bounded look at a program file.  Offsets and sizes in it are a stranger's: every
 * read is checked against the size of the file, every table against a limit of ours.
 */
#include "elf.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

enum { PHDRS_MAX = 256, DYNAMIC_MAX = 4096, STRINGS_MAX = 1 << 20, NAME_LIMIT = 4096 };

struct image {
	int fd;
	uint64_t base, size;
	Elf64_Phdr phdrs[PHDRS_MAX];
	int nphdrs;
};

static bool read_at(const struct image *im, uint64_t offset, void *to, uint64_t len)
{
	if (offset > im->size || len > im->size - offset)
		return false;
	return pread(im->fd, to, len, im->base + offset) == (ssize_t)len;
}

static const char *machine_name(unsigned machine, unsigned class)
{
	switch (machine) {
	case EM_RISCV:
		return class == ELFCLASS64 ? "riscv64" : "riscv32";
	case EM_X86_64:
		return "x86_64";
	case EM_386:
		return "i386";
	case EM_AARCH64:
		return "aarch64";
	case EM_ARM:
		return "arm";
	case EM_PPC64:
		return "ppc64";
	case EM_S390:
		return "s390x";
	default:
		return "another machine";
	}
}

static char *text_at(const struct image *im, uint64_t offset, uint64_t len)
{
	char *text;

	if (!len || len > NAME_LIMIT)
		return NULL;
	text = must_alloc(len + 1);
	if (read_at(im, offset, text, len))
		return text;
	free(text);
	return NULL;
}

static bool offset_of(const struct image *im, uint64_t address, uint64_t *offset)
{
	for (int i = 0; i < im->nphdrs; i++) {
		const Elf64_Phdr *p = &im->phdrs[i];

		if (p->p_type == PT_LOAD && address >= p->p_vaddr &&
			address - p->p_vaddr < p->p_filesz) {
			*offset = address - p->p_vaddr + p->p_offset;
			return true;
		}
	}
	return false;
}

static uint64_t dynamic_value(const Elf64_Dyn *dyn, int n, int64_t tag)
{
	for (int i = 0; i < n && dyn[i].d_tag != DT_NULL; i++)
		if (dyn[i].d_tag == tag)
			return dyn[i].d_un.d_val;
	return 0;
}

static bool read_names(const struct image *im, const Elf64_Dyn *dyn, int n, struct elf *elf)
{
	uint64_t size = dynamic_value(dyn, n, DT_STRSZ), offset, runpath;
	char *table;
	bool ok;

	if (!size || size > STRINGS_MAX ||
		!offset_of(im, dynamic_value(dyn, n, DT_STRTAB), &offset))
		return false;
	table = must_alloc(size + 1);
	ok = read_at(im, offset, table, size);
	for (int i = 0; ok && i < n && dyn[i].d_tag != DT_NULL; i++)
		if (dyn[i].d_tag == DT_NEEDED && dyn[i].d_un.d_val < size)
			strings_add(&elf->needed, table + dyn[i].d_un.d_val);
	runpath = dynamic_value(dyn, n, DT_RUNPATH);
	if (!runpath)
		runpath = dynamic_value(dyn, n, DT_RPATH);
	if (ok && runpath && runpath < size)
		elf->runpath = must_copy(table + runpath);
	free(table);
	return ok;
}

static bool read_dynamic(const struct image *im, const Elf64_Phdr *p, struct elf *elf)
{
	int n = p->p_filesz / sizeof(Elf64_Dyn);
	Elf64_Dyn *dyn;
	bool ok = true;

	if (p->p_filesz > DYNAMIC_MAX * sizeof *dyn)
		return false;
	dyn = must_alloc(n * sizeof *dyn);
	if (!read_at(im, p->p_offset, dyn, n * sizeof *dyn))
		ok = false;
	else if (dynamic_value(dyn, n, DT_STRTAB))
		ok = read_names(im, dyn, n, elf);
	free(dyn);
	return ok;
}

static bool read_load(const struct image *im, const Elf64_Phdr *p, struct elf *elf)
{
	if (p->p_offset > im->size || p->p_filesz > im->size - p->p_offset)
		return false;
	if (p->p_paddr < elf->low)
		elf->low = p->p_paddr;
	if (p->p_paddr + p->p_memsz > elf->high)
		elf->high = p->p_paddr + p->p_memsz;
	return true;
}

static bool read_segments(struct image *im, struct elf *elf)
{
	for (int i = 0; i < im->nphdrs; i++) {
		const Elf64_Phdr *p = &im->phdrs[i];

		if (p->p_type == PT_LOAD && !read_load(im, p, elf))
			return false;
		if (p->p_type == PT_INTERP && !elf->interpreter &&
			!(elf->interpreter = text_at(im, p->p_offset, p->p_filesz)))
			return false;
		if (p->p_type == PT_DYNAMIC && !read_dynamic(im, p, elf))
			return false;
	}
	return elf->high > elf->low;
}

static enum elf_kind read_elf(struct image *im, const Elf64_Ehdr *h, struct elf *elf)
{
	if (h->e_ident[EI_CLASS] != ELFCLASS64 || h->e_machine != EM_RISCV ||
		h->e_ident[EI_DATA] != ELFDATA2LSB)
		return ELF_FOREIGN;
	if (h->e_phentsize != sizeof(Elf64_Phdr) || h->e_phnum > PHDRS_MAX)
		return ELF_BROKEN;
	if (h->e_type != ET_EXEC && h->e_type != ET_DYN)
		return ELF_BROKEN;
	im->nphdrs = h->e_phnum;
	elf->entry = h->e_entry;
	if (!read_at(im, h->e_phoff, im->phdrs, h->e_phnum * sizeof(Elf64_Phdr)))
		return ELF_BROKEN;
	return read_segments(im, elf) ? ELF_GOOD : ELF_BROKEN;
}

static enum elf_kind read_script(const struct image *im, struct elf *elf)
{
	char line[256] = { 0 }, *name = line + 2;
	uint64_t len = im->size < sizeof line - 1 ? im->size : sizeof line - 1;

	if (!read_at(im, 0, line, len) || strncmp(line, "#!", 2))
		return ELF_NOT;
	name += strspn(name, " \t");
	name[strcspn(name, " \t\r\n")] = 0;
	elf->interpreter = must_copy(name);
	return ELF_SCRIPT;
}

void elf_read(int fd, uint64_t base, uint64_t size, struct elf *elf)
{
	struct image im = { .fd = fd, .base = base, .size = size };
	Elf64_Ehdr header = { 0 };

	*elf = (struct elf){ .machine = "riscv64", .low = UINT64_MAX };
	if (!read_at(&im, 0, header.e_ident, SELFMAG) || memcmp(header.e_ident, ELFMAG, SELFMAG)) {
		elf->kind = read_script(&im, elf);
		return;
	}
	if (!read_at(&im, 0, &header, sizeof header)) {
		/* enough for the machine's name, perhaps */
		elf->kind = ELF_BROKEN;
		return;
	}
	elf->machine = machine_name(header.e_machine, header.e_ident[EI_CLASS]);
	elf->kind = read_elf(&im, &header, elf);
}

void elf_free(struct elf *elf)
{
	free(elf->interpreter);
	free(elf->runpath);
	strings_free(&elf->needed);
	*elf = (struct elf){ 0 };
}
