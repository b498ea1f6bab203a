"""A Dask cluster as an executor: any number of workers, on any machines, which may come and go.

The jobs, their answers and word of their progress go through the scheduler. A worker does one job at a time,
with as many threads as it has.
"""

import logging
import math
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future, InvalidStateError
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from distributed import Client, KilledWorker, WorkerPlugin, get_worker

from pneumo.base.errors import PneumoError
from pneumo.study.executors import ExecutorError, Pool, StoppedError, call, hear, use_threads

if TYPE_CHECKING:
    from pneumo.training.loop import Listener

PATIENCE = 20  # seconds for a scheduler to answer
# What a worker has one of: two trainings in one process would draw from one stream of random numbers.
_TURN = "pneumo-job"


class Cluster(Pool):
    """The workers of a Dask scheduler.

    Args:
        address: the scheduler's, as ``tcp://host:8786``, or the file that it writes if it is started with
            ``--scheduler-file``.

    Raises:
        ExecutorError: none answers there.
    """

    window = math.inf  # the scheduler has all of them, and gives them to workers that come later
    apart = True

    def __init__(self, address: str) -> None:
        self.address = address
        self._name = f"pneumo-{uuid4().hex}"
        self._calls: dict[str, tuple[Future[Any], Listener | None, Any]] = {}
        self._client = _connect(address)
        self._client.subscribe_topic(self._name, self._hear)
        self._client.register_plugin(_Turns(), name=self._name)

    def send(self, value: Any) -> Any:
        """A value in the workers' memory, sent there once."""
        try:
            return self._client.scatter(value, broadcast=True, hash=False)
        except TimeoutError:
            raise ExecutorError(f"the Dask scheduler at {self.address} has no workers") from None

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Have the job done by a worker that has nothing else of ours to do."""
        if self._client.status != "running":
            raise ExecutorError(self._gone)
        listener = kwargs.pop("listener", None)
        key = f"{function.__name__}-{uuid4().hex}"
        future: Future[Any] = Future()
        there = self._client.submit(
            _there, self._name, function, *args, **kwargs, key=key, pure=False, resources={_TURN: 1}
        )
        self._calls[key] = future, listener, there
        future.add_done_callback(lambda one: there.cancel() if one.cancelled() else None)
        there.add_done_callback(self._done)
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002
        """Leave the cluster, which stays."""
        if self._client.status == "running":
            with suppress(Exception):  # what matters is done, and workers may be leaving too
                self._client.unregister_worker_plugin(self._name)
        self._client.close()

    def stop(self) -> None:
        """Withdraw every job: one that is going on ends at its next step."""
        calls, self._calls = self._calls, {}
        if self._client.status == "running":
            self._client.cancel([there for _, _, there in calls.values()])
        self.shutdown()

    @property
    def _gone(self) -> str:
        return (
            f"the Dask scheduler at {self.address} is gone; the same command goes on from here, "
            "once there is one"
        )

    def _hear(self, event: tuple[float, Any]) -> None:
        """Word of a job's progress, from its worker."""
        key, kind, content = event[1]
        if key not in self._calls:
            return
        future, listener, _ = self._calls[key]
        if kind == "begun":
            if not (future.running() or future.done()):
                # From now on it is not withdrawn by itself, but finished.
                with suppress(InvalidStateError):
                    future.set_running_or_notify_cancel()
        else:
            hear(listener, kind, content)

    def _done(self, there: Any) -> None:
        """Take a job's answer, or what it failed of, to who waits for it."""
        future, _, _ = self._calls.pop(there.key, (None, None, None))
        if future is None:
            return
        answer: Any = None
        error: Exception | None = None
        try:
            answer = there.result()
        except KilledWorker:
            error = BrokenExecutor("its workers died, one after the other")
        except CancelledError as lost:
            if self._client.status == "running" and "connection" not in str(lost):
                error = BrokenExecutor("what it needed was lost with a worker")
            else:
                error = ExecutorError(self._gone)
        except PneumoError as told:
            error = told
        except Exception as odd:  # not the job's: what that raises is one of ours
            said = str(odd).strip().splitlines() or ["nothing said"]
            error = ExecutorError(
                f"a worker can't do it ({type(odd).__name__}: {said[0]}); "
                "install the same pneumo where workers run"
            )
        with suppress(InvalidStateError):  # withdrawn meanwhile
            future.set_exception(error) if error else future.set_result(answer)


class _Turns(WorkerPlugin):  # type: ignore[misc]
    """Gives a worker, also one that comes later, the one turn that a job takes."""

    async def setup(self, worker: Any) -> None:
        await worker.set_resources(**{_TURN: 1})


def _connect(address: str) -> Any:
    # What it logs on the way to an error, the error says.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        if address.endswith(".json"):
            if not Path(address).is_file():
                raise ExecutorError(f"no file of a Dask scheduler at {address}")
            return Client(scheduler_file=address, timeout=PATIENCE, set_as_default=False)
        return Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ExecutorError(
            f"no Dask scheduler answers at {address} ({reason}); start one: dask scheduler"
        ) from None


def _there(name: str, function: Callable[..., Any], *arguments: Any, **given: Any) -> Any:
    """A job, in its worker."""
    worker = get_worker()
    key = worker.get_current_task()

    def tell(kind: str, content: Any) -> None:
        task = worker.state.tasks.get(key)
        if task is None or task.state == "cancelled":
            raise StoppedError("withdrawn")
        worker.log_event(name, [key, kind, content])

    tell("begun", None)
    use_threads(worker.state.nthreads)
    return call(function, arguments, given, tell)
