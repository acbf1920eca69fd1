#!/usr/bin/env python3
"""The mechanical rules of the house, enforced. Each broken one is a line: FILE:LINE: what is wrong.

    tests/style/check.py                every rule but the slow one
    tests/style/check.py --headers      that headers compile, also twice: those of a tree in one text
    tests/style/check.py --headers all  that every header compiles alone, and twice
"""

import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ["common", "master", "worker", "ctl", "examples", "bench", "tests"]
COLUMNS_MAX = 100
LINES_MAX = 500

# What a folder's files may include of ours: dependencies point one way. A folder without an entry is an error.
MAY_INCLUDE = {
    "common/base": ["common/base"],
    "common/access": ["common/base", "common/access"],
    "common/core": ["common/base", "common/core"],
    "common/tls": ["common/base", "common/access", "common/tls", "tandem"],
    "common/service_manager": ["common/base", "common/service_manager"],
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
    "master/events": ["common", "master/events"],
    "master/page": ["master/page"],
    "master/metrics": ["common", "master/metrics"],
    "master/forward/access_log": ["common", "master/forward/access_log"],
    "master/forward/tracing": ["common", "master/forward/tracing"],
    "master/forward/stream": ["common", "master/forward/io", "master/forward/http", "master/forward/stream"],
    "master/forward/workers": ["common", "master/registry", "master/balance", "master/forward/io",
                               "master/forward/http/h2", "master/forward/stream", "master/forward/workers"],
    "master/forward/exchange": ["common", "master/metrics", "master/registry", "master/balance", "master/forward/io",
                                "master/forward/http", "master/forward/access_log", "master/forward/tracing",
                                "master/forward/stream", "master/forward/workers",
                                "master/forward/exchange"],
    "master/forward/client": ["common", "master/metrics", "master/registry", "master/balance", "master/forward/io",
                              "master/forward/http", "master/forward/access_log", "master/forward/tracing",
                              "master/forward/stream", "master/forward/exchange",
                              "master/forward/tls", "master/forward/client"],
    "master/forward/plane": ["common", "master/metrics", "master/registry", "master/balance", "master/forward"],
    "master/upgrade": ["common", "master/registry", "master/events", "master/forward", "master/metrics", "master/upgrade"],
    "master/vip": ["common", "master/registry", "master/vip"],
    "master/cluster": ["common", "master/registry", "master/coordinator", "master/cluster"],
    "master/discovery": ["common", "master/discovery"],
    "master/coordinator": ["common", "master/discovery", "master/coordinator"],
    "master/publication": ["common", "master/discovery", "master/publication"],
    "master/control": ["common", "master/events", "master/page", "master/metrics", "master/registry", "master/discovery",
                       "master/publication", "master/coordinator", "master/cluster", "master/control"],
    "master/control/discovery": ["common", "master/events", "master/registry", "master/discovery", "master/publication",
                                 "master/control"],
    "master": ["common", "master"],  # main() and its flags
    "ctl": ["common", "ctl"],
}
# What lies below a folder, and above it in the order of dependencies.
MUST_NOT_INCLUDE = {"master/forward/http": ["master/forward/http/h1", "master/forward/http/h2"],
                    "master/forward/http/h1": ["master/forward/http/h2"],
                    "master/forward/stream": ["master/forward/http/h1"],
                    "master/forward/exchange": ["master/forward/http/h2"]}
# Files of a room that a folder may use otherwise: an exchange knows streams and calls, but no protocol.
MUST_NOT_INCLUDE_FILES = {
    "master/forward/exchange": re.compile(
        r"master/forward/(stream/(h\d_|head_text|websocket)|workers/h\d_)"),
}
# What a folder and all below it may include.
TREE_MAY_INCLUDE = {
    "common/client": ["common", "tandem"],
    "common/tls/include": ["tandem"],
    "worker": ["common", "worker", "tandem"],
    "examples": ["tandem"],
    "bench": ["common", "master", "tandem", "bench"],
    "tests": ["common", "master", "worker", "ctl", "tandem", "tests"],
}
# Seconds of compile time each: never in a header.
HEAVY = re.compile(r"^(boost/beast|httplib\.h|nlohmann/json\.hpp|CLI/CLI\.hpp|toml\+\+)")
# The worker is built on httplib's classes; tests may do as they like.
WRAPS_HEAVY = ("worker/src/", "worker/program/", "tests/",
               "common/http/http_server_connection.hpp")  # what two files of one class share
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
    # As our build has cpp-httplib, whose classes differ with its options.
    httplib = subprocess.run(["pkg-config", "--cflags", "cpp-httplib"], capture_output=True, text=True, check=True)
    return ["-std=c++20", "-DSPDLOG_COMPILED_LIB", "-DSPDLOG_FMT_EXTERNAL", "-DBOOST_ASIO_NO_DEPRECATED",
            *httplib.stdout.split(), f"-I{ROOT}", f"-I{ROOT}/worker/include",
            f"-I{ROOT}/common/client/include", f"-I{ROOT}/common/tls/include",
            f"-I{generated}"]


# Calls look() with each group, on all processors. It returns what is wrong, or None when these sources cannot be one
# text, since a name means two things in them, say: they are looked at again in halves. A list of (sources, found).
def look_in_groups(look, groups):
    def halves(sources):
        found = look(sources)
        if found is not None or len(sources) == 1:
            return [(sources, found)]
        middle = len(sources) // 2
        return halves(sources[:middle]) + halves(sources[middle:])

    with concurrent.futures.ThreadPoolExecutor(int(os.environ.get("TANDEM_JOBS", os.cpu_count()))) as pool:
        return [result for results in pool.map(halves, groups) for result in results]


# A file that includes these, for as long as it is open.
def text_of(sources):
    text = tempfile.NamedTemporaryFile("w", suffix=".cpp")
    text.writelines(f'#include "{source}"\n' for source in sources)
    text.flush()
    return text


# Neighbours share most headers. More than eight to a text take more memory than they save time.
def in_eights(sources):
    return [sources[start:start + 8] for start in range(0, len(sources), 8)]


def compile_headers(headers):
    generated = next(iter(sorted((ROOT / "build").glob("*/generated"))), ROOT)
    with text_of(headers * 2) as text:
        command = ["g++", *compile_flags(generated), "-fsyntax-only", text.name]
        result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode == 0:
        return ""
    return f"{headers[0].relative_to(ROOT)}: does not compile alone\n{result.stderr}" if len(headers) == 1 else None


# The headers of each tree in one text: those with the fewest includes first, that the others bring them nothing.
def headers_by_tree(headers):
    trees = {}
    for header in headers:
        trees.setdefault(header.relative_to(ROOT).parts[0], []).append(header)
    return [sorted(tree, key=lambda path: path.read_text().count("#include")) for tree in trees.values()]


def main():
    if sys.argv[1:2] == ["--headers"]:
        headers = [p for p in sources() if p.suffix == ".hpp" and "consumer" not in p.parts]
        alone = sys.argv[2:] == ["all"]
        results = look_in_groups(compile_headers, [[header] for header in headers] if alone else headers_by_tree(headers))
        problems = [found for _, found in results if found]
        print(f"{len(headers)} headers compiled in {len(results)} texts")
    else:
        files = list(sources())
        problems = [line for path in files for line in check_file(path)] + list(check_readmes())
        print(f"{len(files)} files checked")
    for problem in problems:
        print(problem)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
