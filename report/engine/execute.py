"""Runs the cells of pages in Jupyter kernels; outputs that an earlier build kept are not made again."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from report.engine.cache import Cache, has_pictures, inputs, key_of
from report.engine.config import Book
from report.engine.errors import at
from report.engine.kernels import ARGUMENTS, Kernels, end_group, size
from report.engine.outputs import COLOUR, Executed, Outputs, write
from report.engine.source import Page
from report.engine.steps import Step, all_steps

TIME_LIMIT = 600  # seconds a cell may take
OUTPUT_LIMIT = 32_000_000  # bytes that may come of it
# Tracebacks of groups and of `sys.exit` have no lines, so they are not read.
_WHERE = """
def __where():
    import sys, traceback
    frames = traceback.walk_tb(sys.last_value.__traceback__)
    lines = [line for frame, line in frames if frame.f_globals is globals()]
    print((lines or [getattr(sys.last_value, "lineno", None) or 1])[0])
__where()
"""
PAGES_AT_ONCE = 3  # on two cores one more than these: each waits for its kernel at times


def execute(pages: Sequence[Page], book: Book, cache: Cache | None = None) -> list[Executed]:
    """Run the cells of pages, each page in a kernel of its own, in the project's folder.

    Args:
        pages: the pages.
        book: their project.
        cache: where the outputs of the same cells are looked for first, and kept afterwards.

    Raises:
        RenderError: a cell raises, never ends, or its kernel dies; the first page's error.
    """
    before = inputs(book.folder, book.output) if cache else ""
    outputs: dict[Path, Outputs] = {}
    missing: list[tuple[Page, list[Step], str]] = []
    for page in pages:
        steps = all_steps(page, book)
        codes = [step.code for step in steps]
        key = key_of(before, page.path.name, size(book), book.html.get("fig-dpi"), codes)
        kept = cache.get("cells", key) if cache and steps else None
        if steps and (kept is None or not has_pictures(book.folder, kept.decode())):
            missing.append((page, steps, key))
        else:
            outputs[page.path] = json.loads(kept) if kept else []
    to_run = [page for page, _, _ in missing]
    with Kernels(book, to_run) as kernels, ThreadPoolExecutor(PAGES_AT_ONCE) as pool:
        # Long ones first: none is left over when the others are done.
        futures = {
            page.path: pool.submit(run, steps, book.folder, kernels)
            for page, steps, _ in sorted(missing, key=lambda one: -len(one[1]))
        }
        try:
            outputs |= {page.path: futures[page.path].result() for page in to_run}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
    # What changed while the cells ran may be in their outputs or not.
    if cache and missing and inputs(book.folder, book.output) == before:
        for page, _, key in missing:
            cache.put("cells", key, json.dumps(outputs[page.path]).encode())
    return [write(page, book, outputs[page.path]) for page in pages]


def run(steps: Sequence[Step], folder: Path, kernels: Kernels) -> Outputs:
    """The outputs of pieces of code that run in a kernel of their own, one list each.

    Args:
        steps: the pieces, in order.
        folder: where they run.
        kernels: where the kernel comes from.

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
        resources={"metadata": {"path": str(folder)}},
    )
    try:
        with ExitStack() as stack:
            try:
                stack.enter_context(client.setup_kernel(cleanup_kc=True, env=kernels.environment))
            except RuntimeError as error:  # it died, or never spoke
                problem = f"the page's Python process did not begin ({error})"
                raise at(steps[0].path, None, problem) from None
            client.group = getattr(manager.provisioner, "pgid", None)
            return [_outputs(client, step) for step in steps]
    finally:
        end_group(client.group)


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
        number = _raised_line(client, step.line)
        words = COLOUR.sub("", str(error.evalue)).strip() or "without a word"
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
    return _joined(cell.outputs)


def _joined(outputs: Sequence[Any]) -> list[Any]:
    """Outputs with what a cell printed in one go in one piece; it arrives in several on a busy machine."""
    joined: list[Any] = []
    for output in outputs:
        last = joined[-1] if joined else {}
        if output["output_type"] == "stream" and last.get("name") == output["name"]:
            last["text"] += output["text"]
        else:
            joined.append(output)
    return joined


def _raised_line(client: _Client, first: int) -> int:
    """The line of the page in which its cell raised, which the kernel is asked for."""
    asking = nbformat.v4.new_code_cell(_WHERE)  # type: ignore[no-untyped-call]
    client.nb.cells.append(asking)
    client.execute_cell(asking, len(client.nb.cells) - 1)
    return first + int(asking.outputs[0]["text"]) - 1
