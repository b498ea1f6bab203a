"""Reads `_quarto.yml` and its profiles."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pneumo.record import finding
from report.engine.errors import RenderError, at
from report.engine.known import NOT_READ, PROJECT
from report.engine.options import Places, read_yaml
from report.engine.plain import is_file, read_text

BUILD = "build.json"  # a built site's file that holds its commit
_SUFFIX = re.compile(r"[JS]r\.?|I{1,3}|IV")


@dataclass(frozen=True)
class Author:
    """One of the book's authors: a person, or an organisation, which has no family name."""

    name: str
    affiliations: tuple[str, ...] = ()
    orcid: str | None = None  # four groups of four, without an address
    url: str | None = None
    email: str | None = None
    given: str | None = None
    family: str | None = None


@dataclass(frozen=True)
class Book:
    """The project as its file describes it."""

    folder: Path
    title: str
    subtitle: str
    authors: tuple[Author, ...]
    date: str
    description: str
    lang: str
    footer: str
    repo_url: str
    site_url: str
    doi: str  # without an address
    open_graph: bool  # whether pages have Open Graph tags
    twitter_card: bool
    output: Path  # the folder named in the project's file
    pdf: str | None  # the PDF's file name; None if the project asks for no PDF
    chapters: tuple[Path, ...]  # including appendices
    appendices: tuple[Path, ...]
    bibliography: tuple[Path, ...]
    stylesheets: tuple[Path, ...]
    headers: tuple[Path, ...]  # HTML for the head of every page
    resources: tuple[str, ...]
    html: Mapping[str, Any]
    typst: Mapping[str, Any]
    metadata: Mapping[str, Any]  # the whole file
    places: Places = field(repr=False)

    def fault(self, problem: str, *keys: str | int) -> RenderError:
        """An error in a value of the project's file, at its line or that of the closest parent."""
        while keys and keys not in self.places:
            keys = keys[:-1]
        return at(*self.places[keys], problem)


def read_book(folder: Path) -> Book:
    """Read the project in a folder, with its profiles.

    Raises:
        RenderError: `_quarto.yml` is missing, is not YAML, or has options that this engine does not know.
    """
    for name in filter(lambda name: (folder / name).exists(), NOT_READ):
        raise at(folder / name, None, "Quarto reads this, and the portable engine does not")
    path = folder / "_quarto.yml"
    if not path.is_file():
        raise RenderError(f"{path} is missing: {folder} is not a Quarto project")
    places: Places = {(): (path, 1)}
    raw: Any = read_yaml(read_text(path), path, 1, PROJECT, places=places)
    # As in Quarto, the first of several profiles takes precedence, so it is merged last.
    for name in reversed(finding.profiles() or _list((raw.get("profile") or {}).get("default"))):
        path = folder / f"_quarto-{name}.yml"
        if is_file(path):
            raw = _merged(raw, read_yaml(read_text(path), path, 1, PROJECT, places=places))
    project, said = raw.get("project") or {}, raw.get("book") or {}
    formats = raw.get("format") or {"html": {}}
    # `typst: default` has no options.
    html, typst = (
        {key: raw[key] for key in ("toc", "number-sections") if key in raw}
        | (formats[name] if isinstance(formats.get(name), dict) else {})
        for name in ("html", "typst")
    )
    chapters, appendices, bibliography, stylesheets, headers = (
        tuple(folder / str(name) for name in names)
        for names in (
            _list(said.get("chapters")),
            _list(said.get("appendices")),
            _list(raw.get("bibliography")),
            _list(html.get("css")),
            [entry["file"] for entry in _list(html.get("include-in-header")) if entry],
        )
    )
    book = Book(
        folder=folder,
        title=str(said.get("title") or folder.resolve().name),
        subtitle=str(said.get("subtitle") or ""),
        authors=tuple(map(_author, _list(said.get("author")))),
        date=_date(said.get("date")),
        description=str(said.get("description") or ""),
        lang=str(raw.get("lang") or "en"),
        footer=str((said.get("page-footer") or {}).get("center") or ""),
        repo_url=str(said.get("repo-url") or ""),
        site_url=str(said.get("site-url") or ""),
        doi=re.sub(r"^https?://(dx\.)?doi\.org/", "", str(said.get("doi") or "")),
        open_graph=bool(said.get("open-graph")),
        twitter_card=bool(said.get("twitter-card")),
        output=(folder / str(project.get("output-dir") or "_book")).resolve(),
        pdf=f"{said.get('output-file') or 'book'}.pdf" if "typst" in formats else None,
        chapters=(*chapters, *appendices),
        appendices=appendices,
        bibliography=bibliography,
        stylesheets=stylesheets,
        headers=headers,
        resources=tuple(map(str, _list(project.get("resources")))),
        html=html,
        typst=typst,
        metadata=raw,
        places=places,
    )
    for problem, *keys in _faults(book, project.get("type")):
        raise book.fault(problem, *keys)
    return book


def _faults(book: Book, kind: str | None) -> Iterator[tuple[Any, ...]]:
    """Problems of a project whose values are all known by themselves, each with the keys of the value."""
    if kind is None:
        yield "this engine renders projects of type book", "project"
    if not book.chapters or book.chapters[0].name != "index.qmd":
        yield "the first chapter of a book is index.qmd", "book", "chapters"
    if book.folder.resolve().is_relative_to(book.output):
        problem = f"the site would take the place of the project: {book.output} holds it"
        yield problem, "project", "output-dir"
    for place, author in enumerate(book.authors):
        if not author.name:
            yield "an author has a name: a text, its family, or literal", "book", "author", place
    seen: list[Path] = []
    own = len(book.chapters) - len(book.appendices)
    for files, *keys in (
        (book.chapters[:own], "book", "chapters"),
        (book.appendices, "book", "appendices"),
        (book.bibliography, "bibliography"),
        (book.stylesheets, "format", "html", "css"),
        (book.headers, "format", "html", "include-in-header"),
    ):
        for place, path in enumerate(files):
            if not is_file(path):
                name = path.as_posix().removeprefix(f"{book.folder.as_posix()}/")
                yield f"{name} is not there", *keys, place
            if path in seen:
                yield f"{path.name} occurs twice; remove one", *keys, place
            seen.append(path)


def _merged(below: Any, above: Any) -> Any:
    """Merge two values like Quarto: mappings by key, lists by appending, else the second one."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {
            key: _merged(below[key], value) if key in below else value
            for key, value in above.items()
        }
    if isinstance(below, list) and isinstance(above, list):
        return below + [item for item in above if item not in below]
    return above


def _author(entry: Any) -> Author:
    """An author; as in Quarto, a person with a family name unless the name is literal."""
    entry = entry if isinstance(entry, dict) else {"name": entry}
    name, literal = entry.get("name") or {}, ""
    if isinstance(name, dict):
        parts = ("literal", "given", "family")
        literal, given, family = (str(name.get(part) or "") for part in parts)
    else:
        given, family = _parts_of_name(str(name))
    if literal or not family:
        given = family = ""
    return Author(
        name=literal or " ".join(filter(None, (given, family))),
        affiliations=tuple(
            str(place.get("name", "") if isinstance(place, dict) else place)
            for place in _list(entry.get("affiliations"))
        ),
        orcid=str(entry.get("orcid") or "").rpartition("/")[2] or None,
        url=entry.get("url"),
        email=entry.get("email"),
        given=given or None,
        family=family or None,
    )


def _parts_of_name(name: str) -> tuple[str, str]:
    """Given and family name, as BibTeX reads them: "Last, First", "Last, Jr., First", "First von Last".

    A comma may also precede only a suffix, as in "First Last, Jr.".
    """
    family, *rest = [part.strip() for part in name.split(",")]
    suffixes = [part for part in rest if _SUFFIX.fullmatch(part)]
    given = " ".join(part for part in rest if part not in suffixes)
    if not given:
        words = family.split()
        particles = [n for n, word in enumerate(words[:-1]) if word[0].islower() and n]
        start = particles[0] if particles else len(words) - 1
        given, family = " ".join(words[:start]), " ".join(words[start:])
    return given, ", ".join([family, *suffixes])


def _date(value: object) -> str:
    return date.today().isoformat() if value in ("today", "now") else str(value or "")


def _list(value: Any) -> list[Any]:
    """One value or a list of values as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]
