"""Runs the jobs of a study: what a pool is, and the two pools of this machine, serial and in processes.

A pool accepts jobs while it has room and returns events: progress, an answer, an error, a lost worker.
:func:`answers` turns jobs into answers on any of them.
"""

import os
import signal
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Self, cast

from pneumo.base import storage
from pneumo.base.errors import PneumoError, first_line
from pneumo.training.runs import Listener

RETRIES = 3  # of a job whose worker died
STEP_INTERVAL = 0.5  # seconds between two step events of a worker; epochs are sent at once
# Kinds of events; their content is a count of images, a row of the history, what the job returned, an
# exception, and for LOST and NOTICE a message; NOTICE is of no job, and empty if only the room has changed.
STEP, EPOCH, ANSWER, ERROR, LOST, NOTICE = "step", "epoch", "answer", "error", "lost", "notice"
Event = tuple[int, str, Any]  # the job's number, the kind, the content
Send = Callable[[str, Any], None]


class ExecutorError(PneumoError):
    """An unknown or unavailable executor, or a job that failed in a worker."""


@dataclass(frozen=True)
class Missing:
    """A worker's answer if it has not found one of the job's inputs."""

    name: str  # of the input


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
                content = f"the worker never received its {content.name}"
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

    Each has a pipe of its own, through which it gets jobs and sends events. One that dies closes its pipe;
    another takes its place.

    Args:
        count: how many jobs run side by side.
    """

    def __init__(self, count: int) -> None:
        self.count, self.threads = count, max(1, _threads() // count)
        # A fork of this process, whose libraries have threads, may hang. The fork server has none, and
        # imports what jobs need once for all workers.
        self._context: Any = get_context("forkserver" if sys.platform == "linux" else "spawn")
        if sys.platform == "linux":
            self._context.set_forkserver_preload(["pneumo.study.preload"])
        self._workers: dict[Connection, BaseProcess] = {}
        self._running: dict[Connection, int] = {}  # numbers of jobs

    def has_room(self) -> bool:
        return len(self._running) < self.count

    def submit(self, number: int, call: Call, missing: Collection[str]) -> None:
        job = call.function, call.arguments, call.read(missing)
        # An idle worker sends nothing: its pipe is ready where it died.
        dead: Any = wait(self._workers.keys() - self._running.keys(), 0)
        for pipe in dead:
            self._drop(pipe)
        idle = next((pipe for pipe in self._workers if pipe not in self._running), None)
        pipe = idle or self._start()
        with suppress(ConnectionError):  # it is dead, which the next event tells
            pipe.send(job)
        self._running[pipe] = number

    def next_event(self) -> Event:
        pipe: Any = wait(self._running)[0]
        try:
            kind, content = pipe.recv()
        except (EOFError, OSError):
            self._drop(pipe)
            return self._running.pop(pipe), LOST, "a worker process died"
        number = self._running[pipe]
        if kind in (ANSWER, ERROR):
            del self._running[pipe]
        return number, kind, content

    def close(self) -> None:
        """End the processes at once: a run has its checkpoint."""
        for pipe, process in list(self._workers.items()):
            process.kill()
            self._drop(pipe)

    def _start(self) -> Connection:
        ends: tuple[Connection, Connection] = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(ends[1], self.threads), daemon=True)
        process.start()
        ends[1].close()
        self._workers[ends[0]] = process
        return ends[0]

    def _drop(self, pipe: Connection) -> None:
        self._workers.pop(pipe).join()
        pipe.close()


def _serve(pipe: Connection, threads: int) -> None:
    """Do the jobs that come through the pipe, until its other end is closed or the parent dies."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent process

    def end_with_parent() -> None:
        cast(BaseProcess, parent_process()).join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()
    from pneumo.training.train import use_threads

    use_threads(threads)
    with suppress(EOFError, ConnectionError):  # the pipe is closed
        while True:
            function, arguments, inputs = pipe.recv()
            try:
                answer = run(function, arguments, inputs, lambda *event: pipe.send(event))
            except ExecutorError as error:
                pipe.send((ERROR, error))
            else:
                pipe.send((ANSWER, answer))


def run(
    function: Callable[..., Any], arguments: Sequence[Any], inputs: Mapping[str, Any], send: Send
) -> Any:
    """Run a job in a worker.

    Args:
        function: the job's.
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
        kind = "" if isinstance(error, PneumoError) else f"{type(error).__name__}: "
        raise ExecutorError(kind + first_line(error)) from None


class _Sender:
    """A listener in a worker, which sends what it receives as events."""

    def __init__(self, send: Send) -> None:
        self._send, self._images, self._sent = send, 0, time.monotonic()

    def step(self, images: int) -> None:
        self._images += images
        if time.monotonic() - self._sent >= STEP_INTERVAL:
            self._send_steps()

    def epoch(self, row: dict[str, Any]) -> None:
        self._send_steps()  # otherwise the display would take these images for an earlier process's
        plain = {k: v if isinstance(v, (int, str)) else float(v) for k, v in row.items()}
        self._send(EPOCH, plain)

    def _send_steps(self) -> None:
        self._send(STEP, self._images)
        self._images, self._sent = 0, time.monotonic()


def cores() -> int:
    """Cores that this process may use, by its affinity and by a container's limit."""
    from joblib import cpu_count

    return int(cpu_count())


def _threads() -> int:
    """Threads for this process: OMP_NUM_THREADS if it is set, as torch reads it, else a thread per core."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    return int(given) if given.isdigit() and int(given) else cores()
