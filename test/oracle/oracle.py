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

# Both kernels start a case with the same words.
CASE = '''#!/bin/sh
mkdir -p /tmp/$1 && cd /tmp/$1 && exec env -i PATH=/bin HOME=/root sh /cases/$1 </dev/null
'''
ALL = '''
mkdir /out
for c in $(cat /cases/.list); do
	(exec busybox timeout -s KILL @LIMIT@ busybox setsid /bin/sh /case $c) >/out/$c.out 2>/out/$c.err
	echo $? >/out/$c.status
	echo $c $(cat /proc/uptime) >>/out/times
	rm -rf /tmp/$c
done
busybox tar c -C /out . >/dev/vport0p1
'''


class Suite:
    """A set of cases, the root they run in, and what they get of the machine."""
    build = BUILD + '/oracle'           # logs, and Linux's answers
    base = BUSYBOX                      # what all cases depend on
    case = CASE
    env = ['PATH=/bin']
    memory = '512M'
    limit = 10                          # seconds a case may take
    patience = 900                      # seconds Linux may take for all
    boot_args = []                      # of weir

    def read_cases(self):
        cases = {}
        for path in sorted(glob.glob(HERE + '/*.cases')):
            for part in re.split(r'^### ', open(path).read(), flags=re.M)[1:]:
                name, text = part.split('\n', 1)
                assert name not in cases, name
                cases[name] = text
        for path in sorted(glob.glob(PROGRAMS + '/*')):
            cases['program-' + os.path.basename(path)] = f'exec /programs/{os.path.basename(path)}\n'
        return cases

    def make_base(self, root):
        rootfs.main(BUSYBOX, root)

    def depends(self, case, text):
        """Files beside its text that decide what a case does."""
        return [f'{PROGRAMS}/{case[8:]}'] if case.startswith('program-') else []

    def make_root(self, root, cases):
        self.make_base(root)
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
            f.write(self.case)

    def linux_answers(self, cases):
        """name -> (stdout, stderr, status); what is not kept from an earlier run is asked now."""
        keep = self.build + '/linux'
        os.makedirs(keep, exist_ok=True)
        script = ALL.replace('@LIMIT@', str(self.limit))
        common = digest(KERNEL, self.base, TOP + '/tools/linux.py', TOP + '/tools/rootfs.py', (self.case + script).encode()).encode()
        where = {c: f'{keep}/{c}-' + digest(common, text.encode(), *self.depends(c, text)) for c, text in cases.items()}
        new = {c: text for c, text in cases.items() if not os.path.exists(where[c])}
        if new:
            with tempfile.TemporaryDirectory(prefix='linux-', dir=self.build) as tmp:
                self.make_root(tmp + '/root', new)
                data = linux.run(KERNEL, tmp + '/root', script, log=self.build + '/linux.log', timeout=self.patience,
                                 memory=self.memory)
            tar = tarfile.open(fileobj=io.BytesIO(data))
            read = lambda n: tar.extractfile('./' + n).read()
            for c in new:
                for old in glob.glob(f'{keep}/{glob.escape(c)}-' + '?' * 24):
                    os.unlink(old)
                with open(where[c] + '.new', 'wb') as f:
                    f.write(repr((read(c + '.out'), read(c + '.err'), int(read(c + '.status')))).encode())
                os.rename(where[c] + '.new', where[c])
        return {c: ast.literal_eval(open(where[c]).read()) for c in cases}

    def weir_answers(self, root, cases):
        """The same from ./weir batch; a kernel that dies takes one case with it, not the others."""
        answers, left = {}, list(cases)
        while left:
            with tempfile.TemporaryDirectory() as tmp:
                with open(tmp + '/jobs', 'w') as f:
                    f.writelines(f'@name={c} @expect=any /bin/sh /case {c}\n' for c in left)
                env = [w for e in self.env for w in ('-e', e)]
                cmd = [TOP + '/weir', 'batch', '--root', root, *env, '--timeout', str(self.limit), '-m', self.memory,
                       '--kernel', OUT + '/weir.elf', '--results', tmp + '/results', *self.boot_args, *WEIR_ARGS, tmp + '/jobs']
                r = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
                with open(self.build + '/weir.log', 'ab') as f:
                    f.write(r.stdout)
                answers.update((c, a) for c in left if (a := result(f'{tmp}/results/{c}')))
            missing = [c for c in left if c not in answers]
            if missing:
                answers[missing[0]] = b'', b'', 'none: the kernel ended'
            left = missing[1:]
        return answers


def digest(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(p if isinstance(p, bytes) else open(p, 'rb').read())
    return h.hexdigest()[:24]


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


def main(suite):
    names, show = [a for a in sys.argv[1:] if a != '-k'], '-k' in sys.argv
    os.makedirs(suite.build, exist_ok=True)
    chosen = {c: t for c, t in suite.read_cases().items() if not names or any(re.search(n, c) for n in names)}
    want = suite.linux_answers(chosen)
    root = tempfile.mkdtemp(prefix='root-', dir=suite.build)
    try:
        if show:
            for c in chosen:
                out, err, status = want[c]
                print(f'### {c}: {status}', out.decode(errors='backslashreplace'), sep='\n', end='')
                if err:
                    print('--- stderr', err.decode(errors='backslashreplace'), sep='\n', end='')
            return 0
        suite.make_root(root, chosen)
        open(suite.build + '/weir.log', 'w').close()
        got = suite.weir_answers(root, chosen)
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

if __name__ == '__main__':
    sys.exit(main(Suite()))
