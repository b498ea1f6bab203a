"""The claim about calibration: whether probabilities can be taken at face value."""

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis.verdicts import RATE_MARGIN, Held, decided, hold, over, percent, weakest
from pneumo.record import Estimate
from pneumo.record.answers import Claim
from pneumo.statistics import influence, metrics
from pneumo.study import selection
from pneumo.study.study import Study
from pneumo.study.temperature import logits_of, temperature

# The slope, or its reciprocal above 1: beyond it the log odds are off by a fifth.
SLOPE = 0.8


def calibrated(study: Study) -> Claim | None:
    """Both the mean probability and the slope have to lie near what is right."""
    model, about, groups = selection.best(study), study.about, study.groups("test")
    labels = model.run.predictions["test"].labels
    logits = np.array([logits_of(run) for run in model.runs])
    probabilities = metrics.probabilities(logits)
    error = influence.ratio(probabilities - labels, np.ones_like(logits), labels)
    slope = influence.slope(labels, logits)
    on_average, stretch = _on_average(error, groups), _stretch(slope, groups)
    held = weakest([on_average, stretch]) if stretch else on_average
    if not stretch and held.verdict == "supported":
        held = Held(Estimate(np.nan), SLOPE, 1.0)  # the mean error alone can only refute
    spread = stretch.found if stretch else None
    expected, observed = float(probabilities.mean()), float(labels.mean())
    parts = (
        f"mean error {-100 * on_average.found.value:.1f} points (95 % interval up to "
        f"{-100 * on_average.found.low:.1f}; {100 * RATE_MARGIN:g} allowed), "
        + (
            f"slope or its reciprocal {spread.value:.2f} ({spread.low:.2f} to {spread.high:.2f}; at least "
            f"{SLOPE:g} asked)"
            if spread
            else "no finite slope"
        )
    )
    chosen = float(np.mean([temperature(run) for run in model.runs]))
    return decided(
        "calibrated-after-temperature",
        "After temperature scaling on validation the probabilities can be taken at face value on the "
        f"test set: right within {100 * RATE_MARGIN:g} points on average, and a slope of at least {SLOPE:g}",
        held,
        "Scaled probabilities are right on the test set",
        "Scaled probabilities cannot be taken at face value on the test set",
        "It remains unclear whether scaled probabilities are right on the test set",
        f"{model.title}, {over(model)}, temperature {chosen:.2f}: {parts}; intervals for both at once",
        model,
        facts=f"{percent(expected)} {about.finding} expected, {percent(observed)} observed",
    )


def _on_average(error: influence.Measured, groups: NDArray[np.int64]) -> Held:
    """The size of the mean error, counted as a loss."""
    held = hold(error if error.value < 0 else -error, groups, -RATE_MARGIN, parts=2)
    found = held.found
    sized = Estimate(found.value, min(found.low, -found.high), min(0.0, found.high))
    return Held(sized, held.margin, held.p)


def _stretch(slope: influence.Measured, groups: NDArray[np.int64]) -> Held | None:
    """The slope, or its reciprocal where that is smaller; None without one."""
    if np.isnan(slope.value):
        return None
    if not slope.value > 1:
        return hold(slope, groups, SLOPE, parts=2)
    held = hold(slope, groups, 1 / SLOPE, parts=2)
    found = held.found
    low = 1 / found.high
    turned = Estimate(1 / found.value, low, 1 / found.low if found.low > 0 else np.inf)
    return Held(turned, SLOPE, held.p)
