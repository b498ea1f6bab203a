"""Reads `_quarto.yml`, front matter and cell options, and refuses by file and line what it does not know."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from report.engine.errors import RenderError, at

# What each part of the project's file may hold. A dictionary goes on below; True takes any value; what is
# marked IGNORED is for Quarto alone and changes nothing that this engine makes.
IGNORED = "ignored"
_FIGURES = {"fig-format": True, "fig-dpi": True, "fig-width": True, "fig-height": True}
_EXECUTE = dict.fromkeys(("echo", "warning", "error", "include", "output", "eval"), True) | dict.fromkeys(
    ("freeze", "cache", "enabled", "daemon", "daemon-restart"), IGNORED
)  # fmt: skip
_HTML = {"toc": True, "toc-depth": True, "toc-title": True, "number-sections": True, "number-depth": True,
         "css": True, "code-fold": True, "code-summary": True, **_FIGURES} | dict.fromkeys(
    ("theme", "code-tools", "code-copy", "smooth-scroll", "html-math-method", "link-external-newwindow",
     "link-external-icon", "respect-user-color-scheme", "anchor-sections", "lightbox", "grid", "mainfont",
     "fontsize", "linestretch", "highlight-style", "embed-resources", "citations-hover", "footnotes-hover",
     "crossrefs-hover"), IGNORED
)  # fmt: skip
_TYPST = {"papersize": True, "toc": True, "toc-depth": True, "number-sections": True, **_FIGURES} | dict.fromkeys(
    ("margin", "mainfont", "fontsize", "section-numbering", "columns", "keep-typ", "linestretch"), IGNORED
)  # fmt: skip
_BOOK = dict.fromkeys(
    ("title", "subtitle", "author", "date", "description", "abstract", "output-file", "chapters", "appendices",
     "repo-url", "site-url", "page-footer", "license"), True
) | dict.fromkeys(
    ("page-navigation", "search", "sidebar", "downloads", "favicon", "cover-image", "open-graph", "sharing",
     "reader-mode", "repo-actions", "date-format", "doi", "twitter-card", "google-scholar"), IGNORED
)  # fmt: skip
_PROJECT: dict[str, Any] = {
    "project": {"type": True, "output-dir": True, "resources": True, "render": IGNORED, "execute-dir": True,
                "pre-render": IGNORED, "post-render": IGNORED, "preview": IGNORED},
    "book": _BOOK,
    "bibliography": True,
    "csl": True,
    "lang": True,
    "format": {"html": _HTML, "typst": _TYPST},
    "execute": _EXECUTE,
    "jupyter": IGNORED,
    "engine": IGNORED,
    "number-sections": True,
    "toc": True,
    "crossref": IGNORED,
    "google-scholar": IGNORED,
}  # fmt: skip
_FRONT_MATTER = dict.fromkeys(
    ("title", "subtitle", "description", "abstract", "number-sections", "toc"), True
) | {"execute": _EXECUTE, "jupyter": IGNORED, "format": IGNORED}
CELL_OPTIONS = dict.fromkeys(
    ("label", "fig-cap", "fig-alt", "fig-subcap", "tbl-cap", "layout-ncol", "echo", "eval", "include",
     "output", "warning", "error", "code-fold", "code-summary", "fig-width", "fig-height"), True
)  # fmt: skip


@dataclass(frozen=True)
class Author:
    """One of the book's authors."""

    name: str
    affiliations: tuple[str, ...] = ()
    orcid: str | None = None
    url: str | None = None
    email: str | None = None


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
    output: Path  # the folder that the project's file names
    pdf: str | None  # the PDF's file name, None where the project asks for none
    chapters: tuple[Path, ...]
    bibliography: tuple[Path, ...]
    csl: Path | None
    stylesheets: tuple[Path, ...]
    resources: tuple[str, ...]
    execute: Mapping[str, Any]
    html: Mapping[str, Any]
    typst: Mapping[str, Any]
    metadata: Mapping[str, Any]  # the whole file, for the shortcode `meta`


def read_book(folder: Path) -> Book:
    """The project in a folder.

    Raises:
        RenderError: no `_quarto.yml`, one that is no YAML, or one that asks for what is not known here.
    """
    path = folder / "_quarto.yml"
    if not path.is_file():
        raise RenderError(f"{path} is missing: {folder} is no Quarto project")
    raw = read_yaml(path.read_text(encoding="utf-8"), path, 1, _PROJECT)
    project, book = raw.get("project") or {}, raw.get("book") or {}
    if project.get("type") != "book":
        raise at(path, None, f"project type {project.get('type')!r}; this engine renders type book")
    formats = raw.get("format") or {"html": {}}
    chapters = []
    for name in (*(book.get("chapters") or ()), *(book.get("appendices") or ())):
        if not isinstance(name, str):
            raise at(path, None, f"chapter {name!r}: parts are not known here, name the files")
        if not (folder / name).is_file():
            raise at(path, None, f"chapter {name} is not there")
        chapters.append(folder / name)
    if not chapters or chapters[0].name != "index.qmd":
        raise at(path, None, "the first chapter of a book is index.qmd")
    html, typst = _options(formats, "html"), _options(formats, "typst")
    footer = book.get("page-footer") or ""
    if isinstance(footer, dict):
        footer = " ".join(str(part) for part in footer.values() if isinstance(part, str))
    return Book(
        folder=folder,
        title=str(book.get("title") or folder.resolve().name),
        subtitle=str(book.get("subtitle") or ""),
        authors=_authors(book.get("author")),
        date=_date(book.get("date")),
        description=str(book.get("description") or ""),
        abstract=str(book.get("abstract") or ""),
        lang=str(raw.get("lang") or "en"),
        footer=str(footer),
        repo_url=str(book.get("repo-url") or ""),
        site_url=str(book.get("site-url") or ""),
        output=(folder / str(project.get("output-dir") or "_book")).resolve(),
        pdf=f"{book.get('output-file') or 'book'}.pdf" if "typst" in formats else None,
        chapters=tuple(chapters),
        bibliography=tuple(_file(path, name) for name in _list(raw.get("bibliography"))),
        csl=_file(path, raw["csl"]) if raw.get("csl") else None,
        stylesheets=tuple(_file(path, name) for name in _list(html.get("css"))),
        resources=tuple(_list(project.get("resources"))),
        execute={"echo": True, "warning": True, **(raw.get("execute") or {})},
        html=html,
        typst=typst,
        metadata=raw,
    )


def read_front_matter(text: str, path: Path, line: int) -> dict[str, Any]:
    """A page's front matter, which begins in `line`."""
    return read_yaml(text, path, line, _FRONT_MATTER)


def read_cell_options(text: str, path: Path, line: int) -> dict[str, Any]:
    """A cell's `#|` options, without the signs, the first of which stands in `line`."""
    return read_yaml(text, path, line, CELL_OPTIONS, "cell option")


def read_yaml(
    text: str, path: Path, first_line: int, known: Mapping[str, Any], kind: str = "option"
) -> dict[str, Any]:
    """YAML as plain values, every key of which is known.

    Raises:
        RenderError: it is no YAML, no mapping, or holds a key that is not known.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = first_line + (mark.line if mark else 0)
        raise at(path, line, f"not YAML: {getattr(error, 'problem', error)}") from None
    if node is None:
        return {}
    if not isinstance(node, yaml.MappingNode):
        raise at(path, first_line, f"{kind}s are `name: value`; found {text.strip()[:40]!r}")
    _refuse_unknown(node, path, first_line, known, kind)
    return dict(content)


def _refuse_unknown(
    node: yaml.MappingNode, path: Path, first_line: int, known: Mapping[str, Any], kind: str
) -> None:
    for key, value in node.value:
        line = first_line + key.start_mark.line
        if key.value not in known:
            names = ", ".join(sorted(known))
            raise at(path, line, f"unknown {kind} {key.value!r}; known here: {names}")
        below = known[key.value]
        if isinstance(below, Mapping) and isinstance(value, yaml.MappingNode):
            _refuse_unknown(value, path, first_line, below, kind)


def _options(formats: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A format's options; `typst: default` has none."""
    options = formats.get(name)
    return dict(options) if isinstance(options, dict) else {}


def _authors(value: object) -> tuple[Author, ...]:
    authors = []
    for entry in value if isinstance(value, list) else [value] if value else []:
        if not isinstance(entry, dict):
            authors.append(Author(str(entry)))
            continue
        places = entry.get("affiliations") or entry.get("affiliation") or []
        places = places if isinstance(places, list) else [places]
        authors.append(
            Author(
                name=str(entry.get("name", "")),
                affiliations=tuple(
                    str(place.get("name", "")) if isinstance(place, dict) else str(place)
                    for place in places
                ),
                orcid=entry.get("orcid"),
                url=entry.get("url"),
                email=entry.get("email"),
            )
        )
    return tuple(authors)


def _date(value: object) -> str:
    return date.today().isoformat() if value in ("today", "now") else str(value or "")


def _list(value: object) -> list[str]:
    return (
        [str(item) for item in value] if isinstance(value, list) else [str(value)] if value else []
    )


def _file(path: Path, name: str) -> Path:
    found = path.parent / name
    if not found.is_file():
        raise at(path, None, f"{name} is not there")
    return found
