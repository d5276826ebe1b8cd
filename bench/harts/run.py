#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py [LINE...]: the same operation on 1, 2, 4 and 8 harts (make bench-harts).

Instructions per operation, counted on all harts by a plugin of QEMU, and how much they grow; goals: own things
10 %, shared ones 50 %.  More harts than this host has idle cores wait for each other now and then.  Then the time on the wall with two harts, without -icount: goal 1.8 times the work of one, if
this host has two idle cores.
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, TOP + '/tools')
import rootfs

BUILD = os.path.join(TOP, os.environ.get('BUILD', 'build'))
TIMES = {'own_calls': 40000, 'own_faults': 2000, 'own_files': 4000, 'own_fork': 1000, 'own_pipe': 20000,
         'shared_pipe': 20000, 'shared_directory': 4000, 'shared_file': 20000, 'shared_lock': 20000}
HARTS = 1, 2, 4, 8


def weir(root, line, harts, times, *options):
    r = subprocess.run([TOP + '/weir', 'run', '--root', root, '-m', '512M', '--timeout', '120', '-c', str(harts), *options,
                        '/harts', line, str(harts), str(times)], stdin=subprocess.DEVNULL, text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=300)
    m = re.match(rf'{line} ([\d.]+)$', r.stdout.strip())
    if not m:
        sys.exit(f'bench-harts: {line} on {harts} harts: {r.stdout.strip() or r.returncode}')
    return float(m[1])


def instructions(root, line, harts):
    """Of one operation: a run with twice as many does so much more."""
    counts, qemu, totals = root + '/../counts', root + '/../qemu', []
    with open(qemu, 'w') as f:
        f.write(f'#!/bin/sh\nexec qemu-system-riscv64 "$@" -seed 1 -plugin file={BUILD}/profile/count.so,out={counts}\n')
    os.chmod(qemu, 0o755)
    for times in (TIMES[line], 2 * TIMES[line]):
        weir(root, line, harts, times, '--qemu', qemu)
        totals.append(sum(int(row.split()[1]) for row in open(counts)))
    return (totals[1] - totals[0]) / TIMES[line] / harts


def main():
    chosen = sys.argv[1:] or list(TIMES)
    with tempfile.TemporaryDirectory() as tmp:
        root = tmp + '/root'
        rootfs.main(BUILD + '/deps/busybox', root)
        shutil.copy(BUILD + '/bench/harts', root + '/harts')
        print(f'{"instructions on":18}' + ''.join(f'{n:>9}' for n in HARTS) + '   growth    wall of 2')
        for line in chosen:
            costs = [instructions(root, line, n) for n in HARTS]
            walls = [weir(root, line, n, TIMES[line] * 5) for n in (1, 2)]
            growth, goal = max(costs) / costs[0], 1.1 if line.startswith('own') else 1.5
            print(f'{line:18}' + ''.join(f'{c:9,.0f}' for c in costs) +
                  f'{growth:9.2f} {walls[0] / walls[1]:12.2f}   {"met" if growth <= goal else "missed"}', flush=True)


if __name__ == '__main__':
    main()
