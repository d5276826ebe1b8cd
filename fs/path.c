// SPDX-License-Identifier: MIT
/*
 * path.c: the path walk.
 *
 * A walk runs under tree_lock from front to end, so it takes no references on the way.  It lets go
 * of the lock only where a name must be looked up outside the tree; then w->held keeps the place.
 * The path is never changed: a symbolic link's text and what was left of the path are put together
 * at the end of the hart's scratch buffer, and the walk goes on there.
 */
#include "fs/change.h"
#include <string.h>
#include "mem/heap.h"
#include "mem/page.h"

enum { SCRATCH_ORDER = 1 };

char *path_scratch_pages[CPU_MAX][SCRATCHES];

/* A page for the path, a page for links. */
static char *scratch_make(u32 hart, u32 which)
{
	struct page *pg = page_alloc(SCRATCH_ORDER);
	char *p = pg ? page_virt(pg) : NULL;

	path_scratch_pages[hart][which] = p;
	return p;
}

char *path_scratch_make(u32 which) { return scratch_make(this_cpu()->id, which); }

void path_scratch_all(void)
{
	for (u32 i = 0; i < cpu_total(); i++)
		for (u32 which = 0; which < SCRATCHES; which++)
			if (!path_scratch_pages[i][which])
				scratch_make(i, which);
}

async long path_from_user_slowly(uaddr_t path, u32 which, char **out)
{
	char *s = path_scratch(which);

	if (!s)
		return -ENOMEM;
	*out = s += path % sizeof(u64);
	return user_string(s, path, PATH_MAX_LEN);
}

/* --- most walks ---------------------------------------------------------------------------------- */

enum { NAME_WORDS = NAME_MAX_LEN / 8 };

/* Volatile, lest the compiler load four constants that are made of this one. */
static const volatile u64 ones_everywhere = 0x0101010101010101ul;

/*
 * Cut the component at @s off: its length, 0 if it is too long.  @word gets its words as d->name has
 * them, but for the last, of which the hash is enough.  Reads whole words and puts those of the name
 * together from two.  (w - 01..01) & ~w & 80..80 has a bit in the first byte of w that is zero, and
 * perhaps in later ones.
 */
static inline u64 cut_words(const char *s, u64 *word, u64 *hash, u64 ones)
{
	const u64 *from = (const u64 *)(s - (uintptr_t)s % sizeof(u64));
	u64 shift = (uintptr_t)s * 8, h = 0, w, x, end, *to = word;

	for (;; h = name_hash_step(h, w), *to++ = w, from++) {
		w = from[0] >> (shift & 63) | from[1] << 1 << (~shift & 63);
		x = w ^ ones * '/';
		end = (((w - ones) & ~w) | ((x - ones) & ~x)) & ones << 7;
		if (end)
			break;
		if (unlikely(to == word + NAME_WORDS))
			return 0;
	}
	end = (end ^ (end - 1)) >> 8;		/* the bytes below */
	*hash = name_hash_step(h, w & end);
	return ((char *)to - (char *)word) + ((end & ones) * ones >> 56);
}

/* The last one that covers @d. */
static inline struct dentry *mounted_on(struct dentry *d)
{
	while (unlikely(d->cover))
		d = d->cover;
	return d;
}

static bool anybody_enters(const struct dentry *d)
{
	return (d->inode->mode & 0111) == 0111;
}

struct way { struct dentry *d; const char *rest; };

/*
 * Step from @d over components that need no thought: names in the tree that are no links, in
 * directories everybody may enter.  Where that ends, and what is left of the path.  The component that
 * has nothing behind it is taken only if @last.
 */
static inline __attribute__((always_inline)) struct way
plain_steps(const struct fs_context *c, struct dentry *d, const char *s, bool last)
{
	u64 word[NAME_WORDS], hash, len, ones = ones_everywhere;

	while (d->flags & D_DIR && (likely(!c->fsuid) || anybody_enters(d)) &&
	       likely((len = cut_words(s, word, &hash, ones)))) {
		struct dentry *to = dentry_find_words(d, hash, len, word);
		const char *end = s + len;

		if (unlikely(!to || to->flags & (D_LINK | D_SHADOW)))
			break;			/* no name is "." or ".." */
		if (!*end)
			return last ? (struct way){ mounted_on(to), end } : (struct way){ d, s };
		while (*++end == '/')
			;
		if (unlikely(!*end))
			break;			/* a slash there wants a directory, and follows links */
		d = mounted_on(to);
		s = end;
	}
	return (struct way){ d, s };
}

struct dentry *path_peek(struct fs_context *c, const char *s)
{
	struct dentry *d = c->cwd;
	struct way w;

	if (likely(*s == '/')) {
		d = c->root;
		while (*++s == '/')
			;
	}
	if (unlikely(!*s))
		return NULL;
	w = plain_steps(c, d, s, true);
	return likely(!*w.rest) ? w.d : NULL;
}

/* --- state of a walk --------------------------------------------------------------------------- */

struct walk {
	struct fs_context *c;
	struct dentry	*root, *start;
	struct dentry	*d;		/* where we are; alive as long as tree_lock is held */
	struct dentry	*held;		/* counted: found by a lookup, or the start */
	const char	*rest;		/* of the path */
	u32		flags, links;
	struct last	last;
};

/* Leave a reference behind; it may be the last, which needs the lock. */
static void hold(struct walk *w, struct dentry *d)
{
	struct dentry *old = w->held;

	w->held = d;
	if (!old)
		return;
	spin_unlock(&tree_lock);
	dentry_put(old);
	spin_lock(&tree_lock);
}

static long go_up(struct walk *w)
{
	struct dentry *d = w->d;

	if (d == w->root)
		return 0;
	if (w->flags & WALK_BENEATH && d == w->start)
		return -EXDEV;
	while (d->covers && d != w->root) {
		if (w->flags & WALK_NO_XDEV)
			return -EXDEV;
		d = d->covers;
	}
	if (d != w->root)
		w->d = mounted_on(d->parent);
	return 0;
}

/* --- links ----------------------------------------------------------------------------------------- */

/* Put the text of @len bytes that lies at the front of the link page before the rest of the path. */
static long splice(struct walk *w, char *page, u32 len)
{
	size_t rest = strlen(w->rest);
	char *at = page + PATH_MAX_LEN - 1 - rest;

	if (len + !!rest + rest >= PATH_MAX_LEN)
		return -ENAMETOOLONG;
	memmove(at, w->rest, rest + 1);
	if (rest)
		*--at = '/';
	w->rest = memmove(at - len, page, len);
	return 0;
}

/* The rest of the path may lie in the page we read into: move it out of the way first. */
static long read_text(struct inode *ip, char *page, u32 room)
{
	u32 len;

	if (!ip->target)
		return ip->ops->readlink ? ip->ops->readlink(ip, page, room) : -EINVAL;
	len = strlen(ip->target);
	if (len > room)
		return -ENAMETOOLONG;
	memcpy(page, ip->target, len);
	return len;
}

static long follow_text(struct walk *w, struct inode *ip)
{
	char *s = path_scratch(w->flags & WALK_SECOND ? 1 : 0), *page;
	size_t rest = strlen(w->rest);
	long len;

	if (!s)
		return -ENOMEM;
	page = s + PATH_MAX_LEN;
	if (rest >= PATH_MAX_LEN)
		return -ENAMETOOLONG;
	w->rest = memmove(page + PATH_MAX_LEN - 1 - rest, w->rest, rest + 1);
	len = read_text(ip, page, PATH_MAX_LEN - 1 - rest);
	if (len <= 0)
		return len ? len : -ENOENT;
	len = splice(w, page, len);
	if (len || *w->rest != '/')
		return len;
	if (w->flags & WALK_BENEATH)
		return -EXDEV;
	w->d = w->root;
	return 0;
}

static long follow_jump(struct walk *w, struct inode *ip)
{
	struct dentry *to;
	long err;

	if (w->flags & (WALK_NO_MAGIC | WALK_BENEATH | WALK_IN_ROOT))
		return w->flags & WALK_NO_MAGIC ? -ELOOP : -EXDEV;
	inode_get(ip);
	spin_unlock(&tree_lock);
	err = ip->ops->jump(ip, &to);
	inode_put(ip);
	spin_lock(&tree_lock);
	if (err)
		return err;
	w->d = to;
	hold(w, to);
	return 0;
}

/* Follow the link @link found in w->d. */
static long follow(struct walk *w, struct dentry *link)
{
	if (++w->links > LINKS_MAX || w->flags & WALK_NO_LINKS)
		return -ELOOP;
	if (link->inode->ops->jump)
		return follow_jump(w, link->inode);
	return follow_text(w, link->inode);
}

/* --- components -------------------------------------------------------------------------------------- */

/* A name the tree does not have: ask the file system, without the lock. */
static async long lookup_outside(struct walk *w, struct name n, struct dentry **out)
{
	struct dentry *dir = dentry_get(w->d), *d = NULL;
	struct inode *ip;
	long err;

	spin_unlock(&tree_lock);
	err = dir->inode->ops->lookup(dir->inode, n.s, n.len, &ip);
	if (!err && !(d = dentry_create(n, ip)))
		err = -ENOMEM;
	spin_lock(&tree_lock);
	if (!err) {
		d->flags |= D_PASSING;
		dentry_link(dir, d);
		hold(w, d);		/* keeps dir, its parent, as well */
	}
	spin_unlock(&tree_lock);
	dentry_put(dir);
	spin_lock(&tree_lock);
	*out = d;
	return err;
}

/* The same for a directory on a disk: what is found stays in the tree. */
static async long lookup_disk(struct walk *w, struct name n, struct dentry **out)
{
	long err;

	if (w->flags & WALK_CACHED)
		return -EAGAIN;
	while ((err = disk_look(w->d, n, out)) == LOOK_START) {
		hold(w, dentry_get(w->d));
		spin_unlock(&tree_lock);
		err = disk_look_start(w->d, n);
		spin_lock(&tree_lock);
		if (err)
			return err;
	}
	return err;
}

static async long lookup(struct walk *w, struct name n, struct dentry **out)
{
	*out = dentry_find(w->d, n);
	if (likely(*out))
		return 0;
	if (w->d->inode->ops->on_disk)
		return lookup_disk(w, n, out);
	return w->d->inode->ops->lookup ? lookup_outside(w, n, out) : -ENOENT;
}

static enum last_kind kind_of(const char *s, u32 len)
{
	if (len > 2 || *s != '.' || (len == 2 && s[1] != '.'))
		return LAST_NAME;
	return len == 1 ? LAST_DOT : LAST_DOTDOT;
}

static long next_name(struct walk *w, struct last *l)
{
	const char *s = w->rest;

	while (*s && *s != '/')
		s++;
	if (s - w->rest > NAME_MAX_LEN)
		return -ENAMETOOLONG;
	l->name = name_of(w->rest, s - w->rest);
	l->kind = kind_of(w->rest, l->name.len);
	l->slash = *s;
	while (*s == '/')
		s++;
	w->rest = s;
	return 0;
}

/* Step from directory w->d over @l, which has a rest behind it or is the last one to be taken. */
static async long step(struct walk *w, const struct last *l, bool follow_link)
{
	struct dentry *d;
	long err;

	if (l->kind != LAST_NAME)
		return l->kind == LAST_DOT ? 0 : go_up(w);
	err = lookup(w, l->name, &d);
	if (err)
		return err;
	if (unlikely(inode_kind(d->inode) == I_LNK && follow_link))
		return follow(w, d);
	if (d->cover && w->flags & WALK_NO_XDEV)
		return -EXDEV;
	w->d = mounted_on(d);
	return 0;
}

static long searchable(struct walk *w)
{
	struct inode *ip = w->d->inode;

	if (unlikely(!inode_is_dir(ip)))
		return -ENOTDIR;
	return w->c->fsuid ? inode_access(w->c, ip, MAY_EXEC) : 0;
}

static inline void skip_slashes(struct walk *w)
{
	while (*w->rest == '/')
		w->rest++;
}

static void walk_plain(struct walk *w, bool last)
{
	struct way way;

	skip_slashes(w);
	if (!*w->rest || (w->flags & (WALK_WORDS | WALK_NO_XDEV)) != WALK_WORDS)
		return;
	way = plain_steps(w->c, w->d, w->rest, last);
	w->d = way.d;
	w->rest = way.rest;
}

/* All components, the last one too.  A trailing slash asks for a directory and follows links. */
static async long walk_all(struct walk *w)
{
	struct last l;
	long err = 0;

	walk_plain(w, true);
	while (*w->rest) {
		if ((err = searchable(w)) || (err = next_name(w, &l)))
			return err;
		if (unlikely(l.slash && !*w->rest))
			w->flags |= WALK_DIR | WALK_FOLLOW;
		err = step(w, &l, *w->rest || w->flags & WALK_FOLLOW);
		if (err)
			return err;
		skip_slashes(w);
	}
	return w->flags & WALK_DIR && !inode_is_dir(w->d->inode) ? -ENOTDIR : 0;
}

/* Is the last component, which must not be followed by a slash, a link to be followed? */
static async long follow_last(struct walk *w, bool *again)
{
	struct dentry *d;
	long err;

	*again = false;
	if (!(w->flags & WALK_FOLLOW) || w->last.kind != LAST_NAME || w->last.slash)
		return 0;
	err = lookup(w, w->last.name, &d);
	if (err)
		return err == -ENOENT ? 0 : err;
	if (inode_kind(d->inode) != I_LNK || d->inode->ops->jump)
		return 0;
	*again = true;
	return follow(w, d);
}

static async long walk_to_parent(struct walk *w)
{
	bool again;
	long err;

	walk_plain(w, false);
	do {
		skip_slashes(w);
		w->last = (struct last){ .kind = LAST_ROOT };
		while (*w->rest) {
			if ((err = searchable(w)) || (err = next_name(w, &w->last)))
				return err;
			if (!*w->rest)
				break;
			if ((err = step(w, &w->last, true)))
				return err;
			skip_slashes(w);
		}
		if ((err = follow_last(w, &again)))
			return err;
	} while (again);
	return 0;
}

/* --- entries ------------------------------------------------------------------------------------------- */

static void walk_begin(struct walk *w, struct dentry *at)
{
	w->root = w->c->root;
	w->start = at ? at : w->c->cwd;
	if (w->flags & WALK_IN_ROOT)
		w->root = w->start;
	w->d = *w->rest == '/' ? w->root : w->start;
}

static long walk_start_allowed(const struct walk *w)
{
	if (*w->rest)
		return w->flags & WALK_BENEATH && *w->rest == '/' ? -EXDEV : 0;
	return w->flags & WALK_EMPTY ? 0 : -ENOENT;
}

static async long walk(struct walk *w, struct dentry *at, async long (*run)(struct walk *w),
		       struct dentry **out)
{
	long err = walk_start_allowed(w);

	if (err)
		return err;
	spin_lock(&tree_lock);
	walk_begin(w, at);
	err = run(w);
	if (!err)
		*out = dentry_get(w->d);
	spin_unlock(&tree_lock);
	if (unlikely(w->held))
		dentry_put(w->held);
	return err;
}

/* path_peek() with a reference. */
static struct dentry *path_glance(struct fs_context *c, const char *path)
{
	struct dentry *d;

	guard(&tree_lock);
	d = path_peek(c, path);
	return likely(d) ? dentry_get(d) : NULL;
}

static __attribute__((noinline)) async long
walk_in_full(struct fs_context *c, struct dentry *at, const char *path, u32 flags, struct dentry **out)
{
	struct walk w = { .c = c, .rest = path, .flags = flags };

	return walk(&w, at, walk_all, out);
}

async long path_walk(struct fs_context *c, struct dentry *at, const char *path, u32 flags,
		     struct dentry **out)
{
	const u32 any = WALK_FOLLOW | WALK_EMPTY | WALK_SECOND;

	if (likely((flags & ~any) == WALK_WORDS && !at && (*out = path_glance(c, path))))
		return 0;
	return walk_in_full(c, at, path, flags, out);
}

async long path_parent(struct fs_context *c, struct dentry *at, const char *path, u32 flags,
		       struct dentry **dir, struct last *last)
{
	struct walk w = { .c = c, .rest = path, .flags = flags };
	long err = walk(&w, at, walk_to_parent, dir);

	*last = w.last;
	return err;
}
