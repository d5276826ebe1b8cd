/* SPDX-License-Identifier: MIT */
/* unix.c: unix sockets: pairs, names, connections, descriptors and credentials, shutdown, poll, errors. */
#include <poll.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include "check.h"

static int s[2];
static char buf[300000];

static void events(int fd)
{
	struct pollfd p = { fd, POLLIN | POLLOUT | POLLRDHUP | POLLPRI, 0 };

	poll(&p, 1, 0);
	printf("  events %x\n", p.revents);
	fflush(stdout);
}

static void pair(const char *what, int type)
{
	title(what);
	if (socketpair(AF_UNIX, type, 0, s))
		exit(1);
}

static void done(void)
{
	close(s[0]);
	close(s[1]);
}

static void text(long n)
{
	printf("  %ld \"%.*s\"\n", n, n > 0 ? (int)n : 0, buf);
	fflush(stdout);
}

static void pairs(int type)
{
	pair(type == SOCK_STREAM ? "stream pair" : type == SOCK_DGRAM ? "datagram pair" : "seqpacket pair", type);
	events(s[0]);
	show(write(s[0], "hello", 5));
	show(send(s[0], "world", 5, 0));
	events(s[1]);
	text(recv(s[1], buf, 3, MSG_PEEK));
	text(recv(s[1], buf, 3, 0));
	text(recv(s[1], buf, 100, MSG_DONTWAIT));
	text(recv(s[1], buf, 100, MSG_DONTWAIT));
	show(recv(s[1], buf, 100, MSG_DONTWAIT));
	show(write(s[0], "abcdef", 6));
	show(recv(s[1], buf, 2, MSG_TRUNC | MSG_DONTWAIT));
	recv(s[1], buf, 100, MSG_DONTWAIT);
	show(send(s[0], "", 0, 0));
	show(recv(s[1], buf, 10, MSG_DONTWAIT));
	show(shutdown(s[0], SHUT_WR));
	events(s[0]);
	events(s[1]);
	show(send(s[0], "x", 1, MSG_NOSIGNAL));
	if (type != SOCK_DGRAM)
		show(read(s[1], buf, 10));
	show(send(s[1], "back", 4, MSG_NOSIGNAL));
	text(read(s[0], buf, 10));
	show(shutdown(s[0], SHUT_RD));
	events(s[0]);
	events(s[1]);
	show(send(s[1], "x", 1, MSG_NOSIGNAL));
	show(shutdown(s[0], 7));
	close(s[0]);
	events(s[1]);
	show(send(s[1], "x", 1, MSG_NOSIGNAL));
	show(recv(s[1], buf, 1, MSG_DONTWAIT));
	close(s[1]);
	pair("closing with something unread", type);
	write(s[0], "x", 1);
	write(s[1], "x", 1);
	close(s[0]);
	events(s[1]);
	show(read(s[1], buf, 10));
	if (type != SOCK_DGRAM) {
		show(read(s[1], buf, 10));
		show(read(s[1], buf, 10));
	}
	done();
}

static void much(void)
{
	long in = 0, out = 0, r;

	pair("much", SOCK_STREAM | SOCK_NONBLOCK);
	while ((r = write(s[0], buf, 5000)) > 0)
		in += r;
	show(write(s[0], buf, 1));
	printf("  %d\n", in > 100000);
	events(s[0]);
	while ((r = read(s[1], buf, 7000)) > 0)
		out += r;
	printf("  all there: %d\n", in == out);
	events(s[0]);
	done();
	pair("a reader and a writer", SOCK_STREAM);
	if (!fork()) {
		for (int i = 0; i < 300000; i++)
			buf[i] = i % 251;
		for (int i = 0; i < 3; i++)
			write(s[0], buf, 300000);
		_exit(0);
	}
	close(s[0]);
	long sum = 0, n = 0;
	unsigned char b[1234];
	while ((r = read(s[1], b, sizeof(b))) > 0) {
		for (int i = 0; i < r; i++)
			sum += b[i] * (n + i & 15);
		n += r;
	}
	printf("  %ld bytes, %ld\n", n, sum);
	wait(NULL);
	close(s[1]);
	pair("waiting for all", SOCK_STREAM);
	if (!fork()) {
		for (int i = 0; i < 5; i++) {
			nap(5);
			write(s[0], "abcd", 4);
		}
		_exit(0);
	}
	text(recv(s[1], buf, 18, MSG_WAITALL));
	wait(NULL);
	done();
}

static socklen_t address(struct sockaddr_un *a, const char *name)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (*name == '@') {
		memcpy(a->sun_path + 1, name + 1, strlen(name) - 1);
		return 2 + strlen(name);
	}
	strcpy(a->sun_path, name);
	return sizeof(*a);
}

static void names(int fd)
{
	struct sockaddr_un a = { 0 };
	socklen_t n = sizeof(a);

	show(getsockname(fd, (void *)&a, &n));
	printf("  %d %d %s\n", n, a.sun_family, n > 2 ? a.sun_path + !a.sun_path[0] : "");
	n = sizeof(a);
	memset(&a, 0, sizeof(a));
	show(getpeername(fd, (void *)&a, &n));
	printf("  %d %d %s\n", n, a.sun_family, n > 2 ? a.sun_path + !a.sun_path[0] : "");
	fflush(stdout);
}

static void connection(const char *name, int type)
{
	struct sockaddr_un a, other;
	struct ucred c;
	struct stat st;
	socklen_t n = address(&a, name), m;

	title(name);
	int l = show_fd(socket(AF_UNIX, type | SOCK_CLOEXEC, 0)), c1, c2;
	c1 = socket(AF_UNIX, type, 0);
	show(connect(c1, (void *)&a, n));
	events(c1);
	show(listen(l, 5));
	show(bind(l, (void *)&a, n));
	show(bind(l, (void *)&a, n));
	c2 = socket(AF_UNIX, type, 0);
	show(bind(c2, (void *)&a, n));
	show(connect(c1, (void *)&a, n));
	show(listen(l, 1));
	events(l);
	show(accept4(l, NULL, NULL, 77));
	fcntl(l, F_SETFL, O_NONBLOCK);
	show(accept(l, NULL, NULL));
	show(connect(c1, (void *)&a, n));
	show(connect(c1, (void *)&a, n));
	events(l);
	events(c1);
	show(write(c1, "early", 5));
	m = sizeof(other);
	int s1 = show_fd(accept4(l, (void *)&other, &m, SOCK_NONBLOCK));
	printf("  %d %d\n", m, fcntl(s1, F_GETFL) & O_NONBLOCK);
	text(read(s1, buf, 100));
	show(read(s1, buf, 100));
	names(c1);
	names(s1);
	names(l);
	m = sizeof(c);
	show(getsockopt(c1, SOL_SOCKET, SO_PEERCRED, &c, &m));
	printf("  %d %d %d %d\n", m, c.pid == getpid(), c.uid, c.gid);
	int v;
	m = sizeof(v);
	show(getsockopt(l, SOL_SOCKET, SO_ACCEPTCONN, &v, &m));
	printf("  %d\n", v);
	show(getsockopt(l, SOL_SOCKET, SO_TYPE, &v, &m));
	printf("  %d\n", v);
	show(read(l, buf, 1));
	show(write(l, buf, 1));
	show(fstat(s1, &st));
	printf("  %o\n", st.st_mode);
	if (*name != '@' && !stat(name, &st))
		printf("  %o\n", st.st_mode);
	show(open(name, O_RDWR));
	fcntl(c2, F_SETFL, O_NONBLOCK);
	show(connect(c2, (void *)&a, n));
	close(c2);
	for (int i = 0; i < 4; i++) {
		c2 = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
		show(connect(c2, (void *)&a, n));
	}
	c2 = socket(AF_UNIX, (type == SOCK_STREAM ? SOCK_SEQPACKET : SOCK_STREAM) | SOCK_NONBLOCK, 0);
	show(connect(c2, (void *)&a, n));
	close(c2);
	close(l);
	events(c1);
	show(connect(c1, (void *)&a, n));
	close(s1);
	events(c1);
	close(c1);
	c1 = socket(AF_UNIX, type, 0);
	show(connect(c1, (void *)&a, n));
	show(unlink(name));
	show(connect(c1, (void *)&a, n));
	close(c1);
}

static void refused(void)
{
	struct sockaddr_un a;
	socklen_t n = address(&a, "abandoned"), m;
	int v = 0;

	title("the listener goes");
	int l = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(l, (void *)&a, n);
	listen(l, 5);
	show(connect(c, (void *)&a, n));
	write(c, "x", 1);
	close(l);
	events(c);
	m = sizeof(v);
	getsockopt(c, SOL_SOCKET, SO_ERROR, &v, &m);
	printf("  %s\n", strerrorname_np(v));
	events(c);
	show(read(c, buf, 1));
	close(c);
	title("a blocked connect, a blocked accept");
	unlink("abandoned");
	l = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(l, (void *)&a, n);
	listen(l, 0);
	if (!fork()) {
		for (int i = 0; i < 3; i++) {
			c = socket(AF_UNIX, SOCK_STREAM, 0);
			if (connect(c, (void *)&a, n))
				_exit(1);
			write(c, "0123" + i, 1);
			close(c);
		}
		_exit(0);
	}
	for (int i = 0; i < 3; i++) {
		nap(10);
		c = accept(l, NULL, NULL);
		text(read(c, buf, 10));
		close(c);
	}
	wait(&v);
	printf("  %d\n", v);
	close(l);
}

static void datagrams(void)
{
	struct sockaddr_un a, b, from;
	socklen_t n = address(&a, "one"), m = address(&b, "@two"), k;
	int one = socket(AF_UNIX, SOCK_DGRAM, 0), two = socket(AF_UNIX, SOCK_DGRAM, 0),
	    three = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	title("datagrams");
	show(sendto(three, "x", 1, 0, (void *)&a, n));
	show(bind(one, (void *)&a, n));
	show(bind(two, (void *)&b, m));
	show(sendto(one, "to two", 6, 0, (void *)&b, m));
	show(sendto(three, "anonymous", 9, 0, (void *)&b, m));
	k = sizeof(from);
	text(recvfrom(two, buf, 100, 0, (void *)&from, &k));
	printf("  %d %s\n", k, from.sun_path);
	k = sizeof(from);
	text(recvfrom(two, buf, 100, 0, (void *)&from, &k));
	printf("  %d\n", k);
	show(send(one, "x", 1, 0));
	show(connect(one, (void *)&b, m));
	show(send(one, "x", 1, 0));
	show(connect(two, (void *)&a, n));
	show(sendto(three, "x", 1, 0, (void *)&b, m));
	show(connect(three, (void *)&b, m));
	names(one);
	int i = 0;
	close(three);
	three = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	int four = socket(AF_UNIX, SOCK_DGRAM, 0);
	n = address(&a, "@four");
	bind(four, (void *)&a, n);
	connect(three, (void *)&a, n);
	while (send(three, "x", 1, 0) == 1)
		i++;
	printf("  %d %s\n", i, strerrorname_np(errno));
	events(three);
	recv(four, buf, 1, 0);
	events(three);
	close(four);
	events(three);
	show(send(three, "x", 1, 0));
	show(send(three, "x", 1, 0));
	show(send(one, buf, 250000, 0));
	a.sun_family = AF_UNSPEC;
	show(connect(one, (void *)&a, 2));
	show(send(one, "x", 1, 0));
	show(listen(one, 1));
	show(accept(one, NULL, NULL));
	show(recv(two, buf, 100, MSG_DONTWAIT));
	close(one);
	show(send(two, "x", 1, 0));
	events(two);
	close(two);
	close(three);
	unlink("one");
}

static ssize_t send_fds(int to, const int *fds, int n, const char *data)
{
	char control[CMSG_SPACE(sizeof(int) * 10)] = { 0 };
	struct iovec v = { (void *)data, strlen(data) };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control,
			    .msg_controllen = CMSG_SPACE(sizeof(int) * n) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * n);
	return sendmsg(to, &h, 0);
}

static int receive(int from, int *fds, size_t room, size_t bytes, int flags)
{
	char control[200] = { 0 };
	struct iovec v = { buf, bytes };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = room };
	long r = recvmsg(from, &h, flags);
	int n = 0;

	if (r < 0) {
		printf("  recvmsg: %s\n", strerrorname_np(errno));
		return 0;
	}
	printf("  %ld \"%.*s\" flags %x control %zu:", r, (int)r, buf, h.msg_flags, h.msg_controllen);
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c)) {
		printf(" %d/%zu", c->cmsg_type, c->cmsg_len);
		if (c->cmsg_type == SCM_RIGHTS) {
			n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
			memcpy(fds, CMSG_DATA(c), n * sizeof(int));
		} else if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred *u = (void *)CMSG_DATA(c);
			printf(" %d %d %d", u->pid == getpid(), u->uid, u->gid);
		}
	}
	printf("\n");
	fflush(stdout);
	return n;
}

static void rights(int type)
{
	int p[2], fds[10], n;

	pair("descriptors", type);
	if (pipe(p))
		exit(1);
	show(send_fds(s[0], p, 2, "two"));
	show(write(s[0], "plain", 5));
	n = receive(s[1], fds, 200, 3, MSG_CMSG_CLOEXEC);
	printf("  %d %d\n", n, n ? fcntl(fds[0], F_GETFD) : -1);
	write(fds[1], "through", 7);
	text(read(p[0], buf, 100));
	close(fds[0]);
	close(fds[1]);
	receive(s[1], fds, 200, 100, 0);
	write(s[0], "before ", 7);
	send_fds(s[0], p, 1, "with");
	write(s[0], " after", 6);
	for (int i = 0; i < 3; i++)
		for (n = receive(s[1], fds, 200, 100, MSG_DONTWAIT); n; n--)
			close(fds[n - 1]);
	send_fds(s[0], p, 2, "cut");
	for (n = receive(s[1], fds, CMSG_LEN(sizeof(int)), 100, 0); n; n--)
		close(fds[n - 1]);
	send_fds(s[0], p, 2, "none");
	receive(s[1], fds, 0, 100, 0);
	send_fds(s[0], p, 2, "peek");
	for (n = receive(s[1], fds, 200, 100, MSG_PEEK); n; n--)
		close(fds[n - 1]);
	for (n = receive(s[1], fds, 200, 2, 0); n; n--)
		close(fds[n - 1]);
	receive(s[1], fds, 200, 20, MSG_DONTWAIT);
	send_fds(s[0], p, 2, "read");
	text(read(s[1], buf, 2));
	text(recv(s[1], buf, 20, MSG_DONTWAIT));
	fds[0] = 999;
	show(send_fds(s[0], fds, 1, "bad"));
	close(p[0]);
	send_fds(s[0], p + 1, 1, "last writer's reader");
	close(p[1]);
	done();
	title("sockets in each other");
	for (int i = 0; i < 200; i++) {
		pair("x" + 1, type);
		send_fds(s[0], s, 2, "self");
		send_fds(s[1], s, 2, "self");
		done();
	}
}

static void credentials(void)
{
	int on = 1, fds[10];

	pair("credentials", SOCK_STREAM);
	show(setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)));
	write(s[0], "one", 3);
	write(s[0], "two", 3);
	receive(s[1], fds, 200, 3, 0);
	receive(s[1], fds, 200, 100, 0);
	char control[CMSG_SPACE(sizeof(struct ucred))] = { 0 };
	struct iovec v = { "me", 2 };
	struct msghdr h = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	struct ucred u = { getpid(), 7, 8 };

	*c = (struct cmsghdr){ CMSG_LEN(sizeof(u)), SOL_SOCKET, SCM_CREDENTIALS };
	memcpy(CMSG_DATA(c), &u, sizeof(u));
	show(sendmsg(s[0], &h, 0));
	receive(s[1], fds, 200, 100, 0);
	c->cmsg_len = 3;
	show(sendmsg(s[0], &h, 0));
	c->cmsg_len = CMSG_LEN(sizeof(u));
	c->cmsg_type = 99;
	show(sendmsg(s[0], &h, 0));
	c->cmsg_type = SCM_CREDENTIALS;
	if (!fork()) {
		setuid(1000);
		show(sendmsg(s[0], &h, 0));
		u = (struct ucred){ getpid(), 1000, 0 };
		memcpy(CMSG_DATA(c), &u, sizeof(u));
		show(sendmsg(s[0], &h, 0));
		_exit(0);
	}
	wait(NULL);
	receive(s[1], fds, 200, 100, 0);
	done();
}

static void options(void)
{
	struct timeval tv = { 0, 20000 };
	int v, on = 1;
	socklen_t n = sizeof(v);

	pair("options", SOCK_STREAM);
	int which[] = { SO_SNDBUF, SO_RCVBUF, SO_DOMAIN, SO_PROTOCOL, SO_ERROR, SO_REUSEADDR, SO_KEEPALIVE, 9999 };
	for (int i = 0; i < 8; i++) {
		n = sizeof(v);
		show(getsockopt(s[0], SOL_SOCKET, which[i], &v, &n));
		printf("  %d: %d %u\n", which[i], v, n);
	}
	show(setsockopt(s[0], SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
	show(getsockopt(s[0], SOL_SOCKET, SO_REUSEADDR, &v, &n));
	printf("  %d\n", v);
	show(setsockopt(s[0], SOL_SOCKET, SO_REUSEADDR, &on, 2));
	show(setsockopt(s[0], SOL_SOCKET, 9999, &on, sizeof(on)));
	show(setsockopt(s[0], 6, 1, &on, sizeof(on)));
	show(setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv)));
	show(read(s[0], buf, 1));
	show(recv(s[0], buf, 1, 0));
	show(ioctl(s[0], FIONREAD, &v));
	write(s[1], "four", 4);
	show(ioctl(s[0], FIONREAD, &v));
	printf("  %d\n", v);
	show(lseek(s[0], 0, SEEK_SET));
	show(ftruncate(s[0], 0));
	show(fsync(s[0]));
	done();
}

static void broken(int sig) { printf("  SIGPIPE\n"); }

static void hostile(void)
{
	struct sockaddr_un a;
	struct msghdr h = { 0 };

	title("bad arguments");
	show(socket(AF_INET6 + 100, SOCK_STREAM, 0));
	show(socket(AF_UNIX, 77, 0));
	show(socket(AF_UNIX, 9, 0));
	show(socket(AF_UNIX, SOCK_STREAM, 7));
	show(socketpair(AF_UNIX, SOCK_STREAM, 0, (int *)16));
	show(listen(0, 1));
	show(listen(99, 1));
	show(bind(open("/", O_PATH), (void *)&a, 2));
	pair("pair", SOCK_STREAM);
	show(bind(s[0], (void *)&a, 1));
	a.sun_family = AF_INET;
	show(bind(s[0], (void *)&a, 20));
	show(bind(s[0], (void *)&a, 200));
	show(sendmsg(s[0], NULL, 0));
	h.msg_iovlen = 5000;
	show(sendmsg(s[0], &h, 0));
	h = (struct msghdr){ .msg_control = (void *)16, .msg_controllen = 50 };
	show(sendmsg(s[0], &h, 0));
	h.msg_controllen = 1 << 30;
	show(sendmsg(s[0], &h, 0));
	show(send(s[0], NULL, 10, 0));
	show(sendto(s[0], "x", 1, 0, (void *)&a, 20));
	show(send(s[0], "x", 1, MSG_OOB | MSG_DONTWAIT) < 2);
	show(accept(s[0], NULL, NULL));
	show(listen(s[0], 1));
	show(getsockname(s[0], (void *)&a, (void *)16));
	done();
	signal(SIGPIPE, broken);
	pair("SIGPIPE", SOCK_STREAM);
	close(s[0]);
	show(write(s[1], "x", 1));
	show(send(s[1], "x", 1, 0));
	show(send(s[1], "x", 1, MSG_NOSIGNAL));
	close(s[1]);
	a.sun_family = AF_UNIX;
	strcpy(a.sun_path, "/no/such/place");
	int f = socket(AF_UNIX, SOCK_STREAM, 0);
	show(bind(f, (void *)&a, sizeof(a)));
	show(connect(f, (void *)&a, sizeof(a)));
	strcpy(a.sun_path, "/bin/sh");
	show(connect(f, (void *)&a, sizeof(a)));
	show(bind(f, (void *)&a, sizeof(a)));
	show(bind(f, (void *)&a, 2));
	show(read(f, buf, 1));
	show(write(f, buf, 1));
	show(recv(f, buf, 1, MSG_DONTWAIT));
	close(f);
}

static void many(void)
{
	struct mmsghdr m[3] = { 0 };
	struct iovec v[3];
	char b[3][8];

	pair("many messages", SOCK_DGRAM);
	for (int i = 0; i < 3; i++) {
		v[i] = (struct iovec){ "abcdef" + i, 6 - i };
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	show(sendmmsg(s[0], m, 3, 0));
	for (int i = 0; i < 3; i++)
		v[i] = (struct iovec){ b[i], 8 };
	show(recvmmsg(s[1], m, 3, MSG_WAITFORONE, NULL));
	for (int i = 0; i < 3; i++)
		printf("  %d %.*s\n", m[i].msg_len, m[i].msg_len, b[i]);
	show(recvmmsg(s[1], m, 3, MSG_DONTWAIT, NULL));
	done();
}

int main(void)
{
	pairs(SOCK_STREAM);
	pairs(SOCK_DGRAM);
	pairs(SOCK_SEQPACKET);
	much();
	connection("path", SOCK_STREAM);
	connection("@abstract", SOCK_STREAM);
	connection("packets", SOCK_SEQPACKET);
	refused();
	datagrams();
	rights(SOCK_STREAM);
	rights(SOCK_DGRAM);
	credentials();
	options();
	many();
	hostile();
}
