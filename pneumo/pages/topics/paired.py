"""Two values of each model side by side, one panel per metric: for two kinds of pneumonia, for two sizes."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, estimate, number, plural, signed, stacked
from pneumo.pages.pictures import intervals, two_lines
from pneumo.pages.shared import each, title, value
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


def fig_kinds(record: Record) -> Shown:
    """AUC against normal films, and sensitivity at every operating point, for each kind of pneumonia."""
    numbers, found = record.figure("fig-kinds"), record.kinds
    names = numbers.distinct("model")
    shorts = {point.id: point.short for point in record.best.operating_points}
    titles = {"auc": "AUC against normal films"} | {
        rule: f"found at {short}" for rule, short in shorts.items()
    }
    canvas, panels = _panels(record, names, list(titles.values()))
    for axes, rule in zip(panels, titles, strict=False):
        for kind, offset in zip(PNEUMONIAS, (-0.16, 0.16), strict=True):
            own = map(Estimate.of, numbers.where(kind=kind, rule=rule).rows())
            words, marker, colour = _KINDS[kind]
            look = {"fmt": marker, "color": colour, "linewidth": 1.2, "label": f"{words} films"}
            intervals(axes, own, np.arange(len(names)) + offset, **look)
    _legend(panels)
    differences = [one for own in found.differences.values() for one in own.values()]
    apart = sum(one.excludes_zero for one in differences)
    best = found.differences[record.best.name]
    caption = f"""Of {plural(len(differences), "difference")} in sensitivity, {apart} have an interval that
        leaves out zero. Bacterial and viral films apart: AUC against the normal films, and the share found
        (sensitivity) at every operating point, {_means(record)} with 95 % intervals by patient."""
    points = ", ".join(f"{signed(best[rule].value)} at {short}" for rule, short in shorts.items())
    alt = f"""Five charts of {plural(len(names), "model")}, bacterial films as circles, viral ones as squares.
        Sensitivity of {record.best.title} for bacterial films minus that for viral ones: {points}. Of
        {len(differences)} such differences {apart} have an interval that leaves out zero."""
    return Shown(canvas, caption, alt)


def fig_size(record: Record) -> Shown:
    """Each metric of each model on thumbnails and on the larger images of the same films."""
    numbers, found = record.figure("fig-size"), record.sizes
    canvas, panels = _panels(record, numbers.distinct("model"), list(SIZES.values()))
    for axes, (metric, rule) in zip(panels, SIZES, strict=False):
        own = list(numbers.where(metric=metric, rule=rule).rows())
        for place, row in enumerate(own):
            beyond = Estimate.of(row, "difference").excludes_zero
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
    areas = {row["model"]: row for row in numbers.where(metric="auc").rows()}
    both = each(record, areas, lambda row: f"{number(row['smaller'])} to {number(row['larger'])}")
    lead = f"AUC goes from {record.data.size} to {found.size} pixels a side: {both}."
    caption = f"""{lead} Each model on the same test films at both sizes, means over the seeds; at the
        threshold of Youden's J on validation, unless a panel says otherwise. A thick line is a difference
        whose 95 % interval, paired by patient, leaves out zero."""
    return Shown(canvas, caption, f"Five charts with one line per model. {lead}")


def tbl_kinds(record: Record) -> Table:
    numbers, found = record.table("tbl-kinds"), record.kinds
    shorts = {point.id: point.short for point in record.best.operating_points}
    rows = []
    for name, of_model in numbers.by("model"):
        for rule, own in of_model.by("rule"):
            by_kind, cells = {row["kind"]: row for row in own.rows()}, []
            for kind in PNEUMONIAS:
                missed = DASH if rule == "auc" else number(by_kind[kind]["missed"], 1)
                cells += [stacked(Estimate.of(by_kind[kind]), 3, 3), missed]
            change = DASH
            if rule != "auc":
                change = stacked(found.differences[name][rule], 3, 3, sign=True)
            rows.append([record.title(name), shorts.get(rule, "AUC"), *cells, change])
    return table(
        "model | threshold | bacterial > | missed > | viral > | missed > | difference >",
        rows,
        f"""AUC against the normal films, and sensitivity and missed films at every threshold, for
        {found.images["bacteria"]} bacterial films of {found.patients["bacteria"]} patients and
        {found.images["virus"]} viral ones of {found.patients["virus"]}: {_means(record)} (the ensemble is one
        score of them all), with 95 % intervals by patient. The difference is bacterial minus viral; no
        interval where no call differs.""",
        once=1,
    )


def tbl_size(record: Record) -> Table:
    return table(
        {
            "model": title(record),
            "metric": lambda row: SIZES[row["metric"], row["rule"]],
            f"{record.data.size} pixels >": value("smaller", number),
            f"{record.sizes.size} pixels >": value("larger", number),
            "difference >": lambda row: estimate(Estimate.of(row, "difference"), 3, 3, sign=True),
        },
        record.table("tbl-size").rows(),
        """Every model on the same test films at both sizes: means over the seeds of each, and larger minus
        smaller with its 95 % interval over patients, the same for both, and over seeds; no interval where no
        case tells them apart. Unless it says otherwise, a rate is at the threshold of Youden's J on
        validation.""",
        once=1,
    )


def _means(record: Record) -> str:
    return f"means over {plural(len(record.profile.seeds), 'seed')}"


def _panels(
    record: Record, names: Sequence[str], titles: Sequence[str]
) -> tuple[Figure, list[Axes]]:
    """Six panels in two rows, with one line per model; the last one is for the legend."""
    canvas = style.figure(record, height=1.3 + 0.62 * len(names))
    panels = list(canvas.subplots(2, 3, sharey=True).flat)
    for axes, panel_title in zip(panels, titles, strict=False):
        style.plot(axes).set_title(panel_title, fontsize=style.TEXT)
        axes.grid(visible=False, axis="y")
        axes.tick_params(labelsize=style.SMALL)
        axes.locator_params(axis="x", nbins=4)
    panels[0].set_yticks(range(len(names)), [two_lines(record.title(name)) for name in names])
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    return canvas, panels


def _legend(panels: Sequence[Axes]) -> None:
    panels[-1].axis("off")
    panels[-1].legend(*panels[0].get_legend_handles_labels(), loc="center")
