"""The test cases that are called wrongly, and what they have in common."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from pneumo.analysis import mistakes
from pneumo.base.provenance import drawn
from pneumo.data import part
from pneumo.pages import style
from pneumo.pages.figures._cases import (
    GROUPS,
    cases,
    evidence,
    group_colour,
    mean_image,
    overlay,
    say_none,
    show,
)
from pneumo.study import selection
from pneumo.study.study import Study


@drawn
def missed_by_all(study: Study, most: int = 16) -> Figure:
    """Test cases that every model calls wrongly, with their labels."""
    found = mistakes.missed_by_all(study)[:most]
    labels = mistakes.truth(study)
    titles = [study.about.classes[labels[index]] for index in found]
    colours = [style.CLASS_COLOURS[title] for title in titles]
    return _gallery(study, found, titles, colours, most)


@drawn
def contested(study: Study, most: int = 16) -> Figure:
    """Test cases that the runs are most evenly split over, with how many call each positive."""
    found = mistakes.contested(study)[:most]
    runs = sum(len(model.runs) for model in study.ran)
    positive = mistakes.called_by_runs(study)
    titles = [f"{positive[index]} of {runs}" for index in found]
    truth = [study.about.classes[label] for label in mistakes.truth(study)[found]]
    return _gallery(study, found, titles, [style.CLASS_COLOURS[name] for name in truth], most)


@drawn
def divided(study: Study, most: int = 8) -> Figure:
    """The test cases that the models are most divided over: the image, and below it each model's map.

    First seeds; the maps are of the call that each model makes at Youden's threshold.
    """
    found = mistakes.divided(study)[:most]
    images, labels = study.data.test.images, mistakes.truth(study)
    rows = 1 + len(study.ran)
    canvas = style.figure(study, height=0.82 * rows + (0.3 if study.data.is_phantom else 0.1))
    grid = canvas.subplots(rows, most, squeeze=False)
    for axes in grid.flat:
        style.picture(axes)
    _name(grid[0, 0], "image")
    for axes, index in zip(grid[0], found, strict=False):
        show(axes, images[index])
        name = study.about.classes[labels[index]]
        axes.set_title(name, fontsize=style.SMALL, pad=2, color=style.CLASS_COLOURS[name])
    for row, model in zip(grid[1:], study.ran, strict=True):
        _name(row[0], model.title.replace(" (", "\n("))
        called, wrong = mistakes.calls(model.run), mistakes.wrong(model.run)
        probabilities = model.run.predictions["test"].probabilities
        for axes, index in zip(row, found, strict=False):
            heat = evidence(model.run.explanation.maps[index], bool(called[index]))
            overlay(axes, images[index], heat, smooth=False)
            title = f"{probabilities[index]:.2f} {'✗' if wrong[index] else '✓'}"
            colour = style.VERMILION if wrong[index] else style.INK
            axes.set_title(title, fontsize=style.SMALL, pad=2, color=colour)
    return canvas


@drawn
def mean_images(study: Study) -> Figure:
    """The mean image of each group of calls, and what sets the wrong ones apart from the right ones."""
    found = cases(selection.best(study))
    means = {
        group: mean_image(part(study.data.test, members))
        for group, members in found.items()
        if len(members)
    }
    canvas = style.figure(study, height=1.95)
    grid = canvas.subplots(1, 6)
    for axes, group in zip(grid, GROUPS, strict=False):
        style.picture(axes)
        if group in means:
            axes.imshow(means[group] / 255, cmap="gray", vmin=0, vmax=1)
        else:
            say_none(axes)
        axes.set_title(
            f"{group.replace(' ', chr(10))}\n{len(found[group])}",
            color=group_colour(group),
            fontsize=style.TEXT,
        )
    differences = (("false positive", "true negative"), ("false negative", "true positive"))
    for axes, (odd, even) in zip(grid[4:], differences, strict=True):
        style.picture(axes)
        if odd in means and even in means:
            difference = (means[odd] - means[even]) / 255
            axes.imshow(difference, cmap="RdBu_r", vmin=-0.25, vmax=0.25)
        else:
            say_none(axes)
        short = {"false positive": "FP − TN", "false negative": "FN − TP"}[odd]
        axes.set_title(f"difference\n{short}\n±0.25", fontsize=style.TEXT)
    return canvas


def _gallery(
    study: Study,
    found: NDArray[np.int64],
    titles: list[str],
    colours: list[str],
    most: int,
    columns: int = 8,
) -> Figure:
    """Test images in rows of `columns`, a short title above each."""
    rows = -(-max(1, min(most, len(found))) // columns)
    canvas = style.figure(study, height=1.05 * rows + (0.3 if study.data.is_phantom else 0.1))
    grid = canvas.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        style.picture(axes)
    for axes, index, title, colour in zip(grid.flat, found, titles, colours, strict=False):
        show(axes, study.data.test.images[index])
        axes.set_title(title, fontsize=style.SMALL, pad=2, color=colour)
    if not len(found):
        say_none(grid[0, 0])
    return canvas


def _name(axes: Axes, text: str) -> None:
    """A row's name, to its left."""
    axes.set_ylabel(text, fontsize=style.SMALL, rotation="horizontal", ha="right", va="center")
