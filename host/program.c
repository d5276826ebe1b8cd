// SPDX-License-Identifier: MIT
/*
 * program.c: packs a single host program, and if it is dynamic the interpreter it names and the
 * libraries it and they need.  Libraries go to /lib, where every loader looks.  What cannot be
 * found is said before anything boots.
 */
#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "elf.h"
#include "file.h"
#include "pack.h"
#include "say.h"

enum { LIBRARIES_MAX = 512 };

static const char *const library_dirs[] = {
	"/usr/riscv64-linux-gnu/lib",
	"/usr/lib/riscv64-linux-gnu",
	"/lib/riscv64-linux-gnu",
	"/usr/riscv64-linux-musl/lib",
	"/usr/lib/riscv64-linux-musl",
};

struct search {
	struct node *root;
	const char *sysroot; /* from the user, or NULL */
	const char *program;
	char *beside;	     /* directory of the program */
	struct strings done; /* names of libraries that are packed */
};

char *pack_guest_path(const char *host)
{
	struct strings parts = { 0 };
	char *copy = must_copy(host), *save, *path = must_copy("");

	for (char *p = strtok_r(copy, "/", &save); p; p = strtok_r(NULL, "/", &save)) {
		if (!strcmp(p, "..") && parts.count)
			free(parts.items[--parts.count]);
		else if (strcmp(p, ".") && strcmp(p, ".."))
			strings_add(&parts, p);
	}
	for (size_t i = 0; i < parts.count; i++) {
		char *longer = must_print("%s/%s", path, parts.items[i]);

		free(path);
		path = longer;
	}
	strings_free(&parts);
	free(copy);
	return path;
}

static bool inspect(const char *path, struct elf *elf, struct stat *st)
{
	int fd = file_open(path, st);

	*elf = (struct elf){ 0 };
	if (fd < 0)
		return false;
	elf_read(fd, 0, st->st_size, elf);
	close(fd);
	return true;
}

static void put(struct node *root, const char *host, const char *guest, const struct stat *st)
{
	struct node *n = tree_put(root, guest, st->st_mode);

	if (!n)
		die(STATUS_WEIR, "cannot place %s at %s: %s", host, guest, strerror(errno));
	n->inode->st.st_mtime = st->st_mtime;
	n->inode->st.st_size = st->st_size;
	n->inode->host = must_copy(host);
}

/* path if it is a riscv64 ELF file, else NULL; frees what it does not return. */
static char *usable(char *path)
{
	struct elf elf;
	struct stat st;
	bool good = inspect(path, &elf, &st) && elf.kind == ELF_GOOD;

	elf_free(&elf);
	if (good)
		return path;
	free(path);
	return NULL;
}

static char *in_runpath(const char *runpath, const char *origin, const char *name)
{
	char *copy = must_copy(runpath), *save, *found = NULL;

	for (char *d = strtok_r(copy, ":", &save); d && !found; d = strtok_r(NULL, ":", &save)) {
		const char *rest = d;

		if (!strncmp(d, "$ORIGIN", 7))
			rest = d + 7;
		else if (!strncmp(d, "${ORIGIN}", 9))
			rest = d + 9;
		found = usable(must_print("%s%s/%s", rest == d ? "" : origin, rest, name));
	}
	free(copy);
	return found;
}

static char *find_library(const struct search *s, const char *name, const char *runpath)
{
	char *found = runpath ? in_runpath(runpath, s->beside, name) : NULL;

	if (!found)
		found = usable(must_print("%s/%s", s->beside, name));
	if (!found && s->sysroot)
		found = usable(must_print("%s/lib/%s", s->sysroot, name));
	if (!found && s->sysroot)
		found = usable(must_print("%s/usr/lib/%s", s->sysroot, name));
	for (size_t i = 0; !found && i < sizeof library_dirs / sizeof *library_dirs; i++)
		found = usable(must_print("%s/%s", library_dirs[i], name));
	return found;
}

static bool done_before(struct search *s, const char *name)
{
	for (size_t i = 0; i < s->done.count; i++)
		if (!strcmp(s->done.items[i], name))
			return true;
	strings_add(&s->done, name);
	return false;
}

static void put_libraries(struct search *s, const struct elf *elf);

static void put_found(struct search *s, const char *host, const char *guest)
{
	struct elf elf;
	struct stat st;

	if (inspect(host, &elf, &st)) {
		put(s->root, host, guest, &st);
		put_libraries(s, &elf);
	}
	elf_free(&elf);
}

static void put_library(struct search *s, const char *name, const char *runpath)
{
	char *host, *guest;

	if (strchr(name, '/') || done_before(s, name))
		return;
	if (s->done.count > LIBRARIES_MAX)
		die(STATUS_NOEXEC, "%s needs more than %d libraries", s->program, LIBRARIES_MAX);
	host = find_library(s, name, runpath);
	if (!host)
		die(STATUS_NOTFOUND,
			"%s needs the library %s, which is not found; use --sysroot or --root",
			s->program, name);
	guest = must_print("/lib/%s", name);
	put_found(s, host, guest);
	free(guest);
	free(host);
}

static void put_libraries(struct search *s, const struct elf *elf)
{
	for (size_t i = 0; i < elf->needed.count; i++)
		put_library(s, elf->needed.items[i], elf->runpath);
}

static void put_interpreter(struct search *s, const char *path)
{
	char *host = NULL, *copy = must_copy(path), *name = basename(copy);

	if (s->sysroot)
		host = usable(must_print("%s%s", s->sysroot, path));
	if (!host)
		host = find_library(s, name, NULL);
	if (!host)
		die(STATUS_NOTFOUND,
			"%s needs the interpreter %s, which is not found; use --sysroot or --root",
			s->program, path);
	strings_add(&s->done, name);
	put_found(s, host, path);
	free(host);
	free(copy);
}

static void put_dynamic(
	struct node *root, const char *host, const char *sysroot, const struct elf *elf)
{
	char *copy = must_copy(host);
	struct search s = {
		.root = root, .sysroot = sysroot, .program = host, .beside = dirname(copy)
	};

	if (elf->interpreter)
		put_interpreter(&s, elf->interpreter);
	put_libraries(&s, elf);
	strings_free(&s.done);
	free(copy);
}

void pack_program(struct node *root, const char *host, const char *sysroot)
{
	char *guest = pack_guest_path(host);
	struct elf elf;
	struct stat st;

	if (*guest && !tree_find(root, guest, false) && inspect(host, &elf, &st)) {
		put(root, host, guest, &st);
		if (elf.kind == ELF_GOOD)
			put_dynamic(root, host, sysroot, &elf);
		elf_free(&elf);
	}
	free(guest);
}
