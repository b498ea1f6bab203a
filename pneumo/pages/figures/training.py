"""How the networks are built and how they learned."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.study.study import Model, Study


@drawn
def cnn_architecture(study: Study) -> Figure:
    """SimpleCNN's layers as the network itself lists them: output shape and parameters of each."""
    canvas = style.figure(study, height=2.6)
    axes = style.picture(canvas.subplots())
    model = study.model("simple-cnn")
    groups = _blocks(model)
    axes.set_xlim(0, len(groups))
    axes.set_ylim(0, 1)
    for place, (title, shape, parameters) in enumerate(groups):
        box = FancyBboxPatch(
            (place + 0.06, 0.22), 0.82, 0.56, boxstyle="round,pad=0,rounding_size=0.05",
            facecolor=style.WASH if parameters else style.PAGE, edgecolor=style.BLUE, linewidth=1.1,
        )  # fmt: skip
        axes.add_patch(box)
        axes.text(
            place + 0.47, 0.5, title, ha="center", va="center", fontsize=style.TEXT, color=style.INK
        )
        axes.text(place + 0.47, 0.83, shape, ha="center", fontsize=style.TEXT, color=style.GREY)
        below = f"{parameters:,}" if parameters else ""
        axes.text(place + 0.47, 0.12, below, ha="center", fontsize=style.TEXT, color=style.INK)
        if place:
            axes.annotate(
                "", (place + 0.06, 0.5), (place - 0.12, 0.5),
                arrowprops={"arrowstyle": "-|>", "color": style.GREY},
            )  # fmt: skip
    axes.text(
        0.06, 0.97, "output: channels × height × width", fontsize=style.SMALL, color=style.GREY
    )
    axes.text(
        0.06,
        0.0,
        f"parameters, {model.parameters:,} in all",
        fontsize=style.SMALL,
        color=style.GREY,
    )
    return canvas


@drawn
def cnn_curves(study: Study) -> Figure:
    """SimpleCNN's loss and accuracy by epoch, training against validation."""
    canvas = style.figure(study, height=2.7)
    for axes, measure in zip(canvas.subplots(1, 2), ("loss", "accuracy"), strict=True):
        _curves(style.plot(axes), study.model("simple-cnn"), measure)
        axes.set_ylabel(measure)
        axes.set_xlabel("epoch")
    canvas.axes[0].legend(frameon=False)
    return canvas


@drawn
def transfer_curves(study: Study) -> Figure:
    """The larger networks' loss and accuracy by epoch, the frozen stage shaded."""
    models = [model for model in study.ran if model.name != "simple-cnn"]
    canvas = style.figure(study, height=4.2)
    grid = canvas.subplots(2, len(models), sharey="row", squeeze=False)
    for column, model in enumerate(models):
        for row, measure in enumerate(("loss", "accuracy")):
            axes = style.plot(grid[row, column])
            _curves(axes, model, measure)
            _shade_frozen(axes, model, label=row == 0)
            if column == 0:
                axes.set_ylabel(measure)
        grid[0, column].set_title(model.title.replace(" (", "\n("), fontsize=style.HEAD)
        grid[1, column].set_xlabel("epoch")
    canvas.legend(
        *grid[0, 0].get_legend_handles_labels(),
        loc="outside lower center", ncols=2,
    )  # fmt: skip
    return canvas


def _curves(axes: Axes, model: Model, measure: str) -> None:
    """Training and validation by epoch: the first seed in full, the others faint behind it."""
    for order, run in enumerate(model.runs):
        epochs = [row["epoch"] for row in run.history]
        for split, colour, dash in (("train", style.GREY, "--"), ("val", style.BLUE, "-")):
            values = [row[f"{split}_{measure}"] for row in run.history]
            look: dict[str, Any] = (
                {"alpha": 0.25, "linewidth": 1} if order else {"linewidth": 1.7, "zorder": 3}
            )
            label = {"train": "training", "val": "validation"}[split] if order == 0 else None
            axes.plot(
                epochs, values, dash, color=colour, marker="o", markersize=2.5, label=label, **look
            )
    best = model.run.manifest["metrics"]["epoch"]
    axes.axvline(best, color=style.VERMILION, linewidth=0.9, linestyle=":", zorder=1)
    axes.set_xlim(0.5, len(model.run.history) + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def _shade_frozen(axes: Axes, model: Model, label: bool) -> None:
    frozen = sum(row["stage"] == "frozen" for row in model.run.history)
    if frozen:
        axes.axvspan(0.5, frozen + 0.5, color=style.SHADE, zorder=0, linewidth=0)
        if label:
            axes.text(
                frozen + 0.6, 0.98, "← frozen | open →", transform=axes.get_xaxis_transform(),
                fontsize=style.SMALL, va="top", color=style.BLUE,
            )  # fmt: skip


def _blocks(model: Model) -> list[tuple[str, str, int]]:
    """The network's layers from its manifest, each convolution with what follows it as one block."""
    names = {
        "Conv2d": "Conv 3×3", "BatchNorm2d": "BatchNorm", "MaxPool2d": "MaxPool", "ReLU": "ReLU",
        "AdaptiveAvgPool2d": "AvgPool", "Dropout": "Dropout", "Linear": "Linear",
    }  # fmt: skip
    blocks: list[tuple[str, str, int]] = []
    for layer in model.run.manifest["layers"]:
        shape = " × ".join(map(str, layer["output"]))
        title = names[layer["kind"]]
        if layer["kind"] in ("Conv2d", "AdaptiveAvgPool2d", "Linear"):
            blocks.append((title, shape, layer["parameters"]))
        else:
            before = blocks[-1]
            blocks[-1] = (f"{before[0]}\n{title}", shape, before[2] + layer["parameters"])
    return blocks
