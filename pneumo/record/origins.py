"""Origins of the images, as stored in a record."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origins:
    """Counts of images, except `patients`; images of unknown origin are not counted."""

    known: int
    patients: dict[str, int]  # distinct ones, by split
    kinds: dict[str, dict[str, int]]  # by split, then normal, bacteria, virus
    validation_images_sharing: int  # their patient is in training, too
    validation_images_sharing_within_kind: int  # and there with an image of the same kind
    test_images_sharing: int  # their patient is in training or validation, too
