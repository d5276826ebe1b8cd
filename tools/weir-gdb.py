# SPDX-License-Identifier: MIT
"""gdb commands for a kernel whose tasks have no stacks: gdb -x tools/weir-gdb.py

weir-tasks        all tasks the kernel can name: threads, what is queued, what waits for a deadline
weir-bt TASK      the chain of waits of a sleeping task (an expression: a struct task *, or a tid of
                  weir-tasks), with the frames' locals.  A running task needs no help: it is polled
                  from the root, so "bt" shows it.
"""
import gdb

STATES = {0: 'asleep', 1: 'running', 2: 'ready', 3: 'running, woken', 4: 'done'}
LIMIT = 100000                              # of list elements: memory may be damaged


def symbol(name):
    s = gdb.lookup_global_symbol(name) or gdb.lookup_static_symbol(name)
    return s and s.value()


def number(value):
    """An integer, also if it is _Atomic, which some versions of gdb do not convert."""
    return int(value.cast(gdb.lookup_type('unsigned long')))


def pointer(address, type_name):
    return gdb.Value(address).cast(gdb.lookup_type(type_name).pointer())


def outer(address, type_name, member):
    """container_of()"""
    field = next(f for f in gdb.lookup_type(type_name).fields() if f.name == member)
    return pointer(address - field.bitpos // 8, type_name)


def chain(head, link):
    """A list from the pointer @head on, along @link(element)."""
    for _ in range(LIMIT):
        if not number(head):
            return
        yield head
        head = link(head)


# --- who is there ----------------------------------------------------------------------------------

def threads():
    table = symbol('threads')
    if table is None:
        return
    first, last = table.type.range()
    for i in range(first, last + 1):
        for t in chain(table[i]['lh_first'], lambda t: t['hash']['le_next']):
            yield t['task'].address, 'tid %d' % int(t['tid'])


def timers(queue):
    """Trees, one of each rank in use."""
    todo = [number(queue['root'][i]) for i in range(64) if number(queue['used']) >> i & 1]
    while todo:
        at = todo.pop()
        if not at:
            continue
        t = pointer(at, 'struct timer')
        todo += [number(t['child'])] + ([number(t['next'])] if number(t['prev']) else [])
        yield outer(at, 'struct task', 'timer')


def hart_tasks(cpu):
    name = 'hart %d: ' % int(cpu['id'])
    task = lambda v: pointer(number(v), 'struct task')
    following = lambda t: t['next']
    for what in ('current', 'slot'):
        if number(cpu[what]):
            yield task(cpu[what]), name + what
    ring = cpu['rq']
    for i in range(number(ring['head']), number(ring['tail'])):
        yield task(ring['buf'][i % 256]), name + 'ring'
    for what in ('backlog', 'inbox'):
        for t in chain(task(cpu[what]), following):
            yield t, name + what
    for t in timers(cpu['timers']):
        yield t, name + 'deadline in %d us' % ((int(t['timer']['at']) - int(cpu['now'])) // 1000)


def tasks():
    """Each task once, with all that is known about where it is."""
    found = {}
    for t, where in threads():
        found.setdefault(number(t), (t, []))[1].append(where)
    for i in range(number(symbol('cpu_count'))):
        for t, where in hart_tasks(symbol('cpus')[i]):
            found.setdefault(number(t), (t, []))[1].append(where)
    return found.values()


class Tasks(gdb.Command):
    def __init__(self):
        super().__init__('weir-tasks', gdb.COMMAND_STATUS)

    def invoke(self, arg, tty):
        for t, where in tasks():
            name = t['name'].string() if number(t['name']) else '?'
            print('%#x  %-16s %-14s %8d us  %s' % (
                number(t), name, STATES.get(number(t['state']), '?'), int(t['cpu_ns']) // 1000,
                ', '.join(where)))
            frames = [('%s:%d' % f[:2]) for f in waits(t)]
            if frames and number(t['state']) in (0, 2):
                print('%20s%s' % ('', ' > '.join(frames)))


# --- where it waits ----------------------------------------------------------------------------------

def waits(task):
    """(function, line, address of its frame) from the root on."""
    text = number(symbol('co_text').address)
    header = gdb.lookup_type('struct co')
    at, end = number(task['frames'].address), int(task['frames_end'])
    while at < end:
        co = pointer(at, 'struct co').dereference()
        place = int(co['at'])
        if not place >> 16 or at + (place >> 16) > end:
            return
        low = (int(co['fn']) - text) & 0xffffffff
        name = text + (low - (1 << 32) if low >> 31 else low)
        yield pointer(name, 'char').string(), place & 0xffff, at + header.sizeof
        at += place >> 16


def locals_of(function, line, address, tables):
    """The frame as the type of the variable f at that line; tables: source files seen so far, for
    functions that are inlined everywhere."""
    s = gdb.lookup_symbol(function)[0] or gdb.lookup_static_symbol(function)
    if s:
        tables.add(s.symtab)
    for table in tables:
        for pc in (entry.pc for entry in table.linetable() if entry.line == line):
            block = gdb.block_for_pc(pc)
            while block and not (block.function and block.function.name == function):
                block = block.superblock
            for s in block or ():
                if s.name == 'f':
                    return gdb.Value(address).cast(s.type).dereference()
    return None


class Backtrace(gdb.Command):
    def __init__(self):
        super().__init__('weir-bt', gdb.COMMAND_STACK)

    def invoke(self, arg, tty):
        task = gdb.parse_and_eval(arg)
        if task.type.strip_typedefs().code != gdb.TYPE_CODE_PTR:
            tid = 'tid %d' % int(task)
            task = next((t for t, where in threads() if where == tid), None)
        if task is None:
            raise gdb.GdbError('no such thread; weir-tasks lists them')
        if number(task['state']) & 1:
            print('It is running: "bt" shows more. It was suspended at')
        tables = set()
        for i, (function, line, address) in enumerate(waits(task)):
            f = locals_of(function, line, address, tables)
            text = '' if f is None else f.format_string(max_depth=1, symbols=False)
            print('#%d  %s:%d  %s' % (i, function, line, text))


Tasks()
Backtrace()
