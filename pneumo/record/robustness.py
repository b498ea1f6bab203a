"""Performance on corrupted images, as stored in a record."""

from dataclasses import dataclass

from pneumo.base.estimate import Estimate


@dataclass(frozen=True)
class Robustness:
    """Means over the seeds, over all corruptions and severities."""

    images: int  # test images that were corrupted
    corruptions: list[str]
    falls: dict[str, Estimate]  # by model: mean share of its clean AUC that is lost
    worst: dict[str, str]  # by model: the corruption with the lowest mean AUC
    same_order: bool  # whether the models rank by AUC as they do on clean images
    first_clean: str  # title of the model with the highest AUC on clean images
    first_corrupted: str  # and on corrupted ones
