#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""run.py [--linux] [--again] [LINE...]: the benchmark on Weir and on Debian's Linux in the same QEMU.

Prints each line with both figures, their ratio, the floor and the goal of bench/goals; leaves
build/bench.json.  Linux's figures are kept as long as its kernel and the benchmark are the same.
"""
import glob
import hashlib
import json
import os
import re
import shutil
import stat
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(HERE)
sys.path.insert(0, TOP + '/tools')
import linux
import rootfs

BUILD = os.path.join(TOP, os.environ.get('BUILD', 'build'))
OUT = os.path.join(TOP, os.environ.get('OUT', 'build/riscv64-release'))
BENCH = BUILD + '/bench/bench'
KERNEL, BUSYBOX = BUILD + '/deps/linux/Image', BUILD + '/deps/busybox'
WEIR = TOP + '/weir'
LINUX_BOOT = '''
awk '{print "boot", $1 * 1e9, "instructions"}' /proc/uptime >/dev/vport0p1
awk '/MemFree/ {print "memory_boot", 512 * 1048576 - $2 * 1024, "bytes"}' /proc/meminfo >/dev/vport0p1
'''


def goals():
    rows = {}
    for row in open(HERE + '/goals'):
        if row.strip() and not row.startswith('#'):
            name, floor, goal, what = row.split(None, 3)
            number = lambda s: None if s == '-' else int(s)
            rows[name] = number(floor), number(goal), what.strip()
    return rows


def program_lines():
    text = ''.join(open(f).read() for f in sorted(glob.glob(HERE + '/*.c')))
    return re.findall(r'^\t\{ "(\w+)", \w+, ', text, re.M)


def parse(text):
    """What the program printed: name -> number, or the reason why there is none."""
    found = {}
    for row in text.splitlines():
        name, _, rest = row.partition(' ')
        if rest.startswith('- '):
            found[name] = rest[2:]
        elif m := re.match(r'(-?[\d.]+) (instructions|bytes|MiB)$', rest):
            found[name] = float(m[1])
    return found


def on_linux(lines):
    bench = open(BENCH, 'rb').read()
    h = hashlib.sha256(bench + open(KERNEL, 'rb').read() + repr(lines).encode()).hexdigest()[:16]
    kept = f'{BUILD}/bench/linux-{h}.json'
    if os.path.exists(kept) and '--again' not in sys.argv:
        return json.load(open(kept))
    # Linux tests itself for some seconds after init has started.
    script = LINUX_BOOT + 'sleep 8\nfor l in %s; do timeout -s KILL 20 /bench $l; done >/dev/vport0p1 2>&1' % ' '.join(lines)
    with tempfile.TemporaryDirectory() as root:
        rootfs.main(BUSYBOX, root)
        out = linux.run(KERNEL, root, script, extra=[('bench', stat.S_IFREG | 0o755, bench)],
                        args=['-icount', 'shift=0,sleep=off'], log=BUILD + '/bench/linux.log')
    found = parse(out.decode())
    json.dump(found, open(kept, 'w'))
    return found


def weir(*args, **kw):
    return subprocess.run([WEIR, *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors='replace', timeout=600, **kw)


def on_weir(lines):
    """One job a line in one boot; if the kernel dies, go on after the line it died of."""
    found = {}
    with tempfile.TemporaryDirectory() as tmp:
        root = tmp + '/root'
        rootfs.main(BUSYBOX, root)
        shutil.copy(BENCH, root + '/bench')
        left = list(lines)
        while left:
            shutil.rmtree(tmp + '/results', ignore_errors=True)
            with open(tmp + '/jobs', 'w') as f:
                f.writelines(f'@name={name} @expect=any /bench {name}\n' for name in left)
            r = weir('batch', '--icount', '-m', '512M', '--timeout', '20', '--root', root,
                     '--kernel', OUT + '/weir.elf', '--results', tmp + '/results', tmp + '/jobs')
            with open(BUILD + '/bench/weir.log', 'w') as f:
                f.write(r.stdout)
            for name in left:
                where = f'{tmp}/results/{name}'
                if os.path.exists(where + '/status'):
                    words = open(where + '/status').read().split('\n')[1]
                    if not words.startswith(('guest kernel panicked', 'lost', 'not run', 'cancelled')):
                        found[name] = words
                        found.update(parse(open(where + '/stdout', errors='replace').read()))
            missing = [name for name in left if name not in found]
            if missing:
                found[missing[0]] = 'the kernel died of it'
            left = missing[1:]
    return found


def kernel_lines():
    """What bench/kernel says on the log.  It powers off without a word to the host, who complains of that."""
    r = weir('run', '--icount', '-m', '1G', '--kernel', OUT + '/weir-bench.elf', '--root', BUILD + '/demo-root', '/bin/true')
    return parse('\n'.join(row[6:] for row in r.stdout.splitlines() if row.startswith('bench ')))


def boot_lines():
    """What is not measured by a program in the guest."""
    found = {'image': os.path.getsize(image()) if image() else 'no image'}
    with tempfile.TemporaryDirectory() as tmp:
        rootfs.main(BUSYBOX, tmp + '/root')
        events = tmp + '/events'
        with open(tmp + '/jobs', 'w') as f:
            f.write('/bin/busybox true\n')
        r = weir('batch', '--icount', '-m', '512M', '--root', tmp + '/root', '--report', 'json=' + events,
                 '--kernel', OUT + '/weir.elf', tmp + '/jobs')
        for row in open(events) if os.path.exists(events) else ():
            e = json.loads(row)
            if e['type'] == 'batch':
                found['boot'] = e['boot_instructions']
                found['memory_boot'] = e['memory_bytes'] - e['free_bytes']
        small = next((m for m in range(2, 65)
                      if weir('run', '--root', tmp + '/root', '-m', f'{m}M', '--timeout', '10', '--kernel',
                              OUT + '/weir.elf', '--', '/bin/busybox', 'sh', '-c', ':').returncode == 0), None)
        found['smallest'] = small or 'not up to 64 MiB'
        hello = BUILD + '/user/bin/hello'
        times = []
        for _ in range(7):
            t = time.monotonic()
            if weir('run', hello).returncode:
                break
            times.append(1000 * (time.monotonic() - t))
        found['hello_ms'] = round(statistics.median(times)) if len(times) == 7 else 'hello fails'
    return found


def image():
    path = OUT + '/weir.bin'
    if os.path.exists(OUT + '/weir.elf'):
        subprocess.run(['riscv64-linux-gnu-objcopy', '-O', 'binary', OUT + '/weir.elf', path], check=True)
        return path


def number(v):
    return f'{v:,.0f}' if isinstance(v, (int, float)) else '-'


def main():
    names = [a for a in sys.argv[1:] if not a.startswith('-')]
    rows, lines = goals(), program_lines()
    unknown = set(names) - set(rows)
    if unknown:
        sys.exit(f'bench: no line {", ".join(sorted(unknown))}; there are {" ".join(rows)}')
    chosen = [n for n in rows if n in names] or list(rows)
    of_linux = on_linux(lines)
    of_weir = {}
    if '--linux' not in sys.argv:
        of_weir = on_weir([n for n in lines if n in chosen])
        if any(n.startswith('k_') for n in chosen):
            of_weir.update(kernel_lines())
        if any(not n.startswith('k_') for n in set(chosen) - set(lines)):
            of_weir.update(boot_lines())
    print(f'{"line":16}{"Weir":>12}{"Linux":>12}{"ratio":>8}{"floor":>11}{"goal":>11}')
    for n in chosen:
        floor, goal, what = rows[n]
        w, l = of_weir.get(n), of_linux.get(n)
        ratio = f'{l / w:.1f}' if isinstance(w, (int, float)) and isinstance(l, (int, float)) and w > 0 else '-'
        verdict = '' if goal is None or not isinstance(w, (int, float)) else 'met' if w <= goal else 'missed'
        print(f'{n:16}{number(w):>12}{number(l):>12}{ratio:>8}{number(floor):>11}{number(goal):>11}'
              f'  {verdict:7}{what}' + (f' ({w})' if isinstance(w, str) else ''))
    json.dump({n: {'weir': of_weir.get(n), 'linux': of_linux.get(n), 'floor': rows[n][0], 'goal': rows[n][1]}
               for n in chosen}, open(BUILD + '/bench.json', 'w'), indent=1)


if __name__ == '__main__':
    main()
