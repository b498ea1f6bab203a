"""Disk cache for the outputs of cells, pandoc and Typst, keyed by everything that they depend on.

A page's outputs stay valid as long as its own code and :func:`inputs` are the same. Changes of files outside
the project that a cell reads are not noticed; `--fresh` empties the cache.
"""

import gzip
import os
import platform
import re
import shutil
import sys
import sysconfig
import time
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

from pneumo.base import paths, storage
from pneumo.base.storage import StorageError

SCHEMA = 4  # of entries: those of another schema are ignored
RECORD = "PNEUMO_RECORD"  # the variable that names a record's folder
ROOT = Path(__file__).resolve().parents[2]
_UNUSED = 30 * 86_400  # seconds after which an unused entry is removed
_COUNTING = re.compile(
    r"QUARTO_PROFILE|LANG(UAGE)?|LC_(ALL|CTYPE|NUMERIC|TIME)|TZ|PNEUMO_(?!HOME$).+"
)
_LEFT_OUT = ("_", ".")  # prefixes of folders that hold caches and build outputs
# Drawings that cells write beside the pages, named by their content.
DRAWINGS = re.compile(r"figures/[\w-]+-[0-9a-f]{8}-(?:light|dark)\.svg")
# Files that no cell reads: pages, and files for the browser.
_NOT_FOR_CELLS = (".qmd", ".css", ".scss", ".js")
FILES = (".zenodo.json", "pyproject.toml")  # of the root


class Cache:
    """Entries on disk: bytes by kind and key, written atomically and checked when read.

    Args:
        folder: the cache's folder; None for ``pages`` in the run store.
        fresh: remove the entries of earlier builds.
    """

    def __init__(self, folder: Path | None = None, fresh: bool = False) -> None:
        self.folder = folder or paths.home() / "pages"
        if fresh:
            shutil.rmtree(self.folder, ignore_errors=True)

    def get(self, kind: str, key: str) -> bytes | None:
        """The entry's content; None if it is missing or damaged."""
        path = self._path(kind, key)
        try:
            content = gzip.decompress(path.read_bytes())  # checks its CRC
        except (OSError, EOFError, ValueError, zlib.error):
            return None
        with suppress(OSError):  # the store may not be writable
            os.utime(path)
        own = _header(kind, key)
        return content.removeprefix(own) if content.startswith(own) else None

    def put(self, kind: str, key: str, content: bytes) -> None:
        """Write an entry; do nothing if the store is not writable."""
        with suppress(StorageError):
            content = gzip.compress(_header(kind, key) + content, 1, mtime=0)
            storage.write(self._path(kind, key), content)

    def prune(self) -> None:
        """Remove entries that have not been used for 30 days."""
        for path in self.folder.glob("*/*"):
            with suppress(OSError):
                if time.time() - path.stat().st_mtime > _UNUSED:
                    path.unlink()

    def _path(self, kind: str, key: str) -> Path:
        return self.folder / kind / f"{key}.gz"


def _header(kind: str, key: str) -> bytes:
    """The first bytes of an entry, so that no file can be mistaken for another entry."""
    return f"{SCHEMA}/{kind}/{key}\n".encode()


def key_of(*values: object) -> str:
    """A key that changes if the text of any value changes."""
    return sha256(repr([str(value) for value in values]).encode()).hexdigest()[:32]


def inputs(project: Path, site: Path, not_read: tuple[str, ...] = _NOT_FOR_CELLS) -> str:
    """A digest of everything that the outputs of a project's cells depend on, except the cells.

    That is the record, the package and the files that it reads, the project's files, relevant environment
    variables, Python, and installed packages.

    Args:
        project: the folder of `_quarto.yml`.
        site: the folder of the built site, which may lie in the project.
        not_read: endings of files that do not count; a whole site depends on all files.
    """
    variables = {name: value for name, value in os.environ.items() if _COUNTING.fullmatch(name)}
    system = SCHEMA, sys.version, platform.platform(), installed(), sorted(variables.items())
    record = Path(os.environ.get(RECORD) or os.devnull)
    files = [(name, record / name) for name in ("SHA256SUMS", "results.json")]
    return key_of(*system, _digest([*files, *_files(project, site, not_read)]))


@cache
def installed() -> tuple[str, ...]:
    """Names and versions of installed packages, from the names of their folders."""
    folders = {sysconfig.get_path(name) for name in ("purelib", "platlib")}
    return tuple(
        sorted(path.name for folder in folders for path in Path(folder).glob("*.dist-info"))
    )


def stamps(folder: Path) -> dict[str, list[int]]:
    """Size and time of every file below a folder."""
    return {
        str(path): [path.stat().st_size, path.stat().st_mtime_ns]
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def has_pictures(project: Path, outputs: str) -> bool:
    """Whether every drawing named in an earlier build's outputs is still beside the pages."""
    return all((project / name).is_file() for name in DRAWINGS.findall(outputs))


def _files(project: Path, site: Path, endings: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """The files of the package, its templates and the project by name, except those with certain endings."""
    # Cells read these two; docs are only included in pages.
    docs = [] if endings else (ROOT / "docs").glob("*.md")
    for path in (*(ROOT / name for name in FILES), *docs):
        yield path.relative_to(ROOT).as_posix(), path
    for folder in (ROOT / "pneumo", ROOT / "report" / "engine"):
        yield from (named for named in _below(folder) if named[1].suffix == ".py")
    built = site.resolve()  # during a build there is also a folder whose name begins like this
    for folder in (paths.templates(), project.resolve()):
        for name, path in _below(folder):
            made = str(path).startswith((f"{built}/", f"{built}."))
            made = made or DRAWINGS.fullmatch(name.partition("/")[2]) is not None
            if path.suffix not in endings and not made:
                yield name, path


def _below(folder: Path) -> Iterator[tuple[str, Path]]:
    """The files below a folder, named from it: a copy elsewhere has the same names."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and not any(part.startswith(_LEFT_OUT) for part in name.parts[:-1]):
            yield f"{folder.name}/{name.as_posix()}", path


def _digest(files: Iterable[tuple[str, Path]]) -> str:
    """A digest of files' names and contents; a missing file counts as such."""
    digest = sha256()
    for name, path in sorted(set(files)):
        digest.update(f"{name}\0".encode())
        with suppress(OSError):
            digest.update(sha256(path.read_bytes()).digest())
    return digest.hexdigest()
