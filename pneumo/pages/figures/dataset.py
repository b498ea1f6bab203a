"""What the images are: examples, class balance, augmentation."""

import numpy as np
from matplotlib.figure import Figure

from pneumo.base.provenance import drawn
from pneumo.pages import style
from pneumo.pages.figures.pictures import show
from pneumo.study.study import Study
from pneumo.training.runs import VARIANTS


@drawn
def examples(study: Study, each: int = 8) -> Figure:
    """Training images drawn at random with a fixed seed, a row a class."""
    canvas = style.figure(study, height=2.15)
    grid = canvas.subplots(2, each)
    generator = np.random.default_rng(0)
    train = study.data.train
    for row, name in enumerate(study.about.classes):
        members = np.flatnonzero(train.labels == row)
        for axes, index in zip(grid[row], generator.choice(members, each, False), strict=True):
            show(axes, train.images[index])
        grid[row, 0].set_ylabel(name, color=style.CLASS_COLOURS[name])
    return canvas


@drawn
def class_balance(study: Study) -> Figure:
    """Cases of each class in each split, as shares with their counts."""
    canvas = style.figure(study, height=1.9)
    axes = style.plot(canvas.subplots())
    counts = study.data.counts()
    left = np.zeros(len(counts))
    totals = np.array([sum(count.values()) for count in counts.values()])
    for name in study.about.classes:
        values = np.array([count[name] for count in counts.values()])
        shares = values / totals
        axes.barh(list(counts), shares, left=left, color=style.CLASS_COLOURS[name], label=name)
        for row, (value, share) in enumerate(zip(values, shares, strict=True)):
            axes.text(
                left[row] + share / 2, row, f"{value:,}", ha="center", va="center",
                color=style.PAGE, fontsize=style.HEAD,
            )  # fmt: skip
        left += shares
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of the split")
    axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=style.HEAD)
    return canvas


@drawn
def augmentation(study: Study) -> Figure:
    """One image of each class under every change alone, at the end of its range, and all at once."""
    canvas = style.figure(study, height=2.5)
    augmented = study.ran[0].run.explanation.augmented  # (2, V, S, S)
    grid = canvas.subplots(2, len(VARIANTS))
    for row, name in enumerate(study.about.classes):
        for axes, image, title in zip(grid[row], augmented[row], VARIANTS, strict=True):
            show(axes, image)
            if row == 0:
                axes.set_title(title, fontsize=style.TEXT)
        grid[row, 0].set_ylabel(name, color=style.CLASS_COLOURS[name])
    return canvas
