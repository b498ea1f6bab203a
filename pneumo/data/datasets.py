"""Load a data set as plain arrays of images and labels: find it, check it, and add its origins."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.base import checksums, npz, paths
from pneumo.base.npz import Member
from pneumo.data import origins, sources
from pneumo.data.descriptions import PNEUMONIA, DataError, Description, choose, file_name
from pneumo.data.origins import Origins

SPLITS = ("train", "val", "test")
# Fingerprint of the published PneumoniaMNIST at 28 pixels, which identifies copies in other files.
PUBLISHED = "b735afb1651573a5f917fbbd728974b21a244db5f13d564d6119436471cf8a1e"
PHANTOM = "phantom"
# Images of more bytes than this are mapped from the disk, where all processes share them. PneumoniaMNIST at
# 128 pixels is below, at 224 above.
LARGE = 2**28
_BLOCK = 1024  # images read from disk at a time


@dataclass(frozen=True)
class Split:
    """Images and their labels, in one order."""

    images: NDArray[np.uint8]  # (N, H, W)
    labels: NDArray[np.uint8]  # (N,), 1 for the positive class


@dataclass(frozen=True)
class Rows:
    """A selection of images, which are copied only batch by batch."""

    images: NDArray[np.uint8]  # (N, H, W)
    places: NDArray[np.int64]  # (n,), in 0 … N - 1

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, index: Any) -> NDArray[np.uint8]:
        chosen: NDArray[np.uint8] = self.images[self.places[index]]
        return chosen


@dataclass(frozen=True)
class Part:
    """Some cases of a split, in an order of their own."""

    images: Rows
    labels: NDArray[np.uint8]  # (n,)


@dataclass(frozen=True)
class Dataset:
    """The three splits, with their description and source."""

    train: Split
    val: Split
    test: Split
    source: str  # "file", "cache", "download" or "phantom"
    fingerprint: str
    size: int  # side of the images, in pixels
    location: str  # the argument of `load` that finds the same data again
    about: Description = PNEUMONIA
    published: bool = False  # whether these are the images and labels that MedMNIST publishes

    @property
    def splits(self) -> dict[str, Split]:
        """By name, in the order train, val, test."""
        return {name: getattr(self, name) for name in SPLITS}

    @cached_property
    def order(self) -> str:
        """A hash of all images and labels in their order, as :func:`order` gives it."""
        return order(self.splits)

    @cached_property
    def origins(self) -> dict[str, Origins] | None:
        """Patient, kind and framing of every image by split; None if unknown for all.

        Larger images are identified through the thumbnails of the same films, in the same order, from the
        file beside theirs or from MedMNIST's cache. Origins of the phantom are invented.
        """
        if self.about is not PNEUMONIA:
            return None
        if self.is_phantom:
            return origins.invented({name: split.labels for name, split in self.splits.items()})
        found = {name: origins.look_up(name, images) for name, images in self.thumbnails.items()}
        return found if any(split.known.any() for split in found.values()) else None

    @cached_property
    def thumbnails(self) -> dict[str, NDArray[np.uint8]]:
        """The same films at 28 pixels, (N, 28, 28) by split; empty if they are not found."""
        return {name: split.images for name, split in self._films_at(paths.SIZE).items()}

    @cached_property
    def larger(self) -> dict[str, Split] | None:
        """The same films at a larger size, for crops that stay as sharp; None if not found.

        Read from MedMNIST's file of the next size, beside the data or in its cache. The phantom is drawn
        again at that size.
        """
        sizes = sorted(size for size in self.about.md5 if size > self.size)
        return next(filter(None, map(self._films_at, sizes)), None)

    def _films_at(self, size: int) -> dict[str, Split]:
        """The same films at a size; empty if they are not found."""
        if size == self.size:
            return self.splits
        if self.is_phantom:  # a smaller one is another drawing
            return phantom(size, self.about).splits if size > self.size else {}
        name = file_name(self.about, size)
        for folder in (Path(self.location).parent, Path.home() / ".medmnist"):
            with suppress(DataError):
                found = read(folder / name, size, self.about)
                large, small = (found, self.splits) if size > self.size else (self.splits, found)
                if all(origins.same_films(large[key].images, small[key].images) for key in SPLITS):
                    return found
        return {}

    @property
    def is_phantom(self) -> bool:
        """Whether the images are drawn, and not medical data."""
        return self.source == PHANTOM

    def counts(self) -> dict[str, dict[str, int]]:
        """Cases by split and class, with the class names of the description."""
        return {
            name: {
                title: int((split.labels == i).sum()) for i, title in enumerate(self.about.classes)
            }
            for name, split in self.splits.items()
        }


def load(size: int | None = None, source: str = "auto", name: str | None = None) -> Dataset:
    """Load and check a data set.

    Args:
        size: side of the images in pixels; None for ``PNEUMO_SIZE``, or 28.
        source: a ``.npz`` in MedMNIST's format or its folder; "phantom"; or "auto": the path in
            ``PNEUMO_DATA``, else MedMNIST's cache, else a download.
        name: of the set, as in MedMNIST's file name; None for ``PNEUMO_DATASET``, or PneumoniaMNIST.

    Returns:
        Images uint8 (N, size, size), and labels with 1 for the positive class. Labels are swapped if MedMNIST
        numbers the classes the other way round; the fingerprint covers the labels returned here.

    Raises:
        PneumoError: there is no such set.
        DataError: there is no such size, no copy is found, or a named or cached file is invalid. A named file
            is never replaced by another source.
    """
    about, side = choose(name, size)
    if source == "auto":
        source = os.environ.get("PNEUMO_DATA") or source
    if source == PHANTOM:
        return phantom(side, about)
    found = sources.find(about, side, None if source == "auto" else source)
    splits = read(found.path, side, about)
    known = fingerprint(splits)
    return Dataset(
        **splits, source=found.kind, fingerprint=known, size=side, location=str(found.path.resolve()),
        about=about, published=found.published or known == PUBLISHED,
    )  # fmt: skip


def part(split: Split, places: NDArray[np.int64]) -> Part:
    """Select cases of a split by their indices, (n,), without copying their images."""
    return Part(Rows(split.images, places), split.labels[places])


def stratified(labels: NDArray[np.uint8], count: int, seed: int) -> NDArray[np.int64]:
    """Draw sorted indices of `count` images, stratified by class, at least two of each."""
    generator = np.random.default_rng(seed)
    chosen = []
    for label in (0, 1):
        members = np.flatnonzero(labels == label)
        share = max(2, round(count * len(members) / len(labels)))
        chosen.append(generator.permutation(members)[:share])
    return np.sort(np.concatenate(chosen))


@cache
def phantom(size: int = 28, about: Description = PNEUMONIA) -> Dataset:
    """Draw the phantom of a set: about the same ratio of classes and the same size, from a fixed seed."""
    from pneumo.data.phantom import draw_phantom  # which needs SciPy

    splits = {
        name: Split(*arrays) for name, arrays in draw_phantom(size, kind=about.phantom).items()
    }
    for split in splits.values():  # cached for the process, so read-only
        split.images.setflags(write=False)
        split.labels.setflags(write=False)
    return Dataset(
        **splits, source=PHANTOM, fingerprint=fingerprint(splits), size=size, location=PHANTOM,
        about=about, published=False,
    )  # fmt: skip


def fingerprint(splits: Mapping[str, Split]) -> str:
    """Hash all images, labels and splits, independent of their order.

    :func:`pneumo.base.checksums.of_set` of, for each image, the name of the split, one byte for the label,
    and the bytes of the image.
    """
    return checksums.of_set(
        name.encode("ascii") + bytes([int(label)]) + image.tobytes()
        for name, split in splits.items()
        for image, label in zip(split.images, split.labels, strict=True)
    )


def order(splits: Mapping[str, Split]) -> str:
    """Hash all images and labels in their order, which the fingerprint ignores."""
    digest = hashlib.sha256()
    for name, split in splits.items():
        digest.update(f"{name} {split.images.shape}\n".encode())
        for start in range(0, len(split.images), _BLOCK):
            digest.update(np.ascontiguousarray(split.images[start : start + _BLOCK]).data)
        digest.update(split.labels.astype("<u4").tobytes())
    return digest.hexdigest()


def read(path: Path, size: int, about: Description = PNEUMONIA) -> dict[str, Split]:
    """Read and check the splits of a ``.npz`` in MedMNIST's format.

    Images of more than :data:`LARGE` bytes are mapped from disk, and read one batch at a time.

    Args:
        size: side of the images, in pixels.
        about: the set; its labels are swapped if MedMNIST has 0 for the positive class.

    Raises:
        DataError: it cannot be read, or has other content.
    """
    images, labels = ({name: f"{name}_{what}" for name in SPLITS} for what in ("images", "labels"))
    with _readable(path):
        declared = npz.members(path, [*images.values(), *labels.values()])
        for name in SPLITS:
            _check_declared(path, declared[images[name]], declared[labels[name]], size)
        pictures = [declared[key] for key in images.values()]
        large = sum(member.nbytes for member in pictures) > LARGE
        found = npz.read(path, [declared[key] for key in labels.values()])
        flat = {
            name: _check_labels(path, labels[name], found[labels[name]], about) for name in SPLITS
        }
        arrays = npz.mapped(path, pictures) if large else npz.read(path, pictures)
    return {name: Split(np.ascontiguousarray(arrays[images[name]]), flat[name]) for name in SPLITS}


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn any error of reading a file into a message."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from None
    except npz.ArchiveError as error:
        raise DataError(f"{path} is not a readable .npz in MedMNIST's format: {error}") from None


def _refusal(path: Path, name: str, expected: str, found: object) -> DataError:
    return DataError(f"{path}: {name}: expected {expected}, found {found}")


def _check_declared(path: Path, images: Member, labels: Member, size: int) -> None:
    """Refuse arrays whose headers do not describe images and their labels."""
    count = images.shape[0] if images.shape else 0
    if images.dtype != np.uint8:
        raise _refusal(path, images.name, "uint8", images.dtype)
    if len(images.shape) != 3 or images.shape[1:] != (size, size):
        raise _refusal(path, images.name, f"shape (N, {size}, {size})", images.shape)
    if not np.issubdtype(labels.dtype, np.integer):
        raise _refusal(path, labels.name, "integers", labels.dtype)
    if labels.shape not in ((count,), (count, 1)):
        raise _refusal(path, labels.name, f"shape ({count}, 1)", labels.shape)
    if not count:
        raise _refusal(path, images.name, "at least one image", "none")


def _check_labels(
    path: Path, name: str, labels: NDArray[Any], about: Description
) -> NDArray[np.uint8]:
    """Return the labels (N,) with 1 for the positive class; refuse anything but two classes."""
    flat = labels.reshape(-1)
    strange = sorted(set(np.unique(flat).tolist()) - {0, 1})
    if strange:
        raise _refusal(path, name, "0 or 1", strange[:5])
    flat = (1 - flat if about.swapped else flat).astype(np.uint8)
    if flat.min() == flat.max():
        raise _refusal(path, name, "both classes", f"only {about.classes[flat[0]]}")
    return flat
