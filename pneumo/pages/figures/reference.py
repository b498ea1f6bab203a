"""The reference study's curves: of real data, whatever data a site is made from."""

import math

from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from pneumo.analysis.reference import Reference
from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.statistics import metrics

COLUMNS = 3


@drawn
def reference_curves(reference: Reference | None) -> Figure:
    """Each model's ROC curve on the test set from every seed, with its call at 0.5; a panel a model."""
    if reference is None:
        canvas = style.unmarked(height=0.6)
        words = "no reference study in this checkout"
        canvas.text(
            0.5, 0.5, words, ha="center", va="center", color=style.GREY, fontsize=style.HEAD
        )
        return canvas
    names = reference.models
    rows = math.ceil(len(names) / COLUMNS)
    canvas = style.unmarked(height=0.4 + 2.1 * rows)
    grid = canvas.subplots(rows, COLUMNS, sharex=True, sharey=True, squeeze=False)
    # What a screening test would be asked for lies in the upper part, and so does every call.
    calls = [seed["recall"] for seeds in reference.at_half.values() for seed in seeds]
    lowest = min(0.58, min(calls) - 0.03)
    looks = style.looks(reference.results["models"])
    for place, axes in enumerate(grid.flat):
        if place >= len(names):
            axes.set_axis_off()
            # The panel above then closes its column.
            grid[place // COLUMNS - 1, place % COLUMNS].tick_params(labelbottom=True)
            continue
        name = names[place]
        style.plot(axes).set_title(reference.title(name).replace(" (", "\n("), fontsize=style.HEAD)
        colour = looks[name]["color"]
        for scores in reference.predictions[name]:
            axes.plot(*metrics.roc(reference.labels, scores), color=colour, linewidth=1, alpha=0.75)
            counts = metrics.confusion(reference.labels, scores, metrics.HALF)
            axes.plot(
                1 - counts.specificity, counts.sensitivity,
                marker="o", color=colour, markersize=5, markeredgecolor=style.PAGE, zorder=3,
            )  # fmt: skip
        axes.set(xlim=(-0.02, 1.02), ylim=(lowest, 1.015))
        axes.yaxis.set_major_locator(MultipleLocator(0.1))
        axes.xaxis.set_major_locator(MultipleLocator(0.25))
    canvas.supxlabel("1 − specificity", fontsize=style.HEAD)
    canvas.supylabel("sensitivity", fontsize=style.HEAD)
    return canvas
