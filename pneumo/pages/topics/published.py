"""Published results beside this report's, the effect of choosing on the test set, and the goals."""

from collections.abc import Iterator

from pneumo.pages import published
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, count, number, plain
from pneumo.pages.topics.paired import SIZES
from pneumo.record import Record


def tbl_published(record: Record) -> Table:
    found = published.results(record.data.dataset)
    rows = [
        [
            f"{one.model} [@{one.source}]", f"{one.size}", one.pretraining, number(one.auc),
            number(one.accuracy), one.seeds, one.selected_on, one.code, one.checked,
        ]
        for one in found
    ]  # fmt: skip
    return table(
        """model | pixels > | pretraining | AUC > | accuracy > | seeds | epoch chosen on | code | checked
        against""",
        [*rows, *_write_up(record), *_own(record)],
        f"""Published results on the same test images, and this report's. Accuracy is at a threshold of 0.5;
        of several seeds the mean. *Not said*: the source does not say it, or it could not be checked. Of a
        source with many models the best at a size is listed, which is itself a choice by the test set. Looked
        up until {max((one.looked_up for one in found), default=DASH)}.""",
        [label for model in record.ran for label in model.runs],
    )


def tbl_hindsight(record: Record) -> Table:
    rows = [
        [record.title(row.pop("model")), count(row.pop("seeds")), *map(number, row.values())]
        for row in record.table("tbl-hindsight").rows()
    ]
    return table(
        """model | seeds > | threshold by validation > | at 0.5 > | best seed at 0.5 > | best threshold > |
        best threshold and seed > | AUC > | AUC, best seed >""",
        rows,
        """Accuracy and AUC on the test set as they are reported, the mean over the seeds, and what choosing
        the seed, the threshold or both **on the test set** would have made of them. The last are no results.
        The epoch was never chosen, and test metrics were not kept by epoch.""",
    )


def tbl_goals(record: Record) -> Table:
    """The project's goals and results."""
    rows = []
    for goal in published.goals(record.data.dataset):
        for metric, wanted in (("auc", goal.auc), ("accuracy", goal.accuracy)):
            name, reached = _reached(record, goal, metric)
            verdict = DASH if reached is None else "yes" if reached >= wanted else "no"
            rows.append(
                [f"{goal.size}", name, SIZES[metric, "youden" if metric == "accuracy" else "half"],
                 f"≥ {wanted:g}", number(reached), verdict]
            )  # fmt: skip
    return table(
        "pixels > | model | metric | goal > | reached > | met",
        rows,
        """The goals that were set before the last trainings, and the mean over the seeds that was reached;
        accuracy is at the threshold of Youden's J on validation.""",
    )


def _own(record: Record) -> Iterator[list[str]]:
    """The models shown beside published ones: the one chosen on validation, and the ensemble."""
    for name in (record.profile.best, "ensemble"):
        if name not in record.models:
            continue
        model = record.models[name]
        pretraining = plain(model.pretrained["name"]) if model.pretrained else "none"
        yield [
            f"**{model.title}, this report**",
            f"{record.data.size}",
            DASH if name == "ensemble" else pretraining,
            number(model.test_at_half["auc"].value),
            number(model.test_at_half["accuracy"].value),
            f"{len(record.profile.seeds)}",
            "not chosen",
            "public",
            "@sec-reproducibility",
        ]


def _write_up(record: Record) -> Iterator[list[str]]:
    """The best model of the source write-up, if it used the same images."""
    reported = record.results.get("write_up") or {}
    for name in sorted(reported, key=lambda one: reported[one]["accuracy"])[-1:]:
        row = reported[name]
        yield [
            f"{record.title(name)}, the write-up that this began with",
            f"{record.data.size}",
            "ImageNet" if "imagenet" in name else "none",
            number(row["auc"]),
            number(row["accuracy"]),
            *["not said"] * 4,
        ]


def _reached(record: Record, goal: published.Goal, metric: str) -> tuple[str, float | None]:
    """The model that a goal is about, and its mean over the seeds; None if it was not trained."""
    larger = record.get("sizes")
    name = "ensemble" if goal.of == "ensemble" else str(record.profile.best)
    if goal.size == record.data.size and name in record.models:
        return record.title(name), record.models[name].test[metric].value
    if larger and goal.size == larger.size and goal.of == "best":
        rule = "half" if metric == "auc" else "youden"
        own = record.table("tbl-size").where(model=larger.best, metric=metric, rule=rule)
        return record.title(str(larger.best)), float(own["larger"][0])
    return "ensemble" if goal.of == "ensemble" else "chosen on validation", None
