"""Where a study's jobs are done: here one by one, in processes of this machine, or on a Dask cluster.

All are executors as `concurrent.futures` has them. What is submitted gets a `listener` that reaches the one
given here from wherever the job is done.
"""

import os
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from dataclasses import dataclass, field
from importlib.util import find_spec
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from queue import Empty, LifoQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any

from pneumo.base.errors import PneumoError

if TYPE_CHECKING:
    from pneumo.training.loop import Listener

SERIAL, PROCESS, DASK = "serial", "process", "dask"
KNOWN = f"{SERIAL}, {PROCESS}:N, {DASK}:ADDRESS"
# A job whose worker died is submitted so many times again.
AGAIN = 3
# Seconds between two words of a worker on its steps; epochs are told at once.
PAUSE = 0.5
Tell = Callable[[str, Any], None]


class ExecutorError(PneumoError):
    """An executor that is not known or can't be had, or a job that failed in a worker."""


class StoppedError(PneumoError):
    """Nobody waits for this job any more."""


@dataclass(frozen=True)
class Choice:
    """What `--executor` says."""

    kind: str
    count: int = 1  # of processes
    address: str = ""  # of a Dask scheduler, or the file that holds it


@dataclass(frozen=True)
class Lacking:
    """A worker's answer where it did not find something that the job needs."""

    name: str


@dataclass(frozen=True)
class Call:
    """One job, and what it may turn out to need."""

    label: str  # for people
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    listener: "Listener | None" = None
    # By the name of the function's argument: what it is, alike for all jobs that need it, and how it is read.
    parts: Mapping[str, tuple[str, Callable[[], Any]]] = field(default_factory=dict)


def parse(text: str) -> Choice:
    """What an executor's text asks for.

    Args:
        text: `serial`, `process:N` or `dask:ADDRESS`.

    Raises:
        ExecutorError: it is none of these.
    """
    kind, _, rest = text.partition(":")
    if text == SERIAL:
        return Choice(SERIAL)
    if kind == PROCESS:
        if rest.isascii() and rest.isdigit() and int(rest):
            return Choice(PROCESS, count=int(rest))
        raise ExecutorError(f"{PROCESS}:N takes a number of at least 1, not {rest!r}")
    if kind == DASK:
        if rest:
            return Choice(DASK, address=rest)
        raise ExecutorError(
            f"{DASK}:ADDRESS takes a scheduler's address, as {DASK}:tcp://host:8786, or its file"
        )
    raise ExecutorError(f"no executor is called {text!r}; there are: {KNOWN}")


def make(choice: Choice) -> "Pool":
    """The executor that was chosen, as a context; left by an error, it ends what is going on.

    Raises:
        ExecutorError: Dask is not installed, or no scheduler answers.
    """
    if choice.kind == SERIAL:
        return Serial()
    if choice.kind == PROCESS:
        return Processes(choice.count)
    if find_spec("distributed") is None:
        raise ExecutorError(
            f"{DASK}:ADDRESS needs Dask, which is not installed: "
            "python -m pip install 'pneumo[dask]', or in a checkout '.[dask]'"
        )
    from pneumo.study.cluster import Cluster

    return Cluster(choice.address)


def answers(
    pool: "Pool", calls: Sequence[Call], say: Callable[[str], None] | None = None
) -> Iterator[tuple[int, Any]]:
    """Do jobs, and give each one's place and answer when it ends.

    What a worker lacks is sent, once for all; a job whose worker died is done again. When one fails, those
    that have begun are finished, and no other is begun.

    Args:
        pool: where they are done.
        calls: the jobs.
        say: hears what went wrong, in a line each.

    Raises:
        ExecutorError: a job failed in a worker.
    """
    left = deque(range(len(calls)))
    waiting: dict[Future[Any], int] = {}
    sent: dict[str, Any] = {}  # by what it is
    needed: dict[int, set[str]] = {place: set() for place in left}
    deaths: Counter[int] = Counter()
    failures: list[tuple[str, BaseException]] = []
    while left or waiting:
        while left and len(waiting) < pool.window:
            place = left.popleft()
            call, given = calls[place], {}
            for name in sorted(needed[place]):
                identity, read = call.parts[name]
                if identity not in sent:
                    sent[identity] = pool.send(read())
                given[name] = sent[identity]
            future = pool.submit(call.function, *call.arguments, **given, listener=call.listener)
            waiting[future] = place
        done, _ = wait(waiting, return_when=FIRST_COMPLETED)
        for future in done:
            place = waiting.pop(future)
            call = calls[place]
            error = future.exception()
            answer = None if error else future.result()
            if isinstance(error, BrokenExecutor) and deaths[place] < AGAIN and not failures:
                deaths[place] += 1
                for name in needed[place]:  # it may have died with what was sent
                    sent.pop(call.parts[name][0], None)
                if say:
                    say(f"{call.label}: {error}; it goes on from its last epoch")
                left.appendleft(place)
            elif isinstance(answer, Lacking) and answer.name not in needed[place]:
                needed[place].add(answer.name)
                left.appendleft(place)
            elif error is None and not isinstance(answer, Lacking):
                yield place, answer
            else:
                failures.append((call.label, error or ExecutorError(f"no {answer} was to be had")))
                left.clear()
                for one in [one for one in waiting if one.cancel()]:
                    del waiting[one]
                if say and waiting and len(failures) == 1:
                    say(f"{call.label} failed; what has begun is finished first")
    if failures:
        label, error = failures[0]
        more = f" ({len(failures) - 1} more failed)" if len(failures) > 1 else ""
        raise ExecutorError(f"{label} failed in a worker: {error}{more}") from error


class Pool(Executor):
    """An executor that a study's jobs go through."""

    window: float = 1  # so many jobs are submitted at once; the others wait here
    apart = False  # whether a worker may see another run store

    def send(self, value: Any) -> Any:
        """What to submit in place of a value that many jobs need."""
        return value

    def stop(self) -> None:
        """End what is going on, at once; what is finished stays."""
        self.shutdown(wait=False, cancel_futures=True)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.shutdown()
        else:
            self.stop()


class Serial(Pool):
    """This process, one job after the other, each when it is submitted; what it raises, `submit` raises."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Do the job."""
        future: Future[Any] = Future()
        future.set_result(function(*args, **kwargs))
        return future


class Processes(Pool):
    """Processes of this machine, which share its threads.

    Each has a connection of its own to a thread that waits for it here, so that one that dies takes nothing
    with it: its job alone breaks, and another process takes its place.

    Args:
        count: how many jobs are done side by side.
    """

    def __init__(self, count: int) -> None:
        import torch

        self.window = count
        self.threads = max(1, torch.get_num_threads() // count)
        self._waiters = ThreadPoolExecutor(count, thread_name_prefix="pneumo")
        self._idle: LifoQueue[_Worker] = LifoQueue()
        self._all: list[_Worker] = []
        self._lock, self._ended = threading.Lock(), False

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have the job done by the next process that is idle."""
        listener = kwargs.pop("listener", None)
        return self._waiters.submit(self._do, (function, args, kwargs), listener)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes when they have done what was submitted."""
        self._waiters.shutdown(wait, cancel_futures=cancel_futures)
        with self._lock:
            self._ended = True
            for worker in self._all:
                worker.end()

    def stop(self) -> None:
        """Kill the processes: a run has its checkpoint, and nothing else is ever half there."""
        with self._lock:
            self._ended = True
            for worker in self._all:
                worker.end()
        self._waiters.shutdown(cancel_futures=True)

    def _do(self, job: tuple[Any, ...], listener: "Listener | None") -> Any:
        worker = self._take()
        try:
            worker.connection.send(job)
            while True:
                kind, content = worker.connection.recv()
                if kind in ("answer", "error"):
                    break
                hear(listener, kind, content)
        except (EOFError, ConnectionError):
            worker.end()
            raise BrokenExecutor("its process died") from None
        except BaseException:
            worker.end()  # what it says next would be taken for the next job's
            raise
        self._idle.put(worker)
        if kind == "error":
            raise content
        return content

    def _take(self) -> "_Worker":
        """A process that is idle, or a new one."""
        with self._lock:
            if self._ended:
                raise StoppedError("stopped")
            try:
                return self._idle.get_nowait()
            except Empty:
                self._all = [worker for worker in self._all if worker.process.is_alive()]
                worker = _Worker.start(self.threads)
                self._all.append(worker)
                return worker


@dataclass(frozen=True)
class _Worker:
    """A process, and this end of the connection to it."""

    process: SpawnProcess
    connection: Connection

    @classmethod
    def start(cls, threads: int) -> "_Worker":
        # Spawned: a fork of a process whose libraries have threads may hang.
        context = get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, threads), daemon=True)
        process.start()
        there.close()  # so that its death is the end of the connection
        return cls(process, here)

    def end(self) -> None:
        self.process.kill()
        self.process.join()


def _serve(connection: Connection, threads: int) -> None:
    """What a process of :class:`Processes` does: jobs, until nobody has any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who submits decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    use_threads(threads)

    def tell(kind: str, content: Any) -> None:
        connection.send((kind, content))

    while True:
        try:
            function, arguments, given = connection.recv()
        except EOFError:
            return
        try:
            tell("answer", call(function, arguments, given, tell))
        except PneumoError as error:
            tell("error", error)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def call(
    function: Callable[..., Any], arguments: Sequence[Any], given: Mapping[str, Any], tell: Tell
) -> Any:
    """Do a job in a worker.

    Args:
        function: what was submitted.
        arguments: what with.
        given: by name.
        tell: takes word of its progress to :func:`hear`.

    Raises:
        PneumoError: as the job raises it; whatever else it raises becomes an :class:`ExecutorError`.
    """
    tell("step", 0)  # its turn has come
    try:
        return function(*arguments, **given, listener=Speaker(tell))
    except PneumoError:
        raise
    except Exception as error:
        said = str(error).strip().splitlines() or ["nothing said"]
        raise ExecutorError(f"{type(error).__name__}: {said[0]}") from error


class Speaker:
    """A listener in a worker, which takes what it hears to the one that is heard from."""

    def __init__(self, tell: Tell) -> None:
        self._tell, self._images, self._told = tell, 0, time.monotonic()

    def step(self, images: int) -> None:
        """So many more training images are learned from."""
        self._images += images
        if time.monotonic() - self._told >= PAUSE:
            self._tell("step", self._images)
            self._images, self._told = 0, time.monotonic()

    def epoch(self, row: dict[str, Any]) -> None:
        """An epoch is over, and its images are all told of."""
        plain = {
            name: value if isinstance(value, (int, str)) else float(value)
            for name, value in row.items()
        }
        self._tell("epoch", plain)
        self._images, self._told = 0, time.monotonic()


def hear(listener: "Listener | None", kind: str, content: Any) -> None:
    """Give a listener what its :class:`Speaker` told."""
    if listener is None:
        return
    if kind == "step":
        listener.step(content)
    elif kind == "epoch":
        listener.epoch(content)


def use_threads(count: int) -> None:
    """Compute with so many threads in this one and those that it starts."""
    import torch

    torch.set_num_threads(count)
