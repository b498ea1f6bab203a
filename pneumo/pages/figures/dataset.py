"""The images: examples, class balance, augmentation, preprocessing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from pneumo.pages import style
from pneumo.pages.figures.pictures import pixels, show, signed_map
from pneumo.pages.fragments import render
from pneumo.pages.numbers import percent
from pneumo.pages.showing import Shown
from pneumo.record import Frame, Record
from pneumo.record.images import Images

EACH = 4  # images of each class on the front page
VARIANTS = ("original", "rotated", "shifted", "brighter", "contrast", "all at once")
_NO_IMAGES = "No images are at hand."
_LARGER = 64  # side, in pixels, of the larger images that a real film is shown from
_ALIKE = 0.95  # correlation above which a larger image and a thumbnail show the same film


def examples(record: Record) -> Shown:
    """Training images drawn at random with a fixed seed, one row per class."""
    about, size = record.about, record.data.size
    chosen = record.figure("fig-examples")
    caption = (
        f"Training images at their own {size}×{size} pixels, drawn at random with a fixed seed: "
        f"{about.negative} above, {about.positive} below. {render(record, 'look-for')}"
    )
    if record.images is None:
        return Shown(style.no_images(record), caption, _NO_IMAGES)
    canvas = style.figure(record, height=2.15)
    rows = [chosen.where(label=label) for label in (0, 1)]
    grid = canvas.subplots(2, max(map(len, rows)), squeeze=False)
    means = []
    for line, own, name in zip(grid, rows, about.classes, strict=True):
        images = _shown(line, record.images, own)
        line[0].set_ylabel(name, color=style.class_colours(record)[name])
        means.append(np.mean(images))
    alt = (
        f"{len(chosen)} training images in two rows, {about.negative} above and {about.positive} below. "
        f"The mean grey level of those shown is {means[0]:.0f} of 255 above and {means[1]:.0f} below; at "
        f"{size}×{size} pixels only coarse shapes are left."
    )
    return Shown(canvas, caption, alt)


def front(record: Record) -> Shown:
    """One row of training images: the first of each class in :func:`examples`."""
    about, chosen = record.about, record.figure("fig-examples")
    caption = (
        f"What the networks see: training images at their own {record.data.size}×{record.data.size} pixels, "
        f"{about.negative} on the left, {about.positive} on the right. @fig-examples shows more."
    )
    if record.images is None:
        return Shown(style.no_images(record), caption, _NO_IMAGES)
    canvas = style.figure(record, height=1.2)
    halves: Any = canvas.subfigures(1, 2)
    for label, (half, name) in enumerate(zip(halves, about.classes, strict=True)):
        half.set_facecolor("none")
        colour = style.class_colours(record)[name]
        half.supxlabel(name, color=colour, fontsize=style.LARGE + 1)  # legible on a phone
        _shown(half.subplots(1, EACH), record.images, chosen.where(label=label))
    alt = f"A row of {2 * EACH} training images: {EACH} {about.negative}, then {EACH} {about.positive}."
    return Shown(canvas, caption, alt)


def class_balance(record: Record) -> Shown:
    """The share and count of each class in each split."""
    about, numbers = record.about, record.figure("fig-class-balance")
    splits = numbers.distinct("split")
    canvas = style.figure(record, height=1.9)
    axes = style.plot(canvas.subplots())
    left = np.zeros(len(splits))
    for name in about.classes:
        own = numbers.where(**{"class": name})
        axes.barh(
            splits, own["share"], left=left, color=style.class_colours(record)[name], label=name
        )
        for row, (count, share) in enumerate(zip(own["images"], own["share"], strict=True)):
            axes.text(
                left[row] + share / 2, row, f"{count:,.0f}", ha="center", va="center",
                color=style.PAGE, fontsize=style.HEAD,
            )  # fmt: skip
        left += own["share"]
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.set_xlabel("share of the split")
    axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=style.HEAD)
    shares = record.data_audit.shares
    positives = ", ".join(
        f"{percent(shares[split])} of {words}"
        for split, words in (("train", "training"), ("val", "validation"), ("test", "the test set"))
    )
    return Shown(
        canvas,
        f"The {about.positive} class makes up {positives}. Counts are written in the bars, "
        f"{about.negative} on the left, {about.positive} on the right.",
        f"Three horizontal bars. The {about.positive} class makes up {positives}.",
    )


def augmentation(record: Record) -> Shown:
    """One image of each class under each augmentation alone, at its strongest, and under all at once."""
    about = record.about
    caption = (
        "One image of each class under each change alone, at the end of its range, and under one draw of all "
        "of them, at twice the stored size. The diagnosis should be the same in every column."
    )
    images = record.images
    if images is None or "augmented" not in images.examples:
        return Shown(style.no_images(record), caption, _NO_IMAGES)
    augmented = images.examples["augmented"]  # (2, V, S, S)
    canvas = style.figure(record, height=2.5)
    grid = canvas.subplots(2, len(VARIANTS))
    for line, changed, name in zip(grid, augmented, about.classes, strict=True):
        for axes, image, title in zip(line, changed, VARIANTS, strict=True):
            show(axes, image)
            if line is grid[0]:
                axes.set_title(title, fontsize=style.TEXT)
        line[0].set_ylabel(name, color=style.class_colours(record)[name])
    ranges = {row["change"]: row["range"] for row in record.table("tbl-augmentation").rows()}
    alt = (
        f"One {about.negative} and one {about.positive} {about.image}, a row each, in {len(VARIANTS)} "
        f"columns: {', '.join(VARIANTS)}. Rotation goes up to {ranges['rotation']:g}° and a shift up to "
        f"{percent(ranges['translation'], 0)} of the side, so the outlines hardly change."
    )
    return Shown(canvas, caption, alt)


def recipe(record: Record) -> Shown:
    """A drawn film with its square, the square at 28 pixels, the same after JPEG, and what JPEG changed.

    If there are larger images, a real film is shown at both sizes, too.
    """
    numbers = record.figure("fig-recipe")
    film, resized, stored = (
        pixels(numbers.where(step=step), "grey").astype(np.uint8)
        for step in ("film", "resized", "stored")
    )
    height, width = film.shape
    side = min(height, width)
    changed = stored.astype(int) - resized
    reach = int(np.abs(changed).max()) or 1
    real = _real_film(record)
    ratios = [width / height, *[1] * (3 + len(real))]
    canvas = style.unmarked(height=1.75)
    grid = canvas.subplots(1, len(ratios), gridspec_kw={"width_ratios": ratios})
    pictures = {
        f"drawn film\n{width}×{height}": film,
        f"its square\nat {len(resized)}×{len(resized)}": resized,
        "as JPEG": stored,
    }
    for axes, (title, image) in zip(grid, pictures.items(), strict=False):
        show(axes, image)
        axes.set_title(title)
    corner = ((width - side) / 2 - 0.5, (height - side) / 2 - 0.5)
    grid[0].add_patch(
        Rectangle(corner, side, side, fill=False, edgecolor=style.OVER_PICTURE, linewidth=1.5)
    )
    signed_map(grid[3], changed, reach)
    grid[3].set_title(f"JPEG's change\n±{reach} of 255")
    for axes, image in zip(grid[4:], real, strict=True):
        show(axes, image)
        axes.set_title(f"a real film\nat {len(image)}×{len(image)}")
    beside = (
        f" On the right, the square of a real film of {record.about.finding} at {len(real[0])} pixels, and "
        "its thumbnail."
        if real
        else ""
    )
    return Shown(
        canvas,
        f"The square leaves out {percent(1 - side / width, 0)} of this film's width. The steps by which a "
        "film became a thumbnail, on a drawn film, which is nobody's: its centred square; bilinear "
        "resizing; JPEG of quality 75, and what it changed, red brighter and blue "
        f"darker.{beside}",
        f"A drawn chest {width} pixels wide and {height} high with its centred square marked, the square at "
        f"{len(resized)} pixels, the same after JPEG, and the difference. {percent(1 - side / width)} of the "
        f"film's width is left out; JPEG changes grey levels by {np.abs(changed).mean():.1f} of 255 on "
        f"average and by {reach} at most.",
    )


def _real_film(record: Record) -> tuple[NDArray[np.uint8], ...]:
    """The first positive test film from a file of larger images, and its thumbnail; empty without one."""
    thumbnails = record.images
    larger = thumbnails.larger(_LARGER) if thumbnails and not record.data.is_phantom else None
    if thumbnails is None or larger is None:
        return ()
    index = int(record.test_labels().argmax())
    film, thumbnail = (one.split("test")[index] for one in (larger, thumbnails))
    small = np.asarray(Image.fromarray(film).resize(thumbnail.shape, Image.Resampling.BILINEAR))
    alike = float(np.corrcoef(small.ravel(), thumbnail.ravel())[0, 1])
    return (film, thumbnail) if alike > _ALIKE else ()


def _shown(places: Sequence[Axes], images: Images, chosen: Frame) -> list[NDArray[np.uint8]]:
    """Show chosen images, of those that are found, as many as there is room for; all that are found."""
    found = [image for digest in chosen["sha256"] if (image := images.find(digest)) is not None]
    for axes in places:
        style.picture(axes)
    for axes, image in zip(places, found, strict=False):
        show(axes, image)
    return found
