#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""profile.py LINE [FUNCTION]: where the instructions of one operation of a benchmark line go.

Runs the line with n and with 2n operations under a QEMU plugin that counts every instruction; the
difference, divided by n, is one operation: boot, set-up and end cancel out.  With a function's name
its instructions are listed one by one.
"""
import bisect
import os
import re
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(TOP, os.environ.get('BUILD', 'build'))
OUT = os.path.join(TOP, os.environ.get('OUT', 'build/riscv64-release'))
KERNEL = 1 << 63
FIRMWARE = range(0x80000000, 0x80100000)


def run(line, n, tmp):
    """Address -> count of one run."""
    counts = f'{tmp}/counts'
    qemu = tmp + '/qemu'
    with open(qemu, 'w') as f:
        f.write(f'#!/bin/sh\nexec qemu-system-riscv64 "$@" -seed 1 -plugin file={BUILD}/profile/insn.so,out={counts}\n')
    os.chmod(qemu, 0o755)
    r = subprocess.run([TOP + '/weir', 'run', '--icount', '-m', '256M', '--kernel', OUT + '/weir.elf', '--qemu', qemu,
                        '--append', os.environ.get('APPEND', 'noaslr seed=1'), '--', BUILD + '/bench/bench', '--count', str(n), line],
                       stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    if r.returncode or ' - ' in r.stdout:
        sys.exit(f'profile: {line} failed: {r.stdout}{r.stderr}')
    with open(counts) as f:
        return {int(a, 16): int(c) for a, c in map(str.split, f)}


def symbols():
    rows = []
    for row in open(OUT + '/weir.sym'):
        m = re.match(r'([0-9a-f]+) (?:[0-9a-f]+ )?[tTwW] (\S+)', row)
        if m and not m[2].startswith(('.L', '$')):
            rows.append((int(m[1], 16), m[2]))
    return sorted(rows)


def main(line, function=None):
    n = int(os.environ.get('COUNT', '1000'))
    with tempfile.TemporaryDirectory() as tmp:
        few, many = run(line, n, tmp), run(line, 2 * n, tmp)
    each = {a: (c - few.get(a, 0)) / n for a, c in many.items()}
    table = symbols()
    starts = [a for a, _ in table]
    by_function = {}
    for a, c in each.items():
        name = '(firmware)' if a in FIRMWARE else '(program)'
        if a >= KERNEL:
            name = table[max(bisect.bisect(starts, a) - 1, 0)][1]
        by_function[name] = by_function.get(name, 0) + c
    if function:
        inside = False
        for row in open(OUT + '/weir.dis'):
            if m := re.match(r'[0-9a-f]+ <(\S+)>:', row):
                inside = m[1] == function
            if inside:
                m = re.match(r'([0-9a-f]+):\t', row)
                print(f'{each.get(int(m[1], 16), 0) if m else 0:9.2f}  {row}', end='')
        return
    print(f'{line}: {sum(by_function.values()):.1f} instructions an operation')
    for name, c in sorted(by_function.items(), key=lambda x: -x[1]):
        if abs(c) >= 0.05:
            print(f'{c:10.1f}  {name}')


if __name__ == '__main__':
    if len(sys.argv) < 2:
        sys.exit('usage: make profile LINE=null [FN=function]')
    main(*sys.argv[1:])
