// SPDX-License-Identifier: MIT
/*
 * fake_qemu.c: a stand-in for QEMU and the guest in tests of weir.  It takes QEMU's command line,
 * reads the job list out of the archive and plays each job: the word after the program's name
 * says how ("exit 7", "cat", "segv", ...), among them every misbehaviour we could think of.
 * FAKE in the environment misbehaves before the first job.  `fake_qemu --kernel FILE` writes
 * the smallest file that passes for a kernel.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARGS_MAX = 64, JOBS_MAX = 512, FRAME = 65536, PANIC = 99 };

struct job {
	char *args[ARGS_MAX + 1];
	char *keys[ARGS_MAX + 1]; /* all key=value strings */
	int nargs, nkeys;
	uint64_t frames;
};

static int ctl = -1, io = -1, logfd = -1, slots = 1;
static bool timeline;
static const char *archive_path;
static char *archive;
static size_t archive_size;
static struct job jobs[JOBS_MAX];
static int njobs;

static void send_all(int fd, const void *data, size_t len)
{
	while (len) {
		ssize_t n = write(fd, data, len);

		if (n < 0)
			_exit(1);
		data = (const char *)data + n;
		len -= n;
	}
}

static void event(const char *text)
{
	send_all(ctl, text, strlen(text));
	send_all(ctl, "\n", 1);
}

static void frame(int job, int stream, const void *data, uint32_t len)
{
	struct {
		uint32_t job;
		uint16_t stream, zero;
		uint32_t len;
	} head = { job, stream, 0, len };

	send_all(io, &head, 12);
	send_all(io, data, len);
	if (job < njobs)
		jobs[job].frames++;
}

static void print(int job, int stream, const char *text)
{
	frame(job, stream, text, strlen(text));
}

static void logline(const char *text)
{
	send_all(logfd, text, strlen(text));
}

static void end(int j, const char *fields)
{
	char line[4096];

	snprintf(line, sizeof line,
		"{\"event\":\"end\",\"job\":%d,%s,\"wall_ns\":1500000,"
		"\"user_ns\":1000000,\"kernel_ns\":500000,\"instructions\":1234567,\"syscalls\":10,"
		"\"syscall_counts\":{\"write\":3,\"read\":6,\"exit_group\":1},\"faults\":12,"
		"\"peak_bytes\":98304,\"processes\":1,\"io_frames\":%llu,\"leaked_frames\":0,"
		"\"leaked_heap\":0,\"files_bytes\":0,\"trusted\":false}",
		j, fields, (unsigned long long)jobs[j].frames);
	event(line);
}

static void end_exit(int j, int code)
{
	char text[64];

	snprintf(text, sizeof text, "\"outcome\":\"exited\",\"code\":%d", code);
	end(j, text);
}

static void end_signal(int j, int signo)
{
	char text[64];

	snprintf(text, sizeof text, "\"outcome\":\"signalled\",\"signal\":%d", signo);
	end(j, text);
}

static _Noreturn void hang(void)
{
	for (;;)
		pause();
}

static void play_cat(int j)
{
	struct {
		uint32_t job;
		uint16_t stream, zero;
		uint32_t len;
	} head;
	static char data[FRAME];

	for (;;) {
		size_t got = 0;

		while (got < 12) {
			ssize_t n = read(io, (char *)&head + got, 12 - got);

			if (n <= 0)
				_exit(1);
			got += n;
		}
		if (head.len > FRAME || head.zero || head.stream || (int)head.job != j)
			_exit(3);
		if (!head.len)
			break;
		for (got = 0; got < head.len;) {
			ssize_t n = read(io, data + got, head.len - got);

			if (n <= 0)
				_exit(1);
			got += n;
		}
		frame(j, 1, data, head.len);
	}
	end_exit(j, 0);
}

static void play_flood(int j, int mib)
{
	static char data[FRAME];

	memset(data, 'x', sizeof data);
	for (int i = 0; i < mib * 16; i++)
		frame(j, 1, data, FRAME);
	end_exit(j, 0);
}

/* Waits for a signal from the host; with "deaf" it stays without effect. */
static void play_wait(int j, bool deaf)
{
	char line[256];
	size_t len = 0;
	int job, signo;

	print(j, 1, "waiting\n");
	while (len < sizeof line - 1 && read(ctl, line + len, 1) == 1) {
		if (line[len++] != '\n')
			continue;
		line[len] = 0;
		len = 0;
		if (deaf)
			continue;
		if (!strncmp(line, "quit", 4)) {
			end(j, "\"outcome\":\"cancelled\"");
			return;
		}
		if (sscanf(line, "signal %d %d", &job, &signo) == 2 && job == j) {
			end_signal(j, signo);
			return;
		}
	}
	_exit(1);
}

static void play_crime(int j, const char *what)
{
	if (!strcmp(what, "segv"))
		end(j, "\"outcome\":\"signalled\",\"signal\":11,\"signal_code\":\"SEGV_MAPERR\","
		       "\"fault_addr\":\"0x10\",\"fault_pc\":\"0x10452\","
		       "\"cause\":\"store to unmapped memory\"");
	else if (!strcmp(what, "enosys"))
		end(j, "\"outcome\":\"exited\",\"code\":1,\"last_errors\":[{\"syscall\":\"openat\","
		       "\"path\":\"/etc/x\",\"errno\":2},{\"syscall\":\"io_uring_setup\",\"errno\":38}]");
	else if (!strcmp(what, "missing"))
		end(j, "\"outcome\":\"exited\",\"code\":1,\"last_errors\":[{\"syscall\":\"openat\","
		       "\"path\":\"/etc/x\",\"errno\":2}]");
	else if (!strcmp(what, "hostile-text"))
		end(j, "\"outcome\":\"signalled\",\"signal\":11,\"signal_code\":\"SEGV_X\",\"cause\":\"a\\u001b[31m<&\\\"'b\\u0000\","
		       "\"fault_addr\":\"]]>\"");
	else if (!strcmp(what, "hostile-numbers"))
		end(j, "\"outcome\":\"exited\",\"code\":-1e400,\"wall_ns\":1e300,\"faults\":\"no\"");
	else
		end(j, "\"outcome\":\"whatever\"");
}

static void play_garbage(int j, const char *what)
{
	static char noise[1 << 16];

	memset(noise, 0xa5, sizeof noise);
	if (!strcmp(what, "garbage-io"))
		send_all(io, noise, sizeof noise);
	else if (!strcmp(what, "garbage-ctl"))
		event("this is not JSON");
	else if (!strcmp(what, "deep-json")) {
		memset(noise, '[', sizeof noise);
		noise[sizeof noise - 1] = 0;
		event(noise);
	} else if (!strcmp(what, "long-line"))
		for (int i = 0; i < 64; i++)
			send_all(ctl, noise, sizeof noise);
	else if (!strcmp(what, "wrong-job")) {
		frame(77, 1, "lost", 4);
		event("{\"event\":\"start\",\"job\":4000000000}");
		event("{\"event\":\"end\",\"job\":-3,\"outcome\":\"exited\",\"code\":0}");
		event("{\"event\":\"end\",\"outcome\":\"exited\",\"code\":0}");
	} else if (!strcmp(what, "twice"))
		end_exit(j, 5);
	end_exit(j, 0);
}

static void play_late(int j, bool never)
{
	jobs[j].frames = 1;
	end_exit(j, 0);
	if (!never) {
		usleep(50000);
		print(j, 1, "late\n");
	}
}

static void play_panic(void)
{
	logline("panic: the world is flat\nat core/world.c:1\n");
	event("{\"event\":\"panic\",\"message\":\"the world is flat\"}");
	_exit(PANIC);
}

static void play_half_frame(void)
{
	send_all(io, "\0\0\0\0\1\0\0\0\20\0\0\0abc", 15);
	_exit(0);
}

static void dump_job(int j)
{
	for (int i = 0; i < jobs[j].nkeys; i++) {
		print(j, 1, jobs[j].keys[i]);
		print(j, 1, "\n");
	}
	end_exit(j, 0);
}

static void dump_archive(int j)
{
	for (size_t at = 0; at < archive_size; at += FRAME)
		frame(j, 1, archive + at, archive_size - at < FRAME ? archive_size - at : FRAME);
	end_exit(j, 0);
}

static bool play_plain(int j, const char *what, char **args)
{
	if (!strcmp(what, "exit"))
		end_exit(j, atoi(args[0]));
	else if (!strcmp(what, "signal"))
		end_signal(j, atoi(args[0]));
	else if (!strcmp(what, "print"))
		print(j, 1, args[0]), end_exit(j, 0);
	else if (!strcmp(what, "error"))
		print(j, 2, args[0]), end_exit(j, 1);
	else if (!strcmp(what, "both"))
		print(j, 1, "out\n"), print(j, 2, "err\n"), print(j, 3, "write(1) = 4\n"),
			end_exit(j, 0);
	else if (!strcmp(what, "binary"))
		frame(j, 1, "\xff\x00\x01<&>\x1b[31m\n", 12), end_exit(j, 1);
	else if (!strcmp(what, "timeout") || !strcmp(what, "oom") || !strcmp(what, "noexec") ||
		 !strcmp(what, "notfound") || !strcmp(what, "denied")) {
		char text[64];

		snprintf(text, sizeof text, "\"outcome\":\"%s\",\"errno\":2", what);
		end(j, text);
	} else
		return false;
	return true;
}

static void play(int j)
{
	static char *nothing[] = { "0", NULL };
	char **args = jobs[j].nargs > 2 ? jobs[j].args + 2 : nothing;
	const char *what = jobs[j].nargs > 1 ? jobs[j].args[1] : "exit";

	if (play_plain(j, what, args))
		return;
	if (!strcmp(what, "cat"))
		play_cat(j);
	else if (!strcmp(what, "flood"))
		play_flood(j, atoi(args[0]));
	else if (!strcmp(what, "wait") || !strcmp(what, "deaf"))
		play_wait(j, *what == 'd');
	else if (!strcmp(what, "late") || !strcmp(what, "never"))
		play_late(j, *what == 'n');
	else if (!strcmp(what, "panic"))
		play_panic();
	else if (!strcmp(what, "panic-silent"))
		_exit(PANIC);
	else if (!strcmp(what, "half-frame"))
		play_half_frame();
	else if (!strcmp(what, "die"))
		fprintf(stderr, "qemu-system-riscv64: something broke\n"), _exit(1);
	else if (!strcmp(what, "stop"))
		_exit(0);
	else if (!strcmp(what, "killed"))
		kill(getpid(), SIGKILL);
	else if (!strcmp(what, "hang"))
		hang();
	else if (!strcmp(what, "jobspec"))
		dump_job(j);
	else if (!strcmp(what, "archive"))
		dump_archive(j);
	else if (strstr("garbage-io garbage-ctl deep-json long-line wrong-job twice", what))
		play_garbage(j, what);
	else
		play_crime(j, what);
}

static void play_all(void)
{
	char line[128];

	for (int first = 0; first < njobs; first += slots) {
		int last = first + slots < njobs ? first + slots : njobs;

		for (int j = first; j < last; j++) {
			snprintf(line, sizeof line, "{\"event\":\"start\",\"job\":%d,\"pid\":%d}",
				j, j + 1);
			if (jobs[j].nargs < 2 || strcmp(jobs[j].args[1], "notfound"))
				event(line);
		}
		for (int j = last - 1; j >= first; j--)
			play(j);
	}
}

static void parse_jobs(char *list, size_t size)
{
	struct job *job = jobs;

	for (size_t at = 0; at < size && njobs < JOBS_MAX; at += strlen(list + at) + 1) {
		char *text = list + at;

		if (!*text) {
			job = &jobs[++njobs];
			continue;
		}
		if (job->nkeys < ARGS_MAX)
			job->keys[job->nkeys++] = text;
		if (!strncmp(text, "arg=", 4) && job->nargs < ARGS_MAX)
			job->args[job->nargs++] = text + 4;
	}
}

static size_t field(const char *header, int index)
{
	char digits[9] = { 0 };

	memcpy(digits, header + 6 + 8 * index, 8);
	return strtoul(digits, NULL, 16);
}

static void parse_archive(void)
{
	size_t at = 0;

	while (at + 110 <= archive_size && !memcmp(archive + at, "070701", 6)) {
		size_t size = field(archive + at, 6), name = field(archive + at, 11);
		size_t data = (at + 110 + name + 3) & ~(size_t)3;

		if (data + size > archive_size)
			_exit(4);
		if (size >= 4096 && data % 4096)
			_exit(5);
		if (!strcmp(archive + at + 110, ".weir/jobs"))
			parse_jobs(archive + data, size);
		at = (data + size + 3) & ~(size_t)3;
	}
}

static void read_archive(void)
{
	int fd = open(archive_path, O_RDONLY);

	if (fd < 0)
		_exit(6);
	archive_size = lseek(fd, 0, SEEK_END);
	archive = malloc(archive_size + 1);
	if (pread(fd, archive, archive_size, 0) != (ssize_t)archive_size)
		_exit(6);
	archive[archive_size] = 0;
	parse_archive();
}

static int fd_after(const char *text, const char *id)
{
	const char *fd = strstr(text, "fd=");

	return strstr(text, id) && fd ? atoi(fd + 3) : -1;
}

static void parse_word(char *option, char *value)
{
	char *file = strstr(value, "loader,file=");

	if (!strcmp(option, "-chardev")) {
		ctl = ctl < 0 ? fd_after(value, "id=ctl") : ctl;
		io = io < 0 ? fd_after(value, "id=io") : io;
		logfd = logfd < 0 ? fd_after(value, "id=log") : logfd;
	} else if (!strcmp(option, "-initrd")) {
		archive_path = value;
	} else if (!strcmp(option, "-device") && file) {
		archive_path = strndup(file + 12, strcspn(file + 12, ","));
	} else if (!strcmp(option, "-append") && strstr(value, "slots=")) {
		slots = atoi(strstr(value, "slots=") + 6);
		timeline = strstr(value, " timeline");
	}
}

static int write_kernel(const char *path)
{
	struct {
		Elf64_Ehdr header;
		Elf64_Phdr load;
	} k = {
		.header = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = ET_EXEC,
			.e_machine = EM_RISCV,
			.e_version = 1,
			.e_entry = 0x80200000,
			.e_phoff = sizeof(Elf64_Ehdr),
			.e_ehsize = sizeof(Elf64_Ehdr),
			.e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1 },
		.load = { .p_type = PT_LOAD,
			.p_vaddr = 0x80200000,
			.p_paddr = 0x80200000,
			.p_filesz = sizeof k,
			.p_memsz = 0x40000 },
	};
	FILE *to = fopen(path, "w");

	return !to || fwrite(&k, sizeof k, 1, to) != 1 || fclose(to);
}

/* Tracepoints of two harts, the later ones first; and some that no kernel writes. */
static void send_timeline(void)
{
	event("{\"event\":\"timeline\",\"hart\":1,\"lost\":7,\"records\":"
	      "\"1,2000,0,ffffffc080000100,6873;7,3000,5,fffffffffffffffe,5;2,4000,0,0,0\"}");
	event("{\"event\":\"timeline\",\"hart\":0,\"lost\":0,\"records\":"
	      "\"a,100,5,ffffffc080000100,5;b,101,5,6873,0;d,200,0,0,0;1,300,0,ffffffc080000100,6873;"
	      "3,380,0,ffffffc080000100,0;4,400,5,0,0;5,500,0,0,0;6,600,5,openat,5;8,700,5,1000,5;9,800,5,0,5;"
	      "c,900,5,0,5;e,a00,0,0,0\"}");
	event("{\"event\":\"timeline\",\"hart\":0,\"records\":\";;,;6,1;99,1,1,1,1;6,1,1,\\\"},5;x;"
	      "b,1,1,ff5c22ffffffffff,ffffffffffffffff;d,1,ffffffff,0,0\"}");
	event("{\"event\":\"timeline\",\"hart\":99,\"records\":\"2,1,0,0,0\"}");
	event("{\"event\":\"timeline\",\"hart\":\"x\",\"records\":[1]}");
}

static void misbehave_early(void)
{
	const char *how = getenv("FAKE");

	if (!how)
		return;
	if (!strcmp(how, "silent"))
		hang();
	if (!strcmp(how, "die"))
		fprintf(stderr, "qemu-system-riscv64: cannot set up guest memory\n"), _exit(1);
	if (!strcmp(how, "panic"))
		logline("panic: no memory\n"), _exit(PANIC);
	if (!strcmp(how, "idle"))
		event("{\"event\":\"ready\",\"harts\":1}"), hang();
}

#define READY \
	"{\"event\":\"ready\",\"harts\":1,\"memory_bytes\":134217728,\"free_bytes\":130000000," \
	"\"boot_ns\":1000000,\"boot_instructions\":500000,\"jobs\":1"

static bool is_homeless(void)
{
	return getenv("FAKE") && !strcmp(getenv("FAKE"), "homeless");
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "--kernel"))
		return write_kernel(argv[2]);
	for (int i = 1; i + 1 < argc; i++)
		parse_word(argv[i], argv[i + 1]);
	logline("\nOpenSBI v1.1\n   ____\n\nBoot HART MEDELEG         : 0xb1\n");
	misbehave_early();
	read_archive();
	event(is_homeless() ? READY ",\"homeless\":3}" : READY "}");
	logline("weir: hello from the log\n");
	if (timeline)
		send_timeline();
	play_all();
	event("{\"event\":\"done\",\"failed\":0}");
	return 0;
}
