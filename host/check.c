// SPDX-License-Identifier: MIT
/*
 * check.c: says at once, and better than an errno from the guest could, why a program cannot
 * run.  Only certain cases die here; what depends on the guest is left to the guest.
 */
#include "check.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "elf.h"
#include "file.h"
#include "say.h"

void check_host_program(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		die(errno == ENOENT || errno == ENOTDIR ? STATUS_NOTFOUND : STATUS_NOEXEC,
			"%s: %s%s", path, strerror(errno),
			errno == ENOENT ? " (with --root, programs are looked up there)" : "");
	if (S_ISDIR(st.st_mode))
		die(STATUS_NOEXEC, "%s is a directory, not a program", path);
	if (!S_ISREG(st.st_mode))
		die(STATUS_NOEXEC, "%s is not a regular file", path);
	if (!(st.st_mode & 0111))
		die(STATUS_NOEXEC, "%s is not executable: chmod +x it", path);
	if (access(path, R_OK))
		die(STATUS_NOEXEC, "cannot read %s: %s", path, strerror(errno));
}

static void judge(struct node *root, const struct elf *elf, const char *shown)
{
	switch (elf->kind) {
	case ELF_FOREIGN:
		die(STATUS_NOEXEC, "%s is a program for %s; weir runs riscv64 programs", shown,
			elf->machine);
	case ELF_BROKEN:
		die(STATUS_NOEXEC, "%s is not a whole ELF program: cut off or damaged", shown);
	case ELF_NOT:
		die(STATUS_NOEXEC, "%s is neither an ELF program nor a #! script", shown);
	case ELF_SCRIPT:
	case ELF_GOOD:
		if (elf->interpreter && *elf->interpreter == '/' &&
			!tree_find(root, elf->interpreter, true))
			die(STATUS_NOTFOUND,
				"%s needs the interpreter %s, which is not there; see --root",
				shown, elf->interpreter);
	}
}

void check_guest_program(struct node *root, const char *path, const char *shown)
{
	struct node *n = tree_find(root, path, true);
	struct inode *i = n ? n->inode : NULL;
	struct elf elf;
	struct stat st;
	int fd;

	if (i && S_ISDIR(i->st.st_mode))
		die(STATUS_NOEXEC, "%s is a directory, not a program", shown);
	if (!i || !S_ISREG(i->st.st_mode) || !(i->st.st_mode & 0111))
		return;
	fd = i->host ? file_open(i->host, &st) : i->fd;
	if (fd < 0)
		return;
	elf_read(fd, i->host ? 0 : i->offset, i->st.st_size, &elf);
	judge(root, &elf, shown);
	elf_free(&elf);
	if (i->host)
		close(fd);
}
