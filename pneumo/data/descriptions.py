"""The sets that a study can be of: MedMNIST's binary sets of 2-D images, with their words and where they lie.

`data.sets` finds and reads PneumoniaMNIST at 28×28 pixels, and runs are keyed by its code; this module
adds what its other sizes and the other sets need, so that none of them retrains what is there already.
"""

import os
import runpy
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pneumo.base import paths
from pneumo.base.errors import printable
from pneumo.data import sets
from pneumo.data.phantom import draw_phantom
from pneumo.data.sets import PHANTOM, DataError, Dataset, Split

DEFAULT, DEFAULT_SIZE = "pneumoniamnist", 28


@dataclass(frozen=True)
class Book:
    """What a book is called; ``{size}`` stands for the side of its images."""

    title: str
    subtitle: str
    description: str
    footer: str


@dataclass(frozen=True)
class Description:
    """A set, and the words that a report of it uses."""

    name: str  # as MedMNIST calls its file, and `--dataset`
    title: str  # as in prose
    classes: tuple[str, str]  # what label 0 and label 1 mean here; the second is what is looked for
    swapped: bool  # whether MedMNIST's own labels have it the other way round
    finding: str  # what a probability is of
    condition: str  # what somebody has, or a case is with
    shows: str  # what images of the second class do
    person: str
    people: str
    image: str  # what one picture is, in full
    picture: str  # and in short
    kind: str  # and as an image from outside is called
    modalities: tuple[str, ...]  # DICOM's terms for it, and for what does not say
    phantom: str  # what the phantom imitates, as named in `pneumo.data.phantom`
    has_lungs: bool = False  # whether lung fields can be told from a mean image
    book: Book | None = None  # what the book is called; None for what its file says
    words: Mapping[str, str] = field(
        default_factory=dict, hash=False
    )  # more, by what they stand for
    # What pages say outside their fragments (alternative texts, a heading), and what to say of this set.
    phrases: tuple[tuple[str, str], ...] = ()

    @property
    def negative(self) -> str:
        """The class of label 0."""
        return self.classes[0]

    @property
    def positive(self) -> str:
        """The class of label 1, the one that is looked for."""
        return self.classes[1]


@dataclass(frozen=True)
class DescribedDataset(Dataset):
    """A data set other than PneumoniaMNIST at 28×28 pixels; it says what it is."""

    about: Description
    published: bool  # whether its file is MedMNIST's, by its MD5

    @property
    def is_published(self) -> bool:
        """Whether these are the images and labels that MedMNIST publishes."""
        return self.published

    def counts(self) -> dict[str, dict[str, int]]:
        """Cases by split and class, the classes as the set's description names them."""
        return {
            split: dict(zip(self.about.classes, counts.values(), strict=True))
            for split, counts in super().counts().items()
        }


PNEUMONIA = Description(
    name=DEFAULT,
    title="PneumoniaMNIST",
    classes=sets.CLASSES,
    swapped=False,
    finding="pneumonia",
    condition="pneumonia",
    shows="show pneumonia",
    person="child",
    people="children",
    image="chest X-ray",
    picture="X-ray",
    kind="radiograph",
    modalities=("CR", "DX", "RG", "OT"),
    phantom="chest",
    has_lungs=True,
    words={
        "cases": "pneumonias",
        "film": "film",
        "films": "Chest films",
        "reader": "radiologist",
        "body": "chest",
        "radiograph": "chest radiograph",
        "factors": "Age, sex, device, exposure, severity and kind of pneumonia",
        "test_set": "the source's own evaluation set, checked by one more reader",
        "cell": "a lobe, not a lesion",
        "coarse": "the brightness of the lung fields",
        "middle": "the chest",
        "flipped": "to a child whose heart lies on the right they might, and this data set cannot say",
        "source": "kermany2018",
        "whom": "children of an age range with a frontal radiograph",
        "known_from": "as read from the image itself",
        "readers": "Physicians, with another checking the evaluation images",
        "told": "age range and hospital",
        "acquired": "MedMNIST carries neither device nor exposure; all that is known is that "
        "radiographs are frontal",
        "labelled": "By physicians' reading of the image",
        "checked": "With a further reader",
    },
)
BREAST = Description(
    name="breastmnist",
    title="BreastMNIST",
    classes=("normal or benign", "malignant"),
    swapped=True,  # MedMNIST has 0 for malignant
    finding="malignancy",
    condition="a malignant lesion",
    shows="show a malignant lesion",
    person="woman",
    people="women",
    image="breast ultrasound image",
    picture="ultrasound image",
    kind="sonogram",
    modalities=("US", "OT"),
    phantom="breast",
    words={
        "cases": "malignant cases",
        "film": "scan",
        "films": "Ultrasound images of breasts",
        "reader": "radiologist",
        "body": "breast",
        "radiograph": "breast ultrasound image",
        "factors": "Age, device, gain, depth, operator, size and kind of the lesion",
        "test_set": "a fifth of the source's images, drawn by MedMNIST",
        "cell": "a region, not the margin of a lesion",
        "coarse": "the brightness of the tissue",
        "middle": "the lesion",
        "flipped": "a breast is scanned from any side, so little else could be expected",
        "source": "aldhabyani2020",
        "whom": "women with an ultrasound image of a breast",
        "known_from": "as the source labels the image",
        "readers": "Those who made the source",
        "told": "sex and hospital",
        "acquired": "MedMNIST carries neither device nor settings nor plane",
        "labelled": "By the label of the source, which tells normal, benign and malignant",
        "checked": "Not described by MedMNIST",
    },
    book=Book(
        title="Malignancy on thumbnails",
        subtitle="What small networks see, and miss, in the breast ultrasound images of BreastMNIST",
        description="A reproducible study of the detection of malignancy on breast ultrasound images of "
        "{size}×{size} pixels: simple CNN, transfer learning, evaluation, interpretability, and what none of "
        "it shows.",
        footer="Text and code: MIT licence. Images: BreastMNIST, CC BY 4.0, Yang et al. 2023, after "
        "Al-Dhabyani et al. 2020. Not a medical device.",
    ),
    phrases=(
        (
            "Two rows of small grey chest X-rays: normal ones above, pneumonia below. Lungs are dark, the "
            "heart and spine pale.",
            "Two rows of small grey breast ultrasound images: normal or benign ones above, malignant ones "
            "below. Tissue is speckled and layered; lesions are dark.",
        ),
        ("outlines of thorax, lung fields and border", "outlines of its centre and its border"),
        ("mean evidence with the lung fields outlined", "mean evidence with the centre outlined"),
        (
            "One normal and one pneumonia image",
            "One image that is normal or benign and one malignant",
        ),
        ("Where pneumonia is rarer", "Where malignancy is rarer"),
        ("the share of pneumonia calls", "the share of malignant calls"),
        ("the share of normal calls", "the share of normal or benign calls"),
        ("of normal and of pneumonia cases", "of normal or benign and of malignant cases"),
        (
            "normal cases above and pneumonia below",
            "normal or benign cases above and malignant below",
        ),
        ("probability of pneumonia", "probability of malignancy"),
        ("share of pneumonia", "share of malignancy"),
        ("chest X-ray", "breast ultrasound image"),
        ("an X-ray", "an ultrasound image"),
        ("X-ray", "ultrasound image"),
    ),
)
DESCRIPTIONS = {about.name: about for about in (PNEUMONIA, BREAST)}


def find(name: str) -> Description:
    """The set called `name`, as MedMNIST's file is or as in prose.

    Raises:
        DataError: there is none; the message lists those there are.
    """
    if name.lower() not in DESCRIPTIONS:
        raise DataError(f"no data set is called {name!r}; there are: {', '.join(DESCRIPTIONS)}")
    return DESCRIPTIONS[name.lower()]


def choose(name: str | None = None, size: int | None = None) -> tuple[Description, int]:
    """The set and the size that are asked for.

    Args:
        name: None for ``PNEUMO_DATASET``, or PneumoniaMNIST.
        size: side of the images, in pixels; None for ``PNEUMO_SIZE``, or 28.

    Raises:
        DataError: there is no such set, or MedMNIST does not publish it at this size.
    """
    about = find(name or os.environ.get("PNEUMO_DATASET") or DEFAULT)
    given = os.environ.get("PNEUMO_SIZE") or str(DEFAULT_SIZE) if size is None else str(size)
    if not given.isdecimal():
        raise DataError(f"a size is a number of pixels; found {given!r}")
    _published(about, int(given), "MD5")
    return about, int(given)


def describe(dataset: Dataset) -> Description:
    """What set this is; PneumoniaMNIST unless it says otherwise."""
    return dataset.about if isinstance(dataset, DescribedDataset) else PNEUMONIA


def label(about: Description, size: int) -> str:
    """A set and a size in one word: empty for PneumoniaMNIST at 28 pixels, else as ``breastmnist-64``."""
    return paths.label(about.name, size)


def options(about: Description, size: int) -> str:
    """What names a set and a size on the command line, a blank before each; nothing for the default."""
    chosen = [f" --dataset {about.name}"] if about.name != DEFAULT else []
    return "".join(chosen + ([f" --size {size}"] if size != DEFAULT_SIZE else []))


def load(name: str | None = None, size: int | None = None, source: str = "auto") -> Dataset:
    """A data set, checked.

    Args:
        name: one of :data:`DESCRIPTIONS`; None for ``PNEUMO_DATASET``, or PneumoniaMNIST.
        size: side of the images, in pixels; None for ``PNEUMO_SIZE``, or 28.
        source: as for :func:`pneumo.data.sets.load`.

    Returns:
        Images uint8 (N, size, size), and labels with 1 for what is looked for: where MedMNIST numbers the
        classes the other way round they are swapped, and the fingerprint is of the labels as they are here.

    Raises:
        DataError: there is no such set or size; a file that was named, or is cached, is not what it should
            be, or is MedMNIST's file of another set or size.
    """
    about, side = choose(name, size)
    if source == "auto":
        source = os.environ.get("PNEUMO_DATA") or source
    if source not in ("auto", PHANTOM):
        source = str(sets.named_file(source, _file_name(about, side)))
        published = _is_published(Path(source), about, side)
    if not label(about, side):
        return sets.load(side, source)
    if source == PHANTOM:
        return phantom(about, side)
    if source != "auto":
        return _read(Path(source), about, side, "file", published)
    cached = _cache(about, side)
    if sets.is_there(cached):
        _check_published(cached, side, about)
        return _read(cached, about, side, "cache", True)
    check = partial(_check_published, about=about)
    url = _published(about, side, "url")
    if sets.download(_medmnist()[about.name], url, side, cached, check):
        return _read(cached, about, side, "download", True)
    return phantom(about, side)


@cache
def phantom(about: Description, size: int) -> DescribedDataset:
    """The drawn stand-in for a set: its classes in about its ratio, at its size, from a fixed seed."""
    splits = {
        name: Split(*arrays) for name, arrays in draw_phantom(size, kind=about.phantom).items()
    }
    for split in splits.values():  # drawn once a process, so nobody may draw on it
        split.images.setflags(write=False)
        split.labels.setflags(write=False)
    return DescribedDataset(
        **splits, source=PHANTOM, fingerprint=sets.fingerprint(splits), size=size, location=PHANTOM,
        about=about, published=False,
    )  # fmt: skip


def report_lines(dataset: Dataset) -> list[str]:
    """What `pneumo data` prints: the set, source, fingerprint, counts and the audit."""
    if not isinstance(dataset, DescribedDataset):
        return sets.report_lines(replace(dataset, location=printable(dataset.location)))
    found, about = sets.audit(dataset), dataset.about
    published = "published" if dataset.published else "not known to be published"
    titles = [*about.classes, "total", "distinct", "duplicates"]
    widths = [max(8, len(title) + 2) for title in titles]
    lines = [
        f"data set     {about.title}",
        f"source       {dataset.source} ({printable(dataset.location)})",
        f"fingerprint  {dataset.fingerprint} ({published})",
        f"size         {dataset.size}×{dataset.size} pixels",
        "",
        f"{'split':<8}" + "".join(f"{title:>{w}}" for title, w in zip(titles, widths, strict=True)),
    ]
    for (name, counts), split in zip(dataset.counts().items(), found.splits, strict=True):
        cells = [*counts.values(), split.images, split.distinct, split.duplicates]
        row = "".join(f"{cell:>{w},}" for cell, w in zip(cells, widths, strict=True))
        lines.append(f"{name:<8}{row}")
    lines.append("")
    lines += [
        f"{count:,} images stand in both {first} and {second}"
        for (first, second), count in found.shared.items()
    ]
    lines.append(f"{found.label_conflicts:,} images have copies with different labels")
    return [*lines, *(["", "synthetic phantom, not medical data"] if dataset.is_phantom else [])]


def _read(
    path: Path, about: Description, size: int, source: str, published: bool
) -> DescribedDataset:
    """A file in MedMNIST's format, its labels turned round where the set asks for it."""
    splits = sets.read(path, size)
    if about.swapped:
        splits = {name: replace(split, labels=1 - split.labels) for name, split in splits.items()}
    return DescribedDataset(
        **splits, source=source, fingerprint=sets.fingerprint(splits), size=size,
        location=str(path.resolve()), about=about, published=published,
    )  # fmt: skip


def _is_published(path: Path, about: Description, size: int) -> bool:
    """Whether a file that was named is the one that MedMNIST publishes of this set and size.

    Raises:
        DataError: it is the one of another: its numbers would stand under a wrong name.
    """
    try:
        found = sets.md5(path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror})") from None
    for other in DESCRIPTIONS.values():
        for side in _sizes(other):
            if found == _published(other, side, "MD5"):
                if (other, side) == (about, size):
                    return True
                raise DataError(
                    f"{path} is {other.title} at {side} pixels, not {about.title} at {size}: add "
                    f"--dataset {other.name} --size {side}"
                )
    return False


def _file_name(about: Description, size: int) -> str:
    """As MedMNIST calls it."""
    return f"{about.name}{_suffix(size)}.npz"


def _cache(about: Description, size: int) -> Path:
    """Where MedMNIST keeps what it downloads; told without its import, which loads torch."""
    return Path.home() / ".medmnist" / _file_name(about, size)


@cache
def _medmnist() -> dict[str, dict[str, Any]]:
    """MedMNIST's own table of its sets, read without its package, which imports torch."""
    spec = find_spec("medmnist")
    if spec is None or not spec.submodule_search_locations:
        raise DataError("the package medmnist is not installed: install pneumo again")
    path = Path(spec.submodule_search_locations[0]) / "info.py"
    table: dict[str, dict[str, Any]] = runpy.run_path(str(path))["INFO"]
    return table


def _suffix(size: int) -> str:
    """What MedMNIST puts behind a name for images that are not of 28 pixels."""
    return "" if size == DEFAULT_SIZE else f"_{size}"


def _sizes(about: Description) -> list[int]:
    names = [name for name in _medmnist()[about.name] if name.startswith("MD5_")]
    return [DEFAULT_SIZE, *sorted(int(name.removeprefix("MD5_")) for name in names)]


def _published(about: Description, size: int, what: str) -> str:
    """MedMNIST's "url" or "MD5" of the file for images of `size` pixels."""
    if size not in _sizes(about):
        known = ", ".join(map(str, _sizes(about)))
        raise DataError(f"MedMNIST publishes {about.title} at {known} pixels, not at {size}")
    return str(_medmnist()[about.name][what + _suffix(size)])


def _check_published(path: Path, size: int, about: Description) -> None:
    """Compare a file in MedMNIST's cache with its published MD5."""
    again = "delete it, and it is fetched again"
    try:
        is_published = _is_published(path, about, size)
    except DataError as error:
        raise DataError(f"{error}; {again}") from None
    if not is_published:
        raise DataError(f"{path} is damaged: its MD5 is not the published one; {again}")
