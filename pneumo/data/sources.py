"""Find the file of a data set: at a given path, in MedMNIST's cache, or by download into that cache."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from pneumo.base import network, storage, streams
from pneumo.base.network import NetworkError
from pneumo.base.storage import StorageError
from pneumo.data.descriptions import DESCRIPTIONS, DataError, Description, file_name

_md5 = partial(hashlib.md5, usedforsecurity=False)  # the checksum that MedMNIST publishes
ADDRESS = "https://zenodo.org/records/10519652/files/{}?download=1"  # of MedMNIST's files


class UnavailableError(DataError):
    """No copy of a data set is found, and none can be downloaded."""


@dataclass(frozen=True)
class Source:
    """A file that holds a data set."""

    path: Path
    kind: Literal["file", "cache", "download"]
    published: bool  # whether its MD5 is the one that MedMNIST publishes


def find(about: Description, size: int, given: str | None) -> Source:
    """Find the file of a data set.

    Args:
        about: the data set.
        size: side of the images in pixels.
        given: a ``.npz`` file or its folder; None for MedMNIST's cache, or a download into it.

    Raises:
        DataError: no file is found, it cannot be read, it is MedMNIST's file of another set or size, or
            the cached file is not the published one.
    """
    if given is not None:
        path = _named(given, file_name(about, size))
        return Source(path, "file", _is_published(path, about, size))
    # MedMNIST's own function for this path would import torch.
    path = Path.home() / ".medmnist" / file_name(about, size)
    if not path.exists():
        _download(about, size, path)
        return Source(path, "download", True)
    try:
        if not _is_published(path, about, size):
            raise DataError(f"{path} is damaged: its MD5 is not the published one")
    except DataError as error:
        raise DataError(error, "delete it, and it is downloaded again") from None
    return Source(path, "cache", True)


def _named(given: str, name: str) -> Path:
    """Return the file at a path: the path itself, or the file `name` in this folder."""
    path, reason = Path(given), ""
    try:
        path = path.expanduser()
        if path.is_dir():
            path = path / name
        if path.is_file():
            return path
    except RuntimeError:  # ~user of an unknown user
        pass
    except OSError as error:
        reason = f" ({error.strerror})"
    raise DataError(
        f"no data at {path}{reason}: --data and PNEUMO_DATA name a .npz file in MedMNIST's format, or the "
        f"folder that holds {name}"
    )


def _is_published(path: Path, about: Description, size: int) -> bool:
    """Whether a file is the one that MedMNIST publishes for this set and size.

    Raises:
        DataError: it is the file of another set or size; its results would appear under a wrong name.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, _md5).hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    for other in DESCRIPTIONS.values():
        for side, published in other.md5.items():
            if found == published and (other, side) != (about, size):
                raise DataError(
                    f"{path} is {other.title} at {side} pixels, not {about.title} at {size}: add "
                    f"--dataset {other.name} --size {side}"
                )
    return found == about.md5[size]


def _download(about: Description, size: int, cached: Path) -> None:
    """Download a data set into MedMNIST's cache.

    Raises:
        UnavailableError: the host does not answer, or the download fails; no partial file is left.
    """
    url = ADDRESS.format(file_name(about, size))
    # At most the uncompressed bytes of images and labels.
    most = int(1.01 * about.images * (size**2 + 1)) + 2**16
    try:
        if not network.answers(url):
            raise NetworkError("MedMNIST's host does not answer")
        streams.tell(f"downloading {about.title} from {url}")
        content = network.read(url, most)
        if _md5(content).hexdigest() != about.md5[size]:
            raise NetworkError(f"the MD5 of {url} is not the published one")
        storage.write(cached, content)
    except (NetworkError, StorageError) as error:
        raise UnavailableError(
            f"no copy of {about.title}: there is no {cached}, and it was not downloaded ({error}); name a "
            "file with --data PATH, or use drawn images: --data phantom"
        ) from None
