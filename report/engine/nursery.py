"""A process that imports what pages need and splits off a kernel for each; `kernels.py` starts it.

It is called with code to run first and the names of modules, reads one line a kernel (a connection file and
arguments, as JSON), and writes the number of the new process. It ends with its input.
"""

import ctypes
import gc
import json
import os
import signal
import sys
from importlib import import_module

_SIGNAL_AT_PARENTS_DEATH = (
    1  # prctl's PR_SET_PDEATHSIG: the signal comes whatever a kernel is doing
)


def main(first: str, modules: list[str]) -> None:
    """Import, then split off a kernel for every line of the input."""
    orders, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a module prints while it is imported is no answer
    del sys.path[0]  # this file's folder, which is no kernel's
    gc.disable()  # nothing that is imported is garbage
    exec(first, {})
    # No page is debugged, and without a debugger no kernel imports one, which takes as long as many a page.
    sys.modules["debugpy"] = None  # type: ignore[assignment]
    for name in ("ipykernel.kernelapp", "ipykernel.debugger", *modules):
        try:
            import_module(name)
        except Exception:  # not a module, or one that fails: then its page says so
            continue
    del sys.modules["debugpy"]
    sys.modules["pneumo_trace"].settle()
    gc.freeze()  # and no kernel need look through it for any
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # kernels that are over leave nothing behind
    own = os.getpid()
    for line in orders:
        number = os.fork()
        if number == 0:
            answers.close()
            _kernel(own, json.loads(line))
        print(number, file=answers, flush=True)


def _kernel(parent: int, order: list[str]) -> None:
    """Be a kernel until its manager ends it, or the process that it comes from is over."""
    ctypes.CDLL(None).prctl(_SIGNAL_AT_PARENTS_DEATH, signal.SIGKILL)
    if os.getppid() != parent:  # it was over before that
        os._exit(1)
    gc.enable()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    numpy = sys.modules.get("numpy")
    if numpy:
        numpy.random.seed()  # not every page the same numbers
    from ipykernel.kernelapp import IPKernelApp

    file, *arguments = order
    # A kernel that is nobody's says at length how it is ended; 1 is somebody for whom it need not look.
    owned = "--IPKernelApp.parent_handle=1"
    IPKernelApp.launch_instance(["-f", file, owned, *arguments])
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
