"""One function a figure: each takes a study and returns a matplotlib figure; none loads a network."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy.ndimage import zoom
from scipy.special import logit

from pneumo import claims, data, metrics, style
from pneumo.runs import VARIANTS
from pneumo.study import HALF, RULES, YOUDEN, Model, Rule, Study

GROUPS = {
    "true positive": "pneumonia, called pneumonia",
    "true negative": "normal, called normal",
    "false positive": "normal, called pneumonia",
    "false negative": "pneumonia, called normal",
}
_MARKERS = {HALF: "o", YOUDEN: "D"}


def examples(study: Study, each: int = 8) -> Figure:
    """Training images drawn at random with a fixed seed: normal above pneumonia."""
    canvas = style.figure(study, height=2.15)
    grid = canvas.subplots(2, each)
    generator = np.random.default_rng(0)
    train = study.data.train
    for row, name in enumerate(data.CLASSES):
        members = np.flatnonzero(train.labels == row)
        for axes, index in zip(grid[row], generator.choice(members, each, False), strict=True):
            _show(axes, train.images[index])
        grid[row, 0].set_ylabel(name, color=style.CLASS_COLOURS[name])
    return canvas


def class_balance(study: Study) -> Figure:
    """Cases of each class in each split, as shares with their counts."""
    canvas = style.figure(study, height=1.9)
    axes = style.plot(canvas.subplots())
    counts = study.data.counts()
    left = np.zeros(len(counts))
    totals = np.array([sum(count.values()) for count in counts.values()])
    for name in data.CLASSES:
        values = np.array([count[name] for count in counts.values()])
        shares = values / totals
        axes.barh(list(counts), shares, left=left, color=style.CLASS_COLOURS[name], label=name)
        for row, (value, share) in enumerate(zip(values, shares, strict=True)):
            axes.text(
                left[row] + share / 2, row, f"{value:,}", ha="center", va="center",
                color="white", fontsize=9,
            )  # fmt: skip
        left += shares
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of the split")
    axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1), frameon=False, fontsize=9)
    return canvas


def augmentation(study: Study) -> Figure:
    """One image of each class under every change alone, at the end of its range, and all at once."""
    canvas = style.figure(study, height=2.5)
    augmented = study.ran[0].run.explanation.augmented  # (2, V, S, S)
    grid = canvas.subplots(2, len(VARIANTS))
    for row, name in enumerate(data.CLASSES):
        for axes, image, title in zip(grid[row], augmented[row], VARIANTS, strict=True):
            _show(axes, image)
            if row == 0:
                axes.set_title(title, fontsize=8.5)
        grid[row, 0].set_ylabel(name, color=style.CLASS_COLOURS[name])
    return canvas


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
            facecolor="#eef4f7" if parameters else "white", edgecolor=style.BLUE, linewidth=1.1,
        )  # fmt: skip
        axes.add_patch(box)
        axes.text(place + 0.47, 0.5, title, ha="center", va="center", fontsize=8, color=style.INK)
        axes.text(place + 0.47, 0.83, shape, ha="center", fontsize=8, color=style.GREY)
        below = f"{parameters:,}" if parameters else ""
        axes.text(place + 0.47, 0.12, below, ha="center", fontsize=8, color=style.INK)
        if place:
            axes.annotate(
                "", (place + 0.06, 0.5), (place - 0.12, 0.5),
                arrowprops={"arrowstyle": "-|>", "color": style.GREY},
            )  # fmt: skip
    axes.text(0.06, 0.97, "output: channels × height × width", fontsize=7.5, color=style.GREY)
    axes.text(0.06, 0.0, f"parameters, {model.parameters:,} in all", fontsize=7.5, color=style.GREY)
    return canvas


def cnn_curves(study: Study) -> Figure:
    """SimpleCNN's loss and accuracy by epoch, training against validation."""
    canvas = style.figure(study, height=2.7)
    for axes, measure in zip(canvas.subplots(1, 2), ("loss", "accuracy"), strict=True):
        _curves(style.plot(axes), study.model("simple-cnn"), measure)
        axes.set_ylabel(measure)
        axes.set_xlabel("epoch")
    canvas.axes[0].legend(frameon=False, fontsize=8.5)
    return canvas


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
        grid[0, column].set_title(model.title.replace(" (", "\n("), fontsize=9)
        grid[1, column].set_xlabel("epoch")
    canvas.legend(
        *grid[0, 0].get_legend_handles_labels(),
        loc="outside lower center", ncols=2, frameon=False, fontsize=8.5,
    )  # fmt: skip
    return canvas


def confusion(study: Study) -> Figure:
    """Every model's confusion matrix on the test set, at 0.5 and at the threshold of validation."""
    canvas = style.figure(study, height=4.1)
    grid = canvas.subplots(len(RULES), len(study.ran), squeeze=False)
    for column, model in enumerate(study.ran):
        for row, rule in enumerate(RULES):
            counts = model.confusion(rule)
            matrix = np.array(
                [
                    [counts.true_negative, counts.false_positive],
                    [counts.false_negative, counts.true_positive],
                ]
            )
            _matrix(grid[row, column], matrix)
            if column == 0:
                at = f"at {metrics.HALF:g}" if rule is HALF else "at validation's\nthreshold"
                grid[row, column].set_ylabel(f"{at}\n\ntruth")
        grid[0, column].set_title(model.title.replace(" (", "\n("), fontsize=9)
        grid[-1, column].set_xlabel("call", fontsize=8.5)
    return canvas


def roc_pr(study: Study) -> Figure:
    """ROC and precision–recall curves on the test set, each with its operating points."""
    canvas = style.figure(study, height=3.9)
    left, right = (style.plot(axes) for axes in canvas.subplots(1, 2))
    styles = style.model_styles(study)
    for model in study.ran:
        test = model.run.predictions["test"]
        look = styles[model.name]
        area = metrics.auc(test.labels, test.probabilities)
        left.plot(
            *metrics.roc(test.labels, test.probabilities),
            **look, linewidth=1.5, label=f"{model.title}, AUC {area:.3f}",
        )  # fmt: skip
        right.plot(
            *metrics.precision_recall(test.labels, test.probabilities), **look, linewidth=1.5
        )
        for rule, marker in _MARKERS.items():
            counts = model.confusion(rule)
            point: dict[str, Any] = {
                "marker": marker,
                "color": look["color"],
                "markersize": 6,
                "zorder": 3,
            }
            point |= {"markeredgecolor": "white", "linestyle": "none"}
            left.plot(1 - counts.specificity, counts.sensitivity, **point)
            right.plot(counts.sensitivity, counts.precision, **point)
    left.plot([0, 1], [0, 1], color=style.PALE, linewidth=1, zorder=0)
    left.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    share = float(study.data.test.labels.mean())
    right.axhline(share, color=style.PALE, linewidth=1, zorder=0)
    right.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(share - 0.04, 1.02))
    for rule, marker in _MARKERS.items():
        left.plot([], [], marker=marker, color=style.INK, linestyle="none", label=rule.title)
    handles, labels = left.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False, fontsize=8.5)
    return canvas


def errors(study: Study, each: int = 8) -> Figure:
    """The most confident cases of each group for the model that is best on validation, as it calls them."""
    model = claims.best(study)
    found = cases(model)
    canvas = style.figure(study, height=4.7)
    grid = canvas.subplots(len(GROUPS), each)
    probabilities = model.run.predictions["test"].probabilities
    for row, group in enumerate(GROUPS):
        for place, axes in enumerate(grid[row]):
            style.picture(axes)
            if place < len(found[group]):
                index = found[group][place]
                _show(axes, study.data.test.images[index])
                axes.set_title(f"{probabilities[index]:.2f}", fontsize=7.5, pad=2)
        grid[row, 0].set_ylabel(group.replace(" ", "\n"), color=_group_colour(group))
        if not len(found[group]):
            _say_none(grid[row, 0])
    return canvas


def filters(study: Study) -> Figure:
    """The first layer's kernels of every network, each scaled to its own range."""
    sheets = [_contact_sheet(model.run.explanation.filters) for model in study.ran]
    heights = [sheet.shape[0] / sheet.shape[1] for sheet in sheets]
    canvas = style.figure(study, height=style.WIDTH * sum(heights) + 0.32 * len(sheets))
    grid = canvas.subplots(len(sheets), 1, squeeze=False, height_ratios=heights)
    for axes, sheet, model in zip(grid[:, 0], sheets, study.ran, strict=True):
        kernels = model.run.explanation.filters
        size = "×".join(map(str, kernels.shape[1:]))
        style.picture(axes).imshow(sheet, cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
        axes.set_title(f"{model.title}: {len(kernels)} kernels of {size}", fontsize=8.5)
    return canvas


def grad_cam(study: Study, model: Model | None = None, each: int = 2) -> Figure:
    """Grad-CAM for cases of every group: the image, the map at its native size, the smooth overlay.

    Args:
        study: the study.
        model: None for the one that is best on validation.
        each: cases a group, the most confident ones.
    """
    model = model or claims.best(study)
    found = cases(model)
    canvas = style.figure(study, height=5.6)
    grid = canvas.subplots(len(GROUPS), 3 * each)
    maps = model.run.explanation.maps
    for row, group in enumerate(GROUPS):
        for place in range(each):
            image_axes, map_axes, overlay_axes = grid[row, 3 * place : 3 * place + 3]
            for axes in (image_axes, map_axes, overlay_axes):
                style.picture(axes)
            if row == 0:
                for axes, title in (
                    (image_axes, "image"),
                    (map_axes, "map, {}×{}".format(*maps.shape[1:])),
                    (overlay_axes, "overlay"),
                ):
                    axes.set_title(title, fontsize=8.5)
            if place >= len(found[group]):
                continue
            index = found[group][place]
            image = study.data.test.images[index]
            heat = evidence(maps[index], called_positive=group.endswith(" positive"))
            _show(image_axes, image)
            map_axes.imshow(heat, cmap=style.HEAT, vmin=0, vmax=1, interpolation="nearest")
            _show(overlay_axes, image)
            smooth = zoom(
                heat, image.shape[0] / heat.shape[0], order=1, grid_mode=True, mode="nearest"
            )
            overlay_axes.imshow(
                smooth, cmap=style.HEAT, vmin=0, vmax=1, alpha=0.5, interpolation="bilinear",
                extent=(-0.5, image.shape[1] - 0.5, image.shape[0] - 0.5, -0.5),
            )  # fmt: skip
        grid[row, 0].set_ylabel(group.replace(" ", "\n"), color=_group_colour(group))
        if not len(found[group]):
            _say_none(grid[row, 0])
    return canvas


def cases(model: Model, rule: Rule = YOUDEN) -> dict[str, NDArray[np.int64]]:
    """Test cases of the first seed by group at an operating point, the most confident first."""
    test, threshold = model.run.predictions["test"], model.thresholds(rule)[0]
    truth, called = test.labels == 1, test.probabilities >= threshold
    # Confidence is the distance from the threshold, on the scale of the logits.
    order = np.argsort(-np.abs(test.logits - logit(threshold)), kind="stable")
    members = {
        "true positive": truth & called,
        "true negative": ~truth & ~called,
        "false positive": ~truth & called,
        "false negative": truth & ~called,
    }
    return {group: order[members[group][order]] for group in GROUPS}


def evidence(signed: NDArray[np.float32], called_positive: bool) -> NDArray[np.float32]:
    """Grad-CAM's map for the call that was made: its ReLU, scaled to [0, 1]; else zero."""
    map_ = np.maximum(signed if called_positive else -signed, 0)
    highest = map_.max()
    return map_ / highest if highest > 0 else map_


def empty_maps(model: Model) -> int:
    """How many test images of the first seed have a map in which nothing speaks for the call."""
    called = model.run.predictions["test"].probabilities >= model.thresholds(YOUDEN)[0]
    maps = model.run.explanation.maps
    return sum(
        not evidence(map_, bool(positive)).any()
        for map_, positive in zip(maps, called, strict=True)
    )


def _contact_sheet(kernels: NDArray[np.float32], columns: int = 16) -> NDArray[np.float32]:
    """Kernels (F, h, w) side by side in one picture, a gap of NaN between them, each in [-1, 1]."""
    reach = np.abs(kernels).max(axis=(1, 2), keepdims=True)
    scaled = kernels / np.where(reach > 0, reach, 1)
    gap = max(1, round(kernels.shape[1] / 4))
    padded = np.pad(
        scaled, ((0, -len(kernels) % columns), (gap, gap), (gap, gap)), constant_values=np.nan
    )
    height, width = padded.shape[1:]
    rows = padded.reshape(-1, columns, height, width)  # (R, C, h, w)
    sheet = rows.transpose(0, 2, 1, 3).reshape(-1, columns * width)
    return np.asarray(sheet, dtype=np.float32)


def _say_none(axes: Axes) -> None:
    """An empty row is a result, and says so."""
    axes.text(
        0.5, 0.5, "none", ha="center", va="center", transform=axes.transAxes, color=style.GREY
    )


def _show(axes: Axes, image: NDArray[np.uint8]) -> None:
    style.picture(axes).imshow(image, cmap="gray", vmin=0, vmax=255, interpolation="nearest")


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
        axes.axvspan(0.5, frozen + 0.5, color="#dcebf3", zorder=0, linewidth=0)
        if label:
            axes.text(
                frozen + 0.6, 0.98, "← frozen | open →", transform=axes.get_xaxis_transform(),
                fontsize=7, va="top", color=style.BLUE,
            )  # fmt: skip


def _matrix(axes: Axes, matrix: NDArray[np.int64]) -> None:
    shares = matrix / matrix.sum(axis=1, keepdims=True)
    style.picture(axes).imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        share = shares[row, column]
        colour = "white" if share > 0.55 else style.INK
        axes.text(
            column, row - 0.08, str(count), ha="center", va="center", color=colour, fontsize=11
        )
        axes.text(
            column, row + 0.24, f"{share:.0%}", ha="center", va="center", color=colour, fontsize=7.5
        )
    axes.set_xticks([0, 1], data.CLASSES, fontsize=7.5)
    axes.set_yticks([0, 1], data.CLASSES, fontsize=7.5, rotation=90, va="center")
    axes.tick_params(length=0)


def _group_colour(group: str) -> str:
    return style.INK if group.startswith("true") else style.VERMILION


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
