/* SPDX-License-Identifier: MIT */
/*
 * main.c: boot, as a list.  One hart, interrupts off, until the other harts come and exec_run() starts the
 * batch runner.
 */
#include "arch/arch.h"
#include "core/log.h"
#include "core/task.h"
#include "core/time.h"
#include "dev/console.h"
#include "dev/driver.h"
#include "fs/files.h"
#include "kernel/boot.h"
#include "mem/vm.h"
#include "proc/job.h"
#include "proc/timeline.h"
#include "sys/table.h"

u64 boot_ticks, boot_instret;

void kernel_main(u32 hart, const void *dtb)
{
	boot_ticks = arch_ticks();
	boot_instret = arch_instret();
	exec_init(&cpus[0], 0, hart);		/* this hart */
	boot_board(dtb);			/* memory, command line, clock rate */
	boot_memory();				/* frames and heap work from here */
	boot_random();				/* seeds, address randomisation */
	syscall_init();				/* the table of calls */
	program_init();				/* the page all programs share */
	drivers_bind(dtb);			/* serial, interrupts, console, clock */
	boot_files();				/* root, /dev, /proc, the archive */
	timeline_start();			/* tracepoints, if they are wanted */
	boot_harts();				/* they look for work at once */
	if (!selftest_start())			/* checked build: a mistake on purpose */
		batch_start();			/* the first task */
	arch_seal();				/* what was set once stays */
	exec_run();				/* never returns */
}
