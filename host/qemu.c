// SPDX-License-Identifier: MIT
/*
 * qemu.c: QEMU's command line, start and end.  QEMU owns nothing but four inherited descriptors
 * (two ports, log, archive): no paths, no TCP, so hundreds may run side by side.  It dies with
 * weir, however weir dies.
 */
#include "qemu.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "elf.h"
#include "file.h"
#include "say.h"

/* Descriptors in the child. */
enum { FD_CTL = 3, FD_IO, FD_LOG, FD_ARCHIVE, FDS_ABOVE = 16 };

#define RAM_BASE  0x80000000ull
#define MIB	  (1ull << 20)
#define FDT_SIZE  MIB
#define PAGE_MASK 4095ull

static void add(struct qemu *q, const char *option, const char *value)
{
	strings_add(&q->argv, option);
	if (value)
		strings_add(&q->argv, value);
}

static void add_text(struct qemu *q, const char *option, char *value)
{
	add(q, option, value);
	free(value);
}

/* QEMU 7.2 puts the device tree at 2 MiB steps below the top of memory, 3 GiB at most. */
static uint64_t fdt_address(uint64_t memory)
{
	uint64_t top = RAM_BASE + memory;

	if (top > 3072 * MIB)
		top = 3072 * MIB;
	return (top - FDT_SIZE) & ~(2 * MIB - 1);
}

int qemu_place(uint64_t memory, uint64_t kernel_low, uint64_t kernel_high, uint64_t archive,
	struct placement *place)
{
	uint64_t usual = kernel_low + (memory / 2 < 128 * MIB ? memory / 2 : 128 * MIB);
	uint64_t fdt = fdt_address(memory), after = (kernel_high + PAGE_MASK) & ~PAGE_MASK;

	*place = (struct placement){ .needed = after - RAM_BASE + archive + 4 * MIB };
	place->needed = (place->needed + MIB - 1) & ~(MIB - 1);
	if (memory < 4 * MIB || fdt < after)
		return -ENOMEM;
	if (usual >= after && usual + archive <= fdt)
		return 0;
	place->ours = true;
	place->address = after;
	if (after + archive <= fdt)
		return 0;
	place->address = fdt + FDT_SIZE;
	return place->address + archive <= RAM_BASE + memory ? 0 : -ENOMEM;
}

static char *beside_us(const char *path)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	if (n < 0)
		return must_copy(path);
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	return must_print("%s/%s", exe, path);
}

static char *find_kernel(const char *asked)
{
	static const char *const places[] = {
		"build/riscv64-release/weir.elf",
		"../lib/weir/riscv64-release/weir.elf",
		"../lib/weir/riscv64/weir.elf",
	};

	if (!asked)
		asked = getenv("WEIR_KERNEL");
	if (asked && *asked)
		return must_copy(asked);
	for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
		char *path = beside_us(places[i]);

		if (!access(path, R_OK))
			return path;
		free(path);
	}
	die(STATUS_WEIR, "no kernel found; build it with make, or name it with --kernel FILE");
}

static void inspect_kernel(const char *path, struct elf *elf)
{
	struct stat st;
	int fd = file_open(path, &st);

	if (fd < 0)
		die(STATUS_WEIR, "cannot read the kernel %s: %s", path,
			errno == EINVAL ? "not a regular file" : strerror(errno));
	elf_read(fd, 0, st.st_size, elf);
	close(fd);
	if (elf->kind == ELF_FOREIGN)
		die(STATUS_WEIR, "the kernel %s is for %s, not riscv64; see --kernel", path,
			elf->machine);
	if (elf->kind != ELF_GOOD)
		die(STATUS_WEIR, "the kernel %s is not a whole ELF file; see --kernel", path);
}

static void add_machine(struct qemu *q, const struct options *opt)
{
	add(q, "-M", "virt");
	add(q, "-cpu", "rv64");
	add_text(q, "-smp", must_print("%ld", opt->cpus));
	add_text(q, "-m", must_print("%lluB", (unsigned long long)opt->memory));
	add(q, "-nodefaults", NULL);
	add(q, "-no-user-config", NULL);
	add(q, "-no-reboot", NULL);
	add(q, "-display", "none");
	add(q, "-global", "virtio-mmio.force-legacy=false");
	if (opt->icount)
		add(q, "-icount", "shift=0,sleep=off");
	if (opt->gdb)
		add_text(q, "-gdb", must_print("tcp:127.0.0.1:%ld", opt->gdb_port));
	if (opt->gdb)
		add(q, "-S", NULL);
	if (opt->qemu_log) {
		add(q, "-d", "guest_errors,unimp");
		add(q, "-D", opt->qemu_log);
	}
}

static void add_ports(struct qemu *q)
{
	add_text(q, "-chardev", must_print("socket,id=log,fd=%d", FD_LOG));
	add(q, "-serial", "chardev:log");
	add_text(q, "-chardev", must_print("socket,id=ctl,fd=%d", FD_CTL));
	add_text(q, "-chardev", must_print("socket,id=io,fd=%d", FD_IO));
	add(q, "-device", "virtio-serial-device,max_ports=4");
	add(q, "-device", "virtserialport,nr=1,name=weir.ctl,chardev=ctl");
	add(q, "-device", "virtserialport,nr=2,name=weir.io,chardev=io");
}

/* QEMU takes two commas for one. */
static char *escape(const char *path)
{
	char *text = must_alloc(2 * strlen(path) + 1), *to = text;

	for (; *path; path++) {
		if (*path == ',')
			*to++ = ',';
		*to++ = *path;
	}
	*to = 0;
	return text;
}

/* A disk the user may use, and no other QEMU writes to: QEMU itself takes the lock. */
static void add_disk(struct qemu *q, const char *disk, size_t number)
{
	size_t len = strlen(disk);
	bool ro = len > 3 && !strcmp(disk + len - 3, ":ro");
	char *path = must_copy(disk), *escaped;
	struct stat st;

	if (ro)
		path[len - 3] = 0;
	if (stat(path, &st) || access(path, ro ? R_OK : R_OK | W_OK))
		die(STATUS_WEIR, "--disk %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
		die(STATUS_WEIR, "--disk %s is not a file", path);
	escaped = escape(path);
	add_text(q, "-drive", must_print("if=none,id=disk%zu,format=raw,discard=unmap,werror=report,rerror=report,readonly=%s,file.locking=on,file.filename=%s",
				      number, ro ? "on" : "off", escaped));
	add_text(q, "-device", must_print("virtio-blk-device,drive=disk%zu", number));
	free(escaped);
	free(path);
}

static void add_disks(struct qemu *q, const struct options *opt)
{
	for (size_t i = 0; i < opt->disks.count; i++)
		add_disk(q, opt->disks.items[i], i);
}

static void add_archive(struct qemu *q, const struct options *opt, uint64_t size, const char *words)
{
	struct placement place;
	struct elf elf;

	inspect_kernel(q->kernel, &elf);
	if (qemu_place(opt->memory, elf.low, elf.high, size, &place))
		die(STATUS_WEIR,
			"%lluK of memory are too small for the kernel and these files; use -m %lluM",
			(unsigned long long)opt->memory >> 10,
			(unsigned long long)place.needed >> 20);
	add(q, "-kernel", q->kernel);
	if (!place.ours) {
		add_text(q, "-initrd", must_print("/proc/self/fd/%d", FD_ARCHIVE));
		add(q, "-append", words);
	} else {
		add_text(q, "-device",
			must_print("loader,file=/proc/self/fd/%d,addr=0x%llx,force-raw=on",
				FD_ARCHIVE, (unsigned long long)place.address));
		add_text(q, "-append",
			must_print("%s initrd=0x%llx,%llu", words,
				(unsigned long long)place.address, (unsigned long long)size));
	}
	elf_free(&elf);
}

void qemu_command(struct qemu *q, const struct options *opt, uint64_t archive, const char *words)
{
	*q = (struct qemu){ .ctl = -1, .io = -1, .log = -1, .said = -1 };
	q->kernel = find_kernel(opt->kernel);
	add(q, opt->qemu, NULL);
	add_machine(q, opt);
	add_ports(q);
	add_disks(q, opt);
	add_archive(q, opt, archive, words);
}

static bool needs_quotes(const char *word)
{
	return !*word || strpbrk(word, " \t\n'\"\\$`|&;<>()*?[]{}~#!");
}

void qemu_print(const struct qemu *q)
{
	for (size_t i = 0; i < q->argv.count; i++) {
		const char *word = q->argv.items[i];

		printf(needs_quotes(word) ? "%s'%s'" : "%s%s", i ? " " : "", word);
	}
	printf("\n");
	if (fflush(stdout))
		die(STATUS_WEIR, "cannot write standard output: %s", strerror(errno));
}

static void pair(int *ours, int *theirs)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds))
		die(STATUS_WEIR, "cannot make a socket: %s", strerror(errno));
	*ours = fds[0];
	*theirs = fds[1];
	fcntl(*ours, F_SETFL, O_NONBLOCK);
}

/* The child's descriptors at their numbers; first out of the way, so that none is overwritten. */
static void child_descriptors(const int fds[4], int said)
{
	int high[4], null = open("/dev/null", O_RDONLY);

	for (int i = 0; i < 4; i++)
		high[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, FDS_ABOVE);
	dup2(null, STDIN_FILENO);
	dup2(said, STDOUT_FILENO);
	dup2(said, STDERR_FILENO);
	for (int i = 0; i < 4; i++)
		dup2(high[i], FD_CTL + i);
}

static _Noreturn void child(struct qemu *q, const int fds[4], int said, pid_t parent)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(STATUS_WEIR);
	setsid(); /* the terminal's signals are for weir */
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	child_descriptors(fds, said);
	execvp(q->argv.items[0], q->argv.items);
	dprintf(STDERR_FILENO, "%s\n", strerror(errno));
	_exit(STATUS_NOTFOUND);
}

void qemu_start(struct qemu *q, int archive_fd)
{
	int fds[4] = { [3] = archive_fd }, said;
	pid_t parent = getpid();

	pair(&q->ctl, &fds[0]);
	pair(&q->io, &fds[1]);
	pair(&q->log, &fds[2]);
	pair(&q->said, &said);
	q->pid = fork();
	if (q->pid < 0)
		die(STATUS_WEIR, "cannot start a process: %s", strerror(errno));
	if (!q->pid)
		child(q, fds, said, parent);
	for (int i = 0; i < 4; i++)
		close(fds[i]);
	close(said);
}

bool qemu_reap(struct qemu *q)
{
	if (q->pid && waitpid(q->pid, &q->status, WNOHANG) == q->pid)
		q->pid = 0;
	return !q->pid;
}

void qemu_kill(struct qemu *q)
{
	if (!q->pid)
		return;
	kill(q->pid, SIGKILL);
	while (waitpid(q->pid, &q->status, 0) < 0 && errno == EINTR)
		;
	q->pid = 0;
}

char *qemu_end_words(const struct qemu *q)
{
	if (WIFSIGNALED(q->status))
		return must_print("QEMU was killed by signal %d", WTERMSIG(q->status));
	return must_print("QEMU ended with status %d", WEXITSTATUS(q->status));
}
