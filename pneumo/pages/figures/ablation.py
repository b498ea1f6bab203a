"""What each choice in a recipe is worth, at a glance."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from pneumo.analysis import ablation
from pneumo.analysis.ablation import Row
from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.study.study import Study

_LOOKS = {
    "held": ("held-out training images", style.BLUE, "o", -0.16),
    "test": ("test", style.VERMILION, "s", 0.16),
}


@drawn
def ablations(
    study: Study, rows: Sequence[Row] | None = None, of_reference: bool = False
) -> Figure:
    """Each change's difference in AUC from its model's baseline, with its interval; a panel a model."""
    if rows is None:
        rows, of_reference = ablation.shown(study)
    models = list(dict.fromkeys(row.model for row in rows if not row.is_baseline))
    counts = [sum(row.model == model and not row.is_baseline for row in rows) for model in models]
    height = 0.9 + 0.24 * sum(counts) + 0.3 * len(models)
    canvas = style.unmarked(height) if of_reference else style.figure(study, height)
    if not models:
        words = "this profile trains no ablations"
        canvas.text(
            0.5, 0.5, words, ha="center", va="center", color=style.GREY, fontsize=style.HEAD
        )
        return canvas
    grid = canvas.subplots(
        len(models), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": counts}
    )
    for axes, model in zip(grid[:, 0], models, strict=True):
        changed = [row for row in rows if row.model == model and not row.is_baseline]
        places = np.arange(len(changed))
        style.plot(axes).set_title(model, loc="left")
        axes.axvline(0, color=style.GREY, linewidth=0.9)
        for split, (title, colour, marker, offset) in _LOOKS.items():
            found = [row.difference[split] for row in changed]
            means = np.array([one.mean for one in found])
            reach = np.array([one.high - one.mean for one in found])
            axes.errorbar(
                means, places + offset, xerr=reach if changed[0].seeds > 1 else None,
                fmt=marker, color=colour, markersize=4, linewidth=1.2, label=title,
            )  # fmt: skip
        axes.set_yticks(places, [row.change for row in changed], fontsize=style.TEXT)
        axes.set_ylim(len(changed) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=2)
    grid[-1, 0].set_xlabel("difference in AUC from the model's own recipe")
    return canvas
