#!/usr/bin/env python3
"""The documentation becomes HTML, and each of its links leads to a page, a heading or a picture that is there."""
import html.parser
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77


class Page(html.parser.HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.targets, self.anchors = [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, _, attributes):
        for name, value in attributes:
            if name in ("href", "src"):
                self.targets.append(value)
            elif name == "id":
                self.anchors.add(value)


def faults_of(path, pages):
    for target in pages[path].targets:
        if re.match(r"https?:", target):
            continue
        name, _, anchor = target.partition("#")
        leads_to = (path.parent / name).resolve() if name else path
        if not leads_to.is_file():
            yield f"{target} is not there"
        elif anchor and anchor not in pages[leads_to].anchors:
            yield f"{target}: there is no such heading"


def main():
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory).resolve()
        made = subprocess.run([ROOT / "scripts" / "documentation.py", out], capture_output=True, text=True, check=False)
        if "python3-markdown is missing" in made.stderr:
            print(made.stderr)
            return SKIPPED
        if made.returncode != 0:
            print(made.stderr)
            return 1
        pages = {path: Page(path) for path in out.rglob("*.html")}
        faults = [f"{path.relative_to(out)}: {fault}" for path in sorted(pages) for fault in faults_of(path, pages)]
    print("\n".join(faults) if faults else f"{len(pages)} pages checked")
    return 1 if faults or len(pages) < 30 else 0


if __name__ == "__main__":
    sys.exit(main())
