"""Functions that a page's cells call: open the record, show figures, tables and fragments, quote a claim."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import TypeVar

from IPython.display import Markdown

from pneumo.base.errors import PneumoError
from pneumo.pages import behind, drawing, fragments, style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table
from pneumo.pages.numbers import claim_text
from pneumo.pages.style import PHANTOM
from pneumo.pages.topics import FIGURES, TABLES
from pneumo.record import LackingError, Record, finding, read

T = TypeVar("T")

PICTURES = Path("figures")  # beside the pages; each file is named by its content


class PageError(PneumoError):
    """A page asks for a figure or a table that does not exist, or its record does not fit the book."""


def open_record() -> Record:
    """The record of the pages, as found by :func:`pneumo.record.finding.folder`.

    Raises:
        RecordError: there is none, or it is damaged.
        PageError: the book's title is about another data set.
    """
    record = read(finding.folder())
    if record.data.dataset != finding.titled():
        raise PageError(
            f"{record.path} is of {record.data.dataset}, the book's title of {finding.titled()}: "
            f"set QUARTO_PROFILE={record.data.dataset}, or PNEUMO_DATASET={finding.titled()} for its record"
        )
    return record


def figure(record: Record, anchor: str) -> None:
    """Print a figure for a cell with ``output: asis``: both drawings, alternative text, caption, control.

    Args:
        record: the record whose numbers it shows.
        anchor: as in a cross-reference, ``fig-…``.

    Raises:
        PageError: there is no such figure.
    """
    print(f"\n{figure_markdown(record, anchor, _keep)}\n")


def figure_markdown(record: Record, anchor: str, keep: Callable[[str, str], str]) -> str:
    """A figure's Markdown: both drawings, alternative text, caption, control.

    Args:
        record: the record whose numbers it shows.
        anchor: as in a cross-reference, ``fig-…``.
        keep: keeps a drawing (its name without an ending, the SVG) and returns its path.

    Raises:
        PageError: as :func:`figure`.
    """
    shown = drawn(record, anchor)
    light = drawing.draw(shown.canvas)
    alt = escape(shown.alt, quote=True).replace("&#x27;", "'")
    paths = [
        keep(f"{anchor}-{hashlib.sha256(svg.encode()).hexdigest()[:8]}-{theme}", svg)
        for theme, svg in (("light", light), ("dark", drawing.darken(light)))
    ]
    first, second = (f'![]({path}){{fig-alt="{alt}"}}' for path in paths)
    caption = _marked(record, shown.caption) + _behind(record, anchor, shown.runs, paths[0])
    return (
        f"::: {{#{anchor}}}\n\n::: {{.light-content}}\n{first}\n:::\n\n"
        f':::: {{.content-visible when-format="html"}}\n::: {{.dark-content}}\n{second}\n:::\n::::\n\n'
        f"{caption}\n:::"
    )


def drawn(record: Record, anchor: str) -> Shown:
    """A figure; if the record lacks a part of it, one that says so.

    Raises:
        PageError: as :func:`figure`.
    """
    try:
        return _known(FIGURES, anchor)(record)
    except LackingError as lacking:
        words = f"not in this record: {lacking.part}"
        return Shown(style.placeholder(words), fragments.missing(record, lacking.part), words)


def table(record: Record, anchor: str) -> None:
    """Print a table with its caption and the runs behind it, for a cell with ``output: asis``.

    Raises:
        PageError: there is no such table.
    """
    print(f"\n{table_markdown(record, anchor)}\n")


def table_markdown(record: Record, anchor: str) -> str:
    """A table's Markdown with its caption, for a fragment that shows it only in some cases.

    Raises:
        PageError: as :func:`table`.
    """
    try:
        made = _known(TABLES, anchor)(record)
    except LackingError as lacking:
        made = Table(
            ("numbers",),
            (False,),
            (("not in this record",),),
            fragments.missing(record, lacking.part),
        )
    caption = _marked(record, made.caption) + _behind(record, anchor, made.runs)
    return f"{made.markdown()}\n\n: {caption} {{#{anchor}}}"


def say(record: Record, fragment: str, **values: object) -> None:
    """Print a fragment's Markdown, for a cell with ``output: asis``.

    Args:
        record: the record that the words are about.
        fragment: the name of a template in ``templates/fragments``, as for
            :func:`pneumo.pages.fragments.render`.
        values: more names for the template.

    Raises:
        FragmentError: there is no such fragment, or it uses a name that does not exist.
    """
    print(fragment_markdown(record, fragment, **values))


def fragment_markdown(record: Record, fragment: str, **values: object) -> str:
    """A fragment's Markdown; the fragment may show tables.

    Raises:
        FragmentError: as :func:`say`.
    """
    return fragments.render(record, fragment, table=partial(table_markdown, record), **values)


def phrase(record: Record, fragment: str, **values: object) -> Markdown:
    """A fragment as part of a sentence, for an inline expression.

    Raises:
        FragmentError: as :func:`say`.
    """
    return md(" ".join(fragments.render(record, fragment, **values).split()))


def claim(record: Record, identifier: str) -> Markdown:
    """A claim's finding, as :func:`pneumo.pages.numbers.claim_text` writes it, for an inline expression."""
    return md(claim_text(record.claims[identifier]))


def md(text: str) -> Markdown:
    """Markdown for an inline expression; a plain string would be escaped."""
    return Markdown(text)  # type: ignore[no-untyped-call]


def _known(functions: Mapping[str, T], anchor: str) -> T:
    if anchor not in functions:
        raise PageError(f"there is no {anchor!r}; there are: {', '.join(sorted(functions))}")
    return functions[anchor]


def _behind(record: Record, anchor: str, runs: Sequence[str] | None, picture: str = "") -> str:
    """The control at the end of a caption, in Markdown, for HTML only; the PDF lists runs in an appendix."""
    return f" `{behind.control(record, anchor, runs, picture)}`{{=html}}"


def _marked(record: Record, caption: str) -> str:
    """A caption; for the phantom it says that the data are not medical data."""
    return f"{caption} **{PHANTOM.capitalize()}.**" if record.data.is_phantom else caption


def _keep(name: str, svg: str) -> str:
    """Write a drawing beside the pages and return its path."""
    PICTURES.mkdir(exist_ok=True)
    path = PICTURES / f"{name}.svg"
    if not path.is_file():
        path.write_text(svg, encoding="utf-8")
    return path.as_posix()
