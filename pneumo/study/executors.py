"""Where the jobs of a study run: in this process, in processes of this machine, or on a Dask cluster.

A pool accepts jobs while it has room and returns events: progress, an answer, an error, a lost worker.
:func:`answers` turns jobs into answers on any of them.
"""

import os
import re
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self

from pneumo.base import storage
from pneumo.base.errors import PneumoError
from pneumo.training.listener import Listener

AUTO, SERIAL, PROCESS, DASK = "auto", "serial", "process", "dask"
KNOWN = (
    f"{AUTO}, {SERIAL}, {PROCESS}:N (N ≥ 1), {DASK}:ADDRESS (as {DASK}:tcp://host:8786, or a file)"
)
RETRIES = 3  # of a job whose worker died
STEP_INTERVAL = 0.5  # seconds between two step events of a worker; epochs are sent at once
BYTES_A_RUN = 2 * 2**30  # memory that the largest training takes, rounded up
# Kinds of events; their content is a count of images, a row of the history, what the job returned, an
# exception, and for LOST and NOTICE a message; NOTICE is of no job, and empty if only the room has changed.
STEP, EPOCH, ANSWER, ERROR, LOST, NOTICE = "step", "epoch", "answer", "error", "lost", "notice"
Event = tuple[int, str, Any]  # the job's number, the kind, the content
Send = Callable[[str, Any], None]
_writer: Connection  # in a process of Processes: where it sends events


class ExecutorError(PneumoError):
    """An unknown or unavailable executor, or a job that failed in a worker."""


@dataclass(frozen=True)
class Choice:
    """A parsed `--executor`."""

    kind: str
    count: int = 1  # of processes
    address: str = ""  # of a Dask scheduler, or the path of its scheduler file


@dataclass(frozen=True)
class Missing:
    """A worker's answer if it has not found one of the job's inputs."""

    name: str  # of the input
    title: str  # for messages


@dataclass(frozen=True)
class Call:
    """One job."""

    label: str  # for messages
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    listener: Listener | None = None
    # Large inputs, sent only to workers that miss them. By the name of the function's argument: an identity,
    # the same for all jobs that share the input, and a function that reads it.
    inputs: Mapping[str, tuple[str, Callable[[], Any]]] = field(default_factory=dict)

    def read(self, names: Collection[str]) -> dict[str, Any]:
        """The inputs called `names`."""
        return {name: self.inputs[name][1]() for name in names}


class Pool(ABC):
    """A place where jobs run, as a context. An error that leaves the context stops running jobs."""

    apart = False  # whether a worker may use another run store

    @abstractmethod
    def has_room(self) -> bool:
        """Whether another job can start now."""

    @abstractmethod
    def submit(self, number: int, call: Call, missing: Collection[str]) -> None:
        """Start a job.

        Args:
            number: identifies the job in events.
            call: the job.
            missing: names of the inputs to send with it.
        """

    @abstractmethod
    def next_event(self) -> Event:
        """The next event; waits for it."""

    @abstractmethod
    def close(self) -> None:
        """Release the pool when all jobs have ended."""

    def stop(self) -> None:
        """End running jobs at once. Finished work is kept."""
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.close()
        else:
            self.stop()


def parse(text: str) -> Choice:
    """Parse `auto`, `serial`, `process:N` or `dask:ADDRESS`.

    Raises:
        ExecutorError: it is none of these.
    """
    found = re.fullmatch(
        rf"({AUTO}|{SERIAL})|({PROCESS}):0*([1-9]\d*)|({DASK}):(.+)", text, re.ASCII
    )
    if found is None:
        raise ExecutorError(f"no executor is called {text!r}; there are: {KNOWN}")
    plain, process, count, dask, address = found.groups()
    return Choice(plain or process or dask, int(count or 1), address or "")


def make(choice: Choice, device: str = "cpu") -> Pool:
    """The chosen pool. `auto` is one process per core with one thread each, and `serial` on a GPU.

    Args:
        choice: from :func:`parse`.
        device: that the jobs compute on, as for :func:`pneumo.training.train.train`.

    Raises:
        ExecutorError: Dask is not installed, or no scheduler answers.
    """
    if choice.kind == DASK:
        if find_spec("distributed") is None:
            raise ExecutorError(
                f"{DASK}:ADDRESS needs Dask, which is not installed: "
                "python -m pip install 'pneumo[dask]', or in a checkout '.[dask]'"
            )
        from pneumo.study.cluster import Cluster

        return Cluster(choice.address)
    count = choice.count
    if choice.kind == AUTO:
        count = 1 if _uses_gpu(device) else _cores()
        with suppress(AttributeError, ValueError, OSError):  # not known on every system
            memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            count = max(1, min(count, memory // BYTES_A_RUN))
    if choice.kind == SERIAL or (choice.kind == AUTO and count == 1):
        return Serial()
    return Processes(count)


def answers(
    pool: Pool, calls: Sequence[Call], say: Callable[[str], None] = lambda _: None
) -> Iterator[tuple[int, Any]]:
    """Run jobs, and yield each one's index and answer when it ends.

    Inputs are sent to workers that miss them. A job whose worker died is retried. After a failure, running
    jobs are finished and no other is started.

    Args:
        pool: where they run.
        calls: the jobs; more may be appended while answers are read.
        say: receives messages of one line.

    Raises:
        ExecutorError: a job failed in a worker.
    """
    queue: deque[int] = deque()
    known, running, deaths = 0, set[int](), Counter[int]()
    missing: defaultdict[int, set[str]] = defaultdict(set)
    failures: list[str] = []
    while True:
        queue.extend(range(known, len(calls)))
        known = len(calls)
        while queue and not failures and pool.has_room():
            number = queue.popleft()
            running.add(number)
            pool.submit(number, calls[number], missing[number])
        if not running and (failures or not queue):
            break
        number, kind, content = pool.next_event()
        if kind == NOTICE:
            if content:
                say(content)
            continue
        call = calls[number]
        if kind in (STEP, EPOCH):
            if call.listener is not None:
                (call.listener.step if kind == STEP else call.listener.epoch)(content)
            continue
        running.discard(number)
        if kind == LOST and deaths[number] < RETRIES and not failures:
            deaths[number] += 1
            queue.appendleft(number)
            say(f"{call.label}: {content}; it resumes from its last epoch")
        elif isinstance(content, Missing) and content.name not in missing[number]:
            missing[number].add(content.name)
            queue.appendleft(number)
        elif kind == ANSWER and not isinstance(content, Missing):
            yield number, content
        else:
            if isinstance(content, Missing):
                content = f"the worker never received the {content.title}"
            failures.append(f"{call.label} failed in a worker: {content}")
            if running and len(failures) == 1:
                say(f"{call.label} failed; running jobs are finished first")
    if failures:
        more = f" ({len(failures) - 1} more failed)" if len(failures) > 1 else ""
        raise ExecutorError(failures[0] + more)


class Serial(Pool):
    """This process: each job runs when it is submitted, and its exceptions are raised there."""

    def __init__(self) -> None:
        self._answer: Event | None = None

    def has_room(self) -> bool:
        return self._answer is None

    def submit(self, number: int, call: Call, missing: Collection[str]) -> None:
        inputs = call.read(missing)
        answer = call.function(*call.arguments, **inputs, listener=call.listener)
        self._answer = number, ANSWER, answer

    def close(self) -> None:
        pass

    def next_event(self) -> Event:
        assert self._answer is not None
        answer, self._answer = self._answer, None
        return answer


class Processes(Pool):
    """Processes of this machine, which divide its threads among them.

    They are those of a `ProcessPoolExecutor`. It breaks as a whole if a process dies; then a new one takes
    its place, and all jobs that were running are lost. All processes send events through one pipe. Each event
    is smaller than `PIPE_BUF`, so it is written in one piece, even if its process is killed.

    Args:
        count: how many jobs run side by side.
    """

    def __init__(self, count: int) -> None:
        self.count, self.threads = count, max(1, _threads() // count)
        self._running: dict[int, Future[Any]] = {}
        self._ended: deque[Event] = deque()  # jobs of an executor that broke
        self._start()

    def has_room(self) -> bool:
        return len(self._running) + len(self._ended) < self.count

    def submit(self, number: int, call: Call, missing: Collection[str]) -> None:
        job: Any = (_run_here, number, call.function, call.arguments, call.read(missing))
        try:
            future = self._executor.submit(*job)
        except BrokenExecutor:  # an idle process died
            self._restart()
            future = self._executor.submit(*job)
        self._running[number] = future
        writer = self._writer

        def mark(_: Future[Any]) -> None:
            with suppress(OSError):  # stopped meanwhile
                writer.send((number, ANSWER, None))

        # Behind the job's own events in the pipe.
        future.add_done_callback(mark)

    def next_event(self) -> Event:
        if self._ended:
            return self._ended.popleft()
        number, kind, content = self._reader.recv()
        if kind != ANSWER:
            return number, kind, content
        event = _outcome(number, self._running.pop(number))
        if event[1] == LOST:
            self._restart()
        return event

    def stop(self) -> None:
        self._lifeline.close()  # ends processes at once: a run has its checkpoint
        self.close()

    def close(self) -> None:
        self._reader.close()  # no write to a full pipe blocks
        self._executor.shutdown(cancel_futures=True)
        for end in (self._writer, self._alive, self._lifeline):
            end.close()

    def _start(self) -> None:
        # A fork of this process, whose libraries have threads, may hang. The fork server has none, and
        # imports what jobs need once for all workers.
        context: Any = get_context("forkserver" if sys.platform == "linux" else "spawn")
        if sys.platform == "linux":
            context.set_forkserver_preload(["pneumo.study.preload"])
        self._reader, self._writer = context.Pipe(duplex=False)
        self._alive, self._lifeline = context.Pipe(duplex=False)
        setting = self._writer, self._alive, self.threads
        self._executor: Any = ProcessPoolExecutor(self.count, context, _begin, setting)

    def _restart(self) -> None:
        self.close()
        self._ended.extend(_outcome(number, future) for number, future in self._running.items())
        self._running.clear()
        self._start()


def _outcome(number: int, future: Future[Any]) -> Event:
    """How a job ended that ran in a process."""
    error = future.exception()
    if isinstance(error, BrokenExecutor):
        return number, LOST, "a worker process died"
    return (number, ERROR, error) if error else (number, ANSWER, future.result())


def _begin(writer: Connection, alive: Connection, threads: int) -> None:
    """Prepare a process of :class:`Processes`."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent process

    def end_with_parent() -> None:
        with suppress(EOFError, OSError):
            alive.recv()  # nothing is sent: it ends when the parent closes its end, or dies
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    from pneumo.training.train import use_threads

    use_threads(threads)
    global _writer
    _writer = writer


def _run_here(
    number: int, function: Callable[..., Any], arguments: Sequence[Any], inputs: Mapping[str, Any]
) -> Any:
    """Run a job in a process of :class:`Processes`."""
    return run(function, arguments, inputs, lambda *event: _writer.send((number, *event)))


def run(
    function: Callable[..., Any], arguments: Sequence[Any], inputs: Mapping[str, Any], send: Send
) -> Any:
    """Run a job in a worker.

    Args:
        function: the job's.
        arguments: likewise.
        inputs: the inputs that were sent, by name.
        send: sends an event's kind and content.

    Raises:
        ExecutorError: the job failed; the message has one line, and no other exception has to be unpickled.
    """
    send(STEP, 0)  # it has begun
    try:
        with storage.refusals():
            return function(*arguments, **inputs, listener=_Sender(send))
    except Exception as error:
        said = str(error).strip().splitlines() or ["no message"]
        kind = "" if isinstance(error, PneumoError) else f"{type(error).__name__}: "
        raise ExecutorError(kind + said[0]) from None


class _Sender:
    """A listener in a worker, which sends what it receives as events."""

    def __init__(self, send: Send) -> None:
        self._send, self._images, self._sent = send, 0, time.monotonic()

    def step(self, images: int) -> None:
        self._images += images
        if time.monotonic() - self._sent >= STEP_INTERVAL:
            self._send(STEP, self._images)
            self._images, self._sent = 0, time.monotonic()

    def epoch(self, row: dict[str, Any]) -> None:
        plain = {k: v if isinstance(v, (int, str)) else float(v) for k, v in row.items()}
        self._send(EPOCH, plain)  # the display counts the epoch's images by itself
        self._images, self._sent = 0, time.monotonic()


def _cores() -> int:
    """Cores that this process may use, by its affinity and by a container's limit."""
    from joblib import cpu_count

    return int(cpu_count())


def _threads() -> int:
    """Threads for this process: OMP_NUM_THREADS if it is set, as torch reads it, else a thread per core."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) else _cores()


def _uses_gpu(device: str) -> bool:
    """Whether jobs for `device` compute on a GPU."""
    drivers = ("nvidia0", "nvidiactl", "kfd", "dxg")
    if sys.platform == "linux" and not any(Path("/dev", name).exists() for name in drivers):
        return device not in ("auto", "cpu")  # without the import of torch, which takes seconds
    from pneumo.training.train import find_device

    return find_device(device).type != "cpu"
