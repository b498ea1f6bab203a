"""What corruptions do to an image, and to a model's AUC."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pneumo.analysis.robustness import robustness
from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.pages.figures._cases import show
from pneumo.study.corruptions import CORRUPTIONS, SEVERITIES, corrupt
from pneumo.study.study import Study


@drawn
def corruptions(study: Study) -> Figure:
    """The first positive case of the test set as it is, and under every corruption at three severities."""
    image = study.data.test.images[study.data.test.labels == 1][:1]
    severities = (1, 3, SEVERITIES)
    canvas = style.figure(study, height=2.1)
    grid = canvas.subplots(len(severities), 1 + len(CORRUPTIONS))
    for row, severity in enumerate(severities):
        for axes in grid[row]:
            style.picture(axes)
        if row == 0:
            show(grid[0, 0], image[0])
            grid[0, 0].set_title("as it is", fontsize=style.SMALL)
        for axes, name in zip(grid[row, 1:], CORRUPTIONS, strict=True):
            show(axes, corrupt(image, name, severity)[0])
            if row == 0:
                axes.set_title(_short(name), fontsize=style.SMALL)
        grid[row, 1].set_ylabel(
            str(severity), rotation=0, labelpad=6, va="center", fontsize=style.TEXT
        )
    return canvas


@drawn
def robustness_curves(study: Study) -> Figure:
    """AUC by severity, a chart a corruption, a line a model; severity 0 is the clean image."""
    found = robustness(study)
    columns = 5
    rows = -(-(len(CORRUPTIONS) + 1) // columns)
    canvas = style.figure(study, height=1.45 * rows)
    grid = canvas.subplots(rows, columns, sharex=True, sharey=True)
    looks = style.model_styles(study)
    severities = np.arange(SEVERITIES + 1)
    for place, (axes, name) in enumerate(zip(grid.flat, CORRUPTIONS, strict=False)):
        style.plot(axes)
        for model, measured in found.items():
            values = [measured.clean_auc, *measured.auc[place]]
            axes.plot(
                severities, values, **looks[model], linewidth=1.3, label=study.model(model).title
            )
        axes.set_title(_short(name).replace("\n", " "), fontsize=style.TEXT)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(labelsize=style.SMALL)
    unused = list(grid.flat)[len(CORRUPTIONS) :]
    for axes in unused:
        axes.set_axis_off()
    handles, labels = grid[0, 0].get_legend_handles_labels()
    legend = unused[0].legend(handles, labels, loc="center left", fontsize=style.SMALL)
    legend.set_in_layout(False)  # it lies over the neighbour, which is empty
    canvas.supylabel("AUC", fontsize=style.TEXT)
    canvas.supxlabel("severity, 0 as it is", fontsize=style.TEXT)
    return canvas


def _short(name: str) -> str:
    words = {"jpeg compression": "JPEG", "brightness up": "brighter", "brightness down": "darker"}
    return words.get(name, name.replace(" ", "\n"))
