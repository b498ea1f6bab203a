"""Writes each chapter of a built site as an executed notebook that needs only the site's record."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pneumo.pages import notebook
from report.engine.cache import Cache, inputs, key_of
from report.engine.config import Book
from report.engine.execute import run
from report.engine.source import Cell, Code, Inline, Page, read_page

FOLDER = "notebooks"  # of a site
_DIV = re.compile(r"^\s*:{3,}\s*(.*)$")
_PAPER = 'when-format="typst"'
_BEGIN = """\
# Needs Python 3.11 and: pip install pneumo. The record lies beside this notebook{online}.
from pneumo.pages import notebook

notebook.begin({places})"""
# Prints the words of an inline expression.
_INLINE = 'print(getattr(({code}), "data", None) or str({code}), end="")'


def write(book: Book, site: Path, cache: Cache) -> None:
    """Write ``notebooks/<chapter>.ipynb`` for every chapter whose cells open the record.

    Raises:
        RenderError: a cell raises; it names the page.
    """
    folder = site / FOLDER
    folder.mkdir(exist_ok=True)
    pages = [read_page(path, book.metadata) for path in book.chapters]
    pages = [page for page in pages if _opens_the_record(page)]
    parts = [_parts(page, book) for page in pages]
    cells = [_cells(page, content) for page, content in zip(pages, parts, strict=True)]
    codes = [[cell.code for cell in some] for some in cells]  # prose changes no output
    key = key_of(inputs(book.folder, book.output), codes)
    kept = cache.get("notebooks", key)
    if kept is None:
        kept = json.dumps(run(cells, folder)).encode()
        cache.put("notebooks", key, kept)
    for page, content, outputs in zip(pages, parts, json.loads(kept), strict=True):
        name = page.path.stem
        text = _notebook(content, iter(outputs), book, name)
        (folder / f"{name}.ipynb").write_text(text, encoding="utf-8")


def _opens_the_record(page: Page) -> bool:
    """Whether a page is made from the record, so that it needs none of the project's files."""
    return any(isinstance(piece, Cell) and "open_record" in piece.code for piece in page.pieces)


def _parts(page: Page, book: Book) -> list[tuple[str, str]]:
    """A notebook's parts in order, ("text" | "inline" | "code", content), without PDF-only content."""
    places = ["../record"] + ([f"{book.site_url.rstrip('/')}/record"] if book.site_url else [])
    online = ", or is downloaded" if book.site_url else ""
    begin = _BEGIN.format(online=online, places=", ".join(map(repr, places)))
    return [("code", begin.replace("'", '"')), *_pieces(page)]


def _pieces(page: Page) -> Iterator[tuple[str, str]]:
    open_divs: list[bool] = []  # whether each is only for the PDF
    for piece in page.pieces:
        if isinstance(piece, str):
            for line in piece.splitlines(keepends=True):
                div = _DIV.match(line)
                if div and div[1].strip(": \n"):
                    open_divs.append(_PAPER in div[1])
                elif div and open_divs:
                    open_divs.pop()
                elif not any(open_divs):
                    yield "text", line
        elif not any(open_divs):
            if isinstance(piece, Inline):
                yield "inline", piece.code
            else:
                code = piece.code.replace(
                    "from pneumo.pages import", "from pneumo.pages.notebook import"
                )
                yield "code", code.strip()


def _cells(page: Page, content: Iterable[tuple[str, str]]) -> Code:
    """The code that runs for a notebook: its cells and inline expressions."""
    return [
        Cell(_INLINE.format(code=words) if kind == "inline" else words, {}, page.path, 1)
        for kind, words in content
        if kind != "text"
    ]


def _notebook(
    content: Iterable[tuple[str, str]], outputs: Iterator[list[Any]], book: Book, name: str
) -> str:
    """A notebook's file: prose with its numbers filled in, and cells with their outputs."""
    cells: list[dict[str, Any]] = []

    def add(kind: str, source: str, **more: Any) -> None:
        cell = {"cell_type": kind, "source": source, **more}
        cells.append(cell | {"id": f"cell-{len(cells)}", "metadata": {}})

    prose = f"*{book.title}: this chapter as a notebook; [as a page](../{name}.html).*\n\n"
    count = 0
    for kind, words in [*content, ("code", "")]:
        if kind == "text":
            prose += words
        elif kind == "inline":
            prose += "".join(one["text"] for one in next(outputs))
        else:
            if text := notebook.plain(prose).strip():
                add("markdown", text)
            prose = ""
            if words:
                count += 1
                shown = [
                    one | {"execution_count": count} if "execution_count" in one else one
                    for one in next(outputs)
                ]
                add("code", words, execution_count=count, outputs=shown)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"
