"""Splits a `.qmd` page into prose, inline expressions and cells."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from report.engine.errors import at
from report.engine.known import CELL, FRONT_MATTER, SHORTCODES
from report.engine.options import read_yaml
from report.engine.plain import is_file, read_text

_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})(.*)$")
_CELL = re.compile(r"^\{python\}\s*$")
_DIV = re.compile(r"^\s*(:{3,})\s*(.*)$")
_INLINE = re.compile(r"`\{python\}\s+([^`]+)`")
# Quarto also runs expressions in longer code spans, and in other languages if it can.
_OTHER_INLINE = re.compile(r"`+\s*(`\{python\}\s|\{(?!python\})\w+\}\s)")
_SHOWN_INLINE = re.compile(r"(`+)\{(\{\w+\})\}")
_UNCLOSED = re.compile(r"(?<![\\`])`\{python\}\s")
# A cell in a quotation, a list or a definition.
_WITHIN = re.compile(r"^(?:[-*+>:\s]|~(?!~)|\(?\w{1,4}[.)])+(?:`{3,}|~{3,})\s*\{[a-z]")
_TABLE, _END_OF_TABLE = re.compile(r"^<table[\s>]", re.I), re.compile(r"</table>\s*$", re.I)
_RULE = re.compile(r"^---\s*$")
_END_OF_BLOCK = re.compile(r"^(---|\.\.\.)\s*$")
_INDENTED = "a cell must begin at the left margin, outside lists, quotations and definitions"
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
    # The lines of the page and its included files, for errors.
    files: Mapping[Path, tuple[str, ...]] = field(repr=False)

    @property
    def code(self) -> Code:
        """The code to run, in order."""
        return [
            piece
            for piece in self.pieces
            if isinstance(piece, Inline) or (isinstance(piece, Cell) and piece.is_run)
        ]

    def where(self, text: str) -> tuple[Path, int] | None:
        """The first file and line that contain `text`."""
        for path, lines in self.files.items():
            for number, line in enumerate(lines, start=1):
                if text in line:
                    return path, number
        return None


def read_page(path: Path, metadata: Mapping[str, Any]) -> Page:
    """Read the page at `path` with its included files.

    Args:
        path: a `.qmd` file.
        metadata: the project's file, for the shortcode `meta` and cells' options.

    Raises:
        RenderError: an unclosed cell, listing or div, an unknown option or shortcode.
    """
    lines = read_text(path).split("\n")
    front_matter: dict[str, Any] = {}
    start = 0
    if lines and lines[0].strip() == "---":
        for end in range(1, len(lines)):
            if lines[end].strip() in ("---", "..."):
                front_matter = read_yaml("\n".join(lines[1:end]), path, 2, FRONT_MATTER)
                start = end + 1
                break
        else:
            raise at(path, 1, "the front matter is never closed with ---")
    options = {"echo": True, "warning": True}
    for above in (metadata, front_matter):
        options |= above.get("execute") or {}
    reader = _Reader(path, metadata, options, (path.resolve(),), {path: tuple(lines)})
    pieces = reader.read(lines[start:], start + 1)
    return Page(path, front_matter, tuple(pieces), reader.files)


@dataclass
class _Reader:
    """Reads a file's lines in one pass and tracks open divs and comments."""

    path: Path
    metadata: Mapping[str, Any]
    options: Mapping[str, Any]  # of every cell
    including: tuple[Path, ...]  # the page, and the files that lead to this one
    files: dict[Path, tuple[str, ...]]  # the lines of all files read so far
    pieces: list[Piece] = field(default_factory=list)
    divs: list[int] = field(default_factory=list)  # the lines of open divs
    comment: int | None = None  # the line of the open comment

    def read(self, lines: list[str], first: int) -> list[Piece]:
        place = 0
        while place < len(lines):
            fence = _FENCE.match(lines[place])
            if _RULE.match(lines[place]):
                self._refuse_metadata(lines, place, first)
            if self.comment is not None:
                self._comment(lines[place], first + place)
                place += 1
            elif _TABLE.match(lines[place]):
                place = self._table(lines, place, first)
            elif fence:
                place = self._fenced(lines, place, first, fence)
            else:
                self._prose(lines[place], first + place)
                place += 1
        if self.divs:
            raise at(self.path, self.divs[-1], "this div is never closed with :::")
        if self.comment is not None:
            raise at(self.path, self.comment, "this comment is never closed with -->")
        return self.pieces

    def _fenced(self, lines: list[str], place: int, first: int, fence: re.Match[str]) -> int:
        """Read a cell or a code block; gives the position after it."""
        marks, info = fence[2], fence[3].strip()
        end = place + 1
        closing = re.compile(rf"^\s*{re.escape(marks[0])}{{{len(marks)},}}\s*$")
        while end < len(lines) and not closing.match(lines[end]):
            end += 1
        if end == len(lines):
            raise at(self.path, first + place, "this block of code is never closed")
        body = lines[place + 1 : end]
        if _CELL.match(info) and fence[1]:
            raise at(self.path, first + place, _INDENTED)
        if _CELL.match(info):
            self._cell(body, first + place + 1)
        elif re.match(r"^\{\{?[a-zA-Z]", info):
            raise at(self.path, first + place, f"only {{python}} cells are supported; found {info}")
        else:
            if "shortcodes" not in info:
                self._refuse_shortcodes(body, first + place + 1)
            info = re.sub(r"\s*\bshortcodes=(\"false\"|false)", "", fence[3])
            text = [f"{fence[1]}{marks}{info}", *body, lines[end]]
            self.pieces.append(_unescaped("\n".join(text)) + "\n")
        return end + 1

    def _refuse_shortcodes(self, code: list[str], line: int) -> None:
        """Refuse shortcodes in code, which Quarto replaces."""
        for number, text in enumerate(code, start=line):
            if next(_shortcodes(text), None):
                problem = "Quarto replaces shortcodes in code; to show one, write {{{< … >}}}"
                raise at(self.path, number, problem)

    def _comment(self, line: str, number: int) -> None:
        """Read a line that begins in a comment, where nothing is run or replaced."""
        if re.match(r"\s*(`{3,}|~{3,})\s*\{python", line):
            raise at(self.path, number, "Quarto runs cells in comments; remove this one")
        text, end, behind = line.partition("-->")
        self.pieces.append(text + (end or "\n"))
        if end:
            self.comment = None
            self._prose(behind, number)

    def _table(self, lines: list[str], place: int, first: int) -> int:
        """Read an HTML table as plain HTML; gives the position after it."""
        end = place
        while end < len(lines) and not _END_OF_TABLE.search(lines[end]):
            end += 1
        if end == len(lines):
            raise at(
                self.path, first + place, "this table is never closed with </table> at a line's end"
            )
        for number, line in enumerate(lines[place : end + 1], start=first + place):
            if "`{python}" in line or "{{<" in line:
                problem = (
                    "expressions and shortcodes don't work in an HTML table; print it from a cell"
                )
                raise at(self.path, number, problem)
        self.pieces.append(
            "\n".join(["", "```````{=html}", *lines[place : end + 1], "```````", "", ""])
        )
        return end + 1

    def _cell(self, body: list[str], line: int) -> None:
        self._refuse_shortcodes(body, line)
        count = 0
        while count < len(body) and body[count].startswith("#|"):
            count += 1
        text = "\n".join(row[2:].removeprefix(" ") for row in body[:count])
        options = {**self.options, **read_yaml(text, self.path, line, CELL, "cell option")}
        if folded := re.search(r"^tbl-cap: *[>|]\+? *$", text, re.MULTILINE):
            number = line + text.count("\n", 0, folded.start())
            raise at(self.path, number, "Quarto loses this caption; write tbl-cap: >-")
        self.pieces.append(Cell("\n".join(body[count:]), options, self.path, line + count))

    def _refuse_metadata(self, lines: list[str], place: int, first: int) -> None:
        """Refuse metadata within a page: pandoc hides text between two rules without an empty line."""
        behind = lines[place + 1 : place + 2]
        if (place and lines[place - 1].strip()) or not behind or not behind[0].strip():
            return
        if any(_END_OF_BLOCK.match(line) for line in lines[place + 1 :]):
            problem = "front matter must be at the top of a page; put an empty line below a rule"
            raise at(self.path, first + place, problem)

    def _prose(self, line: str, number: int) -> None:
        if _WITHIN.match(line):
            raise at(self.path, number, _INDENTED)
        div = _DIV.match(line)
        if div:
            if div[2].rstrip(" :"):
                self.divs.append(number)
            elif self.divs:
                self.divs.pop()
            else:
                raise at(self.path, number, "this ::: closes a div that was never opened")
        if line.startswith("#") and "{{<" in line and "{#" not in line:
            problem = (
                "a heading with a shortcode needs an id, since Quarto's changes with each build"
            )
            raise at(self.path, number, problem)
        # Expressions are code spans, so go from span to span and look for shortcodes in between.
        place = 0
        for start, end in _code_spans(line):
            if (opened := line.find("<!--", place, start)) >= 0:
                self._open_comment(line, place, opened, number)
                return
            self._shortcodes(line[place:start], number)
            code, place = line[start:end], end
            expression = _INLINE.fullmatch(code)
            if not expression and _OTHER_INLINE.match(code):
                problem = (
                    "only `{python} …` is supported; to show an expression, write `{{python}} …`"
                )
                raise at(self.path, number, f"{problem}; found {code}")
            self._refuse_shortcodes([code], number)
            self.pieces.append(
                Inline(expression[1].strip(), self.path, number)
                if expression
                else _SHOWN_INLINE.sub(r"\1\2", _unescaped(code))
            )
        if (opened := line.find("<!--", place)) >= 0:
            self._open_comment(line, place, opened, number)
            return
        if _UNCLOSED.search(line, place):
            problem = "this expression is never closed with ` in the line in which it begins"
            raise at(self.path, number, problem)
        self._shortcodes(line[place:] + "\n", number)

    def _open_comment(self, line: str, place: int, opened: int, number: int) -> None:
        self._shortcodes(line[place:opened] + "<!--", number)
        self.comment = number
        self._comment(line[opened + 4 :], number)

    def _shortcodes(self, text: str, number: int) -> None:
        place = 0
        for start, end in _shortcodes(text):
            self.pieces.append(_unescaped(text[place:start]))
            place = end
            if not end:
                problem = "this shortcode is never closed with >}} in the line in which it begins"
                raise at(self.path, number, problem)
            name, argument = (*text[start + 3 : end - 3].split(None, 1), "")[:2]
            argument = argument.strip()
            if name == "pagebreak":
                self.pieces.append(_BREAK)
            elif name == "meta":
                self.pieces.append(self._meta(argument, number))
            elif name == "include":
                self._include(argument, number)
            else:
                problem = f"unknown shortcode {name!r}; known: {', '.join(SHORTCODES)}"
                raise at(self.path, number, problem)
        self.pieces.append(_unescaped(text[place:]))

    def _meta(self, key: str, number: int) -> str:
        value: Any = self.metadata
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise at(self.path, number, f"_quarto.yml has no {key!r}")
            value = value[part]
        return str(value)

    def _include(self, name: str, number: int) -> None:
        # As in Quarto, relative to the page, also in included files.
        path = self.including[0].parent / name.lstrip("/")
        if not is_file(path):
            raise at(self.path, number, f"there is no file {name} to include")
        including = (*self.including, path.resolve())
        if including[-1] in self.including:
            raise at(self.path, number, f"{name} includes itself")
        lines = read_text(path).split("\n")
        self.files[path] = tuple(lines)
        reader = _Reader(path, self.metadata, self.options, including, self.files)
        self.pieces += reader.read(lines, 1)


def _code_spans(line: str) -> Iterator[tuple[int, int]]:
    """The start and end of each code span in a line, between equally long runs of backticks."""
    runs = [(found.start(), found.end()) for found in re.finditer("`+", line)]
    places: dict[int, list[int]] = {}  # of runs of backticks by length, last first
    for start, end in reversed(runs):
        places.setdefault(end - start, []).append(start)
    behind = 0
    for start, end in runs:
        same = places[end - start]
        while same and same[-1] <= start:
            same.pop()
        if start >= behind and same:
            behind = same[-1] + end - start
            yield start, behind


def _shortcodes(text: str) -> Iterator[tuple[int, int]]:
    """The start and end of each shortcode, end 0 if it is not closed; three braces escape one."""
    place = 0
    while (start := text.find("{{<", place)) >= 0:
        shown = text[max(0, start - 1) : start] == "{"
        end = text.find(">}}", start)
        if end < 0:
            if not shown:
                yield start, 0
            return
        place = end + 3
        shown = shown or text[place : place + 1] == "}"
        if not shown and text[start + 3 : end].strip():
            yield start, place


def _unescaped(text: str) -> str:
    """Unescape shortcodes in three braces, which are only shown."""
    return text.replace("{{{<", "{{<").replace(">}}}", ">}}")
