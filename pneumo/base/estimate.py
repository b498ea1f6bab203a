"""A number with its interval, as statistics compute it and a record stores it."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval; NaN if undefined."""

    value: float
    low: float = math.nan
    high: float = math.nan

    @property
    def known(self) -> bool:
        """Whether the value is defined."""
        return not math.isnan(self.value)

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of zero."""
        return self.low > 0 or self.high < 0

    def __neg__(self) -> "Estimate":
        return Estimate(-self.value, -self.high, -self.low)
