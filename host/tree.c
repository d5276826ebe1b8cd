// SPDX-License-Identifier: MIT
/*
 * tree.c: the root file system while it is put together, in memory; file contents stay where
 * they are.  A node belongs to its parent, an inode to the nodes that name it.  Kids are
 * walked in the order of their names, so that the same input always gives the same archive.  Symbolic links are followed as the
 * guest would: they cannot lead out of the tree.
 */
#include "tree.h"

#include <errno.h>
#include <limits.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "say.h"

enum { LINKS_MAX = 40, NAME_LENGTH_MAX = 255 };

struct part {
	const char *text;
	size_t len;
};

static struct inode *inode_new(mode_t mode)
{
	struct inode *i = must_alloc(sizeof *i);

	i->st.st_mode = mode;
	i->fd = -1;
	return i;
}

static void inode_drop(struct inode *i)
{
	if (--i->names)
		return;
	free(i->target);
	free(i->host);
	free(i->memory);
	free(i);
}

static void node_set(struct node *n, struct inode *i)
{
	i->names++;
	if (n->inode)
		inode_drop(n->inode);
	n->inode = i;
}

static struct node *node_new(struct node *parent, struct part part)
{
	struct node *n = must_alloc(sizeof *n);

	n->name = must_print("%.*s", (int)part.len, part.text);
	n->parent = parent;
	n->path = parent ? parent->path + 1 + part.len : 0;
	return n;
}

static void node_free(void *arg)
{
	struct node *n = arg;

	tree_clear(n);
	free(n->name);
	inode_drop(n->inode);
	free(n);
}

struct node *tree_new(void)
{
	struct node *root = node_new(NULL, (struct part){ "", 0 });

	node_set(root, inode_new(S_IFDIR | 0755));
	return root;
}

void tree_free(struct node *root)
{
	node_free(root);
}

void tree_clear(struct node *directory)
{
	tdestroy(directory->kids, node_free);
	directory->kids = NULL;
}

/* --- kids ------------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct node *)a)->name, ((const struct node *)b)->name);
}

static struct node *kid(const struct node *dir, struct part part)
{
	struct node key = { .name = must_print("%.*s", (int)part.len, part.text) };
	struct node **found = tfind(&key, (void *const *)&dir->kids, by_name);

	free(key.name);
	return found ? *found : NULL;
}

/* There is none of that name.  NULL if its path were longer than a guest can write. */
static struct node *kid_add(struct node *dir, struct part part)
{
	struct node *n;

	if (dir->path + 1 + part.len >= PATH_MAX - 1 || part.len > NAME_LENGTH_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	n = node_new(dir, part);
	if (!tsearch(n, &dir->kids, by_name))
		die(STATUS_WEIR, "out of memory on the host");
	return n;
}

struct visit {
	int (*fn)(struct node *n, void *arg);
	void *arg;
	int result;
};

static void visit_kid(const void *kid, VISIT order, void *arg)
{
	struct visit *v = arg;

	if ((order == postorder || order == leaf) && !v->result) /* between the smaller and the larger */
		v->result = v->fn(*(struct node *const *)kid, v->arg);
}

int tree_kids(const struct node *directory, int (*fn)(struct node *n, void *arg), void *arg)
{
	struct visit v = { fn, arg, 0 };

	twalk_r(directory->kids, visit_kid, &v);
	return v.result;
}

/* --- paths ------------------------------------------------------------------------------------ */

static struct part next_part(const char **path)
{
	struct part part;

	*path += strspn(*path, "/");
	part.text = *path;
	part.len = strcspn(*path, "/");
	*path += part.len;
	return part;
}

static bool is_dots(struct part part)
{
	return part.len <= 2 && !strncmp(part.text, "..", part.len);
}

static struct node *walk(
	struct node *root, struct node *from, const char *path, bool make, bool follow, int *links);

static struct node *follow_link(struct node *root, struct node *n, bool make, int *links)
{
	const char *target = n->inode->target;

	if (++*links > LINKS_MAX) {
		errno = ELOOP;
		return NULL;
	}
	return walk(root, *target == '/' ? root : n->parent, target, make, true, links);
}

static struct node *make_directory(struct node *dir, struct part part)
{
	struct node *n = kid_add(dir, part);

	if (n)
		node_set(n, inode_new(S_IFDIR | 0755));
	return n;
}

/* One step down from dir; *rest tells whether it is the last. */
static struct node *step(
	struct node *root, struct node *dir, struct part part, bool make, bool follow, int *links)
{
	struct node *n;

	if (!S_ISDIR(dir->inode->st.st_mode)) {
		errno = ENOTDIR;
		return NULL;
	}
	if (is_dots(part))
		return part.len == 2 && dir->parent ? dir->parent : dir;
	n = kid(dir, part);
	if (!n && make)
		return make_directory(dir, part);
	if (!n)
		errno = ENOENT;
	else if (S_ISLNK(n->inode->st.st_mode) && follow)
		return follow_link(root, n, make, links);
	return n;
}

static struct node *walk(
	struct node *root, struct node *from, const char *path, bool make, bool follow, int *links)
{
	struct node *n = from;
	struct part part;

	while (n && (part = next_part(&path)).len) {
		bool last = !path[strspn(path, "/")];

		n = step(root, n, part, make, follow || !last, links);
	}
	return n;
}

struct node *tree_find(struct node *root, const char *path, bool follow)
{
	int links = 0;

	return walk(root, root, path, false, follow, &links);
}

/* The directory path lies in, and its last part; NULL if path is no good. */
static struct node *parent_of(struct node *root, const char *path, struct part *last)
{
	char *above;
	struct node *dir;
	int links = 0;

	last->text = path + strlen(path);
	while (last->text > path && last->text[-1] == '/')
		last->text--;
	last->len = 0;
	while (last->text > path && last->text[-1] != '/') {
		last->text--;
		last->len++;
	}
	if (!last->len || is_dots(*last)) {
		errno = EINVAL;
		return NULL;
	}
	above = must_print("%.*s", (int)(last->text - path), path);
	dir = walk(root, root, above, true, true, &links);
	free(above);
	if (dir && !S_ISDIR(dir->inode->st.st_mode)) {
		errno = ENOTDIR;
		dir = NULL;
	}
	return dir;
}

static struct node *place(struct node *root, const char *path, bool directory)
{
	struct part part;
	struct node *dir = parent_of(root, path, &part), *n;

	if (!dir)
		return NULL;
	n = kid(dir, part);
	if (n && S_ISDIR(n->inode->st.st_mode) && !directory) {
		errno = EISDIR;
		return NULL;
	}
	return n ? n : kid_add(dir, part);
}

struct node *tree_put(struct node *root, const char *path, mode_t mode)
{
	struct node *n = place(root, path, S_ISDIR(mode));

	if (!n)
		return NULL;
	if (n->inode && S_ISDIR(mode) && S_ISDIR(n->inode->st.st_mode))
		n->inode->st.st_mode = mode;
	else
		node_set(n, inode_new(mode));
	return n;
}

struct node *tree_link(struct node *root, const char *path, struct node *file)
{
	struct inode *inode = file->inode;
	struct node *n;

	inode->names++; /* path may be the only name it had */
	n = place(root, path, false);
	if (n)
		node_set(n, inode);
	inode_drop(inode);
	return n;
}

void tree_set_memory(struct node *file, char *data, size_t len)
{
	file->inode->memory = data;
	file->inode->st.st_size = len;
}
