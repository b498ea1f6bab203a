"""Reads `_quarto.yml` and its profiles."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pneumo.record import finding
from report.engine.errors import RenderError, at
from report.engine.known import NOT_READ, PROJECT
from report.engine.options import Places, read_yaml
from report.engine.plain import is_file, read_text

BUILD = "build.json"  # a built site's file that holds its commit


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
    is_one_text: bool = False  # whether the file does not say which part is the family name

    @property
    def orcid_url(self) -> str:
        """The address of the ORCID; "" without one."""
        return f"https://orcid.org/{self.orcid}" if self.orcid else ""

    @property
    def inverted(self) -> str:
        """The name with the family name first; an organisation's name unchanged."""
        return f"{self.family}, {self.given}" if self.given else self.family or self.name


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
    site_url: str  # with a slash at the end, or empty
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
        problem = "Quarto reads this file, but the portable engine does not"
        raise at(folder / name, None, f"{problem}; put it into _quarto.yml")
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
    project, described = raw.get("project") or {}, raw.get("book") or {}
    texts: dict[str, Any] = {
        name.replace("-", "_"): str(described.get(name) or "")
        for name in ("subtitle", "date", "description", "repo-url", "site-url", "doi")
    }
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
            _list(described.get("chapters")),
            _list(described.get("appendices")),
            _list(raw.get("bibliography")),
            _list(html.get("css")),
            [entry["file"] for entry in _list(html.get("include-in-header")) if entry],
        )
    )
    texts["site_url"] = f"{texts['site_url'].rstrip('/')}/" if texts["site_url"] else ""
    texts["doi"] = re.sub(r"^https?://(dx\.)?doi\.org/", "", texts["doi"])
    book = Book(
        folder=folder,
        title=str(described.get("title") or folder.resolve().name),
        authors=tuple(map(_author, _list(described.get("author")))),
        lang=str(raw.get("lang") or "en"),
        footer=str((described.get("page-footer") or {}).get("center") or ""),
        open_graph=bool(described.get("open-graph")),
        twitter_card=bool(described.get("twitter-card")),
        output=(folder / str(project.get("output-dir") or "_book")).resolve(),
        pdf=f"{described.get('output-file') or 'book'}.pdf" if "typst" in formats else None,
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
        **texts,
    )
    for problem, *keys in _faults(book, project.get("type")):
        raise book.fault(problem, *keys)
    return book


def _faults(book: Book, kind: str | None) -> Iterator[tuple[Any, ...]]:
    """Problems of a project whose values are all known by themselves, each with the keys of the value."""
    if kind is None:
        yield "this engine renders only books; set type: book", "project"
    if not book.chapters or book.chapters[0].name != "index.qmd":
        yield "the first chapter of a book must be index.qmd", "book", "chapters"
    if book.folder.resolve().is_relative_to(book.output):
        problem = f"the site would replace the project, which is in {book.output}"
        yield f"{problem}; choose another folder", "project", "output-dir"
    for place, pattern in enumerate(book.resources):
        if not PurePosixPath(pattern).parts:
            problem = f"{pattern!r} is the project's folder; name files, with * for any name"
            yield problem, "project", "resources", place
    for place, author in enumerate(book.authors):
        if not author.name:
            yield "this author has no name: give family or literal", "book", "author", place
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
                yield f"there is no file {name}; correct the name, or add the file", *keys, place
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
    """An author: a person with a family name, or a name that is not taken apart."""
    entry = entry if isinstance(entry, dict) else {"name": entry}
    name = entry.get("name") or {}
    name = name if isinstance(name, dict) else {"literal": name}
    literal, given, family = (str(name.get(part) or "") for part in ("literal", "given", "family"))
    if literal or not family:
        given = family = ""
    return Author(
        name=literal or f"{given} {family}".strip(),
        affiliations=tuple(
            str(place.get("name", "") if isinstance(place, dict) else place)
            for place in _list(entry.get("affiliations"))
        ),
        orcid=str(entry.get("orcid") or "").rpartition("/")[2] or None,
        url=entry.get("url"),
        email=entry.get("email"),
        given=given or None,
        family=family or None,
        is_one_text=not isinstance(entry.get("name"), dict),
    )


def _list(value: Any) -> list[Any]:
    """One value or a list of values as a list."""
    return value if isinstance(value, list) else [] if value is None else [value]
