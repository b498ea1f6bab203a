"""Audit of a data set: cases by class, exact copies within and across splits, contradicting labels."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from pneumo.base.errors import printable
from pneumo.data import origins
from pneumo.data.datasets import SPLITS, Dataset


@dataclass(frozen=True)
class SplitAudit:
    """Counts of one split."""

    name: str
    images: int
    distinct: int

    @property
    def duplicates(self) -> int:
        """Images that repeat an earlier one of the split byte for byte."""
        return self.images - self.distinct


@dataclass(frozen=True)
class Audit:
    """Exact copies within and across splits; an image in several splits is counted once."""

    splits: tuple[SplitAudit, ...]
    shared: Mapping[tuple[str, str], int]  # distinct images that are in both splits
    across: int  # distinct images that are in more than one split
    across_with_test: int  # those of them that are in the test set
    label_conflicts: int  # distinct images that occur with both labels


def audit(dataset: Dataset) -> Audit:
    """Count exact copies within a split, across splits, and with different labels."""
    digests: dict[str, list[bytes]] = {}
    labels: dict[bytes, set[int]] = {}
    places: dict[bytes, set[str]] = {}
    for name, split in dataset.splits.items():
        digests[name] = [hashlib.sha256(image.tobytes()).digest() for image in split.images]
        for digest, label in zip(digests[name], split.labels, strict=True):
            labels.setdefault(digest, set()).add(int(label))
            places.setdefault(digest, set()).add(name)
    across = [found for found in places.values() if len(found) > 1]
    return Audit(
        splits=tuple(SplitAudit(name, len(all_), len(set(all_))) for name, all_ in digests.items()),
        shared={
            pair: sum(found.issuperset(pair) for found in across)
            for pair in combinations(SPLITS, 2)
        },
        across=len(across),
        across_with_test=sum("test" in found for found in across),
        label_conflicts=sum(len(found) > 1 for found in labels.values()),
    )


def report_lines(dataset: Dataset) -> list[str]:
    """Lines that `pneumo data` prints: set, source, fingerprint, counts, audit and origins."""
    found, about = audit(dataset), dataset.about
    published = "published" if dataset.published else "not known to be published"
    titles = [*about.classes, "total", "distinct", "duplicates"]
    lines = [
        f"data set     {about.title}",
        f"source       {dataset.source} ({printable(dataset.location)})",
        f"fingerprint  {dataset.fingerprint} ({published})",
        f"size         {dataset.size}×{dataset.size} pixels",
        "",
        *_columns(
            titles,
            {
                name: [*counts.values(), split.images, split.distinct, split.duplicates]
                for (name, counts), split in zip(
                    dataset.counts().items(), found.splits, strict=True
                )
            },
        ),
        "",
        *(
            f"{count:,} images are in both {first} and {second}"
            for (first, second), count in found.shared.items()
        ),
        f"{found.label_conflicts:,} images have copies with different labels",
        "",
        *_origins(dataset),
    ]
    return [*lines, *(["", "synthetic phantom, not medical data"] if dataset.is_phantom else [])]


def _origins(dataset: Dataset) -> list[str]:
    """Kinds and patients by split, and how many images share a patient."""
    if dataset.origins is None:
        return ["the origins of these images are unknown: no table has their patients"]
    found = origins.count(dataset.origins)
    total = sum(len(split.labels) for split in dataset.splits.values())
    return [
        *_columns(
            [*origins.KINDS, "patients"],
            {name: [*found.kinds[name].values(), found.patients[name]] for name in SPLITS},
        ),
        "",
        f"{total - found.known:,} images are not in the table of origins",
        f"{found.validation_images_sharing:,} validation images share a patient with training, "
        f"{found.validation_images_sharing_within_kind:,} counted within one kind",
        f"{found.test_images_sharing:,} test images share a patient with training or validation",
    ]


def _columns(titles: Sequence[str], rows: Mapping[str, Sequence[int]]) -> list[str]:
    """Numbers by split under their titles, one line per split."""
    widths = [max(8, len(title) + 2) for title in titles]
    lines = [f"{'split':<8}" + "".join(f"{t:>{w}}" for t, w in zip(titles, widths, strict=True))]
    for name, numbers in rows.items():
        cells = (f"{number:>{w},}" for number, w in zip(numbers, widths, strict=True))
        lines.append(f"{name:<8}" + "".join(cells))
    return lines
