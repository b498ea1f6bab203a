"""The architecture of the networks and their training curves."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from pneumo.pages import style
from pneumo.pages.figures.pictures import two_lines
from pneumo.pages.numbers import count, number, percent, plural
from pneumo.pages.showing import Shown
from pneumo.record import Frame, Record


def cnn_architecture(record: Record) -> Shown:
    """SimpleCNN's layers, read from the network: output shape and parameters of each."""
    blocks = record.figure("fig-cnn-architecture")
    total = record.models["simple-cnn"].parameters
    canvas = style.figure(record, height=2.6)
    axes = style.picture(canvas.subplots())
    axes.set_xlim(0, max(1, len(blocks)))
    axes.set_ylim(0, 1)
    for place, block in enumerate(blocks.rows()):
        _block(axes, place, block)
    small: dict[str, Any] = {"fontsize": style.SMALL, "color": style.GREY}
    axes.text(0.06, 0.97, "output: channels × height × width", **small)
    axes.text(0.06, 0.0, f"parameters, {total:,} in all", **small)
    heaviest = max(blocks.rows(), key=lambda row: row["parameters"])
    lead = (
        f"{percent(heaviest['parameters'] / total, 0)} of SimpleCNN's {total:,} parameters are in one block, "
        f"{heaviest['layers']} with an output of {heaviest['output']}."
    )
    caption = (
        f"{lead} The network layer by layer, as it lists itself: above each block the shape of its output, "
        "below it the number of its parameters."
    )
    return Shown(canvas, caption, f"A chain of {len(blocks)} blocks. {lead}")


def cnn_curves(record: Record) -> Shown:
    """SimpleCNN's loss and accuracy by epoch, training against validation."""
    numbers = record.figure("fig-cnn-curves")
    canvas = style.figure(record, height=2.7)
    for axes, measure in zip(canvas.subplots(1, 2), ("loss", "accuracy"), strict=True):
        _curves(style.plot(axes), record, numbers, measure)
        axes.set_ylabel(measure)
        axes.set_xlabel("epoch")
    canvas.axes[0].legend(frameon=False)
    ends = _ends(record, numbers)
    caption = (
        f"{ends} Loss and accuracy by epoch, on training images as they are augmented and on validation "
        f"images as they are{_others(record)}. The dotted line marks the epoch that is kept."
    )
    return Shown(canvas, caption, ends)


def transfer_curves(record: Record) -> Shown:
    """The larger networks' loss and accuracy by epoch, with the frozen stage shaded."""
    numbers = record.figure("fig-transfer-curves")
    models = numbers.distinct("model")
    canvas = style.figure(record, height=4.2)
    grid = canvas.subplots(2, max(1, len(models)), sharey="row", squeeze=False)
    for column, name in enumerate(models):
        own = numbers.where(model=name)
        for row, measure in enumerate(("loss", "accuracy")):
            axes = style.plot(grid[row, column])
            _curves(axes, record, own, measure)
            _shade_frozen(axes, record, name, label=row == 0)
            if column == 0:
                axes.set_ylabel(measure)
        grid[0, column].set_title(two_lines(record.title(name)), fontsize=style.HEAD)
        grid[1, column].set_xlabel("epoch")
    canvas.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    accuracies = ", ".join(
        f"{number(_last(record, numbers, name)['validation']['accuracy'])} for {record.title(name)}"
        for name in models
    )
    lead = f"Validation accuracy ends at {accuracies}. " if models else ""
    caption = (
        f"{lead}Loss and accuracy by epoch; in the shaded stage the "
        f"backbone is frozen and the new head alone learns{_others(record)}. The dotted line marks the epoch "
        "that is kept."
    )
    return Shown(canvas, caption, _ends(record, numbers))


def _block(axes: Axes, place: int, block: dict[str, Any]) -> None:
    learned = block["parameters"] > 0
    box = FancyBboxPatch(
        (place + 0.06, 0.22), 0.82, 0.56, boxstyle="round,pad=0,rounding_size=0.05",
        facecolor=style.WASH if learned else style.PAGE, edgecolor=style.BLUE, linewidth=1.1,
    )  # fmt: skip
    axes.add_patch(box)
    look: dict[str, Any] = {"ha": "center", "fontsize": style.TEXT}
    layers = block["layers"].replace(" + ", "\n")
    axes.text(place + 0.47, 0.5, layers, va="center", color=style.INK, **look)
    axes.text(place + 0.47, 0.83, block["output"], color=style.GREY, **look)
    below = count(block["parameters"]) if learned else ""
    axes.text(place + 0.47, 0.12, below, color=style.INK, **look)
    if place:
        arrow = {"arrowstyle": "-|>", "color": style.GREY}
        axes.annotate("", (place + 0.06, 0.5), (place - 0.12, 0.5), arrowprops=arrow)


def _curves(axes: Axes, record: Record, numbers: Frame, measure: str) -> None:
    """Training and validation by epoch: the first seed in full, the others faint behind it."""
    if not len(numbers):
        return
    name = numbers.distinct("model")[0]
    for order, seed in enumerate(numbers.distinct("seed")):
        for split, colour, dash in (
            ("training", style.GREY, "--"),
            ("validation", style.BLUE, "-"),
        ):
            line = numbers.where(seed=seed, split=split)
            look: dict[str, Any] = (
                {"alpha": 0.25, "linewidth": 1} if order else {"linewidth": 1.7, "zorder": 3}
            )
            axes.plot(
                line["epoch"], line[measure], dash, color=colour, marker="o", markersize=2.5,
                label=None if order else split, **look,
            )  # fmt: skip
    kept = record.trainings[name].kept_epoch
    axes.axvline(kept, color=style.VERMILION, linewidth=0.9, linestyle=":", zorder=1)
    axes.set_xlim(0.5, record.trainings[name].epochs + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _shade_frozen(axes: Axes, record: Record, name: str, label: bool) -> None:
    frozen = record.trainings[name].frozen_epochs
    if not frozen:
        return
    axes.axvspan(0.5, frozen + 0.5, color=style.SHADE, zorder=0, linewidth=0)
    if label:
        axes.text(
            frozen + 0.6, 0.98, "← frozen | open →", transform=axes.get_xaxis_transform(),
            fontsize=style.SMALL, va="top", color=style.BLUE,
        )  # fmt: skip


def _others(record: Record) -> str:
    more = len(record.profile.seeds) - 1
    return f"; the first seed in full, {plural(more, 'other')} faint" if more else ""


def _last(record: Record, numbers: Frame, name: str) -> dict[str, dict[str, Any]]:
    """The last epoch of a model's first seed, by split."""
    own = numbers.where(model=name, seed=record.models[name].seeds[0])
    return {split: list(own.where(split=split).rows())[-1] for split in own.distinct("split")}


def _ends(record: Record, numbers: Frame) -> str:
    """The last values of each model's curves, first seed, in sentences."""
    sentences = []
    for name in numbers.distinct("model"):
        ends = _last(record, numbers, name)
        sentences.append(
            f"{record.title(name)} ends after {plural(record.trainings[name].epochs, 'epoch')} at a "
            f"loss of {number(ends['training']['loss'])} on training and "
            f"{number(ends['validation']['loss'])} on validation, with a validation accuracy of "
            f"{number(ends['validation']['accuracy'])}."
        )
    return " ".join(sentences)
