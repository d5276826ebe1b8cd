// SPDX-License-Identifier: MIT
/*
 * initrd.c: unpacks the boot archive into the root file system.
 *
 * Pages of file data that begin at a page boundary become pages of the file where they are; the rest
 * is copied.  Frames that no file has adopted are the boot code's to free.  The archive may be hostile:
 * names cannot leave the root, unknown types are skipped, and what cannot be created is logged once.
 */
#include <string.h>
#include "core/log.h"
#include "core/time.h"
#include "fs/path.h"
#include "lib/cpio.h"
#include "mem/heap.h"

enum { HARD_BUCKETS = 64 };

struct hard_link {			/* an archive's inode that has several names */
	struct hard_link	*next;
	u32			ino, major, minor;
	struct dentry		*d;
};
struct unpacking {
	const u8		*base;
	struct dentry		*dir;		/* of the last name, counted */
	char			dir_name[PATH_MAX_LEN];
	size_t			dir_len;
	struct hard_link	*hard[HARD_BUCKETS];
	u32			failed;
};

/* --- directories ---------------------------------------------------------------------------------- */

static struct dentry *child(struct dentry *dir, struct name n)
{
	struct dentry *d;

	guard(&tree_lock);
	d = dentry_find(dir, n);
	while (d && d->cover)
		d = d->cover;
	return d ? dentry_get(d) : NULL;
}

/* The directory @n in @dir, made if there is none.  Takes the reference to @dir. */
static long descend(struct dentry **dir, struct name n)
{
	struct last last = { .name = n, .kind = LAST_NAME };
	struct dentry *up = *dir, *d = child(up, n);
	long err = 0;

	if (!d)
		err = name_create(&kernel_context, up, &last, I_DIR | 0755, 0, NULL, &d);
	if (!err && !inode_is_dir(d->inode)) {
		dentry_put(d);
		err = -ENOTDIR;
	}
	if (err)
		return err;
	dentry_put(up);
	*dir = d;
	return 0;
}

/* The next component of @s; false: there is none.  "." and empty ones are passed over. */
static bool component(const char **s, const char *end, struct name *n)
{
	const char *p = *s, *from;

	do {
		while (p < end && *p == '/')
			p++;
		from = p;
		while (p < end && *p != '/')
			p++;
	} while (p - from == 1 && *from == '.');
	*n = name_of(from, p - from);
	*s = p;
	return n->len;
}

static bool bad_component(struct name n)
{
	return n.len > NAME_MAX_LEN || (n.len == 2 && n.s[0] == '.' && n.s[1] == '.');
}

/* Names come sorted by directory, so the last one's directory usually is this one's. */
static long enter_directory(struct unpacking *u, const char *path, size_t len)
{
	struct dentry *dir;
	const char *s = path;
	struct name n;
	long err = 0;

	if (u->dir && u->dir_len == len && !memcmp(u->dir_name, path, len))
		return 0;
	if (len >= sizeof(u->dir_name))
		return -ENAMETOOLONG;
	dir = dentry_get(root_dentry);
	while (!err && component(&s, path + len, &n))
		err = bad_component(n) ? -EINVAL : descend(&dir, n);
	if (err) {
		dentry_put(dir);
		return err;
	}
	dentry_put(u->dir);
	u->dir = dir;
	u->dir_len = len;
	memcpy(u->dir_name, path, len);
	return 0;
}

/* --- content ------------------------------------------------------------------------------------------ */

static struct page *page_with(const u8 *data, size_t n)
{
	struct page *p = page_alloc(0);

	if (!p)
		return NULL;
	memcpy(page_virt(p), data, n);
	memset((char *)page_virt(p) + n, 0, PAGE_SIZE - n);
	return p;
}

static long fill(struct inode *ip, const u8 *data, size_t size)
{
	bool in_place = !((uintptr_t)data & (PAGE_SIZE - 1));

	tmpfs_set_size(ip, size);
	for (size_t at = 0; at < size; at += PAGE_SIZE) {
		size_t n = min(size - at, (size_t)PAGE_SIZE);
		bool adopt = in_place && n == PAGE_SIZE;
		struct page *p = adopt ? page_adopt(virt_to_phys(data + at)) : page_with(data + at, n);

		if (!p || tmpfs_adopt(ip, at >> PAGE_SHIFT, p))
			return -ENOMEM;
	}
	return 0;
}

/* --- hard links: the archive has the content with one of the names, often the last -------------------- */

static struct hard_link **find_hard(struct unpacking *u, const struct cpio_entry *e)
{
	struct hard_link **h = &u->hard[e->ino % HARD_BUCKETS];

	while (*h && ((*h)->ino != e->ino || (*h)->major != e->dev_major || (*h)->minor != e->dev_minor))
		h = &(*h)->next;
	return h;
}

static void remember_hard(struct unpacking *u, const struct cpio_entry *e, struct dentry *d)
{
	struct hard_link *h = heap_alloc(sizeof(*h)), **at = &u->hard[e->ino % HARD_BUCKETS];

	if (!h)
		return;
	*h = (struct hard_link){ *at, e->ino, e->dev_major, e->dev_minor, dentry_get(d) };
	*at = h;
}

static void forget_hard(struct unpacking *u)
{
	for (u32 i = 0; i < HARD_BUCKETS; i++)
		while (u->hard[i]) {
			struct hard_link *h = u->hard[i];

			u->hard[i] = h->next;
			dentry_put(h->d);
			heap_free(h);
		}
}

/* --- entries -------------------------------------------------------------------------------------------- */

static void set_attributes(struct inode *ip, const struct cpio_entry *e)
{
	ip->mode = (ip->mode & I_FMT) | (e->mode & I_PERM);
	ip->uid = e->uid;
	ip->gid = e->gid;
	ip->atime = ip->mtime = ip->ctime = (u64)e->mtime * NSEC_PER_SEC;
}

static long known_kind(u32 mode)
{
	switch (mode & I_FMT) {
	case I_REG: case I_DIR: case I_LNK: case I_CHR: case I_BLK: case I_FIFO: case I_SOCK:
		return 0;
	}
	return -EINVAL;
}

/* A name that is there already: of a directory the attributes count, of a file the later one. */
static long replace(struct unpacking *u, struct dentry *old, const struct last *last,
		    const struct cpio_entry *e)
{
	if (inode_is_dir(old->inode) && (e->mode & I_FMT) == I_DIR) {
		set_attributes(old->inode, e);
		return -EEXIST;
	}
	if (old->inode->fs != root_dentry->inode->fs)
		return -EEXIST;		/* /dev: the kernel's own nodes stay */
	return name_remove(&kernel_context, u->dir, last, inode_is_dir(old->inode));
}

static long copy_target(const struct cpio_entry *e, char *target)
{
	if (e->size >= PATH_MAX_LEN || !e->size || memchr(e->data, 0, e->size))
		return -EINVAL;
	memcpy(target, e->data, e->size);
	target[e->size] = 0;
	return 0;
}

static long create(struct unpacking *u, const struct last *last, const struct cpio_entry *e)
{
	static char target[PATH_MAX_LEN];	/* boot: one at a time */
	bool link = (e->mode & I_FMT) == I_LNK;
	u32 rdev = device_number(e->rdev_major, e->rdev_minor);
	struct dentry *d = NULL;
	long err = link ? copy_target(e, target) : known_kind(e->mode);

	if (!err)
		err = name_create(&kernel_context, u->dir, last, e->mode & (I_FMT | I_PERM), rdev,
				  link ? target : NULL, &d);
	if (err)
		return err;
	if ((e->mode & I_FMT) == I_REG) {
		err = fill(d->inode, e->data, e->size);
		if (e->nlink > 1)
			remember_hard(u, e, d);
	}
	set_attributes(d->inode, e);
	dentry_put(d);
	return err;
}

/* Another name of a file that is there; its content may come only now. */
static long link_again(struct unpacking *u, const struct last *last, const struct cpio_entry *e,
		       struct dentry *first)
{
	long err = name_link(&kernel_context, u->dir, last, first);

	if (!err && e->size && !first->inode->size)
		err = fill(first->inode, e->data, e->size);
	return err;
}

static long unpack_entry(struct unpacking *u, const struct cpio_entry *e)
{
	const char *end = e->name + e->name_len, *s, *slash;
	struct last last = { .kind = LAST_NAME };
	struct hard_link *h = NULL;
	struct dentry *old;
	long err;

	while (end > e->name && end[-1] == '/')
		end--;
	for (slash = end; slash > e->name && slash[-1] != '/'; slash--)
		;
	s = slash;
	if (!component(&s, end, &last.name)) {		/* ".": the root itself */
		if (end - e->name <= 1 && (e->mode & I_FMT) == I_DIR)
			set_attributes(root_dentry->inode, e);
		return 0;
	}
	if (bad_component(last.name))
		return -EINVAL;
	err = enter_directory(u, e->name, slash - e->name);
	if (!err && (old = child(u->dir, last.name))) {
		err = replace(u, old, &last, e);
		dentry_put(old);
	}
	if (err)
		return err == -EEXIST ? 0 : err;
	if ((e->mode & I_FMT) == I_REG && e->nlink > 1)
		h = *find_hard(u, e);
	return h ? link_again(u, &last, e, h->d) : create(u, &last, e);
}

static u32 homeless;			/* entries for which there was no memory */

u32 fs_initrd_homeless(void)
{
	return homeless;
}

static void failed(struct unpacking *u, const struct cpio_entry *e, long err)
{
	homeless += err == -ENOMEM || err == -ENOSPC;
	if (!u->failed++)
		log_warn("archive: %s cannot be unpacked: error %ld", e->name, -err);
}

long fs_unpack_initrd(paddr_t start, size_t size)
{
	struct unpacking *u = heap_zero(sizeof(*u));
	struct cpio_entry e;
	struct cpio c;
	long r, err;

	if (!u)
		return -ENOMEM;
	u->base = phys_to_virt(start);
	cpio_init(&c, u->base, size);
	while ((r = cpio_next(&c, &e)) > 0)
		if ((err = unpack_entry(u, &e)))
			failed(u, &e, err);
	if (u->failed > 1)
		log_warn("archive: %u entries could not be unpacked", u->failed);
	dentry_put(u->dir);
	forget_hard(u);
	heap_free(u);
	return r;
}
