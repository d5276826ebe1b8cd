// SPDX-License-Identifier: MIT
/*
 * tty_line.c: the line discipline: what typed bytes do (edit, signal, echo) and what written bytes
 * look like.  Pure but for the terminal it works on; t->lock is held.
 */
#include <linux/signal.h>
#include "fs/tty.h"

static inline bool local(const struct tty *t, u32 flag) { return t->tio.c_lflag & flag; }
static inline bool is(const struct tty *t, u32 which, u8 c)
{
	return t->tio.c_cc[which] && t->tio.c_cc[which] == c;
}

/* --- echo -------------------------------------------------------------------------------------- */

static void echo_raw(struct tty *t, char c)
{
	if (t->echo_len < TTY_ECHO)
		t->echo[t->echo_len++] = c;
}

static bool shows_as_control(const struct tty *t, u8 c)
{
	return local(t, ECHOCTL) && (c < 32 || c == 127) && c != '\t' && c != '\n';
}

static void echo(struct tty *t, u8 c)
{
	if (!local(t, ECHO) && !(c == '\n' && local(t, ECHONL) && tty_canonical(t)))
		return;
	if (shows_as_control(t, c)) {
		echo_raw(t, '^');
		echo_raw(t, c ^ 64);
		return;
	}
	if (c == '\n' && t->tio.c_oflag & OPOST && t->tio.c_oflag & ONLCR)
		echo_raw(t, '\r');
	echo_raw(t, c);
}

static void rub_out(struct tty *t, u8 c)
{
	if (!local(t, ECHO) || !local(t, ECHOE))
		return;
	for (u32 n = shows_as_control(t, c) ? 2 : 1; n; n--) {
		echo_raw(t, '\b');
		echo_raw(t, ' ');
		echo_raw(t, '\b');
	}
}

/* --- editing ------------------------------------------------------------------------------------- */

static bool is_continuation(const struct tty *t, u8 c)
{
	return t->tio.c_iflag & IUTF8 && (c & 0xc0) == 0x80;
}

static u8 last_byte(const struct tty *t) { return t->buf[tty_index(t->head - 1)]; }

/* The last character of the line: all bytes of it. */
static void erase_one(struct tty *t)
{
	while (t->head != t->ready && is_continuation(t, last_byte(t)))
		t->head--;
	if (t->head == t->ready)
		return;
	t->head--;
	rub_out(t, t->buf[tty_index(t->head)]);
}

static bool ends_in_blank(const struct tty *t)
{
	return last_byte(t) == ' ' || last_byte(t) == '\t';
}

static void erase_word(struct tty *t)
{
	while (t->head != t->ready && ends_in_blank(t))
		erase_one(t);
	while (t->head != t->ready && !ends_in_blank(t))
		erase_one(t);
}

static void kill_line(struct tty *t)
{
	while (t->head != t->ready)
		erase_one(t);
}

/* --- input ------------------------------------------------------------------------------------------ */

static bool room(const struct tty *t) { return t->head - t->tail < TTY_SIZE; }

static void store(struct tty *t, u8 c, bool end, bool eof)
{
	t->buf[tty_index(t->head)] = c;
	tty_mark(t->ends, t->head, end);
	tty_mark(t->eofs, t->head, eof);
	t->head++;
}

static void finish_line(struct tty *t)
{
	t->ready = t->head;
	t->lines++;
	wake_all(&t->readers);
}

void tty_line_flush(struct tty *t)
{
	t->head = t->ready = t->tail;
	t->lines = 0;
}

static bool signal_input(struct tty *t, u8 c)
{
	u32 signo = 0;

	if (is(t, VINTR, c))
		signo = SIGINT;
	else if (is(t, VQUIT, c))
		signo = SIGQUIT;
	else if (is(t, VSUSP, c))
		signo = SIGTSTP;
	if (!signo)
		return false;
	if (!local(t, NOFLSH))
		tty_line_flush(t);
	echo(t, c);
	t->signals |= 1u << (signo - 1);
	return true;
}

/* True: @c was an editing character. */
static bool edit(struct tty *t, u8 c)
{
	if (is(t, VERASE, c))
		erase_one(t);
	else if (is(t, VKILL, c))
		kill_line(t);
	else if (is(t, VWERASE, c) && local(t, IEXTEN))
		erase_word(t);
	else if (is(t, VLNEXT, c) && local(t, IEXTEN))
		t->literal = true;
	else
		return false;
	return true;
}

/* The last place is kept for the end of the line, so that a full line can be sent off. */
static void canonical_input(struct tty *t, u8 c, bool literal)
{
	bool eof = !literal && is(t, VEOF, c);
	bool end = eof || (!literal && (c == '\n' || is(t, VEOL, c) || is(t, VEOL2, c)));

	if (!literal && edit(t, c))
		return;
	if (!end && t->head - t->tail >= TTY_SIZE - 1)
		return;
	if (!room(t))
		return;
	store(t, eof ? 0 : c, end, eof);
	if (!eof)
		echo(t, c);
	if (end)
		finish_line(t);
}

static void raw_input(struct tty *t, u8 c)
{
	if (!room(t))
		return;
	store(t, c, false, false);
	t->ready = t->head;
	echo(t, c);
	wake_all(&t->readers);
}

/* False: the byte is dropped. */
static bool map_input(const struct tty *t, u8 *c)
{
	u32 flags = t->tio.c_iflag;

	if (flags & ISTRIP)
		*c &= 0x7f;
	if (*c == '\r' && flags & IGNCR)
		return false;
	if (*c == '\r' && flags & ICRNL)
		*c = '\n';
	else if (*c == '\n' && flags & INLCR)
		*c = '\r';
	return !(flags & IXON && (is(t, VSTART, *c) || is(t, VSTOP, *c)));
}

void tty_line_input(struct tty *t, u8 c)
{
	bool literal = t->literal;

	t->literal = false;
	if (!literal && (!map_input(t, &c) || (local(t, ISIG) && signal_input(t, c))))
		return;
	if (tty_canonical(t))
		canonical_input(t, c, literal);
	else
		raw_input(t, c);
}

void tty_line_mode(struct tty *t, bool was_canonical)
{
	if (was_canonical == tty_canonical(t))
		return;
	t->ready = t->head;		/* what was typed so far can be read either way */
	t->lines = 0;
	if (tty_canonical(t) && t->tail != t->head) {
		tty_mark(t->ends, t->head - 1, true);
		t->lines = 1;
	}
	wake_all(&t->readers);
}

/* --- reading ------------------------------------------------------------------------------------------ */

static u32 take_line(struct tty *t, struct uio *u)
{
	u32 n = 0;

	while (t->tail != t->ready) {
		bool end = tty_bit(t->ends, t->tail), eof = tty_bit(t->eofs, t->tail);

		if (!eof && (!u->left || uio_out(u, &t->buf[tty_index(t->tail)], 1) != 1))
			break;
		t->tail++;
		n++;
		t->lines -= end;
		if (end)
			break;
	}
	return n;
}

u32 tty_line_take(struct tty *t, struct uio *u)
{
	u32 n, got, total = 0;

	if (tty_canonical(t))
		return take_line(t, u);
	while (t->tail != t->ready && u->left) {
		n = min(t->ready - t->tail, TTY_SIZE - tty_index(t->tail));
		got = uio_out(u, &t->buf[tty_index(t->tail)], min((u64)n, u->left));
		t->tail += got;
		total += got;
		if (u->fault)
			break;
	}
	return total;
}

/* --- output -------------------------------------------------------------------------------------------- */

u32 tty_line_output(struct tty *t, const char *s, u32 n)
{
	u32 i;

	for (i = 0; i < n && t->out_len + 2 <= TTY_OUT; i++) {
		if (s[i] == '\n' && t->tio.c_oflag & ONLCR)
			t->out[t->out_len++] = '\r';
		t->out[t->out_len++] = s[i];
	}
	return i;
}
