#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""guest.py [JOBFILE...]: job files run by ./weir batch, under the release and the checked kernel, on one
hart and on several.

Each job must end as it expects, and leave the kernel as it found it: no page frame and no byte of
the heap is missing afterwards.  Fuzzing jobs take their luck from the variable SEED, a new one each
time unless the caller sets it; a failure names it.  A line "#: --icount release-only" gives weir options
and chooses kernels.  A line "#= name field=value ..." of a job file demands more of the
report of that job.  Prints TAP.
"""
import glob
import json
import os
import random
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, TOP + '/tools')
import rootfs

BUILD = os.path.join(TOP, os.environ.get('BUILD', 'build'))
ARCH = os.environ.get('ARCH', 'riscv64')
HARTS = [int(n) for n in os.environ.get('HARTS', '').split()]
KERNELS = [(m, h) for m in ('release', 'debug') for h in HARTS] or [('release', 1), ('debug', 1), ('release', 2), ('debug', 2)]
SEED = os.environ.get('SEED') or str(random.randrange(1, 1 << 30))


def make_root(root):
    """busybox, our guest programs, and files that are no good to execute."""
    rootfs.main(BUILD + '/deps/busybox', root)
    for path in glob.glob(BUILD + '/user/bin/*') + [BUILD + '/stress/stress']:
        shutil.copy(path, root + '/bin')
    shutil.copy(TOP + '/demo/poem.txt', root + '/root')
    image = open(BUILD + '/deps/busybox', 'rb').read()
    os.mkdir(root + '/bad')
    for name, data in {'empty': b'', 'text': b'not a program\n', 'header': image[:40], 'truncated': image[:70000],
                       'foreign': image[:18] + b'\x3e\0' + image[20:4096], 'no-interpreter': b'#!/nosuch\n'}.items():
        with open(f'{root}/bad/{name}', 'wb') as f:
            f.write(data)
        os.chmod(f'{root}/bad/{name}', 0o755)
    shutil.copy(root + '/bad/text', root + '/bad/not-executable')
    os.chmod(root + '/bad/not-executable', 0o644)


def demands(jobs):
    """What "#=" lines say, by name of the job."""
    rows = [shlex.split(row[2:]) for row in open(jobs) if row.startswith('#=')]
    return {row[0]: dict(word.split('=', 1) for word in row[1:]) for row in rows}


def options(jobs):
    """What lines "#:" say: options of weir, and "release-only"."""
    return [word for row in open(jobs) if row.startswith('#:') for word in shlex.split(row[2:])]


def verdict(row, wanted):
    """What is wrong with a job's report, or nothing."""
    wrong = [] if row['passed'] else [row.get('why') or row['outcome']]
    wrong += [f'{k}: {row[k]}' for k in ('leaked_frames', 'leaked_heap') if row.get(k)]
    wrong += [f'{k} is {row.get(k)}, not {v}' for k, v in wanted.items() if str(row.get(k)) != v]
    return '; '.join(wrong)


def run(mode, harts, jobs, root, tmp):
    """TAP lines of one job file."""
    name = f'{os.path.basename(jobs).removesuffix(".jobs")}, {mode}' + (f', {harts} harts' if harts > 1 else '')
    report = f'{tmp}/{os.path.basename(jobs)}-{mode}-{harts}.json'
    cmd = [TOP + '/weir', 'batch', '--root', root, '-e', 'PATH=/bin', '-e', 'SEED=' + SEED, '-m', '128M', '-c', str(harts), '--timeout', '60', '--kernel',
           f'{BUILD}/{ARCH}-{mode}/weir.elf', '--report', 'json=' + report, *(set(options(jobs)) - {'release-only'}), jobs]
    try:
        r = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=600)
    except subprocess.TimeoutExpired:
        return [f'not ok {name}: weir hangs']
    wanted = demands(jobs)
    rows = [json.loads(row) for row in open(report)] if os.path.exists(report) else []
    lines, skipped = [], 0
    for row in (row for row in rows if row['type'] == 'job'):
        if row['outcome'] == 'notrun':
            skipped += 1
            continue
        wrong = verdict(row, wanted.get(row['name'], {}))
        lines.append(f'not ok {name}: {row["name"]}: {wrong}' if wrong else f'ok {name}: {row["name"]}')
    if skipped:
        lines.append(f'not ok {name}: {skipped} jobs were not run')
    bad = [row for row in lines if row.startswith('not')]
    if not lines or r.returncode and not bad:
        bad = [f'not ok {name}: weir ended with status {r.returncode}']
        lines += bad
    if bad:
        lines.append(f'  # SEED={SEED}')
        lines += ['  # ' + row[:150] for row in r.stdout.decode(errors='replace').splitlines()[-30:]]
    return lines


def main(files):
    files = files or sorted(glob.glob(HERE + '/*.jobs')) + sorted(glob.glob(TOP + '/demo/*.jobs'))
    failed = 0
    with tempfile.TemporaryDirectory() as tmp, ThreadPoolExecutor(2) as pool:
        make_root(tmp + '/root')
        runs = [(mode, harts, jobs, tmp + '/root', tmp) for jobs in files for mode, harts in KERNELS
                if 'release-only' not in options(jobs) or (mode, harts) == KERNELS[0]]
        for lines in pool.map(lambda r: run(*r), runs):
            print('\n'.join(lines), flush=True)
            failed += sum(row.startswith('not ok') for row in lines)
    return failed > 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
