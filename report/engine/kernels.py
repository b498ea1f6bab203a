"""The kernels that run pages: each page has a process of its own, forked where that is safe.

Importing what pages import takes longer than most pages take to run. On Linux one process
(:mod:`forkserver`) imports it once and forks a kernel for every page: on two cores twelve pages
with a plot each took 5 s instead of 11 s.
"""

import ast
import asyncio
import json
import math
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Empty
from threading import Lock
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from pneumo.base import storage
from report.engine.errors import RenderError
from report.engine.source import Cell, Page

# Elsewhere system libraries start threads of their own, which a fork does not survive.
FORKS = sys.platform == "linux"
FORKSERVER = Path(__file__).with_name("forkserver.py")
# Errors only, and no history, for which each kernel would have a database and a thread.
ARGUMENTS = ["--IPKernelApp.log_level=40", "--HistoryManager.enabled=False"]
STARTUP = Path(__file__).with_name("startup.py")
# Quarto's defaults, and not its user's own settings.
_MATPLOTLIB = "figure.figsize: 7, 5\nfigure.dpi: 96\nsavefig.dpi: figure\n"


class Kernels:
    """Starts kernels for pages; a context, at whose end no kernel is left.

    Args:
        folder: where they run.
        pages: the pages that are to be run.
        startup: what each kernel runs first, if anything.
    """

    def __init__(self, folder: Path, pages: Iterable[Page], startup: Path | None = None) -> None:
        self.folder, self._imports, self._startup = folder, imports(pages), startup
        self._server: subprocess.Popen[str] | None = None
        self._lock = Lock()
        self._count = 0

    def __enter__(self) -> "Kernels":
        self._ending = ExitStack()
        self.scratch = self._ending.enter_context(storage.scratch("kernels"))
        settings = self.scratch / "matplotlibrc"
        settings.write_text(_MATPLOTLIB, encoding="utf-8")
        if self._startup:
            folder = self.scratch / "profile_default" / "startup"
            folder.mkdir(parents=True)
            shutil.copy(self._startup, folder)
        self.environment = {
            **os.environ,
            "MATPLOTLIBRC": str(settings),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "IPYTHONDIR": str(self.scratch),
        }
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.communicate()  # closes its input, at which it ends
        self._ending.close()

    def manager(self) -> AsyncKernelManager:
        """A kernel yet to be started, with this Python whatever else is installed."""
        specs = KernelSpecManager(kernel_dirs=[])
        manager = AsyncKernelManager(kernel_spec_manager=specs, client_factory=_Client)
        with self._lock:
            self._count += 1
            name = f"kernel{self._count}"
        # Not in the user's own folder, where a build that is killed would leave it.
        manager.connection_file = str(self.scratch / f"{name}.json")
        if hasattr(socket, "AF_UNIX"):
            # A port may be another process's by the time the kernel opens it; then both would wait for ever.
            manager.transport = "ipc"
            manager.ip = str(self.scratch / name)
        if FORKS:
            manager.provisioner = _Forked(
                kernels=self, kernel_id=manager.kernel_id, kernel_spec=manager.kernel_spec, parent=manager
            )  # fmt: skip
        return manager

    def fork(self, connection_file: str) -> int:
        """The process id of a new kernel.

        Raises:
            RenderError: the fork server is gone.
        """
        with self._lock:
            if self._server is None:
                self._server = subprocess.Popen(
                    [sys.executable, str(FORKSERVER), *self._imports],
                    env=self.environment,
                    cwd=self.folder,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    text=True,
                )
            assert self._server.stdin
            assert self._server.stdout
            with suppress(BrokenPipeError):
                request = json.dumps(["-f", connection_file, *ARGUMENTS])
                print(request, file=self._server.stdin, flush=True)
            answer = self._server.stdout.readline()
            if not answer:
                status = self._server.wait()
                raise RenderError(f"the process that runs pages ended with status {status}")
            return int(answer)


class _Client(AsyncKernelClient):
    """Asks a new kernel until it answers; its parent then waits for a fifth of a second more."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        end = time.monotonic() + (timeout or math.inf)
        while time.monotonic() < end:
            self.kernel_info()
            with suppress(Empty):
                await self.get_shell_msg(timeout=1)
                await self.get_iopub_msg(timeout=0.2)  # else what a cell shows may be missed
                return
            if not await self.is_alive():
                raise RuntimeError("it died")
        raise RuntimeError(f"no answer in {timeout} seconds")


class _Forked(LocalProvisioner):
    """Has the fork server start the kernel."""

    process: Any = None

    def __init__(self, kernels: Kernels, **options: Any) -> None:
        super().__init__(**options)
        self._kernels = kernels

    async def launch_kernel(self, cmd: list[str], **_: Any) -> Any:  # noqa: ARG002 - its name is given
        assert self.parent
        process_id = await asyncio.to_thread(self._kernels.fork, self.parent.connection_file)
        self.process, self.pid, self.pgid = _Process(process_id), process_id, process_id
        return self.connection_info

    async def wait(self) -> None:
        while await self.poll() is None:
            await asyncio.sleep(0.01)
        self.process = None


class _Process:
    """What a provisioner asks of a subprocess, for a process that is another one's child."""

    stdin = stdout = stderr = None

    def __init__(self, process_id: int) -> None:
        self.pid = process_id

    def poll(self) -> int | None:
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return 0
        return None

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    terminate = kill


def end_group(group: int | None) -> None:
    """End a kernel and what its cells have started, unless that has left the kernel's group of processes."""
    if group and hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def imports(pages: Iterable[Page]) -> list[str]:
    """The import statements of the pages' cells."""
    found: dict[str, None] = {}
    for page in pages:
        for cell in (piece for piece in page.pieces if isinstance(piece, Cell)):
            with suppress(SyntaxError):  # the kernel will say it better
                for node in ast.walk(ast.parse(cell.code)):
                    if isinstance(node, ast.Import | ast.ImportFrom):
                        found[ast.unparse(node)] = None
    return list(found)
