"""For each figure and table: links to its numbers, code and runs, and to a form for reporting a problem.

A folded control under each caption links to files of the site and to a page for that figure or table.
:func:`write` makes these pages once either engine has built the site's own.
"""

import csv
import inspect
import io
import re
from collections.abc import Iterable, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from markupsafe import Markup

from pneumo import __version__
from pneumo.pages import beside
from pneumo.pages.topics import FIGURES, TABLES
from pneumo.record import Record
from pneumo.record.answers import RunFacts

FOLDER = "behind"  # of a site
ROWS = 200  # shown on a page; the CSV has all
_CONTROL = re.compile(r'<details class="behind" data-anchor="([\w-]+)">')
_PROBLEM = re.compile(rf'href="{FOLDER}/([\w-]+)\.html#problem"')


def control(
    record: Record, anchor: str, runs: Sequence[str] | None = None, picture: str = ""
) -> str:
    """The control under a caption, as one line of HTML: links, and the runs by key.

    Args:
        record: whose numbers are shown.
        anchor: of the figure or the table.
        runs: labels of the runs behind it, if not those of its numbers; each links to its row in the table
            of runs.
        picture: the path of its SVG; a site has a PNG beside it.
    """
    page, numbers = f"{FOLDER}/{anchor}.html", _file(anchor)
    links = [(f"{page}#code", "Code"), (f"{page}#problem", "Report a problem")]
    if picture:
        links[:0] = [(picture, "SVG"), (str(Path(picture).with_suffix(".png")), "PNG")]
    if numbers in record.sums:
        links[:0] = [(f"{page}#numbers", "Numbers"), (f"record/{numbers}", "CSV")]
    shown = " ".join(f'<a href="{address}">{words}</a>' for address, words in links)
    known = named(record, record.runs(anchor) if runs is None else runs)
    if known:
        rows = " ".join(f'<a href="{_row(run)}">{_words(run)}</a>' for run in known)
        number = f"{len(known)} {'run' if len(known) == 1 else 'runs'}"
        shown += f' <span class="runs">From {number}: {rows}</span>'
    what = "figure" if anchor.startswith("fig-") else "table"
    return (
        f'<details class="behind" data-anchor="{anchor}"><summary>Behind this {what}</summary>'
        f"{shown}</details>"
    )


def named(record: Record, runs: Iterable[str]) -> list[RunFacts]:
    """The record's runs with these labels; labels that the record does not have are left out."""
    facts = {run.run: run for run in record.provenance.runs}
    return [facts[label] for label in runs if label in facts]


def write(record: Record, site: Path, repository: str, commit: str) -> None:
    """Write a page for every figure and table that a site shows.

    Args:
        record: the record of the site.
        site: the site's folder, with pages at its top.
        repository: the address of the code's repository, where problems are reported; may be "".
        commit: the commit that the site was built from; may be "".
    """
    template = beside.template("behind")
    (site / FOLDER).mkdir(exist_ok=True)
    report = partial(_report, repository=repository, commit=commit)
    for path in sorted(site.glob("*.html")):
        page = path.read_text(encoding="utf-8")
        for found in _CONTROL.finditer(page):
            caption = page[page.rindex("<figcaption", 0, found.start()) : found.start()]
            content = _content(record, found[1], repository, commit.removesuffix("-dirty"))
            text = template.render(
                content, page=path.name, caption=Markup(caption.partition(">")[2].strip()),
                version=__version__, commit=commit, report=report(found[1]),
            )  # fmt: skip
            (site / FOLDER / f"{found[1]}.html").write_text(text, encoding="utf-8")
        if repository:  # saves a click
            linked = _PROBLEM.sub(lambda found: f'href="{escape(report(found[1]))}"', page)
            path.write_text(linked, encoding="utf-8")


def _content(record: Record, anchor: str, repository: str, commit: str) -> dict[str, Any]:
    """The content of a figure's or a table's page: its numbers, runs and code."""
    kind, name = _file(anchor).split("/")[0], _file(anchor)
    header, rows, runs = [], [], []
    if name in record.sums:
        header, *rows = csv.reader(io.StringIO(record.read(name).decode(), newline=""))
        runs = named(record, record.runs(anchor))
    made: Any = {**FIGURES, **TABLES}[anchor]
    function = getattr(made, "func", made)  # if it is a partial
    lines, first = inspect.getsourcelines(function)
    module = f"{function.__module__.replace('.', '/')}.py"
    place = f"{repository}/blob/{commit}/{module}#L{first}-L{first + len(lines) - 1}"
    return {
        "anchor": anchor, "file": name, "kind": kind, "header": header, "count": len(rows),
        "rows": [[_short(cell) for cell in row] for row in rows[:ROWS]],
        "runs": [(_row(run), Markup(_words(run))) for run in runs],
        "code": "".join(lines).rstrip(), "module": module,
        "source": place if repository and commit else "",
    }  # fmt: skip


def _report(anchor: str, repository: str, commit: str) -> str:
    """The address of a filled-in issue form; "" if no repository is known."""
    fields = {
        "template": "problem.yml", "title": f"{anchor}: ", "anchor": anchor,
        "version": f"{__version__} {commit}".strip(),
    }  # fmt: skip
    return f"{repository}/issues/new?{urlencode(fields)}" if repository else ""


def _file(anchor: str) -> str:
    """The path in a record of the numbers of a figure or a table."""
    return f"{'figures' if anchor.startswith('fig-') else 'tables'}/{anchor}.csv"


def _row(run: RunFacts) -> str:
    return f"runs.html#{run.anchor}"


def _words(run: RunFacts) -> str:
    return f"{escape(run.title)}, seed {run.seed}: <code>{run.key}</code>"


def _short(cell: str) -> str:
    """A cell with at most six significant digits."""
    try:
        return cell if cell.lstrip("-").isdigit() else f"{float(cell):.6g}"
    except ValueError:
        return cell
