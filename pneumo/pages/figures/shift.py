"""What the test set does to scores and to mean images, against the images of development."""

import numpy as np
from matplotlib.figure import Figure
from scipy.special import logit

from pneumo.base.provenance import drawn
from pneumo.data import SPLITS, part
from pneumo.pages import style
from pneumo.pages.figures._cases import mean_image
from pneumo.study.study import YOUDEN, Study, threshold

BINS = 24


@drawn
def shift_scores(study: Study) -> Figure:
    """Each model's scores of each class on validation and on test, with the threshold that was chosen."""
    canvas = style.figure(study, height=3.5)
    grid = canvas.subplots(2, len(study.ran), squeeze=False, sharex="col")
    for column, model in enumerate(study.ran):
        predictions = model.run.predictions
        all_ = np.concatenate([predictions[split].logits for split in ("val", "test")])
        edges = np.linspace(all_.min() - 1e-6, all_.max() + 1e-6, BINS + 1).tolist()
        chosen = float(logit(threshold(model.run, YOUDEN)))
        for row, name in enumerate(study.about.classes):
            axes = style.plot(grid[row, column])
            groups = [
                predictions[split].logits[predictions[split].labels == row]
                for split in ("val", "test")
            ]
            axes.hist(
                groups[1], edges, density=True, color=style.CLASS_COLOURS[name], alpha=0.45
            )  # fmt: skip
            axes.hist(groups[0], edges, density=True, histtype="step", color=style.INK)
            axes.axvline(chosen, color=style.INK, linewidth=1, linestyle=":")
            axes.set_yticks([])
            axes.grid(visible=False)
            axes.spines["left"].set_visible(False)
            axes.tick_params(labelsize=style.SMALL)
            if column == 0:
                axes.set_ylabel(name, color=style.CLASS_COLOURS[name])
        grid[0, column].set_title(model.title.replace(" (", "\n("), fontsize=style.TEXT)
        grid[1, column].set_xlabel("logit", fontsize=style.TEXT)
    _legend(canvas)
    return canvas


@drawn
def shift_images(study: Study) -> Figure:
    """Mean images of development and test, class by class, and what sets them apart."""
    splits = study.data.splits
    canvas = style.figure(study, height=1.68 if study.data.is_phantom else 1.46)
    grid = canvas.subplots(1, 6)
    for label, name in enumerate(study.about.classes):
        train, val, test = (
            part(splits[split], np.flatnonzero(splits[split].labels == label)) for split in SPLITS
        )
        means = mean_image(train, val) / 255, mean_image(test) / 255
        colour = style.CLASS_COLOURS[name]
        for axes, mean, title in zip(
            grid[3 * label :], means, ("development", "test"), strict=False
        ):
            style.picture(axes).imshow(mean, cmap="gray", vmin=0, vmax=1)
            axes.set_title(f"{name}\n{title}", color=colour, fontsize=style.TEXT)
        axes = style.picture(grid[3 * label + 2])
        axes.imshow(means[1] - means[0], cmap="RdBu_r", vmin=-0.15, vmax=0.15)
        axes.set_title("difference\n±0.15", fontsize=style.TEXT)
    return canvas


def _legend(canvas: Figure) -> None:
    """What a filled shape, a line and a dotted line stand for: the same in every panel."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [
        Line2D([], [], color=style.INK, label="validation"),
        Patch(color=style.GREY, alpha=0.45, label="test"),
        Line2D([], [], color=style.INK, linestyle=":", label="threshold chosen on validation"),
    ]
    canvas.legend(
        handles=handles, loc="outside lower center", ncols=3
    )  # fmt: skip
