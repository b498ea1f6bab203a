"""Read the arrays of a ``.npz``: small ones into memory, large ones mapped from disk.

Headers of the file are not trusted: sizes are compared with what the file can hold before memory or disk is
allocated, checksums of all bytes are verified, and nothing is unpickled.
"""

import io
import math
import shutil
import struct
import zlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

import numpy as np
from numpy.typing import NDArray
from rich.filesize import decimal

from pneumo.base import checksums, paths, storage
from pneumo.base.errors import PneumoError, first_line

CHUNK = 2**20
# numpy reads the description of an array before it checks its length; it never writes a longer one.
HEADER = 2**14
# Deflate expands at most 1,032:1. No real image compresses 100:1.
MOST_DEFLATED, BELIEVED = 1032, 100
# Header of a member, which ends with the lengths of its name and of its extra field.
_LOCAL = struct.Struct("<26xHH")
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class ArchiveError(PneumoError):
    """A ``.npz`` that cannot be read; the text says what is wrong, without the path."""


@dataclass(frozen=True)
class Member:
    """An array in a ``.npz``, as its header describes it."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    by_columns: bool
    start: int  # bytes before the first number
    info: ZipInfo

    @property
    def name(self) -> str:
        """Name of the array."""
        return self.info.filename.removesuffix(".npy")

    @property
    def nbytes(self) -> int:
        """Bytes in memory."""
        return math.prod(self.shape) * self.dtype.itemsize


def members(path: Path, wanted: Collection[str]) -> dict[str, Member]:
    """Find the arrays called `wanted`, by reading only headers.

    Raises:
        ArchiveError: it is not a ``.npz``, lacks an array, or its headers claim more than it can hold.
    """
    with _opened(path) as archive:
        held = path.stat().st_size
        infos = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
        found = {name: _member(archive, infos[name], held) for name in wanted if name in infos}
    if missing := [name for name in wanted if name not in found]:
        names = [name[:40] for name in infos]
        there = ", ".join([*names[:12], *(["…"] if len(names) > 12 else [])]) or "nothing"
        raise ArchiveError(f"it lacks {', '.join(missing)}", f"it holds {there}")
    return found


def read(path: Path, chosen: Collection[Member]) -> dict[str, NDArray[Any]]:
    """Read arrays into memory, by name.

    Raises:
        ArchiveError: a checksum does not match, or bytes are missing.
    """
    with _opened(path) as archive:
        return {member.name: _read(archive, member) for member in chosen}


def mapped(path: Path, chosen: Collection[Member]) -> dict[str, NDArray[Any]]:
    """Map arrays from disk, by name; only the parts that are used are read.

    An uncompressed array is mapped in place. A compressed one is unpacked once, atomically, into ``data`` of
    the run store, and mapped from there. All checksums of the ``.npz`` are verified each time; a damaged
    unpacked copy is made again.

    Raises:
        ArchiveError: as for :func:`read`; or the disk has too little room, the copy cannot be written, or
            the compression ratio is impossible for images.
    """
    for member in chosen:
        if member.by_columns:
            raise ArchiveError(
                f"{member.name} is stored by columns; save numpy.ascontiguousarray of it"
            )
        if member.info.file_size > BELIEVED * member.info.compress_size:
            raise ArchiveError(
                f"{member.name} would unpack {decimal(member.info.compress_size)} to "
                f"{decimal(member.info.file_size)}, as no images do"
            )
    found = {}
    packed = {
        f"{member.name}.npy": member for member in chosen if member.info.compress_type != ZIP_STORED
    }
    folder = _unpacked(path, packed) if packed else path
    with _opened(path) as archive, path.open("rb") as file:
        for member in chosen:
            where, start = folder / f"{member.name}.npy", member.start
            if where.name not in packed:
                _pass_through(archive, member)
                file.seek(member.info.header_offset)
                where = path
                start += member.info.header_offset + _LOCAL.size
                start += sum(_LOCAL.unpack(file.read(_LOCAL.size)))
            array = np.memmap(where, member.dtype, "r", start, member.shape)
            found[member.name] = array.view(np.ndarray)
    return found


def archive(**arrays: NDArray[Any]) -> bytes:
    """Convert arrays to the bytes of a compressed ``.npz``."""
    np.savez_compressed(content := io.BytesIO(), allow_pickle=False, **arrays)
    return content.getvalue()


def load(content: bytes) -> dict[str, NDArray[Any]]:
    """Read the arrays in the bytes of a ``.npz`` that this package wrote.

    Raises:
        Exception: one of :data:`pneumo.base.checksums.DAMAGE`; it is none.
    """
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)


def write_sealed(path: Path, **arrays: NDArray[Any]) -> None:
    """Write arrays atomically, with a checksum that covers the name of the file."""
    content = archive(**arrays)
    storage.write(path, content, checksums.seal(content, path.name))


def read_sealed(path: Path) -> dict[str, NDArray[Any]]:
    """Read what :func:`write_sealed` wrote.

    Raises:
        Exception: as :func:`load`; also if a byte has changed.
    """
    return load(checksums.verify(path.read_bytes(), path.name))


def _member(archive: ZipFile, info: ZipInfo, held: int) -> Member:
    """Describe a member, after checking that its headers are possible."""
    name = info.filename.removesuffix(".npy")
    if info.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
        raise ArchiveError(f"{name} is compressed in a way that numpy does not write")
    most = info.compress_size * (MOST_DEFLATED if info.compress_type == ZIP_DEFLATED else 1)
    if info.header_offset + info.compress_size > held or info.file_size > most:
        raise ArchiveError(
            f"{name} claims {decimal(info.file_size)}, which a file of {decimal(held)} can't hold"
        )
    with archive.open(info) as source:
        head = io.BytesIO(source.read(HEADER))
    version = np.lib.format.read_magic(head)
    if version not in _HEADERS:
        raise ArchiveError(f"{name} is no array of numbers (version {version} of its format)")
    shape, by_columns, dtype = _HEADERS[version](head)
    if dtype.hasobject:
        raise ArchiveError(f"{name} holds Python objects, which are never unpickled")
    member = Member(shape, dtype, by_columns, head.tell(), info)
    if member.start + member.nbytes != info.file_size:
        raise ArchiveError(
            f"{name} claims {decimal(member.nbytes)} in its header, where it has "
            f"{decimal(info.file_size - member.start)}"
        )
    return member


def _read(archive: ZipFile, member: Member) -> NDArray[Any]:
    with archive.open(member.info) as source:
        found: NDArray[Any] = np.lib.format.read_array(source, allow_pickle=False)
        source.read()  # to its end, where the checksum is verified
    return found


def _pass_through(archive: ZipFile, member: Member, target: IO[bytes] | None = None) -> None:
    """Read a member to its end, where its checksum is verified, and write it to the target."""
    count = 0
    with archive.open(member.info) as source:
        while chunk := source.read(CHUNK):
            count += len(chunk)
            if target:
                target.write(chunk)
    if count != member.info.file_size:
        raise ArchiveError(f"{member.name} has not as many bytes as it claims")


def _unpacked(path: Path, packed: Mapping[str, Member]) -> Path:
    """The folder in which members lie unpacked, each as the ``.npy`` that it is in the ``.npz``."""
    contents = "\n".join(f"{f} {m.info.CRC} {m.info.file_size}" for f, m in sorted(packed.items()))
    folder = paths.home() / "data" / checksums.digest(contents.encode())[:16]

    def whole() -> bool:
        return all(_is_whole(folder / name, member) for name, member in packed.items())

    try:
        if not whole():
            folder.parent.mkdir(parents=True, exist_ok=True)
            with storage.locked(folder):
                if not whole():
                    with storage.renewed(folder) as new:
                        _unpack(path, packed, new)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ArchiveError(
            f"it is to be unpacked into {folder}: {reason}; PNEUMO_HOME names another place"
        ) from None
    return folder


def _unpack(path: Path, packed: Mapping[str, Member], folder: Path) -> None:
    needed = sum(member.info.file_size for member in packed.values())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise ArchiveError(
            f"it unpacks to {decimal(needed)} in {folder.parent}, where {decimal(free)} are free; "
            "PNEUMO_HOME names another place"
        )
    with _opened(path) as archive:
        for name, member in packed.items():
            with (folder / name).open("wb") as target:
                _pass_through(archive, member, target)


def _is_whole(path: Path, member: Member) -> bool:
    """Whether a file has the checksum that the ``.npz`` has for it."""
    if not path.is_file() or path.stat().st_size != member.info.file_size:
        return False
    checksum = 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            checksum = zlib.crc32(chunk, checksum)
    return checksum == member.info.CRC


@contextmanager
def _opened(path: Path) -> Iterator[ZipFile]:
    """The archive; whatever reading a damaged one raises becomes a sentence."""
    try:
        with ZipFile(path) as archive:
            yield archive
    except Exception as error:  # exceptions for damaged archives and headers are not documented
        if isinstance(error, OSError) and error.errno:
            raise
        raise ArchiveError(first_line(error)[:200]) from None
