"""What corruptions do to an image, and to a model's AUC."""

from matplotlib.ticker import MaxNLocator

from pneumo.pages import style
from pneumo.pages.figures.pictures import show
from pneumo.pages.numbers import number, percent
from pneumo.pages.showing import Shown
from pneumo.record import Record
from pneumo.record.robustness import Robustness

_SHORT = {"jpeg compression": "JPEG", "brightness up": "brighter", "brightness down": "darker"}
_SEVERITIES = (1, 3, 5)  # of the examples that a study makes


def corruptions(record: Record) -> Shown:
    """The first positive test image as it is, and under every corruption at three severities."""
    answer = record.answer("robustness", Robustness)
    about = record.about
    caption = (
        f"The first {about.positive} case of the test set as it is, and under the thirteen corruptions at "
        "severity 1, 3 and 5 of five (rows)."
    )
    alt = (
        f"One {about.image}, then a grid of the same image under {len(answer.corruptions)} corruptions, a "
        "column each, at three severities. At the highest, blur and pixelation leave only the outline."
    )
    images = record.images
    if images is None or "corrupted" not in images.examples:
        return Shown(style.placeholder(record), caption, "No images are at hand.")
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
    """AUC by severity, a chart a corruption, a line a model; severity 0 is the clean image."""
    numbers = record.figure("fig-robustness")
    answer = record.answer("robustness", Robustness)
    columns = 5
    rows = -(-(len(answer.corruptions) + 1) // columns)
    canvas = style.figure(record, height=1.45 * rows)
    grid = canvas.subplots(rows, columns, sharex=True, sharey=True)
    looks = style.model_styles(record)
    for axes, name in zip(grid.flat, answer.corruptions, strict=False):
        style.plot(axes)
        chart = numbers.where(corruption=name)
        for model in chart.distinct("model"):
            line = chart.where(model=model)
            title = record.models[model].title
            axes.plot(line["severity"], line["auc"], **looks[model], linewidth=1.3, label=title)
        axes.set_title(_short(name).replace("\n", " "), fontsize=style.TEXT)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.tick_params(labelsize=style.SMALL)
    unused = list(grid.flat)[len(answer.corruptions) :]
    for axes in unused:
        axes.set_axis_off()
    handles, labels = grid[0, 0].get_legend_handles_labels()
    legend = unused[0].legend(handles, labels, loc="center left", fontsize=style.SMALL)
    legend.set_in_layout(False)  # it lies over the neighbour, which is empty
    canvas.supylabel("AUC", fontsize=style.TEXT)
    canvas.supxlabel("severity, 0 as it is", fontsize=style.TEXT)
    caption = (
        "AUC on corrupted test images by severity, a chart a corruption, a line a model; severity 0 is the "
        "image as it is. A line that falls is a model that leans on what the corruption takes away."
    )
    lost = "; ".join(
        f"{record.models[name].title} loses {percent(fall.value)} of its AUC on average, "
        f"and most under {answer.worst[name]}"
        for name, fall in answer.falls.items()
    )
    lowest = number(float(numbers["auc"].min()), 2)
    alt = f"{len(answer.corruptions)} line charts of AUC against severity. {lost}. Lowest AUC: {lowest}."
    return Shown(canvas, caption, alt, numbers.runs)


FIGURES = {"fig-corruptions": corruptions, "fig-robustness": curves}


def _short(name: str) -> str:
    return _SHORT.get(name, name.replace(" ", "\n"))
