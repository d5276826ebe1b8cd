/* SPDX-License-Identifier: MIT */
/* The user's terminal. */
#ifndef HOST_TERM_H
#define HOST_TERM_H

#include <stdbool.h>

bool term_present(void); /* standard input and output are a terminal */
void term_size(int *rows, int *columns);
void term_raw(void); /* undone at exit, however weir ends */
void term_restore(void);
void term_lend(void);  /* as it was, for the shell, while weir is stopped */
void term_again(void); /* raw again, if it is to be */

#endif
