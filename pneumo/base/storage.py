"""Files and folders that appear whole or not at all, and what is said where the disk refuses them.

That holds for a process that is killed at any moment. A machine that loses its power may lose what it was
about to write; of a finished run alone every byte is on the disk before it has its name.
"""

import errno
import os
import select
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path
from typing import IO, Any, cast

from pneumo.base import paths
from pneumo.base.errors import PneumoError

try:
    import fcntl
except ImportError:  # not a Unix: then nobody waits for another here, and nothing stale is found
    fcntl = None  # type: ignore[assignment]

Writer = Callable[[IO[bytes]], object]

# What a disk may refuse, by what helps.
_NO_ROOM = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the quota of the disk is used up",
    errno.EFBIG: "files may not become that large here",
}
_NO_ENTRY = {
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "permission is denied",
    errno.EPERM: "permission is denied",
}
_NO_FOLDER = {
    errno.ENOTDIR: "a file is where a folder is needed",
    errno.EEXIST: "a file is where a folder is needed",
}
_REASONS = _NO_ROOM | _NO_ENTRY | _NO_FOLDER
_OUTPUT = "standard output"
_UNREAD = 128 + 13  # what a shell says of a program that ended by SIGPIPE
_LITTLE = 1 << 20  # bytes: a disk with less is the one that is full
_HERE = -100  # renameat2's AT_FDCWD
_EXCHANGE = 2  # and its RENAME_EXCHANGE


class StorageError(PneumoError):
    """A file or folder that can't be written, or not be reached."""


def write(path: Path, content: bytes | Writer) -> None:
    """Write a file that appears whole or not at all, however many write it at once.

    Args:
        path: where to; its folder is made where it is missing.
        content: the bytes, or what puts them into a file that it is given.

    Raises:
        StorageError: the disk refuses; with the room that the file needs.
    """

    def put(file: IO[bytes]) -> object:
        return content(file) if callable(content) else file.write(content)

    with refusals(path, put):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Always of the same name, so that what a killed process left is written over.
        own = "" if fcntl else f".{os.getpid()}"
        temporary = path.with_name(f".{path.name}{own}.new")
        file = _open_alone(temporary)
        try:
            put(file)
            file.flush()
            if fcntl is None:
                file.close()
            temporary.replace(path)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        finally:
            with suppress(OSError):  # which is said already
                file.close()


@contextmanager
def renewed(folder: Path) -> Iterator[Path]:
    """An empty folder that takes the place of `folder` when the block ends without an error.

    Until then the old one stands. Where the system can exchange two folders (Linux), it does so in one
    moment; elsewhere there is a moment without any, and if a process is killed in it, the next call puts
    the old one back. Who renews a folder while another does so waits, and what a killed one left is cleared.

    Raises:
        StorageError: the disk refuses.
    """
    new, old = (folder.with_name(f"{folder.name}.{state}") for state in ("being-made", "replaced"))
    with refusals(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _alone(folder.parent):
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
def scratch(purpose: str) -> Iterator[Path]:
    """A temporary folder that is gone afterwards; those of killed processes are cleared away first.

    Args:
        purpose: a word for the folder's name; what is cleared away is of the same one.
    """
    prefix = f"pneumo-{purpose}-"
    for stale in Path(tempfile.gettempdir()).glob(f"{prefix}*"):
        descriptor = _hold(stale)
        if descriptor is not None:
            shutil.rmtree(stale, ignore_errors=True)
            os.close(descriptor)
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    while (descriptor := _hold(folder, patient=True)) is None and fcntl is not None:
        folder = Path(tempfile.mkdtemp(prefix=prefix))  # the first was taken for a stale one
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        if descriptor is not None:
            os.close(descriptor)


def settle(folder: Path) -> None:
    """Come back when a folder's files are on the disk, and would be there after a loss of power."""
    for path in (*folder.iterdir(), folder):
        with suppress(OSError):  # a file system without such a thing
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def refusals(path: Path | str | None = None, put: Writer | None = None) -> Iterator[None]:
    """Turn what a disk refuses within into a sentence; all other errors pass.

    Args:
        path: what is written, for an error that names no path.
        put: what writes the file at `path`: it is asked how much that is.

    Raises:
        StorageError: names the path, and what is needed.
    """
    try:
        yield
    except (OSError, RuntimeError) as error:
        refused = _refusal(error)
        if refused is None:
            raise
        # A folder's error is its own; the file that is being written has a temporary name that says little.
        if put and not _is_above(refused.filename, path):
            named = path
        else:
            # Where there are two names, of a copy, it is the second that is written.
            named = refused.filename2 or refused.filename or _suspect(refused, path)
        raise StorageError(_sentence(refused, named or _OUTPUT, put)) from None


@contextmanager
def told() -> Iterator[None]:
    """For a command: whatever the disk refuses within becomes a sentence, standard output's end too.

    Where nobody reads standard output any more, as behind ``| head``, the command ends without a word.

    Raises:
        StorageError: as :func:`refusals`.
        SystemExit: nobody reads on.
    """
    try:
        with refusals():
            yield
            with refusals(_OUTPUT):
                sys.stdout.flush()
    except BrokenPipeError:
        if not _is_unread(sys.stdout):  # it was another pipe
            raise
        _let_go()
        raise SystemExit(_UNREAD) from None
    except StorageError:
        _let_go()
        raise


def _is_unread(stream: IO[Any]) -> bool:
    """Whether the other end of a stream is closed."""
    asked = select.poll()
    asked.register(stream, 0)
    return bool(asked.poll(0))


def _let_go() -> None:
    """Write what standard output still takes: Python would try again at its end, and complain."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _refusal(error: BaseException) -> OSError | None:
    """What the disk said, also where torch hides it behind an error of its own."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.errno in _REASONS:
            return found
        found = found.__cause__ or found.__context__
    return None


def _sentence(refused: OSError, path: Path | str, put: Writer | None) -> str:
    reason = _REASONS[cast(int, refused.errno)]
    if refused.errno in _NO_FOLDER:
        return f"{path} can't be made: {reason}; move the file away, or choose another folder"
    if refused.errno in _NO_ENTRY:
        return f"{path} can't be used: {reason}; it must be readable and writable"
    needed, free = _size(put) if put else 0, _free(path)
    words = [
        f"{path} can't be written: {reason}"
        + (f", and it needs {_megabytes(needed)}" if needed else "")
    ]
    words += [f"{_megabytes(free)} are free"] if free is not None else []
    return "; ".join([*words, "make room, and the same command goes on"])


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count / 1e3:,.1f} kB"


def _free(path: Path | str) -> int | None:
    """The bytes that are free on a path's disk; None for what is on none."""
    if path == _OUTPUT:
        return None
    for folder in (Path(path), *Path(path).absolute().parents):
        with suppress(OSError):
            return shutil.disk_usage(folder).free
    return None


def _suspect(refused: OSError, path: Path | str | None) -> Path | str | None:
    """Where an error that names no path came from: of the disks that all goes to, one that is full."""
    if refused.errno == errno.ENOSPC and path != _OUTPUT:
        for folder in (path, paths.home(), Path.cwd(), tempfile.gettempdir()):
            free = _free(folder) if folder else None
            if free is not None and free < _LITTLE:
                return folder
    return path


def _is_above(name: object, path: Path | str | None) -> bool:
    """Whether an error is of a folder that the file lies in."""
    return bool(name and path) and Path(str(name)) in Path(str(path)).parents


def _size(put: Writer) -> int:
    """How many bytes a file will have; 0 where that can't be found out."""
    measured = BytesIO()
    try:
        put(measured)
    except Exception:
        return 0
    return measured.getbuffer().nbytes


def _open_alone(path: Path) -> IO[bytes]:
    """The file, empty, for one process alone; another waits until it is renamed, or its process ends."""
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
def _alone(folder: Path) -> Iterator[None]:
    """Wait for others that are alone in the folder; the lock is the folder itself, and leaves no file."""
    descriptor = _hold(folder, patient=True)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _hold(folder: Path, patient: bool = False) -> int | None:
    """Lock a folder until the descriptor is closed, or its process ends.

    Args:
        folder: of this user.
        patient: whether to wait for another that holds it, and to go on where nothing can be locked.

    Returns:
        The descriptor; None where another holds the folder, or it is gone.
    """
    if fcntl is None:
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if patient else fcntl.LOCK_NB))
        fit = patient or os.fstat(descriptor).st_uid == os.getuid()
    except OSError:
        fit = patient
    if fit and folder.is_dir():
        return descriptor
    os.close(descriptor)
    return None


def _exchange(one: Path, other: Path) -> bool:
    """Let two folders change places in one moment; False where the system can't."""
    if sys.platform != "linux":
        return False
    import ctypes

    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    return bool(rename(_HERE, os.fsencode(one), _HERE, os.fsencode(other), _EXCHANGE) == 0)
