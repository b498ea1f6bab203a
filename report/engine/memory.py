"""Keeps what is dear to make of a book, by all that it depends on: cells' outputs, pandoc's and Typst's work.

What is kept lies in the run store's folder `pages`. Whatever it depends on is looked at before it is used: an
output's cells, the functions that ran for them, the files that were read, the environment.
"""

import gzip
import json
import os
import platform
import stat
import sys
import sysconfig
import time
import zlib
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

from pneumo.base import checksums, paths, storage
from pneumo.base.storage import StorageError
from report.engine import trace

SCHEMA = 2
PACKAGES = ("pneumo",)  # whose functions are told apart
# How cells are run is a part of what comes of them.
_RUNNING = (
    "steps.py",
    "execute.py",
    "kernels.py",
    "nursery.py",
    "replay.py",
    "trace.py",
    "memory.py",
)
_UNUSED = 30 * 86_400  # seconds after which what nobody used is dropped
_VARIABLES = ("LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LC_NUMERIC", "LC_TIME", "TZ")
# Python 3.11 counts the depth of all threads' syntax trees as one, and refuses what does not come out even
# (python/cpython#106905): hold this while parsing.
PARSING = Lock()
Outputs = list[list[dict[str, Any]]]


@dataclass(frozen=True)
class Session:
    """What a kernel was asked, in order, with what came of each, and what that depends on."""

    codes: tuple[str, ...]
    outputs: Outputs
    needs: Mapping[str, Any]


class Memory:
    """What earlier builds have made.

    Args:
        folder: where it is kept; None for the run store's.
        fresh: use nothing from it, and keep what is made anew.
    """

    def __init__(self, folder: Path | None = None, fresh: bool = False) -> None:
        self.folder, self.fresh = folder or paths.home() / "pages", fresh
        self._lock = Lock()
        self._digests: dict[str, list[Any]] | None = None
        self._new: set[str] = set()
        # What all outputs need that were kept or used since; None from the first on that can't be followed.
        self.needed: list[Mapping[str, Any]] | None = []

    # Any text or bytes by a key.

    def get(self, kind: str, key: str) -> bytes | None:
        """What was kept under the key; None for nothing."""
        path = self._path(kind, key)
        if self.fresh and key not in self._new:
            return None
        try:
            content = gzip.decompress(path.read_bytes())
        except (OSError, EOFError, ValueError, zlib.error):
            return None
        with suppress(OSError):  # where nothing can be written, nothing is dropped either
            os.utime(path)
        # A byte that changed on the way is found: the digest behind it is of what it is, and of its key.
        try:
            return checksums.body(content, f"{kind}/{key}")
        except ValueError:
            return None

    def put(self, kind: str, key: str, content: bytes) -> None:
        """Keep it, whole or not at all; where nothing can be written nothing is kept."""
        path = self._path(kind, key)
        try:
            storage.write(path, gzip.compress(checksums.seal(content, f"{kind}/{key}"), 1, mtime=0))
        except StorageError:
            return
        self._new.add(key)

    # Sessions of kernels.

    def recall(self, kind: str, about: str, codes: Sequence[str]) -> Outputs | None:
        """The outputs of code that was run before, one list a piece; None where something they need changed.

        Args:
            kind: of kernel.
            about: what else decides the outputs, as text.
            codes: the pieces of code, in order.
        """
        found = self._session(kind, self._key(about, codes))
        if found is None:
            return None
        self._need(found.needs)
        return found.outputs

    def remember(
        self, kind: str, about: str, codes: Sequence[str], outputs: Outputs, traced: Path
    ) -> None:
        """Keep the outputs of a kernel's code, with what its trace has seen, where that can be followed."""
        needs = self.needs(traced)
        self._need(needs)
        if needs is None:
            return
        content = {"codes": list(codes), "outputs": outputs, "needs": needs}
        self.put(kind, self._key(about, codes), json.dumps(content).encode())

    def sessions(self, kind: str, about: str) -> list[Session]:
        """All sessions that are kept and still hold."""
        start = self._start(about)
        found = (
            self._session(kind, path.stem) for path in (self.folder / kind).glob(f"{start}-*.gz")
        )
        sessions = [session for session in found if session]
        for session in sessions:
            self._need(session.needs)
        return sessions

    def forgo(self) -> None:
        """Some outputs came about that nobody follows."""
        self._need(None)

    def _need(self, needs: Mapping[str, Any] | None) -> None:
        with self._lock:
            self.needed = None if needs is None or self.needed is None else [*self.needed, needs]

    def needs(self, traced: Path) -> dict[str, Any] | None:
        """What a trace has seen, with digests; None where that can't be followed, or has changed since."""
        try:
            seen = json.loads(traced.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if seen["started"]:
            return None
        for path, (time_changed, size) in seen["files"].items():
            status = _status(path)
            if status is None or (status.st_mtime_ns, status.st_size) != (time_changed, size):
                return None
        ran = seen["ran"]
        return {
            "modules": {
                name: [file, {part: digests[part] for part in ("", *ran[name]) if part in digests}]
                for name, (file, digests) in seen["parts"].items()
            },
            "files": {path: self.digest(path) for path in sorted(seen["files"])},
            "folders": {path: _names(path) for path in seen["folders"]},
            "there": seen["there"],
        }

    def holds(self, needs: Mapping[str, Any]) -> bool:
        """Whether all that was needed is as it was."""
        return (
            all(Path(path).exists() == there for path, there in needs["there"].items())
            and all(self.digest(path) == digest for path, digest in needs["files"].items())
            and all(_names(path) == names for path, names in needs["folders"].items())
            and all(
                not trace.changed(known, self._parts(file), list(known))
                for file, known in needs["modules"].values()
            )
        )

    def digest(self, path: str) -> str | None:
        """SHA-256 of a file's content, of a traced package's module that of what it does; None for no file.

        A file that is not touched is not read again.
        """
        if _is_traced(path):
            found = self._parts(path)
            return sha256(json.dumps(found, sort_keys=True).encode()).hexdigest()
        known = self._known(path)
        return str(known) if known else None

    def _parts(self, path: str) -> trace.Parts:
        known = self._known(path, parts=True)
        return known if isinstance(known, dict) else {}

    def _known(self, path: str, parts: bool = False) -> Any:
        """What a file holds, as a digest or as a module's parts; by its status, if that was seen before."""
        status = _status(path)
        if status is None:
            return None
        stamp = [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
        name = f"{path}#" if parts else path
        with self._lock:
            if self._digests is None:
                self._digests = self._read_digests()
            known = self._digests.get(name)
        if known and known[:4] == stamp:
            return known[4]
        try:
            if parts:
                source = Path(path).read_bytes()
                with PARSING:
                    found: Any = trace.parts(source)
            else:
                with Path(path).open("rb") as file:
                    digest = sha256()
                    while block := file.read(1 << 20):
                        digest.update(block)
                found = digest.hexdigest()
        except (OSError, SyntaxError, ValueError):
            return None
        with self._lock:
            # A file that was changed a moment ago may change once more without its time telling.
            if time.time_ns() - max(stamp[1], stamp[2]) > 2_000_000_000:
                self._digests[name] = [*stamp, found]
        return found

    def _read_digests(self) -> dict[str, list[Any]]:
        found = self.get("known", "digests")
        try:
            content = json.loads(found) if found else {}
        except ValueError:
            return {}
        return content if isinstance(content, dict) else {}

    def close(self) -> None:
        """Write down what files hold, and drop what nobody has used for long."""
        if self._digests is not None:
            there = {
                name: known
                for name, known in self._digests.items()
                if _status(name.removesuffix("#")) is not None
            }
            self.put("known", "digests", json.dumps(there).encode())
        for path in self.folder.glob("*/*"):
            status = _status(str(path))
            if status and time.time() - status.st_mtime > _UNUSED:
                with suppress(OSError):
                    path.unlink()

    @cached_property
    def environment(self) -> str:
        """A digest of Python, of what is installed, and of how cells are run."""
        digest = sha256(f"{SCHEMA} {sys.version} {platform.platform()}\n".encode())
        digest.update("\n".join(_installed()).encode())
        for name in _RUNNING:
            known = self._parts(str(Path(__file__).with_name(name)))
            digest.update(json.dumps(known, sort_keys=True).encode())
        return digest.hexdigest()

    def _session(self, kind: str, key: str) -> Session | None:
        content = self.get(kind, key)
        if content is None:
            return None
        try:
            found = json.loads(content)
            session = Session(tuple(found["codes"]), found["outputs"], found["needs"])
            return session if self.holds(session.needs) else None
        except (ValueError, KeyError, TypeError):
            return None

    def _key(self, about: str, codes: Sequence[str]) -> str:
        """A name that begins as all do that are about the same."""
        return f"{self._start(about)}-{_digest(json.dumps(list(codes)))}"

    def _start(self, about: str) -> str:
        variables = {
            name: value
            for name, value in os.environ.items()
            if name.startswith("PNEUMO_") or name in _VARIABLES
        }
        return _digest(f"{self.environment} {about} {sorted(variables.items())}")

    def _path(self, kind: str, key: str) -> Path:
        return self.folder / kind / f"{key}.gz"


def key_of(*values: object) -> str:
    """A key that changes with any of the values, which are such that their text tells them apart."""
    return _digest(json.dumps([str(value) for value in values]))


def stamps(folders: Iterable[Path]) -> dict[str, list[int]]:
    """Size and time of every file below the folders, by path."""
    found = {}
    for folder in folders:
        for path in folder.rglob("*"):
            status = _status(str(path))
            if status and not path.name.endswith(".lock"):
                found[str(path)] = [status.st_size, status.st_mtime_ns]
    return found


def _is_traced(path: str) -> bool:
    folders = Path(__file__).resolve().parents[2]
    return path.endswith(".py") and any(
        path.startswith(f"{folders / name}{os.sep}") for name in PACKAGES
    )


def _installed() -> list[str]:
    """What is installed, with versions, as its folders are called."""
    folders = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    return sorted(
        path.name
        for folder in folders
        for path in Path(folder).glob("*.dist-info")
        # The project itself is followed function by function.
        if not path.name.startswith(tuple(f"{name}-" for name in PACKAGES))
    )


def _names(path: str) -> list[str]:
    try:
        return sorted(entry.name for entry in Path(path).iterdir())
    except OSError:
        return []


def _status(path: str) -> os.stat_result | None:
    """Of a file; None for all else."""
    try:
        found = Path(path).stat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:32]
