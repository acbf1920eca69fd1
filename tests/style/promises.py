#!/usr/bin/env python3
"""Each promise of README.md names a test that holds it, and there is a test of that name."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CASE = re.compile(r'TEST_CASE\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
TEXT = re.compile(r'"((?:[^"\\]|\\.)*)"')


def cases():
    for source in (ROOT / "tests").rglob("*.cpp"):
        for found in CASE.finditer(source.read_text()):
            yield "".join(TEXT.findall(found[1]))


def main():
    section = (ROOT / "README.md").read_text().split("## What it promises", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split(" | ") for line in section.splitlines() if line.startswith("| **")]
    known = set(cases())
    wrong = [row[0].strip() for row in rows if len(row) != 2 or row[1].strip() not in known]
    for promise in wrong:
        print(f"README.md: no test holds this promise: {promise}")
    print(f"{len(rows)} promises")
    return 1 if wrong or not rows else 0


if __name__ == "__main__":
    sys.exit(main())
