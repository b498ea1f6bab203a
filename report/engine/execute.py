"""Runs the cells of a page in a Jupyter kernel and writes the page as plain Markdown with their outputs."""

import base64
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from report.engine.config import Book
from report.engine.errors import at
from report.engine.source import Cell, Inline, Page

TIME_LIMIT = 600  # seconds a cell may take
_SETUP = """
import warnings
{warnings}
try:
    import matplotlib
    from IPython import get_ipython
    get_ipython().run_line_magic("matplotlib", "inline")
    from matplotlib_inline.backend_inline import set_matplotlib_formats
    set_matplotlib_formats({formats})
    matplotlib.rcParams["figure.figsize"] = ({width}, {height})
    matplotlib.rcParams["figure.dpi"] = {dpi}
except ModuleNotFoundError:
    pass
"""
# A string is text, whatever signs stand in it; Markdown is Markdown, as with Quarto.
_INLINE = """
def __inline(value):
    import re
    from IPython.display import Markdown
    if hasattr(value, "_repr_markdown_"):
        return value
    return Markdown(re.sub(r"([\\\\`*_{}\\[\\]<>#|~^$@])", r"\\\\\\1", str(value)))
"""


@dataclass(frozen=True)
class Executed:
    """A page as Markdown, and the image files that its cells drew."""

    page: Page
    markdown: str
    files: Mapping[str, bytes]  # by path relative to the site


def execute(page: Page, book: Book) -> Executed:
    """Run a page's cells in order, in one kernel, in the project's folder.

    Raises:
        RenderError: a cell raises, never ends, or its kernel dies.
    """
    running = _Page(page, book)
    if any(not isinstance(piece, str) for piece in page.pieces):
        notebook = nbformat.v4.new_notebook()
        notebook.metadata["kernelspec"] = {"name": "python3", "language": "python"}
        client = NotebookClient(
            notebook,
            kernel_name="python3",
            extra_arguments=["--IPKernelApp.log_level=40"],  # errors only
            timeout=TIME_LIMIT,
            resources={"metadata": {"path": str(book.folder)}},
        )
        with client.setup_kernel():
            running.start(client)
            markdown = running.write()
    else:
        markdown = running.write()
    return Executed(page, markdown, running.files)


class _Page:
    """A page on its way through its kernel."""

    def __init__(self, page: Page, book: Book) -> None:
        self.page, self.book = page, book
        self.defaults = {**book.execute, **(page.front_matter.get("execute") or {})}
        self.files: dict[str, bytes] = {}
        self.count = 0  # of figures without a label
        self.client: NotebookClient | None = None

    def start(self, client: NotebookClient) -> None:
        self.client = client
        html = self.book.html
        formats = ["retina" if html.get("fig-format", "retina") != "svg" else "svg"]
        if self.book.pdf and "svg" not in formats:
            formats.append("svg")
        self._run(
            _SETUP.format(
                warnings="" if self.defaults.get("warning") else 'warnings.simplefilter("ignore")',
                formats=", ".join(map(repr, formats)),
                width=html.get("fig-width", 7),
                height=html.get("fig-height", 5),
                dpi=html.get("fig-dpi", 96),
            ),
            self.page.path,
            1,
        )
        self._run(_INLINE, self.page.path, 1)

    def write(self) -> str:
        """Run what is to be run, and put every piece into Markdown."""
        parts = []
        for piece in self.page.pieces:
            if isinstance(piece, str):
                parts.append(piece)
            elif isinstance(piece, Inline):
                outputs = self._run(f"__inline({piece.code})", piece.path, piece.line)
                parts.append(
                    "".join(_text(o["data"]["text/markdown"]) for o in outputs if "data" in o)
                )
            else:
                parts.append(self._cell(piece))
        return "".join(parts)

    def _run(self, code: str, path: Path, line: int) -> list[Any]:
        """The outputs of a piece of code."""
        assert self.client is not None
        cell = nbformat.v4.new_code_cell(code)
        self.client.nb.cells.append(cell)
        try:
            self.client.execute_cell(cell, len(self.client.nb.cells) - 1)
        except CellExecutionError as error:
            raised = next((o for o in cell.outputs if o["output_type"] == "error"), None)
            number = _raised_line(raised, line) if raised else line
            raise at(path, number, f"the cell raises {error.ename}: {error.evalue}") from None
        except CellTimeoutError:
            raise at(path, line, f"the cell did not end within {TIME_LIMIT} seconds") from None
        except DeadKernelError:
            raise at(path, line, "the cell's Python process died") from None
        return list(cell.outputs)

    def _cell(self, cell: Cell) -> str:
        options = {**self.defaults, **cell.options}
        outputs: list[Any] = []
        if options.get("eval", True) and options.get("enabled", True):
            code = cell.code
            if {"fig-width", "fig-height"} & set(cell.options):
                width, height = options.get("fig-width", 7), options.get("fig-height", 5)
                code = f"matplotlib.rcParams['figure.figsize'] = ({width}, {height}); {code}"
            outputs = self._run(code, cell.path, cell.line)
        if not options.get("include", True):
            return "\n"
        shown = [self._source(cell, options)] if options.get("echo", True) else []
        if options.get("output", True) is not False:
            shown.append(self._outputs(cell, options, outputs))
        body = "\n\n".join(part for part in shown if part)
        if not body:
            return "\n"
        if options.get("output") == "asis":  # headings in it are the page's own
            return f"\n{body}\n\n"
        return f"\n:::::::: {{.cell}}\n{body}\n::::::::\n\n"

    def _source(self, cell: Cell, options: Mapping[str, Any]) -> str:
        listing = f"```````` {{.python .cell-code}}\n{cell.code.strip()}\n````````"
        fold = options.get("code-fold", self.book.html.get("code-fold"))
        if not fold:
            return listing
        summary = str(options.get("code-summary", "Code")).replace('"', "&quot;")
        state = "open" if fold == "show" else "closed"
        return f'::::::: {{.cell-fold summary="{summary}" state="{state}"}}\n{listing}\n:::::::'

    def _outputs(self, cell: Cell, options: Mapping[str, Any], outputs: list[Any]) -> str:
        """All outputs, as a numbered figure or table where the label asks for one."""
        if options.get("output") == "asis":
            return "\n\n".join(filter(None, (_as_is(output) for output in outputs)))
        label = str(options.get("label", ""))
        texts, shown = [], []
        pictures = [o for o in outputs if "data" in o and _is_picture(o["data"])]
        for output in outputs:
            if output["output_type"] == "stream" and output["name"] == "stdout":
                texts.append(_verbatim(output["text"]))
            elif output["output_type"] == "stream":
                if options.get("warning"):
                    texts.append(_verbatim(output["text"], "stderr"))
            elif "data" in output and output not in pictures:
                shown.append(_display(output["data"]))
        parts = [*texts]
        if pictures:
            parts.append(self._figures(cell, options, label, pictures))
        if shown and label.startswith("tbl-"):
            caption = str(options.get("tbl-cap", ""))
            shown = [f"::::::: {{#{label}}}\n" + "\n\n".join(shown) + f"\n\n{caption}\n:::::::"]
        return "\n\n".join([*parts, *shown])

    def _figures(
        self, cell: Cell, options: Mapping[str, Any], label: str, pictures: list[Any]
    ) -> str:
        caption = " ".join(str(options.get("fig-cap") or "").split())
        subcaptions = [str(text) for text in options.get("fig-subcap") or ()]
        alts = options.get("fig-alt")
        alt_list = alts if isinstance(alts, list) else [alts]
        if subcaptions and len(subcaptions) != len(pictures):
            raise at(
                cell.path, cell.line, f"{len(subcaptions)} subcaptions for {len(pictures)} figures"
            )
        images = []
        for place, output in enumerate(pictures):
            suffix = f"-{place + 1}" if len(pictures) > 1 else ""
            source, width = self._store(output, label, suffix)
            alt = alt_list[place] if place < len(alt_list) else None
            if subcaptions and not isinstance(alts, list):
                alt = None  # as with Quarto: one text is not every panel's
            attributes = f'width="{width}"' if width else ""
            if alt:
                attributes += ' fig-alt="{}"'.format(str(alt).replace('"', "&quot;"))
            if subcaptions:
                images.append(f"![{subcaptions[place]}]({source}){{#{label}{suffix} {attributes}}}")
            else:
                images.append(f"![]({source}){{{attributes}}}")
        body = "\n\n".join(images)
        if label.startswith("fig-") and caption:
            columns = options.get("layout-ncol")
            layout = f' layout-ncol="{columns}"' if columns else ""
            return f"::::::: {{#{label}{layout}}}\n{body}\n\n{caption}\n:::::::"
        return f"::::::: {{.cell-output .cell-output-display}}\n{body}\n\n{caption}\n:::::::"

    def _store(self, output: Any, label: str, suffix: str) -> tuple[str, int | None]:
        """Keep a picture's files; gives the path that the page names, and its width in CSS pixels."""
        stem = label or f"cell-{self.count + 1}-output"
        self.count += not label
        folder = f"{self.page.path.stem}_files/figure-html"
        path = f"{folder}/{stem}{suffix}"
        data = output["data"]
        if "image/svg+xml" in data:
            self.files[f"{path}.svg"] = _text(data["image/svg+xml"]).encode()
        if "image/png" not in data:
            return f"{path}.svg", None
        self.files[f"{path}.png"] = base64.b64decode(_text(data["image/png"]))
        width = (output.get("metadata") or {}).get("image/png", {}).get("width")
        return f"{path}.png", int(width) if width else None


def _is_picture(data: Mapping[str, Any]) -> bool:
    return "image/png" in data or "image/svg+xml" in data


def _display(data: Mapping[str, Any]) -> str:
    """A displayed object in the richest form that both the web and paper can show."""
    if "text/markdown" in data:
        body = _text(data["text/markdown"])
    elif "text/html" in data:
        body = f"```````` {{=html}}\n{_text(data['text/html'])}\n````````"
    else:
        return _verbatim(_text(data["text/plain"]))
    return f"::::::: {{.cell-output .cell-output-display}}\n{body}\n:::::::"


def _as_is(output: Any) -> str:
    if output["output_type"] == "stream":
        return _text(output["text"]) if output["name"] == "stdout" else ""
    data = output.get("data", {})
    return _text(data.get("text/markdown", data.get("text/plain", "")))


def _verbatim(text: str, stream: str = "stdout") -> str:
    body = textwrap.dedent(f"```````` {{.cell-text}}\n{text.rstrip()}\n````````")
    return f"::::::: {{.cell-output .cell-output-{stream}}}\n{body}\n:::::::"


def _text(value: str | list[str]) -> str:
    return value if isinstance(value, str) else "".join(value)


def _raised_line(output: Any, first: int) -> int:
    """The line of the page in which a cell raised, read from the traceback's own arrow."""
    import re

    plain = [re.sub(r"\x1b\[[0-9;]*m", "", row) for row in output.get("traceback", ())]
    for block in plain:
        if "Cell In[" in block or "<cell line" in block or "ipython-input" in block:
            found = re.search(r"^-+>\s*(\d+)", block, re.MULTILINE)
            if found:
                return first + int(found[1]) - 1
    return first
