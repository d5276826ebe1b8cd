/* SPDX-License-Identifier: MIT */
/* What can be said of a program before anything boots. */
#ifndef HOST_CHECK_H
#define HOST_CHECK_H

#include "tree.h"

/* A host file that is to be run alone; dies with 126 or 127 if it cannot be. */
void check_host_program(const char *path);

/* The program at path in the tree, if it is there; dies with 126 or 127 if it cannot run. */
void check_guest_program(struct node *root, const char *path, const char *shown);

#endif
