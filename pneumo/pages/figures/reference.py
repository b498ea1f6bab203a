"""The reference record's curves."""

import math

from matplotlib.ticker import MultipleLocator

from pneumo.pages import style
from pneumo.pages.figures.pictures import two_lines
from pneumo.pages.numbers import number
from pneumo.pages.showing import Shown
from pneumo.record import Record
from pneumo.record.answers import Model

COLUMNS = 3


def curves(record: Record) -> Shown:
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
    for place, axes in enumerate(grid.flat):
        if place >= len(names):
            axes.set_axis_off()
            # The panel above is then the last of its column.
            grid[place // COLUMNS - 1, place % COLUMNS].tick_params(labelbottom=True)
            continue
        name = names[place]
        style.plot(axes).set_title(two_lines(record.title(name)), fontsize=style.HEAD)
        colour = looks[name]["color"]
        for seed in numbers.where(model=name).distinct("seed"):
            curve = numbers.where(model=name, seed=seed)
            axes.plot(
                curve["false positive rate"], curve["sensitivity"],
                color=colour, linewidth=1, alpha=0.75,
            )  # fmt: skip
            own = calls.where(model=name, seed=seed)
            axes.plot(
                1 - own.where(metric="specificity")["value"], own.where(metric="recall")["value"],
                marker="o", color=colour, markersize=5, markeredgecolor=style.PAGE, zorder=3,
            )  # fmt: skip
        axes.set(xlim=(-0.02, 1.02), ylim=(lowest, 1.015))
        axes.yaxis.set_major_locator(MultipleLocator(0.1))
        axes.xaxis.set_major_locator(MultipleLocator(0.25))
    canvas.supxlabel("1 − specificity", fontsize=style.HEAD)
    canvas.supylabel("sensitivity", fontsize=style.HEAD)
    areas = sorted(record.models[name].test_at_half["auc"].value for name in names)
    caption = (
        f"The models' AUCs, means over the seeds, are {number(areas[0])} to {number(areas[-1])}. ROC curves "
        f"of the reference study on the test set of {record.about.title}: one panel per "
        "model, one curve per seed. A round mark shows a seed's calls at 0.5. Low sensitivities are cut off."
    )
    reached = " ".join(_reached(record.models[name]) for name in names)
    return Shown(canvas, caption, f"Means over the seeds. {reached}")


def _reached(model: Model) -> str:
    auc, sensitivity, specificity = (
        number(model.test_at_half[metric].value) for metric in ("auc", "recall", "specificity")
    )
    return (
        f"{model.title} has an AUC of {auc}, and at 0.5 a sensitivity of {sensitivity} with a "
        f"specificity of {specificity}."
    )
