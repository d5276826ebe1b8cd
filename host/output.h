/* SPDX-License-Identifier: MIT */
/* Where the output of jobs goes: weir's own streams, --results, tails for the reports. */
#ifndef HOST_OUTPUT_H
#define HOST_OUTPUT_H

#include "options.h"
#include "sink.h"

enum { TAIL_SIZE = 8192 };

extern struct sink output_sinks[3]; /* [1] standard output, [2] standard error */

void output_open(const struct options *opt);
void output_start(struct job *job);
void output_data(struct job *job, unsigned stream, const char *data, size_t len);
void output_end(struct job *job); /* the job has its result */
void output_pump(void);		  /* print finished jobs as far as there is room */
bool output_idle(void);		  /* nothing is left to be printed */
bool output_stalled(void);	  /* too much is: take no more from the guest */
bool output_failed(void);	  /* something could not be kept; it has been said */

/* The end of what the job wrote, if it was kept; to be freed. */
char *output_tail(const struct job *job, unsigned stream, size_t *len);

#endif
