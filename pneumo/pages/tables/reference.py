"""The reference record's numbers, alone and beside those of the site's record."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

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
from pneumo.pages.references import Compared, compare, reference
from pneumo.pages.tables import training
from pneumo.record import Record
from pneumo.record.answers import Model

# Metrics that do not depend on a threshold, and those that do.
SCORES = ("auc", "brier")
AT_A_THRESHOLD = ("accuracy", "precision", "recall", "specificity", "f1")
METRICS = ("accuracy", "auc", "precision", "recall", "specificity", "f1", "brier")


def scores(record: Record) -> Table:
    """Every model: parameters, seeds, and the metrics without a threshold."""
    rows = [
        [
            model.title,
            count(model.parameters),
            count(len(model.seeds)) if model.ran else "not run",
            *(estimate(model.test_at_half[metric]) for metric in SCORES),
        ]
        for model in record.models.values()
    ]
    return table(
        "model | parameters > | seeds > | AUC > | Brier >",
        rows,
        f"The reference study's models on the test set of {record.about.title}: means over the seeds with 95 "
        f"% intervals over test {record.units} and seeds (@sec-intervals). A higher AUC is better, a lower "
        "Brier score is better.",
    )


def points(record: Record) -> Table:
    """Every model that was run, at 0.5 and at the threshold chosen on validation, intervals below."""
    return table(
        "model | threshold | accuracy > | precision > | recall > | specificity > | F1 >",
        (row for model in record.models.values() if model.ran for row in _points(model)),
        "The same models at two thresholds: means over the seeds, 95 % intervals below. The threshold from "
        "validation is the mean over the seeds, too.",
    )


def claims(record: Record) -> Table:
    """Every claim with the reference record's verdict."""
    return replace(
        training.claims(record),
        caption="Every claim, as the reference study's numbers decide it.",
        runs=(),  # its runs are not in the site's record, so no page has rows to link to
    )


def origin(record: Record) -> Table:
    """Where the record comes from: profile, seeds, data, code, machines, versions."""
    runs = record.provenance.runs
    seconds = duration(sum(run.seconds for run in runs))
    versions = list(dict.fromkeys(name for run in runs for name in run.versions))
    rows = [
        ["profile", code(record.profile.name)],
        ["seeds", ", ".join(map(str, record.profile.seeds))],
        ["fingerprint of the data", code(record.data.fingerprint)],
        ["written on", plain(record.results["written"])],
        ["commit of the code", _each(code((run.git_commit or DASH)[:12]) for run in runs)],
        ["runs", f"{len(runs)}, trained in {seconds}"],
        ["hardware", plain(_each("{device} ({name})".format(**run.hardware) for run in runs))],
    ]
    rows += [
        [plain(name), plain(_each(run.versions.get(name, DASH) for run in runs))]
        for name in versions
    ]
    return table("what | value", rows, "Where the reference record comes from.")


def difference(record: Record) -> Table:
    """Model by model at 0.5: the reference's mean, this site's, and their difference.

    A difference is in bold if this site's mean lies outside the reference's prediction interval.
    """
    kept = reference(record)
    found = {(one.model, one.metric): one for one in compare(record, kept)} if kept else {}
    rows = []
    for name in dict.fromkeys(model for model, _ in found):
        ones = [found[name, metric] for metric in METRICS]
        rows += [
            [record.title(name), "reference", *(number(one.reference.value) for one in ones)],
            ["", "this site", *(number(one.here.value) for one in ones)],
            ["", "difference", *map(_difference, ones)],
        ]
    return table(
        "model | numbers | accuracy > | AUC > | precision > | recall > | specificity > | F1 > | Brier >",
        rows,
        "The reference record and this site on the test set at a threshold of 0.5: means over the seeds of "
        "each, and this site's minus the reference's. Bold: outside the reference's 95 % prediction "
        "interval.",
        [run for model in record.ran for run in model.runs],
    )


def front(record: Record) -> Table:
    """The best model's results on validation and test, for the reference and this record."""
    both = [found for found in (reference(record), record) if found]
    metrics = {"recall": "sensitivity", "specificity": "specificity", "auc": "AUC"}
    rows = [
        [title, *(cell for found in both for cell in _promise(found.best, metric))]
        for metric, title in metrics.items()
    ]
    models = " and ".join(
        f"{found.best.title} ({where})"
        for found, where in zip(both, ("reference", "here")[-len(both) :], strict=True)
    )
    return table(
        f"what{' | reference: validation > | test >' if len(both) > 1 else ''} | here: validation > | test >",
        rows,
        f"The model that each shows first, at a threshold of 0.5: {models}. Means over the seeds, 95 % "
        "intervals in brackets.",
        record.best.runs,
    )


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


def _each(values: Iterable[str]) -> str:
    """The distinct values of the runs."""
    return ", ".join(dict.fromkeys(values))
