"""The images of different splits that are most alike."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pneumo.analysis import duplicates
from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.pages.figures.pictures import say_none, show
from pneumo.study.study import Study


@drawn
def near_duplicates(study: Study) -> Figure:
    """The most alike pairs across splits that are not identical, one above the other, with their labels."""
    found = duplicates.search(study).closest
    canvas = style.figure(study, height=3.62 if study.data.is_phantom else 3.5)
    grid = canvas.subplots(2, duplicates.CLOSEST)
    for axes in grid.flat:
        style.picture(axes)
    for (upper, lower), pair in zip(grid.T, found, strict=False):
        _show(study, upper, pair.first)
        _show(study, lower, pair.second)
        lower.set_xlabel(
            f"r = {pair.correlation:.3f}\n{pair.bits} bits differ", fontsize=style.TEXT
        )
    if not found:
        say_none(grid[0, 0])
    return canvas


def _show(study: Study, axes: Axes, place: tuple[str, int]) -> None:
    name, index = place
    split = study.data.splits[name]
    show(axes, split.images[index])
    label = study.about.classes[split.labels[index]]
    axes.set_title(
        f"{name} {index}\n{label}", fontsize=style.TEXT, pad=3, color=style.CLASS_COLOURS[label]
    )
