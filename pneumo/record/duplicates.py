"""Exact and near duplicates, as stored in a record."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Duplicates:
    """Search for near duplicates, its sensitivity, and the effect of duplicates on results."""

    bits: int  # in which the hashes of near duplicates differ at most
    hash_length: int
    correlation: float  # of the grey values of near duplicates, at least
    alike_by_hash: float  # share of all pairs whose hashes nearly agree and whose bytes do not
    across_classes: float  # the highest correlation of two images of different classes
    planted: int  # test images of which changed copies were made
    in_validation: int  # images of validation that repeat an earlier one
    in_test: int  # and of the test set
    largest_effect: float  # on a metric, of leaving them out; first seeds
