/* SPDX-License-Identifier: MIT */
/* Wrong options told in one line; argp would use two, and words of its own. */
#ifndef HOST_OPTION_CHECK_H
#define HOST_OPTION_CHECK_H

#include <argp.h>
#include <stdbool.h>

/*
 * Dies if a word that begins with '-' is no option of the tables (NULL ends them), is an abbreviation of several,
 * lacks its argument or has one it does not take.  Options end at "--", and if in_front at the first other word.
 */
void option_check(const struct argp_option *const *tables, bool in_front, char **argv);

#endif
