"""The effect of corruptions on an image and on a model's AUC."""

from pneumo.pages import style
from pneumo.pages.figures.pictures import show
from pneumo.pages.numbers import number, percent
from pneumo.pages.showing import Shown
from pneumo.record import Record

_SHORT = {"jpeg compression": "JPEG", "brightness up": "brighter", "brightness down": "darker"}
_SEVERITIES = (1, 3, 5)  # of the examples in a record
_MARKS = "osD^vP"  # of models, at the highest severity


def corruptions(record: Record) -> Shown:
    """The first positive test image as it is, and under every corruption at three severities."""
    answer, about, images = record.robustness, record.about, record.images
    caption = (
        f"The first {about.positive} case of the test set as it is, and under the thirteen corruptions at "
        "severity 1, 3 and 5 of five (rows)."
    )
    alt = (
        f"One {about.image}, then a grid of the same image under {len(answer.corruptions)} corruptions, a "
        "column each, at three severities. At the highest, blur and pixelation leave only the outline."
    )
    if images is None or "corrupted" not in images.examples:
        return Shown(style.no_images(record), caption, "No images are at hand.")
    grid_of = images.examples["corrupted"]  # (3, C, S, S)
    original = images.split("test")[int(record.test_labels().argmax())]
    canvas = style.figure(record, height=2.1)
    grid = canvas.subplots(len(grid_of), 1 + grid_of.shape[1])
    for row, severity in enumerate(_SEVERITIES):
        for axes in grid[row]:
            style.picture(axes)
        for place, name in enumerate(answer.corruptions):
            show(grid[row, 1 + place], grid_of[row, place])
            if row == 0:
                grid[row, 1 + place].set_title(_short(name), fontsize=style.SMALL)
        grid[row, 1].set_ylabel(
            str(severity), rotation=0, labelpad=6, va="center", fontsize=style.TEXT
        )
    show(grid[0, 0], original)
    grid[0, 0].set_title("as it is", fontsize=style.SMALL)
    return Shown(canvas, caption, alt)


def curves(record: Record) -> Shown:
    """AUC by corruption, one line per model from the clean image to severity 5; the worst one on top."""
    numbers, answer = record.figure("fig-robustness"), record.robustness
    looks = style.model_styles(record)
    models = [name for name in looks if name in numbers.distinct("model")]
    worst = numbers.where(severity=max(numbers.distinct("severity")))
    order = sorted(answer.corruptions, key=lambda one: worst.where(corruption=one)["auc"].mean())
    canvas = style.figure(record, height=0.42 * len(order) + 0.9)
    axes = style.plot(canvas.subplots())
    for row, corruption in enumerate(order):
        if row % 2:
            axes.axhspan(row - 0.5, row + 0.5, color=style.WASH, zorder=-1, linewidth=0)
        for place, name in enumerate(models):
            line = numbers.where(corruption=corruption, model=name)
            level = row + 0.19 * (place - (len(models) - 1) / 2)
            colour = looks[name]["color"]
            axes.plot(line["auc"], [level] * len(line), color=colour, linewidth=1, alpha=0.6)
            axes.plot(line["auc"], [level] * len(line), "|", color=colour, markersize=4)
            axes.plot(
                line["auc"][-1:], [level], _MARKS[place % len(_MARKS)], color=colour, markersize=4.5,
                label="" if row else record.title(name),
            )  # fmt: skip
    axes.set_yticks(range(len(order)), [_short(name).replace("\n", " ") for name in order])
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.axvline(0.5, color=style.GREY, linewidth=0.9, linestyle=":")
    axes.set_xlabel("AUC")
    canvas.legend(loc="outside lower center", ncols=2)
    lost = "; ".join(
        f"{record.title(name)} loses {percent(fall.value)} of its AUC on average, "
        f"and most under {answer.worst[name]}"
        for name, fall in answer.falls.items()
    )
    best = record.best
    caption = (
        f"{best.title} loses most under {answer.worst[best.name]}. AUC on corrupted test images"
        f"{', mean over seeds' if len(record.profile.seeds) > 1 else ''}: each line goes from the clean "
        "image over severities 1 to 4 (strokes) to severity 5 (mark); the corruption with the lowest mean "
        "at severity 5 is on top. The dotted line is chance."
    )
    lowest = number(float(numbers["auc"].min()), 2)
    alt = f"{len(order)} rows of lines from the clean AUC to that at severity 5. {lost}. Lowest: {lowest}."
    return Shown(canvas, caption, alt)


def _short(name: str) -> str:
    return _SHORT.get(name, name.replace(" ", "\n"))
