// SPDX-License-Identifier: MIT
/*
 * cpio.c: the archive writer.  Format: newc (magic 070701), parents before kids, a file with
 * several names carries its content with the last of them.  The name field is padded with NULs
 * so that contents of a page or more start on a page (docs/protocol.md).  Sizes are those of the
 * tree: a host file that shrank meanwhile is filled with zeros, one that grew is cut.
 */
#include "cpio.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "buf.h"
#include "file.h"
#include "say.h"

enum { PAGE = 4096, HEADER = 110, CHUNK = 1 << 18 };

struct writer {
	int fd;
	uint64_t pos;
	struct buf pending;
	unsigned numbers;
	const char *culprit;
	char path[PATH_MAX]; /* of the entry; trees are not deeper */
};

static int flush(struct writer *w)
{
	while (buf_len(&w->pending)) {
		ssize_t n = write(w->fd, buf_data(&w->pending), buf_len(&w->pending));

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			buf_take(&w->pending, n);
	}
	return 0;
}

static int put(struct writer *w, const void *data, size_t len)
{
	buf_add(&w->pending, data, len);
	w->pos += len;
	return buf_len(&w->pending) >= CHUNK ? flush(w) : 0;
}

static int zeros(struct writer *w, size_t len)
{
	memset(buf_room(&w->pending, len), 0, len);
	buf_added(&w->pending, len);
	w->pos += len;
	return 0;
}

static size_t name_size(const struct writer *w, const char *name, uint64_t content)
{
	size_t least = strlen(name) + 1;
	size_t after = (w->pos + HEADER) % PAGE;

	if (content < PAGE)
		return least;
	for (size_t size = PAGE - after;; size += PAGE)
		if (size >= least)
			return size;
}

static int header(struct writer *w, const char *name, const struct inode *i, uint64_t content)
{
	const struct stat *st = &i->st;
	size_t namesize = name_size(w, name, content);
	char head[HEADER + 1];
	int err;

	snprintf(head, sizeof head, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
		i->number, st->st_mode, st->st_uid, st->st_gid, S_ISDIR(st->st_mode) ? 2 : i->names,
		(unsigned)st->st_mtime, (unsigned)content, 0, 0, major(st->st_rdev),
		minor(st->st_rdev), (unsigned)namesize, 0);
	err = put(w, head, HEADER);
	if (!err)
		err = put(w, name, strlen(name));
	if (!err)
		err = zeros(w, namesize - strlen(name));
	return err ? err : zeros(w, -w->pos & 3);
}

static int copy_open(struct writer *w, int fd, off_t offset, uint64_t left)
{
	while (left) {
		size_t want = left < CHUNK ? left : CHUNK;
		ssize_t n = pread(fd, buf_room(&w->pending, want), want, offset);
		int err;

		if (n < 0)
			return -errno;
		if (n == 0)
			return zeros(w, left);
		buf_added(&w->pending, n);
		w->pos += n;
		offset += n;
		left -= n;
		if (buf_len(&w->pending) >= CHUNK && (err = flush(w)))
			return err;
	}
	return 0;
}

static int copy_host(struct writer *w, const struct inode *i)
{
	struct stat st;
	int fd = file_open(i->host, &st); /* it may have become something else */
	int err;

	if (fd < 0) {
		w->culprit = i->host;
		return -errno;
	}
	err = copy_open(w, fd, 0, i->st.st_size);
	close(fd);
	return err;
}

static int content(struct writer *w, const struct inode *i, uint64_t len)
{
	if (!len)
		return 0;
	if (i->target)
		return put(w, i->target, len);
	if (i->memory)
		return put(w, i->memory, len);
	return i->host ? copy_host(w, i) : copy_open(w, i->fd, i->offset, len);
}

static uint64_t content_size(const struct inode *i)
{
	if (i->target)
		return strlen(i->target);
	return S_ISREG(i->st.st_mode) ? i->st.st_size : 0;
}

static int entry(struct writer *w, const char *path, struct inode *i)
{
	uint64_t len = content_size(i);
	int err;

	if (!i->number)
		i->number = ++w->numbers;
	if (++i->written < i->names)
		len = 0;
	if (len > UINT32_MAX) {
		w->culprit = i->host;
		return -EFBIG;
	}
	err = header(w, path, i, len);
	if (!err)
		err = content(w, i, len);
	return err ? err : zeros(w, -w->pos & 3);
}

static int branch(struct node *n, void *arg)
{
	struct writer *w = arg;
	size_t len = strlen(w->path);
	int err;

	snprintf(w->path + len, sizeof w->path - len, "%s%s", len ? "/" : "", n->name);
	err = entry(w, w->path, n->inode);
	if (!err)
		err = tree_kids(n, branch, w);
	w->path[len] = 0;
	return err;
}

int cpio_write(struct node *root, int fd, uint64_t *size, const char **culprit)
{
	struct writer w = { .fd = fd };
	const struct inode end = { .names = 1 };
	int err = tree_kids(root, branch, &w);

	if (!err)
		err = header(&w, "TRAILER!!!", &end, 0);
	if (!err)
		err = zeros(&w, -w.pos & (PAGE - 1));
	if (!err)
		err = flush(&w);
	*size = w.pos;
	*culprit = w.culprit;
	buf_free(&w.pending);
	return err;
}
