#!/usr/bin/env python3
"""The checks of .clang-tidy, which all our sources but the tests pass.

    tests/style/tidy.py BUILD-FOLDER [FILE...]     all, or the named ones; each takes some seconds

A source that this clang cannot compile (gcc compiles what we ship) is left out and counted. Exit status: 77 without
clang-tidy.
"""

import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

import check

FOLDERS = ("common/", "master/", "worker/", "ctl/")


def look_at(tidy, source, generated):
    command = [tidy, "--quiet", str(source), "--", *check.compile_flags(generated), "-Wno-everything"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=check.ROOT)
    if "clang-diagnostic-error" in result.stdout:
        return None
    return result.stdout if result.returncode else ""


def main():
    tidy = next((name for name in ("clang-tidy-14", "clang-tidy") if shutil.which(name)), None)
    if tidy is None:
        print("clang-tidy is not installed: scripts/install-packages.sh fuzz")
        return 77
    generated = pathlib.Path(sys.argv[1]) / "generated"
    named = [pathlib.Path(name).resolve() for name in sys.argv[2:]]
    found = named or [path for path in check.sources() if path.suffix == ".cpp"
                      and str(path.relative_to(check.ROOT)).startswith(FOLDERS)]
    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("TANDEM_JOBS", os.cpu_count()))) as pool:
        results = list(pool.map(lambda path: look_at(tidy, path, generated), found))
    left_out = [str(path.relative_to(check.ROOT)) for path, text in zip(found, results) if text is None]
    problems = [text for text in results if text]
    print(f"{len(found) - len(left_out)} files checked, {len(left_out)} left out: {' '.join(left_out)}")
    print("".join(problems), end="")
    return 1 if problems or len(left_out) == len(found) else 0


sys.exit(main())
