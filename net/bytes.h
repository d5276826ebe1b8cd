/* SPDX-License-Identifier: MIT */
/*
 * bytes.h: bytes on their way: a ring of pages that exist only where there are bytes, and one spare.
 * Pages are charged to the program that fills them.  The owner's lock guards it; how much may be in it
 * is the owner's affair, up to BYTES_MAX.
 */
#pragma once
#include "lib/base.h"
#include "mem/user.h"

enum { BYTES_PAGES = 64, BYTES_MAX = BYTES_PAGES << PAGE_SHIFT };

struct bytes {
	u64	in, out;		/* bytes ever written, read */
	char	*spare;
	char	*slot[BYTES_PAGES];
};

static inline u64 bytes_used(const struct bytes *r) { return r->in - r->out; }
static inline u64 bytes_offset(u64 at) { return at & (PAGE_SIZE - 1); }
static inline char **bytes_slot(struct bytes *r, u64 at)
{
	return &r->slot[at >> PAGE_SHIFT & (BYTES_PAGES - 1)];
}

char *bytes_page_new(struct bytes *r);
/* The page the next byte goes to; NULL: no memory. */
static inline char *bytes_page(struct bytes *r)
{
	char *page = *bytes_slot(r, r->in);

	return likely(page) ? page : bytes_page_new(r);
}

/* Up to @n bytes of @u: 0, -ENOMEM, or -EFAULT with u->fault set; what got in is in u->done. */
long bytes_in(struct bytes *r, struct uio *u, u64 n);
/* All @n bytes or none; then @u is as before, but for the fault. */
long bytes_in_whole(struct bytes *r, struct uio *u, u64 n);
/* Copy @n bytes from position @at on, which are there; they stay.  Less: u->fault. */
u64 bytes_copy(struct bytes *r, u64 at, struct uio *u, u64 n);
void bytes_drop(struct bytes *r, u64 n);		/* the next @n bytes have been read */
void bytes_free(struct bytes *r);			/* all pages */
