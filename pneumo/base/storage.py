"""Write files and folders atomically, and turn errors of the disk into messages.

Atomic even if the process is killed at any moment. After a loss of power, the last files may be missing; only
a finished run is synced to disk before it gets its name.
"""

import errno
import os
import select
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, cast

from filelock import FileLock, Timeout

from pneumo.base import paths, streams
from pneumo.base.errors import PneumoError

try:
    import fcntl
except ImportError:  # not a Unix: no locks, and stale folders are not found
    fcntl = None  # type: ignore[assignment]

_MAKE_ROOM = "make room, and run the same command to resume"
_OPEN_IT = "it must be readable and writable"
_MOVE_IT = "move the file away, or choose another folder"
# Errors of a disk: what cannot be done and why, and what helps.
_REASONS = {
    errno.ENOSPC: ("written: the disk is full", _MAKE_ROOM),
    errno.EDQUOT: ("written: the quota of the disk is used up", _MAKE_ROOM),
    errno.EFBIG: ("written: files may not become that large here", _MAKE_ROOM),
    errno.EROFS: ("used: the file system is read-only", _OPEN_IT),
    errno.EACCES: ("used: permission is denied", _OPEN_IT),
    errno.EPERM: ("used: permission is denied", _OPEN_IT),
    errno.ENOTDIR: ("made: a file is where a folder is needed", _MOVE_IT),
    errno.EEXIST: ("made: a file is where a folder is needed", _MOVE_IT),
    errno.EISDIR: ("used: a folder is where a file is needed", "move it away"),
}
_OUTPUT = "standard output"
_UNREAD = 128 + 13  # exit status of a program that ended by SIGPIPE
_LITTLE = 1 << 20  # bytes: a disk with less is the one that is full
_HERE = -100  # renameat2's AT_FDCWD
_EXCHANGE = 2  # and its RENAME_EXCHANGE


class StorageError(PneumoError):
    """A file or folder that cannot be written or reached."""


def write(path: Path, *parts: bytes | memoryview) -> None:
    """Write a file atomically, however many processes write it at once; a missing folder is made.

    Args:
        parts: of its content, one after the other.

    Raises:
        StorageError: the disk refuses; the message has the room that the file needs.
    """
    with refusals(path, sum(map(len, parts))):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Always the same name, so that the remains of a killed process are overwritten.
        own = "" if fcntl else f".{os.getpid()}"
        temporary = path.with_name(f".{path.name}{own}.new")
        with _open_alone(temporary) as file:
            try:
                file.writelines(parts)
                file.flush()
                if fcntl is None:
                    file.close()
                temporary.replace(path)
            except BaseException:
                with suppress(OSError):
                    temporary.unlink()
                raise


@contextmanager
def renewed(folder: Path) -> Iterator[Path]:
    """Yield an empty folder that replaces `folder` if the block ends without an error.

    Until then the old folder stays. On Linux the two are exchanged atomically. Elsewhere there is a moment
    without either; if a process is killed then, the next call restores the old one. A second process that
    renews the same folder waits. The remains of killed processes are deleted.

    Raises:
        StorageError: the disk refuses.
    """
    new, old = (folder.with_name(f"{folder.name}.{state}") for state in ("being-made", "replaced"))
    with refusals(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _held(folder.parent, patient=True):
            if old.is_dir() and not folder.exists():
                old.rename(folder)
            for stale in (new, old):
                shutil.rmtree(stale, ignore_errors=True)
            new.mkdir()
            try:
                yield new
                if not folder.exists():
                    new.rename(folder)
                elif not _exchange(folder, new):
                    folder.rename(old)
                    new.rename(folder)
            finally:
                for stale in (new, old):
                    shutil.rmtree(stale, ignore_errors=True)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of what is to be made at a path, and say so if another process holds it."""
    lock = FileLock(path.with_name(f".{path.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        streams.tell(f"waiting for another process, which makes {path.name}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Whether a process makes what is to be at a path, by :func:`locked`; True if nobody can tell."""
    lock = path.with_name(f".{path.name}.lock")
    if not lock.exists():
        return False
    try:
        with FileLock(lock).acquire(timeout=0):
            return False
    except OSError:  # also Timeout
        return True


@contextmanager
def scratch(purpose: str) -> Iterator[Path]:
    """Yield a temporary folder, and delete it at the end; those of killed processes are deleted first.

    Args:
        purpose: a word for its name; only folders with the same word are deleted.
    """
    prefix = f"pneumo-{purpose}-"
    for stale in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        with _held(stale) as left:
            if left:
                shutil.rmtree(stale, ignore_errors=True)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=prefix))
        with _held(folder, patient=True) as own:
            if own:  # else another process deleted it as stale
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return


def settle(folder: Path) -> None:
    """Sync the files of a folder to disk, so that they survive a loss of power."""
    for path in (*folder.iterdir(), folder):
        with suppress(OSError):  # a file system that cannot sync
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def refusals(path: Path | str | None = None, needed: int = 0) -> Iterator[None]:
    """Turn errors of the disk into messages; all other errors pass.

    Args:
        path: what is written, for errors that name no path.
        needed: bytes of the file at `path`; 0: it is no file, or nobody knows.

    Raises:
        StorageError: names the path and the room that is needed.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        refused = _refusal(error)
        if refused is None:
            raise
        # An error of a copy has two names; the second is written.
        named = refused.filename2 or refused.filename or _suspect(refused, path)
        # An error of a folder names the folder; that of the file would name its temporary file.
        if needed and path and Path(str(refused.filename)) not in Path(path).parents:
            named = path
        raise StorageError(*_words(refused, named or _OUTPUT, needed)) from None


@contextmanager
def reported() -> Iterator[None]:
    """Turn errors of the disk into messages for a whole command, including its standard output.

    If standard output is closed, as behind ``| head``, the command ends silently.

    Raises:
        StorageError: as :func:`refusals`.
        SystemExit: standard output is closed.
    """
    try:
        with refusals():
            yield
            with refusals(_OUTPUT):
                sys.stdout.flush()
    except BrokenPipeError:
        asked = select.poll()
        asked.register(sys.stdout, 0)
        if not asked.poll(0):  # standard output is open: it was another pipe
            raise
        _let_go()
        raise SystemExit(_UNREAD) from None
    except StorageError:
        _let_go()
        raise


def _let_go() -> None:
    """Flush or discard standard output; otherwise Python would try again at exit, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refusal(error: BaseException) -> OSError | None:
    """Find the error of the disk, even if torch hides it behind one of its own."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno in _REASONS:
            return found
        found = found.__cause__ or found.__context__
    return None


def _words(refused: OSError, path: Path | str, needed: int) -> list[str]:
    """The parts of an error: what is refused, the free room if it is short, and what helps."""
    from rich.filesize import decimal  # not imported for the help of a command

    reason, advice = _REASONS[cast(int, refused.errno)]
    words = [f"{path} can't be {reason}"]
    if advice == _MAKE_ROOM:
        words[0] += f", and it needs {decimal(needed)}" if needed else ""
        free = _free(path)
        words += [f"{decimal(free)} are free"] if free is not None else []
    return [*words, advice]


def _free(path: Path | str) -> int | None:
    """Return the free bytes on the disk of a path; None for standard output."""
    if path == _OUTPUT:
        return None
    for folder in (Path(path), *Path(path).absolute().parents):
        with suppress(OSError):
            return shutil.disk_usage(folder).free
    return None


def _suspect(refused: OSError, path: Path | str | None) -> Path | str | None:
    """Guess the path of an error that names none: a folder in use whose disk is full."""
    if refused.errno == errno.ENOSPC and path != _OUTPUT:
        for folder in (path, paths.home(), Path.cwd(), tempfile.gettempdir()):
            free = _free(folder) if folder else None
            if free is not None and free < _LITTLE:
                return folder
    return path


def _open_alone(path: Path) -> IO[bytes]:
    """Open a file, empty and locked; other processes wait until it is renamed, or this process ends."""
    while True:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o666), "wb")
        if fcntl is not None:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(file, fcntl.LOCK_EX)
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(file.fileno()), path.stat()):
                file.truncate(0)
                return file
        file.close()


@contextmanager
def _held(folder: Path, patient: bool = False) -> Iterator[bool]:
    """Lock a folder while the context is open; the lock is the folder itself, and leaves no file.

    Args:
        folder: of this user.
        patient: whether to wait for another process, and to continue if folders cannot be locked.

    Yields:
        Whether it is locked: False if another process holds the folder, or it is gone.
    """
    descriptor, held = None, patient
    with suppress(OSError):
        if fcntl is not None:
            descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if patient else fcntl.LOCK_NB))
            held = patient or os.fstat(descriptor).st_uid == os.getuid()
    try:
        yield held and folder.is_dir()
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders atomically; False if the system cannot."""
    if sys.platform != "linux":
        return False
    import ctypes

    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)
