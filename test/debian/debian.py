#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""debian.py [-k] [CASE...]: Debian's own programs, unmodified, on Weir and on Linux, compared.

The cases are in test/debian/*.cases: a line "name: script", further lines of the script begin with a tab.
A case runs under bash in a fresh directory.  Besides standard output, standard error and exit status
what it leaves in its directory must agree: names, types, modes, links, sizes and contents.
The rest is the oracle's: see test/oracle/oracle.py.
"""
import glob
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE) + '/oracle')
import oracle

CASE = '''#!/bin/sh
mkdir -p /dev/shm
mkdir -p /tmp/$1 && cd /tmp/$1 || exit
env -i PATH=/usr/local/bin:/usr/bin:/usr/sbin:/bin HOME=/tmp/$1 LC_ALL=C.UTF-8 TZ=UTC TERM=dumb bash /cases/$1 </dev/null 2>/tmp/$1.err
status=$?
/usr/bin/sed -E 's/^(.*: line [0-9]+:) +[0-9]+ /\\1 N /' /tmp/$1.err >&2
/usr/bin/find . -mindepth 1 ! -type d -printf '%y%m %n %s %p %l\\n' -o -printf '%y%m %p\\n' | LC_ALL=C /usr/bin/sort
/usr/bin/find . -type f -size -4096k -exec /usr/bin/cksum {} + | LC_ALL=C /usr/bin/sort
exit $status
'''


class Debian(oracle.Suite):
    build = oracle.BUILD + '/debian'
    root = oracle.BUILD + '/debian-root'
    base = root + '/.made'
    case = CASE
    env = ['PATH=/usr/bin:/usr/sbin:/bin', 'HOME=/root']
    memory = '2G'
    limit = 300
    patience = 6000
    boot_args = ['--boot-timeout', '200']

    def read_cases(self):
        cases = {}
        for path in sorted(glob.glob(HERE + '/*.cases')):
            for name, text in re.findall(r'^([a-z][\w.+-]*):((?:.*\n)(?:\t.*\n|\n(?=\t))*)', open(path).read(), flags=re.M):
                assert name not in cases, name
                cases[name] = re.sub(r'^\t', '', text, flags=re.M).lstrip()
        return cases

    def make_base(self, root):
        """Links to the files of the one root; nobody writes to them."""
        shutil.rmtree(root, ignore_errors=True)
        subprocess.run(['cp', '-al', self.root, root], check=True)
        shutil.copytree(HERE + '/files', root + '/files')
        shutil.copy(oracle.BUSYBOX, root + '/usr/bin/busybox')
        os.chmod(root + '/usr/bin/busybox', 0o755)

    def depends(self, case, text):
        used = [f'{HERE}/files/{n}' for n in re.findall(r'/files/([\w.]+)', text)]
        return sorted(f for n in used for f in ([n] if os.path.isfile(n) else glob.glob(n + '/*')))


if __name__ == '__main__':
    sys.exit(oracle.main(Debian()))
