#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""gates.py ARCH -- COMPILER FLAGS...: what keeps the kernel's rooms apart, checked in a few lines each.

Prints TAP; exit status 1 if a gate is closed.
"""
import glob
import os
import re
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

FLOORS = ['arch', 'lib', 'core', 'mem', 'dev', 'fs', 'net', 'proc', 'sys', 'kernel']
MACHINE = re.compile(r'\b(__asm__|asm(?! volatile\( *\))|csr\w*|s(status|epc|tval|cause|atp|tvec|scratch|fence\w*)|'
                     r'ecall|sret|wfi|riscv\w*|RISCV\w*|\w*_RISCV|rv64\w*|sbi_\w+|SBI_\w+|sv39|SV39)\b')
LONG = 80                                   # lines of a function


def kernel_files(ext):
    return sorted(f for room in FLOORS for f in glob.glob(f'{room}/**/*.{ext}', recursive=True)
                  if not f.startswith(('lib/shim/', 'arch/host/')) and not re.search(r'(_test|_fuzz)\.[ch]$|/test\.h$', f))


def code(path):
    """The text without comments and strings, line for line."""
    blank = lambda m: re.sub(r'[^\n]', ' ', m[0])
    return re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, open(path).read(), flags=re.S)


def includes(path):
    for number, row in enumerate(open(path), 1):
        if m := re.match(r'\s*#\s*include\s+"([^"]+)"', row):
            beside = os.path.normpath(os.path.join(os.path.dirname(path), m[1]))
            yield number, m[1] if os.path.exists(m[1]) else beside


def room(path):
    return path.split('/')[0]


def rooms():
    """A room includes only rooms below it; arch/arch.h is for all, and what fulfils it may use core/."""
    for path in kernel_files('[ch]'):
        for number, target in includes(path):
            a, b = room(path), room(target)
            if b not in FLOORS or a == b or a == 'arch' and (b == 'lib' or b == 'core' and path.endswith('.c')):
                continue
            if b == 'arch' and target != 'arch/arch.h':
                yield f'{path}:{number}: only arch/arch.h is for other rooms, not {target}'
            elif FLOORS.index(b) > FLOORS.index(a):
                yield f'{path}:{number}: {a}/ must not include {b}/ ({target})'


def cycles():
    """No header reaches itself."""
    graph = {p: [t for _, t in includes(p)] for p in kernel_files('h')}
    done, found = set(), []

    def visit(path, above):
        if path in above:
            found.append(' -> '.join([*above[above.index(path):], path]))
        elif path not in done:
            for t in graph.get(path, ()):
                visit(t, above + [path])
            done.add(path)

    for path in graph:
        visit(path, [])
    return found


def alone():
    """Every header compiles by itself."""
    def compiles(path):
        r = subprocess.run(COMPILER + ['-fsyntax-only', '-x', 'c', '-include', path, '/dev/null'],
                           capture_output=True, text=True)
        return r.returncode and f'{path}: {r.stderr.strip().splitlines()[0]}'

    with ThreadPoolExecutor() as pool:
        headers = [h for h in kernel_files('h') if not h.startswith('arch/') or h.startswith(('arch/arch.h', f'arch/{ARCH}/'))]
        return [m for m in pool.map(compiles, headers) if m]


def machine():
    """Words of a machine stay in arch/; file formats and names of system calls have theirs."""
    for path in kernel_files('[ch]'):
        if room(path) != 'arch':
            for number, row in enumerate(code(path).split('\n'), 1):
                m = MACHINE.search(row)
                if m and '#include' not in row and m[0] not in ('riscv_flush_icache', 'ELF_RISCV'):
                    yield f"{path}:{number}: '{m[0]}' belongs to arch/"


def conditionals():
    """Sources vary by file, not by #if: at most two in one .c outside arch/."""
    for path in kernel_files('c'):
        n = len(re.findall(r'^\s*#\s*if', code(path), re.M))
        if n > 2 and room(path) != 'arch':
            yield f'{path}: {n} #if'


def functions():
    """Length of each function: (lines, name)."""
    for path in kernel_files('c'):
        lines = open(path).read().split('\n')
        start = None
        for i, row in enumerate(lines):
            if row == '{' and start is None and i:
                start = i
            elif row == '}' and start is not None:
                yield i - start - 1, f'{path}:{start}'
                start = None


def lengths():
    """Under one function in a hundred is longer than 80 lines."""
    sizes = list(functions())
    long = sorted((s for s in sizes if s[0] > LONG), reverse=True)
    if sizes:
        print(f'# functions: {len(sizes)}, median {statistics.median(n for n, _ in sizes):.0f} lines, '
              f'{len(long)} over {LONG}')
    if len(long) * 100 > len(sizes):
        return [f'{where}: {n} lines' for n, where in long]
    return []


def main():
    closed = 0
    for gate in (rooms, cycles, alone, machine, conditionals, lengths):
        found = list(gate())
        print('not ok' if found else 'ok', gate.__name__ + ':', gate.__doc__)
        for m in found:
            print('  #', m)
        closed += bool(found)
    return closed > 0


ARCH, COMPILER = sys.argv[1], sys.argv[3:]
sys.exit(main())
