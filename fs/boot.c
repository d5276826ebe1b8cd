// SPDX-License-Identifier: MIT
/* boot.c: the file systems every program finds, and the kernel's own way to files. */
#include <string.h>
#include "core/log.h"
#include "fs/anon.h"
#include "fs/epoll.h"
#include "fs/path.h"
#include "fs/pty.h"
#include "fs/procfs/private.h"
#include "mem/heap.h"

struct fs_context kernel_context = { .refs = 1 };
long mount_root(void);

static long make_directory(const char *path, u32 mode, const char *type)
{
	struct dentry *dir, *d;
	struct last last;
	long err = path_parent(&kernel_context, NULL, path, 0, &dir, &last);

	if (err)
		return err;
	err = name_create(&kernel_context, dir, &last, mode | I_DIR, 0, NULL, &d);
	dentry_put(dir);
	if (err)
		return err;
	if (type)
		err = mount_new(d, type, type, 0, "");
	dentry_put(d);
	return err;
}

long fs_init(void)
{
	long err;

	tmpfs_init();
	epoll_init();
	err = anon_init();
	if (!err)
		err = mount_root();
	if (err)
		return err;
	kernel_context.root = dentry_get(root_dentry);
	kernel_context.cwd = dentry_get(root_dentry);
	procfs_system_add();
	if ((err = memory_devices_add()) || (err = tty_devices_add()) ||
	    (err = loop_devices_add()) || (err = pty_devices_add()))
		return err;
	if ((err = make_directory("/dev", 0755, "devtmpfs")) ||
	    (err = make_directory("/proc", 0555, "proc")))
		return err;
	return make_directory("/tmp", 01777, NULL);
}

/* --- a whole file at once ------------------------------------------------------------------------- */

static char *content(struct inode *ip, size_t *size)
{
	char *buf = inode_kind(ip) == I_REG ? heap_alloc(ip->size + 1) : NULL;

	if (!buf)
		return NULL;
	for (u64 at = 0; at < ip->size; at += PAGE_SIZE) {
		struct page *p = pageset_get(&ip->pages, at >> PAGE_SHIFT, false);
		size_t n = min(ip->size - at, (u64)PAGE_SIZE);

		if (!p) {
			memset(buf + at, 0, n);
			continue;
		}
		memcpy(buf + at, page_virt(p), n);
		page_put(p);
	}
	buf[ip->size] = 0;
	*size = ip->size;
	return buf;
}

char *fs_take_file(const char *path, size_t *size)
{
	struct dentry *dir, *d;
	struct last last;
	char *buf = NULL;

	if (path_parent(&kernel_context, NULL, path, 0, &dir, &last))
		return NULL;
	if (!path_walk(&kernel_context, NULL, path, 0, &d)) {
		buf = content(d->inode, size);
		dentry_put(d);
	}
	if (buf && name_remove(&kernel_context, dir, &last, false))
		log_warn("%s: cannot be removed", path);
	dentry_put(dir);
	return buf;
}
