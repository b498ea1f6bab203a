"""Test cases that are called wrongly, as stored in a record."""

from dataclasses import dataclass

# Of test cases by label and call, in the order of the figures.
GROUPS = ("true positive", "true negative", "false positive", "false negative")


@dataclass(frozen=True)
class Mistakes:
    """At each model's Youden threshold; first seeds, except for `contested`."""

    models: int
    missed_by_all: int  # test cases that every model calls wrongly
    expected: (
        float  # how many these would be if the models' mistakes were independent within a class
    )
    contested: int  # test cases that some runs call positive and others negative
    runs: int  # over all models and seeds
