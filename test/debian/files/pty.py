#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""pty.py PROGRAM [ARG...] <SCRIPT: drives a program through a pseudo-terminal and prints what it shows.

Lines of the script: "> TEXT" types a line, "^X" a control character, "? REGEX" waits until what came since
the last wait matches.  At the end of the script the program must end, too.  Numbers of processes become N.
"""
import os
import pty
import re
import select
import sys
import time

LIMIT = 40
text, at = '', 0


def more(fd):
    global text
    if not select.select([fd], [], [], 1)[0]:
        return True
    try:
        data = os.read(fd, 4096)
    except OSError:
        return False
    text += data.decode(errors='replace').replace('\r', '')
    return bool(data)


def expect(fd, pattern):
    global at
    end = time.monotonic() + LIMIT
    while not (m := re.compile(pattern, re.M).search(text, at)):
        if time.monotonic() > end or not more(fd):
            print(text)
            sys.exit(f'never came: {pattern}')
    at = m.end()


pid, fd = pty.fork()
if pid == 0:
    os.environ['PS1'] = '\\n$ '
    os.execvp(sys.argv[1], sys.argv[1:])
for line in sys.stdin.read().splitlines():
    kind, rest = line[:1], line[1:].lstrip(' ')
    if kind == '?':
        expect(fd, rest)
    elif kind == '^':
        os.write(fd, bytes([ord(rest[0]) & 31]))
    elif kind == '>':
        os.write(fd, rest.encode() + b'\n')
while more(fd):
    pass
status = os.waitpid(pid, 0)[1]
print(re.sub(r'\b\d{2,}\b(?!\.)', 'N', text))
print('status', os.waitstatus_to_exitcode(status))
