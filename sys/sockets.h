/* SPDX-License-Identifier: MIT */
/* sockets.h: what the calls on sockets share. */
#pragma once
#include <string.h>
#include "net/socket.h"
#include "mem/user.h"

void socket_calls_init(void);
/* The socket @fd is, its file counted: 0, -EBADF, -ENOTSOCK. */
long socket_get(u64 fd, struct file **f, struct socket **s);
/* struct sockaddr of @len bytes from a program; and to one, with its length.  Start over. */
async long address_read(struct address *a, uaddr_t at, u32 len);
async long address_write(const struct address *a, uaddr_t at, uaddr_t len_at);
/* -EPIPE, and SIGPIPE to the calling thread (sys/file.c). */
long broken_pipe(void);
