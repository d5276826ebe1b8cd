// SPDX-License-Identifier: MIT
/*
 * archive_fuzz.c: any archive as --root: any bytes (the first is even), or well-formed ones with any entries (odd;
 * see put_entries()).  What would end weir ends the attempt; what it leaves behind then is freed
 * here, so these functions are ours.
 */
// wrap: die tmp_file archive_read_new archive_entry_new archive_entry_free
#include <archive.h>
#include <archive_entry.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cpio.h"
#include "pack.h"

enum { CONTENT_MAX = 1 << 20 };

static jmp_buf out;
static int input = -1, spool = -1, result = -1;
static struct archive *archive;
static struct archive_entry *entry;

struct archive *__real_archive_read_new(void);
struct archive_entry *__real_archive_entry_new(void);
void __real_archive_entry_free(struct archive_entry *e);

/* Texts weir would have ended with. */
int __lsan_is_turned_off(void)
{
	return 1;
}

_Noreturn void __wrap_die(int status, const char *format, ...)
{
	(void)status, (void)format;
	archive_read_free(archive);
	archive_entry_free(entry);
	longjmp(out, 1);
}

int __wrap_tmp_file(void)
{
	return spool;
}

struct archive *__wrap_archive_read_new(void)
{
	return archive = __real_archive_read_new();
}

struct archive_entry *__wrap_archive_entry_new(void)
{
	return entry = __real_archive_entry_new();
}

void __wrap_archive_entry_free(struct archive_entry *e)
{
	__real_archive_entry_free(e);
	if (e == entry)
		entry = NULL;
}

/* The text up to a NUL. */
static const char *next_text(const uint8_t **data, size_t *size)
{
	static char text[2][8192];
	static int turn;
	size_t n = strnlen((const char *)*data, *size < sizeof *text ? *size : sizeof *text - 1);

	turn = !turn;
	memcpy(text[turn], *data, n);
	text[turn][n] = 0;
	n += n < *size;
	*data += n;
	*size -= n;
	return text[turn];
}

/* Each entry: a byte that says what it is, its path, where it links to. */
static void put_entry(struct archive *to, const uint8_t **data, size_t *size)
{
	static const mode_t types[] = { AE_IFREG, AE_IFDIR, AE_IFLNK, AE_IFCHR, AE_IFBLK, AE_IFIFO, AE_IFREG,
		AE_IFREG };
	struct archive_entry *e = archive_entry_new();
	unsigned kind = *(*data)++ & 15;

	--*size;
	archive_entry_set_mode(e, types[kind & 7] | 0755);
	archive_entry_set_size(e, 0);
	archive_entry_set_pathname(e, next_text(data, size));
	if (kind == 2)
		archive_entry_set_symlink(e, next_text(data, size));
	if ((kind & 7) == 6)
		archive_entry_set_hardlink(e, next_text(data, size));
	if ((kind & 7) != 2 && kind & 8)
		archive_entry_set_size(e, 5000);
	archive_write_header(to, e);
	archive_entry_free(e);
}

static void put_entries(const uint8_t *data, size_t size)
{
	struct archive *to = archive_write_new();

	if (data[-1] & 2)
		archive_write_set_format_cpio_newc(to);
	else
		archive_write_set_format_pax_restricted(to);
	if (archive_write_open_fd(to, input) == ARCHIVE_OK)
		while (size)
			put_entry(to, &data, &size);
	archive_write_free(to);
}

static void write_back(struct node *root)
{
	const char *culprit;
	struct stat st;
	uint64_t size;

	if (fstat(spool, &st) || st.st_size > CONTENT_MAX || lseek(result, 0, SEEK_SET))
		return;
	cpio_write(root, result, &size, &culprit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct node *root;
	char path[32];

	if (input < 0) {
		input = memfd_create("input", 0);
		spool = memfd_create("spool", 0);
		result = memfd_create("result", 0);
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", input);
	if (!size || ftruncate(spool, 0) || ftruncate(input, 0) || lseek(input, 0, SEEK_SET))
		return 0;
	if (*data & 1)
		put_entries(data + 1, size - 1);
	else if (pwrite(input, data + 1, size - 1, 0) < 0)
		return 0;
	archive = NULL;
	root = tree_new();
	if (!setjmp(out)) {
		pack_root(root, path);
		pack_basics(root);
		write_back(root);
	}
	tree_free(root);
	return 0;
}
