/* SPDX-License-Identifier: MIT */
/* The guest's root file system while it is put together. */
#ifndef HOST_TREE_H
#define HOST_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

/* A file, whatever its type; several nodes may be names of it. */
struct inode {
	unsigned names;
	struct stat st;		  /* mode, uid, gid, mtime, rdev, size: what the guest shall see */
	char *target;		  /* of a symbolic link */
	unsigned number, written; /* the writer's */
	/* where the content is: a host file, a piece of an open file, or memory */
	char *host;
	int fd;
	off_t offset;
	char *memory;
};

struct node {
	char *name;
	struct node *parent;
	void *kids; /* tsearch tree, by name */
	size_t path; /* length of the path to it */
	struct inode *inode;
};

struct node *tree_new(void);
void tree_free(struct node *root);

/* NULL if there is none.  Links are followed inside the tree, the last one if `follow`. */
struct node *tree_find(struct node *root, const char *path, bool follow);

/*
 * The node at path, with this mode; missing directories above it are made.  A directory that is
 * put again stays, anything else is replaced.  NULL and errno: ENOTDIR, ELOOP, EISDIR, EINVAL,
 * ENAMETOOLONG for a path no guest could write.
 */
struct node *tree_put(struct node *root, const char *path, mode_t mode);
struct node *tree_link(struct node *root, const char *path, struct node *file);

/* Calls fn for each kid, in the order of their names, until it returns something else than 0; returns that. */
int tree_kids(const struct node *directory, int (*fn)(struct node *n, void *arg), void *arg);
void tree_clear(struct node *directory);			 /* its kids go */
void tree_set_memory(struct node *file, char *data, size_t len); /* takes data */

#endif
