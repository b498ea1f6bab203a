"""Finds PneumoniaMNIST, checks it, and hands it on as plain arrays; the phantom where it can't be had."""

import hashlib
import os
import runpy
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pneumo.errors import PneumoError
from pneumo.network import answers, bounded
from pneumo.phantom import draw_phantom

CLASSES = ("normal", "pneumonia")
SPLITS = ("train", "val", "test")
# The fingerprint of the published 28×28 set.
PUBLISHED = "b735afb1651573a5f917fbbd728974b21a244db5f13d564d6119436471cf8a1e"
PHANTOM = "phantom"
_FLAG = "pneumoniamnist"


class DataError(PneumoError):
    """Data that are missing, damaged or not what was asked for."""


@dataclass(frozen=True)
class Split:
    """Images and their labels, in one order."""

    images: NDArray[np.uint8]  # (N, H, W)
    labels: NDArray[np.uint8]  # (N,), 0 normal, 1 pneumonia


@dataclass(frozen=True)
class Dataset:
    """The three splits, and where they came from."""

    train: Split
    val: Split
    test: Split
    source: str  # "file", "cache", "download" or "phantom"
    fingerprint: str
    size: int  # side of the images, in pixels
    location: str  # what `load` takes to find the same data again

    @property
    def splits(self) -> dict[str, Split]:
        """By name, in the order train, val, test."""
        return {name: getattr(self, name) for name in SPLITS}

    @property
    def is_phantom(self) -> bool:
        """Whether the images are drawn: no medical data."""
        return self.source == PHANTOM

    @property
    def is_published(self) -> bool:
        """Whether these are the images and labels of the published 28×28 set."""
        return self.fingerprint == PUBLISHED

    def counts(self) -> dict[str, dict[str, int]]:
        """Cases by split and class."""
        return {
            name: {title: int((split.labels == i).sum()) for i, title in enumerate(CLASSES)}
            for name, split in self.splits.items()
        }


@dataclass(frozen=True)
class SplitAudit:
    """What the audit counts in one split."""

    name: str
    images: int
    distinct: int

    @property
    def duplicates(self) -> int:
        """Images that repeat an earlier one of the split to the byte."""
        return self.images - self.distinct


@dataclass(frozen=True)
class Audit:
    """Exact copies within splits and across them."""

    splits: tuple[SplitAudit, ...]
    shared: Mapping[tuple[str, str], int]  # distinct images that stand in both splits
    label_conflicts: int  # distinct images that stand somewhere with either label

    @property
    def into_test(self) -> int:
        """Distinct images of another split that stand in test, counted once a split."""
        return sum(count for pair, count in self.shared.items() if "test" in pair)


def load(size: int = 28, source: str = "auto") -> Dataset:
    """The data set, checked.

    Args:
        size: side of the images, in pixels.
        source: a ``.npz`` in MedMNIST's format or the folder that holds it; "phantom"; or "auto": what
            ``PNEUMO_DATA`` names, else MedMNIST's cache, else its download, else the phantom.

    Raises:
        DataError: a file that was named, or is cached, is not what it should be. A named file is never
            replaced by another source.
    """
    if source == "auto":
        source = os.environ.get("PNEUMO_DATA") or source
    if source == PHANTOM:
        return phantom(size)
    if source != "auto":
        return _from_file(_named_file(source, size), size, "file")
    cached = _cache(size)
    if cached.exists():
        _check_published(cached, size)
        return _from_file(cached, size, "cache")
    if _download(cached, size):
        return _from_file(cached, size, "download")
    return phantom(size)


@cache
def phantom(size: int = 28) -> Dataset:
    """The drawn data set: chest-like images, the real ratio of classes, a fixed seed."""
    splits = {name: Split(*arrays) for name, arrays in draw_phantom(size).items()}
    for split in splits.values():  # drawn once a process, so nobody may draw on it
        split.images.setflags(write=False)
        split.labels.setflags(write=False)
    return Dataset(
        **splits, source=PHANTOM, fingerprint=fingerprint(splits), size=size, location=PHANTOM
    )


def fingerprint(splits: Mapping[str, Split]) -> str:
    """A hash of all images, labels and splits that does not depend on their order.

    SHA-256 over the split's name, a byte for the label and the image's bytes; the hexadecimal digests
    of all images sorted, joined by newlines, and hashed again.
    """
    digests = sorted(
        hashlib.sha256(name.encode("ascii") + bytes([int(label)]) + image.tobytes()).hexdigest()
        for name, split in splits.items()
        for image, label in zip(split.images, split.labels, strict=True)
    )
    return hashlib.sha256("\n".join(digests).encode("ascii")).hexdigest()


def audit(dataset: Dataset) -> Audit:
    """Count exact copies within a split, across splits, and with different labels."""
    digests = {
        name: [hashlib.sha256(image.tobytes()).digest() for image in split.images]
        for name, split in dataset.splits.items()
    }
    labels: dict[bytes, set[int]] = {}
    for name, split in dataset.splits.items():
        for digest, label in zip(digests[name], split.labels, strict=True):
            labels.setdefault(digest, set()).add(int(label))
    return Audit(
        splits=tuple(SplitAudit(name, len(all_), len(set(all_))) for name, all_ in digests.items()),
        shared={
            (first, second): len(set(digests[first]) & set(digests[second]))
            for first, second in combinations(SPLITS, 2)
        },
        label_conflicts=sum(len(found) > 1 for found in labels.values()),
    )


def report_lines(dataset: Dataset) -> list[str]:
    """What `pneumo data` prints: source, fingerprint, counts and the audit."""
    found = audit(dataset)
    published = "the published 28×28 set" if dataset.is_published else "not the published 28×28 set"
    lines = [
        f"source       {dataset.source} ({dataset.location})",
        f"fingerprint  {dataset.fingerprint} ({published})",
        f"size         {dataset.size}×{dataset.size} pixels",
        "",
        f"{'split':<8}{'normal':>8}{'pneumonia':>11}{'total':>8}{'distinct':>10}{'duplicates':>12}",
    ]
    for name, counts in dataset.counts().items():
        split = next(split for split in found.splits if split.name == name)
        lines.append(
            f"{name:<8}{counts['normal']:>8,}{counts['pneumonia']:>11,}{split.images:>8,}"
            f"{split.distinct:>10,}{split.duplicates:>12,}"
        )
    lines.append("")
    lines += [
        f"{count:,} images stand in both {first} and {second}"
        for (first, second), count in found.shared.items()
    ]
    lines.append(f"{found.label_conflicts:,} images have copies with different labels")
    if dataset.is_phantom:
        lines += ["", "synthetic phantom, not medical data"]
    return lines


def _file_name(size: int) -> str:
    """As MedMNIST calls it."""
    return f"{_FLAG}.npz" if size == 28 else f"{_FLAG}_{size}.npz"


def _named_file(source: str, size: int) -> Path:
    path = Path(source).expanduser()
    if path.is_dir():
        path = path / _file_name(size)
    if not path.is_file():
        raise DataError(
            f"no data at {path}: --data and PNEUMO_DATA name a .npz file in MedMNIST's format, or the "
            f"folder that holds {_file_name(size)}"
        )
    return path


def _cache(size: int) -> Path:
    """Where MedMNIST keeps what it downloads; told without its import, which loads torch."""
    return Path.home() / ".medmnist" / _file_name(size)


def _medmnist_info() -> dict[str, str]:
    """MedMNIST's own table of addresses and digests, read without its package, which imports torch."""
    spec = find_spec("medmnist")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("the package medmnist is not installed: install pneumo again")
    path = Path(spec.submodule_search_locations[0]) / "info.py"
    info: dict[str, str] = runpy.run_path(str(path))["INFO"][_FLAG]
    return info


def _published(size: int, what: str) -> str:
    """MedMNIST's "url" or "MD5" of the file for images of `size` pixels."""
    info, key = _medmnist_info(), what if size == 28 else f"{what}_{size}"
    if key not in info:
        sizes = [28, *sorted(int(name[4:]) for name in info if name.startswith("MD5_"))]
        raise DataError(
            f"MedMNIST publishes no images of {size} pixels, only of {', '.join(map(str, sizes))}"
        )
    return info[key]


def _check_published(path: Path, size: int) -> None:
    """Compare a file in MedMNIST's cache with its published MD5."""
    expected = _published(size, "MD5")
    try:
        found = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); delete it, and it is fetched again"
        ) from None
    if found != expected:
        raise DataError(
            f"{path} is damaged: its MD5 is {found}, published is {expected}; delete it, and it is "
            "fetched again"
        )


def _download(cached: Path, size: int) -> bool:
    """Fetch the set into MedMNIST's cache; False, and a line on the terminal, without a network."""
    if not answers(_published(size, "url")):
        print(
            "pneumo: no data given, and MedMNIST's host does not answer: phantom", file=sys.stderr
        )
        return False
    from medmnist import PneumoniaMNIST

    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        # A sibling first: what breaks off half-way must not be taken for a damaged cache next time.
        with tempfile.TemporaryDirectory(dir=cached.parent) as folder, bounded():
            PneumoniaMNIST(split="train", download=True, size=size, root=folder)
            fetched = Path(folder) / cached.name
            _check_published(fetched, size)
            fetched.replace(cached)
    except (OSError, RuntimeError) as error:
        # medmnist hides the reason, Ctrl-C among them, behind an error of its own.
        cause = error.__context__ or error
        if not isinstance(cause, Exception):
            raise cause from None
        reason = f"{type(cause).__name__}: {cause}".splitlines()[0]
        print(f"pneumo: MedMNIST's download failed ({reason}): phantom", file=sys.stderr)
        return False
    return True


def _from_file(path: Path, size: int, source: str) -> Dataset:
    """Read and validate a ``.npz`` in MedMNIST's format."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            keys = [f"{split}_{part}" for split in SPLITS for part in ("images", "labels")]
            missing = [key for key in keys if key not in arrays]
            if missing:
                raise DataError(f"{path} lacks {', '.join(missing)}; it holds {', '.join(arrays)}")
            splits = {
                name: _check_split(
                    path, name, arrays[f"{name}_images"], arrays[f"{name}_labels"], size
                )
                for name in SPLITS
            }
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError, TypeError) as error:
        raise DataError(f"{path} is no readable .npz in MedMNIST's format: {error}") from None
    location = str(path.resolve())
    return Dataset(
        **splits, source=source, fingerprint=fingerprint(splits), size=size, location=location
    )


def _check_split(
    path: Path, name: str, images: NDArray[np.uint8], labels: NDArray[np.uint8], size: int
) -> Split:
    """The split, if it is what a network can learn from."""

    def refuse(what: str, expected: str, found: object) -> DataError:
        return DataError(f"{path}: {name}_{what}: expected {expected}, found {found}")

    if images.dtype != np.uint8:
        raise refuse("images", "uint8", images.dtype)
    if images.ndim != 3 or images.shape[1:] != (size, size):
        raise refuse("images", f"shape (N, {size}, {size})", images.shape)
    if not np.issubdtype(labels.dtype, np.integer):
        raise refuse("labels", "integers", labels.dtype)
    if labels.shape not in ((len(images),), (len(images), 1)):
        raise refuse("labels", f"shape ({len(images)}, 1)", labels.shape)
    flat = labels.reshape(-1)
    if not len(flat):
        raise refuse("images", "at least one image", "none")
    strange = sorted(set(np.unique(flat).tolist()) - {0, 1})
    if strange:
        raise refuse("labels", "0 or 1", strange[:5])
    if flat.min() == flat.max():
        raise refuse("labels", "both classes", f"only {CLASSES[int(flat[0])]}")
    return Split(np.ascontiguousarray(images), flat.astype(np.uint8))
