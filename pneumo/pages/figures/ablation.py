"""The effect of each choice in a recipe."""

import numpy as np

from pneumo.pages import style
from pneumo.pages.numbers import plural, signed
from pneumo.pages.references import with_ablations
from pneumo.pages.showing import Shown
from pneumo.record import Record
from pneumo.record.ablation import Row

_LOOKS = {
    "held": ("held-out training images", style.BLUE, "o", -0.16),
    "test": ("test", style.VERMILION, "s", 0.16),
}


def ablations(record: Record) -> Shown:
    """Each change's difference in AUC from its model's baseline, with its interval; one panel per model."""
    source = with_ablations(record)
    rows = [row for row in source.ablations if not row.is_baseline]
    models = list(dict.fromkeys(row.model for row in rows))
    counts = [sum(row.model == model for row in rows) for model in models]
    seeds = rows[0].seeds if rows else 0
    means = (
        f", means over {seeds} seeds with 95 % intervals over cases and seeds" if seeds > 1 else ""
    )
    caption = (
        "How far a change moves AUC from that of the model's own recipe, on the held-out images (round) and "
        f"on test (square){means}. Right of the line is better."
    )
    if not models:
        words = "this profile trains no ablations"
        return Shown(style.placeholder(words), caption, f"{words.capitalize()}.")
    canvas = style.figure(source, height=0.9 + 0.24 * sum(counts) + 0.3 * len(models))
    grid = canvas.subplots(
        len(models), 1, sharex=True, squeeze=False, gridspec_kw={"height_ratios": counts}
    )
    for axes, model in zip(grid[:, 0], models, strict=True):
        changed = [row for row in rows if row.model == model]
        places = np.arange(len(changed))
        style.plot(axes).set_title(model, loc="left")
        axes.axvline(0, color=style.GREY, linewidth=0.9)
        for split, (title, colour, marker, offset) in _LOOKS.items():
            found = [row.difference[split] for row in changed]
            values = np.array([one.value for one in found])
            reach = np.array([one.high - one.value for one in found])
            axes.errorbar(
                values, places + offset, xerr=reach if seeds > 1 else None,
                fmt=marker, color=colour, markersize=4, linewidth=1.2, label=title,
            )  # fmt: skip
        axes.set_yticks(places, [row.change for row in changed], fontsize=style.TEXT)
        axes.set_ylim(len(changed) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=2)
    grid[-1, 0].set_xlabel("difference in AUC from the model's own recipe")
    runs = None if source is record else ()
    return Shown(canvas, f"{_counts(rows)} {caption}", _finding(rows), runs)


def _counts(rows: list[Row]) -> str:
    better, worse = (sum(row.verdict == word for row in rows) for word in ("better", "worse"))
    return f"Of {plural(len(rows), 'change')}, {better} are better on the held-out images and {worse} worse."


def _finding(rows: list[Row]) -> str:
    extremes = sorted(rows, key=lambda row: row.difference["held"].value)
    ends = "; ".join(
        f"{row.model} with {row.change} by {signed(row.difference['held'].value)}"
        for row in (extremes[0], extremes[-1])
    )
    return f"{_counts(rows)} The largest moves in AUC there: {ends}."
