// SPDX-License-Identifier: MIT
/*
 * sink.c: output that waits in memory instead of blocking.  The descriptors weir inherited are
 * shared with others, so their flags stay as they are: pipes and terminals are opened anew to
 * get a non-blocking description of our own.  Files never block.
 */
#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

void sink_open(struct sink *s, int fd)
{
	char *path;
	struct stat st;
	int own;

	*s = (struct sink){ .fd = fd };
	if (fstat(fd, &st))
		return;
	s->socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !isatty(fd))
		return;
	path = must_print("/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	free(path);
	if (own >= 0)
		s->fd = own;
}

static ssize_t write_some(const struct sink *s)
{
	if (s->socket)
		return send(
			s->fd, buf_data(&s->out), buf_len(&s->out), MSG_DONTWAIT | MSG_NOSIGNAL);
	return write(s->fd, buf_data(&s->out), buf_len(&s->out));
}

void sink_flush(struct sink *s)
{
	while (sink_pending(s)) {
		ssize_t n = write_some(s);

		if (n > 0) {
			buf_take(&s->out, n);
		} else if (n < 0 && errno == EAGAIN) {
			return;
		} else if (n < 0 && errno != EINTR) {
			s->closed = true;
			s->error = errno == EPIPE ? 0 : errno;
			buf_free(&s->out);
		}
	}
}

void sink_write(struct sink *s, const void *data, size_t len)
{
	if (s->closed || !len)
		return;
	buf_add(&s->out, data, len);
	sink_flush(s);
}
