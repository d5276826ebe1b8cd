/* SPDX-License-Identifier: MIT */
/* pty.h: pseudo-terminals, for the device table and the calls that open them. */
#pragma once
#include "fs/files.h"

struct inode;
struct tty;
long pty_devices_add(void);
bool pty_is_slave(u32 rdev);			/* a node in /dev/pts */
long pty_open_slave(struct inode *ip, struct file *f);
/* A file for the terminal of master @f (TIOCGPTPEER); -ENOTTY: it is none. */
long pty_open_peer(struct file *f, u32 flags, struct file **out);
struct tty *pty_of_session(s32 sid);		/* counted, or NULL */
