/* SPDX-License-Identifier: MIT */
/* QEMU: its command line, its start and its end. */
#ifndef HOST_QEMU_H
#define HOST_QEMU_H

#include <sys/types.h>

#include "options.h"

struct qemu {
	struct strings argv;
	char *kernel;
	pid_t pid;		/* 0: not running */
	int ctl, io, log, said; /* our ends; said: QEMU's own messages */
	int status;		/* of waitpid(), once it has ended */
};

/* Where the archive goes in the guest's memory. */
struct placement {
	bool ours; /* we load it, at `address`; otherwise QEMU's usual place is good */
	uint64_t address;
	uint64_t needed; /* with -ENOMEM: memory that would do */
};

int qemu_place(uint64_t memory, uint64_t kernel_low, uint64_t kernel_high, uint64_t archive,
	struct placement *place);

/* Fills q->argv; dies if there is no kernel, or memory is too small for the archive. */
void qemu_command(struct qemu *q, const struct options *opt, uint64_t archive, const char *words);
void qemu_print(const struct qemu *q);

void qemu_start(struct qemu *q, int archive_fd);
bool qemu_reap(struct qemu *q); /* has it ended? then q->status is its status */
void qemu_kill(struct qemu *q); /* at once; waits until it is gone */
char *qemu_end_words(const struct qemu *q);

#endif
