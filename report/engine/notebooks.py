"""Writes each chapter of a built site as an executed notebook that needs only the site's record."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pneumo.pages import notebook
from report.engine.cache import Cache
from report.engine.config import Book
from report.engine.execute import run_cells
from report.engine.outputs import Outputs
from report.engine.plain import read_text
from report.engine.source import Cell, Inline, Page, Piece, read_page

FOLDER = "notebooks"  # of a site
_DIV = re.compile(r"^\s*:{3,}\s*(.*)$")
_PAPER = 'when-format="typst"'
_BEGIN = """\
# Needs Python 3.11 and: pip install pneumo. The record lies beside this notebook{online}.
from pneumo.pages import notebook

notebook.begin({places})"""
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")


def write(book: Book, site: Path, cache: Cache) -> None:
    """Write ``notebooks/<chapter>.ipynb`` for every chapter whose cells open the record.

    Its outputs are those of the page, which runs again only if the cache does not have them.

    Raises:
        RenderError: a cell raises; it names the page.
    """
    (site / FOLDER).mkdir(exist_ok=True)
    pages = [read_page(path, book.metadata) for path in book.chapters]
    pages = [page for page in pages if _opens_the_record(page)]
    for page, outputs in zip(pages, run_cells(pages, book, cache), strict=True):
        text = json.dumps(_notebook(page, outputs, book, site), indent=1, ensure_ascii=False)
        path = site / FOLDER / f"{page.path.stem}.ipynb"
        path.write_text(text + "\n", encoding="utf-8")


def _opens_the_record(page: Page) -> bool:
    """Whether a page is made from the record, so that it needs none of the project's files."""
    return any(isinstance(piece, Cell) and "open_record" in piece.code for piece in page.pieces)


def _notebook(page: Page, outputs: Outputs, book: Book, site: Path) -> dict[str, Any]:
    """A notebook: prose with its numbers filled in, and cells with their outputs."""
    cells: list[dict[str, Any]] = []

    def add(kind: str, source: str, **more: Any) -> None:
        cell = {"cell_type": kind, "source": source, **more}
        cells.append(cell | {"id": f"cell-{len(cells)}", "metadata": {}})

    def add_code(source: str, shown: list[Any]) -> None:
        count = 1 + sum(cell["cell_type"] == "code" for cell in cells)
        for output in shown:
            output |= {"execution_count": count} if "execution_count" in output else {}
        add("code", source, execution_count=count, outputs=shown)

    add_code(_beginning(book), [])
    prose = (
        f"*{book.title}: this chapter as a notebook; [as a page](../{page.path.stem}.html).*\n\n"
    )
    for piece, given in [*_pieces(page, outputs), (None, [])]:
        if isinstance(piece, str):
            prose += piece
        elif isinstance(piece, Inline):
            prose += "".join(map(_words, given))
        else:
            if text := notebook.plain(prose).strip():
                add("markdown", text)
            prose = ""
            if piece:
                code = piece.code.replace(
                    "from pneumo.pages import", "from pneumo.pages.notebook import"
                )
                add_code(code.strip(), list(_shown(piece, given, site)))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    return {
        "cells": cells,
        "metadata": {"kernelspec": kernel},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def _beginning(book: Book) -> str:
    """The code of a notebook's first cell, which finds the record."""
    places = ["../record"] + ([f"{book.site_url.rstrip('/')}/record"] if book.site_url else [])
    online = ", or is downloaded" if book.site_url else ""
    return _BEGIN.format(online=online, places=", ".join(map(json.dumps, places)))


def _pieces(page: Page, outputs: Outputs) -> Iterator[tuple[Piece, list[Any]]]:
    """A page's pieces and the outputs of each, without content that only the PDF shows."""
    open_divs: list[bool] = []  # whether each is only for the PDF
    given = iter(outputs)
    for piece in page.pieces:
        if isinstance(piece, str):
            for line in piece.splitlines(keepends=True):
                div = _DIV.match(line)
                if div and div[1].strip(": \n"):
                    open_divs.append(_PAPER in div[1])
                elif div and open_divs:
                    open_divs.pop()
                elif not any(open_divs):
                    yield line, []
            continue
        made = next(given) if isinstance(piece, Inline) or piece.is_run else []
        if not any(open_divs):
            yield piece, made


def _words(output: dict[str, Any]) -> str:
    """The value of an inline expression: Markdown as it is, other text without its escapes."""
    data = output.get("data", {})
    plain, markdown = (str(data.get(f"text/{kind}", "")) for kind in ("plain", "markdown"))
    return plain if _ESCAPED.sub(r"\1", markdown) == plain else markdown


def _shown(cell: Cell, outputs: Iterable[Any], site: Path) -> Iterator[dict[str, Any]]:
    """The outputs of a cell, with printed Markdown as a notebook shows it."""
    for output in outputs:
        if output["output_type"] != "stream" or cell.options.get("output") != "asis":
            yield output
            continue
        for data in notebook.bundles(output["text"], lambda path: read_text(site / path)):
            yield {"output_type": "display_data", "data": data, "metadata": {}}
