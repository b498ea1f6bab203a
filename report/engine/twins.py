"""Writes a Markdown twin of each page of a built site, and `llms.txt`, which lists them.

Quarto's `llms-txt` does this only for websites. This module reads finished pages of either engine.
"""

import re
from pathlib import Path

from report.engine import tree
from report.engine.config import Book
from report.engine.plain import frames, read_text

ENDING = ".llms.md"  # as in Quarto
_MAIN = re.compile(r"<main\b[^>]*>(.*?)</main>", re.DOTALL)
_UNREAD = re.compile(r"<(script|style|noscript|button)\b.*?</\1>", re.DOTALL)
# For a program, the links behind a figure are replaced by its numbers.
_BEHIND = re.compile(r'<details class="behind".*?</details>', re.DOTALL)
_NUMBERS = re.compile(r'<a href="record/[^"]+">CSV</a>')
_NOTE = re.compile(r'((?:id="|href="#))(?=fn(?:ref)?\d+")')
_MARK = "\ue000"  # between two pages
_BETWEEN = f"\n<p>{_MARK}</p>\n"
_FILES = """
## Numbers

- [results.json](results.json): everything that the pages say, as JSON
- [record/SHA256SUMS](record/SHA256SUMS): every file of the record, with one CSV for each figure and table
"""


def write(book: Book, site: Path) -> None:
    """Write a Markdown twin of every page, and the list of twins."""
    listed = []
    paths = [site / f"{chapter.stem}.html" for chapter in book.chapters]
    rules = f"--lua-filter={frames() / 'twin.lua'}"
    options = ["-f", "html", "-t", "gfm-raw_html", "--wrap=none", rules]
    options.append("--reference-location=block")
    # One call, since to start pandoc takes longer than to convert a page.
    together = _BETWEEN.join(_main(read_text(path), path.stem) for path in paths)
    twins = tree.pandoc(options, together).split(f"\n{_MARK}\n\n")
    for path, text in zip(paths, twins, strict=True):
        twin = path.with_suffix(ENDING)
        twin.write_text(text, encoding="utf-8")
        title = re.search(r"^# (.*)", text, re.MULTILINE)
        listed.append(f"- [{title[1] if title else path.stem}]({twin.name})")
    pages = "\n".join(listed)
    head = f"# {book.title}\n\n> {book.description}\n\n## Pages\n\n{pages}\n{_FILES}"
    pdf = f"- [{book.pdf}]({book.pdf}): the same text, for print\n" if book.pdf else ""
    (site / "llms.txt").write_text(head + pdf, encoding="utf-8")


def _main(page: str, name: str) -> str:
    """A page's main content, as HTML; the ids of its notes are its own."""
    main = _UNREAD.sub("", found[1] if (found := _MAIN.search(page)) else "")
    main = _NOTE.sub(rf"\1{name}-", main)
    return _BEHIND.sub(lambda one: " ".join(_NUMBERS.findall(one[0])), main)
