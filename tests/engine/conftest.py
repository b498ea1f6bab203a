"""What the engine's tests share: a built book, small books written on the spot, and how one is refused."""

import os
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from pneumo.record import Part, Record
from pneumo.record import write as write_files
from report.engine import html, outputs, site
from report.engine.cache import Cache
from report.engine.config import Book, read_book
from report.engine.document import Document, assemble
from report.engine.errors import RenderError
from report.engine.execute import execute
from report.engine.outputs import Executed
from report.engine.source import read_page

BOOK = Path(__file__).parent / "book"
CONFIG = """\
project:
  type: book
book:
  title: "Small"
  chapters: [{chapters}]
format:
  html: default
{more}"""

Write = Callable[..., Path]
Refusal = Callable[..., str]


@pytest.fixture(scope="session")
def built(shared: Path) -> Path:
    """The site of `book/`, built once for all workers."""
    folder = shared / "engine"
    with FileLock(shared / "engine.lock"):
        if not (folder / "built").exists():
            shutil.copytree(BOOK, folder / "book", dirs_exist_ok=True)
            site.render(folder / "book")
    return folder / "built"


def write_book(folder: Path, more: str = "", /, **pages: str) -> Path:
    """Write a book: pages by name, the front page among them or made up; gives its folder."""
    folder.mkdir(exist_ok=True)
    pages = {"index": "# Front {.unnumbered}\n", **pages}
    for name, text in pages.items():
        (folder / f"{name}.qmd").write_text(text, encoding="utf-8")
    chapters = ", ".join(f"{name}.qmd" for name in pages if not name.startswith("_"))
    text = CONFIG.format(chapters=chapters, more=more)
    (folder / "_quarto.yml").write_text(text, encoding="utf-8")
    return folder


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """:func:`write_book` for the test's own project."""
    return partial(write_book, tmp_path / "project")


@pytest.fixture
def refusal(write: Write, monkeypatch: pytest.MonkeyPatch) -> Refusal:
    """What a book with such pages is refused with, its folder left out."""

    def message(more: str = "", /, files: Mapping[str, bytes] | None = None, **pages: str) -> str:
        folder = write(more, **pages)
        for name, content in (files or {}).items():
            (folder / name).write_bytes(content)
        monkeypatch.chdir(folder)
        before = sorted(folder.parent.rglob("*"))
        with pytest.raises(RenderError) as raised:
            site.render(folder, folder.parent / "site")
        assert sorted(folder.parent.rglob("*")) == before
        return str(raised.value)

    return message


def write_record(folder: Path, dataset: str = "pneumoniamnist", **answers: Any) -> Record:
    """A small record of a data set, with the answers that are given."""
    data = {"source": "file", "fingerprint": "b735", "size": 28, "counts": {}, "dataset": dataset}
    known = {
        "profile": "standard", "written": "2026-01-31", "engine": "portable", "models": {}, "data": data,
        "claims": [{"id": "round", "text": "It is round.", "verdict": "supported", "evidence": "seen"}],
        "provenance": {"pneumo": "1", "runs": [{"run": "simple-cnn-s0-0123", "git_commit": "a" * 40}]},
    }  # fmt: skip
    return write_files(
        folder, [Part(answers=known | answers)], {"predictions/one-s0.csv": b"0,0.5\n"}
    )


def read(folder: Path) -> tuple[Document, Book]:
    """A book's pages, run and numbered."""
    book = read_book(folder)
    pages = [read_page(path, book.metadata) for path in book.chapters]
    return assemble(execute(pages, book, Cache()), book), book


def shown(document: Document, book: Book, name: str = "one") -> str:
    """A page's HTML, without its frame."""
    (chapter,) = (chapter for chapter in document.chapters if chapter.slug == name)
    return html.write_body(chapter, document, book)


def cell(code: str, *options: str) -> str:
    """A cell with its options."""
    return "\n".join(["```{python}", *(f"#| {option}" for option in options), code, "```", ""])


def printed_page(folder: Path, *kinds: str) -> Executed:
    """The page `one` whose only cell has given such outputs; no kernel runs."""
    texts = {"image/png": "eA=="}
    given = [
        {"output_type": "display_data", "data": {kind: texts.get(kind, "x")}} for kind in kinds
    ]
    return outputs.write(read_page(folder / "one.qmd", {}), [given])


def environment(**changes: str | None) -> Mapping[str, str]:
    """This process's environment with some variables changed; None takes one away."""
    changed = os.environ | {name: value for name, value in changes.items() if value is not None}
    return {name: value for name, value in changed.items() if changes.get(name, "") is not None}
