"""What claims have in common: a measure held against a margin, and its wording."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from pneumo.record import Estimate
from pneumo.record.answers import Claim, Verdict
from pneumo.statistics import adjusted_roc
from pneumo.statistics.influence import CONFIDENCE, Floats, Measured
from pneumo.statistics.metrics import NORMAL
from pneumo.study.study import Model

# An AUC: one pair of a case and a normal film in a hundred is ranked otherwise. The networks of the set's own
# benchmark lie about as far apart (MedMNIST v2: 0.944 to 0.964).
AUC_MARGIN = 0.01
# A rate: one film in twenty, which a reader of sensitivities and false alarms would begin to act on.
RATE_MARGIN = 0.05
# The AUC of groups 0.2 standard deviations apart, the least effect that is called small (Cohen 1988).
SMALL_EFFECT = 0.556


@dataclass(frozen=True)
class Held:
    """A measure held against a margin: 95 % interval, and a two-sided p-value of it being the margin."""

    found: Estimate
    margin: float
    p: float

    @property
    def verdict(self) -> Verdict:
        """Supported where the interval lies above the margin, refuted below it, else inconclusive."""
        if self.found.low > self.margin:
            return "supported"
        return "refuted" if self.found.high < self.margin else "inconclusive"

    @property
    def distance(self) -> float:
        """How far the measure lies above the margin, in widths of its interval."""
        width = self.found.high - self.found.low
        return (self.found.value - self.margin) / width if width else np.inf


def hold(measured: Measured, groups: ArrayLike, margin: float, parts: int = 1) -> Held:
    """A difference against its margin.

    Args:
        measured: what is held.
        groups: the patient of each of its cases, (N,).
        margin: what matters.
        parts: how many such parts a claim has; interval and p-value are Bonferroni's for all of them.
    """
    found = measured.estimate(groups, 1 - (1 - CONFIDENCE) / parts)
    return Held(found, margin, min(1.0, parts * measured.p_value(groups, margin)))


def hold_share(measured: Measured, groups: ArrayLike, margin: float) -> Held:
    """A share against its margin, by the score test that its interval comes from."""
    found, (count, _) = measured.bounded(groups), measured.cases(groups)
    error = np.sqrt(margin * (1 - margin) / count)
    return Held(found, margin, float(2 * stats.norm.sf(abs(found.value - margin) / error)))


def hold_size(measured: Measured, groups: ArrayLike, margin: float) -> Held:
    """The size of a difference, whatever its sign, against its margin."""
    found = measured.estimate(groups)
    if found.value < 0:
        measured, found = -measured, -found
    sized = Estimate(found.value, max(0.0, found.low), max(found.high, -found.low))
    return Held(sized, margin, measured.p_value(groups, margin))


def hold_values(values: Floats, margin: float, parts: int = 1) -> Held:
    """What was resampled, (S, 1 + B) as in `statistics.adjusted_roc`; parts as in :func:`hold`."""
    found = adjusted_roc.over_cases_and_seeds(values, 1 - (1 - CONFIDENCE) / parts)
    return Held(found, margin, min(1.0, parts * adjusted_roc.p_value(values, margin)))


def hold_interval(found: Estimate, margin: float) -> Held:
    """A measure that comes with its normal interval."""
    facing = found.high - found.value if margin > found.value else found.value - found.low
    apart = abs(found.value - margin)
    return Held(found, margin, float(2 * stats.norm.sf(apart * NORMAL / facing)) if facing else 0.0)


def weakest(parts: Iterable[Held]) -> Held:
    """The part that lies least far above its margin: a claim of all parts stands or falls with it."""
    return min(parts, key=lambda part: part.distance)


def decided(
    identifier: str,
    text: str,
    held: Held,
    supported: str,
    refuted: str,
    inconclusive: str,
    evidence: str,
    *models: Model,
    facts: str = "",
    seeds: int | None = None,
) -> Claim:
    """A claim with what was found of it; sentences are given without their full stops.

    Args:
        identifier: as in `results.json`.
        text: what would be true, as it was asked.
        held: what decides it.
        supported, refuted, inconclusive: what is true with that verdict.
        evidence: what it rests on.
        models: whose runs it rests on, all their seeds.
        facts: the numbers behind a colon, whatever the verdict.
        seeds: how many of them; None for all.
    """
    of = seeds if seeds is not None else (len(models[0].runs) if models else None)
    found = {"supported": supported, "refuted": refuted, "inconclusive": inconclusive}
    finding = found[held.verdict]
    return Claim(
        identifier,
        f"{text}.",
        held.verdict,
        evidence,
        f"{finding}: {facts}." if facts else f"{finding}.",
        of,
        held.margin,
        held.found.value,
        held.found.low,
        held.found.high,
        held.p,
        runs=[run.label for model in models for run in model.runs[:seeds]],
    )


def inside(text: str) -> str:
    """A sentence or title as it is written inside a sentence, with a small first letter."""
    return text[0].lower() + text[1:]


def in_seeds(count: int) -> str:
    """A number of seeds, in words."""
    return f"{count} {'seed' if count == 1 else 'seeds'}"


def over(model: Model) -> str:
    """What a model's numbers are means over, in words."""
    return "one seed alone" if len(model.runs) == 1 else f"mean over {in_seeds(len(model.runs))}"


def ends(
    found: Estimate, digits: int = 3, scale: float = 1.0, unit: str = "", sign: bool = True
) -> str:
    """A number with its interval, in words."""

    def show(value: float) -> str:
        return signed(scale * value, digits) if sign else f"{scale * value:.{digits}f}"

    interval = f"95 % interval {show(found.low)} to {show(found.high)}"
    return f"{show(found.value)}{unit} ({interval})"


def points(found: Estimate) -> str:
    """A difference of rates in percentage points, with its interval."""
    return ends(found, 1, 100, " points")


def in_points(share: float) -> str:
    """A margin of rates in percentage points, without its sign."""
    return f"{100 * share:g} percentage {'point' if share == 0.01 else 'points'}"


def percent(share: float) -> str:
    """A share in per cent."""
    return f"{100 * share:.1f} %"


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign; none where it rounds to nothing."""
    text = f"{value:+.{digits}f}"
    return text if text.strip("+-0.") else f"{0:.{digits}f}"
