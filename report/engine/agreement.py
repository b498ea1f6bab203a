"""Whether a site's PDF holds its pages' numbers: those with two decimals or more each as often.

Whole numbers and those with one decimal are also page and section numbers, of which the PDF has more.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from report.engine.check import Page, read_pages

# A number by itself: no part of a word or a version. A sign belongs to it, a dash between two does not.
_NUMBER = re.compile(r"(?<![\w.,/])−?(?:\d+(?:,\d{3})*(?:\.\d+)?|\.\d+)(?![\w/]|[.,]\d)")
_HYPHEN = re.compile(r"(?<![\w.)])-(?=[\d.])")  # which Typst sets as a minus
# What a page shows on the web alone, or says to a screen reader only.
_WEB_ONLY = ", ".join((
    "[hidden]", "script", "style", "noscript", "math annotation", "#refs",
    ".screen-reader-only", ".web-only", ".column-margin", ".runs", "header .description",
))  # fmt: skip
_ADDRESS = re.compile(r"https?://\S+")  # of a work that is cited


def numbers(text: str) -> Counter[str]:
    """How often each number stands in a text."""
    return Counter(_NUMBER.findall(_HYPHEN.sub("−", _ADDRESS.sub("", text))))


def problems(site: Path, text: str) -> Iterator[str]:
    """Which numbers the pages and the PDF do not share, a line each.

    Args:
        site: the folder of the pages.
        text: the PDF's, as a program extracts it.
    """
    pages = {name: numbers(_words(page)) for name, page in read_pages(site).items()}
    on_pages, in_pdf = sum(pages.values(), Counter[str]()), numbers(text)
    for number in sorted(on_pages | in_pdf):
        here, there = on_pages[number], in_pdf[number]
        exact = len(number.partition(".")[2]) > 1
        if there < here or (exact and there > here):
            where = ", ".join(name for name, found in pages.items() if number in found)
            yield f"{number} stands {here} times on pages ({where or 'none'}), {there} times in the PDF"


def _words(page: Page) -> str:
    main = page.main
    for element in main.select(_WEB_ONLY):
        element.extract()
    return main.get_text(" ")
