"""The models' results on the test set, and comparisons of models."""

from collections.abc import Mapping
from typing import Any

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import (
    DASH,
    count,
    estimate,
    interval,
    number,
    p_value,
    percent,
    plain,
    plural,
    signed,
    stacked,
)
from pneumo.pages.shared import first_seed, over_seeds, per_model, under_models
from pneumo.record import Estimate, Record
from pneumo.record.answers import Model

_METRICS = {
    "accuracy": "accuracy", "auc": "AUC", "precision": "precision", "recall": "recall",
    "specificity": "specificity", "f1": "F1", "brier": "Brier",
}  # fmt: skip
_MARKS = {"auc": "†", "accuracy": "‡"}


def comparison(record: Record) -> Table:
    """Every model and baseline at a threshold of 0.5, intervals below; models that differ are marked."""
    numbers = record.table("tbl-comparison")
    baselines = record.baselines
    rows = []
    for name in [*record.models, *baselines]:
        model = record.models.get(name)
        head = [model.title, count(model.parameters)] if model else [baselines[name].title, DASH]
        found = list(numbers.where(model=name).rows())
        if not found:
            rows.append([*head, "not run", *[DASH] * (len(_METRICS) - 1)])
            continue
        marks = [_MARKS[row["metric"]] if row["differs"] == 1 else "" for row in found]
        rows.append(
            head + [number(row["value"]) + mark for row, mark in zip(found, marks, strict=True)]
        )
        # Without the zero before the point, seven intervals fit on one line.
        rows.append(["", "", *(interval(Estimate.of(row)).replace("0.", ".") for row in found)])
    seeds = len(record.profile.seeds)
    over = (
        f"means over {seeds} seeds, 95 % intervals over test {record.units} and seeds below. "
        if seeds > 1
        else f"one seed, 95 % intervals over test {record.units} below; they do not hold the change that "
        "another seed would bring. "
    )
    together = record.models.get("ensemble")
    each = f", {seeds} seeds each" if seeds > 1 else ""
    ensemble = (
        f"The ensemble joins {plural(together.members, 'run')} of {plural(len(record.ran), 'model')}{each}. "
        if together
        else ""
    )
    return table(
        f"model | parameters > | {' | '.join(f'{title} >' for title in _METRICS.values())}",
        rows,
        f"All models on the test set at a threshold of 0.5; {over}For Brier less is better, for all others "
        f"more. {ensemble}A dash stands where a number cannot vary. † AUC and ‡ accuracy differ from "
        f"{record.best.title}’s beyond chance (p < 0.05 after Holm's correction over the table). "
        + " ".join(f"{_not_run(model)}." for model in record.not_run),
    )


def summary(record: Record) -> Table:
    """The front page's table: every model's AUC, and accuracy at two thresholds, with intervals."""
    rows = per_model(record, record.table("tbl-summary"), lambda row: [stacked(Estimate.of(row))])
    rows += [[model.title, "not run", DASH, DASH] for model in record.not_run]
    names = ", ".join(model.title for model in record.not_run)
    return table(
        "model | AUC > | accuracy at validation's threshold > | accuracy at 0.5 >",
        rows,
        f"All models on the {count(record.data.total('test'))} test images: {over_seeds(record)}, with 95 % "
        "intervals. Validation's threshold is the one with the largest Youden's J there. "
        + (f"Not run, as @sec-runs explains: {names}." if names else ""),
    )


def pairs(record: Record) -> Table:
    """Every pair of models: the difference of AUC with its interval, and corrected p-values."""
    seeds = len(record.profile.seeds)
    tests = ("delong", "mcnemar at half", "mcnemar at youden")
    rows = [
        [
            record.title(row["first"]),
            record.title(row["second"]),
            signed(row["difference"]),
            interval(Estimate.of(row, "difference"), 3, sign=True),
            *(p_value(row[f"p {test}"]) for test in tests),
        ]
        for row in record.table("tbl-pairs").rows()
    ]
    over = f"mean over {seeds} seeds, 95 % interval over {record.units} and seeds" if seeds > 1 else (
        f"95 % interval over {record.units}"
    )  # fmt: skip
    return table(
        "first | second | difference of AUC > | 95 % interval > | DeLong > | exact at 0.5 > "
        "| exact at Youden >",
        rows,
        f"Every pair of models on the test set. Difference: first minus second, {over}. P-values of "
        "DeLong's test and of the exact test of paired calls: "
        f"{'first seeds, ' if seeds > 1 else ''}over {record.units}, corrected over all pairs.",
    )


def beside_source(record: Record) -> Table:
    """The models of the source write-up: its numbers and ours for each metric, at 0.5."""
    numbers = record.table("tbl-source")
    rows, missing = [], []
    for name in numbers.distinct("model"):
        model, found = record.models[name], numbers.where(model=name)
        rows.append([model.title, "reported", *map(number, found["reported"])])
        measured = "measured here" if model.ran else "not run here"
        rows.append(["", measured, *map(number, found["measured"])])
        if not model.ran:
            missing.append(f"{_not_run(model)}.")
    metrics = " | ".join(f"{_METRICS[name]} >" for name in numbers.distinct("metric"))
    return table(
        f"model | numbers | {metrics}",
        rows,
        f"Reported by the source write-up, and measured here ({over_seeds(record)}). {' '.join(missing)}",
    )


def operating_points(record: Record) -> Table:
    """Each model's operating points on the test set, first seed: counts, sensitivity, specificity."""
    counts = ("true_positive", "false_negative", "false_positive", "true_negative")
    return table(
        "model | chosen by | threshold > | TP > | FN > | FP > | TN > | sensitivity > | specificity >",
        under_models(
            record,
            record.table("tbl-operating-points"),
            lambda row: [
                _rule(record, row),
                number(row["threshold"]),
                *(count(row[name]) for name in counts),
                *(
                    estimate(Estimate.of(row, name), 3, 3)
                    for name in ("sensitivity", "specificity")
                ),
            ],
        ),
        f"Operating points on the test set{first_seed(record)}: counts of true and false positives and "
        f"negatives, sensitivity and specificity with Wilson's 95 % interval [@wilson1927] over "
        f"{record.units}.",
    )


def predictive_values(record: Record) -> Table:
    """Predictive values and likelihood ratios at each operating point, first seed."""
    digits = {"ppv": 3, "npv": 3, "lr_positive": 1, "lr_negative": 2}
    return table(
        "model | chosen by | PPV > | NPV > | LR+ > | LR− >",
        under_models(
            record,
            record.table("tbl-predictive-values"),
            lambda row: [
                _rule(record, row),
                *(stacked(Estimate.of(row, name), n, n) for name, n in digits.items()),
            ],
        ),
        "Predictive values at the test set's prevalence, with Wilson's 95 % interval, and likelihood ratios, "
        f"with the log method's, over {record.units}{first_seed(record, '; ')}.",
    )


def promise(record: Record) -> Table:
    """Sensitivity and specificity on validation and test at each threshold chosen on validation."""
    numbers = record.table("tbl-promise")
    rows = []
    for name in numbers.distinct("model"):
        own = numbers.where(model=name)
        for place, rule in enumerate(own.distinct("rule")):
            row = ["" if place else record.title(name), record.models[name].point(rule).short]
            for one in own.where(rule=rule).rows():
                row += [number(one["validation"]), number(one["test"]), signed(one["difference"])]
            rows.append(row)
    return table(
        "model | chosen by | sensitivity, validation > | test > | off by > "
        "| specificity, validation > | test > | off by >",
        rows,
        "What validation promised at the thresholds chosen on it, what the test set kept, and the "
        f"difference{first_seed(record)}.",
    )


def shared_mistakes(record: Record) -> Table:
    """The number of test cases that k of the models get wrong, by class, beside the number if independent."""
    numbers = record.table("tbl-shared-mistakes")
    heads = [f"{name} > | {name}, if independent >" for name in numbers.distinct("class")]
    rows = []
    for models in numbers.distinct("models"):
        found = numbers.where(models=models).rows()
        cells = ((count(row["cases"]), number(row["expected"], 1)) for row in found)
        rows.append([count(models), *(cell for pair in cells for cell in pair)])
    return table(
        " | ".join(["models that err >", *heads]),
        rows,
        f"Test cases by the number of models that call them wrongly at Youden's threshold"
        f"{first_seed(record, after='s')}, beside the counts that independent mistakes with the same error "
        "rates would give.",
    )


def flips(record: Record) -> Table:
    """The number of test cases on which a model's seeds disagree, by class."""
    numbers, about = record.table("tbl-flips"), record.about
    *classes, _ = numbers.distinct("class")
    rows = []
    for name in numbers.distinct("model"):
        found = numbers.where(model=name)
        *cells, _ = map(count, found["cases"])
        rows.append([record.title(name), *cells, percent(found["share"][-1])])
    return table(
        f"model | {' | '.join(f'{name} >' for name in classes)} | of all test cases >",
        rows,
        f"Test cases that some seeds of a model call {about.positive} and others {about.negative}, each at "
        "its own Youden threshold.",
    )


def _rule(record: Record, row: Mapping[str, Any]) -> str:
    """The rule that chose an operating point."""
    return record.models[row["model"]].point(row["rule"]).short


def _not_run(model: Model) -> str:
    return f"{model.title} was not run: {plain(model.reason)}"
