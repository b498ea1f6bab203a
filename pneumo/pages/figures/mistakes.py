"""The test cases that the models are divided over."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.analysis import mistakes
from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.pages.figures._cases import evidence, overlay, show
from pneumo.study.study import Study


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


def _name(axes: Axes, text: str) -> None:
    """A row's name, to its left."""
    axes.set_ylabel(text, fontsize=style.SMALL, rotation="horizontal", ha="right", va="center")
