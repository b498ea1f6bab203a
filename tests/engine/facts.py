"""Reads a rendered book: what a reader sees and what a link finds on each page, by Quarto's class names."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag

Facts = dict[str, Any]
KINDS = ("note", "tip", "important", "warning", "caution")


def read_site(folder: Path) -> dict[str, Facts]:
    """The facts of every page, by its name without the ending."""
    return {path.stem: read_page(path) for path in sorted(folder.glob("*.html"))}


def read_page(path: Path) -> Facts:
    """One page's facts."""
    soup = BeautifulSoup(path.read_text(encoding="utf-8"), "lxml")
    main = soup.find("main")
    assert isinstance(main, Tag)
    _put_tex_for_maths(soup, main)
    facts: Facts = {"title": words(soup.title), "heading": words(main.find("h1"))}
    header = main.find("header")
    if header:
        header.extract()  # authors and date are the frame's own
    # Quarto moves them out of their sentence, so they are read by themselves.
    facts["asides"] = _all(main, "span.aside, span.margin-aside", _taken_out)
    facts["sections"] = [
        [section["id"], words(section.find(["h1", "h2", "h3", "h4"], recursive=False))]
        for section in main.find_all("section", id=True)
    ]
    labels = {tag["id"] for tag in main.find_all(id=re.compile(r"^(fig|tbl|sec|eq)-"))}
    facts["anchors"] = sorted(label for label in labels if "-caption-" not in label)
    facts["captions"] = _all(main, "figcaption", words)
    facts["alternative texts"] = _all(main, "img", lambda tag: tag.get("alt"))
    facts["references"] = _all(main, "a.quarto-xref", lambda tag: [words(tag), tag["href"]])
    facts["callouts"] = _all(main, "div.callout", _callout)
    facts["tabs"] = _all(main, "a.nav-link[role=tab]", words)
    facts["source"] = _all(main, "div.sourceCode", words)
    facts["folds"] = _all(main, "details > summary", words)
    facts["outputs"] = _all(main, "div.cell-output-stdout", words)
    facts["citations"] = _all(main, "span.citation", words)
    facts["footnotes"] = _all(main, "#footnotes li", words)
    facts["tables"] = _all(main, "table", _rows)
    facts["bibliography"] = _all(main, "div.csl-entry", words)
    facts["paragraphs"] = [text for text in _all(main, "p", words) if text]
    facts["list items"] = _all(main, "li:not(#footnotes li):not(.nav-item)", words)
    return facts


def words(tag: Any) -> str | None:
    """A tag's text in one line."""
    return " ".join(tag.get_text().replace("\xa0", " ").split()) if tag else None


def _all(main: Tag, selector: str, read: Callable[[Tag], Any]) -> list[Any]:
    return [read(tag) for tag in main.select(selector)]


def _taken_out(tag: Tag) -> str | None:
    return words(tag.extract())


def _callout(tag: Tag) -> dict[str, Any]:
    classes = tag.get("class") or []
    return {
        "kind": next(kind for kind in KINDS if f"callout-{kind}" in classes),
        "title": words(tag.find(class_="callout-title-container")),
        "folded": bool(tag.find(class_="callout-collapse")),
        "body": words(tag.find(class_="callout-body")),
    }


def _rows(tag: Tag) -> list[list[str | None]]:
    return [[words(cell) for cell in row.find_all(["th", "td"])] for row in tag.find_all("tr")]


def _put_tex_for_maths(soup: BeautifulSoup, main: Tag) -> None:
    """Maths as its TeX, whether it is MathML or left to a script."""
    for maths in main.find_all("math"):
        tex = words(maths.find("annotation"))
        maths.replace_with(soup.new_string(f"${tex}$"))
    for maths in main.select("span.math:not(:has(math))"):
        tex = words(maths) or ""
        if tex.startswith("\\"):  # Quarto's delimiters; its number stands within them
            number = re.search(r"\\tag\{([^}]*)\}", tex)
            bare = re.sub(r"\\tag\{[^}]*\}|^\\[(\[]|\\[)\]]$", "", tex).strip()
            maths.replace_with(soup.new_string(f"${bare}$" + (f"({number[1]})" if number else "")))
