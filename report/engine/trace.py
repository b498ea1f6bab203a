"""Notes, within a kernel, what its cells' outputs depend on: what ran, and what was read.

Of the traced packages every function says that it ran, so that a change in another leaves outputs as they
are. Everything else that is installed counts by its version. The standard library alone is imported here:
kernels load this module before all others.
"""

import ast
import importlib.abc
import importlib.machinery
import json
import os
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

NAME = "pneumo_trace"  # in a kernel's `sys.modules`
_RAN = "__ran__"
_OPTIMIZED = 0x1  # of a code object's flags: a function's; a class body's has it not
_IN_FUNCTIONS = ("<lambda>", "<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>")
_NOWHERE = ("/proc/", "/sys/", "/dev/")
_BEGIN = """
def __begin():
    import sys
    if {name!r} in sys.modules:
        return sys.modules[{name!r}].go_on()
    from importlib.util import module_from_spec, spec_from_file_location
    spec = spec_from_file_location({name!r}, {path!r})
    module = sys.modules[{name!r}] = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.begin({packages!r}, {apart!r})
__begin()
del __begin
"""
# Links stay as they are: another target is another file's change.
_absolute = os.path.abspath
_look = os.stat  # before it is listened to
Parts = dict[str, str]


def begin(packages: Sequence[str], apart: Sequence[str]) -> None:
    """Take down from now on, in this process and in those that split off from it.

    Args:
        packages: names of packages whose functions say that they ran.
        apart: folders of which nothing counts.
    """
    _traces.append(Trace(packages, apart))
    _traces[0].begin()


def settle() -> None:
    """All that pages import is imported: from here on kernels split off."""
    _traces[0].settle()


def go_on() -> None:
    """The kernel is there, and its cells begin: what it read to come about is no cell's."""
    _traces[0].go_on()


def write(path: str) -> None:
    """Write what was taken down, as JSON."""
    _traces[0].write(path)


def code(packages: Sequence[str], apart: Sequence[str]) -> str:
    """What has a kernel begin, or the process that it splits off from and then the kernel once more."""
    return _BEGIN.format(name=NAME, path=__file__, packages=list(packages), apart=list(apart))


def ending(path: Path) -> str:
    """What has a kernel write what it took down."""
    return f"__import__('sys').modules[{NAME!r}].write({str(path)!r})"


class Trace:
    """What was read and what ran since it began; a process has one at most.

    Args:
        packages: names of packages whose functions say that they ran.
        apart: folders of which nothing counts.
    """

    def __init__(self, packages: Sequence[str], apart: Sequence[str]) -> None:
        self.packages, self.apart = tuple(packages), (*_installed(), *apart)
        self.ran: dict[str, set[str]] = {}
        self.parts: dict[str, tuple[str, Parts]] = {}  # of a module: its file, and what is in it
        self.files: dict[str, tuple[int, int]] = {}  # with what they were when they were read
        self.folders: set[str] = set()
        self.there: dict[str, bool] = {}
        self.started: list[str] = []  # programs, whose reading nobody hears of
        self.settle()

    def begin(self) -> None:
        """Take down from now on."""
        sys.meta_path.insert(0, _Finder(self))
        sys.addaudithook(self._hear)

        def stat(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
            try:
                found = _look(path, *arguments, **options)
            except (FileNotFoundError, NotADirectoryError):
                self._saw(path, False)
                raise
            self._saw(path, True)
            return found

        os.stat = stat

    def settle(self) -> None:
        """Keep in mind what was taken down up to here."""
        self.started.clear()  # what an import asks of programs is a part of the environment
        self.settled = dict(self.files), set(self.folders), dict(self.there)

    def go_on(self) -> None:
        """Forget what was taken down since that."""
        self.started.clear()
        files, folders, there = self.settled
        self.files, self.folders, self.there = dict(files), set(folders), dict(there)

    def write(self, path: str) -> None:
        """Write what was taken down, as JSON."""
        # What is loaded and not traced counts whole.
        for module in list(sys.modules.values()):
            file = getattr(module, "__file__", None)
            name = getattr(module, "__name__", NAME)
            if isinstance(file, str) and name not in self.parts and name not in (NAME, "__main__"):
                self._read(file)
        imported = {_absolute(entry or ".") for entry in sys.path}
        for module in list(sys.modules.values()):
            imported.update(map(_absolute, getattr(module, "__path__", None) or ()))
        content = {
            "ran": {name: sorted(self.ran.get(name, ())) for name in self.parts},
            "parts": self.parts,
            "files": self.files,
            "folders": sorted(self.folders - imported),
            "there": self.there,
            "started": self.started,
        }
        Path(path).write_text(json.dumps(content), encoding="utf-8")

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, mode, flags = arguments
            written = "r" not in mode if isinstance(mode, str) else flags & os.O_ACCMODE
            if not written and isinstance(path, str | bytes | os.PathLike):
                self._read(os.fsdecode(path))
        elif event in ("os.listdir", "os.scandir"):
            if isinstance(arguments[0], str | bytes | os.PathLike) and self._counts(
                path := _absolute(os.fsdecode(arguments[0]))
            ):
                self.folders.add(path)
        elif event in ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn"):
            self.started.append(str(arguments[0]))

    def _read(self, name: str) -> None:
        path = _absolute(name)
        if path in self.files or not self._counts(path):
            return
        try:
            found = _look(path)
        except OSError:
            return
        self.files[path] = (found.st_mtime_ns, found.st_size)

    def _saw(self, name: Any, there: bool) -> None:
        if name and isinstance(name, str | bytes | os.PathLike):
            path = _absolute(os.fsdecode(name))
            if self._counts(path):
                self.there.setdefault(path, there)

    def _counts(self, path: str) -> bool:
        return not path.startswith((*self.apart, *_NOWHERE)) and not path.endswith(
            (".pyc", ".lock", "/__pycache__")
        )


class _Finder(importlib.abc.MetaPathFinder):
    """Finds the traced packages' modules as Python does, and has their functions say that they run."""

    def __init__(self, trace: Trace) -> None:
        self.trace = trace

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if name.partition(".")[0] not in self.trace.packages:
            return None
        found = importlib.machinery.PathFinder.find_spec(name, path, target)
        for finder in sys.meta_path[1:] if found is None else ():
            found = finder.find_spec(name, path, target)
            if found:
                break
        if (
            found
            and found.origin
            and isinstance(found.loader, importlib.machinery.SourceFileLoader)
        ):
            found.loader = _Loader(found.loader.name, found.origin, self.trace)
        return found


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, name: str, path: str, trace: Trace) -> None:
        super().__init__(name, path)
        self.trace = trace

    def get_code(self, fullname: str) -> CodeType:
        source = self.get_data(self.path)
        self.trace.parts[fullname] = (self.path, parts(source))
        # What it imports as a module is known part by part, not as a file.
        self.trace.files.pop(_absolute(self.path), None)
        return compile(_telling(ast.parse(source)), self.path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__[_RAN] = self.trace.ran.setdefault(module.__name__, set()).add
        super().exec_module(module)


def parts(source: bytes) -> Parts:
    """What a module does, in parts: a digest a function by its qualified name, and one of all else under "".

    Comments, docstrings and layout don't count. What is defined within a function is a part of it.
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and _is_docstring(body[0]):
            body[0] = ast.Pass(lineno=1, col_offset=0, end_lineno=1, end_col_offset=0)
    found: dict[str, list[str]] = {}
    outer = _print(compile(tree, "", "exec", dont_inherit=True), found)
    return {
        name: sha256("\n".join(texts).encode()).hexdigest()[:16]
        for name, texts in {"": [outer], **found}.items()
    }


def changed(known: Mapping[str, str], now: Mapping[str, str], ran: Sequence[str]) -> bool:
    """Whether a module does another thing now, as far as its functions that ran are concerned."""
    return any(known.get(name) != now.get(name) for name in ("", *ran))


def _print(code: CodeType, found: dict[str, list[str]] | None) -> str:
    """What a code object does, as text; of a module or a class its functions go to `found`."""
    constants = []
    for constant in code.co_consts:
        if not isinstance(constant, CodeType):
            constants.append(_constant(constant))
        elif found is None or constant.co_name in _IN_FUNCTIONS:
            constants.append(_print(constant, None))
        elif constant.co_flags & _OPTIMIZED:
            found.setdefault(constant.co_qualname, []).append(_print(constant, None))
            constants.append(constant.co_qualname)
        else:
            constants.append(_print(constant, found))
    what = (
        code.co_name, code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags,
        code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars,
        code.co_exceptiontable.hex(), constants,
    )  # fmt: skip
    return repr(what)


def _constant(value: object) -> str:
    """The same text for the same constant, whatever the order in which a set has it."""
    if isinstance(value, frozenset):
        return f"frozenset({sorted(map(_constant, value))})"
    if isinstance(value, tuple):
        return f"({', '.join(map(_constant, value))})"
    return repr(value)


def _telling(tree: ast.Module) -> ast.Module:
    """The module with functions that say, when they begin, that they run; those within others do not."""
    for function, name in _functions(tree.body, ""):
        place = 1 if _is_docstring(function.body[0]) and len(function.body) > 1 else 0
        here = function.body[place]
        call = ast.Expr(ast.Call(ast.Name(_RAN, ast.Load()), [ast.Constant(name)], []))
        for node in ast.walk(call):
            ast.copy_location(node, here)
        function.body.insert(place, call)
    return tree


def _functions(
    body: Sequence[ast.stmt], within: str
) -> Iterator[tuple[ast.FunctionDef | ast.AsyncFunctionDef, str]]:
    """The functions of a module and of its classes, with their qualified names."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node, within + node.name
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node.body, f"{within}{node.name}.")
        else:  # what stands under an `if`, a `try` or a `with`
            for part in ("body", "orelse", "finalbody"):
                yield from _functions(getattr(node, part, None) or (), within)
            for handler in getattr(node, "handlers", ()):
                yield from _functions(handler.body, within)


def _is_docstring(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _installed() -> list[str]:
    """The folders of what is installed."""
    found = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    found |= {os.path.realpath(path) for path in found}
    return sorted(f"{path}{os.sep}" for path in found)


_traces: list[Trace] = []
