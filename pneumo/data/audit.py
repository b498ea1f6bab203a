"""Audit of a data set: cases by class, exact copies within and across splits, contradicting labels."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations

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
    labels: dict[bytes, set[int]] = {}
    places: dict[bytes, set[str]] = {}
    for name, split in dataset.splits.items():
        for image, label in zip(split.images, split.labels, strict=True):
            digest = hashlib.sha256(image.tobytes()).digest()
            labels.setdefault(digest, set()).add(int(label))
            places.setdefault(digest, set()).add(name)
    across = [found for found in places.values() if len(found) > 1]
    return Audit(
        splits=tuple(
            SplitAudit(name, len(split.labels), sum(name in found for found in places.values()))
            for name, split in dataset.splits.items()
        ),
        shared={
            pair: sum(found.issuperset(pair) for found in across)
            for pair in combinations(SPLITS, 2)
        },
        across=len(across),
        across_with_test=sum("test" in found for found in across),
        label_conflicts=sum(len(found) > 1 for found in labels.values()),
    )
