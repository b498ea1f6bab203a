"""Find the images that a record was made from, by their checksums."""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pneumo.base import checksums, npz, storage

SPLITS = ("train", "val", "test")
# This file beside a record locates its images. It is not part of the record, and never published.
BESIDE = ".images.npz"


@dataclass(frozen=True)
class Images:
    """A ``.npz`` in MedMNIST's format, whose splits are read on first use.

    Args:
        examples: pictures that the study made from its images, uint8, by name: augmented, corrupted.
    """

    path: Path
    examples: Mapping[str, NDArray[np.uint8]] = field(default_factory=dict)

    def split(self, name: str) -> NDArray[np.uint8]:
        """The images of a split, (N, S, S)."""
        known: dict[str, NDArray[np.uint8]] = vars(self).setdefault("_splits", {})
        if name not in known:
            members = npz.members(self.path, [f"{name}_images"])
            known[name] = npz.read(self.path, list(members.values()))[f"{name}_images"]
        return known[name]

    def find(self, sha256: str) -> NDArray[np.uint8] | None:
        """The image (S, S) whose bytes have this SHA-256; None if no split has it."""
        place = self._places.get(sha256)
        return None if place is None else self.split(place[0])[place[1]]

    def larger(self, size: int) -> "Images | None":
        """The same set's images of `size` pixels a side, where their file lies beside this one."""
        path = self.path.with_name(f"{self.path.stem}_{size}.npz")
        return Images(path) if path.is_file() else None

    @cached_property
    def _places(self) -> Mapping[str, tuple[str, int]]:
        return {
            digest(image): (name, index)
            for name in reversed(SPLITS)
            for index, image in enumerate(self.split(name))
        }


def digest(image: NDArray[np.uint8]) -> str:
    """The SHA-256 of an image's bytes, as `origins.csv` and a record's frames name it."""
    return checksums.digest(image.tobytes())


def find(record: Path, dataset: str, size: int, test: Sequence[str]) -> Images | None:
    """Find the images of a record: by ``PNEUMO_DATA``, where its study found them, or in MedMNIST's cache.

    Args:
        record: the record's folder.
        dataset: as MedMNIST calls it.
        size: side of the images, in pixels.
        test: SHA-256 of every test image, in order. A file with other images is ignored.
    """
    name = f"{dataset}.npz" if size == 28 else f"{dataset}_{size}.npz"
    examples, noted = _beside(record)
    for path in _candidates(noted, name):
        try:
            found = Images(path, examples)
            if path.is_file() and [digest(image) for image in found.split("test")] == list(test):
                return found
        except (OSError, KeyError, ValueError, npz.ArchiveError):
            continue
    return None


def note_source(record: Path, path: Path, examples: Mapping[str, NDArray[np.uint8]]) -> None:
    """Write, beside a record, the location of its images, and the examples made from them."""
    content = npz.archive(location=np.array(str(path)), **examples)
    storage.write(record.with_name(record.name + BESIDE), content)


def _beside(record: Path) -> tuple[dict[str, NDArray[np.uint8]], Path | None]:
    try:
        found = npz.load(record.with_name(record.name + BESIDE).read_bytes())
        return found, Path(str(found.pop("location")))
    except checksums.DAMAGE:
        return {}, None


def _candidates(noted: Path | None, name: str) -> Iterable[Path]:
    given = os.environ.get("PNEUMO_DATA")
    if given:
        path = Path(given).expanduser()
        yield path / name if path.is_dir() else path
    if noted:
        yield noted
    yield Path.home() / ".medmnist" / name
