/* SPDX-License-Identifier: MIT */
/*
 * count.c: a QEMU plugin that counts the instructions of all harts, which run side by side.
 *
 *	-plugin file=count.so,out=FILE
 *
 * leaves one line "hart count" per hart.  A block that a fault ends early counts as whole.  The prototypes are
 * those of plugin interface version 1, as in insn.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum { NO_REGISTERS };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(plugin_id id, void (*cb)(plugin_id, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *tb, void (*cb)(unsigned hart, void *data),
					  int flags, void *data);

EXPORT int qemu_plugin_version = 1;

enum { HARTS = 64 };

static struct { uint64_t count; char apart[56]; } harts[HARTS];
static const char *out = "count.out";

static void executed(unsigned hart, void *instructions)
{
	if (hart < HARTS)
		harts[hart].count += (uintptr_t)instructions;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	qemu_plugin_register_vcpu_tb_exec_cb(tb, executed, NO_REGISTERS, (void *)qemu_plugin_tb_n_insns(tb));
}

static void finish(plugin_id id, void *data)
{
	FILE *f = fopen(out, "w");

	if (!f)
		return;
	for (int i = 0; i < HARTS; i++)
		if (harts[i].count)
			fprintf(f, "%d %" PRIu64 "\n", i, harts[i].count);
	fclose(f);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
	for (int i = 0; i < argc; i++)
		if (strncmp(argv[i], "out=", 4) == 0)
			out = strdup(argv[i] + 4);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
