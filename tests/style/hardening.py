#!/usr/bin/env python3
"""That programs are hardened as cmake/TandemHardening.cmake says.

    tests/style/hardening.py PROGRAM...
"""

import subprocess
import sys


def readelf(program, *options):
    command = ["readelf", "--wide", *options, program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def missing_in(program):
    header = readelf(program, "--file-header", "--program-headers")
    dynamic = readelf(program, "--dynamic")
    symbols = readelf(program, "--dyn-syms")
    if "DYN (" not in header or " PIE" not in dynamic:
        yield "is not position independent"
    if "GNU_RELRO" not in header or "NOW" not in dynamic:
        yield "has a table of functions that can be written"
    if "__stack_chk_fail" not in symbols:
        yield "has no stack protector"
    if "_chk@" not in symbols.replace("__stack_chk_fail@", ""):
        yield "has no checked functions of the C library"


problems = [f"{program} {what}" for program in sys.argv[1:] for what in missing_in(program)]
print("\n".join(problems) or f"{len(sys.argv) - 1} programs are hardened")
sys.exit(1 if problems else 0)
