"""A fork server: a process that imports the pages' modules once and forks a kernel for every page.

`kernels.py` starts it with import statements. For each kernel it reads one line (its arguments, as
JSON) and writes the new process's id. It ends when its input ends.
"""

import ctypes
import gc
import io
import json
import os
import signal
import sys
from contextlib import suppress

_PR_SET_PDEATHSIG = 1  # prctl: send a signal when the parent dies


def main(imports: list[str]) -> None:
    """Import, then fork a kernel for every line of the input."""
    requests, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # prints of imported modules must not mix with answers
    del sys.path[0]  # this file's folder, which kernels don't need
    # The debugger is not needed, and importing it takes longer than running many a page.
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    for statement in ("import ipykernel.kernelapp", "import ipykernel.debugger", *imports):
        with suppress(Exception):  # the page's own import reports the error
            exec(statement, {})  # noqa: S102 - as the page itself will
    del sys.modules["debugpy"]
    if "matplotlib.figure" in sys.modules:
        _draw()
    gc.freeze()  # otherwise garbage collection in a fork copies every page of memory
    gc.set_threshold(100_000)  # collection would take a seventh of a figure's time
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # leave no zombies
    own = os.getpid()
    for line in requests:
        process = os.fork()
        if process == 0:
            answers.close()
            _run_kernel(own, json.loads(line))
        print(process, file=answers, flush=True)


def _draw() -> None:
    """Draw a figure, since the first one of a process takes longer: fonts, ticks, formulas."""
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    figure = Figure(layout="constrained")
    figure.subplots().set_title("$x$")
    FigureCanvasSVG(figure).print_svg(io.StringIO())  # type: ignore[no-untyped-call]


def _run_kernel(parent: int, arguments: list[str]) -> None:
    """Run as a kernel until its manager ends it or the fork server dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # the parent ended before prctl
        os._exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed()  # otherwise every page has the same random numbers
    from ipykernel.kernelapp import IPKernelApp

    # Without a parent to watch, ipykernel prints a message on how to stop it.
    IPKernelApp.launch_instance([*arguments, "--IPKernelApp.parent_handle=1"])
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1:])
