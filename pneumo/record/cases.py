"""The test cases one by one, as a record says it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cases:
    """First seeds, at each model's Youden threshold."""

    models: int
    wrong_on_first: int  # models that call the case wrongly over which they are most divided
