#!/usr/bin/env python3
"""Members that threads share are accessed under their lock: clang checks the attributes of common/base/mutex.hpp.

    tests/style/thread_safety.py BUILD-FOLDER

Checks each source that includes that header, itself or by its own header, or takes a Lock; compiles nothing. Eight
neighbours are checked together: most of the time goes into the headers that they share. Exit status: 77 without clang.
"""

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


def look_at(clang, sources, generated):
    with check.text_of(sources) as text:
        command = [clang, *check.compile_flags(generated), "-fsyntax-only", "-Wthread-safety",
                   "-Werror=thread-safety-analysis", "-Werror=thread-safety-attributes", text.name]
        result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode == 0:
        return ""
    return result.stderr if len(sources) == 1 else None


def main():
    clang = next((name for name in ("clang++-14", "clang++") if shutil.which(name)), None)
    if clang is None:
        print("clang is not installed: scripts/install-packages.sh fuzz")
        return 77
    found = [path for path in check.sources() if path.suffix == ".cpp" and locks(path)]
    generated = pathlib.Path(sys.argv[1]) / "generated"
    results = check.look_in_groups(lambda sources: look_at(clang, sources, generated), check.in_eights(found))
    problems = [text for _, text in results if text]
    print(f"{len(found)} files checked")
    print("".join(problems), end="")
    return 1 if problems or not found else 0


sys.exit(main())
