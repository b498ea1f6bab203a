"""Content of the data, and results of their audit, as stored in a record."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataAudit:
    """Counts of images; an image that is in several splits is counted once."""

    across: int  # distinct images that are in more than one split
    across_with_test: int  # those of them that are in the test set
    label_conflicts: int  # distinct images that have either label somewhere
    shares: dict[str, float]  # of positive cases, by split
    majority: str  # the class of most training images
    majority_accuracy: float  # on the test set, of a model that always names that class
    specificity_step: (
        float  # percentage points by which one test case more or less moves specificity
    )
    sensitivity_step: float  # and sensitivity
    auc: float  # on the test set, of a logistic regression on pixels
    auc_mirrored: float  # and on the mirrored test images
