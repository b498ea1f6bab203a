"""Reads `_quarto.yml` with its profiles, front matter and cell options; refuses by line what is not known."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from pneumo.record import finding
from report.engine.errors import RenderError, at
from report.engine.known import (
    ADDRESS,
    CELL,
    FOOTER,
    FRONT_MATTER,
    NOT_READ,
    PROJECT,
    fits,
    in_words,
    written,
)
from report.engine.plain import is_file, read_text
from report.engine.plain import read_yaml as load

BUILD = "build.json"  # in a built site: its commit
_NAME = ("given", "family", "literal")
_OF_AN_AUTHOR = ("name", "affiliation", "affiliations", "orcid", "url", "email", "corresponding")
_SUFFIX = re.compile(r"[JS]r\.?|I{1,3}|IV")
# What is in a page's address, in a label on paper, and in a file's name on any system.
_NAME_OF_FILE = re.compile(r"[\w][\w.-]*")
_DOI = re.compile(r"(10\.\d{4,9}/[^\s\"'<>{}`\\]+)?")
_ORCID = re.compile(r"(?:https://orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")


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
    abstract: str
    lang: str
    footer: str
    repo_url: str
    site_url: str
    doi: str  # without an address
    open_graph: bool  # whether pages describe themselves so
    twitter_card: bool
    output: Path  # the folder that the project's file names
    pdf: str | None  # the PDF's file name, None where the project asks for none
    chapters: tuple[Path, ...]  # the appendices with them
    appendices: tuple[Path, ...]
    bibliography: tuple[Path, ...]
    csl: Path | None
    stylesheets: tuple[Path, ...]
    header: str  # HTML for the head of every page
    resources: tuple[str, ...]
    execute: Mapping[str, Any]
    html: Mapping[str, Any]
    typst: Mapping[str, Any]
    metadata: Mapping[str, Any]  # the whole file, for the shortcode `meta`


def read_book(folder: Path) -> Book:
    """The project in a folder, with what its profiles change of it.

    Raises:
        RenderError: no `_quarto.yml`, one that is no YAML, or one that asks for what is not known here.
    """
    path = folder / "_quarto.yml"
    for name in filter(lambda name: (folder / name).exists(), NOT_READ):
        raise at(folder / name, None, "Quarto reads this, and the portable engine does not")
    raw: Any = {}
    for file in project_files(folder):
        raw = _merged(raw, read_yaml(read_text(file), file, 1, PROJECT))
    project, book = raw.get("project") or {}, raw.get("book") or {}
    if project.get("type") != "book":
        raise _fault(path, "this engine renders projects of type book", "project")
    formats = raw.get("format") or {"html": {}}
    chapters, appendices = _pages(path, raw, "chapters"), _pages(path, raw, "appendices")
    if not chapters or chapters[0].name != "index.qmd":
        raise _fault(path, "the first chapter of a book is index.qmd", "book", "chapters")
    shared = {key: raw[key] for key in ("toc", "number-sections") if key in raw}
    html, typst = shared | _options(formats, "html"), shared | _options(formats, "typst")
    footer = book.get("page-footer") or ""
    if isinstance(footer, dict):
        footer = " ".join(str(footer[part]) for part in FOOTER if part in footer)
    for name in _list(raw.get("bibliography")):
        if not name.endswith(".bib"):
            problem = f"the bibliography is BibTeX, in a .bib file; found {name}"
            raise _fault(path, problem, "bibliography")
    pdf = f"{book.get('output-file') or 'book'}.pdf"
    if not _NAME_OF_FILE.fullmatch(pdf):
        problem = f"the PDF's name has letters, digits, - and _ alone; found {pdf!r}"
        raise _fault(path, problem, "book", "output-file")
    doi = re.sub(r"^https?://(dx\.)?doi\.org/", "", str(book.get("doi") or ""))
    if not _DOI.fullmatch(doi):
        problem = f"a DOI is like 10.5281/zenodo.1234567; found {doi!r}"
        raise _fault(path, problem, "book", "doi")
    output = (folder / str(project.get("output-dir") or "_book")).resolve()
    if folder.resolve().is_relative_to(output):
        problem = f"the site would take the place of the project: {output} holds it"
        raise _fault(path, problem, "project", "output-dir")
    return Book(
        folder=folder,
        title=str(book.get("title") or folder.resolve().name),
        subtitle=str(book.get("subtitle") or ""),
        authors=_authors(path, book.get("author")),
        date=_date(book.get("date")),
        description=str(book.get("description") or ""),
        abstract=str(book.get("abstract") or ""),
        lang=str(raw.get("lang") or "en"),
        footer=str(footer),
        repo_url=str(book.get("repo-url") or ""),
        site_url=str(book.get("site-url") or ""),
        doi=doi,
        open_graph=bool(book.get("open-graph")),
        twitter_card=bool(book.get("twitter-card")),
        output=output,
        pdf=pdf if "typst" in formats else None,
        chapters=(*chapters, *appendices),
        appendices=appendices,
        bibliography=_files(path, raw.get("bibliography"), "bibliography"),
        csl=next(iter(_files(path, raw.get("csl"), "csl")), None),
        stylesheets=_files(path, html.get("css"), "format", "html", "css"),
        header=_header(path, html.get("include-in-header")),
        resources=tuple(_list(project.get("resources"))),
        execute={"echo": True, "warning": True, **(raw.get("execute") or {})},
        html=html,
        typst=typst,
        metadata=raw,
    )


def read_front_matter(text: str, path: Path, line: int) -> dict[str, Any]:
    """A page's front matter, which begins in `line`."""
    return read_yaml(text, path, line, FRONT_MATTER)


def read_cell_options(text: str, path: Path, line: int) -> dict[str, Any]:
    """A cell's `#|` options, without the signs, the first of which stands in `line`."""
    return read_yaml(text, path, line, CELL, "cell option")


def read_yaml(
    text: str, path: Path, first_line: int, known: Mapping[str, Any], kind: str = "option"
) -> dict[str, Any]:
    """YAML as plain values, every key of which is known.

    Raises:
        RenderError: it is no YAML, no mapping, or holds a key that is not known.
    """
    node, content = load(text, path, first_line)
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise at(path, first_line, f"{kind}s are `name: value`; found {text.strip()[:40]!r}")
    _refuse_unknown(node, dict(content), path, first_line, known, kind)
    return dict(content)


def project_files(folder: Path) -> list[Path]:
    """`_quarto.yml`, and the files of the profiles that `QUARTO_PROFILE`, or else it, names.

    Raises:
        RenderError: there is no `_quarto.yml`.
    """
    path = folder / "_quarto.yml"
    if not path.is_file():
        raise RenderError(f"{path} is missing: {folder} is no Quarto project")
    own = read_yaml(read_text(path), path, 1, PROJECT).get("profile") or {}
    # As with Quarto, of profiles that disagree the first one counts: it is merged last.
    names = [*reversed(finding.profiles() or _list(own.get("default")))]
    return [path, *filter(is_file, (folder / f"_quarto-{name}.yml" for name in names))]


def _merged(below: Any, above: Any) -> Any:
    """Two values as Quarto merges them: maps key by key, lists one behind the other, else the second."""
    if isinstance(below, dict) and isinstance(above, dict):
        return below | {
            key: _merged(below[key], value) if key in below else value
            for key, value in above.items()
        }
    if isinstance(below, list) and isinstance(above, list):
        return below + [item for item in above if item not in below]
    return above


def place_of(folder: Path, *keys: str | int) -> tuple[Path, int | None]:
    """The project's file and the line in which a value stands, or else what it would stand in."""
    for path in reversed(project_files(folder)):
        line, found = _line_of(path, keys)
        if found == len(keys):
            break
    return path, line


def _line_of(path: Path, keys: Sequence[str | int]) -> tuple[int | None, int]:
    """The line of the innermost value that a file has, and how many of the keys lead to it."""
    node: Any = yaml.compose(read_text(path), Loader=yaml.SafeLoader)
    line = None
    for place, key in enumerate(keys):
        if isinstance(node, yaml.MappingNode):
            found = [(name, value) for name, value in node.value if name.value == key]
        elif isinstance(node, yaml.SequenceNode) and isinstance(key, int):
            found = [(value, value) for value in node.value[key : key + 1]]
        else:
            found = []
        if not found:
            return line, place
        line, node = found[0][0].start_mark.line + 1, found[0][1]
    return line, len(keys)


def _fault(path: Path, problem: str, *keys: str | int) -> RenderError:
    """An error in a value of the project's file."""
    return at(*place_of(path.parent, *keys), problem)


def _refuse_unknown(
    node: yaml.MappingNode,
    content: Mapping[str, Any],
    path: Path,
    first_line: int,
    known: Mapping[str, Any],
    kind: str,
) -> None:
    for key, below in node.value:
        line = first_line + key.start_mark.line
        if not isinstance(key.value, str) or key.value not in known:
            names = ", ".join(sorted(filter(None, known)))
            raise at(path, line, f"unknown {kind} {key.value!r}; known: {names}")
        wanted, value = known[key.value], content[key.value]
        if isinstance(wanted, Mapping) and isinstance(below, yaml.MappingNode):
            _refuse_unknown(below, value, path, first_line, wanted, kind)
        elif value is not None and not fits(value, wanted):
            words = in_words(wanted)
            raise at(path, line, f"{kind} {key.value!r} takes {words}; found {written(value)}")


def _pages(path: Path, raw: Mapping[str, Any], key: str) -> tuple[Path, ...]:
    """The files that a list of chapters names."""
    pages = []
    for place, name in enumerate((raw.get("book") or {}).get(key) or ()):
        problem = ""
        if not isinstance(name, str) or "/" in name or not name.endswith(".qmd"):
            problem = f"book.{key} names .qmd files beside this one, without parts; found {name!r}"
        elif not _NAME_OF_FILE.fullmatch(name):
            problem = f"a page's name has letters, digits, - and _ alone; found {name!r}"
        elif not is_file(path.parent / name):
            problem = f"chapter {name} is not there"
        elif path.parent / name in pages:
            problem = f"chapter {name} stands twice; leave one of them"
        if problem:
            raise _fault(path, problem, "book", key, place)
        pages.append(path.parent / name)
    return tuple(pages)


def _options(formats: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A format's options; `typst: default` has none."""
    options = formats.get(name)
    return dict(options) if isinstance(options, dict) else {}


def _authors(path: Path, value: object) -> tuple[Author, ...]:
    authors = []
    for place, entry in enumerate(value if isinstance(value, list) else [value] if value else []):
        try:
            authors.append(_author({"name": entry} if isinstance(entry, str) else entry))
        except ValueError as error:
            problem = f"{error}; known: {', '.join(_OF_AN_AUTHOR)}"
            raise _fault(path, problem, "book", "author", place) from None
    return tuple(authors)


def _author(entry: Any) -> Author:
    if not isinstance(entry, dict):
        raise ValueError(f"an author is a name or what is known of one; found {entry}")
    unknown = [key for key in entry if key not in _OF_AN_AUTHOR]
    if unknown:
        raise ValueError(f"unknown {unknown[0]!r} of an author")
    if not entry.get("name"):
        raise ValueError("an author without a name")
    name, given, family = _name(entry["name"])
    places = entry.get("affiliations") or entry.get("affiliation") or []
    return Author(
        name=name,
        affiliations=tuple(
            str(place.get("name", "")) if isinstance(place, dict) else str(place)
            for place in (places if isinstance(places, list) else [places])
        ),
        orcid=_orcid(entry.get("orcid")),
        url=_url(entry.get("url")),
        email=entry.get("email"),
        given=given,
        family=family,
    )


def _name(value: object) -> tuple[str, str | None, str | None]:
    """A name in full and its parts; as in Quarto, one that is not called literal is a person's."""
    if not isinstance(value, dict):
        parts = _parts_of_name(str(value))
        return " ".join(filter(None, parts)), parts[0] or None, parts[1]
    unknown = [key for key in value if key not in _NAME]
    if unknown:
        raise ValueError(f"unknown {unknown[0]!r} of a name, which has {', '.join(_NAME)}")
    if value.get("literal"):
        return str(value["literal"]), None, None
    given, family = value.get("given"), value.get("family")
    if not family:
        raise ValueError("a name without a family name; an organisation's is `literal`")
    return " ".join(str(part) for part in (given, family) if part), given, family


def _parts_of_name(name: str) -> tuple[str, str]:
    """Given and family name, as BibTeX reads them: "Last, First", "Last, Jr., First", "First von Last".

    A comma may also stand before a suffix alone, as in "First Last, Jr.".
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


def _url(value: object) -> str | None:
    if value is not None and not fits(value, ADDRESS):
        raise ValueError(f"{value!r} is not {ADDRESS}")
    return None if value is None else str(value)


def _orcid(value: object) -> str | None:
    """An ORCID whose check digit is right (ISO 7064, MOD 11-2)."""
    if value is None:
        return None
    match = _ORCID.fullmatch(str(value).strip())
    digits = match[1].replace("-", "") if match else ""
    total = 0
    for digit in digits[:-1]:
        total = (total + int(digit)) * 2
    if not match or "0123456789X"[(12 - total % 11) % 11] != digits[-1]:
        raise ValueError(f"no ORCID is {value!r}")
    return match[1]


def _header(path: Path, value: object) -> str:
    """What `include-in-header` names, files' content with it."""
    keys = ("format", "html", "include-in-header")
    parts = []
    for entry in value if isinstance(value, list) else [value] if value else []:
        if isinstance(entry, dict) and set(entry) == {"text"}:
            parts.append(str(entry["text"]))
        elif isinstance(entry, str) or (isinstance(entry, dict) and set(entry) == {"file"}):
            (file,) = _files(path, entry if isinstance(entry, str) else entry["file"], *keys)
            parts.append(read_text(file))
        else:
            problem = f"what goes into the header is a `file` or a `text`; found {entry}"
            raise _fault(path, problem, *keys)
    return "\n".join(part.strip() for part in parts)


def _date(value: object) -> str:
    return date.today().isoformat() if value in ("today", "now") else str(value or "")


def _list(value: object) -> list[str]:
    return list(map(str, value if isinstance(value, list) else [value] if value else []))


def _files(path: Path, value: object, *keys: str) -> tuple[Path, ...]:
    """Files that the project names, and must have."""
    for name in _list(value):
        if not is_file(path.parent / name):
            raise _fault(path, f"{name} is not there", *keys)
    return tuple(path.parent / name for name in _list(value))
