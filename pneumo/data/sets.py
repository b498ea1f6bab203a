"""Finds PneumoniaMNIST, checks it, and hands it on as plain arrays; the phantom where it can't be had."""

import hashlib
import os
import runpy
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.util import find_spec
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.base import npz
from pneumo.base.errors import PneumoError, printable
from pneumo.base.network import NetworkError, answers, bounded, cause
from pneumo.base.npz import Member
from pneumo.data.phantom import draw_phantom

CLASSES = ("normal", "pneumonia")
SPLITS = ("train", "val", "test")
# The fingerprint of the published 28×28 set.
PUBLISHED = "b735afb1651573a5f917fbbd728974b21a244db5f13d564d6119436471cf8a1e"
PHANTOM = "phantom"
# Images of more bytes than this stay on the disk, where all processes share them: a report has a dozen
# kernels, and every one would hold its own. PneumoniaMNIST at 128 pixels is below, at 224 above.
LARGE = 2**28
_BLOCK = 1024  # images that are read from the disk at a time
_FLAG = "pneumoniamnist"


class DataError(PneumoError):
    """Data that are missing, damaged or not what was asked for."""


@dataclass(frozen=True)
class Split:
    """Images and their labels, in one order."""

    images: NDArray[np.uint8]  # (N, H, W)
    labels: NDArray[np.uint8]  # (N,), 0 normal, 1 pneumonia


@dataclass(frozen=True)
class Rows:
    """Some of many images, none of which is copied until a batch of them is asked for."""

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

    @cached_property
    def order(self) -> str:
        """A hash of all images and labels in their order, as :func:`order` gives it."""
        return order(self.splits)

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
        return _from_file(named_file(source, _file_name(size)), size, "file")
    cached = _cache(size)
    if is_there(cached):
        _check_published(cached, size)
        return _from_file(cached, size, "cache")
    if download(_medmnist_info(), _published(size, "url"), size, cached, _check_published):
        return _from_file(cached, size, "download")
    return phantom(size)


def part(cases: Split | Part, places: NDArray[np.int64]) -> Part:
    """The cases at some places, without a copy of their images.

    Args:
        cases: a split, or a part of one.
        places: indices of cases, (n,).
    """
    if isinstance(cases, Part):
        return Part(Rows(cases.images.images, cases.images.places[places]), cases.labels[places])
    return Part(Rows(cases.images, places), cases.labels[places])


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


def order(splits: Mapping[str, Split]) -> str:
    """A hash of all images and labels in their order, which the fingerprint does not tell."""
    digest = hashlib.sha256()
    for name, split in splits.items():
        digest.update(f"{name} {split.images.shape}\n".encode())
        for start in range(0, len(split.images), _BLOCK):
            digest.update(np.ascontiguousarray(split.images[start : start + _BLOCK]).data)
        digest.update(split.labels.astype("<u4").tobytes())
    return digest.hexdigest()


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


def read(path: Path, size: int) -> dict[str, Split]:
    """The splits that a ``.npz`` in MedMNIST's format holds, if they are what a network can learn from.

    Images of more than :data:`LARGE` bytes stay on the disk: they are mapped, and read a batch at a time.

    Args:
        path: the file.
        size: side of the images, in pixels.

    Raises:
        DataError: it cannot be read, or holds something else.
    """
    images, labels = ({name: f"{name}_{what}" for name in SPLITS} for what in ("images", "labels"))
    with _readable(path):
        declared = npz.members(path, {*images.values(), *labels.values()})
        missing = [
            key for name in SPLITS for key in (images[name], labels[name]) if key not in declared
        ]
        if missing:
            raise DataError(f"{path} lacks {', '.join(missing)}; it holds {_listed(path)}")
        for name in SPLITS:
            _check_declared(path, declared[images[name]], declared[labels[name]], size)
        pictures = [declared[key] for key in images.values()]
        large = sum(member.nbytes for member in pictures) > LARGE
        found = npz.read(path, [declared[key] for key in labels.values()])
        flat = {name: _check_labels(path, labels[name], found[labels[name]]) for name in SPLITS}
        arrays = npz.mapped(path, pictures) if large else npz.read(path, pictures)
    return {name: Split(np.ascontiguousarray(arrays[images[name]]), flat[name]) for name in SPLITS}


def named_file(source: str, file_name: str) -> Path:
    """The file that a path means: itself, or the one called `file_name` in the folder that it is.

    Raises:
        DataError: there is none.
    """
    path = Path(source)
    try:
        path = path.expanduser()
        if path.is_dir():
            path = path / file_name
        if path.is_file():
            return path
        reason = ""
    except RuntimeError:  # of a user who does not exist
        reason = ""
    except OSError as error:
        reason = f" ({error.strerror})"
    raise DataError(
        f"no data at {path}{reason}: --data and PNEUMO_DATA name a .npz file in MedMNIST's format, or the "
        f"folder that holds {file_name}"
    )


def is_there(path: Path) -> bool:
    """Whether there is something of that name.

    Raises:
        DataError: that can't be told.
    """
    with _readable(path):
        return path.exists()


def md5(path: Path) -> str:
    """The MD5 of a file, in hexadecimal, by which MedMNIST names what it publishes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def download(
    info: Mapping[str, Any],
    url: str,
    size: int,
    cached: Path,
    check: Callable[[Path, int], None],
) -> bool:
    """Fetch a set into MedMNIST's cache; False, and a line on the terminal, where that can't be done.

    Args:
        info: what MedMNIST's own table says of the set.
        url: and of this size, where it lies.
        size: side of the images, in pixels.
        cached: the file to be.
        check: raises where a file is not the published one of a size.
    """

    def give_up(reason: str) -> bool:
        print(f"pneumo: {reason}: phantom", file=sys.stderr)
        return False

    if not answers(url):
        return give_up("no data given, and MedMNIST's host does not answer")
    import medmnist

    try:
        cached.parent.mkdir(parents=True, exist_ok=True)
        # A sibling first: what breaks off half-way must not be taken for a damaged cache next time.
        with tempfile.TemporaryDirectory(dir=cached.parent) as folder, bounded(_most(info, size)):
            fetch = getattr(medmnist, info["python_class"])
            fetch(split="train", download=True, size=size, root=folder)
            fetched = Path(folder) / cached.name
            check(fetched, size)
            fetched.replace(cached)
    except (OSError, RuntimeError, NetworkError) as error:
        # medmnist hides the reason, Ctrl-C among them, behind an error of its own.
        return give_up(f"MedMNIST's download failed ({printable(cause(error))})")
    return True


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


def _most(info: Mapping[str, Any], size: int) -> int:
    """More bytes than a set's file has: those of its images and labels, as if nothing were compressed."""
    return int(1.01 * sum(info["n_samples"].values()) * (size**2 + 1)) + 2**16


def _listed(path: Path) -> str:
    """What arrays a file holds."""
    names = [name[:40] for name in npz.names(path)]
    return ", ".join([*names[:12], *(["…"] if len(names) > 12 else [])]) or "nothing"


def _file_name(size: int) -> str:
    """As MedMNIST calls it."""
    return f"{_FLAG}.npz" if size == 28 else f"{_FLAG}_{size}.npz"


def _cache(size: int) -> Path:
    """Where MedMNIST keeps what it downloads; told without its import, which loads torch."""
    return Path.home() / ".medmnist" / _file_name(size)


def _medmnist_info() -> dict[str, Any]:
    """MedMNIST's own table of addresses and digests, read without its package, which imports torch."""
    spec = find_spec("medmnist")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("the package medmnist is not installed: install pneumo again")
    path = Path(spec.submodule_search_locations[0]) / "info.py"
    info: dict[str, Any] = runpy.run_path(str(path))["INFO"][_FLAG]
    return info


def _published(size: int, what: str) -> str:
    """MedMNIST's "url" or "MD5" of the file for images of `size` pixels."""
    info, key = _medmnist_info(), what if size == 28 else f"{what}_{size}"
    if key not in info:
        sizes = [28, *sorted(int(name[4:]) for name in info if name.startswith("MD5_"))]
        raise DataError(
            f"MedMNIST publishes no images of {size} pixels, only of {', '.join(map(str, sizes))}"
        )
    return str(info[key])


def _check_published(path: Path, size: int) -> None:
    """Compare a file in MedMNIST's cache with its published MD5."""
    expected = _published(size, "MD5")
    try:
        found = md5(path)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read ({error.strerror}); delete it, and it is fetched again"
        ) from None
    if found != expected:
        raise DataError(
            f"{path} is damaged: its MD5 is {found}, published is {expected}; delete it, and it is "
            "fetched again"
        )


def _from_file(path: Path, size: int, source: str) -> Dataset:
    splits = read(path, size)
    location = str(path.resolve())
    return Dataset(
        **splits, source=source, fingerprint=fingerprint(splits), size=size, location=location
    )


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn whatever reading a file raises into a sentence."""
    try:
        yield
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error})") from None
    except npz.ArchiveError as error:
        raise DataError(f"{path} is no readable .npz in MedMNIST's format: {error}") from None


def _refusal(path: Path, name: str, expected: str, found: object) -> DataError:
    return DataError(f"{path}: {name}: expected {expected}, found {found}")


def _check_declared(path: Path, images: Member, labels: Member, size: int) -> None:
    """Refuse arrays that by their headers are no images and their labels."""
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


def _check_labels(path: Path, name: str, labels: NDArray[Any]) -> NDArray[np.uint8]:
    """The labels (N,), if there are both classes and no other."""
    flat = labels.reshape(-1)
    strange = sorted(set(np.unique(flat).tolist()) - {0, 1})
    if strange:
        raise _refusal(path, name, "0 or 1", strange[:5])
    if flat.min() == flat.max():
        raise _refusal(path, name, "both classes", f"only {CLASSES[int(flat[0])]}")
    return flat.astype(np.uint8)
