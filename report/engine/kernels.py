"""The kernels that run pages: one process per page, forked where that is safe.

Imports take longer than most pages take to run. On Linux one process
(:mod:`forkserver`) imports the modules once and forks a kernel for every page: on two cores twelve pages
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
from itertools import chain
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
from report.engine.source import Code

# On other systems, system libraries start threads, which makes forking unsafe.
FORKS = sys.platform == "linux"
FORKSERVER = Path(__file__).with_name("forkserver.py")
# Log only errors, and keep no history, which takes a database and a thread in each kernel.
ARGUMENTS = ["--IPKernelApp.log_level=40", "--HistoryManager.enabled=False"]
STARTUP = Path(__file__).with_name("startup.py")  # what each kernel runs first
# Quarto's defaults instead of the user's own settings.
_MATPLOTLIB = "figure.figsize: 7, 5\nfigure.dpi: 96\nsavefig.dpi: figure\n"


class Kernels:
    """Starts kernels for pages; a context manager that ends them all.

    Args:
        folder: the kernels' working folder.
        codes: the code of each page to run.
    """

    def __init__(self, folder: Path, codes: Iterable[Code]) -> None:
        self.folder, self._imports = folder, imports(codes)
        self._server: subprocess.Popen[str] | None = None
        self._lock = Lock()
        self._count = 0

    def __enter__(self) -> "Kernels":
        self._ending = ExitStack()
        self.scratch = self._ending.enter_context(storage.scratch("kernels"))
        settings = self.scratch / "matplotlibrc"
        settings.write_text(_MATPLOTLIB, encoding="utf-8")
        folder = self.scratch / "profile_default" / "startup"
        folder.mkdir(parents=True)
        shutil.copy(STARTUP, folder)
        self.environment = {
            **os.environ,
            "MATPLOTLIBRC": str(settings),
            "MPLBACKEND": "module://matplotlib_inline.backend_inline",
            "IPYTHONDIR": str(self.scratch),
        }
        return self

    def __exit__(self, *_: object) -> None:
        if self._server:
            self._server.communicate()  # closes its input, which ends it
        self._ending.close()

    def manager(self) -> AsyncKernelManager:
        """A kernel of this Python, not yet started."""
        specs = KernelSpecManager(kernel_dirs=[])
        manager = AsyncKernelManager(kernel_spec_manager=specs, client_factory=_Client)
        with self._lock:
            self._count += 1
            name = f"kernel{self._count}"
        # Not in the user's folder, where a killed build would leave it behind.
        manager.connection_file = str(self.scratch / f"{name}.json")
        if hasattr(socket, "AF_UNIX"):
            # Another process may take a port before the kernel opens it, and then both would wait for ever.
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
            RenderError: the fork server has ended.
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
                raise RenderError(
                    f"the process that starts the pages' kernels ended with status {status}"
                )
            return int(answer)


class _Client(AsyncKernelClient):
    """Polls a new kernel until it answers; the base class would wait a fifth of a second more."""

    async def wait_for_ready(self, timeout: float | None = None) -> None:
        end = time.monotonic() + (timeout or math.inf)
        while time.monotonic() < end:
            self.kernel_info()
            with suppress(Empty):
                await self.get_shell_msg(timeout=1)
                await self.get_iopub_msg(timeout=0.2)  # otherwise outputs may be missed
                return
            if not await self.is_alive():
                raise RuntimeError("it died")
        raise RuntimeError(f"no answer in {timeout} seconds")


class _Forked(LocalProvisioner):
    """Starts the kernel through the fork server."""

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
    """The subprocess interface that a provisioner needs, for a process that is not our child."""

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
    """End a kernel and the processes started by its cells that are still in its process group."""
    if group and hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)


def imports(codes: Iterable[Code]) -> list[str]:
    """The import statements of the pages' code."""
    found: dict[str, None] = {}
    for piece in chain.from_iterable(codes):
        with suppress(SyntaxError):  # the kernel reports it
            for node in ast.walk(ast.parse(piece.code)):
                if isinstance(node, ast.Import | ast.ImportFrom):
                    found[ast.unparse(node)] = None
    return list(found)
