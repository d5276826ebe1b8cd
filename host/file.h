/* SPDX-License-Identifier: MIT */
#ifndef HOST_FILE_H
#define HOST_FILE_H

#include <sys/stat.h>

/*
 * A regular file, open for reading; st is filled.  -1 and errno, EINVAL for what is no regular file: nobody waits
 * for the other end of a FIFO, no device is woken.
 */
int file_open(const char *path, struct stat *st);

#endif
