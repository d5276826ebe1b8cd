// SPDX-License-Identifier: MIT
/*
 * tmp.c: private files.  They never have a name, so nothing stays behind even if weir is killed.
 * Where the file system has no files without a name (overlayfs before Linux 6.3, vfat, NFS) they
 * are in memory.  Dies if the directory is missing or full.
 */
#include "tmp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "say.h"

int tmp_file(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (!dir || !*dir)
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0 && (errno == EOPNOTSUPP || errno == EISDIR))
		fd = memfd_create("weir", MFD_CLOEXEC);
	if (fd < 0)
		die(STATUS_WEIR, "cannot make a temporary file in %s: %s; set TMPDIR", dir,
			strerror(errno));
	return fd;
}
