"""False alarms by the shape of a film, and the effect of cropping the same films tighter."""

from pneumo.pages import style
from pneumo.pages.figures.pictures import model_charts
from pneumo.pages.numbers import number, percent, plural, signed
from pneumo.pages.showing import Shown
from pneumo.record import Record

_RULES = {"youden": ("at Youden's threshold", "-"), "half": ("at 0.5", "--")}


def specificity(record: Record) -> Shown:
    """Each model's specificity by width to height, smoothed, at two thresholds."""
    numbers, about = record.figure("fig-framing-specificity"), record.about
    names = numbers.distinct("model")
    canvas, grid = model_charts(record, names, height=2.4)
    looks, ends = style.model_styles(record), []
    for axes, name in zip(grid, names, strict=False):
        for rule, (title, dash) in _RULES.items():
            own, colour = numbers.where(model=name, rule=rule), looks[name]["color"]
            axes.plot(own["ratio"], own["value"], dash, color=colour, label=title, linewidth=1.4)
            if rule == "youden":
                axes.fill_between(own["ratio"], own["low"], own["high"], color=colour, alpha=0.2)
                first, last = (number(float(own["value"][place]), 2) for place in (0, -1))
                ends.append(f"{record.title(name)} from {first} to {last}")
        axes.set_ylim(0, 1.02)
        axes.set_xlabel("width to height", fontsize=style.TEXT)
        axes.tick_params(labelsize=style.SMALL)
    grid[0].set_ylabel("specificity")
    canvas.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    lead = (
        f"From the narrowest {about.negative} test films to the widest, specificity at Youden's threshold "
        f"goes: {'; '.join(ends)}."
    )
    caption = (
        f"{lead} Share of {about.negative} films called {about.negative}, by the film's ratio of width to "
        "height: a smooth curve for every model, mean over its seeds. The band is the 95 % interval at each "
        "ratio at Youden's threshold, from a bootstrap by patient; the dashed line is at 0.5."
    )
    return Shown(canvas, caption, f"{plural(len(names), 'line chart')}. {lead}")


def dose(record: Record) -> Shown:
    """The effect of tighter crops of the same negative films on their scores and calls."""
    numbers, about = record.figure("fig-framing-dose"), record.about
    framing = record.framing
    own = numbers.where(**{"class": about.negative})
    canvas = style.figure(record, height=2.9)
    left, right = (style.plot(axes) for axes in canvas.subplots(1, 2))
    ends = []
    for name, look in style.model_styles(record).items():
        line = own.where(model=name)
        if not len(line):
            continue
        title = record.title(name)
        left.plot(line["factor"], line["change"], **look, label=title)
        right.plot(line["factor"], line["called"], **look)
        for axes, prefix in ((left, ""), (right, "called ")):
            low, high = line[f"{prefix}low"], line[f"{prefix}high"]
            axes.fill_between(line["factor"], low, high, color=look["color"], alpha=0.15)
        gentle = line.where(factor=framing.gentle)
        shares = (percent(one["called"][0], 0) for one in (gentle, line))
        ends.append((title, signed(float(gentle["change"][0]), 2), *shares))
    left.axhline(0, color=style.GREY, linewidth=0.9)
    left.set_ylabel("change of the logit")
    right.set_ylabel(f"share called {about.positive}")
    for axes in (left, right):
        axes.axvline(framing.gentle, color=style.GREY, linewidth=0.9, linestyle=":")
        axes.set_xlabel("share of the side that is seen")
        axes.set_xlim(1.01, min(framing.factors, default=0.5) - 0.01)  # tighter to the right
    canvas.legend(loc="outside lower center", ncols=3)
    count = framing.films.get(about.negative, 0)
    cropped = f"Cropped to {number(framing.gentle, 1)} of the side"
    called = "; ".join(f"{title} from {then} to {now}" for title, _, now, then in ends)
    caption = (
        f"{cropped}, the share of {about.negative} films called {about.positive} goes: {called}. "
        f"The same {plural(count, f'{about.negative} test film')} cropped tighter and tighter: mean change "
        "of the logit against the whole square (left), and that share at Youden's "
        "threshold (right). Means over seeds, with 95 % intervals over patients and seeds. Crops beyond the "
        "dotted line change the framing more than films differ among themselves."
    )
    changes = "; ".join(
        f"{title} by {change}, with {now} called {about.positive} instead of {then}"
        for title, change, now, then in ends
    )
    alt = f"Two line charts, one line per model. {cropped}, logits change: {changes}."
    return Shown(canvas, caption, alt)
