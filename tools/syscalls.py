#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""syscalls.py [--check] -- CC FLAGS: docs/syscalls.md from the rows of sys/*.c.

A call is partial if a function its body reaches calls syscall_refuse(): what it names there is what
is refused.  The names and numbers of all calls are those of <asm/unistd.h>, and what Linux has added up
to 6.12.  With --check nothing is written: 1 if the document is not what would be.
"""
import glob
import os
import re
import subprocess
import sys

TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
DOC = TOP + '/docs/syscalls.md'
NEWER = {450: 'set_mempolicy_home_node', 451: 'cachestat', 452: 'fchmodat2', 453: 'map_shadow_stack', 454: 'futex_wake',
         455: 'futex_wait', 456: 'futex_requeue', 457: 'statmount', 458: 'listmount', 459: 'lsm_get_self_attr',
         460: 'lsm_set_self_attr', 461: 'lsm_list_modules', 462: 'mseal', 38: 'renameat'}
# Linux's numbers that no riscv64 kernel has a call for.
NO_CALL = {'lookup_dcookie', 'nfsservctl', 'arch_specific_syscall'}

HEAD = '''# System calls

Made by `tools/syscalls.py` from the rows in `sys/*.c`; `make lint` checks that it is up to date.

Of the {total} calls of riscv64 Linux 6.12, {whole} are implemented, {part} with something refused (an
unknown flag is never ignored: `--explain` names it), {absent} are absent and answer `ENOSYS`.

| number | call | arguments | where | refused |
|---|---|---|---|---|
'''


def numbers(cc):
    out = subprocess.run([*cc, '-E', '-dM', '-'], input='#include <asm/unistd.h>\n', text=True,
                         stdout=subprocess.PIPE, check=True).stdout
    macros = dict(re.findall(r'^#define (__NR\w*) (\S.*)$', out, re.M))

    def value(v):
        v = v.strip('() ')
        if re.fullmatch(r'\d+', v):
            return int(v)
        if '+' in v:
            a, b = (value(x) for x in v.split('+', 1))
            return None if a is None or b is None else a + b
        return value(macros[v]) if v in macros else None

    found = {}
    for name, v in macros.items():
        if name.startswith('__NR_') and name != '__NR_syscalls' and value(v) is not None:
            found.setdefault(value(v), name[5:])
    return {**NEWER, **{n: c for n, c in found.items() if c not in NO_CALL and not c.endswith('_time64')}}


def functions(text):
    """name -> body, for functions as this project writes them"""
    out = {}
    for m in re.finditer(r'^(?!\s|#|/\*|struct|const|extern)[^\n=;]*?\b(\w+)\([^;{]*?\)\s*(?:\n\{(.*?)^\}|\{([^\n]*)\})',
                         text, re.M | re.S):
        out[m.group(1)] = m.group(2) or m.group(3) or ''
    return out


def refusals(name, bodies, seen):
    if name in seen or name not in bodies:
        return []
    seen.add(name)
    body = bodies[name]
    found = re.findall(r'syscall_refuse\([^"]*"([^"]*)"', body)
    found += [w for a, b in re.findall(r'syscall_refuse\([^"?]*\? "([^"]*)" : "([^"]*)"', body) for w in (a, b)]
    for callee in re.findall(r'\b(\w+)\(', body):
        found += refusals(callee, bodies, seen)
    return found


def read_rows():
    rows, bodies = {}, {}
    for path in sorted(glob.glob(TOP + '/sys/*.c') + glob.glob(TOP + '/proc/clone.c')):
        text = open(path).read()
        bodies.update(functions(text))
        for name, arity in re.findall(r'^\t\w*ROW\w*\((\w+), (\d)', text, re.M):
            rows[name] = (os.path.relpath(path, TOP), int(arity))
    return rows, bodies


def document(cc):
    rows, bodies = read_rows()
    lines, part, absent = [], 0, []
    table = numbers(cc)
    for number, name in sorted(table.items()):
        if name not in rows:
            absent.append(name)
            continue
        where, arity = rows[name]
        words = sorted(set(refusals('sys_' + name, bodies, set())))
        part += bool(words)
        lines.append(f'| {number} | {name} | {arity} | {where} | {"; ".join(words)} |')
    unknown = sorted(set(rows) - set(table.values()))
    assert not unknown, unknown
    head = HEAD.format(total=len(table), whole=len(lines), part=part, absent=len(absent))
    text = ', '.join(absent)
    return head + '\n'.join(lines) + '\n\nAbsent: ' + text + '.\n', len(lines)


def main():
    args = sys.argv[1:]
    cut = args.index('--')
    text, count = document(args[cut + 1:])
    if '--check' in args[:cut]:
        if not os.path.exists(DOC) or open(DOC).read() != text:
            sys.exit('docs/syscalls.md is not up to date: make syscalls')
        print(f'ok {count} system calls, docs/syscalls.md')
        return
    with open(DOC, 'w') as f:
        f.write(text)


main()
