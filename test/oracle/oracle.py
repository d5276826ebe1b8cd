#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""oracle.py [-k] [CASE...]: the same shell commands under Linux and under Weir, byte for byte.

A case is what follows a line "### name" in a *.cases file; it runs under busybox sh in a fresh
directory.  Each C program of test/oracle/programs is a case, too.  Standard output, standard error
and exit status must agree.  Linux's answers are computed by running Linux, and kept under build/ as
long as kernel, busybox and the case are the same.
Prints TAP; with -k prints the answers of Linux instead of comparing.
"""
import ast
import difflib
import glob
import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, TOP + '/tools')
import linux
import rootfs

BUILD = os.path.join(TOP, os.environ.get('BUILD', 'build'))
OUT = os.path.join(TOP, os.environ.get('OUT', 'build/riscv64-release'))
DEPS = os.environ.get('DEPS', BUILD + '/deps')
KERNEL, BUSYBOX = DEPS + '/linux/Image', DEPS + '/busybox'
PROGRAMS = BUILD + '/oracle/programs'
LIMIT = 10                              # seconds a case may take

# Both kernels start a case with the same words.
CASE = '''#!/bin/sh
mkdir -p /tmp/$1 && cd /tmp/$1 && exec env -i PATH=/bin HOME=/root sh /cases/$1 </dev/null
'''
ALL = '''
mkdir /out
for c in $(cat /cases/.list); do
	(exec timeout -s KILL %d sh /case $c) >/out/$c.out 2>/out/$c.err
	echo $? >/out/$c.status
	echo $c $(cat /proc/uptime) >>/out/times
	rm -rf /tmp/$c
done
tar c -C /out . >/dev/vport0p1
''' % LIMIT


def read_cases():
    cases = {}
    for path in sorted(glob.glob(HERE + '/*.cases')):
        for part in re.split(r'^### ', open(path).read(), flags=re.M)[1:]:
            name, text = part.split('\n', 1)
            assert name not in cases, name
            cases[name] = text
    for path in sorted(glob.glob(PROGRAMS + '/*')):
        cases['program-' + os.path.basename(path)] = f'exec /programs/{os.path.basename(path)}\n'
    return cases


def make_root(root, cases):
    rootfs.main(BUSYBOX, root)
    os.mkdir(root + '/cases')
    os.mkdir(root + '/programs')
    for name, text in cases.items():
        with open(f'{root}/cases/{name}', 'w') as f:
            f.write(text)
        if name.startswith('program-'):
            shutil.copy(f'{PROGRAMS}/{name[8:]}', root + '/programs')
    with open(root + '/cases/.list', 'w') as f:
        f.write('\n'.join(cases) + '\n')
    with open(root + '/case', 'w') as f:
        f.write(CASE)


def digest(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(p if isinstance(p, bytes) else open(p, 'rb').read())
    return h.hexdigest()[:24]


def linux_answers(cases):
    """name -> (stdout, stderr, status); what is not kept from an earlier run is asked now."""
    keep = BUILD + '/oracle/linux'
    os.makedirs(keep, exist_ok=True)
    common = digest(KERNEL, BUSYBOX, TOP + '/tools/linux.py', TOP + '/tools/rootfs.py', (CASE + ALL).encode()).encode()
    where = {c: f'{keep}/{c}-' + digest(common, text.encode(),
                                        *([f'{PROGRAMS}/{c[8:]}'] if c.startswith('program-') else []))
             for c, text in cases.items()}
    new = {c: text for c, text in cases.items() if not os.path.exists(where[c])}
    if new:
        with tempfile.TemporaryDirectory(prefix='weir-oracle-') as tmp:
            make_root(tmp + '/root', new)
            data = linux.run(KERNEL, tmp + '/root', ALL, log=BUILD + '/oracle/linux.log', timeout=900)
        tar = tarfile.open(fileobj=io.BytesIO(data))
        read = lambda n: tar.extractfile('./' + n).read()
        for c in new:
            for old in glob.glob(f'{keep}/{glob.escape(c)}-' + '?' * 24):
                os.unlink(old)
            with open(where[c] + '.new', 'wb') as f:
                f.write(repr((read(c + '.out'), read(c + '.err'), int(read(c + '.status')))).encode())
            os.rename(where[c] + '.new', where[c])
    return {c: ast.literal_eval(open(where[c]).read()) for c in cases}


def weir_answers(root, cases):
    """The same from ./weir batch; a kernel that dies takes one case with it, not the others."""
    answers, left = {}, list(cases)
    while left:
        with tempfile.TemporaryDirectory() as tmp:
            with open(tmp + '/jobs', 'w') as f:
                f.writelines(f'@name={c} @expect=any sh /case {c}\n' for c in left)
            cmd = [TOP + '/weir', 'batch', '--root', root, '-e', 'PATH=/bin', '--timeout', str(LIMIT),
                   '-m', '512M', '--kernel', OUT + '/weir.elf', '--results', tmp + '/results', *WEIR_ARGS, tmp + '/jobs']
            r = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            with open(BUILD + '/oracle/weir.log', 'ab') as f:
                f.write(r.stdout)
            answers.update((c, a) for c in left if (a := result(f'{tmp}/results/{c}')))
        missing = [c for c in left if c not in answers]
        if missing:
            answers[missing[0]] = b'', b'', 'none: the kernel ended'
        left = missing[1:]
    return answers


def result(where):
    """What --results left of a job that has run; None if the kernel ended first."""
    if not os.path.exists(where + '/status'):
        return None
    status, words = open(where + '/status').read().split('\n', 1)
    if words.startswith(('guest kernel panicked', 'lost', 'not run', 'cancelled')):
        return None
    read = lambda n: open(f'{where}/{n}', 'rb').read()
    return read('stdout'), read('stderr'), int(status)


def difference(want, got):
    lines = []
    for name, a, b in zip(('stdout', 'stderr'), want, got):
        text = lambda x: x.decode(errors='backslashreplace').splitlines()
        lines += difflib.unified_diff(text(a), text(b), f'linux {name}', f'weir {name}', lineterm='', n=1)
        if a != b and text(a) == text(b):
            lines += [f'{name} differs in its last newline or in carriage returns']
    if want[2] != got[2]:
        lines += [f'status: linux {want[2]}, weir {got[2]}']
    return lines


def main():
    os.makedirs(BUILD + '/oracle', exist_ok=True)
    chosen = {c: t for c, t in read_cases().items() if not NAMES or any(re.search(n, c) for n in NAMES)}
    want = linux_answers(chosen)
    root = tempfile.mkdtemp(prefix='weir-oracle-')
    try:
        make_root(root, chosen)
        if SHOW:
            for c in chosen:
                out, err, status = want[c]
                print(f'### {c}: {status}', out.decode(errors='backslashreplace'), sep='\n', end='')
                if err:
                    print('--- stderr', err.decode(errors='backslashreplace'), sep='\n', end='')
            return 0
        open(BUILD + '/oracle/weir.log', 'w').close()
        got = weir_answers(root, chosen)
    finally:
        shutil.rmtree(root, ignore_errors=True)
    bad = 0
    for c in chosen:
        lines = difference(want[c], got[c])
        bad += bool(lines)
        print('not ok' if lines else 'ok', c)
        for line in lines[:40]:
            print('  #', line)
    print(f'# oracle: {len(chosen)} compared, {bad} different')
    return bad > 0


WEIR_ARGS = os.environ.get('WEIR_ARGS', '').split()
SHOW = '-k' in sys.argv
NAMES = [a for a in sys.argv[1:] if a != '-k']
sys.exit(main())
