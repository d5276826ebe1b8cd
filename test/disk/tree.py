#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tree.py DIR [small]: a tree of files with what file systems find hard: sizes around every limit of block maps
and extents, holes, many extents, names at the limit, links.  tree.py directory FILE: its blocks of 1 KiB with 20,000 names of inode 12, if it is inode 13."""
import os
import random
import struct
import sys



def directory(path):
    """Blocks with room for checksums, which are e2fsck's to fill in.  mke2fs itself would need minutes."""
    room, blocks = 1024 - 12, [[]]
    for ino, name, kind in [(13, b'.', 2), (2, b'..', 2)] + [(12, b'name-%d' % (i * 7919), 1) for i in range(20000)]:
        size = (8 + len(name) + 3) & ~3
        if sum(e[1] for e in blocks[-1]) + size > room:
            blocks.append([])
        blocks[-1].append([ino, size, len(name), kind, name])
    with open(path, 'wb') as f:
        for block in blocks:
            block[-1][1] += room - sum(e[1] for e in block)
            for e in block:
                f.write(struct.pack('<IHBB', *e[:4]) + e[4].ljust(e[1] - 8, b'\0'))
            f.write(struct.pack('<IHBBI', 0, 12, 0, 0xde, 0))


top = sys.argv[1]
rnd = random.Random(4)
if top == 'directory':
    directory(sys.argv[2])
    sys.exit()


def put(name, *pieces, size=None):
    """Pieces are (offset, bytes)."""
    with open(os.path.join(top, name), 'wb') as f:
        for at, data in pieces:
            f.seek(at)
            f.write(data)
        if size is not None:
            f.truncate(size)
    os.utime(os.path.join(top, name), (1600000000 + len(name), 1500000000 + len(name)))


def link(text, name):
    os.symlink(text, os.path.join(top, name))


os.makedirs(top + '/a/b/c/d')
os.makedirs(top + '/empty')
for n in (0, 1, 59, 60, 61, 100, 150, 160, 200, 1023, 1024, 1025, 4095, 4096, 4097, 12288, 12289, 49153, 65536):
    put('size%d' % n, (0, rnd.randbytes(n)))
put('a/large', (0, rnd.randbytes(1500000)))
put('a/b/end', (0, b'x'), (300000, rnd.randbytes(3000)), (5 << 20, rnd.randbytes(70000)), size=(6 << 20) + 17)
if 'small' not in sys.argv:
    put('a/b/far', (70 << 20, rnd.randbytes(5000)), (90 << 20, b'far'))
put('a/b/c/pieces', *[(i * 8192, rnd.randbytes(3000)) for i in range(700)])
put('a/b/c/hole', size=123456)
put('a/b/c/d/deep', (0, b'deep\n'))
os.chmod(top + '/a/b/c/d/deep', 0o4751)
for n in (1, 59, 60, 61, 200, 1000):
    link('t' * (n - n // 50) + '/' * (n // 50), 'link%d' % n)
link('a/b/c/d/deep', 'there')
os.link(top + '/a/large', top + '/hard')
os.mkdir(top + '/names')
for n in ('n' * 255, 'm' * 254, '\u00e4\u00f6' * 60, 'a b', '-', '...', '\\', '\x01\x7f'):
    put('names/' + n, (0, n.encode()))
for i in range(40):
    put('names/%s%d' % ('long' * 30, i), (0, b'%d' % i))
