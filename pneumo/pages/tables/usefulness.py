"""How far probabilities can be taken at face value, and what calls are worth by prevalence."""

import math

from pneumo.analysis import calibration, decisions
from pneumo.pages.tables._table import DASH, Table, number, sourced, table
from pneumo.study import selection
from pneumo.study.operating_points import Rate
from pneumo.study.study import RULES, Study

SPLITS = {"val": "validation", "test": "test"}


@sourced
def calibrations(study: Study) -> Table:
    """Each model on validation and test, before and after temperature scaling; means over the seeds."""
    rows = []
    for model in study.ran:
        found = calibration.summary(model)
        for split, name in SPLITS.items():
            for when in ("before", "after"):
                one = found[split][when]
                first = split == "val" and when == "before"
                divisor = 1.0 if when == "before" else found["temperature"]
                rows.append(
                    [
                        model.title if first else "",
                        name if when == "before" else "",
                        number(divisor, 2),
                        *(
                            number(one[key])
                            for key in ("brier", "reliability", "resolution", "ece")
                        ),
                        _any(one["intercept"]),
                        _any(one["slope"]),
                    ]
                )
    return table(
        "model | images | T > | Brier > | reliability > | resolution > | ECE > | intercept > | slope >",
        rows,
    )


@sourced
def prevalences(study: Study) -> Table:
    """Predictive values of the best model's operating points by prevalence, and calls per 1,000 people."""
    model = selection.best(study)
    rows = []
    for rule in RULES:
        counts = model.confusion(rule)
        for prevalence in decisions.PREVALENCES:
            positive, negative = decisions.predictive_values(counts, prevalence)
            among = decisions.frequencies(counts, prevalence)
            rows.append(
                [
                    rule.short if prevalence == decisions.PREVALENCES[0] else "",
                    f"{100 * prevalence:g} %",
                    _with_interval(positive),
                    _with_interval(negative),
                    str(among.called),
                    str(among.alarms),
                    str(among.missed),
                ]
            )
    return table(
        "chosen by | prevalence > | PPV, % > | NPV, % > | called > | alarms > | missed >",
        rows,
    )


def _with_interval(one: Rate) -> str:
    if math.isnan(one.value):
        return DASH
    return f"{number(100 * one.value, 1)} ({number(100 * one.low, 1)}–{number(100 * one.high, 1)})"


def _any(value: float) -> str:
    """A number that may be infinite."""
    return number(value, 2) if not math.isinf(value) else f"{'-' if value < 0 else ''}∞"
