// SPDX-License-Identifier: MIT
/*
 * tmp.c: private files.  They never have a name that lasts, so nothing stays behind even if
 * weir is killed.  Dies if the directory is missing or full.
 */
#include "tmp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "say.h"

static int with_name(const char *dir)
{
	char *path = must_print("%s/weir.XXXXXX", dir);
	int fd = mkostemp(path, O_CLOEXEC);

	if (fd >= 0)
		unlink(path);
	free(path);
	return fd;
}

int tmp_file(void)
{
	const char *dir = getenv("TMPDIR");
	int fd;

	if (!dir || !*dir)
		dir = "/tmp";
	fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd < 0)
		fd = with_name(dir); /* not every file system knows O_TMPFILE */
	if (fd < 0)
		die(STATUS_WEIR, "cannot make a temporary file in %s: %s; set TMPDIR", dir,
			strerror(errno));
	return fd;
}
