"""Reads a `.qmd` page into pieces: prose with its inline expressions, and cells."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from report.engine.config import read_cell_options, read_front_matter
from report.engine.errors import at

_FENCE = re.compile(r"^(\s*)(`{3,}|~{3,})(.*)$")
_CELL = re.compile(r"^\{python\}\s*$")
_DIV = re.compile(r"^\s*(:{3,})\s*(.*)$")
_INLINE = re.compile(r"`\{python\}\s+([^`]+)`")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)")
_SHORTCODE = re.compile(r"(?<!\{)\{\{<\s*(\S+)\s*(.*?)\s*>\}\}(?!\})")
_BREAK = '```{=html}\n<div style="page-break-after: always;"></div>\n```\n\n```{=typst}\n#pagebreak()\n```'


@dataclass(frozen=True)
class Inline:
    """An expression in a sentence."""

    code: str
    path: Path
    line: int


@dataclass(frozen=True)
class Cell:
    """A code cell with its options."""

    code: str
    options: Mapping[str, Any]
    path: Path
    line: int  # of the first line of code


Piece = str | Inline | Cell


@dataclass(frozen=True)
class Page:
    """A page as it is written."""

    path: Path
    front_matter: Mapping[str, Any]
    pieces: tuple[Piece, ...] = field(repr=False)
    files: Mapping[Path, tuple[str, ...]] = field(
        repr=False
    )  # its lines and its inclusions', for errors

    def where(self, text: str) -> tuple[Path, int] | None:
        """The first file and line that hold `text`."""
        for path, lines in self.files.items():
            for number, line in enumerate(lines, start=1):
                if text in line:
                    return path, number
        return None


def read_page(path: Path, metadata: Mapping[str, Any]) -> Page:
    """The page at `path`, with what it includes.

    Args:
        path: a `.qmd` file.
        metadata: the project's file, for the shortcode `meta`.

    Raises:
        RenderError: an unclosed cell, listing or div, an option or a shortcode that is not known.
    """
    lines = path.read_text(encoding="utf-8").split("\n")
    front_matter: dict[str, Any] = {}
    start = 0
    if lines and lines[0].strip() == "---":
        for end in range(1, len(lines)):
            if lines[end].strip() in ("---", "..."):
                front_matter = read_front_matter("\n".join(lines[1:end]), path, 2)
                start = end + 1
                break
        else:
            raise at(path, 1, "the front matter is never closed with ---")
    reader = _Reader(path, metadata, (path,), {path: tuple(lines)})
    pieces = reader.read(lines[start:], start + 1)
    return Page(path, front_matter, tuple(pieces), reader.files)


class _Reader:
    """Goes through a file's lines once, keeping count of what is open."""

    def __init__(
        self,
        path: Path,
        metadata: Mapping[str, Any],
        including: tuple[Path, ...],
        files: dict[Path, tuple[str, ...]],
    ) -> None:
        self.path, self.metadata, self.including, self.files = path, metadata, including, files
        self.pieces: list[Piece] = []
        self.divs: list[int] = []  # the lines of the divs that are open

    def read(self, lines: list[str], first: int) -> list[Piece]:
        place = 0
        while place < len(lines):
            fence = _FENCE.match(lines[place])
            if fence:
                place = self._fenced(lines, place, first, fence)
            else:
                self._prose(lines[place], first + place)
                place += 1
        if self.divs:
            raise at(self.path, self.divs[-1], "this div is never closed with :::")
        return self.pieces

    def _fenced(self, lines: list[str], place: int, first: int, fence: re.Match[str]) -> int:
        """A cell or a listing; gives the place behind it."""
        marks, info = fence[2], fence[3].strip()
        end = place + 1
        closing = re.compile(rf"^\s*{re.escape(marks[0])}{{{len(marks)},}}\s*$")
        while end < len(lines) and not closing.match(lines[end]):
            end += 1
        if end == len(lines):
            raise at(self.path, first + place, "this block of code is never closed")
        body = lines[place + 1 : end]
        if _CELL.match(info):
            self._cell(body, first + place + 1)
        elif re.match(r"^\{\w+\}", info) or info.startswith("{python"):
            raise at(self.path, first + place, f"cells are {{python}} here; found {info}")
        else:
            self.pieces.append("\n".join(lines[place : end + 1]) + "\n")
        return end + 1

    def _cell(self, body: list[str], line: int) -> None:
        count = 0
        while count < len(body) and body[count].startswith("#|"):
            count += 1
        text = "\n".join(row[2:].removeprefix(" ") for row in body[:count])
        options = read_cell_options(text, self.path, line)
        self.pieces.append(Cell("\n".join(body[count:]), options, self.path, line + count))

    def _prose(self, line: str, number: int) -> None:
        div = _DIV.match(line)
        if div:
            if div[2].rstrip(" :"):
                self.divs.append(number)
            elif self.divs:
                self.divs.pop()
            else:
                raise at(self.path, number, "this ::: closes a div that was never opened")
        # Expressions are code spans, so spans are walked through and all else is looked at.
        place = 0
        for span in _CODE_SPAN.finditer(line):
            self._shortcodes(line[place : span.start()], number)
            expression = _INLINE.fullmatch(span[0])
            self.pieces.append(
                Inline(expression[1].strip(), self.path, number)
                if expression
                else _unescaped(span[0])
            )
            place = span.end()
        self._shortcodes(line[place:] + "\n", number)

    def _shortcodes(self, text: str, number: int) -> None:
        place = 0
        for found in _SHORTCODE.finditer(text):
            self.pieces.append(_unescaped(text[place : found.start()]))
            place = found.end()
            name, argument = found[1], found[2]
            if name == "pagebreak":
                self.pieces.append(_BREAK)
            elif name == "meta":
                self.pieces.append(self._meta(argument, number))
            elif name == "include":
                self._include(argument, number)
            else:
                raise at(
                    self.path,
                    number,
                    f"unknown shortcode {name!r}; known: include, meta, pagebreak",
                )
        self.pieces.append(_unescaped(text[place:]))

    def _meta(self, key: str, number: int) -> str:
        value: Any = self.metadata
        for part in key.split("."):
            if not isinstance(value, Mapping) or part not in value:
                raise at(self.path, number, f"_quarto.yml has no {key!r}")
            value = value[part]
        return str(value)

    def _include(self, name: str, number: int) -> None:
        path = self.path.parent / name
        if not path.is_file():
            raise at(self.path, number, f"included file {name} is not there")
        if path.resolve() in {known.resolve() for known in self.including}:
            raise at(self.path, number, f"{name} includes itself")
        lines = path.read_text(encoding="utf-8").split("\n")
        self.files[path] = tuple(lines)
        reader = _Reader(path, self.metadata, (*self.including, path), self.files)
        self.pieces += reader.read(lines, 1)


def _unescaped(text: str) -> str:
    """A shortcode in three braces is one that is only shown."""
    return text.replace("{{{<", "{{<").replace(">}}}", ">}}")
