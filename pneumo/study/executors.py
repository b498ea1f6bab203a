"""Where the jobs of a study run: in this process, in processes of this machine, or on a Dask cluster."""

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from pneumo.study.pools import ExecutorError, Pool, Processes, Serial, cores

AUTO, SERIAL, PROCESS, DASK = "auto", "serial", "process", "dask"
KNOWN = "auto, serial, process:N (N ≥ 1), dask:ADDRESS (as dask:tcp://host:8786, or a file)"
BYTES_A_RUN = 2 * 2**30  # memory that the largest training takes, rounded up


@dataclass(frozen=True)
class Choice:
    """A parsed `--executor`."""

    kind: str
    count: int = 1  # of processes
    address: str = ""  # of a Dask scheduler, or the path of its scheduler file


def parse(text: str) -> Choice:
    """Parse `auto`, `serial`, `process:N` or `dask:ADDRESS`.

    Raises:
        ExecutorError: it is none of these.
    """
    if text in (AUTO, SERIAL):
        return Choice(text)
    if found := re.fullmatch(r"process:(0*[1-9]\d*)", text, re.ASCII):
        return Choice(PROCESS, count=int(found[1]))
    if found := re.fullmatch(r"dask:(.+)", text):
        return Choice(DASK, address=found[1])
    raise ExecutorError(f"no executor is called {text!r}; there are: {KNOWN}")


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
                "dask:ADDRESS needs Dask, which is not installed: "
                "python -m pip install 'pneumo[dask]', or in a checkout '.[dask]'"
            )
        from pneumo.study.cluster import Cluster

        return Cluster(choice.address)
    count = choice.count
    if choice.kind == AUTO:
        count = 1 if _uses_gpu(device) else cores()
        with suppress(AttributeError, ValueError, OSError):  # not known on every system
            memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
            count = max(1, min(count, memory // BYTES_A_RUN))
    if choice.kind == SERIAL or (choice.kind == AUTO and count == 1):
        return Serial()
    return Processes(count)


def _uses_gpu(device: str) -> bool:
    """Whether jobs for `device` compute on a GPU."""
    drivers = ("nvidia0", "nvidiactl", "kfd", "dxg")
    if sys.platform == "linux" and not any(Path("/dev", name).exists() for name in drivers):
        return device not in ("auto", "cpu")  # without the import of torch, which takes seconds
    from pneumo.training.train import find_device

    return find_device(device).type != "cpu"
