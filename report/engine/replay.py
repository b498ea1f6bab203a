"""A kernel that stands between Quarto and Python: it says what the same cells gave before, or has them run.

Quarto starts it as any kernel, under Python's own name. What may be given again was decided before
(:mod:`report.engine.quarto`); here it is told by the requests, one by one, whether Quarto asks just for that.
"""

import asyncio
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ipykernel.ipkernel import IPythonKernel
from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager

from report.engine import trace

FOLDER = "PNEUMO_REPLAY"  # names the folder below, in a kernel's environment
BEGINNING, SESSIONS, RECORDS = "begin.py", "sessions", "records"  # what lies in it
_OWN = ("status", "execute_input")  # messages that every kernel sends for itself
_LIVES = 1.0  # seconds between two looks at whether Python still lives


class Replay(Kernel):
    """Answers from a session that is known, or from a Python of its own, of which it keeps a record."""

    implementation, implementation_version, banner = "replay", "1", ""
    language_info = IPythonKernel.language_info

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        self._folder = Path(os.environ[FOLDER])
        page = Path(os.environ.get("QUARTO_DOCUMENT_FILE", "")).stem
        known = self._folder / SESSIONS / f"{page}.json"
        # [[[request, what came of it], …], …]: two formats are two sessions.
        self._known = json.loads(known.read_text(encoding="utf-8")) if known.is_file() else []
        self._record = self._folder / RECORDS / f"{page}.{os.getpid()}.jsonl"
        self._requests: list[str] = []
        self._python: _Python | None = None

    async def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: Mapping[str, str] | None = None,
        allow_stdin: bool = False,  # noqa: ARG002 - nobody is there to be asked
        **_: Any,
    ) -> dict[str, Any]:
        """Answer one request, and show what belongs to it."""
        request = json.dumps([code, silent, store_history, user_expressions or {}])
        messages = self._again(request)
        if messages is None:
            messages = await self._run(request)
        self._requests.append(request)
        for message in messages[:-1]:
            kind, content, metadata = message["type"], message["content"], message["metadata"]
            self.send_response(self.iopub_socket, kind, content, metadata=metadata)  # type: ignore[no-untyped-call]
        reply: dict[str, Any] = messages[-1]["content"]
        return reply

    def _again(self, request: str) -> list[dict[str, Any]] | None:
        """What came of the request in a session that went the same way so far; None where there is none."""
        place = len(self._requests)
        self._known = [
            session
            for session in self._known
            if len(session) > place and session[place][0] == request
        ]
        return self._known[0][place][1] if self._known else None

    async def _run(self, request: str) -> list[dict[str, Any]]:
        """Have Python run it, and before that all that was answered without it."""
        if self._python is None:
            self._python = await _Python.start(self._folder, self._record.with_suffix(".trace"))
            for earlier in self._requests:
                self._keep(earlier, await self._python.run(earlier))
        messages = await self._python.run(request)
        self._keep(request, messages)
        return messages

    def _keep(self, request: str, messages: list[dict[str, Any]]) -> None:
        # The trace is written already: a record that ends early has all that it depends on.
        with self._record.open("a", encoding="utf-8") as file:
            print(json.dumps([request, messages]), file=file)

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        """End, and Python with it."""
        if self._python:
            self._python.kill()
        return {"status": "ok", "restart": restart}


class _Python:
    """Python's own kernel, which takes down what its cells depend on."""

    def __init__(self, manager: AsyncKernelManager, client: Any, traced: Path) -> None:
        self._manager, self._client, self._traced = manager, client, traced

    @classmethod
    async def start(cls, folder: Path, traced: Path) -> "_Python":
        manager = AsyncKernelManager(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]))
        if hasattr(socket, "AF_UNIX"):
            manager.transport, manager.ip = "ipc", str(folder / f"kernel{os.getpid()}")
        # Cells see the environment that Quarto gave, but no settings of IPython's user.
        environment = {name: value for name, value in os.environ.items() if name != FOLDER}
        environment["IPYTHONDIR"] = str(folder)
        await manager.start_kernel(
            env=environment, extra_arguments=["--IPKernelApp.log_level=40"], cwd=str(Path.cwd())
        )
        client = manager.client()
        client.start_channels()
        await client.wait_for_ready()
        python = cls(manager, client, traced)
        await python._ask((folder / BEGINNING).read_text(encoding="utf-8"), silent=True)
        return python

    async def run(self, request: str) -> list[dict[str, Any]]:
        """The messages that came of a request, its reply the last; its trace is written then."""
        code, silent, history, expressions = json.loads(request)
        messages = await self._ask(
            code, silent=silent, store_history=history, user_expressions=expressions
        )
        await self._ask(trace.ending(self._traced), silent=True)
        return messages

    async def _ask(self, code: str, **options: Any) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = []

        def hear(message: Mapping[str, Any]) -> None:
            if message["msg_type"] not in _OWN:
                messages.append(_essence(message))

        asking = asyncio.ensure_future(
            self._client.execute_interactive(
                code, allow_stdin=False, stop_on_error=False, output_hook=hear, **options
            )
        )
        while not (await asyncio.wait({asking}, timeout=_LIVES))[0]:
            if not await self._manager.is_alive():
                os._exit(1)  # the one that asks us shall see a kernel that died
        return [*messages, _essence(asking.result())]

    def kill(self) -> None:
        """End it, whatever it does."""
        process = getattr(self._manager.provisioner, "process", None)
        if process:
            process.kill()


def _essence(message: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": message["msg_type"],
        "content": message["content"],
        "metadata": message["metadata"] if message["msg_type"] != "execute_reply" else {},
    }


def main() -> None:
    """Be a kernel, as its arguments say."""
    IPKernelApp.launch_instance(kernel_class=Replay)
