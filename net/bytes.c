// SPDX-License-Identifier: MIT
/* bytes.c: see bytes.h. */
#include "net/bytes.h"
#include "fs/inode.h"
#include "mem/page.h"

__attribute__((noinline)) char *bytes_page_new(struct bytes *r)
{
	char **s = bytes_slot(r, r->in);
	struct page *p;

	*s = r->spare;
	r->spare = NULL;
	if (!*s && (p = page_alloc_for(fs_charge(), false)))
		*s = page_virt(p);
	return *s;
}

long bytes_in(struct bytes *r, struct uio *u, u64 n)
{
	u64 end = r->in + min(n, u->left), part, got;
	char *page;

	while (r->in != end) {
		if (!(page = bytes_page(r)))
			return -ENOMEM;
		part = min(PAGE_SIZE - bytes_offset(r->in), end - r->in);
		got = uio_in(u, page + bytes_offset(r->in), part);
		r->in += got;
		if (unlikely(got < part))
			return -EFAULT;
	}
	return 0;
}

long bytes_in_whole(struct bytes *r, struct uio *u, u64 n)
{
	struct uio before = *u;
	u64 in = r->in;
	long err = bytes_in(r, u, n);

	if (likely(!err))
		return 0;
	before.fault = u->fault;
	*u = before;
	r->in = in;
	return err;
}

u64 bytes_copy(struct bytes *r, u64 at, struct uio *u, u64 n)
{
	u64 end = at + min(n, u->left), start = at, part, got;

	while (at != end) {
		part = min(PAGE_SIZE - bytes_offset(at), end - at);
		got = uio_out(u, *bytes_slot(r, at) + bytes_offset(at), part);
		at += got;
		if (unlikely(got < part))
			break;
	}
	return at - start;
}

/* The page behind position @at has been read to its end.  In a ring that is nearly full the writer
 * may be in its front already. */
static void drop_page(struct bytes *r, u64 at)
{
	char **s = bytes_slot(r, at);

	if (bytes_used(r) > BYTES_MAX - PAGE_SIZE)
		return;
	if (r->spare)
		page_put(virt_page(*s));
	else
		r->spare = *s;
	*s = NULL;
}

/* An empty ring goes back to the start of its page: short messages stay in one. */
void bytes_drop(struct bytes *r, u64 n)
{
	u64 end = r->out + n, part;

	while (r->out != end) {
		part = min(PAGE_SIZE - bytes_offset(r->out), end - r->out);
		r->out += part;
		if (unlikely(!bytes_offset(r->out)))
			drop_page(r, r->out - 1);
	}
	if (r->in == r->out)
		r->in = r->out = align_down(r->in, PAGE_SIZE);
}

void bytes_free(struct bytes *r)
{
	for (u32 i = 0; i < BYTES_PAGES; i++)
		if (r->slot[i])
			page_put(virt_page(r->slot[i]));
	if (r->spare)
		page_put(virt_page(r->spare));
}
