/* SPDX-License-Identifier: MIT */
/* Writes a tree as a newc cpio archive. */
#ifndef HOST_CPIO_H
#define HOST_CPIO_H

#include <stdint.h>

#include "tree.h"

/*
 * Writes the archive to fd from its start; contents of 4 KiB and more start at a multiple of
 * 4,096.  0 and the size, or a negative errno and *culprit, the host file that could not be read
 * (NULL: the archive could not be written).
 */
int cpio_write(struct node *root, int fd, uint64_t *size, const char **culprit);

#endif
