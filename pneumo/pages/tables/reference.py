"""The reference study's numbers, alone and beside those of the study that a site is built from."""

from collections.abc import Mapping
from typing import Any

from pneumo.analysis.reference import Reference
from pneumo.pages.tables._table import (
    DASH,
    Table,
    code,
    duration,
    number,
    plain,
    signed,
    sourced,
    table,
)
from pneumo.statistics import metrics
from pneumo.study.study import Study

# Scores that no threshold moves, and those that one decides.
SCORES = ("auc", "brier")
AT_A_THRESHOLD = ("accuracy", "precision", "recall", "specificity", "f1")


@sourced
def reference_scores(reference: Reference) -> Table:
    """Every model of the reference: parameters, seeds, and what no threshold moves."""
    rows = []
    for name, model in reference.results["models"].items():
        cells = [reference.title(name), f"{model['parameters']:,}"]
        if name in reference.models:
            cells += [str(len(model["seeds"]))]
            cells += [_with_interval(model["test_at_half"][metric]) for metric in SCORES]
        else:
            cells += ["not run", *[DASH] * len(SCORES)]
        rows.append(cells)
    return table("model | parameters > | seeds > | AUC > | Brier >", rows)


@sourced
def reference_points(reference: Reference) -> Table:
    """Every model that was run, at 0.5 and at the threshold that validation chose, intervals below."""
    rows = []
    for name in reference.models:
        model = reference.results["models"][name]
        chosen = f"{number(model['threshold']['value'])}, by validation"
        for place, block, at in (
            (reference.title(name), "test_at_half", f"{metrics.HALF:g}"),
            ("", "test", chosen),
        ):
            values = [model[block][metric] for metric in AT_A_THRESHOLD]
            rows.append([place, at, *(number(value["mean"]) for value in values)])
            if any(map(_interval, values)):
                rows.append(["", "", *map(_interval, values)])
    return table(
        "model | threshold | accuracy > | precision > | recall > | specificity > | F1 >", rows
    )


@sourced
def reference_origin(reference: Reference) -> Table:
    """Where the reference comes from: profile, seeds, data, code, machines, versions."""
    results, runs = reference.results, reference.results["provenance"]["runs"]
    hardware = [run["hardware"] for run in runs]
    rows = [
        ["profile", code(results["profile"])],
        ["seeds", ", ".join(map(str, reference.seeds))],
        ["fingerprint of the data", code(results["data"]["fingerprint"])],
        ["written on", plain(results["written"])],
        ["commit of the code", _each(code((run["git_commit"] or DASH)[:12]) for run in runs)],
        ["runs", f"{len(runs)}, trained in {duration(sum(run['seconds'] for run in runs))}"],
        ["hardware", plain(_each(f"{one['device']} ({one['name']})" for one in hardware))],
    ]
    rows += [
        [plain(package), plain(_each(run["versions"].get(package, DASH) for run in runs))]
        for package in runs[0]["versions"]
    ]
    return table("what | value", rows)


@sourced
def reference_difference(study: Study, reference: Reference) -> Table:
    """Model by model at 0.5: the reference's mean, this study's, and their difference.

    A difference is in bold where it is larger than the reference's seeds lead to expect.
    """
    found = {(one.model, one.metric): one for one in reference.compare(study)}
    rows = []
    for model in study.ran:
        ones = [
            found[model.name, metric] for metric in metrics.NAMES if (model.name, metric) in found
        ]
        if not ones:
            continue
        rows.append([model.title, "reference", *(number(one.reference) for one in ones)])
        rows.append(["", "this site", *(number(one.here) for one in ones)])
        differences = [
            f"**{text}**" if one.decided and not one.agrees else text
            for one, text in ((one, signed(one.here - one.reference)) for one in ones)
        ]
        rows.append(["", "difference", *differences])
    return table(
        "model | numbers | accuracy > | AUC > | precision > | recall > | specificity > | F1 > "
        "| Brier >",
        rows,
    )


def _with_interval(value: Mapping[str, Any]) -> str:
    """A mean, and its interval where there is one."""
    mean, interval = number(value["mean"]), _interval(value)
    return f"{mean} ({interval})" if interval else mean


def _interval(value: Mapping[str, Any]) -> str:
    """An interval's ends, or nothing."""
    if value.get("low") is None or value.get("high") is None:
        return ""
    return f"{number(value['low'], 2)}–{number(value['high'], 2)}"


def _each(values: Any) -> str:
    """What runs say, each thing once."""
    return ", ".join(dict.fromkeys(values))
