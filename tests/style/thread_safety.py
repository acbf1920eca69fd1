#!/usr/bin/env python3
"""Members that threads share are accessed under their lock: clang checks the attributes of common/base/mutex.hpp.

    tests/style/thread_safety.py BUILD-FOLDER

Checks each source that includes that header, itself or by its own header, or takes a Lock; compiles nothing. Exit
status: 77 without clang.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

import check

MUTEX = '#include "common/base/mutex.hpp"'
LOCK = re.compile(r"\bLock \w+\(")


def locks(source):
    header = source.with_suffix(".hpp")
    texts = [path.read_text() for path in (source, header) if path.is_file()]
    return any(MUTEX in text for text in texts) or LOCK.search(texts[0]) is not None


def look_at(clang, source, generated):
    command = [clang, *check.compile_flags(generated), "-fsyntax-only", "-Wthread-safety",
               "-Werror=thread-safety-analysis", "-Werror=thread-safety-attributes", str(source)]
    result = subprocess.run(command, capture_output=True, text=True)
    return result.stderr if result.returncode else ""


def main():
    clang = next((name for name in ("clang++-14", "clang++") if shutil.which(name)), None)
    if clang is None:
        print("clang is not installed: scripts/install-packages.sh fuzz")
        return 77
    found = [path for path in check.sources() if path.suffix == ".cpp" and locks(path)]
    generated = pathlib.Path(sys.argv[1]) / "generated"
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("TANDEM_JOBS", os.cpu_count()))) as pool:
        problems = [text for text in pool.map(lambda path: look_at(clang, path, generated), found) if text]
    print(f"{len(found)} files checked")
    print("".join(problems), end="")
    return 1 if problems or not found else 0


sys.exit(main())
