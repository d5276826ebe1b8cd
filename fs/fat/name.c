// SPDX-License-Identifier: MIT
/*
 * name.c: names of FAT, see name.h.  Case is folded letter by letter for Latin, Greek, Cyrillic, Armenian
 * and full-width letters, as the tables of other systems have it; other scripts have no case here.
 */
#include "fs/fat/name.h"
#include <string.h>

/* The upper half of code page 437. */
static const u16 page437[128] = {
	0x00c7, 0x00fc, 0x00e9, 0x00e2, 0x00e4, 0x00e0, 0x00e5, 0x00e7, 0x00ea, 0x00eb, 0x00e8, 0x00ef, 0x00ee, 0x00ec, 0x00c4, 0x00c5,
	0x00c9, 0x00e6, 0x00c6, 0x00f4, 0x00f6, 0x00f2, 0x00fb, 0x00f9, 0x00ff, 0x00d6, 0x00dc, 0x00a2, 0x00a3, 0x00a5, 0x20a7, 0x0192,
	0x00e1, 0x00ed, 0x00f3, 0x00fa, 0x00f1, 0x00d1, 0x00aa, 0x00ba, 0x00bf, 0x2310, 0x00ac, 0x00bd, 0x00bc, 0x00a1, 0x00ab, 0x00bb,
	0x2591, 0x2592, 0x2593, 0x2502, 0x2524, 0x2561, 0x2562, 0x2556, 0x2555, 0x2563, 0x2551, 0x2557, 0x255d, 0x255c, 0x255b, 0x2510,
	0x2514, 0x2534, 0x252c, 0x251c, 0x2500, 0x253c, 0x255e, 0x255f, 0x255a, 0x2554, 0x2569, 0x2566, 0x2560, 0x2550, 0x256c, 0x2567,
	0x2568, 0x2564, 0x2565, 0x2559, 0x2558, 0x2552, 0x2553, 0x256b, 0x256a, 0x2518, 0x250c, 0x2588, 0x2584, 0x258c, 0x2590, 0x2580,
	0x03b1, 0x00df, 0x0393, 0x03c0, 0x03a3, 0x03c3, 0x00b5, 0x03c4, 0x03a6, 0x0398, 0x03a9, 0x03b4, 0x221e, 0x03c6, 0x03b5, 0x2229,
	0x2261, 0x00b1, 0x2265, 0x2264, 0x2320, 0x2321, 0x00f7, 0x2248, 0x00b0, 0x2219, 0x00b7, 0x221a, 0x207f, 0x00b2, 0x25a0, 0x00a0,
};

/* --- case ------------------------------------------------------------------------------------- */

/* Letters whose capital is @less below. */
static const struct { u16 first, last, less; } shifted[] = {
	{ 'a', 'z', 32 }, { 0xe0, 0xf6, 32 }, { 0xf8, 0xfe, 32 }, { 0x3ad, 0x3af, 37 }, { 0x3b1, 0x3c1, 32 },
	{ 0x3c3, 0x3cb, 32 }, { 0x430, 0x44f, 32 }, { 0x450, 0x45f, 80 }, { 0x561, 0x586, 48 },
	{ 0x2170, 0x217f, 16 }, { 0x24d0, 0x24e9, 26 }, { 0xff41, 0xff5a, 32 },
};

/* Ranges in which capitals and small letters take turns; capitals are even, or odd. */
static const struct { u16 first, last, odd; } paired[] = {
	{ 0x100, 0x12f, 0 }, { 0x132, 0x137, 0 }, { 0x139, 0x148, 1 }, { 0x14a, 0x177, 0 }, { 0x179, 0x17e, 1 },
	{ 0x1de, 0x1ef, 0 }, { 0x1f8, 0x21f, 0 }, { 0x222, 0x233, 0 }, { 0x460, 0x481, 0 }, { 0x48a, 0x4bf, 0 },
	{ 0x4d0, 0x523, 0 }, { 0x1e00, 0x1e95, 0 }, { 0x1ea0, 0x1eff, 0 },
};

static u16 fold_other(u16 c)
{
	for (u32 i = 0; i < ARRAY_SIZE(shifted); i++)
		if (c >= shifted[i].first && c <= shifted[i].last)
			return c - shifted[i].less;
	for (u32 i = 0; i < ARRAY_SIZE(paired); i++)
		if (c >= paired[i].first && c <= paired[i].last)
			return (c & 1) != paired[i].odd ? c - 1 : c;
	return c == 0xff ? 0x178 : c == 0x3ac ? 0x386 : c;
}

u16 fat_fold(u16 c)
{
	if (c < 0x80)
		return c >= 'a' && c <= 'z' ? c - 32 : c;
	return fold_other(c);
}

bool fat_same(const struct fat_text *a, const struct fat_text *b)
{
	if (a->len != b->len)
		return false;
	for (u32 i = 0; i < a->len; i++)
		if (a->s[i] != b->s[i] && fat_fold(a->s[i]) != fat_fold(b->s[i]))
			return false;
	return true;
}

u32 fat_hash(const struct fat_text *t)
{
	u32 h = 2166136261u;

	for (u32 i = 0; i < t->len; i++)
		h = (h ^ fat_fold(t->s[i])) * 16777619u;
	h ^= h >> 15;
	h *= 0x85ebca6bu;
	return h ^ h >> 13;
}

/* --- UTF-8 ------------------------------------------------------------------------------------ */

/* The next character; -1: that is none.  Lone surrogates pass: disks have them, and what is listed can
 * be opened. */
static s32 take_char(const u8 **s, const u8 *end)
{
	static const u32 least[] = { 0, 0x80, 0x800, 0x10000 };
	u32 c = *(*s)++, more = c < 0x80 ? 0 : c < 0xc2 ? 9 : c < 0xe0 ? 1 : c < 0xf0 ? 2 : c < 0xf5 ? 3 : 9;

	if (more > 3 || (u64)(end - *s) < more)
		return -1;
	c &= more ? 0x3f >> more : 0x7f;
	for (u32 i = 0; i < more; i++, (*s)++) {
		if ((**s & 0xc0) != 0x80)
			return -1;
		c = c << 6 | (**s & 0x3f);
	}
	return c < least[more] || c > 0x10ffff ? -1 : (s32)c;
}

long fat_from_utf8(struct fat_text *t, const char *name, u32 len)
{
	const u8 *s = (const u8 *)name, *end;

	while (len && name[len - 1] == '.')
		len--;
	end = s + len;
	t->len = 0;
	while (s < end) {
		s32 c = take_char(&s, end);

		if (c <= 0)
			return -EINVAL;
		if (t->len + 1 + (c > 0xffff) > FAT_NAME)
			return -ENAMETOOLONG;
		if (c > 0xffff)
			t->s[t->len++] = 0xd7c0 + (c >> 10);
		t->s[t->len++] = c > 0xffff ? 0xdc00 | (c & 0x3ff) : c;
	}
	return t->len ? 0 : -EINVAL;
}

static u32 put_char(u8 *out, u32 c)
{
	u32 more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;

	for (u32 i = more; i; i--, c >>= 6)
		out[i] = 0x80 | (c & 0x3f);
	out[0] = more ? (0xff80 >> more & 0xff) | c : c;
	return more + 1;
}

static bool is_pair(const struct fat_text *t, u32 i)
{
	return (t->s[i] & 0xfc00) == 0xd800 && i + 1 < t->len && (t->s[i + 1] & 0xfc00) == 0xdc00;
}

long fat_to_utf8(const struct fat_text *t, char *out, u32 room)
{
	u32 n = 0;

	for (u32 i = 0; i < t->len; i++) {
		u32 c = t->s[i];

		if (n + 4 > room && n + (c < 0x80 ? 1 : c < 0x800 ? 2 : is_pair(t, i) ? 4 : 3) > room)
			return -ENAMETOOLONG;
		if (is_pair(t, i))
			c = ((c - 0xd7c0) << 10) + (t->s[++i] & 0x3ff);
		n += put_char((u8 *)out + n, c);
	}
	return n;
}

static bool is_lone(const struct fat_text *t, u32 i)
{
	if ((t->s[i] & 0xf800) != 0xd800)
		return false;
	return !is_pair(t, i) && !(i && is_pair(t, i - 1));
}

long fat_name_allowed(const struct fat_text *t)
{
	for (u32 i = 0; i < t->len; i++)
		if (t->s[i] < ' ' || (t->s[i] < 0x80 && strchr("\"*/:<>?\\|", t->s[i])) || is_lone(t, i))
			return -EINVAL;
	return t->s[t->len - 1] == ' ' ? -EINVAL : 0;
}

/* --- short names ------------------------------------------------------------------------------ */

static u16 short_char(u8 c, bool lower)
{
	if (c >= 0x80)
		return page437[c - 0x80];
	return lower && c >= 'A' && c <= 'Z' ? c + 32 : c;
}

/* @n bytes without the spaces at their end. */
static void add_short(struct fat_text *t, const u8 *s, u32 n, bool lower)
{
	while (n && s[n - 1] == ' ')
		n--;
	for (u32 i = 0; i < n; i++)
		t->s[t->len++] = short_char(s[i], lower);
}

void fat_from_short(struct fat_text *t, const u8 *name, u32 lower)
{
	u8 copy[FAT_SHORT];

	memcpy(copy, name, FAT_SHORT);
	if (copy[0] == 5)
		copy[0] = 0xe5;			/* which would mean: deleted */
	t->len = 0;
	add_short(t, copy, 8, lower & FAT_LOWER_BASE);
	t->s[t->len++] = '.';
	add_short(t, copy + 8, 3, lower & FAT_LOWER_EXT);
	if (t->s[t->len - 1] == '.')
		t->len--;
}

/* A character as short names have it, a capital; 0: they do not. */
static u8 to_short_char(u16 c)
{
	if (c >= 'a' && c <= 'z')
		return c - 32;
	return c > ' ' && c < 0x7f && !strchr("\"*+,./:;<=>?[\\]|", c) ? c : 0;
}

/* One half, @from to @to, into @room bytes; *lower says whether its letters are small.  False: mixed,
 * too long, or strange. */
static bool half(const struct fat_text *t, u32 from, u32 to, u8 *name, u32 room, bool *lower)
{
	u32 small = 0, capital = 0;

	if (to - from > room)
		return false;
	for (u32 i = from; i < to; i++) {
		u16 c = t->s[i];

		small += c >= 'a' && c <= 'z';
		capital += c >= 'A' && c <= 'Z';
		if (!(name[i - from] = to_short_char(c)))
			return false;
	}
	*lower = small;
	return !small || !capital;
}

/* Where the extension's dot is; the length if there is none. */
static u32 last_dot(const struct fat_text *t)
{
	for (u32 i = t->len; i > 1; i--)
		if (t->s[i - 1] == '.')
			return i - 1;
	return t->len;
}

bool fat_to_short(const struct fat_text *t, u8 *name, u8 *lower)
{
	u32 dot = last_dot(t);
	bool base, ext = false;

	memset(name, ' ', FAT_SHORT);
	if (!dot || !half(t, 0, dot, name, 8, &base))
		return false;
	if (dot < t->len && !half(t, dot + 1, t->len, name + 8, 3, &ext))
		return false;
	*lower = (base ? FAT_LOWER_BASE : 0) | (ext ? FAT_LOWER_EXT : 0);
	return true;
}

static u32 basis_half(const struct fat_text *t, u32 from, u32 to, u8 *name, u32 room)
{
	u32 n = 0;

	for (u32 i = from; i < to && n < room; i++) {
		u16 c = t->s[i];

		if (c == ' ' || c == '.' || (c & 0xfc00) == 0xdc00)
			continue;
		name[n++] = to_short_char(c) ? to_short_char(c) : '_';
	}
	return n;
}

void fat_basis(const struct fat_text *t, u8 *name)
{
	u32 dot = last_dot(t);

	memset(name, ' ', FAT_SHORT);
	if (!basis_half(t, 0, dot, name, 8))
		name[0] = '_';
	if (dot < t->len)
		basis_half(t, dot + 1, t->len, name + 8, 3);
}

static u32 used(const u8 *name, u32 most)
{
	u32 n = 0;

	while (n < most && name[n] != ' ')
		n++;
	return n;
}

/* Four numbers for neighbours in a listing; then a hash of the name, so that thousands of names with one
 * beginning need not try thousands of numbers. */
void fat_number(const struct fat_text *t, u8 *name, u32 n)
{
	static const char digits[] = "0123456789ABCDEF";
	u32 h = fat_hash(t) + n * 0x9e3779b1u, at;

	fat_basis(t, name);
	if (n <= 4) {
		at = used(name, 6);
	} else {
		at = used(name, 2);
		h ^= h >> 16;
		for (u32 shift = 16; shift; shift -= 4)
			name[at++] = digits[h >> (shift - 4) & 15];
		n = n % 9;
	}
	memset(name + at, ' ', 8 - at);
	name[at] = '~';
	name[at + 1] = '0' + (n ? n : 9);
}

u8 fat_checksum(const u8 *name)
{
	u8 sum = 0;

	for (u32 i = 0; i < FAT_SHORT; i++)
		sum = (u8)(sum << 7 | sum >> 1) + name[i];
	return sum;
}
