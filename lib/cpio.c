/* SPDX-License-Identifier: MIT */
/*
 * cpio.c: the newc format: a header of 13 hexadecimal fields, a name padded to four bytes, data
 * padded to four bytes.  Pure.  Offsets are counted from the entry's own header, so an archive may
 * follow another at any distance.
 */
#include <string.h>
#include "lib/cpio.h"
#include "lib/number.h"

enum { HEADER = 110, FIELDS = 13 };
enum {
	INO,
	MODE,
	UID,
	GID,
	NLINK,
	MTIME,
	SIZE,
	DEV_MAJOR,
	DEV_MINOR,
	RDEV_MAJOR,
	RDEV_MINOR,
	NAMESIZE
};

void cpio_init(struct cpio *c, const void *base, size_t size)
{
	*c = (struct cpio){ .base = base, .size = size };
}

static bool parse_header(const u8 *h, u32 *field)
{
	if (memcmp(h, "07070", 5) || (h[5] != '1' && h[5] != '2'))
		return false;
	h += 6;
	for (int i = 0; i < FIELDS; i++, h += 8) {
		u32 v = 0;

		for (int k = 0; k < 8; k++) {
			u32 d = number_digit(h[k]);

			if (d > 15)
				return false;
			v = v << 4 | d;
		}
		field[i] = v;
	}
	return true;
}

static void skip_zeros(struct cpio *c)
{
	while (c->at < c->size && !c->base[c->at])
		c->at++;
}

static void fill_entry(struct cpio_entry *e, const u32 *f)
{
	e->ino = f[INO];
	e->mode = f[MODE];
	e->uid = f[UID];
	e->gid = f[GID];
	e->nlink = f[NLINK];
	e->mtime = f[MTIME];
	e->dev_major = f[DEV_MAJOR];
	e->dev_minor = f[DEV_MINOR];
	e->rdev_major = f[RDEV_MAJOR];
	e->rdev_minor = f[RDEV_MINOR];
	e->size = f[SIZE];
}

/* The entry at c->at, which moves behind it. */
static long read_entry(struct cpio *c, struct cpio_entry *e)
{
	size_t room = c->size - c->at, body;
	const u8 *h = c->base + c->at;
	u32 f[FIELDS];

	if (room < HEADER || !parse_header(h, f))
		return -EINVAL;
	body = align_up(HEADER + (u64)f[NAMESIZE], 4);
	if (!f[NAMESIZE] || body > room || f[SIZE] > room - body)
		return -EINVAL;
	fill_entry(e, f);
	e->name = (const char *)h + HEADER;
	e->name_len = strnlen(e->name, f[NAMESIZE]);
	if (e->name_len == f[NAMESIZE])
		return -EINVAL;
	e->data = h + body;
	e->offset = c->at + body;
	c->at += min(align_up(body + f[SIZE], 4), (u64)room);
	return 1;
}

long cpio_next(struct cpio *c, struct cpio_entry *e)
{
	for (;;) {
		long r;

		skip_zeros(c);
		if (c->at == c->size)
			return 0;
		r = read_entry(c, e);
		if (r < 0 || strcmp(e->name, "TRAILER!!!"))
			return r;
	}
}
