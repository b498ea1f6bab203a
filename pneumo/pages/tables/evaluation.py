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
from pneumo.record import Estimate, Record
from pneumo.record.answers import Baseline, Model

_METRICS = {
    "accuracy": "accuracy", "auc": "AUC", "precision": "precision", "recall": "recall",
    "specificity": "specificity", "f1": "F1", "brier": "Brier",
}  # fmt: skip
_MARKS = {"auc": "†", "accuracy": "‡"}


def comparison(record: Record) -> Table:
    """Every model and baseline at a threshold of 0.5, intervals below; models that differ are marked."""
    numbers = record.table("tbl-comparison")
    baselines = record.answer("baselines", dict[str, Baseline])
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
        rows.append(["", "", *(interval(_estimate(row)).replace("0.", ".") for row in found)])
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
        numbers.runs,
    )


def summary(record: Record) -> Table:
    """The front page's table: every model's AUC, and accuracy at two thresholds, with intervals."""
    numbers = record.table("tbl-summary")
    rows = [
        [
            record.models[name].title,
            *(stacked(_estimate(row)) for row in numbers.where(model=name).rows()),
        ]
        for name in numbers.distinct("model")
    ]
    rows += [[model.title, "not run", DASH, DASH] for model in record.not_run]
    names = ", ".join(model.title for model in record.not_run)
    return table(
        "model | AUC > | accuracy at validation's threshold > | accuracy at 0.5 >",
        rows,
        f"All models on the {count(record.data.total('test'))} test images: {_seeds(record)}, with 95 % "
        "intervals. Validation's threshold is the one with the largest Youden's J there. "
        + (f"Not run, as @sec-runs explains: {names}." if names else ""),
        numbers.runs,
    )


def pairs(record: Record) -> Table:
    """Every pair of models: the difference of AUC with its interval, and corrected p-values."""
    numbers = record.table("tbl-pairs")
    seeds = len(record.profile.seeds)
    rows = [
        [
            record.models[row["first"]].title,
            record.models[row["second"]].title,
            signed(row["difference"]),
            interval(Estimate(row["difference"], row["low"], row["high"]), 3, sign=True),
            *(
                p_value(row[f"p {test}"])
                for test in ("delong", "mcnemar at half", "mcnemar at youden")
            ),
        ]
        for row in numbers.rows()
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
        numbers.runs,
    )


def beside_source(record: Record) -> Table:
    """The models of the source write-up: its numbers and ours for each metric, at 0.5."""
    numbers = record.table("tbl-source")
    rows = []
    missing = []
    for name in numbers.distinct("model"):
        model, found = record.models[name], numbers.where(model=name)
        rows.append([model.title, "reported", *map(number, found["reported"])])
        said = "measured here" if model.ran else "not run here"
        rows.append(["", said, *map(number, found["measured"])])
        if not model.ran:
            missing.append(f"{_not_run(model)}.")
    metrics = " | ".join(f"{_METRICS[name]} >" for name in numbers.distinct("metric"))
    return table(
        f"model | numbers | {metrics}",
        rows,
        f"Reported by the source write-up, and measured here ({_seeds(record)}). {' '.join(missing)}",
        numbers.runs,
    )


def operating_points(record: Record) -> Table:
    """Each model's operating points on the test set, first seed: counts, sensitivity, specificity."""
    numbers = record.table("tbl-operating-points")
    counts = ("true_positive", "false_negative", "false_positive", "true_negative")
    rows = [
        [
            *_of_point(record, row),
            number(row["threshold"]),
            *(count(row[name]) for name in counts),
            *(estimate(_estimate(row, name), 3, 3) for name in ("sensitivity", "specificity")),
        ]
        for row in numbers.rows()
    ]
    return table(
        "model | chosen by | threshold > | TP > | FN > | FP > | TN > | sensitivity > | specificity >",
        rows,
        f"Operating points on the test set{_first_seed(record)}: counts of true and false positives and "
        f"negatives, sensitivity and specificity with Wilson's 95 % interval [@wilson1927] over "
        f"{record.units}.",
        numbers.runs,
    )


def predictive_values(record: Record) -> Table:
    """Predictive values and likelihood ratios at each operating point, first seed."""
    numbers = record.table("tbl-predictive-values")
    digits = {"ppv": 3, "npv": 3, "lr_positive": 1, "lr_negative": 2}
    rows = [
        [
            *_of_point(record, row),
            *(stacked(_estimate(row, name), places, places) for name, places in digits.items()),
        ]
        for row in numbers.rows()
    ]
    return table(
        "model | chosen by | PPV > | NPV > | LR+ > | LR− >",
        rows,
        "Predictive values at the test set's prevalence, with Wilson's 95 % interval, and likelihood ratios, "
        f"with the log method's, over {record.units}{_first_seed(record, '; ')}.",
        numbers.runs,
    )


def promise(record: Record) -> Table:
    """Sensitivity and specificity on validation and test at each threshold chosen on validation."""
    numbers = record.table("tbl-promise")
    rows: dict[tuple[str, str], list[str]] = {}
    before = ""
    for row in numbers.rows():
        model, rule = row["model"], row["rule"]
        if (model, rule) not in rows:
            title = record.models[model].title if model != before else ""
            rows[model, rule] = [title, record.models[model].point(rule).short]
            before = model
        rows[model, rule] += [
            number(row["validation"]),
            number(row["test"]),
            signed(row["difference"]),
        ]
    return table(
        "model | chosen by | sensitivity, validation > | test > | off by > "
        "| specificity, validation > | test > | off by >",
        rows.values(),
        "What validation promised at the thresholds chosen on it, what the test set kept, and the "
        f"difference{_first_seed(record)}.",
        numbers.runs,
    )


def shared_mistakes(record: Record) -> Table:
    """The number of test cases that k of the models get wrong, by class, beside the number if independent."""
    numbers = record.table("tbl-shared-mistakes")
    classes = numbers.distinct("class")
    rows = []
    for models in numbers.distinct("models"):
        found = numbers.where(models=models).rows()
        cells = ((count(row["cases"]), number(row["expected"], 1)) for row in found)
        rows.append([count(models), *(cell for pair in cells for cell in pair)])
    seeds = ", first seeds" if len(record.profile.seeds) > 1 else ""
    return table(
        "models that err > | "
        + " | ".join(f"{name} > | {name}, if independent >" for name in classes),
        rows,
        f"Test cases by the number of models that call them wrongly at Youden's threshold{seeds}, beside the "
        "counts that independent mistakes with the same error rates would give.",
        numbers.runs,
    )


def flips(record: Record) -> Table:
    """The number of test cases on which a model's seeds disagree, by class."""
    numbers = record.table("tbl-flips")
    *classes, _ = numbers.distinct("class")
    about = record.about
    rows = []
    for name in numbers.distinct("model"):
        found = numbers.where(model=name)
        *cells, _ = map(count, found["cases"])
        rows.append([record.models[name].title, *cells, percent(found["share"][-1])])
    return table(
        f"model | {' | '.join(f'{name} >' for name in classes)} | of all test cases >",
        rows,
        f"Test cases that some seeds of a model call {about.positive} and others {about.negative}, each at "
        "its own Youden threshold.",
        numbers.runs,
    )


TABLES = {
    "tbl-comparison": comparison,
    "tbl-summary": summary,
    "tbl-pairs": pairs,
    "tbl-source": beside_source,
    "tbl-operating-points": operating_points,
    "tbl-predictive-values": predictive_values,
    "tbl-promise": promise,
    "tbl-shared-mistakes": shared_mistakes,
    "tbl-flips": flips,
}


def _of_point(record: Record, row: Mapping[str, Any]) -> list[str]:
    """A model's title, on its first row only, and the rule that chose the operating point."""
    model = record.models[row["model"]]
    first = model.operating_points[0].id == row["rule"]
    return [model.title if first else "", model.point(row["rule"]).short]


def _estimate(row: Mapping[str, Any], name: str = "") -> Estimate:
    """A value with its interval, from the columns of that name, or from `value`, `low` and `high`."""
    value, low, high = (name, f"{name} low", f"{name} high") if name else ("value", "low", "high")
    return Estimate(row[value], row[low], row[high])


def _not_run(model: Model) -> str:
    return f"{model.title} was not run: {plain(model.reason)}"


def _seeds(record: Record) -> str:
    seeds = len(record.profile.seeds)
    return f"means over {seeds} seeds" if seeds > 1 else "one seed"


def _first_seed(record: Record, sign: str = ", ") -> str:
    return f"{sign}first seed" if len(record.profile.seeds) > 1 else ""
