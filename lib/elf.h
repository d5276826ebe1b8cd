/* SPDX-License-Identifier: MIT */
/*
 * elf.h: checks an ELF64 program and turns it into a short plan of what to map.  Pure; works on the
 * bytes it is given, which may be anything.  Everything in a plan is in bounds: loads are in
 * ascending order, in different pages, inside the file and below the limit.
 */
#pragma once
#include "lib/base.h"

enum { ELF_MAX_LOADS = 16, ELF_MAX_PHDRS = 64, ELF_PHDR_SIZE = 56, ELF_HEADER_SIZE = 64 };
enum { ELF_RISCV = 243, ELF_X86_64 = 62, ELF_AARCH64 = 183 };		/* machine */
enum { ELF_X = 1, ELF_W = 2, ELF_R = 4 };				/* flags */

struct elf_load {
	u64 vaddr, memsz; /* as in the file, not rounded; offset = vaddr modulo 4096 */
	u64	offset, filesz;
	u32	flags;			/* ELF_R, ... */
};

struct elf_plan {
	u16	machine;
	bool	dyn;			/* may be placed anywhere (static-PIE, or an interpreter) */
	bool	has_stack, stack_exec;	/* PT_GNU_STACK */
	u32	count;
	struct elf_load load[ELF_MAX_LOADS];
	u64	low, high;		/* pages of all loads: [low, high) */
	u64	align;			/* largest alignment of a load, at least a page */
	u64	entry;
	u64 phdr; /* address of the program headers in memory; 0: not loaded */
	u64	phoff;
	u32	phnum;
	u64	interp_offset, interp_len;	/* with its NUL; len 0: none */
	u64	tls_vaddr, tls_filesz, tls_memsz, tls_align;
};

/* @head is the start of a file of @file_size bytes, at least its first 64 or the whole file; fills in
 * phoff and phnum.  -ENOEXEC. */
long elf_header(struct elf_plan *p, const void *head, size_t n, u64 file_size, u16 machine);
/* @phdrs are the phnum * 56 bytes at phoff.  @top: first address no program has. */
long elf_segments(struct elf_plan *p, const void *phdrs, u64 file_size, u64 top);
/* Both, for the usual file whose program headers lie in the @n bytes too; -EFBIG if they do not. */
long elf_parse(struct elf_plan *p, const void *head, size_t n, u64 file_size, u16 machine, u64 top);
