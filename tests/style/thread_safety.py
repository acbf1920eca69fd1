#!/usr/bin/env python3
"""What threads share is touched under its lock: clang reads the attributes of common/base/mutex.hpp.

    tests/style/thread_safety.py BUILD-FOLDER

Looks at each source that includes that header, itself or by its own header; compiles nothing. Exit status: 77 without clang.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

import check

MUTEX = '#include "common/base/mutex.hpp"'


def locks(source):
    header = source.with_suffix(".hpp")
    return any(MUTEX in path.read_text() for path in (source, header) if path.is_file())


def look_at(clang, source, generated):
    command = [clang, "-std=c++20", "-fsyntax-only", "-Wthread-safety", "-Werror=thread-safety-analysis",
               "-Werror=thread-safety-attributes", "-DSPDLOG_COMPILED_LIB", "-DSPDLOG_FMT_EXTERNAL",
               "-DBOOST_ASIO_NO_DEPRECATED", f"-I{check.ROOT}", f"-I{check.ROOT}/worker/include",
               f"-I{check.ROOT}/common/client/include", f"-I{generated}", str(source)]
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
    print(f"{len(found)} files looked at")
    print("".join(problems), end="")
    return 1 if problems or not found else 0


sys.exit(main())
