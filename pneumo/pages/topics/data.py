"""The data: examples, counts, the audit, augmentations, preprocessing, and the origin of images."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from PIL import Image

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.fragments import render
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import count, percent
from pneumo.pages.pictures import pixels, show, signed_map, without_images
from pneumo.pages.shared import value
from pneumo.record import Frame, Record
from pneumo.record.images import Images

EACH = 4  # images of each class on the front page
VARIANTS = ("original", "rotated", "shifted", "brighter", "contrast", "all at once")
_LARGER = 64  # side, in pixels, of the larger images that a real film is shown from
_ALIKE = 0.95  # correlation above which a larger image and a thumbnail show the same film
# Each augmentation's title, and the format of its range.
_CHANGES: dict[str, tuple[str, Callable[[float], str]]] = {
    "flip": ("horizontal flip", lambda x: f"probability {x:g}" if x else "none"),
    "rotation": ("rotation", lambda x: f"±{x:g}°"),
    "translation": ("translation", lambda x: f"±{100 * x:g} % of the side"),
    "brightness": ("brightness", lambda x: f"±{x:g} of the grey scale"),
    "contrast": ("contrast", lambda x: f"±{100 * x:g} %"),
}
_FINDINGS = {
    "repeats": "{}: images that repeat an earlier one",
    "shared": "distinct images that are in both {}",
    "conflicts": "images that have copies with different labels",
}


def fig_examples(record: Record) -> Shown:
    """Training images drawn at random with a fixed seed, one row per class."""
    about, size = record.about, record.data.size
    chosen = record.figure("fig-examples")
    caption = f"""Training images at their own {size}×{size} pixels, drawn at random with a fixed seed:
        {about.negative} above, {about.positive} below. {render(record, "look-for")}"""
    if record.images is None:
        return without_images(record, caption)
    canvas = style.figure(record, height=2.15)
    rows = [chosen.where(label=label) for label in (0, 1)]
    grid = canvas.subplots(2, max(map(len, rows)), squeeze=False)
    means = []
    for line, own, name in zip(grid, rows, about.classes, strict=True):
        images = _shown(line, record.images, own)
        line[0].set_ylabel(name, color=style.class_colours(record)[name])
        means.append(np.mean(images))
    alt = f"""{len(chosen)} training images in two rows, {about.negative} above and {about.positive} below.
        The mean grey level of those shown is {means[0]:.0f} of 255 above and {means[1]:.0f} below; at
        {size}×{size} pixels only coarse shapes are left."""
    return Shown(canvas, caption, alt)


def fig_front(record: Record) -> Shown:
    """One row of training images: the first of each class in :func:`fig_examples`."""
    about, chosen = record.about, record.figure("fig-examples")
    caption = f"""What the networks see: training images at their own {record.data.size}×{record.data.size}
        pixels, {about.negative} on the left, {about.positive} on the right. @fig-examples shows more."""
    if record.images is None:
        return without_images(record, caption)
    canvas = style.figure(record, height=1.2)
    halves: Any = canvas.subfigures(1, 2)
    for label, (half, name) in enumerate(zip(halves, about.classes, strict=True)):
        half.set_facecolor("none")
        colour = style.class_colours(record)[name]
        half.supxlabel(name, color=colour, fontsize=style.LARGE + 1)  # legible on a phone
        _shown(half.subplots(1, EACH), record.images, chosen.where(label=label))
    alt = f"A row of {2 * EACH} training images: {EACH} {about.negative}, then {EACH} {about.positive}."
    return Shown(canvas, caption, alt)


def fig_class_balance(record: Record) -> Shown:
    """The share and count of each class in each split."""
    about, numbers = record.about, record.figure("fig-class-balance")
    splits = numbers.distinct("split")
    canvas = style.figure(record, height=1.9)
    axes = style.plot(canvas.subplots())
    left = np.zeros(len(splits))
    for name in about.classes:
        own, colour = numbers.where(**{"class": name}), style.class_colours(record)[name]
        axes.barh(splits, own["share"], left=left, color=colour, label=name)
        for row, (images, share) in enumerate(zip(own["images"], own["share"], strict=True)):
            axes.text(
                left[row] + share / 2, row, count(images), ha="center", va="center",
                color=style.PAGE, fontsize=style.HEAD,
            )  # fmt: skip
        left += own["share"]
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.set(xlim=(0, 1), xlabel="share of the split")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    axes.legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1), fontsize=style.HEAD)
    shares = record.data_audit.shares
    positives = ", ".join(
        f"{percent(shares[split])} of {words}"
        for split, words in (("train", "training"), ("val", "validation"), ("test", "the test set"))
    )
    return Shown(
        canvas,
        f"""The {about.positive} class makes up {positives}. Counts are written in the bars, {about.negative}
        on the left, {about.positive} on the right.""",
        f"Three horizontal bars. The {about.positive} class makes up {positives}.",
    )


def fig_augmentation(record: Record) -> Shown:
    """One image of each class under each augmentation alone, at its strongest, and under all at once."""
    about, images = record.about, record.images
    caption = """One image of each class under each change alone, at the end of its range, and under one draw
        of all of them, at twice the stored size. The diagnosis should be the same in every column."""
    if images is None or "augmented" not in images.examples:
        return without_images(record, caption)
    canvas = style.figure(record, height=2.5)
    grid = canvas.subplots(2, len(VARIANTS))
    augmented = images.examples["augmented"]  # (2, V, S, S)
    for line, changed, name in zip(grid, augmented, about.classes, strict=True):
        for axes, image, title in zip(line, changed, VARIANTS, strict=True):
            show(axes, image, title if line is grid[0] else "", fontsize=style.TEXT)
        line[0].set_ylabel(name, color=style.class_colours(record)[name])
    ranges = {row["change"]: row["range"] for row in record.table("tbl-augmentation").rows()}
    alt = f"""One {about.negative} and one {about.positive} {about.image}, a row each, in {len(VARIANTS)}
        columns: {", ".join(VARIANTS)}. Rotation goes up to {ranges["rotation"]:g}° and a shift up to
        {percent(ranges["translation"], 0)} of the side, so the outlines hardly change."""
    return Shown(canvas, caption, alt)


def fig_recipe(record: Record) -> Shown:
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
    show(grid[0], film, f"drawn film\n{width}×{height}")
    show(grid[1], resized, f"its square\nat {len(resized)}×{len(resized)}")
    show(grid[2], stored, "as JPEG")
    corner = ((width - side) / 2 - 0.5, (height - side) / 2 - 0.5)
    grid[0].add_patch(
        Rectangle(corner, side, side, fill=False, edgecolor=style.OVER_PICTURE, linewidth=1.5)
    )
    signed_map(grid[3], changed, reach)
    grid[3].set_title(f"JPEG's change\n±{reach} of 255")
    for axes, image in zip(grid[4:], real, strict=True):
        show(axes, image, f"a real film\nat {len(image)}×{len(image)}")
    beside = (
        f"""On the right, the square of a real film of {record.about.finding} at {len(real[0])} pixels, and
        its thumbnail."""
        if real
        else ""
    )
    return Shown(
        canvas,
        f"""The square leaves out {percent(1 - side / width, 0)} of this film's width. The steps by which a
        film became a thumbnail, on a drawn film, which is nobody's: its centred square; bilinear resizing;
        JPEG of quality 75, and what it changed, red brighter and blue darker. {beside}""",
        f"""A drawn chest {width} pixels wide and {height} high with its centred square marked, the square at
        {len(resized)} pixels, the same after JPEG, and the difference. {percent(1 - side / width)} of the
        film's width is left out; JPEG changes grey levels by {np.abs(changed).mean():.1f} of 255 on average
        and by {reach} at most.""",
    )


def tbl_data(record: Record) -> Table:
    about = record.about
    rows = []
    for split, numbers in record.table("tbl-data").by("split"):
        own = {row["class"]: row for row in numbers.rows()}
        cells = [count(own[name]["images"]) for name in about.classes]
        total = count(record.data.total(split))
        rows.append([split, *cells, total, percent(own[about.positive]["share"])])
    return table(
        f"split | {about.negative} > | {about.positive} > | total > | share of {about.finding} >",
        rows,
        "Images by split and class.",
    )


def tbl_audit(record: Record) -> Table:
    """The audit's counts: duplicates within a split, and images in two splits."""
    columns = {
        "finding": lambda row: _FINDINGS[row["finding"]].format(row["where"]),
        "images >": value("images", count),
    }
    return table(columns, record.table("tbl-audit").rows(), "What the audit finds.")


def tbl_augmentation(record: Record) -> Table:
    return table(
        {
            "change": lambda row: _CHANGES[row["change"]][0],
            "range": lambda row: _CHANGES[row["change"]][1](row["range"]),
            "clinical reading": lambda row: record.about.words[row["change"]],
        },
        record.table("tbl-augmentation").rows(),
        "Augmentations, their ranges, and how a clinician would read them.",
    )


def tbl_origins(record: Record) -> Table:
    titles = {"bacteria": "bacterial", "virus": "viral"}
    names = ("normal", "bacteria", "virus", "unknown", "patients", "most of one patient")
    return table(
        {"split": value("split")}
        | {f"{titles.get(name, name)} >": value(name, count) for name in names},
        record.table("tbl-origins").rows(),
        "Images by kind, as the names of the published files have it, and their patients.",
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
