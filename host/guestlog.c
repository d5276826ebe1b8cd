// SPDX-License-Identifier: MIT
/*
 * guestlog.c: the text of the guest's serial port, cut into lines.  What the firmware says
 * before the kernel is dropped; control characters never reach the user's terminal.
 */
#include "guestlog.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "output.h"
#include "say.h"

enum { TAIL_LIMIT = 1 << 15, LINE_LONGEST = 4096, READ_SIZE = 1 << 15 };

static bool starts(const char *line, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(line, with, strlen(with));
}

/* OpenSBI's banner begins with its name and ends with the last property of the boot hart. */
static bool of_firmware(struct guestlog *log, const char *line, size_t len)
{
	if (log->past_firmware)
		return false;
	if (!log->in_firmware && !starts(line, len, "OpenSBI")) {
		log->past_firmware = true;
		return false;
	}
	log->in_firmware = true;
	log->past_firmware = starts(line, len, "Boot HART MEDELEG");
	return true;
}

static void take_line(struct guestlog *log)
{
	char *line = buf_data(&log->line);
	size_t len = buf_len(&log->line);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			line[i] = '?';
	if (of_firmware(log, line, len))
		return;
	buf_char(&log->line, '\n');
	line = buf_data(&log->line);
	if (log->echo)
		sink_write(&output_sinks[2], line, len + 1);
	buf_add(&log->tail, line, len + 1);
	if (buf_len(&log->tail) > TAIL_LIMIT)
		buf_take(&log->tail, buf_len(&log->tail) - TAIL_LIMIT);
}

static void take(struct guestlog *log, const char *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\r' ||
			(data[i] == '\n' && !buf_len(&log->line) && !log->past_firmware))
			continue;
		if (data[i] != '\n')
			buf_char(&log->line, data[i]);
		if (data[i] != '\n' && buf_len(&log->line) < LINE_LONGEST)
			continue;
		take_line(log);
		buf_take(&log->line, buf_len(&log->line));
	}
}

void guestlog_fill(struct guestlog *log)
{
	char data[READ_SIZE];
	ssize_t n = read(log->fd, data, sizeof data);

	if (n > 0) {
		take(log, data, n);
	} else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
		close(log->fd);
		log->fd = -1;
		take(log, "\n", buf_len(&log->line) > 0);
	}
}

void guestlog_key(struct guestlog *log, char key)
{
	if (log->fd >= 0 && write(log->fd, &key, 1) < 0)
		say("cannot type on the guest's serial port: %s", strerror(errno));
}

void guestlog_print(struct guestlog *log)
{
	if (!log->echo)
		sink_write(&output_sinks[2], buf_data(&log->tail), buf_len(&log->tail));
}
