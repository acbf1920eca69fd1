#!/usr/bin/env python3
"""The mechanical rules of the house, enforced. Each broken one is a line: FILE:LINE: what is wrong.

    tests/style/check.py                every rule but the slow one
    tests/style/check.py --headers      that headers compile alone: those that no .cpp of theirs includes first
    tests/style/check.py --headers all  that every header does, also without what the build precompiles
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["common", "master", "worker", "ctl", "examples", "bench", "tests"]
COLUMNS_MAX = 100
LINES_MAX = 500

# What a folder's files may include of ours: dependencies point one way. A folder without an entry is an error.
MAY_INCLUDE = {
    "common/base": ["common/base"],
    "common/access": ["common/base", "common/access"],
    "common/core": ["common/base", "common/core"],
    "common/tls": ["common/base", "common/access", "common/tls"],
    "common/wire": ["common/base", "common/core", "common/http1", "common/wire"],
    "common/storage": ["common"],
    "common/http1": ["common/base", "common/http1"],
    "common/http": ["common/base", "common/access", "common/tls", "common/wire", "common/http1", "common/http"],
    "common/http2": ["common/base", "common/wire", "common/http", "common/http2"],
    "common/cluster": ["common"],
    "master/registry": ["common", "master/registry"],
    "master/balance": ["common", "master/registry", "master/balance"],
    "master/forward/io": ["common/base", "master/forward/io"],
    "master/forward/tls": ["common", "master/forward/io", "master/forward/tls"],
    "master/forward/http": ["common", "master/balance", "master/forward/io", "master/forward/http"],
    "master/forward/http/h1": ["common", "master/forward/io", "master/forward/http"],
    "master/forward/http/h2": ["common", "master/forward/io", "master/forward/http/h2"],
    "master/forward/access_log": ["common", "master/forward/access_log"],
    "master/forward/stream": ["common", "master/forward/io", "master/forward/http/h2",
                              "master/forward/stream"],
    "master/forward/workers": ["common", "master/registry", "master/balance", "master/forward/io",
                               "master/forward/http/h2", "master/forward/stream", "master/forward/workers"],
    "master/forward/exchange": ["common", "master/registry", "master/balance", "master/forward/io",
                                "master/forward/http", "master/forward/access_log",
                                "master/forward/stream", "master/forward/workers",
                                "master/forward/exchange"],
    "master/forward/client": ["common", "master/registry", "master/balance", "master/forward/io",
                              "master/forward/http", "master/forward/access_log",
                              "master/forward/stream", "master/forward/exchange",
                              "master/forward/tls", "master/forward/client"],
    "master/forward/plane": ["common", "master/registry", "master/balance", "master/forward"],
    "master/vip": ["common", "master/registry", "master/vip"],
    "master/cluster": ["common", "master/registry", "master/cluster"],
    "master/control": ["common", "master/registry", "master/cluster", "master/control"],
    "master": ["common", "master"],  # main() and its flags
    "ctl": ["common", "ctl"],
}
# What lies below a folder, and above it in the order of dependencies.
MUST_NOT_INCLUDE = {"master/forward/http": ["master/forward/http/h1", "master/forward/http/h2"],
                    "master/forward/http/h1": ["master/forward/http/h2"],
                    "master/forward/exchange": ["master/forward/http/h2"]}
# Files of a room that a folder may use otherwise: an exchange knows streams and calls, but no protocol.
MUST_NOT_INCLUDE_FILES = {
    "master/forward/exchange": re.compile(
        r"master/forward/(stream/(h\d_|head_text|websocket)|workers/h\d_)"),
}
# What a folder and all below it may include.
TREE_MAY_INCLUDE = {
    "common/client": ["common", "tandem"],
    "worker": ["common", "worker", "tandem"],
    "examples": ["tandem"],
    "bench": ["common", "master", "tandem", "bench"],
    "tests": ["common", "master", "worker", "ctl", "tandem", "tests"],
}
# Seconds of compile time each: never in a header.
HEAVY = re.compile(r"^(boost/beast|httplib\.h|nlohmann/json\.hpp|CLI/CLI\.hpp|toml\+\+)")
# The worker is built on httplib's classes; tests may do as they like.
WRAPS_HEAVY = ("worker/src/", "worker/program/", "tests/")
INCLUDE = re.compile(r'^\s*#include\s+(["<])([^">]+)[">]')
# Clang checks no access under these (common/base/mutex.hpp). Tests do as they like.
BARE_LOCK = re.compile(r"\bstd::(mutex|lock_guard|unique_lock|scoped_lock)\b")
MAY_LOCK_BARE = ("tests/", "bench/", "examples/", "common/base/mutex.hpp")
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def sources():
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".cpp", ".hpp"):
                yield path


# None when nobody has said what the files of that folder may depend on.
def may_include(name):
    folder = name.rsplit("/", 1)[0]
    if folder in MAY_INCLUDE:
        return MAY_INCLUDE[folder]
    trees = [tree for tree in TREE_MAY_INCLUDE if (folder + "/").startswith(tree + "/")]
    return TREE_MAY_INCLUDE[trees[0]] if trees else None


def check_include(path, quoted, included):
    name = str(path.relative_to(ROOT))
    if path.suffix == ".hpp" and HEAVY.match(included) and not name.startswith(WRAPS_HEAVY):
        yield f"a heavy header in a header: {included}"
    if not quoted or "/" not in included:
        return
    allowed = may_include(name)
    folder = name.rsplit("/", 1)[0]
    forbidden = MUST_NOT_INCLUDE.get(folder, [])
    files = MUST_NOT_INCLUDE_FILES.get(folder)
    if allowed is not None and (
        not any(included.startswith(a + "/") for a in allowed)
        or any(included.startswith(f + "/") for f in forbidden)
        or (files is not None and files.match(included))
    ):
        yield f"{folder} must not depend on {included}"


def check_file(path):
    name = path.relative_to(ROOT)
    lines = path.read_text().splitlines()
    if len(lines) > LINES_MAX:
        yield f"{name}:1: {len(lines)} lines: over {LINES_MAX} it is two concepts"
    if may_include(str(name)) is None:
        yield f"{name}:1: MAY_INCLUDE says nothing of this folder"
    if path.suffix == ".hpp":
        if not lines[0].startswith(f"// {path.name}:"):
            yield f"{name}:1: a header begins with '// {path.name}: what it is'"
        if "#pragma once" not in lines:
            yield f"{name}:1: no #pragma once"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS_MAX:
            yield f"{name}:{number}: {len(line)} columns: over {COLUMNS_MAX}"
        if UNFINISHED.search(line):
            yield f"{name}:{number}: something is left to do"
        if BARE_LOCK.search(line) and not str(name).startswith(MAY_LOCK_BARE):
            yield f"{name}:{number}: a lock that clang does not check: use common/base/mutex.hpp"
        if re.match(r"(<<<<<<<|>>>>>>>) ", line):
            yield f"{name}:{number}: a conflict that was not solved"
        if line != line.rstrip() or "\t" in line:
            yield f"{name}:{number}: white space at the end, or a tab"
        found = INCLUDE.match(line)
        if found:
            for problem in check_include(path, found[1] == '"', found[2]):
                yield f"{name}:{number}: {problem}"


def check_readmes():
    for folder in FOLDERS + ["scripts"]:
        if not (ROOT / folder / "README.md").is_file():
            yield f"{folder}/README.md: missing"


def compile_flags(generated):
    return ["-std=c++20", "-DSPDLOG_COMPILED_LIB", "-DSPDLOG_FMT_EXTERNAL", "-DBOOST_ASIO_NO_DEPRECATED", f"-I{ROOT}",
            f"-I{ROOT}/worker/include", f"-I{ROOT}/common/client/include", f"-I{generated}"]


def compile_alone(path):
    generated = next(iter(sorted((ROOT / "build").glob("*/generated"))), ROOT)
    command = ["g++", *compile_flags(generated), "-fsyntax-only", "-x", "c++", f"-I{path.parent}", "-include",
               str(path), "/dev/null"]
    result = subprocess.run(command, capture_output=True, text=True)
    return [] if result.returncode == 0 else [f"{path.relative_to(ROOT)}: does not compile alone\n{result.stderr}"]


# A header whose .cpp includes it first is compiled alone by the build, but for what a precompiled header brings.
def is_built_alone(path):
    source = path.with_suffix(".cpp")
    return source.is_file() and first_include(source) in (path.name, str(path.relative_to(ROOT)))


def first_include(source):
    found = re.search(r'^#include ["<]([^">]+)[">]', source.read_text(), re.MULTILINE)
    return found[1] if found else None


def main():
    if sys.argv[1:2] == ["--headers"]:
        headers = [p for p in sources() if p.suffix == ".hpp" and "consumer" not in p.parts]
        if sys.argv[2:] != ["all"]:
            headers = [p for p in headers if not is_built_alone(p)]
        with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("TANDEM_JOBS", os.cpu_count()))) as pool:
            problems = [line for lines in pool.map(compile_alone, headers) for line in lines]
        print(f"{len(headers)} headers compiled alone")
    else:
        files = list(sources())
        problems = [line for path in files for line in check_file(path)] + list(check_readmes())
        print(f"{len(files)} files checked")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
