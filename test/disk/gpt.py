#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""gpt.py FILE: an image of 32 MiB with a GUID partition table: 4 MiB and 8 MiB, both from 1 MiB on."""
import struct
import sys
import zlib

SECTOR, SECTORS = 512, 32 << 11
PARTS = [(2048, 10239), (10240, 26623)]


def header(entries, at, other, table):
    h = bytearray(struct.pack('<8sIIIIQQQQ16sQIII', b'EFI PART', 0x10000, 92, 0, 0, at, other, 34, SECTORS - 34,
                              b'w' * 16, table, 128, 128, zlib.crc32(entries)))
    h[16:20] = struct.pack('<I', zlib.crc32(h))
    return h


entries = bytearray(128 * 128)
for i, (first, last) in enumerate(PARTS):
    entries[i * 128:i * 128 + 48] = struct.pack('<16s16sQQ', b'linux data guid.', b'%016d' % i, first, last)
disk = bytearray(SECTORS * SECTOR)
disk[446 + 4], disk[510:512] = 0xee, b'\x55\xaa'
disk[454:462] = struct.pack('<II', 1, SECTORS - 1)
disk[SECTOR:SECTOR + 92] = header(entries, 1, SECTORS - 1, 2)
disk[2 * SECTOR:34 * SECTOR] = entries
disk[-33 * SECTOR:-SECTOR] = entries
disk[-SECTOR:-SECTOR + 92] = header(entries, SECTORS - 1, 1, SECTORS - 33)
open(sys.argv[1], 'wb').write(disk)
