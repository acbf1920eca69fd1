#!/usr/bin/env python3
"""Writes the man pages of the programs and of their file, from what the programs say of themselves.

    man_pages.py BIN_DIR OUTPUT_DIR DATE

There is no second text: flags come from --help, subcommands from the --help of each, and keys from
--print-default-config.
"""
import pathlib
import re
import subprocess
import sys

SEE_ALSO = ["tandem-master(1)", "tandem-worker(1)", "tandem(1)", "tandem.toml(5)"]
PROGRAMS = {"tandem-master": "forwards client requests to the workers of a Tandem cluster",
            "tandem-worker": "makes a service a worker of a Tandem cluster",
            "tandem": "looks at a Tandem cluster and changes it"}
EXIT_STATUS = [("0", "Done, or ended as it was asked to."), ("1", "Failed, with the reason on the standard error."),
               ("2", "Wrong usage or configuration: a sentence for each error, with the flag, or file, line and key.")]
WIDTH = 4  # spaces before a line that goes on an entry


def roff(text):
    text = text.replace("\\", "\\e").replace("-", "\\-").replace("'", "\\(aq").replace("`", "\\(ga")
    text = text.replace("^", "\\(ha").replace("~", "\\(ti").replace('"', "\\(dq")
    # Long words may be broken behind these.
    words = [re.sub(r"([,/|=])(?=.)", r"\1\\:", word) if len(word) > 30 else word for word in text.split(" ")]
    text = " ".join(words)
    return "\\&" + text if text.startswith(".") else text


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout


def entries(lines):
    """The (term, text) of a list: a term at two spaces, its text behind two more, or on the lines that follow."""
    found = []
    for line in lines:
        indent = len(line) - len(line.lstrip())
        if indent == 2:
            term, _, text = line.strip().partition("  ")
            found.append([term, text.strip()])
        elif found and indent > WIDTH:
            found[-1][1] = f"{found[-1][1]} {line.strip()}".strip()
    return found


def sections(text):
    """The parts of a --help: {heading: lines}; what comes before the first heading is that of ''."""
    parts, heading = {"": []}, ""
    for line in text.splitlines():
        if re.match(r"^[A-Z][^:]*:$|^[A-Z][^:]*: *$|^Settings of a service.*:$", line):
            heading = line.rstrip(": ")
            parts[heading] = []
        elif line.strip():
            parts[heading].append(line)
    return parts


class Page:
    def __init__(self, name, section, summary, date, version):
        self.lines = [f'.TH {roff(name.upper())} {section} "{date}" "{version}" "Tandem"', ".nh", ".ad l",
                      ".SH NAME", f"{roff(name)} \\- {roff(summary)}"]
        self.name, self.section = name, section

    def heading(self, text, level="SH"):
        self.lines.append(f".{level} {roff(text)}")

    def text(self, text):
        self.lines.append(roff(text))

    def items(self, items):
        for term, text in items:
            self.lines += [".TP", f"\\fB{roff(term)}\\fR", roff(text) if text else "\\&"]

    def end(self):
        own = f"{self.name}({self.section})"
        self.heading("SEE ALSO")
        pages = [page for page in SEE_ALSO if page != own]
        for page in pages:
            name, section = page.rstrip(")").split("(")
            comma = "," if page != pages[-1] else ""
            self.lines.append(f".BR {roff(name)} ({section}){comma}")
        return "\n".join(self.lines) + "\n"


def add_help(page, text, level="SH"):
    parts = sections(text)
    for heading in ("Positionals", "Options"):
        if parts.get(heading):
            page.heading(heading.upper().replace("POSITIONALS", "ARGUMENTS"), level)
            page.items(entries(parts[heading]))


def add_commands(page, program, path):
    """The subcommands of one, each with its own page of --help."""
    text = output(program, *path, "--help")
    for name, summary in entries(sections(text).get("Subcommands", [])):
        command = [*path, name]
        own = output(program, *command, "--help")
        parts = sections(own)
        if not parts.get("Subcommands") or parts.get("Positionals"):
            usage = next(line for line in own.splitlines() if line.startswith("Usage:"))
            page.heading(usage.removeprefix("Usage: ").replace(" [OPTIONS]", ""), "SS")
            page.text(summary[:1].upper() + summary[1:] + ".")
            page.items([e for group in ("Positionals", "Options") for e in entries(parts.get(group, []))
                        if not e[0].startswith("-h,")])
        add_commands(page, program, command)


def program_page(bin_dir, name, date):
    program = str(bin_dir / name)
    text = output(program, "--help")
    version = output(program, "--version").strip()
    page = Page(name, 1, PROGRAMS[name], date, version)
    usage = next(line for line in text.splitlines() if line.startswith("Usage:")).removeprefix("Usage: ")
    page.heading("SYNOPSIS")
    page.lines.append(f"\\fB{roff(name)}\\fR {roff(usage.removeprefix(name).strip())}")
    page.heading("DESCRIPTION")
    page.text(sections(text)[""][0])
    add_help(page, text)
    if "Subcommands" in sections(text):
        page.heading("COMMANDS")
        add_commands(page, program, [])
    for heading, lines in sections(text).items():
        if heading.startswith("Settings of a service"):
            page.heading("SETTINGS OF A SERVICE")
            page.items(entries(lines))
    page.heading("EXIT STATUS")
    page.items(EXIT_STATUS)
    return page.end()


def keys(text):
    """The keys of a default file: its comments, and then #KEY = VALUE."""
    comment = []
    for line in text.splitlines():
        if line.startswith("# "):
            comment.append(line[2:])
        elif line.startswith("#") and " = " in line:
            yield line[1:].removesuffix("  # not set"), " ".join(comment)
            comment = []
        else:
            comment = []


def file_page(bin_dir, date):
    version = output(str(bin_dir / "tandem-master"), "--version").strip().split()[-1]
    page = Page("tandem.toml", 5, "configuration of tandem-master and tandem-worker", date, f"tandem {version}")
    page.heading("DESCRIPTION")
    page.text("A TOML file, named by --config. Every flag of the program is a key, without its dashes; a flag of the "
              "same name takes precedence. Keys that may be repeated are arrays. --check-config says all that is "
              "wrong with a file, and --print-default-config prints one to begin with.")
    for program in ("tandem-master", "tandem-worker"):
        page.heading(f"KEYS OF {program.upper()}")
        page.items(keys(output(str(bin_dir / program), "--print-default-config")))
    settings = sections(output(str(bin_dir / "tandem-master"), "--help"))
    for heading, lines in settings.items():
        if heading.startswith("Settings of a service"):
            page.heading("KEYS OF A TABLE [service.NAME]")
            page.items(entries(lines))
    return page.end()


def main():
    bin_dir, target, date = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3]
    target.mkdir(parents=True, exist_ok=True)
    for name in PROGRAMS:
        (target / f"{name}.1").write_text(program_page(bin_dir, name, date))
    (target / "tandem.toml.5").write_text(file_page(bin_dir, date))


if __name__ == "__main__":
    main()
