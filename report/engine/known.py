"""Quarto's keys, options, classes and attributes that the portable engine supports. It refuses all others.

`python -m report.engine.known` writes the table in `docs/rendering.md`.
"""

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

# A dictionary stands for a mapping, a list for one or several values of its element, a tuple for
# its values, and a word for one of _PATTERNS. IGNORED options are only for Quarto and change
# nothing on this engine's site.
IGNORED, FLAG, NUMBER, TEXT = "anything", "true or false", "a number", "a text"
LABEL, NAME = "letters, digits, - and _", "letters, digits, . - and _"
ADDRESS, DATE = "an address that begins with http:// or https://", "a date like 2026-01-31"
ENGLISH, BIBTEX = "en, or en with a region", "BibTeX, in a .bib file"
PAGE = "a .qmd file beside this one, with only letters, digits, - and _ in its name"
DOI, ORCID = "a DOI like 10.5281/zenodo.1234567", "an ORCID like 0000-0002-1825-0097"
OWN_FILE = "a file of templates/site"
INSIDE = "a path within the project, with * for any name"
_PATTERNS = {
    TEXT: r"(?s:.*)", LABEL: r"[\w:.-]*", NAME: r"\w[\w.-]*", DATE: r"(\d{4}-\d{2}-\d{2})?",
    ENGLISH: r"en(-\w+)?", BIBTEX: r".*\.bib", PAGE: r"\w[\w.-]*\.qmd",
    ADDRESS: r"(https?://[^\s\"'<>`\\]+)?",
    DOI: r"((https?://(dx\.)?doi\.org/)?10\.\d{4,9}/[^\s\"'<>{}`\\]+)?",
    ORCID: r"(https://orcid\.org/)?(\d{4}-){3}\d{3}[\dX]",
    OWN_FILE: r"(.*/)?(typst-template\.typ|typst-show\.typ|page\.typ|typst\.lua)",
    INSIDE: r"(?!/|(.*/)?\.\.(/|$)|.*(\*\*[^/]|[^/]\*\*)).+",
}  # fmt: skip
# Files of a project that Quarto reads and this engine does not.
NOT_READ = ("_metadata.yml", "_variables.yml", "_brand.yml", "_brand", "_environment", "_environment.local",
            "_quarto.yml.local", "_quarto.yaml", "_extensions")  # fmt: skip

_CONTENTS = {"toc": FLAG, "toc-depth": NUMBER, "number-sections": FLAG}
_SHOWING = {"echo": FLAG, "warning": FLAG, "include": FLAG, "output": (True, False, "asis"),
            "eval": FLAG}  # fmt: skip
# This engine's cache covers all that outputs depend on; Quarto's `freeze` covers only a part.
_EXECUTE = {**_SHOWING, "freeze": IGNORED}
# The look comes from our own page template, and maths is MathML, which needs no script.
_HTML = {"css": [TEXT], "include-in-header": [{"file": TEXT}], "lightbox": (False,), "theme": IGNORED,
         "html-math-method": ("mathml",), "respect-user-color-scheme": (True,), **_CONTENTS}  # fmt: skip
_TYPST = {"papersize": TEXT, "citeproc": (True,), "template-partials": [OWN_FILE], "filters": [OWN_FILE],
          **_CONTENTS}  # fmt: skip
_AUTHOR = {
    "": TEXT, "name": {"": TEXT, "given": TEXT, "family": TEXT, "literal": TEXT}, "orcid": ORCID,
    "affiliations": [{"": TEXT, "name": TEXT}], "url": ADDRESS, "email": TEXT,
}  # fmt: skip
_BOOK = {
    "title": TEXT, "subtitle": TEXT, "description": TEXT, "output-file": NAME, "doi": DOI, "date": DATE,
    "repo-url": ADDRESS, "site-url": ADDRESS, "open-graph": FLAG, "twitter-card": FLAG,
    "author": [_AUTHOR], "chapters": [PAGE], "appendices": [PAGE], "page-footer": {"center": TEXT},
    "page-navigation": (True,), "search": (True,), "downloads": [("pdf",)],
}  # fmt: skip
PROJECT: dict[str, Any] = {
    "project": {"type": ("book",), "output-dir": TEXT, "resources": [INSIDE],
                "post-render": ("after.py",)},
    "book": _BOOK,
    "profile": {"default": [TEXT]},
    "bibliography": [BIBTEX],
    "lang": ENGLISH,
    "format": {"html": _HTML | {"": ("default",)}, "typst": _TYPST | {"": ("default",)}},
    "execute": _EXECUTE,
    "number-sections": FLAG,
    "toc": FLAG,
}  # fmt: skip
FRONT_MATTER = {"title": TEXT, "description": TEXT, **_CONTENTS, "execute": _EXECUTE}
CELL = {
    **_SHOWING, "label": LABEL, "fig-cap": TEXT, "tbl-cap": TEXT, "fig-subcap": [TEXT], "fig-alt": [TEXT],
    "layout-ncol": (1, 2, 3, 4), "code-fold": FLAG, "code-summary": TEXT,
}  # fmt: skip

SHORTCODES = ("include", "meta", "pagebreak")
LABELS = {"fig": "Figure", "tbl": "Table", "sec": "Section", "eq": "Equation"}
# Quarto numbers these, too; our pages have none.
FOREIGN = re.compile(
    r"^(lst|thm|lem|cor|prp|cnj|def|exm|exr|sol|rem|alg|nte|tip|wrn|imp|cau|vid|dia)-|^(Fig|Tbl|Sec|Eq)-"
)
UNKNOWN_LABEL = f"unknown kind of label {{!r}}; known: {', '.join(LABELS)}"
CALLOUTS = ("note", "tip", "important", "warning", "caution")
# Formats of conditional divs; `pdf` means LaTeX, so with Typst it is never true.
FORMATS = ("html", "typst", "pdf", "latex")
# Classes of Quarto and Bootstrap that work as in Quarto. Their other classes are refused; all other names are
# left to a page's own style sheet.
CLASSES: dict[str, tuple[str, ...]] = {
    "Div": (*(f"callout-{kind}" for kind in CALLOUTS), "panel-tabset", "content-visible", "content-hidden",
            "column-margin", "light-content", "dark-content"),
    "Span": ("aside", "smallcaps", "mark", "underline", "visually-hidden"),
    "Header": ("unnumbered", "unlisted"),
}  # fmt: skip
_MADE = ("cell", "cell-output", "cell-output-display", "cell-html", "cell-fold", "cell-plain", "cell-text",
         "cell-code", "cell-output-stdout", "cell-output-stderr")  # fmt: skip
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "Div": ("layout-ncol", "fig-cap", "tbl-cap", "when-format", "title", "collapse", "appearance"),
    "Image": ("width", "height", "fig-alt", "alt"),
}  # fmt: skip
VALUES = {
    "when-format": FORMATS, "collapse": ("true", "false"), "appearance": ("default", "simple", "minimal"),
    "layout-ncol": tuple("1234"),
}  # fmt: skip
_QUARTOS_CLASSES = re.compile(
    r"(callout|column|content|panel|cell|code|quarto|layout|tbl|fig|margin|lightbox|nav|tab|d|g|g-col|col|row|"
    r"text|bg|border|rounded|float|w|h|mw|mh|vw|vh|fs|fw|fst|lh|btn|alert|card|badge|"
    r"table|list-group|position|top|bottom|start|end|translate|flex|order|justify|align|gap|overflow|shadow|"
    r"opacity|img|figure|link|display|visually-hidden|sr|invisible|visible|collapse|show|active|fade|modal|"
    r"dropdown|accordion|carousel|offcanvas|toast|tooltip|spinner|progress|ratio|stretched-link|hstack|vstack)"
    r"(-.*)?|[mp][tbsexy]?-((sm|md|lg|xl|xxl)-)?(n?[0-5]|auto)|columns|columns?-.*|hidden|incremental|nonincremental|notes|fragment|proof|remark|solution|"
    r"theorem|lemma|list-table|grid|container(-.*)?|numberLines|number-lines|line-numbers|no-row-height|"
    r"landscape|striped|hover|bordered|borderless|responsive|primary|secondary|success|danger|info|lead|small|"
    r"appendix|unnumbered|unlisted|aside|mark|underline|smallcaps|ul|kbd|no-anchor|r-.*|smaller|scrollable|"
    r"absolute|plain|output-location-.*|toolbar|sidebar|fill|center|light-content|dark-content|nocode"
)
# A language may have the name of a class.
_QUARTOS_CODE = re.compile(
    r"(number|line)-?([lL]ines|numbers)|(content|code|output|cell|lst)-.*|hidden"
)
_QUARTOS_ATTRIBUTES = re.compile(
    r"(layout|when|unless|fig|tbl|lst|code|cap|output|slide|data-code|background|column|number|crossref)-.*|"
    r"layout|icon|style|filename|group|link|startFrom|start-from|lines?|shortcodes|toc-text|description|width|"
    r"height|appearance|collapse|title|summary|state|columns?|echo|eval|caption|custom-style|options|text|"
    r"cell|order|alt|dir|kernel|environment|latex-.*|typst:.*|prompt|uri|preview|increment|valign|align"
)


def unknown(kind: str, classes: list[str], pairs: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """An element's unsupported classes and attributes, each with a message.

    Args:
        kind: pandoc's name of the element.
        classes: its classes.
        pairs: its attributes.
    """
    known = (*CLASSES.get(kind, ()), *_MADE)
    is_code = kind in ("CodeBlock", "Code")
    pattern = _QUARTOS_CODE if is_code else _QUARTOS_CLASSES
    for name in classes:
        if name not in known and pattern.fullmatch(name):
            yield name, f"class {name!r}; known: {', '.join(CLASSES.get(kind, ())) or 'none'}"
    names = ATTRIBUTES.get(kind, ())
    for name, value in pairs.items():
        if "cell-fold" in classes and name == "summary":
            continue
        if name not in names and (is_code or _QUARTOS_ATTRIBUTES.fullmatch(name)):
            yield name, f"attribute {name!r}; known: {', '.join(names) or 'none'}"
        elif name in names and value not in VALUES.get(name, (value,)):
            yield name, f"{name}={value!r}; known: {', '.join(VALUES[name])}"


def fits(value: object, wanted: object) -> bool:
    """Whether a scalar value is allowed."""
    if isinstance(wanted, Mapping):
        return "" in wanted and fits(value, wanted[""])  # short form, as in `typst: default`
    if isinstance(wanted, tuple):
        return any(value == one and type(value) is type(one) for one in wanted)
    if wanted in (IGNORED, FLAG):
        return wanted == IGNORED or isinstance(value, bool)
    # In Python a bool is a number, in YAML it is not.
    if isinstance(value, bool) or not isinstance(value, str | int | float | date):
        return False
    if wanted == NUMBER:
        return isinstance(value, int | float) and math.isfinite(value)
    return bool(re.fullmatch(_PATTERNS[str(wanted)], str(value)))


def in_words(wanted: object) -> str:
    """The allowed values, in words for a message."""
    if isinstance(wanted, tuple):
        return " or ".join(map(written, wanted))
    return "options of its own" if isinstance(wanted, Mapping) else str(wanted)


def written(value: object) -> str:
    """A value as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def table() -> str:
    """All supported features, as a Markdown table."""
    rows = [("where", "what"), ("---", "---"), *_rows("_quarto.yml", PROJECT)]
    rows += [*_rows("front matter", FRONT_MATTER), *_rows("cell option", CELL)]
    rows += [("shortcode", _codes(SHORTCODES)), ("label", _codes(f"{kind}-…" for kind in LABELS))]
    for kind, name in {"Div": "div", "Span": "span", "Header": "heading", "Image": "image"}.items():
        classes = [f".{one}" for one in CLASSES.get(kind, ())]
        rows.append((name, _codes([*classes, *ATTRIBUTES.get(kind, ())])))
    return "".join(f"| {where} | {what} |\n" for where, what in rows)


def _rows(where: str, known: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A mapping's keys, with their values if there are few, then the mappings in it."""
    shown, nested = [], []
    for key, wanted in known.items():
        one = wanted[0] if isinstance(wanted, list) else wanted
        if isinstance(one, Mapping):
            nested.append((f"{where}.{key}".removeprefix("_quarto.yml."), one))
        elif key:
            note = " (only for Quarto)" if one == IGNORED else ""
            shown.append(
                f"`{key}: {in_words(one)}`" if isinstance(one, tuple) else f"`{key}`{note}"
            )
    if shown:
        place, _, keys = where.partition(".") if " " in where else ("", "", where)
        yield ", ".join(filter(None, (place, keys and f"`{keys}`"))), ", ".join(shown)
    for name, mapping in nested:
        yield from _rows(name, mapping)


def _codes(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> None:
    """Write the table into the documentation."""
    path = Path(__file__).resolve().parents[2] / "docs" / "rendering.md"
    before, begin, rest = path.read_text(encoding="utf-8").partition("<!-- known -->\n")
    behind = rest.partition("<!-- /known -->")[2]
    path.write_text(f"{before}{begin}{table()}<!-- /known -->{behind}", encoding="utf-8")


if __name__ == "__main__":
    main()
