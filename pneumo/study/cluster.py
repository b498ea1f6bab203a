"""A Dask cluster as a pool: any number of workers, on any machines, which may join and leave.

Each job is submitted to one idle worker that has registered, and jobs wait here until there is one. Dask is
never asked to find a worker: it may overlook one that joins late (a resource that a worker declares after it
has registered does not release waiting tasks), and its thread pool runs several jobs in one process.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from uuid import uuid4

from distributed import Client, KilledWorker, get_worker

from pneumo.base.errors import first_line
from pneumo.study.pools import (
    ANSWER,
    ERROR,
    LOST,
    NOTICE,
    Call,
    Event,
    ExecutorError,
    Pool,
    run,
)

CONNECT_TIMEOUT = 20  # seconds for a scheduler to answer
POLL_INTERVAL = 1.0  # seconds between two looks at which workers there are
NOTICE_INTERVAL = 30.0  # seconds between two messages that there is no worker
WORKER_TIMEOUT = "PNEUMO_WORKER_TIMEOUT"  # seconds without any worker until a study gives up
DEFAULT_WORKER_TIMEOUT = 3600.0
GATHER_TIMEOUT = 60  # seconds for an answer to arrive before its worker is looked for
# Held by a job in its worker: two in one process, of two studies, would draw from one random generator.
_turn = threading.Lock()


@dataclass(frozen=True)
class _Job:
    number: int
    worker: str  # its address
    inputs: tuple[str, ...]  # identities
    future: Any  # Dask's


class Cluster(Pool):
    """The workers of a Dask scheduler.

    Args:
        address: the scheduler's, as ``tcp://host:8786``, or the path of its file (``--scheduler-file``).

    Raises:
        ExecutorError: no scheduler answers, or PNEUMO_WORKER_TIMEOUT is not a number.
    """

    apart = True

    def __init__(self, address: str) -> None:
        self.address, self._timeout = address, _worker_timeout()
        self._topic = f"pneumo-{uuid4().hex}"
        self._jobs: dict[str, _Job] = {}  # by Dask's key
        self._sent: dict[str, Any] = {}  # inputs in the workers' memory, by identity
        self._events: SimpleQueue[tuple[str, str, Any]] = SimpleQueue()
        self._workers: set[str] = set()
        self._looked = self._noticed = self._last_worker = time.monotonic()
        self._client = _connect(address)
        self._client.subscribe_topic(self._topic, lambda event: self._events.put(event[1]))
        self._look()

    def has_room(self) -> bool:
        return bool(self._idle())

    def submit(self, number: int, call: Call, missing: Collection[str]) -> None:
        self._check_scheduler()
        key, worker, inputs = f"{call.function.__name__}-{uuid4().hex}", min(self._idle()), {}
        for name in missing:
            identity, read = call.inputs[name]
            if identity not in self._sent:
                # In a list, since of a dictionary each value would be sent as a whole.
                (sent,) = self._client.scatter([read()], broadcast=True, hash=False)
                self._sent[identity] = sent
            inputs[name] = self._sent[identity]
        job = _run_there, self._topic, call.function, *call.arguments
        future = self._client.submit(*job, **inputs, key=key, pure=False, workers=[worker])
        identities = tuple(call.inputs[name][0] for name in missing)
        self._jobs[key] = _Job(number, worker, identities, future)
        future.add_done_callback(lambda _: self._events.put((key, ANSWER, None)))

    def next_event(self) -> Event:
        while True:
            if time.monotonic() - self._looked >= POLL_INTERVAL and (event := self._look()):
                return event
            with suppress(Empty):
                key, kind, content = self._events.get(timeout=POLL_INTERVAL)
                if key not in self._jobs:  # it was lost
                    continue
                if kind == ANSWER:
                    return self._outcome(self._jobs.pop(key))
                return self._jobs[key].number, kind, content

    def stop(self) -> None:
        """Withdraw every job: a running one ends at its next step."""
        if self._client.status == "running":
            self._client.cancel([job.future for job in self._jobs.values()])
        self.close()

    def close(self) -> None:
        """Disconnect. The cluster stays."""
        self._client.close()

    def _idle(self) -> set[str]:
        return self._workers - {job.worker for job in self._jobs.values()}

    def _check_scheduler(self) -> None:
        if self._client.status != "running":
            raise ExecutorError(
                f"the Dask scheduler at {self.address} is gone; the same command resumes, "
                "once there is one"
            )

    def _look(self) -> Event | None:
        """Look at which workers there are; an event if that matters."""
        self._check_scheduler()
        try:
            found = set(self._client.nthreads())
        except (OSError, TimeoutError):
            self._client.close()
            self._check_scheduler()
            raise
        joined, self._workers = found - self._workers, found
        self._looked = now = time.monotonic()
        for key, job in self._jobs.items():
            if job.worker not in found:
                del self._jobs[key]
                return self._lose(job, "its worker died or left")
        if found:
            self._last_worker = self._noticed = now
            return (-1, NOTICE, "") if joined else None
        if now - self._last_worker > self._timeout:
            raise ExecutorError(
                f"no worker for {self._timeout:g} s at the Dask scheduler {self.address}; "
                f"start one: dask worker, or wait longer: {WORKER_TIMEOUT}=SECONDS"
            )
        if now - self._noticed < NOTICE_INTERVAL:
            return None
        self._noticed = now
        waiting = f"waiting for a Dask worker to connect to the scheduler at {self.address}"
        return -1, NOTICE, f"no worker yet; {waiting}"

    def _lose(self, job: _Job, reason: str) -> Event:
        job.future.cancel()
        for identity in job.inputs:  # they may be lost, too
            self._sent.pop(identity, None)
        return job.number, LOST, reason

    def _outcome(self, job: _Job) -> Event:
        """How a job ended."""
        while True:
            try:
                return job.number, ANSWER, job.future.result(timeout=GATHER_TIMEOUT)
            except TimeoutError:
                if job.worker not in self._client.nthreads():
                    return self._lose(job, "its worker died or left")
            except (KilledWorker, CancelledError):
                self._check_scheduler()
                return self._lose(job, "its worker died or left")
            except ExecutorError as error:
                return job.number, ERROR, error
            except Exception as error:  # not the job's own, which is an ExecutorError
                problem = f"the worker cannot run it ({type(error).__name__}: {first_line(error)})"
                return job.number, ERROR, f"{problem}; install the same pneumo on all workers"


def _worker_timeout() -> float:
    text = os.environ.get(WORKER_TIMEOUT, "")
    try:
        return float(text) if text else DEFAULT_WORKER_TIMEOUT
    except ValueError:
        raise ExecutorError(f"{WORKER_TIMEOUT} takes a number of seconds, not {text!r}") from None


def _connect(address: str) -> Any:
    # The errors raised here say what Dask would log.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        is_file = address.endswith(".json")
        if is_file and not Path(address).is_file():
            raise ExecutorError(
                f"no file of a Dask scheduler at {address}; start one: `dask scheduler`"
            )
        there = {"scheduler_file" if is_file else "address": address}
        return Client(**there, timeout=CONNECT_TIMEOUT, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = first_line(error) if str(error) else type(error).__name__
        raise ExecutorError(
            f"no Dask scheduler answers at {address} ({reason}); start one: dask scheduler"
        ) from None


def _run_there(topic: str, function: Callable[..., Any], *arguments: Any, **inputs: Any) -> Any:
    """Run a job in a worker."""
    worker = get_worker()
    key = worker.get_current_task()

    def check() -> None:
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise ExecutorError("withdrawn")

    def send(kind: str, content: Any) -> None:
        check()
        worker.log_event(topic, [key, kind, content])

    while not _turn.acquire(timeout=1):
        check()
    try:
        from pneumo.training.train import use_threads

        use_threads(worker.state.nthreads)
        return run(function, arguments, inputs, send)
    finally:
        _turn.release()
