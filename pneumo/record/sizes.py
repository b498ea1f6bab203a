"""Thumbnails against larger images of the same films, as stored in a record."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """A study at a larger size, and how many models have a significantly different AUC."""

    size: int  # side of the larger images, in pixels
    record: str  # the SHA-256 of the larger study's results.json
    films: int  # test films, the same in both
    best: str | None  # of the larger study: the model with the highest AUC on validation
    models: int  # compared, the ensemble with them
    higher: int  # of these, whose AUC is higher at the larger size: the interval excludes zero
    lower: int
