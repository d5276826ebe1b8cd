// SPDX-License-Identifier: MIT
/*
 * pack.c: fills the tree with what the user gave.  Directories and archives are both read
 * through libarchive, so one function turns entries into nodes.  The contents of archives are
 * kept in one nameless temporary file (the spool), those of directories stay where they are.
 */
#include "pack.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "say.h"
#include "tmp.h"

enum { READ_BLOCK = 1 << 16, SECTOR = 4096 };

#define FILE_LIMIT ((int64_t)UINT32_MAX) /* of the format for the guest */

/* A file of the host that has several names: the first of them we saw. */
struct seen {
	dev_t dev;
	ino_t ino;
	struct node *node;
};

struct source {
	const char *path; /* as the user named it */
	struct archive *archive;
	struct node *root;
	const char *below; /* guest directory it goes to */
	void *seen;	   /* tsearch tree of struct seen */
	int spool;
	off_t spooled;
	int entries;
	bool disk;
};

static _Noreturn void die_put(const char *source, const char *path)
{
	if (errno == ENAMETOOLONG)
		die(STATUS_WEIR, "%s: the path '%.60s...' is too long", source, path);
	if (errno == EINVAL)
		die(STATUS_WEIR, "%s: '%.200s' is not a usable path", source, path);
	die(STATUS_WEIR, "%s: cannot place '%s': %s", source, path, strerror(errno));
}

static bool has_dotdot(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (!p[2] || p[2] == '/'))
			return true;
	return false;
}

static void set_owner(struct inode *i, const struct stat *st, bool disk)
{
	bool keep = !disk || geteuid() == 0;

	i->st.st_uid = keep ? st->st_uid : 0;
	i->st.st_gid = keep ? st->st_gid : 0;
	i->st.st_mtime = st->st_mtime;
	i->st.st_rdev = st->st_rdev;
}

static _Noreturn void die_large(const struct source *s, struct archive_entry *e)
{
	die(STATUS_WEIR, "%s: '%s' is larger than 4 GiB", s->path, archive_entry_pathname(e));
}

static void spool(struct source *s, struct inode *i, struct archive_entry *e)
{
	const void *data;
	size_t len;
	int64_t at, end = 0;
	int r;

	if (i->st.st_size < 0 || i->st.st_size > FILE_LIMIT)
		die_large(s, e);
	i->fd = s->spool;
	i->offset = s->spooled;
	while ((r = archive_read_data_block(s->archive, &data, &len, &at)) == ARCHIVE_OK) {
		if (at < 0 || at > FILE_LIMIT - (int64_t)len)
			die_large(s, e);
		errno = 0;
		if (pwrite(s->spool, data, len, i->offset + at) != (ssize_t)len)
			die(STATUS_WEIR, "cannot unpack %s: %s", s->path,
				errno ? strerror(errno) : "disk full");
		end = at + (int64_t)len;
	}
	if (r != ARCHIVE_EOF)
		die(STATUS_WEIR, "%s: broken archive: %s", s->path,
			archive_error_string(s->archive));
	if (i->st.st_size < end)
		i->st.st_size = end;
	s->spooled += (i->st.st_size + SECTOR - 1) & ~(off_t)(SECTOR - 1);
	if (ftruncate(s->spool, s->spooled))
		die(STATUS_WEIR, "cannot unpack %s: %s", s->path, strerror(errno));
}

static void set_content(struct source *s, struct node *n, struct archive_entry *e)
{
	n->inode->st.st_size = archive_entry_size(e);
	if (s->disk)
		n->inode->host = must_copy(archive_entry_sourcepath(e));
	else
		spool(s, n->inode, e);
}

static int seen_order(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	return x->dev < y->dev ? -1 : x->dev > y->dev;
}

/* The node of an earlier name of the same file of the host, or NULL; then `mine` is noted. */
static struct node *earlier_name(struct source *s, const struct stat *st, struct node *mine)
{
	struct seen *key, **found;

	if (!s->disk || st->st_nlink < 2 || S_ISDIR(st->st_mode))
		return NULL;
	key = must_alloc(sizeof *key);
	*key = (struct seen){ st->st_dev, st->st_ino, mine };
	found = tsearch(key, &s->seen, seen_order);
	if (!found)
		die(STATUS_WEIR, "out of memory on the host");
	if (*found == key)
		return NULL;
	free(key);
	return (*found)->node;
}

static void put_hardlink(struct source *s, const char *path, struct archive_entry *e)
{
	char *target = must_print("%s/%s", s->below, archive_entry_hardlink(e));
	struct node *file = tree_find(s->root, target, false);

	if (!file || S_ISDIR(file->inode->st.st_mode))
		die(STATUS_WEIR, "%s: '%s' is a link to '%s', which is not in it", s->path, path,
			archive_entry_hardlink(e));
	if (!tree_link(s->root, path, file))
		die_put(s->path, path);
	if (archive_entry_size(e) > 0 && S_ISREG(file->inode->st.st_mode)) /* newc: the content comes with the last name */
		set_content(s, file, e);
	free(target);
}

static void put_entry(struct source *s, const char *path, struct archive_entry *e)
{
	const struct stat *st = archive_entry_stat(e);
	struct node *n, *first;

	n = tree_put(s->root, path, st->st_mode);
	if (!n)
		die_put(s->path, path);
	first = earlier_name(s, st, n);
	if (first) {
		tree_link(s->root, path, first);
		return;
	}
	set_owner(n->inode, st, s->disk);
	if (S_ISLNK(st->st_mode)) {
		free(n->inode->target);
		n->inode->target =
			must_copy(archive_entry_symlink(e) ? archive_entry_symlink(e) : "");
	} else if (S_ISREG(st->st_mode)) {
		set_content(s, n, e);
	}
}

static void set_top(struct source *s, const struct stat *st)
{
	struct node *top = tree_find(s->root, s->below, true);

	if (!S_ISDIR(st->st_mode))
		die(STATUS_WEIR, "%s: its top is not a directory", s->path);
	top->inode->st.st_mode = st->st_mode;
	set_owner(top->inode, st, s->disk);
}

/* The path of an entry below the source; NULL if it is the top itself. */
static const char *inner_path(const struct source *s, struct archive_entry *e)
{
	const char *path = archive_entry_pathname(e);

	if (!path)
		die(STATUS_WEIR, "%s: a name in it is not text", s->path);
	if (s->disk)
		path += strlen(s->path);
	for (;;) {
		path += strspn(path, "/");
		if (path[0] == '.' && (path[1] == '/' || !path[1]))
			path++;
		else
			return *path ? path : NULL;
	}
}

static void take_entry(struct source *s, struct archive_entry *e)
{
	const char *inner = inner_path(s, e);
	char *path;

	s->entries++;
	if (!inner) {
		set_top(s, archive_entry_stat(e));
		return;
	}
	if (has_dotdot(inner))
		die(STATUS_WEIR, "%s: '%s' leads out of the archive", s->path, inner);
	if (S_ISSOCK(archive_entry_mode(e)))
		return;
	path = must_print("%s/%s", s->below, inner);
	if (!s->disk && archive_entry_hardlink(e))
		put_hardlink(s, path, e);
	else
		put_entry(s, path, e);
	free(path);
}

static const char *reason(struct archive *a)
{
	return archive_error_string(a) ? archive_error_string(a) : "unknown error";
}

static void take_all(struct source *s)
{
	struct archive_entry *e = archive_entry_new();
	int r;

	while ((r = archive_read_next_header2(s->archive, e)) == ARCHIVE_OK || r == ARCHIVE_WARN) {
		take_entry(s, e);
		if (s->disk)
			archive_read_disk_descend(s->archive);
	}
	if (r != ARCHIVE_EOF && s->disk)
		die(STATUS_WEIR, "cannot read %s: %s", s->path, reason(s->archive));
	if (r != ARCHIVE_EOF)
		die(STATUS_WEIR, "%s is not a readable tar or cpio archive: %s", s->path,
			reason(s->archive));
	archive_entry_free(e);
}

static void source_end(struct source *s)
{
	archive_read_free(s->archive);
	tdestroy(s->seen, free);
}

static void take_directory(struct node *root, const char *path, const char *below)
{
	size_t len = strlen(path);
	char *top = must_copy(path);
	struct source s = { .path = top, .root = root, .below = below, .disk = true };

	while (len > 1 && top[len - 1] == '/') /* libarchive drops them too */
		top[--len] = 0;
	s.archive = archive_read_disk_new();
	archive_read_disk_set_symlink_hybrid(s.archive); /* only the top may be a link */
	archive_read_disk_set_behavior(
		s.archive, ARCHIVE_READDISK_NO_XATTR | ARCHIVE_READDISK_NO_ACL |
				   ARCHIVE_READDISK_NO_FFLAGS | ARCHIVE_READDISK_NO_SPARSE);
	if (archive_read_disk_open(s.archive, top) != ARCHIVE_OK)
		die(STATUS_WEIR, "cannot read %s: %s", path, reason(s.archive));
	take_all(&s);
	source_end(&s);
	free(top);
}

static void allow_formats(struct archive *a)
{
	archive_read_support_format_tar(a);
	archive_read_support_format_gnutar(a);
	archive_read_support_format_cpio(a);
	archive_read_support_filter_gzip(a);
	archive_read_support_filter_bzip2(a);
	archive_read_support_filter_xz(a);
	archive_read_support_filter_lzma(a);
	archive_read_support_filter_zstd(a);
	archive_read_support_filter_lz4(a);
	archive_read_support_filter_compress(a);
}

static void take_archive(struct node *root, const char *path)
{
	struct source s = { .path = path, .root = root, .below = "", .spool = tmp_file() };

	s.archive = archive_read_new();
	allow_formats(s.archive);
	if (archive_read_open_filename(s.archive, path, READ_BLOCK) != ARCHIVE_OK)
		die(STATUS_WEIR, "%s is not a readable tar or cpio archive: %s", path,
			reason(s.archive));
	take_all(&s);
	if (!s.entries)
		die(STATUS_WEIR, "%s is an empty archive", path);
	source_end(&s);
}

bool pack_is_image(const char *path)
{
	unsigned char block[2048] = { 0 };
	struct stat st;
	int fd = file_open(path, &st);
	ssize_t n = fd < 0 ? -1 : read(fd, block, sizeof block);

	if (fd >= 0)
		close(fd);
	if (n < (ssize_t)sizeof block)
		return false;
	return (block[510] == 0x55 && block[511] == 0xaa) ||
	       (block[1080] == 0x53 && block[1081] == 0xef);
}

void pack_root(struct node *root, const char *path)
{
	struct stat st;

	if (stat(path, &st))
		die(STATUS_WEIR, "--root %s: %s", path, strerror(errno));
	if (S_ISDIR(st.st_mode))
		take_directory(root, path, "");
	else if (!S_ISREG(st.st_mode))
		die(STATUS_WEIR, "--root %s is neither a directory nor an archive", path);
	else if (!st.st_size)
		die(STATUS_WEIR, "--root %s is an empty file", path);
	else
		take_archive(root, path);
}

static void put_file(struct node *root, const char *host, const char *guest, const struct stat *st)
{
	struct node *n = tree_put(root, guest, st->st_mode);

	if (!n)
		die_put(host, guest);
	set_owner(n->inode, st, true);
	n->inode->host = must_copy(host);
	n->inode->st.st_size = st->st_size;
}

static void put_volume(struct node *root, const char *host, const char *guest)
{
	struct node *n;
	struct stat st;

	if (stat(host, &st))
		die(STATUS_WEIR, "-v %s: %s", host, strerror(errno));
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		die(STATUS_WEIR, "-v %s is neither a file nor a directory", host);
	if (S_ISREG(st.st_mode)) {
		put_file(root, host, guest, &st);
		return;
	}
	n = guest[strspn(guest, "/")] ? tree_put(root, guest, st.st_mode) : root;
	if (!n)
		die_put(host, guest);
	tree_clear(n);
	take_directory(root, host, guest);
}

void pack_volume(struct node *root, const char *spec)
{
	char *host = must_copy(spec), *guest = strchr(host, ':'), *mode;

	if (!guest)
		die(STATUS_WEIR, "-v %s: write HOST:GUEST", spec);
	*guest++ = 0;
	mode = strchr(guest, ':');
	if (mode)
		*mode++ = 0;
	if (mode && strcmp(mode, "ro"))
		die(STATUS_WEIR, "-v %s: only :ro is known; files are copied in, never back", spec);
	if (!*host || *guest != '/' || has_dotdot(guest))
		die(STATUS_WEIR, "-v %s: write HOST:GUEST with an absolute GUEST", spec);
	put_volume(root, host, guest);
	free(host);
}

void pack_basics(struct node *root)
{
	static const struct {
		const char *path;
		mode_t mode;
	} basics[] = { { "/tmp", 01777 }, { "/dev", 0755 }, { "/proc", 0555 } };

	for (size_t i = 0; i < sizeof basics / sizeof *basics; i++)
		if (!tree_find(root, basics[i].path, true))
			tree_put(root, basics[i].path, S_IFDIR | basics[i].mode);
}
