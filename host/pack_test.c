// SPDX-License-Identifier: MIT
/* pack_test.c: the tree, the archive it becomes, where it goes, and ELF files from hell. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cpio.h"
#include "elf.h"
#include "pack.h"
#include "qemu.h"
#include "tmp.h"

static struct node *file(struct node *root, const char *path, const char *text)
{
	struct node *n = tree_put(root, path, S_IFREG | 0644);

	assert_non_null(n);
	tree_set_memory(n, strdup(text), strlen(text));
	return n;
}

static struct node *symlink_to(struct node *root, const char *path, const char *target)
{
	struct node *n = tree_put(root, path, S_IFLNK | 0777);

	assert_non_null(n);
	n->inode->target = strdup(target);
	return n;
}

static void tree_walk(void **state)
{
	struct node *root = tree_new(), *n;

	(void)state;
	n = file(root, "/usr/bin/sh", "x");
	symlink_to(root, "bin", "usr/bin");
	symlink_to(root, "/a/up", "../../../usr");
	symlink_to(root, "/loop", "loop");
	assert_ptr_equal(tree_find(root, "//bin/./sh", true), n);
	assert_ptr_equal(tree_find(root, "/a/up/bin/../bin/sh", true), n);
	assert_null(tree_find(root, "/loop/x", true));
	assert_null(tree_find(root, "/usr/bin/sh/x", true));
	assert_null(tree_find(root, "/usr/bi", true));
	assert_ptr_equal(tree_find(root, "/", true), root);
	n = file(root, "/bin/ls", "y");
	assert_ptr_equal(tree_find(root, "/usr/bin/ls", true), n);
	assert_null(tree_put(root, "/usr/bin/sh/x", S_IFREG | 0644));
	assert_int_equal(errno, ENOTDIR);
	assert_null(tree_put(root, "/usr", S_IFREG | 0644));
	assert_int_equal(errno, EISDIR);
	assert_null(tree_put(root, "/usr/..", S_IFREG | 0644));
	assert_null(tree_put(root, "/", S_IFREG | 0644));
	tree_free(root);
}

static void tree_names(void **state)
{
	struct node *root = tree_new(), *one = file(root, "/one", "1");

	(void)state;
	assert_non_null(tree_link(root, "/two", one));
	assert_int_equal(one->inode->names, 2);
	file(root, "/one", "other");
	assert_int_equal(tree_find(root, "/two", true)->inode->names, 1);
	assert_string_equal(tree_find(root, "/two", true)->inode->memory, "1");
	assert_non_null(tree_link(root, "/two", tree_find(root, "/two", true)));
	assert_int_equal(tree_find(root, "/two", true)->inode->names, 1);
	tree_free(root);
}

static unsigned field(const char *header, int index)
{
	char digits[9] = { 0 };

	memcpy(digits, header + 6 + 8 * index, 8);
	return strtoul(digits, NULL, 16);
}

/* Contents of a page or more start on a page; names are in order; the trailer is there. */
static int check_archive(const char *a, size_t size)
{
	size_t at = 0;
	int entries = 0;

	for (;; entries++) {
		size_t len, data;

		assert_true(at + 110 <= size);
		assert_memory_equal(a + at, "070701", 6);
		len = field(a + at, 6);
		data = (at + 110 + field(a + at, 11) + 3) & ~3ul;
		assert_int_equal(a[at + 110 + field(a + at, 11) - 1], 0);
		if (!strcmp(a + at + 110, "TRAILER!!!"))
			return entries;
		if (len >= 4096)
			assert_int_equal(data % 4096, 0);
		at = (data + len + 3) & ~3ul;
	}
}

static void archive(void **state)
{
	struct node *root = tree_new(), *n;
	const char *culprit;
	int fd = tmp_file();
	uint64_t size;
	char *text;

	(void)state;
	for (int i = 0; i < 40; i++) {
		char path[64], *data = calloc(1, 4000 + 100 * i);

		snprintf(path, sizeof path, "/d%d/a-file-with-some-name-%d", i % 7, i);
		n = tree_put(root, path, S_IFREG | 0644);
		tree_set_memory(n, data, 4000 + 100 * i);
	}
	tree_link(root, "/link", n);
	symlink_to(root, "/sym", "link");
	tree_put(root, "/dev/null", S_IFCHR | 0666);
	assert_int_equal(cpio_write(root, fd, &size, &culprit), 0);
	text = malloc(size);
	assert_int_equal(pread(fd, text, size, 0), size);
	assert_int_equal(check_archive(text, size), 40 + 7 + 1 + 1 + 2);
	free(text);
	close(fd);
	tree_free(root);
}

static void missing_host_file(void **state)
{
	struct node *root = tree_new(), *n = tree_put(root, "/x", S_IFREG | 0644);
	const char *culprit;
	int fd = tmp_file();
	uint64_t size;

	(void)state;
	n->inode->host = strdup("/nonexistent/x");
	n->inode->st.st_size = 10;
	assert_int_equal(cpio_write(root, fd, &size, &culprit), -ENOENT);
	assert_string_equal(culprit, "/nonexistent/x");
	close(fd);
	tree_free(root);
}

static void is_path(const char *host, const char *guest)
{
	char *path = pack_guest_path(host);

	assert_string_equal(path, guest);
	free(path);
}

static void guest_paths(void **state)
{
	(void)state;
	is_path("hello", "/hello");
	is_path("./hello", "/hello");
	is_path("build/user/hello", "/build/user/hello");
	is_path("/abs//x", "/abs/x");
	is_path("../../x", "/x");
	is_path("a/../b/./c", "/b/c");
}

enum { MIB = 1 << 20 };

static void placement(void **state)
{
	const uint64_t base = 0x80000000, low = base + 2 * MIB, high = low + 300 * 1024;
	struct placement p;

	(void)state;
	assert_int_equal(qemu_place(128 * MIB, low, high, 40 * MIB, &p), 0);
	assert_false(p.ours);
	assert_int_equal(qemu_place(128 * MIB, low, high, 100 * MIB, &p), 0);
	assert_true(p.ours && p.address == low + 300 * 1024);
	assert_int_equal(qemu_place(128 * MIB, low, high, 130 * MIB, &p), -ENOMEM);
	assert_int_equal(qemu_place(p.needed, low, high, 130 * MIB, &p), 0);
	assert_int_equal(qemu_place(6 * MIB, low, high, 1650 * 1024, &p), 0);
	assert_true(p.ours && p.address + 1650 * 1024 <= base + 4 * MIB);
	assert_int_equal(qemu_place(MIB, low, high, 4096, &p), -ENOMEM);
	assert_int_equal(qemu_place(p.needed, low, high, 4096, &p), 0);
	assert_int_equal(qemu_place(4ull << 30, low, high, 500 * MIB, &p), 0);
	assert_false(p.ours);
}

static int elf_file(void *data, size_t size)
{
	int fd = tmp_file();

	assert_int_equal(write(fd, data, size), size);
	return fd;
}

static enum elf_kind kind_of(void *data, size_t size)
{
	int fd = elf_file(data, size);
	enum elf_kind kind;
	struct elf elf;

	elf_read(fd, 0, size, &elf);
	kind = elf.kind;
	elf_free(&elf);
	close(fd);
	return kind;
}

struct tiny {
	Elf64_Ehdr header;
	Elf64_Phdr load, interp;
	char name[16];
};

static struct tiny tiny_elf(void)
{
	return (struct tiny){
		.header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, 1 },
			.e_type = ET_EXEC,
			.e_machine = EM_RISCV,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 2 },
		.load = { .p_type = PT_LOAD,
			.p_vaddr = 0x10000,
			.p_paddr = 0x10000,
			.p_filesz = sizeof(struct tiny),
			.p_memsz = sizeof(struct tiny) },
		.interp = { .p_type = PT_INTERP,
			.p_offset = offsetof(struct tiny, name),
			.p_filesz = 16 },
		.name = "/lib/ld.so",
	};
}

static void elf_kinds(void **state)
{
	struct tiny t = tiny_elf();

	(void)state;
	assert_int_equal(kind_of(&t, sizeof t), ELF_GOOD);
	assert_int_equal(kind_of(&t, sizeof t - 1), ELF_BROKEN);
	assert_int_equal(kind_of(&t, 20), ELF_BROKEN);
	assert_int_equal(kind_of("#!/bin/sh\n", 10), ELF_SCRIPT);
	assert_int_equal(kind_of("hello", 5), ELF_NOT);
	assert_int_equal(kind_of("", 0), ELF_NOT);
	t.header.e_machine = EM_X86_64;
	assert_int_equal(kind_of(&t, sizeof t), ELF_FOREIGN);
	t = tiny_elf();
	t.header.e_phoff = UINT64_MAX - 8;
	assert_int_equal(kind_of(&t, sizeof t), ELF_BROKEN);
	t = tiny_elf();
	t.interp.p_filesz = UINT64_MAX;
	assert_int_equal(kind_of(&t, sizeof t), ELF_BROKEN);
	t = tiny_elf();
	t.load.p_offset = UINT64_MAX;
	assert_int_equal(kind_of(&t, sizeof t), ELF_BROKEN);
}

static void elf_noise(void **state)
{
	unsigned seed = 1;

	(void)state;
	for (int round = 0; round < 3000; round++) {
		struct tiny t = tiny_elf();

		for (int i = 0; i < 4; i++) {
			seed = seed * 1103515245 + 12345;
			((char *)&t)[(seed >> 16) % sizeof t] = seed >> 8;
		}
		t.interp.p_type = round & 1 ? PT_DYNAMIC : PT_INTERP;
		kind_of(&t, sizeof t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tree_walk),
		cmocka_unit_test(tree_names),
		cmocka_unit_test(archive),
		cmocka_unit_test(missing_host_file),
		cmocka_unit_test(guest_paths),
		cmocka_unit_test(placement),
		cmocka_unit_test(elf_kinds),
		cmocka_unit_test(elf_noise),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
