"""Runs the cells of a page in a Jupyter kernel, or recalls what came of them before."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from textwrap import indent
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from report.engine import trace
from report.engine.config import Book
from report.engine.errors import at
from report.engine.kernels import ARGUMENTS, Kernels, end_group, size
from report.engine.memory import Memory, Outputs
from report.engine.outputs import COLOUR, Executed, write
from report.engine.source import Page
from report.engine.steps import Step, all_steps

TIME_LIMIT = 600  # seconds a cell may take
OUTPUT_LIMIT = 32_000_000  # bytes that may come of it
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
    asked = all_steps(page, book)
    codes = [step.code for step in asked]
    about = _about(book)
    outputs = memory.recall("cells", about, codes) if memory and asked else None
    if outputs is None:
        traced = kernels.scratch / f"{page.path.stem}.trace"
        outputs = run(asked, book.folder, kernels, traced) if asked else []
        if memory and asked:
            memory.remember("cells", about, codes, outputs, traced)
    return write(page, book, outputs)


def key(page: Page, book: Book) -> str:
    """A page's code with what decides its outputs beside it, a key for other kernels; "" for no code."""
    codes = [step.code for step in all_steps(page, book)]
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
        with _begun(client, steps[0].path, kernels):
            client.group = getattr(manager.provisioner, "pgid", None)
            beginning = Step(kernels.first, steps[0].path, 1)
            _outputs(client, beginning)
            outputs = [_outputs(client, step) for step in steps]
            _outputs(client, replace(beginning, code=trace.ending(traced)))
    finally:
        end_group(client.group)
    return outputs


@contextmanager
def _begun(client: "_Client", path: Path, kernels: Kernels) -> Iterator[None]:
    """A kernel that answers, for the page at `path`."""
    with ExitStack() as stack:
        try:
            stack.enter_context(client.setup_kernel(cleanup_kc=True, env=kernels.environment))
        except RuntimeError as error:  # it died, or never spoke
            raise at(path, None, f"the page's Python process did not begin ({error})") from None
        yield


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
    return list(cell.outputs)


def _raised_line(output: Any, first: int) -> int:
    """The line of the page in which a cell raised, read from the traceback's own arrow."""
    for block in (COLOUR.sub("", row) for row in output.get("traceback", ())):
        if block.startswith(("Cell In[", "  Cell In[", "  File <ipython")):
            found = re.search(r"^-+>\s*(\d+)|line (\d+)\b", block, re.MULTILINE)
            if found:
                return first + int(found[1] or found[2]) - 1
    return first
