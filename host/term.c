// SPDX-License-Identifier: MIT
/*
 * term.c: the user's terminal.  Raw while a program has it; restored at exit, and by handlers
 * that use only what a signal handler may when weir itself crashes.
 */
#include "term.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "say.h"

static struct {
	struct termios saved, used;
	volatile sig_atomic_t raw;
	bool prepared;
} term;

bool term_present(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

void term_size(int *rows, int *columns)
{
	struct winsize size = { 0 };

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	*rows = size.ws_row;
	*columns = size.ws_col;
}

void term_restore(void)
{
	if (!term.raw)
		return;
	term.raw = 0;
	say_raw = 0;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &term.saved);
}

static void crashed(int signal)
{
	if (term.raw)
		tcsetattr(STDIN_FILENO, TCSANOW, &term.saved);
	raise(signal); /* SA_RESETHAND: now it does what it always did */
}

static void prepare(void)
{
	static const int fatal[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS };
	struct sigaction action = { .sa_handler = crashed, .sa_flags = SA_RESETHAND | SA_NODEFER };

	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		sigaction(fatal[i], &action, NULL);
	atexit(term_restore);
	term.prepared = true;
}

void term_raw(void)
{
	if (term.raw || tcgetattr(STDIN_FILENO, &term.saved))
		return;
	if (!term.prepared)
		prepare();
	term.used = term.saved;
	cfmakeraw(&term.used);
	term.raw = 1;
	say_raw = 1;
	tcsetattr(STDIN_FILENO, TCSADRAIN, &term.used);
}

void term_lend(void)
{
	if (term.raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &term.saved);
}

void term_again(void)
{
	if (term.raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &term.used);
}
