"""What the data hold, what the audit finds, and how images are changed in training."""

from pneumo import data
from pneumo.study import Study
from pneumo.tables._table import Table, percent, sourced, table


@sourced
def data_counts(study: Study) -> Table:
    """Cases by split and class."""
    counts = study.data.counts()
    rows = []
    for split, count in counts.items():
        total = sum(count.values())
        share = percent(count["pneumonia"] / total)
        rows.append([split, *(f"{count[name]:,}" for name in data.CLASSES), f"{total:,}", share])
    return table("split | normal > | pneumonia > | total > | share of pneumonia >", rows)


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
    ranges = study.models[0].recipe.augmentation
    rows = [
        [
            "horizontal flip",
            f"probability {ranges.flip:g}" if ranges.flip else "none",
            "Doubtful, so left out: lungs are roughly symmetric, but a flip hides situs inversus and "
            "dextrocardia, and moves the heart to the side where no reader expects it.",
        ],
        [
            "rotation",
            f"±{ranges.rotation:g}°",
            "Safe: a child is seldom straight on the cassette, and readers correct for this much.",
        ],
        [
            "translation",
            f"±{100 * ranges.translation:g} % of the side",
            "Safe as long as the lung fields stay in view: it mimics collimation and centring.",
        ],
        [
            "brightness",
            f"±{ranges.brightness:g} of the grey scale",
            "Safe: exposure and display window vary; an opacity is seen against its surroundings.",
        ],
        [
            "contrast",
            f"±{100 * ranges.contrast:g} %",
            "Safe within this range: tube voltage and processing vary; more could hide a faint opacity.",
        ],
    ]
    return table("change | range | clinical reading", rows)
