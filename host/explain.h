/* SPDX-License-Identifier: MIT */
/* Why did it fail, in one line; and which system calls did it make. */
#ifndef HOST_EXPLAIN_H
#define HOST_EXPLAIN_H

#include <stdio.h>

#include "job.h"

char *explain(const struct job *job); /* to be freed; NULL if there is nothing to explain */
void summary_print(FILE *to, const struct job *job);

#endif
