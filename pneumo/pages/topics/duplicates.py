"""Images that are not independent: duplicates and their search, and several images of one patient."""

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import count, estimate, number, percent, plural
from pneumo.pages.pictures import show, without_images
from pneumo.pages.shared import SPLITS, several, spread, value
from pneumo.record import Record

_METRICS = {"auc": "AUC", "recall": "sensitivity", "specificity": "specificity"}
_HALVES = {
    "shared": "validation, patient in training too",
    "unshared": "validation, other patients",
    "validation": "validation, all",
    "test": "test",
}


def fig_near_duplicates(record: Record) -> Shown:
    """The most similar pairs across splits that are not identical, one above the other, with their labels."""
    about, found = record.about, record.figure("fig-near-duplicates")
    if not len(found):
        none = "No two images of different splits are alike."
        canvas = style.figure(record, height=0.7)
        canvas.text(0.5, 0.5, "none", ha="center", va="center", color=style.GREY)
        return Shown(canvas, none, none)
    pairs = [pair for _, pair in found.by("pair")]
    same = sum(len(pair.distinct("label")) == 1 for pair in pairs)
    low, high = number(found["correlation"].min()), number(found["correlation"].max())
    alt = f"""Of the {plural(len(pairs), "pair")} of images of different splits that are most alike and not
        identical, grey values correlate at {low} to {high}; in {same} both images have the same label."""
    caption = f"""{alt} One above the other, the most alike pair first: split, place in it and label above
        each image (blue {about.negative}, red {about.positive}), below each pair the correlation and how many
        bits of the hashes differ."""
    if record.images is None:
        return without_images(record, caption, alt)
    canvas = style.figure(record, height=3.62 if record.data.is_phantom else 3.5)
    grid = canvas.subplots(2, len(pairs), squeeze=False)
    for column, pair in zip(grid.T, pairs, strict=True):
        for axes, row in zip(column, pair.rows(), strict=True):
            label = about.classes[int(row["label"])]
            show(
                axes, record.images.find(row["sha256"]), f"{row['split']} {row['index']:.0f}\n{label}",
                fontsize=style.TEXT, pad=3, color=style.class_colours(record)[label],
            )  # fmt: skip
        below = f"r = {number(row['correlation'])}\n{row['bits']:.0f} bits differ"
        column[1].set_xlabel(below, fontsize=style.TEXT)
    return Shown(canvas, caption, alt)


def tbl_near_duplicates(record: Record) -> Table:
    return table(
        {
            "where": lambda row: (
                f"within {row['first']}"
                if row["first"] == row["second"]
                else f"{row['first']} and {row['second']}"
            ),
            "pairs >": value("pairs", count),
            "identical >": value("identical", count),
            "alike by hash >": value("alike_by_hash", count),
            "near duplicates >": value("near", count),
        },
        record.table("tbl-near-duplicates").rows(),
        """Pairs of images by how alike they are: identical to the byte; alike by their hashes and not
        identical; and those of them that the grey values confirm as near duplicates.""",
    )


def tbl_planted_copies(record: Record) -> Table:
    return table(
        {
            "what was done to the copy": value("change"),
            "bits moved >": value("bits", number, 0),
            "correlation >": value("correlation", number),
            "found >": value("found", percent),
        },
        record.table("tbl-planted-copies").rows(),
        f"""Changed copies of {record.duplicates.planted} test images: how many bits of the hash moved and how
        well the copy correlates with its original, both as medians, and how many the search would find.""",
    )


def tbl_without_copies(record: Record) -> Table:
    """Each model's results with and without images that repeat an earlier one, first seeds.

    A split without duplicates has no columns.
    """
    numbers = record.table("tbl-without-copies")
    heads = dict.fromkeys((row["metric"], row["split"]) for row in numbers.rows())
    titles = [f"{_METRICS[metric]}, {SPLITS[split]} > | without >" for metric, split in heads]
    return table(
        " | ".join(["model", *titles]),
        spread(numbers, "model", record.title, value("all", number), value("without", number)),
        f"""Results at Youden's threshold with all images, and without those that repeat an earlier
        one{several(record, ", first seed")}.""",
    )


def tbl_clustering(record: Record) -> Table:
    numbers = record.table("tbl-clustering")
    titles = [f"{metric}, by image > | by patient >" for metric in _METRICS.values()]
    return table(
        " | ".join(["model", *titles]),
        spread(
            numbers, "model", record.title, value("by image", number), value("by patient", number)
        ),
        f"""How wide 95 % intervals on the test set are, drawn image by image and patient by patient, at the
        threshold of Youden's J{several(record, "; means over {} seeds")}.""",
    )


def tbl_shared_patients(record: Record) -> Table:
    rows = [
        [
            record.title(name),
            title,
            *(estimate(getattr(fall, half), 3, 3) for fall in by_metric.values()),
        ]
        for name, by_metric in record.patients.falls.items()
        for half, title in _HALVES.items()
    ]
    return table(
        "model | images | AUC > | sensitivity > | specificity >",
        rows,
        f"""Validation in two halves, by whether the patient has images in training, and test; at the
        threshold of Youden's J, which validation chose, with 95 % intervals drawn by
        patient{several(record, "; means over {} seeds")}.""",
        once=1,
    )
