#!/usr/bin/env python3
"""The checks of .clang-tidy, which all our sources but the tests pass.

    tests/style/tidy.py BUILD-FOLDER [FILE...]     all, or the named ones

Most of the time goes into the headers of the libraries, so eight neighbours are checked at once, as one text. Those that
cannot be one text, because two give a name different meanings, are checked in smaller groups. A source that this clang
cannot compile by itself (gcc compiles what we ship) is left out and named. Exit status: 0 nothing found, 1 something
found, 77 without clang-tidy.
"""

import pathlib
import shutil
import subprocess
import sys

import check

FOLDERS = ("common/", "master/", "worker/", "ctl/")


def look_at(tidy, sources, generated):
    with check.text_of(sources) as text:
        command = [tidy, "--quiet", f"--config-file={check.ROOT}/.clang-tidy", text.name, "--",
                   *check.compile_flags(generated), "-Wno-everything"]
        result = subprocess.run(command, capture_output=True, text=True)
    if "clang-diagnostic-error" in result.stdout:
        return None
    return result.stdout if result.returncode else ""


def main():
    tidy = next((name for name in ("clang-tidy-14", "clang-tidy") if shutil.which(name)), None)
    if tidy is None:
        print("clang-tidy is not installed: scripts/install-packages.sh fuzz")
        return 77
    generated = pathlib.Path(sys.argv[1]).resolve() / "generated"
    found = sorted(pathlib.Path(name).resolve() for name in sys.argv[2:]) or [
        path for path in check.sources()
        if path.suffix == ".cpp" and str(path.relative_to(check.ROOT)).startswith(FOLDERS)]
    results = check.look_in_groups(lambda sources: look_at(tidy, sources, generated), check.in_eights(found))
    problems = [text for _, text in results if text]
    left_out = [str(source.relative_to(check.ROOT)) for sources, text in results if text is None for source in sources]
    print(f"{len(found) - len(left_out)} files checked, {len(left_out)} left out: {' '.join(left_out)}")
    print("".join(problems), end="")
    return 1 if problems or len(left_out) == len(found) else 0


sys.exit(main())
