"""Runs the cells of a page in a Jupyter kernel and writes the page as plain Markdown with their outputs."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import indent
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from pneumo import paths
from report.engine import trace
from report.engine.config import Book
from report.engine.errors import at
from report.engine.kernels import ARGUMENTS, Kernels, end_group, size
from report.engine.memory import Memory, Outputs
from report.engine.source import Cell, Inline, Page

TIME_LIMIT = 600  # seconds a cell may take
OUTPUT_LIMIT = 32_000_000  # bytes that may come of it
_PREPARING = 2  # so many steps prepare a kernel
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_LENGTH = re.compile(r'\s(width|height)="(\d+\.?\d*)(pt|px)?"')
_PIXELS_A_POINT = 4 / 3
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")  # not newlines and tabs
# What a figure is drawn as, whoever draws it and however: matplotlib itself is imported only where a cell
# asks for it.
_SETUP = """
def __set_up(formats):
    from functools import partial
    from IPython import get_ipython
    from IPython.core.pylabtools import print_figure, retina_figure
    shell = get_ipython()
    shell.config.InlineBackend.figure_formats = set(formats)
    writers = {{
        "retina": ("image/png", partial(retina_figure, base64=True, bbox_inches="tight")),
        "png": ("image/png", partial(print_figure, fmt="png", base64=True, bbox_inches="tight")),
        "svg": ("image/svg+xml", partial(print_figure, fmt="svg", bbox_inches="tight")),
    }}
    for name in formats:
        kind, writer = writers[name]
        formatter = shell.display_formatter.formatters[kind]
        formatter.for_type_by_name("matplotlib.figure", "Figure", writer)
__set_up({formats})
del __set_up
"""
_SIZE = "__import__('matplotlib').rcParams['figure.figsize'] = ({width}, {height})"
# A string is text, whatever signs stand in it; Markdown is Markdown, as with Quarto.
_FILES = """
def __files():
    import os, tempfile
    from pathlib import Path
    from IPython.display import display
    with tempfile.TemporaryDirectory(dir=os.environ["IPYTHONDIR"]) as name:
        folder = Path(name)
{code}
        found = {{
            path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
            for path in sorted(folder.rglob("*")) if path.is_file()
        }}
    display({{"application/json": found}}, raw=True)
__files()
"""
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
    printed: tuple[tuple[str, Cell | Inline], ...] = ()  # what came out of each cell, for errors

    def where(self, text: str) -> tuple[Path, int | None]:
        """The file and line in which `text` stands, or those of the cell that printed it."""
        for output, cell in self.printed:
            if text in output and not self.page.where(text):
                return cell.path, cell.line
        return self.page.where(text) or (self.page.path, None)


def execute(page: Page, book: Book, kernels: Kernels, memory: Memory | None = None) -> Executed:
    """Run a page's cells in order, in one kernel, in the project's folder.

    Args:
        page: the page.
        book: its project.
        kernels: where its kernel comes from.
        memory: where the outputs of the same cells are looked for first, and kept afterwards.

    Raises:
        RenderError: a cell raises, never ends, or its kernel dies.
    """
    steps = _steps(page, book)
    codes = [step.code for step in steps]
    about = _about(book)
    outputs = memory.recall("cells", about, codes) if memory and steps else None
    if outputs is None:
        traced = kernels.scratch / f"{page.path.stem}.trace"
        outputs = run(steps, book.folder, kernels, traced) if steps else []
        if memory and steps:
            memory.remember("cells", about, codes, outputs, traced)
    writing = _Page(page, book, outputs)
    return Executed(page, writing.write(), writing.files, tuple(writing.printed))


def key(page: Page, book: Book) -> str:
    """A page's code with what decides its outputs beside it, a key for other kernels; "" for no code."""
    codes = [step.code for step in _steps(page, book)]
    return json.dumps([_about(book), page.path.name, *codes]) if codes else ""


def write_files(
    code: str, book: Book, kernels: Kernels, memory: Memory | None = None
) -> dict[str, bytes]:
    """The files that code writes into the folder that it knows as `folder`, run as a page's code is.

    Raises:
        RenderError: the code raises, never ends, or its kernel dies.
    """
    steps = [Step(_FILES.format(code=indent(code, " " * 8)), book.folder, 1)]
    codes = [step.code for step in steps]
    outputs = memory.recall("files", "", codes) if memory else None
    if outputs is None:
        traced = kernels.scratch / "files.trace"
        outputs = run(steps, book.folder, kernels, traced)
        if memory:
            memory.remember("files", "", codes, outputs, traced)
    ((output,),) = outputs
    return {name: text.encode() for name, text in output["data"]["application/json"].items()}


@dataclass(frozen=True)
class Step:
    """A piece of code, and whose it is."""

    code: str
    path: Path
    line: int
    may_raise: bool = False


def run(steps: Sequence[Step], folder: Path, kernels: Kernels, traced: Path) -> Outputs:
    """The outputs of pieces of code that run in a kernel of their own, one list each.

    Args:
        steps: the pieces, in order.
        folder: where they run.
        kernels: where the kernel comes from.
        traced: the file for what the kernel's trace has seen.

    Raises:
        RenderError: as :func:`execute`.
    """
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    manager = kernels.manager()
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python"}
    client = _Client(
        notebook,
        km=manager,
        extra_arguments=ARGUMENTS,
        timeout=TIME_LIMIT,
        shutdown_kernel="immediate",
        # What a cell prints may reach us in pieces, as the machine's load has it.
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        with client.setup_kernel(cleanup_kc=True, env=kernels.environment):
            client.group = getattr(manager.provisioner, "pgid", None)
            beginning = Step(kernels.first, steps[0].path, 1)
            _outputs(client, beginning)
            outputs = [_outputs(client, step) for step in steps]
            _outputs(client, replace(beginning, code=trace.ending(traced)))
    finally:
        end_group(client.group)
    return outputs


def _about(book: Book) -> str:
    return f"{book.folder.name} {size(book)} {book.html.get('fig-dpi')}"


class _Client(NotebookClient):
    """A client that takes only so much from one cell."""

    taken = 0  # bytes from the cell that runs
    group: int | None = None  # of the kernel's processes

    def output(self, outs: Any, msg: Any, display_id: str | None, cell_index: int) -> Any:
        """Keep an output, or stop the kernel where there have been too many."""
        before = self.taken
        self.taken += len(json.dumps(msg["content"]))
        if self.taken <= OUTPUT_LIMIT:
            return super().output(outs, msg, display_id, cell_index)
        if before <= OUTPUT_LIMIT:
            end_group(self.group)
        return None


def _steps(page: Page, book: Book) -> list[Step]:
    """All code of a page, with what prepares its kernel; nothing for a page without code."""
    pieces = [piece for piece in page.pieces if not isinstance(piece, str)]
    if not pieces:
        return []
    chosen = str(book.html.get("fig-format", "retina"))
    formats = [chosen] if chosen == "svg" or not book.pdf else [chosen, "svg"]
    steps = [Step(code, page.path, 1) for code in (_SETUP.format(formats=formats), _INLINE)]
    return steps + [step for piece in pieces for step in _steps_of(piece, page, book)]


def _steps_of(piece: Inline | Cell, page: Page, book: Book) -> list[Step]:
    """What runs for a piece of a page; a cell's own size of figures comes before it and goes after."""
    if isinstance(piece, Inline):
        return [Step(f"__inline({piece.code})", piece.path, piece.line)]
    options = _options(piece, page, book)
    if not (options.get("eval", True) and options.get("enabled", True)):
        return []
    steps = [Step(piece.code, piece.path, piece.line, bool(options.get("error")))]
    if {"fig-width", "fig-height"} & set(piece.options):
        width, height = size(book)
        own = options.get("fig-width", width), options.get("fig-height", height)
        before, after = (
            Step(_SIZE.format(width=wide, height=high), piece.path, piece.line)
            for wide, high in (own, (width, height))
        )
        return [before, *steps, after]
    return steps


def _options(cell: Cell, page: Page, book: Book) -> dict[str, Any]:
    """A cell's own options, before those of its page and of the book."""
    return {**book.execute, **(page.front_matter.get("execute") or {}), **cell.options}


def _outputs(client: _Client, step: Step) -> list[Any]:
    """What came of one piece of code."""
    cell = nbformat.v4.new_code_cell(step.code)  # type: ignore[no-untyped-call]
    if step.may_raise:
        cell.metadata["tags"] = ["raises-exception"]
    client.nb.cells.append(cell)
    client.taken = 0
    try:
        client.execute_cell(cell, len(client.nb.cells) - 1)
    except CellExecutionError as error:
        raised = next((o for o in cell.outputs if o["output_type"] == "error"), None)
        number = _raised_line(raised, step.line) if raised else step.line
        words = _COLOUR.sub("", str(error.evalue)).strip() or "without a word"
        raise at(step.path, number, f"the cell raises {error.ename}: {words}") from None
    except nbformat.ValidationError as error:
        problem = f"the cell shows what no page can hold ({str(error).partition(chr(10))[0]})"
        raise at(step.path, step.line, problem) from None
    except CellTimeoutError:
        problem = f"the cell did not end within {TIME_LIMIT} seconds"
        raise at(step.path, step.line, problem) from None
    except DeadKernelError:
        if client.taken > OUTPUT_LIMIT:
            problem = f"the cell gives more than {OUTPUT_LIMIT:,} bytes; print and show less"
            raise at(step.path, step.line, problem) from None
        raise at(step.path, step.line, "the cell's Python process died") from None
    return list(cell.outputs)


class _Page:
    """A page on its way to Markdown, with the outputs of its code."""

    def __init__(self, page: Page, book: Book, outputs: Outputs) -> None:
        self.page, self.book = page, book
        self.files: dict[str, bytes] = {}
        self.printed: list[tuple[str, Cell | Inline]] = []
        self.count = 0  # of figures
        self.outputs = iter(outputs[len(outputs) and _PREPARING :])

    def write(self) -> str:
        """Put every piece into Markdown."""
        parts = []
        for piece in self.page.pieces:
            if isinstance(piece, str):
                parts.append(piece)
                continue
            # Of a cell's outputs those before and after its own are empty.
            steps = _steps_of(piece, self.page, self.book)
            outputs = [output for _ in steps for output in next(self.outputs)]
            if isinstance(piece, Inline):
                text = "".join(_words(o["data"], piece) for o in outputs if "data" in o)
            else:
                text = self._cell(piece, outputs)
            self.printed.append((text, piece))
            parts.append(text)
        return "".join(parts)

    def _cell(self, cell: Cell, outputs: list[Any]) -> str:
        options = _options(cell, self.page, self.book)
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
        listing = _fenced(cell.code.strip(), "{.python .cell-code}")
        fold = options.get("code-fold", self.book.html.get("code-fold"))
        if not fold:
            return listing
        summary = _attribute(options.get("code-summary", "Code"))
        state = "open" if fold == "show" else "closed"
        return f'::::::: {{.cell-fold summary="{summary}" state="{state}"}}\n{listing}\n:::::::'

    def _outputs(self, cell: Cell, options: Mapping[str, Any], outputs: list[Any]) -> str:
        """All outputs in their order, as a numbered figure or table where the label asks for one."""
        as_is = options.get("output") == "asis"
        label = str(options.get("label") or "")
        kind = label.partition("-")[0]
        try:
            pictures = [self._store(output, label) for output in outputs if _is_picture(output)]
        except (ValueError, TypeError, AttributeError) as error:
            raise at(
                cell.path, cell.line, f"the cell shows a picture that is none ({error})"
            ) from None
        images = self._images(cell, options, label, pictures)
        renderings = self._renderings(cell, options, pictures)
        together = kind == "fig" or bool(options.get("layout-ncol"))
        parts: list[str] = []
        shown: list[str] = []
        for output in outputs:
            if _is_picture(output):
                if together:
                    parts += [self._group(options, label, images)] if images else []
                    images = []
                else:
                    more = f".{renderings.pop(0)}-content" if renderings else ""
                    parts.append(_shown(images.pop(0), more))
            elif output["output_type"] == "stream":
                if output["name"] == "stdout" or options.get("warning", True):
                    text = _text(output["text"])
                    if output["name"] == "stderr":  # a warning names the file that it comes from
                        text = paths.without_folders(text)
                    parts.append(text if as_is else _verbatim(text, output["name"]))
            elif output["output_type"] == "error":
                text = paths.without_folders(_text("\n".join(output["traceback"])))
                parts.append(_verbatim(text, "error"))
            else:
                (shown if kind == "tbl" else parts).append(_display(output["data"], cell, as_is))
        if kind == "tbl" and shown:
            caption = " ".join(str(options.get("tbl-cap") or "").split())
            parts.append(f"::::::: {{#{label}}}\n" + "\n\n".join(shown) + f"\n\n{caption}\n:::::::")
        if outputs and kind in ("fig", "tbl") and not (pictures if kind == "fig" else shown):
            wanted = "figure" if kind == "fig" else "table"
            raise at(
                cell.path, cell.line, f"the cell is labelled {label}, but it shows no {wanted}"
            )
        return "\n\n".join(parts)

    def _images(
        self, cell: Cell, options: Mapping[str, Any], label: str, pictures: list[tuple[str, str]]
    ) -> list[str]:
        """Each picture as Markdown, with its own caption and alternative text."""
        captions, alts = _texts(options.get("fig-subcap")), _texts(options.get("fig-alt"))
        if captions and len(captions) != len(pictures):
            problem = f"{len(captions)} texts in fig-subcap for {len(pictures)} figures"
            raise at(cell.path, cell.line, problem)
        if isinstance(options.get("fig-alt"), list) and len(alts) != len(pictures):
            problem = f"{len(alts)} texts in fig-alt for {len(pictures)} figures"
            raise at(cell.path, cell.line, problem)
        if captions and not isinstance(options.get("fig-alt"), list):
            alts = []  # as with Quarto: one text is not every panel's
        if options.get("fig-cap") and not label.startswith("fig-"):
            if len(pictures) != 1:
                problem = f"one fig-cap and {len(pictures)} figures: the cell needs a label fig-…"
                raise at(cell.path, cell.line, problem)
            captions = _texts(options["fig-cap"])
        images = []
        for place, (source, shape) in enumerate(pictures):
            caption = captions[place] if captions else ""
            attributes = f"#{label}-{place + 1} {shape}" if options.get("fig-subcap") else shape
            if alts:
                attributes += f' fig-alt="{_attribute(alts[min(place, len(alts) - 1)])}"'
            images.append(f"![{caption}]({source}){{{attributes}}}")
        return images

    def _renderings(
        self, cell: Cell, options: Mapping[str, Any], pictures: list[tuple[str, str]]
    ) -> list[str]:
        """Which page each picture is for, light or dark; empty where all are for both."""
        wanted = [str(name) for name in options.get("renderings") or ()]
        if not wanted:
            return []
        if sorted(wanted) != ["dark", "light"]:
            problem = f"renderings are light and dark; found {', '.join(wanted)}"
            raise at(cell.path, cell.line, problem)
        if len(pictures) != len(wanted) or str(options.get("label", "")).startswith("fig-"):
            problem = (
                f"{len(wanted)} renderings for {len(pictures)} figures, in a cell without a label"
            )
            raise at(cell.path, cell.line, problem)
        return wanted

    def _group(self, options: Mapping[str, Any], label: str, images: list[str]) -> str:
        """A cell's pictures side by side or below each other, under one caption."""
        columns = options.get("layout-ncol")
        attributes = f'layout-ncol="{columns}"' if columns else ""
        caption = ""
        if label.startswith("fig-"):
            attributes = f"#{label} {attributes}"
            caption = " ".join(str(options.get("fig-cap") or "").split())
        return (
            f"::::::: {{{attributes} .cell-figures}}\n"
            + "\n\n".join([*images, caption])
            + "\n:::::::"
        )

    def _store(self, output: Any, label: str) -> tuple[str, str]:
        """Keep a picture's files; gives the path that the page names, and the attributes of its size."""
        self.count += 1
        stem = f"{label or 'cell'}-output-{self.count}"
        path = f"{self.page.path.stem}_files/figure-html/{stem}"
        data = output["data"]
        if "image/svg+xml" in data:
            drawing = _text(data["image/svg+xml"])
            self.files[f"{path}.svg"] = drawing.encode()
        if "image/png" not in data:
            return f"{path}.svg", _size_of(drawing)
        self.files[f"{path}.png"] = base64.b64decode(_text(data["image/png"]))
        size = (output.get("metadata") or {}).get("image/png", {})
        return f"{path}.png", " ".join(f'{name}="{int(value)}"' for name, value in size.items())


def _size_of(drawing: str) -> str:
    """The attributes of an SVG's size, in pixels of a page; none where it names no lengths."""
    head = drawing[: drawing.find(">", drawing.find("<svg"))]
    return " ".join(
        f'{name}="{round(float(value) * (_PIXELS_A_POINT if unit == "pt" else 1))}"'
        for name, value, unit in _LENGTH.findall(head)
    )


def _words(data: Mapping[str, Any], inline: Inline) -> str:
    """What an expression in a sentence gives to it."""
    if "text/markdown" not in data:
        problem = f"an expression in a sentence gives words; this one shows {', '.join(data)}"
        raise at(inline.path, inline.line, problem)
    return _text(data["text/markdown"])


def _is_picture(output: Any) -> bool:
    data = output.get("data", {})
    return "image/png" in data or "image/svg+xml" in data


def _display(data: Mapping[str, Any], cell: Cell, as_is: bool) -> str:
    """A displayed object in the richest form that both the web and paper can show."""
    if "text/markdown" in data or "text/latex" in data:
        body = _text(data.get("text/markdown", data.get("text/latex")))
        return body if as_is else _shown(body)
    plain = _text(data.get("text/plain", ""))
    if "text/html" in data:
        # Of HTML paper shows tables alone; what else there is, it shows as text.
        html = _fenced(_text(data["text/html"]), "{=html}")
        text = _fenced(plain, "{.cell-plain}")
        return _shown(f"{html}\n\n{text}", ".cell-html")
    if not plain:
        raise at(cell.path, cell.line, f"the cell shows {', '.join(data)}, which no page can hold")
    return plain if as_is else _verbatim(plain, "display")


def _shown(body: str, more: str = "") -> str:
    return f"::::::: {{.cell-output .cell-output-display {more}}}\n{body}\n:::::::"


def _verbatim(text: str, stream: str) -> str:
    body = _fenced(text.rstrip(), "{.cell-text}")
    return f"::::::: {{.cell-output .cell-output-{stream}}}\n{body}\n:::::::"


def _texts(value: object) -> list[str]:
    """One text or a list of them, each in one line."""
    values = value if isinstance(value, list) else [] if value is None else [value]
    return [" ".join(str(text).split()) for text in values]


def _text(value: Any) -> str:
    """A text that came out of a cell, without colours and signs that steer a terminal."""
    text = value if isinstance(value, str) else "".join(value)
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", _COLOUR.sub("", re.sub("\r\n?", "\n", text)))


def _fenced(text: str, attributes: str) -> str:
    """A listing that no line of the text can end."""
    fence = "`" * max(8, 1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {attributes}\n{text}\n{fence}"


def _attribute(value: object) -> str:
    """A text in one line, as it stands between quotation marks in an attribute."""
    return " ".join(str(value).split()).replace("\\", "\\\\").replace('"', '\\"')


def _raised_line(output: Any, first: int) -> int:
    """The line of the page in which a cell raised, read from the traceback's own arrow."""
    for block in (_COLOUR.sub("", row) for row in output.get("traceback", ())):
        if block.startswith(("Cell In[", "  Cell In[", "  File <ipython")):
            found = re.search(r"^-+>\s*(\d+)|line (\d+)\b", block, re.MULTILINE)
            if found:
                return first + int(found[1] or found[2]) - 1
    return first
