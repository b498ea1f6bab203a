"""What the models get right and wrong on the test set."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pneumo import claims, data, metrics, style
from pneumo.figures._cases import GROUPS, cases, group_colour, say_none, show
from pneumo.study import HALF, SENSITIVITY_95, SENSITIVITY_99, YOUDEN, Study

MARKERS = {HALF: "o", YOUDEN: "D", SENSITIVITY_95: "^", SENSITIVITY_99: "v"}


def confusion(study: Study) -> Figure:
    """Every model's confusion matrix on the test set, at 0.5 and at the threshold of validation."""
    canvas = style.figure(study, height=4.1)
    rules = (HALF, YOUDEN)
    grid = canvas.subplots(len(rules), len(study.ran), squeeze=False)
    for column, model in enumerate(study.ran):
        for row, rule in enumerate(rules):
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
        for rule, marker in MARKERS.items():
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
    for rule, marker in MARKERS.items():
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
                show(axes, study.data.test.images[index])
                axes.set_title(f"{probabilities[index]:.2f}", fontsize=7.5, pad=2)
        grid[row, 0].set_ylabel(group.replace(" ", "\n"), color=group_colour(group))
        if not len(found[group]):
            say_none(grid[row, 0])
    return canvas


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
