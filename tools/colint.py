#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""colint.py - the rules of core/co.h that no compiler checks, and the budget of frames.

usage: colint.py [--limit BYTES] [--recurse FUNCTION=TIMES] [--cache DIR] [--chains] FILE.c... -- CFLAGS

Reads clang's syntax tree of each file compiled with -DCO_LINT: co.h then lifts the case labels of
await above 2^40, so that they fit no inner switch and can be told from others, and co_begin()
declares a type co_size as large as the frame.  Then the deepest chain of frames is computed over
all files, through tables of operations.  Exit status 1 if anything was found.
"""
import hashlib
import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor

PLAIN = {'co_enter', 'co_leave', 'co_frame'}            # take co, but do not wait
LOCKS = {'spin_lock', 'arch_irq_off'}                   # a frame uses guard() in a block
ERRANDS = {'errand_create', 'errand_send', 'change_begin'}   # their main function is an argument, called as ->body()
CASTS = {'ImplicitCastExpr', 'ParenExpr', 'CStyleCastExpr', 'ConstantExpr'}
CLANG = ['clang', '-std=gnu11', '-O2', '-DCO_LINT']


# --- the tree ------------------------------------------------------------------------------------

def kids(n):
    return [k for k in n.get('inner', ()) if k]


def walk(n, up=()):
    """n and all below it, each with its ancestors."""
    yield n, up
    for k in kids(n):
        yield from walk(k, up + (n,))


def strip(n):
    """Through casts and parentheses."""
    while n['kind'] in CASTS and kids(n):
        n = kids(n)[-1]
    return n


def ref(n):
    """The declaration a node names, or {}."""
    return n.get('referencedDecl', {}) if n['kind'] == 'DeclRefExpr' else {}


def callee(call):
    c = strip(kids(call)[0])
    return c.get('name') if c['kind'] == 'MemberExpr' else ref(c).get('name')


def callee_id(call):
    c = strip(kids(call)[0])
    return c.get('referencedMemberDecl') if c['kind'] == 'MemberExpr' else ref(c).get('id')


def gets_co(call):
    return any(ref(strip(a)).get('name') == 'co' for a in kids(call)[1:])


def await_line(n):
    """The line of an await whose case label n is (CO_BIAS + (size << 16 | line)), or 0."""
    if n['kind'] != 'CaseStmt':
        return 0
    numbers = [m['value'] for m, _ in walk(kids(n)[0]) if m['kind'] == 'IntegerLiteral']
    return int(numbers[-1]) if numbers[:2] == ['1', '40'] and len(numbers) > 2 else 0


def mark_lines(n, line=0):
    """clang leaves out a line that equals the one before: write it into each node."""
    for loc in (n.get('loc', {}), n.get('range', {}).get('begin', {})):
        line = loc.get('expansionLoc', loc).get('line', line)
    n['line'] = line
    for k in kids(n):
        line = mark_lines(k, line)
    return line


# --- one file --------------------------------------------------------------------------------------

class File:
    def __init__(self, path):
        self.path = path
        self.found = []                 # messages
        self.frames = {}                # function -> [size of its frame, callees given co]
        self.tables = {}                # field of a table of operations -> functions
        self.budgets = {}               # main function of a task -> bytes

    def say(self, line, message):
        self.found.append(f'{self.path}:{line}: {message}')


def async_ids(tu):
    """Declarations marked async: functions, and pointers in tables."""
    decls = [n for n, _ in walk(tu) if n['kind'] in ('FunctionDecl', 'FieldDecl')]
    marked = [n for n in decls if any(k['kind'] == 'WarnUnusedResultAttr' for k in kids(n))]
    names = {n['name'] for n in marked if n['kind'] == 'FunctionDecl'}
    return {n['id'] for n in marked} | {n['id'] for n in decls if n['kind'] == 'FunctionDecl' and n['name'] in names}


def plain_locals(fn):
    return {n['id'] for n, _ in walk(fn) if n['kind'] == 'VarDecl' and n.get('storageClass') not in ('static', 'extern')}


def check_forwarder(out, fn, calls):
    """Without a frame the first call that gets co must also be the last: the next poll begins with it."""
    waits = [(c, up) for c, up in calls if callee(c) not in PLAIN]
    for i, (call, up) in enumerate(waits):
        kept = not any(u['kind'] == 'ReturnStmt' for u in up)
        again = any(u['kind'] in ('ForStmt', 'WhileStmt', 'DoStmt') for u in up)
        if kept and (again or i + 1 < len(waits)):
            out.say(call['line'], f"{fn['name']}: {callee(call)}() gets co, but is neither awaited nor returned")


def await_expression(case):
    """What an await evaluates: the left operand of '== PENDING' below the label; None: co_pause."""
    body = kids(case)[-1]
    if body['kind'] != 'IfStmt':
        return None
    return next((kids(m)[0] for m, _ in walk(kids(body)[0])
                 if m['kind'] == 'BinaryOperator' and m['opcode'] == '=='), None)


def check_arguments(out, fn, expr, line, locals_):
    for m, up in walk(expr):
        if not any(u['kind'] == 'CallExpr' for u in up):
            continue
        writes = m['kind'] == 'UnaryOperator' and m['opcode'] in ('++', '--') or \
            m['kind'] == 'CompoundAssignOperator' or m['kind'] == 'BinaryOperator' and m['opcode'] == '='
        if writes:
            out.say(line, f"{fn['name']}: side effect in an await argument")
        target = {}
        if m['kind'] == 'UnaryOperator' and m['opcode'] == '&' or m.get('castKind') == 'ArrayToPointerDecay':
            target = ref(strip(kids(m)[0]))
        if target.get('id') in locals_:
            out.say(line, f"{fn['name']}: address of plain local '{target['name']}' in an await")


def check_locals(out, fn, nodes, begin):
    """Nothing that would be lost is in scope at an await or set anew at each poll."""
    for n, up in nodes:
        if n['kind'] != 'DeclStmt' or not up or up[-1]['kind'] != 'CompoundStmt':
            continue
        block = kids(up[-1])
        after = block[next(i for i, s in enumerate(block) if s is n) + 1:]
        reaches = any(await_line(m) for s in after for m, _ in walk(s))
        for d in kids(n):
            if d['kind'] != 'VarDecl' or d.get('storageClass') in ('static', 'extern') or d['name'] == 'co_at':
                continue
            ty = d['type'].get('desugaredQualType', d['type']['qualType'])
            if reaches and '*' not in ty and (ty.endswith(']') or ty.startswith(('struct ', 'union '))):
                out.say(d['line'], f"{fn['name']}: '{d['name']}' ({ty}) is in scope at an await: "
                                   "move it to *f or to an inner block")
            frame = any(m['kind'] == 'CallExpr' and callee(m) == 'co_frame' for m, _ in walk(d))
            if len(up) == 2 and not frame and 'init' in d and 'const' not in ty.split('*')[-1] and begin['line'] >= d['line']:
                out.say(d['line'], f"{fn['name']}: '{d['name']}' is set at every poll: make it const or move it to *f")


def check_function(out, fn, asyncs):
    nodes = list(walk(fn))
    begin = next((n for n, _ in nodes if n['kind'] == 'VarDecl' and n.get('name') == 'co_at'), None)
    calls = [(n, up) for n, up in nodes if n['kind'] == 'CallExpr' and gets_co(n)]
    entry = out.frames.setdefault(fn['name'], [0, []])
    entry[1] = sorted({callee(c) for c, _ in calls if callee(c)} - PLAIN)
    if not begin:
        check_forwarder(out, fn, calls)
        return
    size = next(n for n, _ in nodes if n['kind'] == 'TypedefDecl' and n.get('name') == 'co_size')
    entry[0] = int(size['type']['qualType'][5:-1])
    for n, _ in nodes:
        if n['kind'] == 'VarDecl' and n['name'] != 'f' and \
           any(m['kind'] == 'CallExpr' and callee(m) == 'co_frame' for m, _ in walk(n)):
            out.say(n['line'], f"{fn['name']}: the frame must be called f, not {n['name']}: await() uses the name")
    locals_ = plain_locals(fn)
    awaited = set()
    for n, _ in nodes:
        line = await_line(n)
        expr = await_expression(n) if line else None
        if expr:
            awaited.update(id(m) for m, _ in walk(expr))
            check_arguments(out, fn, expr, line, locals_)
    for n, _ in nodes:
        if n['kind'] != 'CallExpr' or callee(n) in PLAIN:
            continue
        if id(n) not in awaited and (gets_co(n) or callee_id(n) in asyncs):
            out.say(n['line'], f"{fn['name']}: {callee(n)}() is async and not awaited")
        if callee(n) in LOCKS:
            out.say(n['line'], f"{fn['name']}: {callee(n)}() in a framed function: use guard()")
    check_locals(out, fn, nodes, begin)


def collect_tables(out, tu):
    """Which functions the fields of operation tables can hold, and the budgets of tasks."""
    fields, constants = {}, {}
    for n, _ in walk(tu):
        if n['kind'] == 'EnumConstantDecl':
            constants[n['id']] = next((m['value'] for m, _ in walk(n) if m.get('value')), None)
        if n['kind'] == 'RecordDecl' and n.get('completeDefinition') and n.get('name'):
            fields['struct ' + n['name']] = [k['name'] for k in kids(n) if k['kind'] == 'FieldDecl' and 'name' in k]
    for n, _ in walk(tu):
        if n['kind'] == 'InitListExpr':
            for field, v in zip(fields.get(n['type']['qualType'].replace('const ', ''), ()), kids(n)):
                if ref(strip(v)).get('kind') == 'FunctionDecl':
                    out.tables.setdefault(field, []).append(ref(strip(v))['name'])
        elif n['kind'] == 'CallExpr' and callee(n) in ERRANDS:
            main = next((r for r in map(ref, map(strip, kids(n)[1:])) if r.get('kind') == 'FunctionDecl'), {})
            if main:
                out.tables.setdefault('body', []).append(main['name'])
        elif n['kind'] == 'CallExpr' and callee(n) == 'task_init' and len(kids(n)) == 6:
            size = next((m.get('value') or constants.get(ref(m).get('id')) for m, _ in walk(kids(n)[3])
                         if m.get('value') or ref(m).get('id') in constants), None)
            main = ref(strip(kids(n)[4])).get('name')
            if main:
                out.budgets[main] = int(size) if size else None


def check_file(path, flags, cache):
    source = subprocess.run(CLANG + ['-E', '-P', path] + flags, capture_output=True)
    text = open(path, 'rb').read() + source.stdout + open(__file__, 'rb').read()
    kept = cache and f'{cache}/{hashlib.sha256(text).hexdigest()[:24]}.json'
    out = File(path)
    if kept and os.path.exists(kept):
        out.__dict__.update(json.load(open(kept)))
        return out
    r = subprocess.run(CLANG + ['-fsyntax-only', '-Xclang', '-ast-dump=json', path] + flags + ['-Wno-everything', '-Werror=switch'],
                       capture_output=True, text=True)
    if r.returncode:
        if 'case value' in r.stderr and 'overflow' in r.stderr:
            out.say(r.stderr.split(':')[1], 'await in an inner switch')
        else:
            out.say(0, 'does not compile with -DCO_LINT: ' + r.stderr.split('\n', 1)[0])
        return out
    tu = json.loads(r.stdout)
    mark_lines(tu)
    asyncs = async_ids(tu)
    for n in kids(tu):
        if n['kind'] == 'FunctionDecl' and any(k['kind'] == 'CompoundStmt' for k in kids(n)):
            check_function(out, n, asyncs)
    collect_tables(out, tu)
    out.frames = {k: v for k, v in out.frames.items() if v != [0, []]}
    if kept:
        with open(f'{kept}.{os.getpid()}', 'w') as f:
            json.dump(out.__dict__, f)
        os.rename(f'{kept}.{os.getpid()}', kept)
    return out


# --- all files -------------------------------------------------------------------------------------

class Chains:
    """The deepest chain of frames from a function, through tables of operations."""

    def __init__(self, files, limits):
        self.frames, self.tables, self.limits, self.endless = {}, {}, limits, set()
        for f in files:
            self.frames.update(f.frames)
            for field, names in f.tables.items():
                self.tables.setdefault(field, set()).update(names)
        self.known = {}

    def targets(self, name):
        return [name] if name in self.frames else sorted(self.tables.get(name, ()))

    def deepest(self, fn, above=()):
        key = fn, tuple(sorted(a for a in above if a in self.limits))
        if key in self.known:
            return self.known[key]
        size, calls = self.frames.get(fn, (0, ()))
        best = 0, ()
        for t in (t for c in calls for t in self.targets(c)):
            times = (above + (fn,)).count(t)
            if times and t not in self.limits:
                self.endless.add(t)
            elif times < self.limits.get(t, 1):
                best = max(best, self.deepest(t, above + (fn,)))
        total = size + best[0], ((f'{fn}:{size}',) if size else ()) + best[1]
        self.known[key] = total
        return total


def main():
    argv, flags = sys.argv[1:], []
    if '--' in argv:
        at = argv.index('--')
        argv, flags = argv[:at], argv[at + 1:]
    limit, limits, files, cache, chains = 1024, {}, [], None, False
    while argv:
        a = argv.pop(0)
        if a == '--limit':
            limit = int(argv.pop(0))
        elif a == '--recurse':
            name, times = argv.pop(0).split('=')
            limits[name] = int(times)
        elif a == '--cache':
            cache = argv.pop(0)
            os.makedirs(cache, exist_ok=True)
        elif a == '--chains':
            chains = True
        else:
            files.append(a)
    sys.setrecursionlimit(100000)
    with ProcessPoolExecutor(os.cpu_count() if len(files) > 1 else 1) as pool:
        results = list(pool.map(check_file, files, [flags] * len(files), [cache] * len(files)))
    found = [m for r in results for m in r.found]
    graph = Chains(results, limits)
    budgets = {main: size for r in results for main, size in r.budgets.items()}
    for fn in sorted(graph.frames):
        total, chain = graph.deepest(fn)
        allowed = budgets.get(fn) or limit
        if total + 8 > allowed:
            found.append(f'{fn}: frames of {total + 8} bytes exceed {allowed}: ' + ' > '.join(chain))
        if chains and fn in budgets:
            print(f'{fn}: {total + 8} of {allowed} bytes: ' + ' > '.join(chain))
    found += [f'{t}: recursive: bound it with --recurse {t}=TIMES' for t in sorted(graph.endless)]
    print('\n'.join(found), end='\n' if found else '')
    sys.exit(bool(found))


if __name__ == '__main__':
    main()
