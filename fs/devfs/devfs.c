// SPDX-License-Identifier: MIT
/*
 * devfs.c: /dev: a tmpfs with a node for each device that is known.  Devices are found by number, so
 * a node made with mknod works as well.  Programs may add and remove names as in any tmpfs.
 */
#include <string.h>
#include "core/log.h"
#include "dev/blk.h"
#include "fs/path.h"
#include "fs/pty.h"

enum { DEVICES_MAX = 64 };
static const struct char_device *devices[DEVICES_MAX];
static u32 device_count;
static spinlock_t devices_lock;
static struct filesystem *dev_fs;		/* the instance mounted last: on /dev */

static const struct char_device *find(u32 rdev)
{
	guard(&devices_lock);
	for (u32 i = 0; i < device_count; i++)
		if (devices[i]->rdev == rdev)
			return devices[i];
	return NULL;
}

long block_open(struct inode *ip, struct file *f);

long device_open(struct inode *ip, struct file *f)
{
	const struct char_device *d = inode_kind(ip) == I_CHR ? find(ip->rdev) : NULL;

	if (inode_kind(ip) == I_BLK)
		return block_open(ip, f);
	if (!d)
		return inode_kind(ip) == I_CHR && pty_is_slave(ip->rdev) ? pty_open_slave(ip, f) : -ENXIO;
	f->ops = d->ops;
	return d->open ? d->open(f) : 0;
}

static struct dentry *add_node(struct filesystem *fs, struct dentry *dir, const char *name, u32 mode,
			       u32 rdev)
{
	struct inode *ip = tmpfs_inode(fs, mode, rdev);

	return ip ? dentry_add(dir, name, ip) : NULL;
}


static void add_device(struct filesystem *fs, const struct char_device *d)
{
	if (!add_node(fs, fs->root, d->name, d->mode | I_CHR, d->rdev))
		log_error("devfs: no memory for %s", d->name);
}

long devfs_add(const struct char_device *d)
{
	if (find(d->rdev))
		return -EEXIST;
	spin_lock(&devices_lock);
	if (device_count < DEVICES_MAX)
		devices[device_count++] = d;
	else
		log_error("devfs: too many devices");
	spin_unlock(&devices_lock);
	if (dev_fs)
		add_device(dev_fs, d);
	return 0;
}

/* --- block devices ------------------------------------------------------------------------------------ */

static void add_disk(struct filesystem *fs, const struct blk *b)
{
	if (!add_node(fs, fs->root, b->name, (b->read_only ? 0440 : 0660) | I_BLK, b->rdev))
		log_error("devfs: no memory for %s", b->name);
}

/* A device has come after /dev was there. */
static void disk_added(struct blk *b)
{
	if (dev_fs)
		add_disk(dev_fs, b);
}

static void disk_removed(struct blk *b)
{
	u32 len = strlen(b->name);
	struct last l = { .name = name_of(b->name, len) };

	if (dev_fs)
		name_remove(&kernel_context, dev_fs->root, &l, false);
}

static void add_disks(struct filesystem *fs)
{
	for (struct blk *b = blk_next(NULL); b; b = blk_next(b))
		add_disk(fs, b);
	blk_added = disk_added;
	blk_removed = disk_removed;
}

static void add_link(struct filesystem *fs, const char *name, const char *target)
{
	const struct inode_ops *ops = fs->root->inode->ops;
	struct inode *ip;

	if (!ops->create(fs->root->inode, I_LNK | 0777, 0, target, &ip))
		dentry_add(fs->root, name, ip);
}

static void add_directory(struct filesystem *fs, const char *name, u32 mode)
{
	struct dentry *d = add_node(fs, fs->root, name, mode | I_DIR, 0);

	if (d) {
		d->inode->nlink++;
		fs->root->inode->nlink++;
	}
}

static long devfs_mount(struct filesystem *fs, const char *options)
{
	long err = tmpfs_mount(fs, "mode=755");

	if (err)
		return err;
	for (u32 i = 0; i < device_count; i++)
		add_device(fs, devices[i]);
	add_disks(fs);
	add_link(fs, "fd", "/proc/self/fd");
	add_link(fs, "stdin", "/proc/self/fd/0");
	add_link(fs, "stdout", "/proc/self/fd/1");
	add_link(fs, "stderr", "/proc/self/fd/2");
	add_directory(fs, "shm", 01777);
	add_directory(fs, "pts", 0755);
	dev_fs = fs;
	return 0;
}

static void devfs_end(struct filesystem *fs)
{
	if (dev_fs == fs)
		dev_fs = NULL;
}

const struct fs_type devfs_type = {
	.name = "devtmpfs", .magic = 0x01021994, .nodev = true, .mount = devfs_mount,
	.blocks = tmpfs_blocks, .end = devfs_end,
};
