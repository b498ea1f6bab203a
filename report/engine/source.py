"""Splits a `.qmd` page into prose, inline expressions and cells."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from pathlib import Path
from typing import Any

from report.engine.errors import RenderError, at
from report.engine.known import CELL, FRONT_MATTER, SHORTCODES
from report.engine.options import read_yaml
from report.engine.plain import is_file, read_text

# What a page is made of besides words, by the name of the method that reads it.
_MARKS = {
    "fence": r"^[ \t]*(?:`{3,}|~{3,}).*$",
    "within": r"^(?:[-*+>: \t]|~(?!~)|\(?\w{1,4}[.)])+(?:`{3,}|~{3,})[ \t]*\{[a-z]",
    "heading": r"^#(?!.*\{#)(?=.*\{\{<)",
    "table": r"^(?i:<table)(?=[\s>])",
    "rule": r"^---[ \t]*$",
    "div": r"^[ \t]*:{3,}",
    "comment": r"<!--",
    "span": r"`+",
    "shortcode": r"\{?\{\{<",
}
_INDENTED = "a cell must begin at the left margin, outside lists, quotations and definitions"
# Marks that are refused.
_REFUSED = {
    "within": _INDENTED,
    "heading": "a heading with a shortcode needs an id, since Quarto's changes with each build",
}
_MARK = re.compile("|".join(f"(?P<{name}>{mark})" for name, mark in _MARKS.items()), re.MULTILINE)
_FRONT = re.compile(r"---[ \t]*\n(.*?)^[ \t]*(?:---|\.\.\.)[ \t]*$", re.DOTALL | re.MULTILINE)
_END_OF_TABLE = re.compile(r"</table>[ \t]*$", re.IGNORECASE | re.MULTILINE)
_END_OF_BLOCK = re.compile(r"(---|\.\.\.)\s*")
# A brace more on either side shows a shortcode instead of replacing it.
_SHORTCODE = re.compile(r"(\{?)\{\{<(.*?)(?:(>\}\})(\}?)|(?=\{?\{\{<)|$)", re.MULTILINE)
_INLINE = re.compile(r"`\{python\}\s+([^`]+)`")
# Quarto also runs expressions in longer code spans, and in other languages if it can.
_OTHER_INLINE = re.compile(r"`+\s*(`\{python\}\s|\{(?!python\})\w+\}\s)")
_SHOWN_INLINE = re.compile(r"(`+)\{(\{\w+\})\}")
MOST_INCLUSIONS = 1000  # in one page
_BREAK = '```{=html}\n<div style="page-break-after: always;"></div>\n```\n\n```{=typst}\n#pagebreak()\n```'


@dataclass(frozen=True)
class Inline:
    """An expression in a sentence."""

    code: str
    path: Path
    line: int


@dataclass(frozen=True)
class Cell:
    """A code cell."""

    code: str
    options: Mapping[str, Any]  # of the cell, the page and the project, in this order of precedence
    path: Path
    line: int  # of the first line of code

    @property
    def is_run(self) -> bool:
        """Whether the code is run, not only shown."""
        return bool(self.options.get("eval", True))


Code = list[Inline | Cell]
Piece = str | Inline | Cell


@dataclass(frozen=True)
class Page:
    """A page's source."""

    path: Path
    front_matter: Mapping[str, Any]
    pieces: tuple[Piece, ...] = field(repr=False)
    files: Mapping[Path, str] = field(repr=False)  # texts of the page and its included files

    @property
    def code(self) -> Code:
        """The code to run, in order."""
        pieces = (piece for piece in self.pieces if not isinstance(piece, str))
        return [piece for piece in pieces if isinstance(piece, Inline) or piece.is_run]

    def where(self, text: str) -> tuple[Path, int] | None:
        """The first file and line that contain `text`."""
        for path, content in self.files.items():
            if text in content:
                return path, content.count("\n", 0, content.index(text)) + 1
        return None


def read_page(path: Path, metadata: Mapping[str, Any]) -> Page:
    """Read the page at `path` with its included files.

    Args:
        path: a `.qmd` file.
        metadata: the project's file, for the shortcode `meta` and cells' options.

    Raises:
        RenderError: an unclosed cell, listing or div, an unknown option or shortcode.
    """
    text = read_text(path)
    front_matter: dict[str, Any] = {}
    front = _FRONT.match(text)
    if front:
        front_matter = read_yaml(front[1], path, 2, FRONT_MATTER)
    elif text.partition("\n")[0].strip() == "---":
        raise at(path, 1, "the front matter is never closed with ---")
    options = {"echo": True, "warning": True}
    for above in (metadata, front_matter):
        options |= above.get("execute") or {}
    reader = _Reader(path, text, metadata, options, (path.resolve(),))
    reader.read(front.end() + 1 if front else 0)
    pieces: list[Piece] = []
    for kind, group in groupby(reader.pieces, type):
        some = list(group)
        pieces += ["".join(map(str, some))] if kind is str else some
    return Page(path, front_matter, tuple(pieces), reader.files)


@dataclass
class _Reader:
    """Reads a file from mark to mark."""

    path: Path
    text: str
    metadata: Mapping[str, Any]
    options: Mapping[str, Any]  # of every cell
    including: tuple[Path, ...]  # the page, and the files that lead to this one
    pieces: list[Piece] = field(default_factory=list)
    files: dict[Path, str] = field(default_factory=dict)
    inclusions: list[Path] = field(default_factory=list)  # by the page so far
    divs: list[int] = field(default_factory=list)  # where open divs begin

    def read(self, place: int = 0) -> None:
        """Add the pieces from a place on."""
        self.files[self.path] = self.text
        self.text += "\n"
        while found := _MARK.search(self.text, place):
            self.pieces.append(self.text[place : found.start()])
            if found.lastgroup in _REFUSED:
                raise self._fault(found.start(), _REFUSED[found.lastgroup])
            # Each method adds pieces, and gives the place behind them.
            place = getattr(self, f"_{found.lastgroup}")(found)
        self.pieces.append(self.text[place:])
        if self.divs:
            raise self._fault(self.divs[-1], "this div is never closed with :::")

    def _fault(self, place: int, problem: str) -> RenderError:
        """An error at a place in the text."""
        return at(self.path, self._line(place), problem)

    def _line(self, place: int) -> int:
        return self.text.count("\n", 0, place) + 1

    def _fence(self, found: re.Match[str]) -> int:
        """A cell or a code block."""
        start, opening = found.end() + 1, found[0].strip()
        marks = opening[: len(opening) - len(opening.lstrip(opening[0]))]
        info = opening.removeprefix(marks).strip()
        closing = re.compile(rf"^[ \t]*{marks[0]}{{{len(marks)},}}[ \t]*$", re.MULTILINE)
        end = closing.search(self.text, start)
        if not end:
            raise self._fault(found.start(), "this block of code is never closed")
        if info == "{python}":
            if found[0][0].isspace():
                raise self._fault(found.start(), _INDENTED)
            self._refuse_shortcodes(start, end.start())
            self._cell(self.text[start : end.start()].split("\n")[:-1], self._line(start))
            return end.end() + 1
        if re.match(r"\{\{?[a-zA-Z]", info):
            raise self._fault(found.start(), f"only {{python}} cells are supported; found {info}")
        if "shortcodes" not in info:
            self._refuse_shortcodes(start, end.start())
        first = re.sub(r"\s*\bshortcodes=(\"false\"|false)", "", found[0])
        self.pieces.append(_unescaped(f"{first}\n{self.text[start : end.end()]}\n"))
        return end.end() + 1

    def _cell(self, body: list[str], line: int) -> None:
        count = 0
        while count < len(body) and body[count].startswith("#|"):
            count += 1
        text = "\n".join(row[2:].removeprefix(" ") for row in body[:count])
        options = {**self.options, **read_yaml(text, self.path, line, CELL, "cell option")}
        if folded := re.search(r"^tbl-cap: *[>|]\+? *$", text, re.MULTILINE):
            number = line + text.count("\n", 0, folded.start())
            raise at(self.path, number, "Quarto loses this caption; write tbl-cap: >-")
        self.pieces.append(Cell("\n".join(body[count:]), options, self.path, line + count))

    def _refuse_shortcodes(self, start: int, end: int) -> None:
        """Refuse shortcodes in code, which Quarto replaces."""
        for found in _SHORTCODE.finditer(self.text, start, end):
            if not _is_shown(found):
                problem = "Quarto replaces shortcodes in code; to show one, write {{{< … >}}}"
                raise self._fault(found.start(), problem)

    def _table(self, found: re.Match[str]) -> int:
        """An HTML table, as plain HTML."""
        end = _END_OF_TABLE.search(self.text, found.end())
        if not end:
            problem = "this table is never closed with </table> at a line's end"
            raise self._fault(found.start(), problem)
        if mark := re.compile(r"`\{python\}|\{\{<").search(self.text, found.start(), end.end()):
            problem = "expressions and shortcodes don't work in an HTML table; print it from a cell"
            raise self._fault(mark.start(), problem)
        table = self.text[found.start() : end.end()]
        self.pieces.append(f"\n```````{{=html}}\n{table}\n```````\n\n")
        return end.end() + 1

    def _rule(self, found: re.Match[str]) -> int:
        """A rule; metadata within a page is refused, since pandoc would hide it."""
        above = "".join(self.text[: found.start()].split("\n")[-2:-1])
        first, *below = self.text[found.end() + 1 :].split("\n")
        if first.strip() and not above.strip() and any(map(_END_OF_BLOCK.fullmatch, below)):
            problem = "front matter must be at the top of a page; put an empty line below a rule"
            raise self._fault(found.start(), problem)
        self.pieces.append(found[0])
        return found.end()

    def _div(self, found: re.Match[str]) -> int:
        """The colons of a div; its attributes are read like prose."""
        rest = self.text[found.end() : self.text.index("\n", found.end())]
        if rest.strip(" \t:"):
            self.divs.append(found.start())
        elif self.divs:
            self.divs.pop()
        else:
            raise self._fault(found.start(), "this ::: closes a div that was never opened")
        self.pieces.append(found[0])
        return found.end()

    def _comment(self, found: re.Match[str]) -> int:
        """A comment, where nothing is run or replaced."""
        end = self.text.find("-->", found.end())
        if end < 0:
            raise self._fault(found.start(), "this comment is never closed with -->")
        comment = self.text[found.start() : end + 3]
        if cell := re.search(r"^[ \t]*(`{3,}|~{3,})\s*\{python", comment, re.MULTILINE):
            problem = "Quarto runs cells in comments; remove this one"
            raise self._fault(found.start() + cell.start(), problem)
        self.pieces.append(comment)
        return end + 3

    def _span(self, found: re.Match[str]) -> int:
        """An inline expression or a code span; else backticks."""
        start, behind = found.span()
        last = self.text.index("\n", behind)
        end = re.compile(rf"(?<!`){found[0]}(?!`)").search(self.text, behind, last)
        if not end:
            is_escaped = self.text[:start].endswith("\\")
            if found[0] == "`" and not is_escaped and re.match(r"\{python\}\s", self.text[behind:]):
                problem = "this expression is never closed with ` in the line in which it begins"
                raise self._fault(start, problem)
            self.pieces.append(found[0])
            return behind
        self._refuse_shortcodes(start, end.end())
        code = self.text[start : end.end()]
        if expression := _INLINE.fullmatch(code):
            self.pieces.append(Inline(expression[1].strip(), self.path, self._line(start)))
            return end.end()
        if _OTHER_INLINE.match(code):
            problem = "only `{python} …` is supported; to show an expression, write `{{python}} …`"
            raise self._fault(start, f"{problem}; found {code}")
        self.pieces.append(_SHOWN_INLINE.sub(r"\1\2", _unescaped(code)))
        return end.end()

    def _shortcode(self, found: re.Match[str]) -> int:
        """A shortcode, replaced by what it stands for."""
        shortcode = _SHORTCODE.match(self.text, found.start())
        assert shortcode
        start = found.start()
        if _is_shown(shortcode):
            # What is in it, as an expression, is read like other prose.
            self.pieces.append("{{<")
            if shortcode[4]:
                self.text = self.text[: shortcode.start(4)] + self.text[shortcode.end(4) :]
            return shortcode.start(2)
        if not shortcode[3]:
            problem = "this shortcode is never closed with >}} in the line in which it begins"
            raise self._fault(start, problem)
        name, argument = (*shortcode[2].split(None, 1), "")[:2]
        if name not in SHORTCODES:
            problem = f"unknown shortcode {name!r}; known: {', '.join(SHORTCODES)}"
            raise self._fault(start, problem)
        if name == "include":
            self._include(argument.strip(), start)
        else:
            self.pieces.append(self._meta(argument.strip(), start) if name == "meta" else _BREAK)
        return shortcode.end()

    def _meta(self, key: str, place: int) -> str:
        value: Any = self.metadata
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise self._fault(place, f"_quarto.yml has no {key!r}")
            value = value[part]
        return str(value)

    def _include(self, name: str, place: int) -> None:
        # As in Quarto, relative to the page, also in included files.
        path = self.including[0].parent / name.lstrip("/")
        if not is_file(path):
            raise self._fault(place, f"there is no file {name} to include")
        including = (*self.including, path.resolve())
        if including[-1] in self.including:
            raise self._fault(place, f"{name} includes itself")
        self.inclusions.append(path)
        if len(self.inclusions) > MOST_INCLUSIONS:
            raise self._fault(place, f"a page can include at most {MOST_INCLUSIONS:,} files")
        replace(self, path=path, text=read_text(path), including=including, divs=[]).read()


def _is_shown(shortcode: re.Match[str]) -> bool:
    """Whether braces, or its lack of words, show a shortcode as it is."""
    opening, words, end, closing = shortcode.groups()
    return bool(opening or closing or (end and not words.strip()))


def _unescaped(text: str) -> str:
    """Unescape shortcodes in three braces, which are only shown."""
    return text.replace("{{{<", "{{<").replace(">}}}", ">}}")
