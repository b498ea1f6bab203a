"""Forks processes for tests to kill, from a single-threaded one that has imported everything.

A fault in a separate process then takes no time to start Python and import torch.
"""

import ctypes
import os
import pickle
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

# Audit events of changed folders and opened files.
_ON_DISK = ("open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree")
_ERROR = re.compile("(pneumo|report.engine|report.engine.preview): ")
TIME_LIMIT = 300  # seconds, on a machine that is busy


@dataclass(frozen=True)
class Job:
    """A call in a separate process, and how that process dies."""

    call: Callable[..., object]  # of a module that the fork server has imported; gives a status
    arguments: tuple[Any, ...] = ()
    at: int | None = None  # SIGKILL before the n-th disk access
    renaming: int | None = None  # SIGKILL before the n-th file or folder gets its final name
    after: float | None = None  # SIGKILL after this many seconds
    when: Path | None = None  # SIGKILL as soon as this file exists
    within: int | None = None  # dies while a file grows beyond this many bytes
    largest: int | None = None  # the size limit of files in bytes; larger writes fail
    rootless: bool = False  # drop root's privileges, so that permissions apply
    output: str | None = None  # the file that is its standard output


@dataclass(frozen=True)
class End:
    """The result of a job."""

    status: int  # negative: the signal that killed it
    accesses: int  # disk accesses, if it was not killed
    seconds: float
    out: str
    err: str

    @property
    def killed(self) -> bool:
        """Whether it was killed as planned."""
        return self.status in (-signal.SIGKILL, -signal.SIGXFSZ)


def assert_a_line(end: End, *words: object) -> None:
    """Assert that a command ended with one line that has the words, after its progress."""
    lines = [line for line in end.err.splitlines() if _ERROR.match(line)]
    assert (end.status, len(lines)) == (1, 1), end
    assert end.err.endswith(f"{lines[0]}\n"), end.err
    assert "Traceback" not in end.err
    assert [word for word in words if str(word) not in lines[0]] == [], lines[0]


@contextmanager
def fork_server(*modules: str) -> Iterator[Callable[..., list[End]]]:
    """Runs jobs in parallel and returns their results, from a process that has imported the modules."""
    folders = os.pathsep.join(sys.path)
    command = [sys.executable, "-c", f"import faults; faults._serve({modules!r})"]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": folders},
    )
    assert process.stdin
    assert process.stdout

    def run(*jobs: Job) -> list[End]:
        pickle.dump(jobs, process.stdin)  # type: ignore[arg-type]
        process.stdin.flush()  # type: ignore[union-attr]
        return list(pickle.load(process.stdout))  # type: ignore[arg-type]

    try:
        yield run
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def _serve(modules: tuple[str, ...]) -> None:
    """Run incoming jobs until the input ends."""
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    for name in modules:
        import_module(name)
    if sys.platform == "linux":  # what splits off must be sound
        assert len(list(Path("/proc/self/task").iterdir())) == 1
    while True:
        try:
            jobs = pickle.load(orders)
        except EOFError:
            return
        with tempfile.TemporaryDirectory() as scratch:
            pickle.dump(_run(jobs, Path(scratch)), answers)
        answers.flush()


def _run(jobs: tuple[Job, ...], scratch: Path) -> list[End]:
    started, numbers = time.monotonic(), []
    for place, job in enumerate(jobs):
        number = os.fork()
        if number == 0:
            _become(job, scratch / str(place))
        numbers.append(number)
    left = dict(zip(numbers, range(len(jobs)), strict=True))
    ends = [End(0, 0, 0, "", "")] * len(jobs)
    while left:
        passed = time.monotonic() - started
        for number, place in list(left.items()):
            after, when = jobs[place].after, jobs[place].when
            if passed > (TIME_LIMIT if after is None else after) or (when and when.exists()):
                os.kill(number, signal.SIGKILL)
            found, status = os.waitpid(number, os.WNOHANG)
            if found:
                del left[number]
                said = [_read(scratch / f"{place}.{name}") for name in ("accesses", "out", "err")]
                code = os.waitstatus_to_exitcode(status)
                ends[place] = End(code, int(said[0] or 0), passed, said[1], said[2])
        time.sleep(0.002)
    return ends


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _become(job: Job, scratch: Path) -> None:
    """Run a job in this process; never returns."""
    for number, name in ((1, "out"), (2, "err")):
        file = job.output if job.output and name == "out" else f"{scratch}.{name}"
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600), number)
    counted = os.open(f"{scratch}.accesses", os.O_WRONLY | os.O_CREAT, 0o600)
    accesses, renamed, status = 0, 0, 70

    def count(event: str, _: object) -> None:
        nonlocal accesses, renamed
        accesses += event in _ON_DISK
        renamed += event == "os.rename"
        if (event in _ON_DISK and accesses == job.at) or (
            event == "os.rename" and renamed == job.renaming
        ):
            os.kill(os.getpid(), signal.SIGKILL)

    try:
        limit = job.within or job.largest
        if limit:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
            signal.signal(signal.SIGXFSZ, signal.SIG_DFL if job.within else signal.SIG_IGN)
        if job.rootless:
            _drop_powers()
        sys.addaudithook(count)
        status = int(job.call(*job.arguments) or 0)  # type: ignore[call-overload]
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        os.write(counted, str(accesses).encode())
        with suppress(OSError):
            sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _drop_powers() -> None:
    """Drop all capabilities (Linux), so that permissions also apply to root."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # version 3, this process
    if libc.capset(header, (ctypes.c_uint32 * 6)()):
        raise OSError(ctypes.get_errno(), "capset")


@contextmanager
def disk(folder: Path) -> Iterator[Callable[[str], None]]:
    """A disk mounted at a folder; gives a function that changes its mount options, such as its size.

    Skips the test if mounting is not permitted.
    """
    folder.mkdir(exist_ok=True)

    def mount(options: str) -> subprocess.CompletedProcess[bytes]:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        return subprocess.run(command, check=False, capture_output=True)

    if shutil.which("mount") is None or mount("size=64m").returncode:
        pytest.skip("a disk of its own can be mounted by root alone")
    try:
        yield lambda options: mount(f"remount,{options}").check_returncode()
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
