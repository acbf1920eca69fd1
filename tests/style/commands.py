#!/usr/bin/env python3
"""Holds the documents to the programs: each command line of ours that they print must name subcommands
and flags that its program has. Usage: commands.py BIN_DIR"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAMS = ("tandem-master", "tandem-worker", "tandem")
DRAWN = re.compile("[─│◄►]")
SKIPPED = {"build", "node_modules", ".git"}


def documents():
    for path in sorted(ROOT.rglob("*.md")):
        if SKIPPED.isdisjoint(path.relative_to(ROOT).parts) and path.name != "CHANGELOG.md":
            yield path


def code_blocks(text):
    """The lines of each code block, fenced or indented, joined at their backslashes."""
    fenced, block = False, []
    for line in [*text.replace("\\\n", " ").splitlines(), ""]:
        fence = line.startswith("```")
        fenced ^= fence
        if not fence and (fenced or line.startswith("    ")):
            block.append(line)
        elif block:
            yield block
            block = []


def command_lines(text):
    """The words of the lines that begin with a program of ours, but for pictures."""
    for block in code_blocks(text):
        if any(DRAWN.search(line) for line in block):
            continue
        for line in block:
            words = line.removeprefix("$ ").split()
            name = pathlib.PurePath(words[0]).name if words and "=" not in words[0] else ""
            if name in PROGRAMS:
                yield name, words[1:]


class Help:
    def __init__(self, bin_dir):
        self.bin_dir = bin_dir
        self.known = {}

    def of(self, program, subcommands):
        """What `program SUBCOMMANDS --help` prints; None: there is no such subcommand."""
        key = (program, *subcommands)
        if key not in self.known:
            ran = subprocess.run([self.bin_dir / program, *subcommands, "--help"],
                                 capture_output=True, text=True, timeout=60, check=False)
            self.known[key] = ran.stdout if ran.returncode == 0 else None
        return self.known[key]


def subcommands_in(text):
    section = re.search(r"^Subcommands:\n((?:  .*\n?)*)", text, re.MULTILINE)
    return set(re.findall(r"^  ([\w-]+)", section[1], re.MULTILINE)) if section else set()


def faults_of(helps, program, words):
    path, text = [], helps.of(program, [])
    flags = helps.of(program, [])
    for word in words:
        if word.startswith("--"):
            name = re.match(r"--[\w-]+", word)
            if name and not re.search(re.escape(name[0]) + r"(?![\w-])", flags):
                yield f"{' '.join([program, *path])} has no flag {name[0]}"
        elif program == "tandem" and word in subcommands_in(text):
            path.append(word)
            text = helps.of(program, path)
            flags += text
        elif program == "tandem" and not path and re.fullmatch(r"[a-z-]+", word):
            previous = words[words.index(word) - 1] if words.index(word) else ""
            if not previous.startswith("--"):
                yield f"{program} has no subcommand {word}"
            # Else it is the value of a flag.


def main():
    helps = Help(pathlib.Path(sys.argv[1]))
    checked, faults = 0, []
    for path in documents():
        for program, words in command_lines(path.read_text(encoding="utf-8")):
            checked += 1
            faults += [f"{path.relative_to(ROOT)}: {fault}, in: {program} {' '.join(words)}"
                       for fault in faults_of(helps, program, words)]
    print("\n".join(faults) if faults else f"{checked} command lines checked")
    return 1 if faults or checked < 50 else 0


if __name__ == "__main__":
    sys.exit(main())
