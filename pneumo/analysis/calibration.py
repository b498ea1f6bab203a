"""Whether a model's probabilities can be taken at face value, before and after temperature scaling."""

from collections.abc import Iterator
from itertools import product
from typing import Any

import numpy as np

from pneumo.record import Part, frame
from pneumo.record.usefulness import Calibration, Mended, Probabilities
from pneumo.statistics import calibration, metrics
from pneumo.statistics.calibration import BINS, Reading
from pneumo.study import selection
from pneumo.study.study import Model, Study, run_labels
from pneumo.study.temperature import logits_of, temperature
from pneumo.training.runs import Run

EDGES = np.linspace(0, 1, 21)  # of the histogram of probabilities
SCALED = {"as given": False, "temperature-scaled": True}
_ROUNDING = 0.0005  # calibration errors that differ by less read the same


def part(study: Study) -> Part:
    """The answers, and the numbers behind `fig-reliability` and `tbl-calibration`."""
    return Part(
        {"calibration": _answer(study)},
        figures={"fig-reliability": frame(_reliability(study), runs=run_labels(study.ran))},
        tables={"tbl-calibration": frame(_by_split(study), runs=run_labels(study.ran))},
    )


def reading(study: Study, run: Run, split: str = "test", scaled: bool = True) -> Reading:
    """What a run's probabilities for a split are worth."""
    truth = run.predictions[split].labels
    return calibration.read(truth, logits_of(run, split, scaled), study.groups(split))


def presumed_prevalence(study: Study) -> float:
    """The prevalence that probabilities presume: the share of positive images in training."""
    return float(study.data.train.labels.mean())


def summary(study: Study, model: Model) -> dict[str, Any]:
    """A model's temperature and, by split, its readings before and after, averaged over the seeds.

    A mean over a slope that is infinite in some seed is infinite or NaN.
    """
    return {
        "temperature": float(np.mean([temperature(run) for run in model.runs])),
        "bins": BINS,
        **{
            split: {
                when: _mean([reading(study, run, split, when == "after") for run in model.runs])
                for when in ("before", "after")
            }
            for split in ("val", "test")
        },
    }


def _answer(study: Study) -> Calibration:
    best, truth = selection.best(study), study.data.test.labels
    means = summary(study, best)
    before, after = (means["test"][when]["ece"] for when in ("before", "after"))
    as_given, scaled = (reading(study, best.run, scaled=scaled) for scaled in (False, True))
    moved = calibration.to_prevalence(
        logits_of(best.run), presumed_prevalence(study), float(truth.mean())
    )
    at_prevalence = calibration.read(truth, moved, study.groups("test"))
    return Calibration(
        bins=BINS,
        observed=as_given.observed,
        as_given=_probabilities(as_given),
        scaled=_probabilities(scaled),
        at_prevalence=_probabilities(at_prevalence),
        ece_by_chance=calibration.calibration_error_by_chance(logits_of(best.run)),
        separated=bool(np.isinf(as_given.slope.value)),
        temperature=means["temperature"],
        ece_before=before,
        ece_after=after,
        scaling_mends=mended(before, after),
        prevalence_explains=mended(scaled.ece, at_prevalence.ece),
    )


def mended(before: float, after: float) -> Mended:
    """How much of a calibration error is gone."""
    if after < before / 2:
        return "most"
    if after < before - _ROUNDING:
        return "part"
    return "nothing" if after <= before + _ROUNDING else "harm"


def _probabilities(found: Reading) -> Probabilities:
    return Probabilities(found.predicted, found.mean_error, found.ece, found.slope)


def _reliability(study: Study) -> Iterator[dict[str, Any]]:
    """The bins of every run and, of first seeds, how often each probability is given."""
    truth = study.data.test.labels
    missing = dict.fromkeys(("predicted", "observed", "low", "high"), np.nan)
    runs = [(model, run) for model in study.ran for run in model.runs]
    for (model, run), (name, scaled) in product(runs, SCALED.items()):
        logits = logits_of(run, "test", scaled)
        own = {"model": model.name, "seed": run.seed, "probabilities": name}
        for one in calibration.reliability(truth, logits, study.groups("test")):
            yield own | {"chart": "reliability", "from": np.nan, "to": np.nan} | vars(one)
        if run is model.run:
            counts, _ = np.histogram(metrics.probabilities(logits), EDGES)
            for low, high, count in zip(EDGES, EDGES[1:], counts, strict=False):
                place = {"chart": "histogram", "from": low, "to": high, "count": count}
                yield own | place | missing


def _by_split(study: Study) -> Iterator[dict[str, Any]]:
    for model in study.ran:
        found = summary(study, model)
        for split, (name, scaled) in product(("val", "test"), SCALED.items()):
            yield {
                "model": model.name,
                "split": split,
                "probabilities": name,
                "temperature": found["temperature"] if scaled else 1.0,
                **found[split]["after" if scaled else "before"],
            }


def _mean(found: list[Reading]) -> dict[str, float]:
    """The mean of each number that a table and results.json show."""
    rows = [vars(one) | {"slope": one.slope.value} for one in found]
    names = [name for name in rows[0] if name != "mean_error"]
    return {name: float(np.mean([row[name] for row in rows])) for name in names}
