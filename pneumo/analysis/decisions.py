"""What a score is worth where someone must act on it: net benefit, and predictive values by prevalence."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis.calibration import SCALED, presumed_prevalence
from pneumo.record import Part, frame
from pneumo.record.usefulness import Decisions, Example, Stretch, Ward
from pneumo.statistics import calibration, clusters, metrics
from pneumo.statistics import decision_curves as curves
from pneumo.statistics.decision_curves import THRESHOLDS
from pneumo.study import selection
from pneumo.study.study import RULES, YOUDEN, Model, Rule, Study, calls, run_labels
from pneumo.study.temperature import logits_of

# Prevalences at which predictive values are tabled: from a screening programme to a selected collection.
PREVALENCES = (0.01, 0.05, 0.10, 0.25, 0.50, 0.75)
# Prevalences at which decision curves are drawn beside the test set's own.
WARDS = (0.25, 0.05)
# The prose counts people out of this many, at this prevalence.
AMONG, EXAMPLE = 1000, 0.05


def part(study: Study) -> Part:
    """The answers, and the numbers behind the decision curves and the predictive values by prevalence."""
    best = selection.best(study)
    return Part(
        {"decisions": _answer(study, best)},
        figures={
            "fig-decision-curve": frame(_curves(study), runs=run_labels(study.ran)),
            "fig-predictive-values": frame(_values(study, best), runs=[best.run.label]),
        },
        tables={"tbl-prevalence": frame(_by_prevalence(study, best), runs=[best.run.label])},
    )


def decision_curve(
    study: Study, model: Model, prevalence: float | None = None, scaled: bool = True
) -> NDArray[np.float64]:
    """A model's net benefit on the test set at each of `THRESHOLDS`, mean over its seeds, with 95 % ends.

    Args:
        study: tells the prevalence that probabilities presume.
        model: with runs.
        prevalence: every logit is moved from the presumed prevalence to this one, and cases are weighted to
            it; None for the test set as it is, with the probabilities as the model gives them.
        scaled: by the temperature of validation, or as they are.

    Returns:
        Values and both ends, (3, T).
    """
    logits = np.array([logits_of(run, "test", scaled) for run in model.runs])
    if prevalence is not None:
        logits = calibration.to_prevalence(logits, presumed_prevalence(study), prevalence)
    truth, groups = study.data.test.labels, study.groups("test")
    found = curves.net_benefit(truth, metrics.probabilities(logits), prevalence=prevalence)
    ends = [one.estimate(groups) for one in found]
    return np.array([[one.value, one.low, one.high] for one in ends]).T


def better(
    study: Study, model: Model, prevalence: float | None = None, scaled: bool = True
) -> tuple[Stretch | None, Stretch | None]:
    """Where a model is better than treating all and than treating none; and where the interval's low end is.

    Args:
        study, model, prevalence, scaled: as for :func:`decision_curve`.
    """
    value, low, _ = decision_curve(study, model, prevalence, scaled)
    share = prevalence or _prevalence(study)
    ranges = (curves.better_range(benefit, share) for benefit in (value, low))
    better, surely = (
        found and Stretch(*found, found[0] <= THRESHOLDS[0], found[1] >= THRESHOLDS[-1])
        for found in ranges
    )
    return better, surely


def _answer(study: Study, best: Model) -> Decisions:
    counts = best.confusion(YOUDEN)
    scaled, surely = better(study, best)
    people = curves.frequencies(counts, EXAMPLE, AMONG)
    return Decisions(
        prevalence=_prevalence(study),
        presumed=presumed_prevalence(study),
        as_given=better(study, best, scaled=False)[0],
        scaled=scaled,
        wards=[Ward(share, *better(study, best, share)) for share in WARDS],
        example=Example(
            AMONG,
            EXAMPLE,
            sick=people.positives,
            found=people.true_positive,
            alarms=people.false_positive,
            called=people.true_positive + people.false_positive,
            missed=people.false_negative,
            ppv=curves.predictive_values(counts, EXAMPLE, _effects(study, best, YOUDEN))[0],
            ppv_here=counts.precision,
        ),
        surely=surely,
    )


def _effects(study: Study, model: Model, rule: Rule) -> tuple[float, float]:
    """The design effects of a model's two rates on test, first seed."""
    called = calls(model.run, rule)
    return clusters.design_effects(study.data.test.labels, called, study.groups("test"))


def _prevalence(study: Study) -> float:
    return float(study.data.test.labels.mean())


def _curves(study: Study) -> Iterator[dict[str, Any]]:
    """Net benefit by population, kind of probabilities, strategy and threshold."""
    for prevalence, (name, scaled) in product((None, *WARDS), SCALED.items()):
        share = prevalence or _prevalence(study)
        everybody = curves.treat_all(share)
        fixed = np.full_like(everybody, np.nan)
        strategies = {"treat all": np.stack([everybody, fixed, fixed])} | {
            model.name: decision_curve(study, model, prevalence, scaled) for model in study.ran
        }
        for strategy, benefit in strategies.items():
            for level, value, low, high in zip(THRESHOLDS, *benefit, strict=True):
                yield {
                    "population": "shifted" if prevalence else "test set",
                    "prevalence": share,
                    "probabilities": name,
                    "strategy": strategy,
                    "threshold": level,
                    "net benefit": value,
                    "low": low,
                    "high": high,
                }


def _values(study: Study, model: Model) -> Iterator[dict[str, Any]]:
    """Predictive values over prevalence, one after the other."""
    for place, name in enumerate(("PPV", "NPV")):
        for rule in RULES:
            counts, effects = model.confusion(rule), _effects(study, model, rule)
            for prevalence in np.geomspace(PREVALENCES[0], PREVALENCES[-1], 61):
                found = curves.predictive_values(counts, float(prevalence), effects)[place]
                row = {"metric": name, "rule": rule.name, "prevalence": prevalence}
                yield row | vars(found)


def _by_prevalence(study: Study, model: Model) -> Iterator[dict[str, Any]]:
    for rule in RULES:
        counts, effects = model.confusion(rule), _effects(study, model, rule)
        for prevalence in PREVALENCES:
            ppv, npv = curves.predictive_values(counts, prevalence, effects)
            people = curves.frequencies(counts, prevalence, AMONG)
            yield {
                "rule": rule.name,
                "prevalence": prevalence,
                **ppv.cells("ppv"),
                **npv.cells("npv"),
                "called": people.true_positive + people.false_positive,
                "alarms": people.false_positive,
                "missed": people.false_negative,
            }
