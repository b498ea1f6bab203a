"""Inserts the outputs of a page's cells: gives plain Markdown, and image files."""

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from pneumo.base import paths
from report.engine.errors import RenderError, at
from report.engine.known import FOREIGN, UNKNOWN_LABEL
from report.engine.source import Cell, Inline, Page

# Terminal control sequences: colours, the cursor, links, character sets.
COLOUR = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[ -/]+[0-~]|[0-Z=>^-~])"
)
_LENGTH = re.compile(r'\s(width|height)="(\d+\.?\d*)(pt|px)?"')
_PICTURES = {"image/png": "png", "image/jpeg": "jpg", "image/gif": "gif", "image/svg+xml": "svg"}
_SHOWN = {*_PICTURES, "text/markdown", "text/latex", "text/html", "text/plain"}
_STYLED = re.compile(r"#T_\w+[^{}<]*\{|\sstyle=\"(?!text-align: \w+;?\")|\s(bgcolor|color)=")
# The start of a table's caption that Quarto reads as a list or a heading, and loses.
_MARKED = re.compile(r"(\(?(\d+|[a-zA-Z]|[ivxlcdm]+|#|@\w*)[.)]|[-+*]|#{1,6}|>)\s")
_PIXELS_A_POINT = 4 / 3
# Options that only a float has.
_LABELLED = {"tbl-cap": "tbl", "fig-subcap": "fig", "layout-ncol": "fig"}
Outputs = list[list[dict[str, Any]]]  # one list per piece of code
_REPR = re.compile(r"[\[({]*(<[\w.]+|Text\(|array\()")  # as in Quarto, for matplotlib's objects
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # not newlines and tabs


@dataclass(frozen=True)
class Executed:
    """A page as Markdown, and the image files that its cells drew."""

    page: Page
    markdown: str
    files: Mapping[str, bytes]  # by path relative to the site
    printed: tuple[tuple[str, Cell | Inline], ...] = ()  # the output of each cell, for errors

    def has(self, text: str) -> bool:
        """Whether the page or its cells' outputs contain a text."""
        return bool(self.page.where(text)) or any(text in output for output, _ in self.printed)

    def where(self, text: str) -> tuple[Path, int | None]:
        """The file and line that contain `text`, or those of the cell that printed it."""
        for output, cell in self.printed:
            if text in output and not self.page.where(text):
                return cell.path, cell.line
        return self.page.where(text) or (self.page.path, None)

    def error(self, text: str, problem: str) -> RenderError:
        """An error at the file and line that contain or printed `text`."""
        return at(*self.where(text), problem)


def write(page: Page, outputs: Outputs) -> Executed:
    """A page with its cells replaced by their outputs.

    Args:
        page: the page's source.
        outputs: one list for each piece of :attr:`Page.code`.

    Raises:
        RenderError: an output that no page can hold, or captions that do not fit the figures.
    """
    parts: list[str] = []
    files: dict[str, bytes] = {}
    printed: list[tuple[str, Cell | Inline]] = []
    given = iter(outputs)
    for piece in page.pieces:
        if isinstance(piece, str):
            parts.append(piece)
            continue
        if isinstance(piece, Inline):
            text = "".join(_words(o["data"], piece) for o in next(given) if "data" in o)
        else:
            text = _Cell(piece, page, files).write(next(given) if piece.is_run else [])
        printed.append((text, piece))
        parts.append(text)
    return Executed(page, "".join(parts), files, tuple(printed))


class _Cell:
    """Converts a cell to Markdown."""

    def __init__(self, cell: Cell, page: Page, files: dict[str, bytes]) -> None:
        self.cell, self.page, self.files, self.options = cell, page, files, cell.options
        self.label = str(self.options.get("label") or "")
        self.kind = self.label.partition("-")[0]
        self.as_is = self.options.get("output") == "asis"
        if FOREIGN.match(self.label):
            raise self.fault(UNKNOWN_LABEL.format(self.label))
        for name, kind in _LABELLED.items():
            if name in self.options and self.kind != kind:
                raise self.fault(f"{name} takes a label that begins with {kind}-")
        if "fig-cap" in self.options and self.kind == "tbl":
            raise self.fault("fig-cap with a label that begins with tbl-; use tbl-cap or fig-")
        caption = str(self.options.get("tbl-cap") or "")
        if _MARKED.match(caption) or "\n" in caption:
            problem = "of several lines, or one that begins like a list or a heading"
            raise self.fault(f"Quarto loses a tbl-cap {problem}")

    def fault(self, problem: str) -> RenderError:
        """An error at this cell's line."""
        return at(self.cell.path, self.cell.line, problem)

    def write(self, outputs: list[Any]) -> str:
        """The cell's source, if it is shown, and its outputs."""
        options = self.options
        if not options.get("include", True):
            return "\n"
        shown = [self._source()] if options.get("echo", True) else []
        if options.get("output", True) is not False:
            shown.append(self._outputs(outputs))
        body = "\n\n".join(part for part in shown if part)
        if "{{<" in body:
            problem = "the cell's output has a shortcode, which Quarto would replace; remove it"
            raise self.fault(problem)
        if not body:
            return "\n"
        if self.as_is:  # its headings are headings of the page
            return f"\n{body}\n\n"
        return f"\n:::::::: {{.cell}}\n{body}\n::::::::\n\n"

    def _source(self) -> str:
        listing = _fenced(self.cell.code.strip(), "{.python .cell-code}")
        if not self.options.get("code-fold"):
            return listing
        summary = _attribute(self.options.get("code-summary", "Code"))
        return f'::::::: {{.cell-fold summary="{summary}"}}\n{listing}\n:::::::'

    def _outputs(self, outputs: list[Any]) -> str:
        """All outputs in order, as a numbered figure or table if the label asks for one."""
        if any(map(_is_picture, outputs)):
            outputs = [output for output in outputs if not _is_repr(output)]
        elif outputs:
            for name in ("fig-cap", "fig-alt"):
                if self.options.get(name) and self.kind != "fig":
                    raise self.fault(f"the cell has {name}, but it shows no figure")
        try:
            pictures = [self._store(output) for output in outputs if _is_picture(output)]
        except (ValueError, TypeError, AttributeError) as error:
            raise self.fault(f"the cell's image output is not a valid image ({error})") from None
        images = self._images(pictures)
        parts: list[str] = []
        tables: list[str] = []
        for output in outputs:
            if _is_picture(output):
                self._refuse_kinds(output["data"])
                if self.kind != "fig":
                    parts.append(_shown(images.pop(0)))
                elif images:
                    parts.append(self._float("\n\n".join(images)))
                    images = []
            elif output["output_type"] == "stream":
                if output["name"] == "stdout" or self.options.get("warning", True):
                    text = _text(output["text"])
                    if output["name"] == "stderr":  # a warning contains the path of its file
                        text = paths.without_folders(text)
                    parts.append(text if self.as_is else _verbatim(text, output["name"]))
            else:
                (tables if self.kind == "tbl" else parts).append(self._display(output["data"]))
        if tables:
            parts.append(self._float("\n\n".join(tables)))
        wanted = {"fig": "figure", "tbl": "table"}.get(self.kind)
        if outputs and wanted and not (pictures if self.kind == "fig" else tables):
            raise self.fault(f"the cell is labelled {self.label}, but it shows no {wanted}")
        return "\n\n".join(parts)

    def _images(self, pictures: list[tuple[str, str]]) -> list[str]:
        """Each picture as Markdown, with its own caption and alternative text."""
        options, count = self.options, len(pictures)
        captions, alts = _texts(options.get("fig-subcap")), _texts(options.get("fig-alt"))
        if captions and len(captions) != count:
            raise self.fault(f"{len(captions)} texts in fig-subcap for {count} figures")
        if isinstance(options.get("fig-alt"), list) and len(alts) != count:
            raise self.fault(f"{len(alts)} texts in fig-alt for {count} figures")
        if captions and not isinstance(options.get("fig-alt"), list):
            alts = []  # as in Quarto: one text does not describe every panel
        if options.get("fig-cap") and self.kind != "fig":
            if count != 1:
                raise self.fault(f"one fig-cap and {count} figures: the cell needs a label fig-…")
            captions = _texts(options["fig-cap"])
        images = []
        for place, (source, shape) in enumerate(pictures):
            caption = captions[place] if captions else ""
            label = f"#{self.label}-{place + 1} " if options.get("fig-subcap") else ""
            attributes = f"{label}{shape}"
            if alts:
                attributes += f' fig-alt="{_attribute(alts[min(place, len(alts) - 1)])}"'
            images.append(f"![{caption}]({source}){{{attributes}}}")
        return images

    def _float(self, body: str) -> str:
        """A div with the cell's label and caption; special characters in it are escaped."""
        columns = self.options.get("layout-ncol")
        head = f'#{self.label} layout-ncol="{columns}"' if columns else f"#{self.label}"
        caption = _attribute(self.options.get(f"{self.kind}-cap") or "")
        return f'::::::: {{{head} {self.kind}-cap="{caption}"}}\n{body}\n:::::::'

    def _store(self, output: Any) -> tuple[str, str]:
        """Store a picture's files; gives the path for the page, and attributes for its size."""
        count = len({name.rpartition(".")[0] for name in self.files}) + 1
        stem = f"{self.label or 'cell'}-output-{count}"
        path = f"{self.page.path.stem}_files/figure-html/{stem}"
        data = output["data"]
        kinds = [kind for kind in _PICTURES if kind in data]
        for kind in kinds:
            text = _text(data[kind])
            if kind == "image/svg+xml" and not _is_drawing(text):
                raise self.fault("the cell's SVG output is not a valid SVG")
            content = text.encode() if kind == "image/svg+xml" else base64.b64decode(text)
            self.files[f"{path}.{_PICTURES[kind]}"] = content
        chosen = kinds[0]  # an SVG beside it is for the PDF
        size = (output.get("metadata") or {}).get(chosen, {})
        if chosen == "image/svg+xml":
            size = size_of(_text(data[chosen]))
        attributes = " ".join(f'{name}="{int(float(value))}"' for name, value in size.items())
        return f"{path}.{_PICTURES[chosen]}", attributes

    def _display(self, data: Mapping[str, Any]) -> str:
        """A displayed object in the richest form that both HTML and PDF can show."""
        self._refuse_kinds(data)
        if "text/markdown" in data or "text/latex" in data:
            body = _text(data.get("text/markdown", data.get("text/latex")))
            return body if self.as_is else _shown(body)
        plain = _text(data.get("text/plain", ""))
        if "text/html" in data:
            # The PDF shows only tables of HTML; for all else it shows the plain text.
            html = _text(data["text/html"])
            if "<table" in html and _STYLED.search(html):
                problem = "a table with colours or styles, which the PDF would lose; remove them"
                raise self.fault(f"the cell shows {problem}")
            both = f"{_fenced(html, '{=html}')}\n\n{_fenced(plain, '{.cell-plain}')}"
            return _shown(both, ".cell-html")
        return plain if self.as_is else _verbatim(plain, "display")

    def _refuse_kinds(self, data: Mapping[str, Any]) -> None:
        """Refuse an object that Quarto would show in an unsupported way, or by its HTML."""
        foreign = [kind for kind in data if kind not in _SHOWN]
        if "text/html" in data:
            foreign += [kind for kind in data if kind not in ("text/html", "text/plain")]
        if foreign:
            problem = "show one of HTML, Markdown, text or a picture"
            raise self.fault(f"the cell's output is {' and '.join(data)}; {problem}")


def _is_drawing(text: str) -> bool:
    """Whether a text is XML with an SVG root."""
    try:
        return ElementTree.fromstring(text).tag.rpartition("}")[2] == "svg"
    except ElementTree.ParseError:
        return False


def size_of(drawing: str) -> dict[str, str]:
    """Width and height of an SVG in CSS pixels; empty if it has no lengths."""
    head = drawing[: drawing.find(">", drawing.find("<svg"))]
    return {
        name: str(round(float(value) * (_PIXELS_A_POINT if unit == "pt" else 1)))
        for name, value, unit in _LENGTH.findall(head)
    }


def _words(data: Mapping[str, Any], inline: Inline) -> str:
    """The text of an inline expression."""
    if "text/markdown" not in data:
        problem = f"an expression in a sentence must give text; this one gives {', '.join(data)}"
        raise at(inline.path, inline.line, problem)
    return _text(data["text/markdown"])


def _is_picture(output: Any) -> bool:
    return not _PICTURES.keys().isdisjoint(output.get("data", ()))


def _is_repr(output: Any) -> bool:
    """Whether an output is the return value of a plotting call, which is not shown beside the picture."""
    data = output.get("data", {})
    return (
        output["output_type"] == "execute_result"
        and set(data) == {"text/plain"}
        and bool(_REPR.match(_text(data["text/plain"])))
    )


def _shown(body: str, more: str = "") -> str:
    return f"::::::: {{.cell-output .cell-output-display {more}}}\n{body}\n:::::::"


def _verbatim(text: str, stream: str) -> str:
    body = _fenced(text.rstrip(), "{.cell-text}")
    return f"::::::: {{.cell-output .cell-output-{stream}}}\n{body}\n:::::::"


def _texts(value: object) -> list[str]:
    """One text or a list of texts, each on one line."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [" ".join(str(text).split()) for text in values]


def _text(value: Any) -> str:
    """A cell's printed text without terminal control sequences."""
    text = value if isinstance(value, str) else "".join(value)
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", COLOUR.sub("", re.sub("\r\n?", "\n", text)))


def _fenced(text: str, attributes: str) -> str:
    """A code block with a fence longer than any in the text."""
    fence = "`" * max(8, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {attributes}\n{text}\n{fence}"


def _attribute(value: object) -> str:
    """A text on one line, escaped for a quoted attribute."""
    text = " ".join(str(value).split()).replace("\\", "\\\\").replace('"', '\\"')
    return text.replace("&", "&amp;")  # pandoc decodes it
