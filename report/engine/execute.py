"""Runs the cells of pages in Jupyter kernels, unless their outputs are cached."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from report.engine.cache import Cache, has_pictures, inputs, key_of
from report.engine.config import Book
from report.engine.errors import at
from report.engine.kernels import ARGUMENTS, Kernels, end_group
from report.engine.outputs import COLOUR, Executed, Outputs, write
from report.engine.source import Cell, Code, Inline, Page

TIME_LIMIT = 600  # seconds a cell may take
OUTPUT_LIMIT = 32_000_000  # bytes that a cell may output
# The line is not read from the traceback, since those of groups and `sys.exit` have none.
_WHERE = """
def __where():
    import sys, traceback
    frames = traceback.walk_tb(sys.last_value.__traceback__)
    lines = [line for frame, line in frames if frame.f_globals is globals()]
    print((lines or [getattr(sys.last_value, "lineno", None) or 1])[0])
__where()
"""
PAGES_AT_ONCE = 3  # one more than two cores, since each waits for its kernel at times


def execute(pages: Sequence[Page], book: Book, cache: Cache) -> list[Executed]:
    """Pages with the outputs of their cells, as :func:`run_cells` gives them.

    Raises:
        RenderError: as :func:`run_cells` and :func:`report.engine.outputs.write`.
    """
    outputs = run_cells(pages, book, cache)
    return [write(page, made) for page, made in zip(pages, outputs, strict=True)]


def run_cells(pages: Sequence[Page], book: Book, cache: Cache) -> list[Outputs]:
    """Run the cells of pages in the project's folder, with one kernel per page, unless they are cached.

    Args:
        pages: the pages.
        book: their project.
        cache: the cache of outputs.

    Returns:
        For each page one list of outputs for each piece of its code.

    Raises:
        RenderError: a cell raises, exceeds the time limit, or its kernel dies; the first page's error.
    """
    before = inputs(book.folder, book.output)
    outputs: dict[Path, Outputs] = {}
    missing: dict[Path, str] = {}  # the keys of pages to run
    for page in pages:
        key = key_of(before, page.path.name, [_code(piece) for piece in page.code])
        kept = cache.get("cells", key) if page.code else b"[]"
        if kept is None or not has_pictures(book.folder, kept.decode()):
            missing[page.path] = key
        else:
            outputs[page.path] = json.loads(kept)
    codes = [page.code for page in pages if page.path in missing]
    outputs |= zip(missing, run(codes, book.folder), strict=True)
    # If a source changed while the cells ran, their outputs are not cached.
    if missing and inputs(book.folder, book.output) == before:
        for path, key in missing.items():
            cache.put("cells", key, json.dumps(outputs[path]).encode())
    return [outputs[page.path] for page in pages]


def run(codes: Sequence[Code], folder: Path) -> list[Outputs]:
    """Run the code of pages, each in a kernel of its own; one list of outputs for each piece.

    Args:
        codes: the cells and expressions of each page, in order.
        folder: the kernels' working folder.

    Raises:
        RenderError: as :func:`run_cells`.
    """
    with Kernels(folder, codes) as kernels, ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
        # Long ones first, so that none is left at the end.
        order = sorted(range(len(codes)), key=lambda place: -len(codes[place]))
        futures = {place: pool.submit(_run, codes[place], kernels) for place in order}
        try:
            return [futures[place].result() for place in range(len(codes))]
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _run(pieces: Code, kernels: Kernels) -> Outputs:
    """The outputs of pieces of code, run in one kernel."""
    notebook = nbformat.v4.new_notebook()  # type: ignore[no-untyped-call]
    manager = kernels.manager()
    notebook.metadata["kernelspec"] = {"name": "python3", "language": "python"}
    client = _Client(
        notebook,
        km=manager,
        extra_arguments=ARGUMENTS,
        timeout=TIME_LIMIT,
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(kernels.folder)}},
    )
    try:
        with ExitStack() as stack:
            try:
                stack.enter_context(client.setup_kernel(cleanup_kc=True, env=kernels.environment))
            except RuntimeError as error:  # it died, or never answered
                problem = f"the page's Python process did not start ({error})"
                raise at(pieces[0].path, None, problem) from None
            client.group = getattr(manager.provisioner, "pgid", None)
            return [made for group in _groups(pieces) for made in _outputs(client, group)]
    finally:
        end_group(client.group)


class _Client(NotebookClient):
    """A client that limits the output of a cell."""

    taken = 0  # bytes from the running cell
    group: int | None = None  # of the kernel's processes

    def output(self, outs: Any, msg: Any, display_id: str | None, cell_index: int) -> Any:
        """Keep an output, or stop the kernel if the cell exceeds the limit."""
        before = self.taken
        self.taken += len(json.dumps(msg["content"]))
        if self.taken <= OUTPUT_LIMIT:
            return super().output(outs, msg, display_id, cell_index)
        if before <= OUTPUT_LIMIT:
            end_group(self.group)
        return None


def _groups(pieces: Code) -> Iterator[Code]:
    """Pieces that run together: a cell alone, expressions up to the next cell in one go."""
    for is_cell, pieces_of_kind in groupby(pieces, lambda piece: isinstance(piece, Cell)):
        group = list(pieces_of_kind)
        yield from ([cell] for cell in group) if is_cell else [group]


def _code(piece: Cell | Inline) -> str:
    """The code to run; `startup.py` shows the value of an inline expression."""
    return piece.code if isinstance(piece, Cell) else f"__inline({piece.code})"


def _outputs(client: _Client, group: Code) -> Outputs:
    """The outputs of each of a group of pieces."""
    source = "\n".join(map(_code, group))
    cell = nbformat.v4.new_code_cell(source)  # type: ignore[no-untyped-call]
    client.nb.cells.append(cell)
    client.taken = 0
    try:
        client.execute_cell(cell, len(client.nb.cells) - 1)
    except CellExecutionError as error:
        piece, number = _raised_at(client, group)
        words = COLOUR.sub("", str(error.evalue)).strip()
        problem = f"the cell raises {error.ename}{words and f': {words}'}"
        raise at(piece.path, number, problem) from None
    except nbformat.ValidationError as error:
        problem = f"the cell's output is not valid ({str(error).partition(chr(10))[0]})"
    except CellTimeoutError:
        problem = f"the cell did not end within {TIME_LIMIT} seconds"
    except DeadKernelError:
        problem = "the cell's Python process died; it crashed or ran out of memory"
        if client.taken > OUTPUT_LIMIT:
            problem = f"the cell outputs more than {OUTPUT_LIMIT:,} bytes; print or show less"
    else:
        problem = ""
    made = _split(cell.outputs) if isinstance(group[0], Inline) else [cell.outputs, []]
    if not problem and len(made) <= len(
        group
    ):  # an object that shows itself, or output that was cleared
        problem = (
            "an expression in a sentence must give text; this one or one above it shows nothing"
        )
    if problem:
        piece = group[min(len(made), len(group)) - 1]
        raise at(piece.path, piece.line, problem)
    return [_joined(some) for some in made[: len(group)]]


def _split(outputs: Sequence[Any]) -> Outputs:
    """The outputs of each expression that has run, and what came after: an expression's value is its last."""
    made: Outputs = [[]]
    for output in outputs:
        made[-1].append(output)
        if output.get("metadata", {}).pop("of_expression", False):
            made.append([])
    return made


def _joined(outputs: Sequence[Any]) -> list[Any]:
    """Outputs with consecutive prints joined; on a busy machine they arrive in several pieces."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def _raised_at(client: _Client, group: Code) -> tuple[Cell | Inline, int]:
    """Ask the kernel which piece raised, and in which line of the page."""
    asking = nbformat.v4.new_code_cell(_WHERE)  # type: ignore[no-untyped-call]
    client.nb.cells.append(asking)
    client.execute_cell(asking, len(client.nb.cells) - 1)
    before = int(asking.outputs[0]["text"]) - 1  # lines above it in the group
    for piece in group:
        if before <= piece.code.count("\n") or piece is group[-1]:
            break
        before -= piece.code.count("\n") + 1
    return piece, piece.line + before
