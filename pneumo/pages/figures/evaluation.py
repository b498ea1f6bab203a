"""What the models get right and wrong on the test set."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.pages.figures._cases import GROUPS, cases, group_colour, say_none, show
from pneumo.statistics import metrics
from pneumo.study import selection
from pneumo.study.study import HALF, SENSITIVITY_95, SENSITIVITY_99, YOUDEN, Rule, Study

MARKERS = {HALF: "o", YOUDEN: "D", SENSITIVITY_95: "^", SENSITIVITY_99: "v"}


@drawn
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
            _matrix(grid[row, column], matrix, study.about.classes)
            if column == 0:
                at = f"at {metrics.HALF:g}" if rule is HALF else "at validation's\nthreshold"
                grid[row, column].set_ylabel(f"{at}\n\ntruth")
        grid[0, column].set_title(model.title.replace(" (", "\n("), fontsize=style.HEAD)
        grid[-1, column].set_xlabel("call", fontsize=style.TEXT)
    return canvas


@drawn
def roc(study: Study) -> Figure:
    """The ROC curves alone, small, for the front page; a diamond at the threshold of validation."""
    canvas = style.figure(study, height=3.3, width=3.1)
    axes = style.plot(canvas.subplots())
    _roc(axes, study, (YOUDEN,), with_areas=False)
    axes.set_aspect("equal")
    handles, labels = axes.get_legend_handles_labels()
    canvas.legend(
        handles, labels, loc="outside lower left", handlelength=2.6,
        labelspacing=0.25, fontsize=style.SMALL,
    )  # fmt: skip
    return canvas


@drawn
def roc_pr(study: Study) -> Figure:
    """ROC and precision–recall curves on the test set, each with its operating points."""
    canvas = style.figure(study, height=3.9)
    left, right = (style.plot(axes) for axes in canvas.subplots(1, 2))
    _roc(left, study, tuple(MARKERS))
    looks = style.model_styles(study)
    for model in study.ran:
        test, look = model.run.predictions["test"], looks[model.name]
        curve = metrics.precision_recall(test.labels, test.probabilities)
        right.plot(*curve, **look, linewidth=1.5)
        for rule in MARKERS:
            counts = model.confusion(rule)
            right.plot(counts.sensitivity, counts.precision, **_mark(rule, look["color"]))
    share = float(study.data.test.labels.mean())
    right.axhline(share, color=style.PALE, linewidth=1, zorder=0)
    right.set(xlabel="recall", ylabel="precision", xlim=(-0.02, 1.02), ylim=(share - 0.04, 1.02))
    handles, labels = left.get_legend_handles_labels()
    canvas.legend(handles, labels, loc="outside lower center", ncols=2)
    return canvas


@drawn
def errors(study: Study, each: int = 8) -> Figure:
    """The most confident cases of each group for the model that is best on validation, as it calls them."""
    model = selection.best(study)
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
                axes.set_title(f"{probabilities[index]:.2f}", fontsize=style.SMALL, pad=2)
        grid[row, 0].set_ylabel(group.replace(" ", "\n"), color=group_colour(group))
        if not len(found[group]):
            say_none(grid[row, 0])
    return canvas


def _roc(axes: Axes, study: Study, rules: tuple[Rule, ...], with_areas: bool = True) -> None:
    """Every model's ROC curve, first seed, with its AUC in the legend, and its operating points."""
    looks = style.model_styles(study)
    for model in study.ran:
        test, look = model.run.predictions["test"], looks[model.name]
        area = f", AUC {metrics.auc(test.labels, test.probabilities):.3f}" if with_areas else ""
        axes.plot(
            *metrics.roc(test.labels, test.probabilities),
            **look, linewidth=1.5, label=f"{model.title}{area}",
        )  # fmt: skip
        for rule in rules:
            counts = model.confusion(rule)
            axes.plot(1 - counts.specificity, counts.sensitivity, **_mark(rule, look["color"]))
    axes.plot([0, 1], [0, 1], color=style.PALE, linewidth=1, zorder=0)
    axes.set(xlabel="1 − specificity", ylabel="sensitivity", xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    for rule in rules:
        axes.plot([], [], **_mark(rule, style.INK), label=rule.title)


def _mark(rule: Rule, colour: str) -> dict[str, Any]:
    """The look of an operating point."""
    return {
        "marker": MARKERS[rule], "color": colour, "markersize": 6, "zorder": 3,
        "markeredgecolor": style.PAGE, "linestyle": "none",
    }  # fmt: skip


def _matrix(axes: Axes, matrix: NDArray[np.int64], classes: tuple[str, str]) -> None:
    shares = matrix / matrix.sum(axis=1, keepdims=True)
    style.picture(axes).imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        share = shares[row, column]
        colour = style.OVER_DARK if share > 0.7 else style.OVER_BRIGHT
        axes.text(
            column,
            row - 0.08,
            str(count),
            ha="center",
            va="center",
            color=colour,
            fontsize=style.LARGE,
        )
        axes.text(
            column,
            row + 0.24,
            f"{share:.0%}",
            ha="center",
            va="center",
            color=colour,
            fontsize=style.SMALL,
        )
    titles = [name.replace(" ", "\n", 1) for name in classes]
    size = style.SMALL if titles == list(classes) else 6  # two lines need the room of one
    axes.set_xticks([0, 1], titles, fontsize=size)
    axes.set_yticks([0, 1], titles, fontsize=size, rotation=90, va="center")
    axes.tick_params(length=0)
