"""The test cases one by one, as stored in a record."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cases:
    """First seeds, at each model's Youden threshold."""

    models: int
    wrong_on_first: int  # models that call the case wrongly on which they disagree most
