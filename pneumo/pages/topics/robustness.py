"""The effect of corruptions on an image and on a model's results."""

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import corruption, interval, number, percent
from pneumo.pages.pictures import show, without_images
from pneumo.pages.shared import each, several, title, value
from pneumo.record import Estimate, Record

_SHORT = {"jpeg compression": "JPEG", "brightness up": "brighter", "brightness down": "darker"}
_SEVERITIES = (1, 3, 5)  # of the examples in a record
_MARKS = "osD^vP"  # of models, at the highest severity


def fig_corruptions(record: Record) -> Shown:
    """The first positive test image as it is, and under every corruption at three severities."""
    names, about, images = record.robustness.corruptions, record.about, record.images
    caption = f"""The first {about.positive} case of the test set as it is, and under the thirteen corruptions
        at severity 1, 3 and 5 of five (rows)."""
    if images is None or "corrupted" not in images.examples:
        return without_images(record, caption)
    corrupted = images.examples["corrupted"]  # (3, C, S, S)
    canvas = style.figure(record, height=2.1)
    grid = canvas.subplots(len(corrupted), 1 + len(names))
    for axes in grid[1:, 0]:
        style.picture(axes)
    for row, severity in enumerate(_SEVERITIES):
        for place, name in enumerate(names):
            words = "" if row else _short(name)
            show(grid[row, 1 + place], corrupted[row, place], words, fontsize=style.SMALL)
        grid[row, 1].set_ylabel(
            str(severity), rotation=0, labelpad=6, va="center", fontsize=style.TEXT
        )
    original = images.split("test")[int(record.test_labels().argmax())]
    show(grid[0, 0], original, "as it is", fontsize=style.SMALL)
    alt = f"""One {about.image}, then a grid of the same image under {len(names)} corruptions, a column each,
        at three severities. At the highest, blur and pixelation leave only the outline."""
    return Shown(canvas, caption, alt)


def fig_robustness(record: Record) -> Shown:
    """AUC by corruption, one line per model from the clean image to severity 5; the worst one on top."""
    numbers, answer = record.figure("fig-robustness"), record.robustness
    looks = style.model_styles(record)
    models = [name for name in looks if name in numbers.distinct("model")]
    worst = numbers.where(severity=max(numbers.distinct("severity")))
    order = sorted(answer.corruptions, key=lambda one: worst.where(corruption=one)["auc"].mean())
    canvas = style.figure(record, height=0.42 * len(order) + 0.9)
    axes = style.plot(canvas.subplots())
    for row, corrupted in enumerate(order):
        if row % 2:
            axes.axhspan(row - 0.5, row + 0.5, color=style.WASH, zorder=-1, linewidth=0)
        for place, name in enumerate(models):
            auc = numbers.where(corruption=corrupted, model=name)["auc"]
            level = [row + 0.19 * (place - (len(models) - 1) / 2)] * len(auc)
            colour = looks[name]["color"]
            axes.plot(auc, level, color=colour, linewidth=1, alpha=0.6)
            axes.plot(auc, level, "|", color=colour, markersize=4)
            axes.plot(
                auc[-1:], level[-1:], _MARKS[place % len(_MARKS)], color=colour, markersize=4.5,
                label="" if row else record.title(name),
            )  # fmt: skip
    axes.set_yticks(range(len(order)), [_short(name).replace("\n", " ") for name in order])
    axes.set_ylim(len(order) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.axvline(0.5, color=style.GREY, linewidth=0.9, linestyle=":")
    axes.set_xlabel("AUC")
    canvas.legend(loc="outside lower center", ncols=2)
    under = {name: corruption(one) for name, one in answer.worst.items()}
    lost = {
        name: f"loses {percent(fall.value)} of its AUC on average, and most under {under[name]}"
        for name, fall in answer.falls.items()
    }
    caption = f"""{record.best.title} loses most under {under[record.best.name]}. AUC on corrupted test
        images{several(record, ", mean over seeds")}: each line goes from the clean image over severities 1 to
        4 (strokes) to severity 5 (mark); the corruption with the lowest mean at severity 5 is on top. The
        dotted line is chance."""
    alt = f"""{len(order)} rows of lines from the clean AUC to that at severity 5. {each(record, lost, str)}.
        Lowest: {number(numbers["auc"].min(), 2)}."""
    return Shown(canvas, caption, alt)


def tbl_robustness(record: Record) -> Table:
    return table(
        {
            "model": title(record),
            "AUC, clean >": value("auc clean", number),
            "AUC, corrupted >": value("auc corrupted", number),
            "relative fall >": lambda row: (
                f"{percent(row['fall'])} ({interval(Estimate.of(row, 'fall'), 1, scale=100)})"
            ),
            "accuracy, clean >": value("accuracy clean", number),
            "accuracy, corrupted >": value("accuracy corrupted", number),
            "worst corruption": value("worst corruption", corruption),
        },
        record.table("tbl-robustness").rows(),
        f"""AUC and accuracy at 0.5 as images are and under corruptions; {record.robustness.images} test
        images, mean over thirteen corruptions and five severities{several(record, ", and over seeds")}.
        Relative fall of AUC with its 95 % interval over {record.units}{several(record, " and seeds")};
        corruption with the lowest mean AUC.""",
    )


def tbl_corruptions(record: Record) -> Table:
    numbers = record.table("tbl-corruptions")
    titles = [f"{record.title(name)} >" for name in numbers.distinct("model")]
    rows = [
        [
            corruption(name),
            *(f"{number(row['auc'])} / {number(row['accuracy'], 2)}" for row in own.rows()),
        ]
        for name, own in numbers.by("corruption")
    ]
    return table(
        " | ".join(["corruption", *titles]),
        rows,
        "Mean AUC / mean accuracy at 0.5 over five severities of each corruption.",
    )


def _short(name: str) -> str:
    return _SHORT.get(name, corruption(name).replace(" ", "\n"))
