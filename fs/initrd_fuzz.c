/* SPDX-License-Identifier: MIT */
/* initrd_fuzz.c: any bytes as a boot archive: the tree stays whole and gives everything back. */
// links: $(FS_LINKS)
#include "fs/archive_test.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t n);

/* Off a page boundary, so that all is copied: adopted pages could not be given back. */
enum { OFFSET = 4 };

static void remove_all(void)
{
	struct dentry *dev;

	remove_below(root_dentry);
	if (path_walk(&kernel_context, NULL, "/dev", 0, &dev))
		abort();
	remove_below(dev);
	dentry_put(dev);
	make("/tmp", I_DIR | 01777, NULL);
}

static u8 next(const u8 **data, size_t *n)
{
	if (!*n)
		return 0;
	--*n;
	return *(*data)++;
}

/* A name of up to four short components, some of them special. */
static void compose_name(char *name, const u8 **data, size_t *n)
{
	static const char *const parts[] = {
		"a", "b", "tmp", "..", ".", "", "a-name-that-is-too-long-to-be-inline", "dev", "null", "proc",
	};

	*name = 0;
	for (u32 i = next(data, n) % 4; ; i--) {
		strcat(name, parts[next(data, n) % ARRAY_SIZE(parts)]);
		if (!i)
			return;
		strcat(name, "/");
	}
}

/* Headers are right, what they say is the input's choice. */
static long structured(const u8 *data, size_t n)
{
	static const u32 kinds[] = { I_REG, I_REG, I_REG, I_DIR, I_LNK, I_CHR, I_FIFO, 0 };
	u8 content[256];
	char name[200];

	archive_begin();
	while (n && archive_size < (512 << 10)) {
		u32 mode = kinds[next(&data, &n) % 8] | 0644, ino = next(&data, &n) % 8;
		u32 nlink = next(&data, &n) % 3, size = next(&data, &n);

		compose_name(name, &data, &n);
		memset(content, 'a' + ino, sizeof(content));
		if ((mode & I_FMT) == I_LNK)
			compose_name((char *)content, &data, &n);
		archive_entry(name, ino, mode, nlink, content, size, AS_IT_COMES);
	}
	return archive_unpack();
}

static long plain(const u8 *data, size_t n)
{
	n = min(n, (size_t)TEST_ARCHIVE - 2 * PAGE_SIZE);
	memcpy(archive_area, data, n);
	return fs_unpack_initrd(virt_to_phys(archive_area), n);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	static u64 used;
	u64 now;

	if (!ctx) {
		make_machine();
		archive_area += OFFSET;
		ctx = fs_context_create();
	}
	if (n && (data[0] & 3 ? structured(data + 1, n - 1) : plain(data + 1, n - 1)) > 0)
		abort();
	remove_all();
	now = heap_bytes();
	if (used && now > used + (64 << 10))		/* the name table may grow, once in a while */
		abort();
	used = used ? used : now;
	return 0;
}
