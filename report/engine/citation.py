"""Writes the report's citation in several formats, from one description.

The description comes from `report/_quarto.yml` (title, authors, date, description, addresses, DOI),
`pyproject.toml` (version, licence, keywords), the bibliography (data) and the reference record (results).
`python -m report.engine.citation` writes the files; `--check` lists those that are out of date.
"""

import argparse
import json
import os
import re
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from pneumo.base import paths, storage, streams
from pneumo.base.errors import PneumoError
from pneumo.record import Record
from pneumo.record import read as record_of
from report.engine import citation_forms, metadata, tree
from report.engine.citation_forms import Citation
from report.engine.config import read_book
from report.engine.plain import read_text

# Keys of the bibliography: works that the report is based on, to be cited with it.
SOURCES = ("yang2023", "kermany2018")


class CitationError(PneumoError):
    """A project that can't be cited, since its metadata is incomplete or contradictory."""


def read(project: Path) -> Citation:
    """The citation of a checkout's report.

    Args:
        project: the folder of `pyproject.toml` and `report/`.

    Raises:
        CitationError: there is no date or description, or the two files name different authors.
        RenderError: `_quarto.yml` is not valid.
    """
    book = read_book(project / "report")
    package = tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    named = [author["name"] for author in package["authors"]]
    if named != [author.name for author in book.authors]:
        raise CitationError(
            f"pyproject.toml names {', '.join(named)} as authors, "
            f"_quarto.yml {', '.join(author.name for author in book.authors) or 'nobody'}"
        )
    if not book.description:
        raise CitationError("_quarto.yml has no description")
    try:
        date.fromisoformat(book.date)
    except ValueError:
        problem = f"_quarto.yml must give the date as in 2026-01-31; found {book.date!r}"
        raise CitationError(problem) from None
    for author in book.authors:
        if author.is_one_text:
            parts = "{given: …, family: …}, or {literal: …} for an organisation"
            raise CitationError(f"_quarto.yml must give the name {author.name!r} as {parts}")
    return Citation(
        book=book,
        name=package["name"],
        version=package["version"],
        license=package["license"],
        python=package.get("requires-python", ""),
        requires=tuple(package.get("dependencies", ())),
        keywords=tuple(package.get("keywords", ())),
        sources=_sources(book.bibliography),
    )


# The files, by source: the citation only, or the reference record as well.
FORMS: Mapping[str, Callable[[Citation], str]] = {
    "CITATION.cff": citation_forms.cff,
    ".zenodo.json": citation_forms.zenodo,
    "codemeta.json": metadata.codemeta,
    "report/citation/header.html": citation_forms.header,
    "report/citation/pneumo.bib": citation_forms.bibtex,
}
OF_THE_RECORD: Mapping[str, Callable[[Citation, Record], str]] = {
    "report/citation/croissant.json": metadata.croissant,
    "report/citation/model-card.md": metadata.model_card,
}


def write(project: Path) -> None:
    """Write the files of :data:`FORMS` and, if there is a reference record, of :data:`OF_THE_RECORD`.

    Raises:
        CitationError, RenderError: as :func:`read`.
        RecordError: the reference record is damaged.
    """
    # The project's file names some of them, so they must exist before it is read.
    for name in (*FORMS, *OF_THE_RECORD):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).touch()
    for name, text in _texts(project):
        (project / name).write_text(text, encoding="utf-8")


def outdated(project: Path) -> list[str]:
    """The files that are missing or differ from what :func:`write` would write.

    Raises:
        CitationError, RenderError, RecordError: as :func:`write`.
    """
    return [
        name
        for name, text in _texts(project)
        if not (project / name).is_file() or read_text(project / name) != text
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the files, or check them; the exit status is 1 if a file is out of date or can't be written."""
    streams.forgive()
    os.environ.pop("QUARTO_PROFILE", None)  # the citation is that of the default profile
    parser = argparse.ArgumentParser(prog="python -m report.engine.citation", description=__doc__)
    parser.add_argument("--project", type=Path, default=paths.root(), help="the checkout")
    parser.add_argument("--check", action="store_true", help="only list files that are out of date")
    chosen = parser.parse_args(arguments)
    try:
        with storage.reported():
            if not chosen.check:
                write(chosen.project)
                return 0
            found = outdated(chosen.project)
    except PneumoError as error:
        print(f"citation: {error}", file=sys.stderr)
        return 1
    for name in found:
        print(f"citation: {name} is out of date: run `nox -s cite`", file=sys.stderr)
    return 1 if found else 0


def _texts(project: Path) -> Iterator[tuple[str, str]]:
    """Each file's name and text."""
    citation = read(project)
    for name, form in FORMS.items():
        yield name, form(citation)
    reference = project / "report" / "reference"
    if reference.is_dir():
        record = record_of(reference)
        for name, made in OF_THE_RECORD.items():
            yield name, made(citation, record)


def _sources(bibliography: Sequence[Path]) -> tuple[Mapping[str, Any], ...]:
    entries = {
        entry["id"]: entry
        for path in bibliography
        for entry in json.loads(tree.pandoc(["-f", "bibtex", "-t", "csljson"], read_text(path)))
    }
    # CSL marks words in a title that keep their capitals.
    return tuple(
        entries[key] | {"title": re.sub(r"</?span[^>]*>", "", entries[key]["title"])}
        for key in SOURCES
        if key in entries
    )


if __name__ == "__main__":
    sys.exit(main())
