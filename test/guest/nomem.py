#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""nomem.py [-n ROUNDS] [-e EVERY] [-k WORD]: allocations that fail.  Runs each program below again and again
under the checked kernel, and lets another allocation of the kernel fail each time (fail-alloc=N,step=K), with
-e each EVERY-th after it, too.  The program may end as it likes, but the kernel goes on, and no frame and no
byte of the heap is missing.  ROUNDS runs of each program are spread over all allocations that it makes; 0: one
for each.  Prints TAP.
"""
import argparse
import glob
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import guest

KERNEL = f'{guest.BUILD}/{guest.ARCH}-debug/weir.elf'
PROGRAMS = {
    'shell': "sh -c 'seq 10 | sort | wc -l; (sleep 0.001 & wait); trap : TERM; kill -TERM $$'",
    'archive': "sh -c 'cd /tmp; rm -rf a; mkdir a; seq 99 >a/f; ln a/f a/g; ln -s f a/h; tar cf - a | gzip | gunzip | tar tf -; mv a b; rm -r b'",
    'proc': "sh -c 'ps; cat /proc/meminfo /proc/self/maps /proc/self/stat /proc/mounts; ls -l /proc/self/fd /proc/self/task; find /proc/weir /sys'",
    'mounts': "sh -c 'mkdir -p /tmp/m; mount -t tmpfs x /tmp/m && (echo x >/tmp/m/f; mkdir -p /tmp/m/d/e; umount /tmp/m)'",
    'files': 'files', 'pipes': 'pipes', 'forks': 'forks', 'signals': 'signals', 'threads': 'threads',
    'words': "sh -c 'tr a-z A-Z </root/poem.txt | sort | uniq -c | awk \"{ n += \\$1 } END { print n }\"; dd if=/dev/zero of=/tmp/z bs=64k count=4; rm /tmp/z'",
    'stress-ring': '/bin/stress ring 2', 'stress-signals': '/bin/stress signals 20', 'stress-threads': '/bin/stress threads 4',
    'stress-forks': '/bin/stress forks 1', 'stress-kills': '/bin/stress kills 1', 'stress-maps': '/bin/stress maps 2',
    'stress-copies': '/bin/stress copies 1', 'stress-protects': '/bin/stress protects 4', 'stress-names': '/bin/stress names 4',
    'stress-records': '/bin/stress records 4', 'stress-messages': '/bin/stress messages 8',
    'stress-descriptors': '/bin/stress descriptors 2', 'calls': 'fuzz-calls 7 4 60', 'programs': 'fuzz-exec 7 8',
}

# All but these notice what fails and end; these may wait for a child that there is not, until they are killed.
CAREFUL = 'shell', 'archive', 'proc', 'mounts', 'words'


def programs():
    """Those above, and the ones of the oracle."""
    cases = sorted(os.path.basename(p) for p in glob.glob(f'{guest.BUILD}/oracle/programs/*'))
    return PROGRAMS | {'case-' + p: f"sh -c 'rm -rf /tmp/w; mkdir /tmp/w; cd /tmp/w; /cases/{p}'" for p in cases}


def batch(tmp, root, name, line, rounds, how):
    """Reports of @rounds runs, and what weir said."""
    jobs, report = f'{tmp}/{name}.jobs', f'{tmp}/{name}.json'
    with open(jobs, 'w') as f:
        f.writelines(f'@name={name}-{i} @expect=any @timeout={60 if name in CAREFUL else 2} {line}\n' for i in range(rounds))
    cmd = [guest.TOP + '/weir', 'batch', '--root', root, '-e', 'PATH=/bin', '-m', '128M', '--log', 'info', '--kernel', KERNEL,
           '--append', 'seed=1 fail-alloc=' + how, '--report', 'json=' + report, jobs]
    try:
        r = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1200)
        said = r.stdout.decode(errors='replace')
    except subprocess.TimeoutExpired:
        return [], 'weir hangs'
    rows = [json.loads(row) for row in open(report)] if os.path.exists(report) else []
    return [row for row in rows if row['type'] == 'job'], said


def calls_of(said, n):
    """Who was refused allocation @n."""
    m = re.search(rf'allocation {n} fails\s*\n((?: 0x[0-9a-f]+)+)', said)
    return subprocess.run([os.environ.get('CROSS', 'riscv64-linux-gnu-') + 'addr2line', '-fipse', KERNEL, *m[1].split()],
                          stdout=subprocess.PIPE).stdout.decode().splitlines() if m else []


def wrong(row):
    """What is wrong with a report, or nothing."""
    if row['outcome'] in ('notrun', 'panic') or row['outcome'] == 'timeout' and row['name'].rpartition('-')[0] in CAREFUL:
        return row['outcome']
    return '; '.join(f'{k}: {row[k]}' for k in ('leaked_frames', 'leaked_heap') if row.get(k))


def sweep(tmp, root, name, line, rounds, every):
    """TAP lines of one program."""
    rows, said = batch(tmp, root, name, line, 1, str(1 << 30))
    total = max((int(n) for n in re.findall(r'(\d+) allocations, the first', said)), default=0)
    if not total:
        return [f'not ok nomem: {name}: does not run', *('  # ' + row[:150] for row in said.splitlines()[-20:])]
    rounds = min(rounds or total, total)
    step = max(total // rounds, 1)
    rows, said = batch(tmp, root, name, line, rounds, f'1,step={step},every={every}')
    bad = []
    for row in rows:
        if wrong(row):
            bad += [f'{row["name"]}: {wrong(row)}'] + ['  ' + c for c in calls_of(said, int(row['name'].rpartition('-')[2]) * step + 1)]
    if len(rows) != rounds or re.search('panic:', said):
        bad += said.splitlines()[-30:]
    return [('not ok' if bad else 'ok') + f' nomem: {name}, {rounds} of {total} allocations', *('  # ' + row[:150] for row in bad)]


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument('-n', type=int, default=4)
    args.add_argument('-e', type=int, default=0)
    args.add_argument('-k', default='')
    args = args.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory() as tmp, ThreadPoolExecutor(2) as pool:
        guest.make_root(tmp + '/root')
        shutil.copytree(guest.BUILD + '/oracle/programs', tmp + '/root/cases')
        runs = [(name, line) for name, line in programs().items() if args.k in name]
        for lines in pool.map(lambda p: sweep(tmp, tmp + '/root', *p, args.n, args.e), runs):
            print('\n'.join(lines), flush=True)
            failed += lines[0].startswith('not')
    return failed > 0


if __name__ == '__main__':
    sys.exit(main())
