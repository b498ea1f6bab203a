"""What the models reach on the test set: the numbers behind the evaluation's figures and tables."""

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, product
from typing import Any

from pneumo.analysis import baselines, intervals
from pneumo.analysis.rows import cells
from pneumo.base import paths
from pneumo.base.confusion import Confusion
from pneumo.record import Frame, Part, frame
from pneumo.record.answers import OperatingPoint, Pair
from pneumo.statistics import clusters, influence, metrics
from pneumo.statistics.comparison import holm
from pneumo.study import ensemble, selection
from pneumo.study.cache import once
from pneumo.study.operating_points import rates_of
from pneumo.study.study import HALF, RULES, YOUDEN, Study, calls, run_labels

SIGNIFICANCE = 0.05
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


def part(study: Study) -> Part:
    """Curves, confusion matrices, metrics, pairs and operating points, and the write-up's numbers."""
    written_up = not paths.label(study.about.name, study.data.size)
    first, every = [model.run.label for model in study.ran], run_labels(study.ran)
    curves = list(_curves(study))
    on_front = [row for row in curves if row["kind"] in ("roc", YOUDEN.name)]
    rates = {
        "tbl-operating-points": (*Confusion.__match_args__, "sensitivity", "specificity"),
        "tbl-predictive-values": ("ppv", "npv", "lr_positive", "lr_negative"),
    }
    tables = {
        "tbl-comparison": frame(_comparison(study), runs=every),
        "tbl-summary": frame(_summary(study), runs=every),
        "tbl-pairs": frame(map(_pair, pairs(study)), runs=every),
        **{anchor: frame(_rates(study, names), runs=every) for anchor, names in rates.items()},
        "tbl-promise": frame(_promises(study), runs=first),
    }
    if written_up:
        tables["tbl-source"] = _beside_write_up(study)
    return Part(
        {"write_up": WRITE_UP if written_up else None},
        figures={
            "fig-confusion": frame(_confusion(study), runs=first),
            "fig-roc-pr": frame(curves, runs=first),
            "fig-summary": frame(on_front, runs=first),
        },
        tables=tables,
    )


@once
def pairs(study: Study) -> list[Pair]:
    """All pairs of the models that ran, in the study's order, on the same test cases.

    The difference is of mean AUCs, over cases and seeds; the tests are of the first seeds: whether their AUCs
    differ, and the exact test that exchanges both models' calls patient by patient. P-values are corrected
    after Holm over all pairs.
    """
    groups, truth = study.groups("test"), study.data.test.labels
    compared, p_values = list(combinations(study.ran, 2)), []
    for pair in compared:
        ours, theirs = (influence.auc(truth, model.logits()[:1]) for model in pair)
        right = ([calls(model.run, rule) == truth for model in pair] for rule in (HALF, YOUDEN))
        exchanged = (clusters.exchange_test(first, second, groups) for first, second in right)
        p_values.append((ours.apart(theirs).p_value(groups), *exchanged))
    corrected = zip(*map(holm, zip(*p_values, strict=True)), strict=True)
    return [
        Pair(
            first.name,
            second.name,
            intervals.area(first).apart(intervals.area(second)).estimate(groups),
            *own,
        )
        for (first, second), own in zip(compared, corrected, strict=True)
    ]


@once
def points(study: Study) -> dict[str, list[OperatingPoint]]:
    """By model, the ensemble with them: an operating point a rule; counts and rates are the first seed's."""
    return {
        model.name: [
            OperatingPoint(
                id=rule.name,
                rule=rule.title,
                chosen_on=rule.chosen_on,
                thresholds=model.thresholds(rule),
                counts=model.confusion(rule),
                test=rates_of(study, model, rule),
                promised=rates_of(study, model, rule, "val"),
                short=rule.short,
                promised_counts=model.confusion(rule, "val"),
            )
            for rule in RULES
        ]
        for model in ensemble.compared(study)
    }


def differing(study: Study) -> dict[tuple[str, str], bool]:
    """Whether AUC and accuracy at 0.5 differ from those of the model presented first beyond chance.

    Of every other model, the ensemble and the baselines, over cases and seeds, each metric's p-values
    corrected after Holm. By name and metric.
    """
    groups, found = study.groups("test"), {}
    others = {
        model.name: intervals.measured(model, HALF)
        for model in (*ensemble.compared(study), *baselines.models(study))
    }
    own = others.pop(selection.best(study).name)
    for metric in ("auc", "accuracy"):
        p_values = [other[metric].apart(own[metric]).p_value(groups) for other in others.values()]
        for name, p in zip(others, holm(p_values), strict=True):
            found[name, metric] = bool(p < SIGNIFICANCE)
    return found


def _confusion(study: Study) -> Iterator[dict[str, Any]]:
    """Test cases by truth and call, first seeds; `share` is of the true class."""
    names = study.about.classes
    for model, rule in product(study.ran, (HALF, YOUDEN)):
        positive, missed, alarms, negative = vars(model.confusion(rule)).values()
        for truth, row in zip(names, ((negative, alarms), (missed, positive)), strict=True):
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
        roc = metrics.roc(test.labels, test.probabilities)
        recalls = metrics.precision_recall(test.labels, test.probabilities)
        places = [("roc", x, y, math.nan) for x, y in zip(*roc, strict=True)]
        places += [("precision-recall", math.nan, x, y) for x, y in zip(*recalls, strict=True)]
        for rule in RULES:
            counts = model.confusion(rule)
            places.append((rule.name, 1 - counts.specificity, counts.sensitivity, counts.precision))
        for kind, *place in places:
            # Six digits draw the same curve, and thousands of points take half the room.
            x, y, precision = (round(float(value), 6) for value in place)
            yield {
                "model": model.name, "auc": round(area, 6), "kind": kind,
                "false positive rate": x, "sensitivity": y, "precision": precision,
            }  # fmt: skip


def _comparison(study: Study) -> Iterator[dict[str, Any]]:
    """Every metric at 0.5 of models, ensemble and baselines; `differs` is from the best model."""
    differs = differing(study)
    for name, by_rule in intervals.intervals(study).items():
        for metric, found in by_rule[HALF.name].items():
            row = {"model": name, "metric": metric, **vars(found)}
            yield row | {"differs": differs.get((name, metric))}


def _summary(study: Study) -> Iterator[dict[str, Any]]:
    """AUC, and accuracy at two thresholds, of every model and the ensemble."""
    bounds = intervals.intervals(study)
    for model in ensemble.compared(study):
        for metric, rule in (("auc", HALF), ("accuracy", YOUDEN), ("accuracy", HALF)):
            row = {"model": model.name, "metric": metric, "rule": rule.name}
            yield row | vars(bounds[model.name][rule.name][metric])


def _pair(pair: Pair) -> dict[str, Any]:
    p_values = {name.replace("_", " "): p for name, p in vars(pair).items() if name[:2] == "p_"}
    difference = pair.auc_difference.named("difference")
    return {"first": pair.first, "second": pair.second} | difference | p_values


def _rates(study: Study, names: Sequence[str]) -> Iterator[dict[str, Any]]:
    """A row an operating point, first seeds, with these counts and rates, and the rates' intervals."""
    for model, own in points(study).items():
        for point in own:
            row = {"model": model, "rule": point.id, "threshold": point.thresholds[0]}
            numbers: Mapping[str, Any] = vars(point.counts) | point.test
            yield row | cells({name: numbers[name] for name in names})


def _promises(study: Study) -> Iterator[dict[str, Any]]:
    """What validation promised at each threshold chosen on it, and what the test set kept, first seeds."""
    chosen = (
        (m.name, point) for m in study.ran for point in points(study)[m.name] if point.chosen_on
    )
    for (model, point), rate in product(chosen, ("sensitivity", "specificity")):
        promised, kept = (found[rate].value for found in (point.promised, point.test))
        yield {
            "model": model, "rule": point.id, "rate": rate,
            "validation": promised, "test": kept, "difference": kept - promised,
        }  # fmt: skip


def _beside_write_up(study: Study) -> Frame:
    """What the write-up reported and what was measured here, at 0.5; means over the seeds."""
    models = [model for model in study.models if model.name in WRITE_UP]
    ours = {model.name: model.mean(HALF) if model.ran else {} for model in models}
    rows = (
        {
            "model": name,
            "metric": metric,
            "reported": reported,
            "measured": own.get(metric, math.nan),
        }
        for name, own in ours.items()
        for metric, reported in WRITE_UP[name].items()
    )
    return frame(rows, runs=run_labels(models))
