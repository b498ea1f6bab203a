"""Two values of each model side by side, one panel per metric: for two kinds of pneumonia, for two sizes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.pages import style
from pneumo.pages.figures.pictures import two_lines
from pneumo.pages.numbers import number, plural, signed
from pneumo.pages.showing import Shown
from pneumo.record import Estimate, Record
from pneumo.record.summaries import PNEUMONIAS

_KINDS = {"bacteria": ("bacterial", "o", style.PURPLE), "virus": ("viral", "s", style.ORANGE)}
SIZES = {
    ("auc", "half"): "AUC",
    ("accuracy", "half"): "accuracy at 0.5",
    ("accuracy", "youden"): "accuracy",
    ("recall", "youden"): "sensitivity",
    ("specificity", "youden"): "specificity",
}


def kinds(record: Record) -> Shown:
    """AUC against normal films, and sensitivity at every operating point, for each kind of pneumonia."""
    numbers, found = record.figure("fig-kinds"), record.kinds
    names = numbers.distinct("model")
    shorts = {point.id: point.short for point in record.best.operating_points}
    titles = {"auc": "AUC against normal films"} | {
        rule: f"found at {short}" for rule, short in shorts.items()
    }
    canvas, panels = _panels(record, names, list(titles.values()))
    places = np.arange(len(names))
    for axes, rule in zip(panels, titles, strict=False):
        for kind, offset in zip(PNEUMONIAS, (-0.16, 0.16), strict=True):
            own, (title, marker, colour) = numbers.where(kind=kind, rule=rule), _KINDS[kind]
            reach = np.abs(np.stack([own["low"], own["high"]]) - own["value"])
            axes.errorbar(
                own["value"], places + offset, xerr=reach, fmt=marker, color=colour, markersize=4,
                linewidth=1.2, label=f"{title} films",
            )  # fmt: skip
    _legend(panels)
    differences = [one for own in found.differences.values() for one in own.values()]
    apart = sum(one.excludes_zero for one in differences)
    best = found.differences[record.best.name]
    caption = (
        f"Of {plural(len(differences), 'difference')} in sensitivity, {apart} have an interval that leaves "
        "out zero. Bacterial and viral films apart: AUC against the normal films, and the share found "
        f"(sensitivity) at every operating point, means over {plural(len(record.profile.seeds), 'seed')} "
        "with 95 % intervals by patient."
    )
    alt = (
        f"Five charts of {plural(len(names), 'model')}, bacterial films as circles, viral ones as squares. "
        f"Sensitivity of {record.best.title} for bacterial films minus that for viral ones: "
        + ", ".join(f"{signed(best[rule].value)} at {short}" for rule, short in shorts.items())
        + f". Of {len(differences)} such differences {apart} have an interval that leaves out zero."
    )
    return Shown(canvas, caption, alt)


def sizes(record: Record) -> Shown:
    """Each metric of each model on thumbnails and on the larger images of the same films."""
    numbers, found = record.figure("fig-size"), record.sizes
    names = numbers.distinct("model")
    canvas, panels = _panels(record, names, list(SIZES.values()))
    for axes, (metric, rule) in zip(panels, SIZES, strict=False):
        own = list(numbers.where(metric=metric, rule=rule).rows())
        for place, row in enumerate(own):
            beyond = Estimate(row["difference"], row["low"], row["high"]).excludes_zero
            ends = (row["smaller"], row["larger"])
            axes.plot(ends, (place, place), color=style.GREY, linewidth=2.6 if beyond else 0.8)
        for column, size, marker, colour in (
            ("smaller", record.data.size, "o", style.ORANGE),
            ("larger", found.size, "D", style.BLUE),
        ):
            values = [row[column] for row in own]
            label = f"{size}×{size} pixels"
            axes.plot(values, range(len(own)), marker, color=colour, markersize=5, label=label)
    _legend(panels)
    areas = "; ".join(
        f"{record.title(row['model'])} {number(row['smaller'])} to {number(row['larger'])}"
        for row in numbers.where(metric="auc").rows()
    )
    lead = f"AUC goes from {record.data.size} to {found.size} pixels a side: {areas}."
    caption = (
        f"{lead} Each model on the same test films at both sizes, means over the seeds; at the threshold of "
        "Youden's J on validation, unless a panel says otherwise. A thick line is a difference whose 95 % "
        "interval, paired by patient, leaves out zero."
    )
    alt = f"Five charts with one line per model. {lead}"
    return Shown(canvas, caption, alt)


def _panels(
    record: Record, names: Sequence[str], titles: Sequence[str]
) -> tuple[Figure, list[Axes]]:
    """Six panels in two rows, with one line per model; the last one is for the legend."""
    canvas = style.figure(record, height=1.3 + 0.62 * len(names))
    panels = list(canvas.subplots(2, 3, sharey=True).flat)
    for axes, title in zip(panels, titles, strict=False):
        style.plot(axes).set_title(title, fontsize=style.TEXT)
        axes.grid(visible=False, axis="y")
        axes.tick_params(labelsize=style.SMALL)
        axes.locator_params(axis="x", nbins=4)
    panels[0].set_yticks(range(len(names)), [two_lines(record.title(name)) for name in names])
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    return canvas, panels


def _legend(panels: Sequence[Axes]) -> None:
    handles, labels = panels[0].get_legend_handles_labels()
    panels[-1].axis("off")
    panels[-1].legend(handles, labels, loc="center")
