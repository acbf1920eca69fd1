#!/usr/bin/env python3
"""Each link of a document to a file of this project, or to a heading in one, leads somewhere."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = {"build", "node_modules", ".git"}
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(.*?)\s*#*$", re.MULTILINE)


def documents():
    for path in sorted(ROOT.rglob("*.md")):
        if SKIPPED.isdisjoint(path.relative_to(ROOT).parts):
            yield path


def without_code(text):
    """The text without code: fenced, indented, or within a line."""
    text = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for line in text.splitlines() if not line.startswith("    ")]
    return re.sub(r"`[^`\n]*`", "", "\n".join(lines))


def anchor_of(heading):
    """As the usual viewers of Markdown name a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def anchors_in(path):
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return {anchor_of(heading) for heading in HEADING.findall(text)}


def faults_of(path):
    for target in LINK.findall(without_code(path.read_text(encoding="utf-8"))):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        leads_to = (path.parent / name).resolve() if name else path
        if not leads_to.exists():
            yield f"{target} is not there"
        elif anchor and (leads_to.suffix != ".md" or anchor not in anchors_in(leads_to)):
            yield f"{target}: there is no such heading"


def main():
    count, faults = 0, []
    for path in documents():
        count += 1
        faults += [f"{path.relative_to(ROOT)}: {fault}" for fault in faults_of(path)]
    print("\n".join(faults) if faults else f"{count} documents checked")
    return 1 if faults or count < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
