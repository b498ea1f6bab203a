"""What the data hold: cases by class, exact duplicates, example images, and the ranges of augmentation."""

from typing import Any

import numpy as np

from pneumo.analysis import baselines
from pneumo.analysis.rows import image_row
from pneumo.data.audit import audit
from pneumo.record import Frame, Part, frame
from pneumo.record.summaries import DataAudit
from pneumo.study.study import Study

EXAMPLES = 8  # training images of each class that the figure shows
UNITS = {  # of the ranges of augmentation
    "flip": "probability", "rotation": "degrees", "translation": "side", "brightness": "grey scale",
    "contrast": "contrast",
}  # fmt: skip


def part(study: Study) -> Part:
    """The answers, and the numbers behind the figures and tables of the page on the data."""
    data, about, repeats = study.data, study.about, audit(study.data)
    counts = data.counts()
    totals = {name: len(split.labels) for name, split in data.splits.items()}
    shares = {name: float(split.labels.mean()) for name, split in data.splits.items()}
    majority = about.positive if shares["train"] > 0.5 else about.negative
    auc, mirrored = baselines.mirror_aucs(study)
    by_class = frame(
        [
            {"split": name, "class": title, "images": number, "share": number / totals[name]}
            for name, own in counts.items()
            for title, number in own.items()
        ]
    )
    found = [
        *(("repeats", split.name, split.duplicates) for split in repeats.splits),
        *(("shared", " and ".join(pair), number) for pair, number in repeats.shared.items()),
        ("conflicts", "all", repeats.label_conflicts),
    ]
    return Part(
        {
            "data_audit": DataAudit(
                across=repeats.across,
                across_with_test=repeats.across_with_test,
                label_conflicts=repeats.label_conflicts,
                shares=shares,
                majority=majority,
                majority_accuracy=counts["test"][majority] / totals["test"],
                specificity_step=100 / counts["test"][about.negative],
                sensitivity_step=100 / counts["test"][about.positive],
                auc=auc,
                auc_mirrored=mirrored,
            )
        },
        figures={
            "fig-examples": _examples(study),
            "fig-class-balance": by_class,
            "fig-augmentation": _augmented(study),
        },
        tables={
            "tbl-data": by_class,
            "tbl-audit": frame(
                dict(zip(("finding", "where", "images"), row, strict=True)) for row in found
            ),
            "tbl-augmentation": _ranges(study),
        },
    )


def _examples(study: Study) -> Frame:
    """Training images drawn at random with a fixed seed, class by class."""
    train, generator = study.data.train, np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for label, title in enumerate(study.about.classes):
        members = np.flatnonzero(train.labels == label)
        chosen = generator.choice(members, min(EXAMPLES, len(members)), replace=False)
        rows += [image_row(study, "train", index) | {"class": title} for index in chosen]
    return frame(rows)


def _augmented(study: Study) -> Frame:
    """The image of each class that the study's augmented examples were made from: its first in training."""
    places = (int(np.flatnonzero(study.data.train.labels == label)[0]) for label in (0, 1))
    rows = [image_row(study, "train", place) for place in places]
    return frame(rows, runs=[study.ran[0].run.label])


def _ranges(study: Study) -> Frame:
    ranges = study.models[0].recipe.augmentation
    return frame(
        {"change": name, "range": getattr(ranges, name), "of": unit} for name, unit in UNITS.items()
    )
