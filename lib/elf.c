/* SPDX-License-Identifier: MIT */
/*
 * elf.c: strict reading of ELF64 headers.  Pure.  Structures are copied out of the buffer, which
 * needs no alignment.  What Linux tolerates but no linker makes (overlapping loads, entries outside
 * of executable loads) is refused.
 */
#include <string.h>
#include <linux/elf.h>
#include "lib/elf.h"

_Static_assert(sizeof(Elf64_Ehdr) == ELF_HEADER_SIZE && sizeof(Elf64_Phdr) == ELF_PHDR_SIZE, "");

enum { INTERP_MAX = 4096 };

static bool within(u64 offset, u64 n, u64 size)
{
	return offset <= size && n <= size - offset;
}

static bool ident_ok(const Elf64_Ehdr *h)
{
	return !memcmp(h->e_ident, ELFMAG, SELFMAG) && h->e_ident[EI_CLASS] == ELFCLASS64 &&
	       h->e_ident[EI_DATA] == ELFDATA2LSB && h->e_ident[EI_VERSION] == EV_CURRENT;
}

long elf_header(struct elf_plan *p, const void *head, size_t n, u64 file_size, u16 machine)
{
	Elf64_Ehdr h;

	memset(p, 0, sizeof(*p));
	if (n < sizeof(h))
		return -ENOEXEC;
	memcpy(&h, head, sizeof(h));
	if (!ident_ok(&h) || h.e_version != EV_CURRENT || h.e_machine != machine)
		return -ENOEXEC;
	if ((h.e_type != ET_EXEC && h.e_type != ET_DYN) || h.e_phentsize != sizeof(Elf64_Phdr))
		return -ENOEXEC;
	if (!h.e_phnum || h.e_phnum > ELF_MAX_PHDRS ||
	    !within(h.e_phoff, (u64)h.e_phnum * sizeof(Elf64_Phdr), file_size))
		return -ENOEXEC;
	p->machine = machine;
	p->dyn = h.e_type == ET_DYN;
	p->entry = h.e_entry;
	p->phoff = h.e_phoff;
	p->phnum = h.e_phnum;
	return 0;
}

static bool align_ok(const Elf64_Phdr *ph)
{
	u64 a = ph->p_align;

	return !(a & (a - 1)) && (a <= 1 || (ph->p_vaddr & (a - 1)) == (ph->p_offset & (a - 1)));
}

static long add_load(struct elf_plan *p, const Elf64_Phdr *ph, u64 file_size, u64 top)
{
	if (ph->p_filesz > ph->p_memsz || !within(ph->p_offset, ph->p_filesz, file_size))
		return -ENOEXEC;
	if (!ph->p_memsz)
		return 0;
	if (!within(ph->p_vaddr, ph->p_memsz, top - PAGE_SIZE) || p->count == ELF_MAX_LOADS)
		return -ENOEXEC;
	if (!align_ok(ph) || (ph->p_vaddr ^ ph->p_offset) % PAGE_SIZE)
		return -ENOEXEC;
	if (p->count && align_down(ph->p_vaddr, PAGE_SIZE) < p->high)
		return -ENOEXEC;
	if (!p->count)
		p->low = align_down(ph->p_vaddr, PAGE_SIZE);
	p->high = align_up(ph->p_vaddr + ph->p_memsz, PAGE_SIZE);
	p->align = max(p->align, (u64)ph->p_align);
	p->load[p->count++] = (struct elf_load){
		.vaddr = ph->p_vaddr, .memsz = ph->p_memsz, .offset = ph->p_offset,
		.filesz = ph->p_filesz, .flags = ph->p_flags & (ELF_R | ELF_W | ELF_X),
	};
	return 0;
}

static long set_interp(struct elf_plan *p, const Elf64_Phdr *ph, u64 file_size)
{
	if (p->interp_len || ph->p_filesz < 2 || ph->p_filesz > INTERP_MAX ||
	    !within(ph->p_offset, ph->p_filesz, file_size))
		return -ENOEXEC;
	p->interp_offset = ph->p_offset;
	p->interp_len = ph->p_filesz;
	return 0;
}

static long set_tls(struct elf_plan *p, const Elf64_Phdr *ph)
{
	if (ph->p_filesz > ph->p_memsz || (ph->p_align & (ph->p_align - 1)))
		return -ENOEXEC;
	p->tls_vaddr = ph->p_vaddr;
	p->tls_filesz = ph->p_filesz;
	p->tls_memsz = ph->p_memsz;
	p->tls_align = ph->p_align;
	return 0;
}

static long add_segment(struct elf_plan *p, const Elf64_Phdr *ph, u64 file_size, u64 top)
{
	switch (ph->p_type) {
	case PT_LOAD:
		return add_load(p, ph, file_size, top);
	case PT_INTERP:
		return set_interp(p, ph, file_size);
	case PT_TLS:
		return set_tls(p, ph);
	case PT_GNU_STACK:
		p->has_stack = true;
		p->stack_exec = ph->p_flags & ELF_X;
	}
	return 0;
}

static bool entry_ok(const struct elf_plan *p)
{
	for (u32 i = 0; i < p->count; i++)
		if ((p->load[i].flags & ELF_X) && p->entry >= p->load[i].vaddr &&
		    p->entry - p->load[i].vaddr < p->load[i].filesz)
			return true;
	return false;
}

/* Where the program headers are in memory, if a load covers all of them. */
static u64 find_phdrs(const struct elf_plan *p)
{
	u64 n = (u64)p->phnum * ELF_PHDR_SIZE;

	for (u32 i = 0; i < p->count; i++) {
		const struct elf_load *l = &p->load[i];

		if (p->phoff >= l->offset && within(p->phoff - l->offset, n, l->filesz))
			return l->vaddr + (p->phoff - l->offset);
	}
	return 0;
}

long elf_segments(struct elf_plan *p, const void *phdrs, u64 file_size, u64 top)
{
	p->align = PAGE_SIZE;
	for (u32 i = 0; i < p->phnum; i++) {
		Elf64_Phdr ph;
		long err;

		memcpy(&ph, (const u8 *)phdrs + (size_t)i * sizeof(ph), sizeof(ph));
		err = add_segment(p, &ph, file_size, top);
		if (err)
			return err;
	}
	if (!p->count || p->align > top || !entry_ok(p))
		return -ENOEXEC;
	p->phdr = find_phdrs(p);
	return 0;
}

long elf_parse(struct elf_plan *p, const void *head, size_t n, u64 file_size, u16 machine, u64 top)
{
	long err = elf_header(p, head, n, file_size, machine);

	if (err)
		return err;
	if (!within(p->phoff, (u64)p->phnum * ELF_PHDR_SIZE, n))
		return -EFBIG;
	return elf_segments(p, (const u8 *)head + p->phoff, file_size, top);
}
