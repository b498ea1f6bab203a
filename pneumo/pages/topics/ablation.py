"""The effect of each choice in a recipe."""

import numpy as np

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, interval, number, plural, signed
from pneumo.pages.pictures import intervals
from pneumo.pages.references import with_ablations
from pneumo.pages.shared import SPLITS
from pneumo.record import Estimate, Record, ablation

_LOOKS = {
    "held": ("held-out training images", style.BLUE, "o", -0.16),
    "test": ("test", style.VERMILION, "s", 0.16),
}


def fig_ablations(record: Record) -> Shown:
    """Each change's difference in AUC from its model's baseline, with its interval; one panel per model."""
    source = with_ablations(record)
    rows = [row for row in source.ablations if not row.is_baseline]
    models = list(dict.fromkeys(row.model for row in rows))
    counts = [sum(row.model == model for row in rows) for model in models]
    seeds = rows[0].seeds if rows else 0
    means = (
        f", means over {seeds} seeds with 95 % intervals over cases and seeds" if seeds > 1 else ""
    )
    caption = f"""How far a change moves AUC from that of the model's own recipe, on the held-out images
        (round) and on test (square){means}. Right of the line is better."""
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
            look = {"fmt": marker, "color": colour, "linewidth": 1.2, "label": title}
            intervals(axes, (row.difference[split] for row in changed), places + offset, **look)
        axes.set_yticks(places, [row.change for row in changed], fontsize=style.TEXT)
        axes.set_ylim(len(changed) - 0.4, -0.6)
        axes.grid(visible=False, axis="y")
    canvas.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    grid[-1, 0].set_xlabel("difference in AUC from the model's own recipe")
    better, worse = (sum(row.verdict == word for row in rows) for word in ("better", "worse"))
    lead = f"""Of {plural(len(rows), "change")}, {better} are better on the held-out images and {worse}
        worse."""
    extremes = sorted(rows, key=lambda row: row.difference["held"].value)
    ends = "; ".join(
        f"{row.model} with {row.change} by {signed(row.difference['held'].value)}"
        for row in (extremes[0], extremes[-1])
    )
    alt = f"{lead} The largest moves in AUC there: {ends}."
    return Shown(canvas, f"{lead} {caption}", alt, None if source is record else ())


def tbl_ablations(record: Record) -> Table:
    """Each change with its differences in AUC, intervals below; in bold if they exclude zero.

    A baseline's row has its AUCs instead.
    """
    source = with_ablations(record)
    rows = source.ablations
    cells = []
    for row in rows:
        if row.is_baseline:
            aucs = [f"AUC {number(row.auc[split])}" for split in ablation.SPLITS]
            cells.append([f"**{row.model}**, {plural(row.epochs, 'epoch')}", *aucs])
            continue
        found = [row.difference[split] for split in ablation.SPLITS]
        cells.append([row.change, *map(_difference, found)])
        if row.seeds > 1:
            cells.append(["", *(interval(one, 3, sign=True) for one in found)])
    seeds = rows[0].seeds if rows else 0
    below = f""", below them 95 % intervals over {record.units} and seeds (DeLong's variance and the seeds'
        [@delong1988; @obuchowski1997; @gallas2006]), not corrected for multiple comparisons; bold where they
        exclude zero"""
    return table(
        f"change | {' | '.join(f'{SPLITS[split]} >' for split in ablation.SPLITS)}",
        cells,
        f"""What one change does to AUC: on validation, on the held-out images, on test. Means over
        {plural(seeds, "seed")}{below if seeds > 1 else ""}.""",
        None if source is record else (),
    )


def _difference(found: Estimate) -> str:
    text = signed(found.value)
    return f"**{text}**" if text != DASH and found.excludes_zero else text
