/* SPDX-License-Identifier: MIT */
/*
 * name.h: names of FAT: UTF-8 to and from UTF-16, case, short names.  Pure.
 *
 * A long name is up to FAT_NAME units of UTF-16.  A short name is 8 + 3 bytes of code page 437, padded
 * with spaces.  Two names are the same if fat_fold() makes them so.
 */
#pragma once
#include "lib/base.h"

enum { FAT_NAME = 255, FAT_SHORT = 11, FAT_UTF8 = 3 * FAT_NAME + 1 };
enum { FAT_LOWER_BASE = 8, FAT_LOWER_EXT = 16 };	/* of a short name: NT's case bits */

struct fat_text { u32 len; u16 s[260]; };		/* 20 parts of 13 */

u16 fat_fold(u16 c);					/* the capital letter */
bool fat_same(const struct fat_text *a, const struct fat_text *b);
u32 fat_hash(const struct fat_text *t);			/* of what fat_fold() makes of it */

/* UTF-8, trailing dots dropped, as Linux does: 0, -EINVAL (not UTF-8, or nothing left), -ENAMETOOLONG. */
long fat_from_utf8(struct fat_text *t, const char *s, u32 len);
/* The other way: bytes, at most @room; or -ENAMETOOLONG.  Lone surrogates become three bytes, too. */
long fat_to_utf8(const struct fat_text *t, char *out, u32 room);
/* May a new file be called so: 0 or -EINVAL. */
long fat_name_allowed(const struct fat_text *t);

/* The text of a short name, its case bits heeded. */
void fat_from_short(struct fat_text *t, const u8 *name, u32 lower);
/* @t as a short name: true if it says all, with *lower. */
bool fat_to_short(const struct fat_text *t, u8 *name, u8 *lower);
/* The short name that stands for a long one, without a number; and with one, from 1 on. */
void fat_basis(const struct fat_text *t, u8 *name);
void fat_number(const struct fat_text *t, u8 *name, u32 n);
u8 fat_checksum(const u8 *name);			/* what long parts have of their short name */
