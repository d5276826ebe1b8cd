# SPDX-License-Identifier: MIT
"""linux.py: runs a script under Debian's Linux in the same QEMU that runs Weir.

The script is /init of an initial RAM file system built from a directory; what it writes to
/dev/vport0p1 is the result.  Console and VirtIO over PCI are built into that kernel, so no
module is needed.
"""
import os
import stat
import subprocess
import sys
import tempfile


def newc(root, extra=()):
    """The files below root and (name, mode, bytes) of extra as a cpio archive owned by root."""
    out = bytearray()
    ino = 0

    def add(name, mode, data=b'', rdev=(0, 0)):
        nonlocal ino
        ino += 1
        name = name.encode() + b'\0'
        fields = (ino, mode, 0, 0, 1, 0, len(data), 0, 0, *rdev, len(name), 0)
        out.extend(b'070701' + b''.join(b'%08X' % f for f in fields) + name)
        out.extend(b'\0' * (-len(out) % 4))
        out.extend(data)
        out.extend(b'\0' * (-len(out) % 4))

    for where, dirs, files in os.walk(root):
        dirs.sort()
        for n in sorted(dirs + files):
            path = os.path.join(where, n)
            st = os.lstat(path)
            data = b''
            if stat.S_ISLNK(st.st_mode):
                data = os.readlink(path).encode()
            elif stat.S_ISREG(st.st_mode):
                data = open(path, 'rb').read()
            add(os.path.relpath(path, root), st.st_mode, data)
    for name, mode, data in extra:
        add(name, mode, data)
    add('dev/console', stat.S_IFCHR | 0o600, rdev=(5, 1))
    add('TRAILER!!!', 0)
    return bytes(out)


INIT = '''#!/bin/busybox sh
busybox mount -t proc proc /proc
busybox mount -t sysfs sysfs /sys
busybox mount -t devtmpfs dev /dev
busybox mount -t tmpfs tmpfs /tmp
busybox mkdir -p /dev/pts
busybox mount -t devpts -o gid=5,mode=620 devpts /dev/pts
busybox ln -s /proc/self/fd /dev/fd
for n in stdin stdout stderr; do busybox ln -s fd/$((i++)) /dev/$n; done
'''


def run(kernel, root, script, extra=(), args=(), append='', timeout=600, log=None, memory='512M'):
    """Boot kernel on root, run the shell script, return what it wrote to /dev/vport0p1."""
    with tempfile.TemporaryDirectory() as tmp:
        initrd, result = f'{tmp}/initrd', f'{tmp}/result'
        init = (INIT + script + '\nbusybox poweroff -f\n').encode()
        with open(initrd, 'wb') as f:
            f.write(newc(root, [('init', stat.S_IFREG | 0o755, init), ('sys', stat.S_IFDIR | 0o755, b''), *extra]))
        cmd = ['qemu-system-riscv64', '-M', 'virt', '-m', memory, '-display', 'none', '-monitor', 'none',
               '-no-reboot', '-serial', f'file:{log or tmp + "/log"}', '-kernel', kernel, '-initrd', initrd,
               '-append', 'console=ttyS0 panic=-1 quiet ' + append,
               '-device', 'virtio-serial-pci', '-chardev', f'file,id=c,path={result}',
               '-device', 'virtserialport,chardev=c,name=result', *args]
        subprocess.run(cmd, stdin=subprocess.DEVNULL, timeout=timeout, check=True)
        data = open(result, 'rb').read()
        if not data:
            sys.exit('Linux left no result; its console:\n' + open(log or f'{tmp}/log', errors='replace').read()[-2000:])
        return data
