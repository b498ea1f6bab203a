"""What the models reach on the test set."""

from pneumo.analysis import baselines, intervals
from pneumo.analysis.comparison import SIGNIFICANCE, pairs
from pneumo.analysis.intervals import Interval
from pneumo.base.estimate import Estimate
from pneumo.pages.tables._table import DASH, Table, number, p_value, signed, sourced, table
from pneumo.statistics import metrics
from pneumo.statistics.metrics import Confusion
from pneumo.study import ensemble, selection
from pneumo.study import operating_points as points_of
from pneumo.study.study import HALF, RULES, YOUDEN, Model, Study

# What the write-up that the study began with reported, at a threshold of 0.5 on the test set.
SOURCE_WRITE_UP: dict[str, dict[str, float]] = {
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


@sourced
def comparison(study: Study) -> Table:
    """Every model and baseline at a threshold of 0.5, intervals below; marks where a model differs from the
    best on validation: † its AUC, ‡ its accuracy. A model not run says so.
    """
    bounds = intervals.intervals(study)
    marks = different_from_best(study)
    rows = []
    for model in study.models:
        cells = [model.title, f"{model.parameters:,}"]
        if model.ran:
            rows += _with_intervals(cells, bounds[model.name][HALF.name], marks.get(model.name, {}))
        else:
            rows.append(cells + ["not run"] + [DASH] * (len(metrics.NAMES) - 1))
    together = ensemble.combine(study)
    if together:
        cells = [together.title, f"{together.parameters:,}"]
        rows += _with_intervals(cells, bounds[together.name][HALF.name], {})
    if study.ran:
        for baseline in baselines.predictions(study):
            rows += _with_intervals([baseline.title, DASH], bounds[baseline.name][HALF.name], {})
    return table(
        "model | parameters > | accuracy > | AUC > | precision > | recall > | specificity > | F1 > "
        "| Brier >",
        rows,
    )


@sourced
def summary(study: Study) -> Table:
    """What the front page says of every model: AUC, and accuracy at two thresholds, with intervals."""
    bounds = intervals.intervals(study)
    rows = []
    for model in ensemble.compared(study):
        found = bounds[model.name]
        at_half, chosen = found[HALF.name], found[YOUDEN.name]
        shown = (at_half["auc"], chosen["accuracy"], at_half["accuracy"])
        rows.append([model.title, *map(_with_interval, shown)])
    rows += [[model.title, "not run", DASH, DASH] for model in study.not_run]
    return table(
        f"model | AUC > | accuracy at validation's threshold > | accuracy at {metrics.HALF:g} >",
        rows,
    )


def different_from_best(study: Study) -> dict[str, dict[str, str]]:
    """For each model that differs from the best on validation beyond chance: its metrics' marks."""
    best = selection.best(study).name if study.ran else ""
    marks: dict[str, dict[str, str]] = {}
    for pair in pairs(study):
        if best not in (pair.first, pair.second):
            continue
        other = pair.second if pair.first == best else pair.first
        found = {"auc": (pair.delong, "†"), "accuracy": (pair.mcnemar_half, "‡")}
        marks[other] = {
            name: mark for name, (p_value, mark) in found.items() if p_value < SIGNIFICANCE
        }
    return marks


@sourced
def all_pairs(study: Study) -> Table:
    """Every pair of models: the difference of AUC with its interval, and corrected p-values."""
    rows = []
    for pair in pairs(study):
        difference = pair.difference
        rows.append(
            [
                study.model(pair.first).title,
                study.model(pair.second).title,
                signed(difference.mean),
                f"{signed(difference.low)} to {signed(difference.high)}",
                p_value(pair.delong),
                p_value(pair.mcnemar_half),
                p_value(pair.mcnemar_youden),
            ]
        )
    return table(
        "first | second | difference of AUC > | 95 % interval > | DeLong > | McNemar at 0.5 > "
        "| McNemar at Youden >",
        rows,
    )


@sourced
def beside_source(study: Study) -> Table:
    """The models of the source write-up: its numbers and ours, metric by metric, at 0.5."""
    rows = []
    for name, reported in SOURCE_WRITE_UP.items():
        model = study.model(name)
        rows.append([model.title, "reported", *(number(value) for value in reported.values())])
        ours = model.mean(HALF) if model.ran else {}
        measured = [number(ours.get(metric)) for metric in reported]
        rows.append(["", "measured here" if model.ran else "not run here", *measured])
    return table("model | numbers | accuracy > | AUC > | precision > | recall > | F1 >", rows)


@sourced
def operating_points(study: Study) -> Table:
    """Each model's operating points on the test set, first seed: counts, sensitivity, specificity."""
    rows = []
    for model in ensemble.compared(study):
        for point in points_of.points(model):
            rates = point.rates
            rows.append(
                [
                    model.title if point.rule is RULES[0] else "",
                    point.rule.short,
                    number(point.thresholds[0]),
                    *_counts(point.kept),
                    _rate(rates["sensitivity"]),
                    _rate(rates["specificity"]),
                ]
            )
    return table(
        "model | chosen by | threshold > | TP > | FN > | FP > | TN > | sensitivity > | specificity >",
        rows,
    )


@sourced
def predictive_values(study: Study) -> Table:
    """What a call means at each operating point, first seed: predictive values and likelihood ratios."""
    rows = []
    for model in ensemble.compared(study):
        for point in points_of.points(model):
            rates = point.rates
            rows.append(
                [
                    model.title if point.rule is RULES[0] else "",
                    point.rule.short,
                    *(_rate(rates[name]) for name in ("ppv", "npv")),
                    _rate(rates["lr_positive"], digits=1),
                    _rate(rates["lr_negative"]),
                ]
            )
    return table("model | chosen by | PPV > | NPV > | LR+ > | LR− >", rows)


@sourced
def validation_and_test(study: Study) -> Table:
    """What validation promised at each threshold chosen on it, and how far the test set lies off."""
    rows = []
    for model in study.ran:
        chosen = [point for point in points_of.points(model) if point.rule.chosen_on]
        for point in chosen:
            cells = [model.title if point is chosen[0] else "", point.rule.short]
            for name in ("sensitivity", "specificity"):
                promised, kept = point.promised_rates[name], point.rates[name]
                cells += [
                    number(promised.value),
                    number(kept.value),
                    signed(point.shortfall(name)),
                ]
            rows.append(cells)
    return table(
        "model | chosen by | sensitivity, validation > | test > | off by > "
        "| specificity, validation > | test > | off by >",
        rows,
    )


def ranked(study: Study, metric: str) -> list[Model]:
    """The models that ran, by a test metric at 0.5, the highest first."""
    return sorted(study.ran, key=lambda model: -model.mean(HALF)[metric])


def _counts(counts: Confusion) -> list[str]:
    return [
        str(counts.true_positive),
        str(counts.false_negative),
        str(counts.false_positive),
        str(counts.true_negative),
    ]


def _with_intervals(
    head: list[str], bounds: dict[str, Interval], marks: dict[str, str]
) -> list[list[str]]:
    """Two rows: the metrics' means with their marks, and their intervals."""
    means = [number(bounds[name].mean) + marks.get(name, "") for name in metrics.NAMES]
    # Without the zero before the point, seven intervals fit beside one another.
    below = [
        _between(bounds[name].low, bounds[name].high).replace("0.", ".") for name in metrics.NAMES
    ]
    return [head + means, ["", "", *below]]


def _with_interval(found: Interval) -> str:
    """A mean and its interval in one cell, which a page may set below each other."""
    return f"{number(found.mean)} [({_between(found.low, found.high)})]{{.interval}}"


def _rate(rate: Estimate, digits: int = 2) -> str:
    if rate.value != rate.value:
        return DASH
    return f"{number(rate.value, digits)} ({_between(rate.low, rate.high, digits)})"


def _between(low: float, high: float, digits: int = 2) -> str:
    if low != low and high != high:
        return DASH
    return f"{number(low, digits)}–{number(high, digits)}"
