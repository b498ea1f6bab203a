"""What the data hold, what the audit finds, and how images are changed in training."""

from pneumo.pages.tables._table import Table, percent, sourced, table
from pneumo.study.study import Study

# How a clinician would read each augmentation, by set.
READINGS = {
    "pneumoniamnist": {
        "flip": "Doubtful, so left out: lungs are roughly symmetric, but a flip hides situs inversus and "
        "dextrocardia, and moves the heart to the side where no reader expects it.",
        "rotation": "Safe: a child is seldom straight on the cassette, and readers correct for this much.",
        "translation": "Safe as long as the lung fields stay in view: it mimics collimation and centring.",
        "brightness": "Safe: exposure and display window vary; an opacity is seen against its surroundings.",
        "contrast": "Safe within this range: tube voltage and processing vary; more could hide a faint "
        "opacity.",
    },
    "breastmnist": {
        "flip": "Would be safe: the probe comes from any side. Left out all the same, so that recipes are "
        "those of the other sets.",
        "rotation": "Safe: the probe is held at an angle; but a shadow always falls away from it, so no more "
        "than this.",
        "translation": "Safe as long as the lesion stays in view: where it lies depends on the probe.",
        "brightness": "Safe: gain is set by hand, and a lesion is seen against the tissue around it.",
        "contrast": "Safe within this range: dynamic range is a setting; more could hide a faint margin.",
    },
}


@sourced
def data_counts(study: Study) -> Table:
    """Cases by split and class."""
    counts, about = study.data.counts(), study.about
    rows = []
    for split, count in counts.items():
        total = sum(count.values())
        share = percent(count[about.positive] / total)
        rows.append([split, *(f"{count[name]:,}" for name in about.classes), f"{total:,}", share])
    return table(
        f"split | {about.negative} > | {about.positive} > | total > | share of {about.finding} >",
        rows,
    )


@sourced
def audit(study: Study) -> Table:
    """What the audit counts: duplicates within a split, and copies that stand in two."""
    found = study.audit
    rows = [
        [f"{split.name}: images that repeat an earlier one", f"{split.duplicates:,}"]
        for split in found.splits
    ]
    rows += [
        [f"distinct images that stand in both {first} and {second}", f"{count:,}"]
        for (first, second), count in found.shared.items()
    ]
    rows.append(["copies of an image with different labels", f"{found.label_conflicts:,}"])
    return table("finding | images >", rows)


@sourced
def augmentations(study: Study) -> Table:
    """Each augmentation, its range from the recipes, and why it is safe or where that is doubtful."""
    ranges, readings = study.models[0].recipe.augmentation, READINGS[study.about.name]
    rows = [
        [
            "horizontal flip",
            f"probability {ranges.flip:g}" if ranges.flip else "none",
            readings["flip"],
        ],
        [
            "rotation",
            f"±{ranges.rotation:g}°",
            readings["rotation"],
        ],
        [
            "translation",
            f"±{100 * ranges.translation:g} % of the side",
            readings["translation"],
        ],
        [
            "brightness",
            f"±{ranges.brightness:g} of the grey scale",
            readings["brightness"],
        ],
        [
            "contrast",
            f"±{100 * ranges.contrast:g} %",
            readings["contrast"],
        ],
    ]
    return table("change | range | clinical reading", rows)
