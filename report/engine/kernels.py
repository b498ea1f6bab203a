"""The kernels that run pages: each a process of its own, begun with the pages' libraries imported already.

Importing what all pages import takes longer than most pages take to run. Where a process can be split in two
safely, one process (:mod:`report.engine.nursery`) imports it once and splits off a kernel for every page.
"""

import ast
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Lock
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from pneumo.base import paths, storage
from report.engine import trace
from report.engine.config import Book
from report.engine.errors import RenderError
from report.engine.memory import PACKAGES
from report.engine.source import Cell, Page

# Elsewhere system libraries start threads of their own, and what splits off is not sound.
SPLITS = sys.platform == "linux"
NURSERY = Path(__file__).with_name("nursery.py")
# Errors only, and no history, for which each would have a database and a thread.
ARGUMENTS = ["--IPKernelApp.log_level=40", "--HistoryManager.enabled=False"]
MATPLOTLIB = """\
figure.figsize: {width}, {height}
figure.dpi: {dpi}
savefig.dpi: figure
"""


class Kernels:
    """Managers of kernels for a book's pages; a context, at whose end no kernel is left.

    Args:
        book: the project.
        pages: its pages.
        before: what must not raise before the first kernel starts.
    """

    def __init__(
        self, book: Book, pages: Iterable[Page], before: Callable[[], object] | None = None
    ) -> None:
        self._book, self._modules, self._before = book, imported(pages), before
        self._nursery: subprocess.Popen[str] | None = None
        self._lock = Lock()
        self._count = 0

    def __enter__(self) -> "Kernels":
        self._ending = ExitStack()
        self.scratch = self._ending.enter_context(storage.scratch("kernels"))
        width, height = size(self._book)
        dpi = self._book.html.get("fig-dpi", 96)
        self.first = first(self.scratch)
        settings = self.scratch / "matplotlibrc"
        settings.write_text(
            MATPLOTLIB.format(width=width, height=height, dpi=dpi), encoding="utf-8"
        )
        # Figures as the project wants them, not as its user's own settings do.
        self.environment = {
            **os.environ,
            "MATPLOTLIBRC": str(settings),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "IPYTHONDIR": str(self.scratch),
        }
        return self

    def __exit__(self, *_: object) -> None:
        if self._nursery:
            self._nursery.communicate()  # closes its input, at which it ends
        self._ending.close()

    def manager(self) -> AsyncKernelManager:
        """A kernel yet to be started, with this Python whatever else is installed."""
        manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
        with self._lock:
            if self._before and not self._count:
                self._before()
            self._count += 1
            name = f"kernel{self._count}"
        # Not in the user's own folder, where a build that is killed would leave it.
        manager.connection_file = str(self.scratch / f"{name}.json")
        if hasattr(socket, "AF_UNIX"):
            # A port may be another process's by the time the kernel opens it; then both would wait for ever.
            manager.transport = "ipc"
            manager.ip = str(self.scratch / name)
        if SPLITS:
            manager.provisioner = _SplitOff(
                kernels=self, kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager
            )  # fmt: skip
        return manager

    def split_off(self, connection_file: str) -> int:
        """A new kernel's process number.

        Raises:
            RenderError: the process that they split off from is over.
        """
        with self._lock:
            if self._nursery is None:
                self._nursery = subprocess.Popen(
                    [sys.executable, str(NURSERY), self.first, *self._modules],
                    env=self.environment,
                    cwd=self._book.folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            assert self._nursery.stdin
            assert self._nursery.stdout
            order = json.dumps([connection_file, *ARGUMENTS])
            with suppress(BrokenPipeError):
                print(order, file=self._nursery.stdin, flush=True)
            number = self._nursery.stdout.readline()
            if not number:
                status = self._nursery.wait()
                raise RenderError(f"the process that runs pages ended by itself, with {status}")
            return int(number)


def end_group(group: int | None) -> None:
    """End a kernel and what its cells have started, unless that has left the kernel's group of processes."""
    if group and hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def imported(pages: Iterable[Page]) -> list[str]:
    """The names of what the pages' cells import: modules, and what may be a module in one."""
    names: dict[str, None] = {}
    for page in pages:
        for cell in (piece for piece in page.pieces if isinstance(piece, Cell)):
            try:
                nodes = list(ast.walk(ast.parse(cell.code)))
            except SyntaxError:  # the kernel will say it better
                continue
            for node in nodes:
                if isinstance(node, ast.Import):
                    names |= dict.fromkeys(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names[node.module] = None
                    names |= dict.fromkeys(f"{node.module}.{alias.name}" for alias in node.names)
    return list(names)


def size(book: Book) -> tuple[float, float]:
    """Width and height of figures, in inches."""
    return float(book.html.get("fig-width", 7)), float(book.html.get("fig-height", 5))


def first(*apart: Path) -> str:
    """The code with which a kernel begins, so that it takes down what its outputs depend on.

    Args:
        apart: folders of which nothing counts: what lies there does so for this build alone.
    """
    # What was computed once and kept is named by all that decides it.
    own = [paths.home() / name for name in ("kept", "pages")]
    caches = [os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"]
    return trace.code(PACKAGES, [f"{folder}{os.sep}" for folder in (*apart, *own, *caches)])


class _SplitOff(LocalProvisioner):
    """Has the nursery start the kernel instead of starting it itself."""

    def __init__(self, kernels: Kernels, **options: Any) -> None:
        super().__init__(**options)
        self._kernels = kernels

    process: Any = None

    async def launch_kernel(self, cmd: list[str], **_: Any) -> Any:  # noqa: ARG002 - its name is given
        assert self.parent
        number = await asyncio.to_thread(self._kernels.split_off, self.parent.connection_file)
        self.process, self.pid, self.pgid = _Process(number), number, number
        return self.connection_info


class _Process:
    """A process that is not this one's child, with what a provisioner asks of a subprocess."""

    stdin = stdout = stderr = None

    def __init__(self, number: int) -> None:
        self.pid = number

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def wait(self) -> int:
        return 0  # asked for only when it is over

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    terminate = kill
