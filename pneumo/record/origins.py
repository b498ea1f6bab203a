"""Where the images came from, as a record says it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Origins:
    """Counts of images, but for `patients`; what the table of origins does not know is in none of them."""

    known: int
    patients: dict[str, int]  # distinct ones, by split
    kinds: dict[str, dict[str, int]]  # by split, then normal, bacteria, virus
    validation_images_sharing: int  # their patient is in training, too
    validation_images_sharing_within_kind: int  # and there with an image of the same kind
    test_images_sharing: int  # their patient is in training or validation, too
