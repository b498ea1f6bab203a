"""A run's temperature: the number that validation says to divide its logits by."""

import numpy as np
from numpy.typing import NDArray

from pneumo.statistics import calibration
from pneumo.training.runs import Run


def temperature(run: Run) -> float:
    """The run's temperature, fitted to validation."""
    validation = run.predictions["val"]
    return calibration.fit_temperature(validation.labels, validation.logits)


def logits_of(run: Run, split: str = "test", scaled: bool = True) -> NDArray[np.float64]:
    """A run's logits for a split, (N,): divided by its temperature, or as they are."""
    found = run.predictions[split].logits
    return np.asarray(found / temperature(run) if scaled else found, dtype=np.float64)
