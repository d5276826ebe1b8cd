// SPDX-License-Identifier: MIT
/*
 * xattr.c: extended attributes of files in memory: a list for each inode that has any, sorted by name
 * from the last to the first, as Linux lists them.  inode->lock guards it.  Who may do what is decided
 * by the prefix, as on Linux: user. by the file's mode, trusted. and changing security. are the
 * superuser's.  All attributes of an inode together are bounded, and so is what one inode costs the
 * kernel.
 */
#include "fs/xattr.h"
#include <linux/xattr.h>
#include <string.h>
#include "mem/heap.h"

enum { INODE_MAX = 128 << 10 };			/* bytes of names, values and structs */

struct xattr {
	struct xattr	*next;
	u32		size, room;
	char		name[];			/* NUL-terminated, then the value */
};

extern const struct inode_ops tmpfs_file_ops, tmpfs_dir_ops, tmpfs_node_ops;

static bool keeps_xattrs(const struct inode *ip)
{
	return ip->ops == &tmpfs_file_ops || ip->ops == &tmpfs_dir_ops || ip->ops == &tmpfs_node_ops;
}

static char *value_of(struct xattr *x) { return x->name + strlen(x->name) + 1; }

static bool has_prefix(const char *name, const char *prefix)
{
	return !strncmp(name, prefix, strlen(prefix));
}

/* --- decisions --------------------------------------------------------------------------------- */

static long user_allowed(struct fs_context *c, struct inode *ip, u32 want)
{
	if (inode_kind(ip) != I_REG && !inode_is_dir(ip))
		return want & MAY_WRITE ? -EPERM : -ENODATA;
	if (inode_is_dir(ip) && ip->mode & I_STICKY && want & MAY_WRITE && inode_owned(c, ip))
		return -EPERM;
	return inode_access(c, ip, want);
}

static long allowed(struct fs_context *c, struct inode *ip, const char *name, u32 want)
{
	if (want & MAY_WRITE && ip->fs->flags & FS_READONLY)
		return -EROFS;
	if (has_prefix(name, XATTR_SECURITY_PREFIX))
		return want & MAY_WRITE && c->fsuid ? -EPERM : 0;
	if (has_prefix(name, XATTR_SYSTEM_PREFIX))
		return 0;
	if (has_prefix(name, XATTR_TRUSTED_PREFIX))
		return !c->fsuid ? 0 : want & MAY_WRITE ? -EPERM : -ENODATA;
	if (has_prefix(name, XATTR_USER_PREFIX))
		return user_allowed(c, ip, want);
	return inode_access(c, ip, want);
}

/* Is it a kind of attribute that is kept here?  File capabilities would have to mean something to exec. */
static long known(const struct inode *ip, const char *name)
{
	const char *rest = strchr(name, '.');

	if (!keeps_xattrs(ip) || has_prefix(name, XATTR_SYSTEM_PREFIX) || !strcmp(name, XATTR_NAME_CAPS))
		return -EOPNOTSUPP;
	if (!has_prefix(name, XATTR_USER_PREFIX) && !has_prefix(name, XATTR_TRUSTED_PREFIX) &&
	    !has_prefix(name, XATTR_SECURITY_PREFIX))
		return -EOPNOTSUPP;
	return rest[1] ? 0 : -EINVAL;
}

static long decide(struct fs_context *c, struct inode *ip, const char *name, u32 want)
{
	long r = allowed(c, ip, name, want);

	return r ? r : known(ip, name);
}

/* --- the list; inode->lock held ------------------------------------------------------------------ */

/* Where @name is, or where it belongs. */
static struct xattr **find(struct inode_more *m, const char *name, bool *found)
{
	struct xattr **at = &m->xattrs;
	int order = 1;

	while (*at && (order = strcmp(name, (*at)->name)) < 0)
		at = &(*at)->next;
	*found = *at && !order;
	return at;
}

static struct xattr *take(struct inode_more *m, struct xattr **at)
{
	struct xattr *x = *at;

	*at = x->next;
	m->xattr_bytes -= x->room;
	return x;
}

/* @new goes in, *@old comes out; either may be NULL. */
static long replace(struct inode *ip, const char *name, struct xattr *new, u32 flags, struct xattr **old)
{
	struct inode_more *m = ip->more;
	struct xattr **at;
	bool found;
	guard(&ip->lock);

	at = find(m, name, &found);
	if (found && flags & XATTR_CREATE)
		return -EEXIST;
	if (!found && flags & XATTR_REPLACE)
		return -ENODATA;
	if (new && m->xattr_bytes - (found ? (*at)->room : 0) + new->room > INODE_MAX)
		return -ENOSPC;
	if (found)
		*old = take(m, at);
	if (new) {
		new->next = *at;
		*at = new;
		m->xattr_bytes += new->room;
	}
	inode_changed(ip);
	return 0;
}

/* --- calls --------------------------------------------------------------------------------------- */

static struct xattr *create(const char *name, const void *value, u32 size)
{
	u64 len = strlen(name) + 1, room = sizeof(struct xattr) + len + size;
	struct xattr *x = heap_alloc(room);

	if (!x)
		return NULL;
	x->size = size;
	x->room = room;
	memcpy(x->name, name, len);
	memcpy(x->name + len, value, size);
	return x;
}

long xattr_set(struct fs_context *c, struct inode *ip, const char *name, const void *value, u32 size,
	       u32 flags)
{
	struct xattr *x, *old = NULL;
	long r = decide(c, ip, name, MAY_WRITE);

	if (r)
		return r;
	if (!inode_more(ip) || !(x = create(name, value, size)))
		return -ENOMEM;
	r = replace(ip, name, x, flags, &old);
	heap_free(r ? x : old);
	return r;
}

long xattr_remove(struct fs_context *c, struct inode *ip, const char *name)
{
	struct xattr *old = NULL;
	long r = decide(c, ip, name, MAY_WRITE);

	if (r)
		return r;
	r = ip->more ? replace(ip, name, NULL, XATTR_REPLACE, &old) : -ENODATA;
	heap_free(old);
	return r;
}

long xattr_get(struct fs_context *c, struct inode *ip, const char *name, void *value, u32 size)
{
	struct xattr *x;
	bool found;
	long r = decide(c, ip, name, MAY_READ);

	if (r)
		return r;
	if (!ip->more)
		return -ENODATA;
	guard(&ip->lock);
	x = *find(ip->more, name, &found);
	if (!found)
		return -ENODATA;
	if (size && size < x->size)
		return -ERANGE;
	if (size)
		memcpy(value, value_of(x), x->size);
	return x->size;
}

long xattr_list(struct fs_context *c, struct inode *ip, char *names, u32 size)
{
	u64 done = 0, n;

	if (!keeps_xattrs(ip) || !ip->more)
		return 0;
	guard(&ip->lock);
	for (struct xattr *x = ip->more->xattrs; x; x = x->next) {
		if (c->fsuid && has_prefix(x->name, XATTR_TRUSTED_PREFIX))
			continue;
		n = strlen(x->name) + 1;
		if (size && n > size - done)
			return -ERANGE;
		if (size)
			memcpy(names + done, x->name, n);
		done += n;
	}
	return done;
}

/* --- life ------------------------------------------------------------------------------------------ */

void xattrs_free(struct inode_more *m)
{
	while (m->xattrs)
		heap_free(take(m, &m->xattrs));
}

u64 xattrs_heap(struct inode *ip)
{
	u64 sum = 0;

	if (!ip->more)
		return 0;
	guard(&ip->lock);
	for (struct xattr *x = ip->more->xattrs; x; x = x->next)
		sum += heap_room(x);
	return sum + heap_room(ip->more);
}
