#!/usr/bin/python3
"""Makes the documentation HTML: plain files that are read in a browser without a network.

Usage: scripts/documentation.py [DIRECTORY]        default: build/documentation; needs Debian's python3-markdown

All pages that README.md leads to are made, with what they show, one HTML file for each. Links to files that are no pages
(sources, scripts) are left as text, since they are not in the directory.
"""
import html
import os
import pathlib
import re
import shutil
import sys

try:
    import markdown
except ImportError:
    sys.exit("documentation: Debian's python3-markdown is missing: apt-get install python3-markdown")

ROOT = pathlib.Path(__file__).resolve().parents[1]
START = pathlib.PurePosixPath("README.md")
MENU = (
    ("Begin", ("README.md", "docs/getting-started.md", "docs/concepts.md", "docs/why.md")),
    ("Use", ("docs/services.md", "docs/clients.md", "docs/workers.md", "docs/embedding.md", "docs/heartbeat.md", "docs/discovery.md")),
    ("Operate", ("docs/operating.md", "docs/upgrading.md", "docs/security.md", "docs/metrics.md", "docs/access-log.md")),
    ("Look up", ("docs/configuration.md", "docs/api.md", "CHANGELOG.md")),
    ("Inside", ("ARCHITECTURE.md", "docs/failover.md", "docs/benchmarks.md", "docs/README.md", "CONTRIBUTING.md")),
)
STYLE = """
:root { color-scheme: light dark; --text: #1d2430; --back: #fff; --faint: #f3f5f8; --line: #d8dee6; --link: #0b57a4; }
@media (prefers-color-scheme: dark) {
  :root { --text: #dce3ec; --back: #14181e; --faint: #1d232b; --line: #364250; --link: #7db7f5; }
}
* { box-sizing: border-box; }
body { margin: 0; font: 16px/1.55 system-ui, sans-serif; color: var(--text); background: var(--back); display: flex; }
nav { flex: 0 0 15rem; padding: 1.5rem 1rem; border-right: 1px solid var(--line); font-size: .92rem; min-height: 100vh; }
nav h2 { font-size: .8rem; margin: 1.2rem 0 .2rem; border: 0; opacity: .75; }
nav a { display: block; padding: .1rem .4rem; border-radius: 4px; text-decoration: none; }
nav a[aria-current] { background: var(--faint); font-weight: 600; color: inherit; }
main { flex: 1; min-width: 0; max-width: 60rem; padding: 1rem 2rem 4rem; }
a { color: var(--link); }
h1, h2, h3 { line-height: 1.25; }
h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line); padding-bottom: .2rem; }
pre { background: var(--faint); padding: .8rem 1rem; overflow-x: auto; border-radius: 6px; line-height: 1.4; }
code { font: .88em ui-monospace, monospace; }
:not(pre) > code { background: var(--faint); padding: .1em .3em; border-radius: 4px; overflow-wrap: anywhere; }
.table { overflow-x: auto; }
table { border-collapse: collapse; }
th, td { border: 1px solid var(--line); padding: .35rem .6rem; text-align: left; vertical-align: top; }
th { background: var(--faint); }
img { max-width: 100%; }
@media (max-width: 800px) {
  body { display: block; }
  nav { min-height: 0; border: 0; border-bottom: 1px solid var(--line); columns: 2; }
  nav section { break-inside: avoid; }
  main { padding: .5rem 1rem 3rem; }
}
"""
PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>{style}</style>
<nav aria-label="Pages">{menu}</nav>
<main>
{body}
</main>
</html>
"""


def normal(path):
    return pathlib.PurePosixPath(os.path.normpath(path))


def page_name(path):
    """Where the page of a document lies: README.md of a folder is its index.html."""
    return path.with_name("index.html") if path.name == "README.md" else path.with_suffix(".html")


def relative(target, page):
    return os.path.relpath(target, page.parent)


def anchor_of(heading, separator):
    """As the usual viewers of Markdown name a heading; links.py checks by the same rule."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", separator)


class Site:
    def __init__(self, out):
        self.out = out
        self.waiting = [START]
        self.known = {START}
        self.pictures = set()

    def link(self, match, document, page):
        """One href or src of a page: to the page that the document became, or away where there is none."""
        attribute, target = match[1], html.unescape(match[2])
        if re.match(r"[a-z]+:|#", target):
            return match[0]
        name, _, anchor = target.partition("#")
        path = normal(document.parent / name)
        if (ROOT / path).is_dir():
            path = path / "README.md"
        if path.suffix == ".md" and (ROOT / path).is_file():
            if path not in self.known:
                self.known.add(path)
                self.waiting.append(path)
            return f'{attribute}="{relative(page_name(path), page)}{"#" + anchor if anchor else ""}"'
        if path.suffix == ".png":
            self.pictures.add(path)
            return f'{attribute}="{relative(path, page)}"'
        return f'data-file="{html.escape(str(path))}"'

    def menu(self, page):
        parts = []
        for title, documents in MENU:
            entries = []
            for name in map(pathlib.PurePosixPath, documents):
                here = ' aria-current="page"' if page_name(name) == page else ""
                entries.append(f'<a href="{relative(page_name(name), page)}"{here}>{html.escape(title_of(name))}</a>')
            parts.append(f"<section><h2>{title}</h2>{''.join(entries)}</section>")
        return "".join(parts)

    def write(self, document):
        page = page_name(document)
        text = (ROOT / document).read_text(encoding="utf-8")
        body = markdown.markdown(text, extensions=["tables", "fenced_code", "sane_lists", "toc"],
                                 extension_configs={"toc": {"slugify": anchor_of}})
        body = re.sub(r'\b(href|src)="([^"]*)"', lambda match: self.link(match, document, page), body)
        body = body.replace("<table>", '<div class="table"><table>').replace("</table>", "</table></div>")
        target = self.out / page
        target.parent.mkdir(parents=True, exist_ok=True)
        title = title_of(document)
        target.write_text(PAGE.format(title=html.escape(title if title == "Tandem" else f"{title} · Tandem"),
                                      style=STYLE, menu=self.menu(page), body=body), encoding="utf-8")

    def make(self):
        self.known.update(pathlib.PurePosixPath(name) for _, names in MENU for name in names)
        self.waiting = sorted(self.known)
        while self.waiting:
            self.write(self.waiting.pop())
        for picture in self.pictures:
            (self.out / picture).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / picture, self.out / picture)


def title_of(document):
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.search(r"^# (.*)$", text, re.MULTILINE)[1].split(":")[0]


def main():
    out = ROOT / "build" / "documentation"
    if len(sys.argv) > 1:
        out = pathlib.Path(sys.argv[1])
        if out.exists() and any(out.iterdir()):
            sys.exit(f"documentation: {out} is not empty")
    else:
        shutil.rmtree(out, ignore_errors=True)
    site = Site(out)
    site.make()
    print(f"documentation: {len(site.known)} pages; begin with {out / 'index.html'}")


if __name__ == "__main__":
    main()
