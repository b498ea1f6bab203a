"""The most similar images of different splits."""

from pneumo.pages import style
from pneumo.pages.figures.pictures import show
from pneumo.pages.numbers import number, plural
from pneumo.pages.showing import Shown
from pneumo.record import Record


def near_duplicates(record: Record) -> Shown:
    """The most similar pairs across splits that are not identical, one above the other, with their labels."""
    about, found = record.about, record.figure("fig-near-duplicates")
    if not len(found):
        canvas = style.figure(record, height=0.7)
        canvas.text(0.5, 0.5, "none", ha="center", va="center", color=style.GREY)
        none = "No two images of different splits are alike."
        return Shown(canvas, none, none)
    pairs = [found.where(pair=number_) for number_ in found.distinct("pair")]
    same = sum(len(pair.distinct("label")) == 1 for pair in pairs)
    low, high = (
        number(float(end)) for end in (found["correlation"].min(), found["correlation"].max())
    )
    alt = (
        f"Of the {plural(len(pairs), 'pair')} of images of different splits that are most alike and not "
        f"identical, grey values correlate at {low} to {high}; in {same} both images have the same label."
    )
    caption = (
        f"{alt} One above the other, the most alike pair first: split, place in it and label above each "
        f"image (blue {about.negative}, red {about.positive}), below each pair the correlation and how many "
        "bits of the hashes differ."
    )
    if record.images is None:
        return Shown(style.no_images(record), caption, alt)
    canvas = style.figure(record, height=3.62 if record.data.is_phantom else 3.5)
    grid = canvas.subplots(2, len(pairs), squeeze=False)
    for column, pair in zip(grid.T, pairs, strict=True):
        for axes, row in zip(column, pair.rows(), strict=True):
            image = record.images.find(row["sha256"])
            if image is not None:
                show(axes, image)
            label = about.classes[int(row["label"])]
            axes.set_title(
                f"{row['split']} {row['index']:.0f}\n{label}",
                fontsize=style.TEXT,
                pad=3,
                color=style.class_colours(record)[label],
            )
            below = f"r = {number(row['correlation'])}\n{row['bits']:.0f} bits differ"
        column[1].set_xlabel(below, fontsize=style.TEXT)
    return Shown(canvas, caption, alt)
