"""What the models reach on the test set: the numbers behind the evaluation's figures and tables."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pneumo.analysis import baselines, comparison, intervals
from pneumo.base import paths
from pneumo.record import Frame, Part, frame
from pneumo.record.answers import Pair
from pneumo.statistics import influence, metrics
from pneumo.statistics.comparison import holm
from pneumo.study import ensemble, operating_points, selection
from pneumo.study.study import HALF, RULES, YOUDEN, Model, Study

# What the write-up that the study began with reported, at a threshold of 0.5 on the test set.
WRITE_UP: dict[str, dict[str, float]] = {
    "simple-cnn": {
        "accuracy": 0.851, "auc": 0.955, "precision": 0.815, "recall": 0.985, "f1": 0.892,
    },
    "resnet18-scratch": {
        "accuracy": 0.859, "auc": 0.969, "precision": 0.819, "recall": 0.995, "f1": 0.898,
    },
    "resnet18-imagenet": {
        "accuracy": 0.888, "auc": 0.970, "precision": 0.849, "recall": 0.997, "f1": 0.917,
    },
}  # fmt: skip
_COUNTS = ("true_positive", "false_negative", "false_positive", "true_negative")


def part(study: Study) -> Part:
    """Curves, confusion matrices, metrics, pairs and operating points, and the write-up's numbers."""
    written_up = not paths.label(study.about.name, study.data.size)
    first = [model.run.label for model in study.ran]
    every = [run.label for model in study.ran for run in model.runs]
    curves = list(_curves(study))
    on_front = [row for row in curves if row["kind"] in ("roc", YOUDEN.name)]
    points = list(_points(study))
    tables = {
        "tbl-comparison": frame(list(_comparison(study)), runs=every),
        "tbl-summary": frame(list(_summary(study)), runs=every),
        "tbl-pairs": frame([_pair(pair) for pair in comparison.pairs(study)], runs=every),
        "tbl-operating-points": _with_rates(
            points, (*_COUNTS, "sensitivity", "specificity"), every
        ),
        "tbl-predictive-values": _with_rates(
            points, ("ppv", "npv", "lr_positive", "lr_negative"), every
        ),
        "tbl-promise": frame(list(_promises(study)), runs=first),
    }
    if written_up:
        tables["tbl-source"] = _beside_write_up(study)
    return Part(
        {"write_up": WRITE_UP if written_up else None},
        figures={
            "fig-confusion": frame(list(_confusion(study)), runs=first),
            "fig-roc-pr": frame(curves, runs=first),
            "fig-summary": frame(on_front, runs=first),
        },
        tables=tables,
    )


def differing(study: Study) -> dict[tuple[str, str], bool]:
    """Whether AUC and accuracy at 0.5 differ from those of the model presented first beyond chance.

    Of every other model, the ensemble and the baselines, over cases and seeds, each metric's p-values
    corrected after Holm. By name and metric.
    """
    if not study.ran:
        return {}
    best, groups, truth = selection.best(study), study.groups("test"), study.data.test.labels
    others = {
        model.name: intervals.measured(model, HALF)
        for model in ensemble.compared(study)
        if model.name != best.name
    } | {
        one.name: influence.evaluate(truth, one.test[None], [metrics.HALF])
        for one in baselines.predictions(study)
    }
    own = intervals.measured(best, HALF)
    found = {}
    for metric in ("auc", "accuracy"):
        p_values = [other[metric].apart(own[metric]).p_value(groups) for other in others.values()]
        for name, p in zip(others, holm(p_values), strict=True):
            found[name, metric] = bool(p < comparison.SIGNIFICANCE)
    return found


def _confusion(study: Study) -> Iterator[dict[str, Any]]:
    """Test cases by truth and call, first seeds; `share` is of the true class."""
    names = study.about.classes
    for model in study.ran:
        for rule in (HALF, YOUDEN):
            counts = model.confusion(rule)
            rows = (
                (counts.true_negative, counts.false_positive),
                (counts.false_negative, counts.true_positive),
            )
            for truth, row in zip(names, rows, strict=True):
                for call, cases in zip(names, row, strict=True):
                    yield {
                        "model": model.name, "rule": rule.name, "truth": truth, "call": call,
                        "cases": cases, "share": cases / sum(row) if sum(row) else math.nan,
                    }  # fmt: skip


def _curves(study: Study) -> Iterator[dict[str, Any]]:
    """Every point of the ROC and precision–recall curves, and the operating points, first seeds."""
    for model in study.ran:
        test = model.run.predictions["test"]
        area = metrics.auc(test.labels, test.probabilities)
        points = [
            ("roc", x, y, math.nan)
            for x, y in zip(*metrics.roc(test.labels, test.probabilities), strict=True)
        ]
        points += [
            ("precision-recall", math.nan, recall, precision)
            for recall, precision in zip(
                *metrics.precision_recall(test.labels, test.probabilities), strict=True
            )
        ]
        for rule in RULES:
            counts = model.confusion(rule)
            points.append((rule.name, 1 - counts.specificity, counts.sensitivity, counts.precision))
        for kind, *place in points:
            # Six digits draw the same curve, and thousands of points take half the room.
            x, y, precision = (round(float(value), 6) for value in place)
            yield {
                "model": model.name, "auc": round(area, 6), "kind": kind,
                "false positive rate": x, "sensitivity": y, "precision": precision,
            }  # fmt: skip


def _comparison(study: Study) -> Iterator[dict[str, Any]]:
    """Every metric at 0.5 of models, ensemble and baselines; `differs` is from the best model."""
    bounds = intervals.intervals(study)
    differs = differing(study)
    names = [model.name for model in ensemble.compared(study)]
    if study.ran:
        names += [baseline.name for baseline in baselines.predictions(study)]
    for name in names:
        for metric in metrics.NAMES:
            yield {
                "model": name, "metric": metric, **vars(bounds[name][HALF.name][metric]),
                "differs": differs.get((name, metric)),
            }  # fmt: skip


def _summary(study: Study) -> Iterator[dict[str, Any]]:
    """AUC, and accuracy at two thresholds, of every model and the ensemble."""
    bounds = intervals.intervals(study)
    for model in ensemble.compared(study):
        for metric, rule in (("auc", HALF), ("accuracy", YOUDEN), ("accuracy", HALF)):
            yield {
                "model": model.name, "metric": metric, "rule": rule.name,
                **vars(bounds[model.name][rule.name][metric]),
            }  # fmt: skip


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "first": pair.first,
        "second": pair.second,
        "difference": pair.auc_difference.value,
        "low": pair.auc_difference.low,
        "high": pair.auc_difference.high,
        "p delong": pair.p_delong,
        "p mcnemar at half": pair.p_mcnemar_at_half,
        "p mcnemar at youden": pair.p_mcnemar_at_youden,
    }


def _points(study: Study) -> Iterator[tuple[Model, operating_points.OperatingPoint]]:
    for model in ensemble.compared(study):
        for point in operating_points.points(study, model):
            yield model, point


def _with_rates(
    points: list[tuple[Model, operating_points.OperatingPoint]],
    names: tuple[str, ...],
    runs: list[str],
) -> Frame:
    """A row an operating point, first seeds, with these counts and rates, and the rates' intervals."""
    rows = []
    for model, point in points:
        row = {"model": model.name, "rule": point.rule.name, "threshold": point.thresholds[0]}
        for name in names:
            if name in _COUNTS:
                row[name] = getattr(point.kept, name)
            else:
                row |= point.rates[name].cells(name)
        rows.append(row)
    return frame(rows, runs=runs)


def _promises(study: Study) -> Iterator[dict[str, Any]]:
    """What validation promised at each threshold chosen on it, and what the test set kept, first seeds."""
    for model in study.ran:
        for point in operating_points.points(study, model):
            for name in ("sensitivity", "specificity") if point.rule.chosen_on else ():
                yield {
                    "model": model.name, "rule": point.rule.name, "rate": name,
                    "validation": point.promised_rates[name].value,
                    "test": point.rates[name].value, "difference": point.shortfall(name),
                }  # fmt: skip


def _beside_write_up(study: Study) -> Frame:
    """What the write-up reported and what was measured here, at 0.5; means over the seeds."""
    models = [model for model in study.models if model.name in WRITE_UP]
    rows = []
    for model in models:
        ours: Mapping[str, float] = model.mean(HALF) if model.ran else {}
        rows += [
            {
                "model": model.name, "metric": metric, "reported": reported,
                "measured": ours.get(metric, math.nan),
            }
            for metric, reported in WRITE_UP[model.name].items()
        ]  # fmt: skip
    return frame(rows, runs=[run.label for model in models for run in model.runs])
