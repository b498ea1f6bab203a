"""What the portable engine knows of Quarto: keys, options, classes, attributes. It refuses the rest.

`python -m report.engine.known` writes the table of it in `docs/rendering.md`.
"""

import math
import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

# A dictionary goes on below, a tuple gives the values, a word is one of _KINDS. What is IGNORED is for Quarto
# alone, and changes nothing that a reader of this engine's site would see.
IGNORED = "anything"
TEXT, FLAG, NUMBER, NAMES = "a text", "true or false", "a number", "a text or a list of texts"
LABEL, ADDRESS = "letters, digits, - and _", "an address that begins with http:// or https://"
ENGLISH, DATE = "en, or en with a region", "a date, today or now"
OWN_FILES = "the files of templates/site"
_KINDS: dict[str, tuple[type, ...]] = {
    IGNORED: (object,), TEXT: (str, int, float, date), DATE: (str, int, date), FLAG: (bool,),
    NUMBER: (int, float), NAMES: (str, list), LABEL: (str,), ADDRESS: (str,), ENGLISH: (str,),
    OWN_FILES: (list,), "a list of files": (list,), "a name or a list of authors": (str, dict, list),
    "a file, a text or a list of them": (str, dict, list),
}  # fmt: skip
_PATTERNS = {
    LABEL: r"[\w:.-]*", ADDRESS: r"(https?://[^\s\"'<>`\\]+)?", ENGLISH: r"en(-\w+)?",
    DATE: r"\d.*|today|now|",
}  # fmt: skip
_OWN = {"typst-template.typ", "typst-show.typ", "page.typ", "typst.lua"}
# Files of a project that Quarto reads by itself.
NOT_READ = ("_metadata.yml", "_variables.yml", "_brand.yml", "_brand", "_environment", "_environment.local",
            "_quarto.yml.local", "_quarto.yaml", "_extensions")  # fmt: skip
FOOTER = ("left", "center", "right")

_FIGURES = {"fig-format": ("retina", "png", "svg")} | dict.fromkeys(
    ("fig-dpi", "fig-width", "fig-height"), NUMBER
)
_CONTENTS = {"toc": FLAG, "toc-depth": NUMBER, "number-sections": FLAG, "number-depth": NUMBER}
_FOLDING = {"code-fold": (True, False, "show"), "code-summary": TEXT}
_SHOWING = {"echo": FLAG, "warning": FLAG, "error": FLAG, "include": FLAG, "output": (True, False, "asis"),
            "eval": FLAG}  # fmt: skip
# Outputs are kept by all that they depend on, of which Quarto's own `freeze` and `cache` know a part.
_EXECUTE = (
    _SHOWING
    | {"enabled": FLAG}
    | dict.fromkeys(("freeze", "cache", "daemon", "daemon-restart"), IGNORED)
)
# The look is that of our own page frame, and maths is MathML, which needs no script.
_HTML = {"css": NAMES, "include-in-header": "a file, a text or a list of them", "lightbox": (False,),
         "theme": IGNORED, "html-math-method": ("mathml",), "respect-user-color-scheme": (True,),
         **_CONTENTS, **_FIGURES, **_FOLDING}  # fmt: skip
_TYPST = {"papersize": TEXT, "pdf-standard": NAMES, "citeproc": (True,),
          "template-partials": OWN_FILES, "filters": OWN_FILES, "toc": FLAG, "toc-depth": NUMBER,
          "number-sections": FLAG}  # fmt: skip
_BOOK: dict[str, Any] = dict.fromkeys(
    ("title", "subtitle", "description", "abstract", "output-file", "doi"), TEXT
) | dict.fromkeys(("repo-url", "site-url"), ADDRESS) | dict.fromkeys(("open-graph", "twitter-card"), FLAG) | {
    "date": DATE, "author": "a name or a list of authors", "chapters": "a list of files",
    "appendices": "a list of files", "page-footer": dict.fromkeys(FOOTER, TEXT) | {"": TEXT},
    "page-navigation": (True,), "search": (True,), "downloads": ("pdf", ["pdf"]),
}  # fmt: skip
PROJECT: dict[str, Any] = {
    "project": {"type": ("book",), "output-dir": TEXT, "resources": NAMES, "execute-dir": ("file", "project"),
                "preview": IGNORED, "post-render": ("after.py",)},
    "book": _BOOK,
    "profile": {"default": NAMES},
    "bibliography": NAMES,
    "csl": TEXT,
    "lang": ENGLISH,
    "format": {"html": _HTML | {"": ("default",)}, "typst": _TYPST | {"": ("default",)}},
    "execute": _EXECUTE,
    "jupyter": ("python3",),
    "engine": ("jupyter",),
    "number-sections": FLAG,
    "toc": FLAG,
}  # fmt: skip
FRONT_MATTER = dict.fromkeys(("title", "subtitle", "description", "abstract"), TEXT) | {
    **_CONTENTS, "execute": _EXECUTE, "jupyter": ("python3",), "engine": ("jupyter",)
}  # fmt: skip
CELL = {
    **_SHOWING, **_FOLDING, "fig-alt": NAMES, "fig-subcap": NAMES
} | {"label": LABEL} | dict.fromkeys(
    ("fig-cap", "tbl-cap"), TEXT
) | dict.fromkeys(("layout-ncol", "fig-width", "fig-height"), NUMBER)  # fmt: skip

SHORTCODES = ("include", "meta", "pagebreak")
LABELS = {"fig": "Figure", "tbl": "Table", "sec": "Section", "eq": "Equation"}
# Quarto numbers these too; no page of ours has any.
FOREIGN = re.compile(
    r"^(lst|thm|lem|cor|prp|cnj|def|exm|exr|sol|rem|alg|nte|tip|wrn|imp|cau|vid|dia)-|^(Fig|Tbl|Sec|Eq)-"
)
CALLOUTS = ("note", "tip", "important", "warning", "caution")
# A div can be for a format, of which `pdf` is LaTeX's: with Typst it never holds.
FORMATS = ("html", "typst", "pdf", "latex")
# Classes of Quarto and Bootstrap that do what they do in Quarto. Other classes of theirs are refused, and all
# that are nobody's are left to a page's own style sheet.
CLASSES: dict[str, tuple[str, ...]] = {
    "Div": (*(f"callout-{kind}" for kind in CALLOUTS), "panel-tabset", "content-visible", "content-hidden",
            "column-margin", "aside", "light-content", "dark-content"),
    "Span": ("aside", "smallcaps", "mark", "underline", "visually-hidden"),
    "Header": ("unnumbered", "unlisted"),
}  # fmt: skip
_MADE = ("cell", "cell-output", "cell-output-display", "cell-html", "cell-fold", "cell-figures", "cell-plain",
         "cell-text", "cell-code", "cell-output-stdout", "cell-output-stderr", "cell-output-error",
         "cell-inline")  # fmt: skip
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "Div": ("layout-ncol", "fig-cap", "tbl-cap", "when-format", "unless-format", "title", "collapse",
            "appearance"),
    "Image": ("width", "height", "fig-alt", "alt"),
}  # fmt: skip
VALUES = {
    "when-format": FORMATS, "unless-format": FORMATS, "collapse": ("true", "false"),
    "appearance": ("default", "simple", "minimal"),
}  # fmt: skip
_QUARTOS_CLASSES = re.compile(
    r"(callout|column|content|panel|cell|code|quarto|layout|tbl|fig|margin|lightbox|nav|tab|d|g|g-col|col|row|"
    r"text|bg|border|rounded|float|m[tbsexy]?|p[tbsexy]?|w|h|mw|mh|vw|vh|fs|fw|fst|lh|btn|alert|card|badge|"
    r"table|list-group|position|top|bottom|start|end|translate|flex|order|justify|align|gap|overflow|shadow|"
    r"opacity|img|figure|link|display|visually-hidden|sr|invisible|visible|collapse|show|active|fade|modal|"
    r"dropdown|accordion|carousel|offcanvas|toast|tooltip|spinner|progress|ratio|stretched-link|hstack|vstack)"
    r"(-.*)?|columns|columns?-.*|hidden|incremental|nonincremental|notes|fragment|proof|remark|solution|"
    r"theorem|lemma|list-table|grid|container(-.*)?|numberLines|number-lines|line-numbers|no-row-height|"
    r"landscape|striped|hover|bordered|borderless|responsive|primary|secondary|success|danger|info|lead|small|"
    r"appendix|unnumbered|unlisted|aside|mark|underline|smallcaps|ul|kbd|no-anchor|r-.*|smaller|scrollable|"
    r"absolute|plain|output-location-.*|toolbar|sidebar|fill|center|light-content|dark-content|nocode"
)
# A language may be called as a class is.
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
    """Which of an element's classes and attributes this engine does not know, each with the problem in words.

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
        if "cell-fold" in classes and name in ("summary", "state"):
            continue
        if name not in names and (is_code or _QUARTOS_ATTRIBUTES.fullmatch(name)):
            yield name, f"attribute {name!r}; known: {', '.join(names) or 'none'}"
        elif name in names and value not in VALUES.get(name, (value,)):
            yield name, f"{name}={value!r}; known: {', '.join(VALUES[name])}"


def fits(value: object, wanted: object) -> bool:
    """Whether a value is one of those that are wanted."""
    if isinstance(wanted, Mapping):
        return "" in wanted and fits(value, wanted[""])  # in short, as `typst: default`
    if isinstance(wanted, tuple):
        return any(value == one and type(value) is type(one) for one in wanted)
    if not isinstance(value, _KINDS[str(wanted)]):
        return False
    if wanted == NUMBER:
        # To Python a truth value is a number, to YAML it is not.
        return not isinstance(value, bool) and math.isfinite(float(str(value)))
    if wanted == OWN_FILES and isinstance(value, list):
        return all(Path(str(name)).name in _OWN for name in value)
    pattern = _PATTERNS.get(str(wanted))
    return pattern is None or bool(re.fullmatch(pattern, str(value)))


def in_words(wanted: object) -> str:
    """What is wanted, as a message says it."""
    if isinstance(wanted, tuple):
        return " or ".join(map(written, wanted))
    return "options of its own" if isinstance(wanted, Mapping) else str(wanted)


def written(value: object) -> str:
    """A value as YAML writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def table() -> str:
    """All of it, as a table in Markdown."""
    rows = [("where", "what"), ("---", "---")]
    rows += [(f"`{key}`", _listed(value)) for key, value in _sections("", PROJECT)]
    rows += [("front matter", _listed(FRONT_MATTER)), ("cell option", _listed(CELL))]
    rows += [("shortcode", _codes(SHORTCODES)), ("label", _codes(f"{kind}-…" for kind in LABELS))]
    names = {"Div": "div", "Span": "span", "Header": "heading", "Image": "image"}
    for kind, name in names.items():
        marks = [f".{one}" for one in CLASSES.get(kind, ())]
        marks += ATTRIBUTES.get(kind, ())
        rows.append((name, _codes(marks)))
    return "".join(f"| {where} | {what} |\n" for where, what in rows)


def _sections(above: str, known: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    plain = {key: value for key, value in known.items() if not isinstance(value, Mapping)}
    if plain:
        yield above or "_quarto.yml", plain
    for key, value in known.items():
        if isinstance(value, Mapping):
            yield from _sections(f"{above}.{key}".lstrip("."), value)


def _listed(known: Mapping[str, Any]) -> str:
    """Keys, and of those with few values which."""
    shown = []
    for key, wanted in known.items():
        if isinstance(wanted, tuple):
            shown.append(f"`{key}: {in_words(wanted)}`" if key else f"`{in_words(wanted)}`")
        elif key:
            note = " (for Quarto alone)" if wanted == IGNORED else ""
            shown.append(f"`{key}`{note}")
    return ", ".join(shown)


def _codes(names: Any) -> str:
    return ", ".join(f"`{name}`" for name in names)


def main() -> None:
    """Write the table into the documentation."""
    path = Path(__file__).resolve().parents[2] / "docs" / "rendering.md"
    before, begin, rest = path.read_text(encoding="utf-8").partition("<!-- known -->\n")
    behind = rest.partition("<!-- /known -->")[2]
    path.write_text(f"{before}{begin}{table()}<!-- /known -->{behind}", encoding="utf-8")


if __name__ == "__main__":
    main()
