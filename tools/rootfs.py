#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""rootfs.py BUSYBOX DIRECTORY: a root file system with busybox and a link for each applet.

The applets' names are read from the program itself: it keeps them as one sorted run of strings.
"""
import os
import re
import shutil
import sys

FILES = {
    'etc/passwd': 'root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/bin/false\n',
    'etc/group': 'root:x:0:\ntty:x:5:\nnogroup:x:65534:\n',
    'etc/hostname': 'weir\n',
}


def applets(path):
    data = open(path, 'rb').read()
    runs = re.findall(rb'(?:[a-z0-9_.\[-]+\0){100,}', data)
    return max(runs, key=len).decode().split('\0')[:-1]


def main(busybox, root):
    tmp = root + '.new'
    shutil.rmtree(tmp, ignore_errors=True)
    for d in ('bin', 'dev', 'etc', 'proc', 'root', 'tmp', 'var/tmp'):
        os.makedirs(f'{tmp}/{d}')
    os.chmod(f'{tmp}/tmp', 0o1777)
    shutil.copy(busybox, f'{tmp}/bin/busybox')
    os.chmod(f'{tmp}/bin/busybox', 0o755)
    for name in applets(busybox):
        if name != 'busybox':
            os.symlink('busybox', f'{tmp}/bin/{name}')
    for name, text in FILES.items():
        with open(f'{tmp}/{name}', 'w') as f:
            f.write(text)
    shutil.rmtree(root, ignore_errors=True)
    os.rename(tmp, root)


if __name__ == '__main__':
    main(*sys.argv[1:])
