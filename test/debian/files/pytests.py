#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""pytests.py MODULE...: runs Python's own tests and prints each one's outcome, sorted; not why."""
import io
import sys
import unittest

from test import support
support.verbose = False
support.use_resources = []


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.seen = {}

    def note(self, test, what):
        self.seen[test.id().removeprefix('test.')] = what

    def startTest(self, test):
        super().startTest(test)
        self.note(test, 'ok')

    def addFailure(self, test, err):
        self.note(test, 'FAILED')

    def addError(self, test, err):
        self.note(test, f'{err[0].__name__}: {err[1]}'.splitlines()[0][:200])

    def addSkip(self, test, reason):
        self.note(test, 'skipped')

    def addSubTest(self, test, subtest, err):
        if err:
            self.note(test, f'FAILED: {err[0].__name__}')


def main():
    r = Result()
    for name in sys.argv[1:]:
        try:
            suite = unittest.defaultTestLoader.loadTestsFromName(name)
        except unittest.SkipTest:
            print(name, 'skipped')
            continue
        suite.run(r)
    for k, v in sorted(r.seen.items()):
        print(k, v)


if __name__ == '__main__':
    main()
