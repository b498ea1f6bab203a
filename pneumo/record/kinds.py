"""Results for bacterial and for viral pneumonia, as stored in a record."""

from dataclasses import dataclass

from pneumo.base.estimate import Estimate

PNEUMONIAS = ("bacteria", "virus")


@dataclass(frozen=True)
class Kinds:
    """How many test images there are of each kind, and how sensitivity differs between the two."""

    images: dict[str, int]  # by kind, as in PNEUMONIAS
    patients: dict[str, int]
    differences: dict[str, dict[str, Estimate]]  # bacterial less viral, by model and rule
