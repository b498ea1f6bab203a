"""The reference record's numbers, alone and beside those of the site's record."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace

from matplotlib.ticker import MultipleLocator

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import (
    DASH,
    code,
    count,
    duration,
    estimate,
    interval,
    number,
    plain,
    signed,
)
from pneumo.pages.pictures import roc, two_lines
from pneumo.pages.references import Compared, compare, reference
from pneumo.pages.topics import training
from pneumo.pages.topics.evaluation import METRICS
from pneumo.record import Record
from pneumo.record.answers import Model

COLUMNS = 3
AT_A_THRESHOLD = ("accuracy", "precision", "recall", "specificity", "f1")


def fig_reference(record: Record) -> Shown:
    """Each model's ROC curve on the test set from every seed, with its call at 0.5; one panel per model."""
    numbers = record.figure("fig-reference-curves")
    calls = record.table("tbl-reference-seeds").where(rule="half")
    names = numbers.distinct("model")
    rows = max(1, math.ceil(len(names) / COLUMNS))
    canvas = style.figure(record, height=0.4 + 2.1 * rows)
    grid = canvas.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    looks = style.looks(list(record.models))
    # A screening test needs a high sensitivity, and all calls lie there.
    lowest = min([0.58, *(calls.where(metric="recall")["value"] - 0.03)])
    for axes, name in zip(grid.flat, names, strict=False):
        style.plot(axes).set_title(two_lines(record.title(name)), fontsize=style.HEAD)
        colour = looks[name]["color"]
        for seed, curve in numbers.where(model=name).by("seed"):
            roc(axes, curve, color=colour, linewidth=1, alpha=0.75)
            own = calls.where(model=name, seed=seed)
            axes.plot(
                1 - own.where(metric="specificity")["value"], own.where(metric="recall")["value"],
                marker="o", color=colour, markersize=5, markeredgecolor=style.PAGE, zorder=3,
            )  # fmt: skip
        axes.set(xlim=(-0.02, 1.02), ylim=(lowest, 1.015))
        axes.yaxis.set_major_locator(MultipleLocator(0.1))
        axes.xaxis.set_major_locator(MultipleLocator(0.25))
    for place in range(len(names), grid.size):
        grid.flat[place].set_axis_off()
        # The panel above is then the last of its column.
        grid.flat[place - COLUMNS].tick_params(labelbottom=True)
    canvas.supxlabel("1 − specificity", fontsize=style.HEAD)
    canvas.supylabel("sensitivity", fontsize=style.HEAD)
    areas = sorted(record.models[name].test_at_half["auc"].value for name in names)
    caption = f"""The models' AUCs, means over the seeds, are {number(areas[0])} to {number(areas[-1])}. ROC
        curves of the reference study on the test set of {record.about.title}: one panel per model, one curve
        per seed. A round mark shows a seed's calls at 0.5. Low sensitivities are cut off."""
    reached = " ".join(_reached(record.models[name]) for name in names)
    return Shown(canvas, caption, f"Means over the seeds. {reached}")


def tbl_reference(record: Record) -> Table:
    """Every model: parameters, seeds, and the metrics without a threshold."""
    return table(
        {
            "model": lambda model: model.title,
            "parameters >": lambda model: count(model.parameters),
            "seeds >": lambda model: (
                count(len(model.member_seeds or model.seeds)) if model.ran else "not run"
            ),
            "AUC >": lambda model: estimate(model.test_at_half["auc"]),
            "Brier >": lambda model: estimate(model.test_at_half["brier"]),
        },
        record.models.values(),
        f"""The reference study's models on the test set of {record.about.title}: means over the seeds with 95
        % intervals over test {record.units} and seeds (@sec-intervals). A higher AUC is better, a lower Brier
        score is better.""",
    )


def tbl_reference_points(record: Record) -> Table:
    """Every model that was run, at 0.5 and at the threshold chosen on validation, intervals below."""
    heads = " | ".join(f"{METRICS[metric]} >" for metric in AT_A_THRESHOLD)
    return table(
        f"model | threshold | {heads}",
        (row for model in record.models.values() if model.ran for row in _points(model)),
        """The same models at two thresholds: means over the seeds, 95 % intervals below. The threshold from
        validation is the mean over the seeds, too.""",
    )


def tbl_reference_claims(record: Record) -> Table:
    """Every claim with the reference record's verdict."""
    return replace(
        training.tbl_claims(record),
        caption="Every claim, as the reference study's numbers decide it.",
        runs=(),  # its runs are not in the site's record, so no page has rows to link to
    )


def tbl_reference_origin(record: Record) -> Table:
    """Where the record comes from: profile, seeds, data, code, machines, versions."""
    runs = record.provenance.runs
    seconds = duration(sum(run.seconds for run in runs))
    versions = dict.fromkeys(name for run in runs for name in run.versions)
    rows = [
        ["profile", code(record.profile.name)],
        ["seeds", ", ".join(map(str, record.profile.seeds))],
        ["fingerprint of the data", code(record.data.fingerprint)],
        ["written on", plain(record.results["written"])],
        ["commit of the code", _distinct(code((run.git_commit or DASH)[:12]) for run in runs)],
        ["runs", f"{len(runs)}, trained in {seconds}"],
        ["hardware", plain(_distinct("{device} ({name})".format(**run.hardware) for run in runs))],
    ]
    rows += [
        [plain(name), plain(_distinct(run.versions.get(name, DASH) for run in runs))]
        for name in versions
    ]
    return table("what | value", rows, "Where the reference record comes from.")


def tbl_reference_difference(record: Record) -> Table:
    """Model by model at 0.5: the reference's mean, this site's, and their difference.

    A difference is in bold if this site's mean lies outside the reference's prediction interval.
    """
    kept = reference(record)
    found = {(one.model, one.metric): one for one in compare(record, kept)} if kept else {}
    rows = []
    for name in dict.fromkeys(model for model, _ in found):
        title, ones = record.title(name), [found[name, metric] for metric in METRICS]
        rows += [
            [title, "reference", *(number(one.reference.value) for one in ones)],
            [title, "this site", *(number(one.here.value) for one in ones)],
            [title, "difference", *map(_difference, ones)],
        ]
    return table(
        f"model | numbers | {' | '.join(f'{metric} >' for metric in METRICS.values())}",
        rows,
        """The reference record and this site on the test set at a threshold of 0.5: means over the seeds of
        each, and this site's minus the reference's. Bold: outside the reference's 95 % prediction
        interval.""",
        [run for model in record.ran for run in model.runs],
        once=1,
    )


def tbl_front(record: Record) -> Table:
    """The best model's results on validation and test, for the reference and this record."""
    both = {"reference": reference(record), "here": record}
    shown = {where: found.best for where, found in both.items() if found}
    metrics = {"recall": "sensitivity", "specificity": "specificity", "auc": "AUC"}
    rows = [
        [title, *(cell for model in shown.values() for cell in _promise(model, metric))]
        for metric, title in metrics.items()
    ]
    models = " and ".join(f"{model.title} ({where})" for where, model in shown.items())
    return table(
        " | ".join(["what", *(f"{where}: validation > | test >" for where in shown)]),
        rows,
        f"""The model that each shows first, at a threshold of 0.5: {models}. Means over the seeds, 95 %
        intervals in brackets.""",
        record.best.runs,
    )


def _reached(model: Model) -> str:
    auc, sensitivity, specificity = (
        number(model.test_at_half[metric].value) for metric in ("auc", "recall", "specificity")
    )
    return f"""{model.title} has an AUC of {auc}, and at 0.5 a sensitivity of {sensitivity} with a specificity
        of {specificity}."""


def _difference(found: Compared) -> str:
    text = signed(found.difference)
    return f"**{text}**" if found.decided and not found.agrees else text


def _promise(model: Model, metric: str) -> tuple[str, str]:
    return number(model.validation_at_half[metric]), estimate(model.test_at_half[metric])


def _points(model: Model) -> Iterator[list[str]]:
    chosen = f"{number(model.threshold.value)}, by validation"
    for title, found, at in ((model.title, model.test_at_half, "0.5"), ("", model.test, chosen)):
        values = [found[metric] for metric in AT_A_THRESHOLD]
        yield [title, at, *(number(value.value) for value in values)]
        ends = [interval(value) for value in values]
        if any(text != DASH for text in ends):
            yield ["", "", *ends]


def _distinct(values: Iterable[str]) -> str:
    """The distinct values of the runs."""
    return ", ".join(dict.fromkeys(values))
