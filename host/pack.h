/* SPDX-License-Identifier: MIT */
/* What the user gave (directory, archive, program, volumes) put into a tree. */
#ifndef HOST_PACK_H
#define HOST_PACK_H

#include "tree.h"

/* All of these die with one clear line if it cannot be done. */
bool pack_is_image(const char *path);		       /* a disk, by its magic */
void pack_root(struct node *root, const char *path);   /* --root */
void pack_volume(struct node *root, const char *spec); /* -v HOST:GUEST[:ro] */
void pack_basics(struct node *root);		       /* /tmp /dev /proc if they are missing */

/* A host file where it will be in the guest: ./a/b is /a/b, /a/b is /a/b.  To be freed. */
char *pack_guest_path(const char *host);

/* A single host program with its interpreter and libraries. */
void pack_program(struct node *root, const char *host, const char *sysroot);

#endif
