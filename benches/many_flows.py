#!/usr/bin/env python3
"""Writes a capture of many flows that are all under way at once to standard output: a datagram each, with a question of DNS in it.

usage: many_flows.py FLOWS     (addresses are private, names end in .example; nothing in it is anybody's)
"""
import struct
import sys

FLOWS = int(sys.argv[1])
OUT = sys.stdout.buffer
OUT.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
QUESTION = struct.pack(">HHHHHH", 7, 0x0100, 1, 0, 0, 0) + b"\6school\7example\0" + struct.pack(">HH", 1, 1)
UDP = struct.pack(">HHHH", 40000, 53, 8 + len(QUESTION), 0) + QUESTION
IP = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(UDP), 0, 0, 64, 17, 0)
LENGTH = struct.pack("<II", 20 + len(UDP), 20 + len(UDP))
TAIL = bytes([10, 255, 255, 53]) + UDP
buffer = bytearray()
for number in range(FLOWS):
    # A hundred thousand a second: ten million begin within the idle time of three hundred seconds.
    buffer += struct.pack("<II", 1_700_000_000 + number // 100_000, number % 100_000 * 10) + LENGTH
    buffer += IP + struct.pack(">I", 0x0A000000 + number) + TAIL
    if len(buffer) > 1 << 20:
        OUT.write(buffer)
        buffer.clear()
OUT.write(buffer)
