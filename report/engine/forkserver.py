"""A fork server: a process that imports what pages need once and forks a kernel for every page.

`kernels.py` starts it with import statements. It reads one line a kernel (its arguments, as JSON), writes the
new process's id, and ends with its input.
"""

import ctypes
import gc
import json
import os
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1  # prctl: a signal at the parent's death, whatever the kernel is doing


def main(imports: list[str]) -> None:
    """Import, then fork a kernel for every line of the input."""
    requests, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a module prints while it is imported is no answer
    del sys.path[0]  # this file's folder, which is no kernel's
    # Nobody debugs a page, and the debugger takes longer to import than many a page to run.
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    for statement in ("import ipykernel.kernelapp", "import ipykernel.debugger", *imports):
        with suppress(Exception):  # a module that is missing or fails is told of by its page
            exec(statement, {})  # noqa: S102 - as the page itself will
    del sys.modules["debugpy"]
    gc.freeze()  # the garbage collector of a fork would copy every page of memory
    gc.set_threshold(
        100_000
    )  # it takes a seventh of a figure's time, in a process of a few seconds
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leave no zombies
    own = os.getpid()
    for line in requests:
        process = os.fork()
        if process == 0:
            answers.close()
            _run_kernel(own, json.loads(line))
        print(process, file=answers, flush=True)


def _run_kernel(parent: int, arguments: list[str]) -> None:
    """Be a kernel until its manager ends it or the fork server is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before that
        os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # else every page has the same random numbers
    from ipykernel.kernelapp import IPKernelApp

    # Without a parent to watch, ipykernel prints how it can be stopped.
    IPKernelApp.launch_instance([*arguments, "--IPKernelApp.parent_handle=1"])
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
