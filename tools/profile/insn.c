/* SPDX-License-Identifier: MIT */
/*
 * insn.c: a QEMU plugin that counts how often each guest instruction is executed.
 *
 *	-plugin file=insn.so,out=FILE
 *
 * leaves one line "address count" per instruction.  The prototypes are those of plugin interface
 * version 1 (QEMU 4.2 to 9), written down here because no package has the header.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
enum { INLINE_ADD_U64 };

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_atexit_cb(plugin_id id, void (*cb)(plugin_id, void *), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn, int op, void *ptr, uint64_t n);

EXPORT int qemu_plugin_version = 1;

struct counter {
	struct counter *next;
	uint64_t address, count;
};

enum { BUCKETS = 1 << 16 };

static struct counter *buckets[BUCKETS];
static const char *out = "insn.out";

static struct counter *counter(uint64_t address)
{
	struct counter **b = &buckets[address / 2 % BUCKETS], *c;

	for (c = *b; c; c = c->next)
		if (c->address == address)
			return c;
	c = calloc(1, sizeof(*c));
	c->address = address;
	c->next = *b;
	return *b = c;
}

static void translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
		struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);

		qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD_U64,
			&counter(qemu_plugin_insn_vaddr(insn))->count, 1);
	}
}

static void finish(plugin_id id, void *data)
{
	FILE *f = fopen(out, "w");

	if (!f)
		return;
	for (int i = 0; i < BUCKETS; i++)
		for (struct counter *c = buckets[i]; c; c = c->next)
			if (c->count)
				fprintf(f, "%" PRIx64 " %" PRIu64 "\n", c->address, c->count);
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
