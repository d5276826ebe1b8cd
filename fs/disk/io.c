// SPDX-License-Identifier: MIT
/* io.c: runs of a file's pages, to and from the blocks the file system says they have. */
#include <string.h>
#include "core/log.h"
#include "fs/disk/private.h"

/* Begin what one extent has of [at, at + len) of a run: how many bytes, or -errno. */
static long begin_piece(struct page_run *r, u64 at, u64 len, const struct extent *x)
{
	u64 pos = (r->index << PAGE_SHIFT) + at, skip = pos - x->at;
	struct inode *ip = container_of(r->ps, struct inode, pages);
	struct blk *b = disk_of(ip)->blk;
	u64 whole = r->write ? PAGE_SIZE : 1ul << b->sector_shift, n;
	long err = 0;

	if (pos < x->at || skip >= x->len)
		return -EUCLEAN;
	n = min(len, x->len - skip);
	if (n == len)			/* zeros behind the end are written, too: the block was used before */
		n = min(align_up(at + n, whole) - at, x->len - skip);
	if (r->write && (x->kind == EXTENT_HOLE || x->kind == EXTENT_BYTES))
		return -EIO;
	if (x->kind == EXTENT_BLOCKS || r->write)
		err = blk_run(b, r, at, n, x->dev + skip);
	else if (x->kind == EXTENT_BYTES)
		run_copy(r, at, (const char *)x->bytes + skip, n);
	else
		run_zero(r, at, n);
	return err ? err : (long)n;
}

/* Bytes of @r that the file has. */
static u64 valid_bytes(const struct page_run *r, u64 size)
{
	u64 start = r->index << PAGE_SHIFT;

	return min(size - min(start, size), (u64)r->count << PAGE_SHIFT);
}

async long disk_transfer(struct co *co, struct page_run *r)
{
	struct { u64 at; struct extent x; } *f = co_frame(co);
	struct inode *const ip = container_of(r->ps, struct inode, pages);
	long n;

	co_begin(f);
	r->valid = valid_bytes(r, ip->size);
	for (f->at = 0; f->at < r->valid; f->at += n) {
		await(n = disk_ops(ip)->map(co, ip, (r->index << PAGE_SHIFT) + f->at, r->valid - f->at,
					    false, &f->x));
		if (!n)
			n = begin_piece(r, f->at, r->valid - f->at, &f->x);
		if (n <= 0)
			return n ? n : -EUCLEAN;
	}
	return 0;
	co_end();
}
