"""What a study would report had the test set chosen threshold and seed, as a record says it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hindsight:
    """The highest test accuracy that choosing on the test set finds, and where."""

    model: str  # of all models the one that it is found with
    seeds: int  # trained of each model
    accuracy: float  # at the best seed's best threshold
    reported: float  # the same model's mean over the seeds at the threshold that validation chose
