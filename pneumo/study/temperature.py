"""Temperature of a run: the divisor of its logits, fitted to validation."""

import numpy as np
from numpy.typing import NDArray

from pneumo.statistics import calibration
from pneumo.training.runs import Run


def temperature(run: Run) -> float:
    """Fit the temperature of a run to validation."""
    validation = run.predictions["val"]
    return calibration.fit_temperature(validation.labels, validation.logits)


def logits_of(run: Run, split: str = "test", scaled: bool = True) -> NDArray[np.float64]:
    """Logits of a run for a split, (N,), optionally divided by its temperature."""
    found = run.predictions[split].logits
    return np.asarray(found / temperature(run) if scaled else found, dtype=np.float64)
