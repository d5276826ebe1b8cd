// SPDX-License-Identifier: MIT
/*
 * dir.c: open directories on disks.  The file system lists into a buffer of the open file, as an
 * errand; programs get entries from there.  Positions: 0 ".", 1 "..", then the file system's plus 2.
 *
 * A buffer is private to its errand until that has ended, and then to the open file, whose calls come one
 * after the other; a second reader of the same description makes it anew.
 */
#include <linux/fcntl.h>
#include <string.h>
#include "fs/disk/private.h"
#include "mem/heap.h"

enum { ROOM = 4000, DOTS = 2 };

struct entry { u64 ino, next; u16 size, len; u8 type; char name[]; };

struct listing {
	struct dir_sink	sink;
	struct inode	*dir;		/* counted */
	u64		first, next;	/* positions of the file system it was made from, and behind it */
	u32		used;
	struct errand	*work;
	u8		room[ROOM];
};

static bool keep(struct dir_sink *s, const char *name, u32 len, u64 ino, u32 mode, u64 next)
{
	struct listing *l = container_of(s, struct listing, sink);
	u32 size = align_up(sizeof(struct entry) + len, 8);
	struct entry *e = (struct entry *)(l->room + l->used);

	if (size > ROOM - l->used)
		return false;
	*e = (struct entry){ .ino = ino, .next = next, .size = size, .len = len, .type = mode >> 12 & 15 };
	memcpy(e->name, name, len);
	l->used += size;
	return true;
}

static async long list_main(struct co *co, void *arg)
{
	struct { u64 unused; } *f = co_frame(co);
	struct listing *const l = arg;
	long r;

	co_begin(f);
	await(r = read_lock(&dnode_of(l->dir)->lock));
	await(r = disk_ops(l->dir)->list(co, l->dir, &l->next, &l->sink));
	read_unlock(&dnode_of(l->dir)->lock);
	return r;
	co_end();
}

static void list_drop(void *arg)
{
	struct listing *l = arg;

	inode_put(l->dir);
	heap_free(l);
}

static struct listing *list_begin(struct inode *dir, u64 from)
{
	struct listing *l = heap_alloc(sizeof(*l));

	if (!l)
		return NULL;
	*l = (struct listing){ .sink.add = keep, .dir = inode_get(dir), .first = from, .next = from };
	l->work = errand_create("list directory", list_main, list_drop, l);
	if (!l->work) {
		list_drop(l);
		return NULL;
	}
	errand_start(l->work);
	return l;
}

static void listing_put(struct file *f)
{
	struct listing *l = f->data;

	f->data = NULL;
	if (l)
		errand_put(l->work);
}

/* --- reading ---------------------------------------------------------------------------------- */

static long put_entry(struct file *f, struct uio *u, const char *name, u32 len, u64 ino, u8 type, u64 next)
{
	long r = dirent_put(u, name, len, ino, type, next);

	if (!r)
		f->pos = next;
	return r;
}

static long put_dots(struct file *f, struct uio *u)
{
	struct dentry *d = f->dentry, *up = d->covers ? d->covers->parent : d->parent;
	long r = 0;

	if (f->pos == 0)
		r = put_entry(f, u, ".", 1, d->inode->ino, I_DIR >> 12, 1);
	if (!r && f->pos == 1)
		r = put_entry(f, u, "..", 2, up->inode->ino, I_DIR >> 12, DOTS);
	return r;
}

/* The entry at @pos of a listing, or NULL: behind it. */
static const struct entry *entry_at(const struct listing *l, u64 pos)
{
	u64 at = l->first;

	for (u32 i = 0; i < l->used;) {
		const struct entry *e = (const struct entry *)(l->room + i);

		if (at >= pos)
			return e;
		at = e->next;
		i += e->size;
	}
	return NULL;
}

/* What the listing has from f->pos on. */
static long put_listed(struct file *f, struct uio *u, const struct listing *l)
{
	const struct entry *e;
	long r;

	while ((e = entry_at(l, f->pos - DOTS))) {
		r = put_entry(f, u, e->name, e->len, e->ino, e->type, e->next + DOTS);
		if (r)
			return r;
	}
	return 0;
}

/* f->data becomes the listing that goes on at f->pos, complete or on its way. */
static long listing_for(struct file *f)
{
	struct listing *l = f->data;
	u64 at = f->pos - DOTS;

	if (!l || at < l->first || (at >= l->next && l->work->done.over && at != l->first)) {
		listing_put(f);
		f->data = list_begin(f->inode, at);
	}
	return f->data ? 0 : -ENOMEM;
}

static async long listing_wait(struct file *f)
{
	long r = errand_wait(((struct listing *)f->data)->work);

	if (r && r != PENDING)
		listing_put(f);
	return r;
}

/* Put what the listing has.  1: that was the end of the directory. */
static long put_more(struct file *f, struct uio *u)
{
	struct listing *l = f->data;
	u64 before = f->pos;
	long r = put_listed(f, u, l);

	if (r || f->pos != before)
		return r;
	f->pos = max(f->pos, l->next + DOTS);		/* entries that are empty, up to here */
	return f->pos == before;
}

/* Whoever has something does not wait for more: a call that waits begins anew. */
static async long disk_readdir(struct co *co, struct file *f, struct uio *u)
{
	u64 before = u->done;
	long r;

	if (f->dentry->flags & D_GONE)
		return -ENOENT;
	r = put_dots(f, u);
	while (!r) {
		r = listing_for(f);
		if (!r && u->done != before && !((struct listing *)f->data)->work->done.over)
			break;
		if (!r)
			r = listing_wait(f);
		if (!r)
			r = put_more(f, u);
	}
	if (u->done != before)
		return u->done - before;
	return r == 1 ? 0 : r;
}

static async long disk_dir_read(struct co *co, struct file *f, struct uio *u, u64 *pos)
{
	return -EISDIR;
}

static long disk_dir_seek(struct file *f, s64 offset, u32 whence)
{
	s64 to = whence == 1 ? (s64)f->pos + offset : offset;

	if (whence > 1 || to < 0)
		return -EINVAL;
	if (to < DOTS || !to)
		listing_put(f);			/* as rewinddir() wants it: afresh */
	f->pos = to;
	return to;
}

async long disk_file_sync(struct co *co, struct file *f);
static const struct file_ops dir_ops = {
	.read = disk_dir_read, .seek = disk_dir_seek, .readdir = disk_readdir,
	.sync = disk_file_sync, .release = listing_put,
};

long disk_dir_open(struct inode *ip, struct file *f)
{
	f->ops = &dir_ops;
	return 0;
}
