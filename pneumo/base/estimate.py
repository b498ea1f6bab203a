"""A number with its interval, as statistics compute it and a record stores it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


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

    @classmethod
    def around(cls, value: float, reach: float) -> "Estimate":
        """The estimate whose interval reaches as far to either side."""
        return cls(value, value - reach, value + reach)

    @classmethod
    def of(cls, row: Mapping[str, Any], name: str = "value") -> "Estimate":
        """The estimate in a frame's row: columns as :meth:`cells` names them, or `name`, `low` and `high`."""
        ends = f"{name} " if f"{name} low" in row else ""
        return cls(row[name], row[f"{ends}low"], row[f"{ends}high"])

    def cells(self, name: str) -> dict[str, float]:
        """Columns of a frame: `name`, `name low` and `name high`."""
        return {name: self.value, f"{name} low": self.low, f"{name} high": self.high}

    def named(self, name: str) -> dict[str, float]:
        """Columns of a frame with no other estimate: `name`, `low` and `high`."""
        return {name: self.value, "low": self.low, "high": self.high}

    def __neg__(self) -> "Estimate":
        return Estimate(-self.value, -self.high, -self.low)
