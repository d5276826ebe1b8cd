/* SPDX-License-Identifier: MIT */
/* What weir must know of a program before it boots anything: machine, interpreter, libraries. */
#ifndef HOST_ELF_H
#define HOST_ELF_H

#include <stdint.h>

#include "job.h"

enum elf_kind { ELF_GOOD, ELF_SCRIPT, ELF_FOREIGN, ELF_BROKEN, ELF_NOT };

struct elf {
	enum elf_kind kind;
	const char *machine;	   /* "riscv64", "x86_64", ... */
	char *interpreter;	   /* PT_INTERP or the word after #!, or NULL */
	struct strings needed;	   /* DT_NEEDED */
	char *runpath;		   /* DT_RUNPATH or DT_RPATH, or NULL */
	uint64_t entry, low, high; /* physical extent of what is loaded */
};

/* Reads the file of `size` bytes that starts at `base` of fd; never fails, see kind. */
void elf_read(int fd, uint64_t base, uint64_t size, struct elf *elf);
void elf_free(struct elf *elf);

#endif
