"""What a data set holds: cases by class, exact copies within splits and across them, contradicting labels."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

from pneumo.base.errors import printable
from pneumo.data.datasets import SPLITS, Dataset


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
    """Exact copies within splits and across them; an image is counted once, in however many splits it is."""

    splits: tuple[SplitAudit, ...]
    shared: Mapping[tuple[str, str], int]  # distinct images that are in both splits
    across: int  # distinct images that are in more than one split
    across_with_test: int  # those of them that are in the test set
    label_conflicts: int  # distinct images that have either label somewhere


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
    """What `pneumo data` prints: the set, source, fingerprint, counts and the audit."""
    found, about = audit(dataset), dataset.about
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
        f"{count:,} images are in both {first} and {second}"
        for (first, second), count in found.shared.items()
    ]
    lines.append(f"{found.label_conflicts:,} images have copies with different labels")
    return [*lines, *(["", "synthetic phantom, not medical data"] if dataset.is_phantom else [])]
