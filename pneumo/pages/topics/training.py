"""How the models were trained: architecture, curves, recipes, runs, weights, versions; and the claims."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator

from pneumo.pages import style
from pneumo.pages.drawing import Shown
from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import (
    DASH,
    code,
    count,
    duration,
    number,
    p_value,
    percent,
    plain,
    plural,
    prose,
    verdict,
)
from pneumo.pages.pictures import two_lines
from pneumo.pages.shared import value
from pneumo.record import Frame, Record
from pneumo.record.answers import Claim


def fig_cnn_architecture(record: Record) -> Shown:
    """SimpleCNN's layers, read from the network: output shape and parameters of each."""
    blocks = record.figure("fig-cnn-architecture")
    total = record.models["simple-cnn"].parameters
    canvas = style.figure(record, height=2.6)
    axes = style.picture(canvas.subplots())
    axes.set(xlim=(0, max(1, len(blocks))), ylim=(0, 1))
    for place, block in enumerate(blocks.rows()):
        _block(axes, place, block)
    small: dict[str, Any] = {"fontsize": style.SMALL, "color": style.GREY}
    axes.text(0.06, 0.97, "output: channels × height × width", **small)
    axes.text(0.06, 0.0, f"parameters, {total:,} in all", **small)
    heaviest = max(blocks.rows(), key=lambda row: row["parameters"])
    lead = f"""{percent(heaviest["parameters"] / total, 0)} of SimpleCNN's {total:,} parameters are in one
        block, {heaviest["layers"]} with an output of {heaviest["output"]}."""
    caption = f"""{lead} The network layer by layer, as it lists itself: above each block the shape of its
        output, below it the number of its parameters."""
    return Shown(canvas, caption, f"A chain of {len(blocks)} blocks. {lead}")


def fig_cnn_curves(record: Record) -> Shown:
    """SimpleCNN's loss and accuracy by epoch, training against validation."""
    numbers = record.figure("fig-cnn-curves")
    canvas = style.figure(record, height=2.7)
    for axes, measure in zip(canvas.subplots(1, 2), ("loss", "accuracy"), strict=True):
        for name, own in numbers.by("model"):
            _curves(axes, record, name, own, measure)
        axes.set(xlabel="epoch", ylabel=measure)
    canvas.axes[0].legend(frameon=False)
    ends = _ends(record, numbers)
    caption = f"""{ends} Loss and accuracy by epoch, on training images as they are augmented and on
        validation images as they are{_others(record)}. The dotted line marks the epoch that is kept."""
    return Shown(canvas, caption, ends)


def fig_transfer_curves(record: Record) -> Shown:
    """The larger networks' loss and accuracy by epoch, with the frozen stage shaded."""
    numbers = record.figure("fig-transfer-curves")
    models = numbers.distinct("model")
    canvas = style.figure(record, height=4.2)
    grid = canvas.subplots(2, max(1, len(models)), sharey="row", squeeze=False)
    for column, (name, own) in zip(grid.T, numbers.by("model"), strict=False):
        for axes, measure in zip(column, ("loss", "accuracy"), strict=True):
            _curves(axes, record, name, own, measure)
            if name == models[0]:
                axes.set_ylabel(measure)
        column[0].set_title(two_lines(record.title(name)), fontsize=style.HEAD)
        column[1].set_xlabel("epoch")
    canvas.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    accuracies = ", ".join(
        f"{number(_last(record, numbers, name)['validation']['accuracy'])} for {record.title(name)}"
        for name in models
    )
    lead = f"Validation accuracy ends at {accuracies}." if models else ""
    caption = f"""{lead} Loss and accuracy by epoch; in the shaded stage the backbone is frozen and the new
        head alone learns{_others(record)}. The dotted line marks the epoch that is kept."""
    return Shown(canvas, caption, _ends(record, numbers))


def tbl_recipes(record: Record) -> Table:
    return table(
        {
            "model": value("title"),
            "pretrained on": value("pretrained on"),
            "input >": lambda row: f"{row['input']:.0f}×{row['input']:.0f}",
            "epochs, frozen >": lambda row: (
                count(row["epochs frozen"]) if row["epochs frozen"] else DASH
            ),
            "epochs, open >": value("epochs open", count),
            "peak learning rate >": value("peak learning rate", "{:g}".format),
            "batch >": value("batch", count),
            "dropout >": value("dropout", "{:g}".format),
            "images >": value("images", count),
        },
        record.table("tbl-recipes").rows(),
        """The recipes: pretraining, input size in pixels, epochs of either stage, peak learning rate of the
        open stage, batch, dropout before the head, and training images.""",
    )


def tbl_weights(record: Record) -> Table:
    return table(
        {
            "model": value("title"),
            "weights": value("weights", plain),
            "SHA-256": lambda row: code(f"{row['sha256'][:16]}…") if row["sha256"] else DASH,
        },
        record.table("tbl-weights").rows(),
        """Pretrained weights and the start of their SHA-256. The weights of Tiny ImageNet were learned from
        images of ImageNet, whose terms allow research and education.""",
    )


def tbl_versions(record: Record) -> Table:
    """The versions of the libraries that numbers depend on; several if runs differ."""
    return table(
        {"package": value("package", plain), "version": value("version", plain)},
        record.table("tbl-versions").rows(),
        "Versions of the libraries that the numbers depend on.",
    )


def tbl_runs(record: Record) -> Table:
    """Every run: key, seed, duration, and numbers that stand for its machine and commit."""
    rows = list(record.table("tbl-runs").rows())
    anchors = {facts.run: facts.anchor for facts in record.provenance.runs}
    places = list(dict.fromkeys((row["hardware"], row["commit"]) for row in rows))
    on = " ".join(
        f"On {place}: {plain(hardware)}, {f'commit {code(commit)}' if commit else 'commit not known'}."
        for place, (hardware, commit) in enumerate(places, 1)
    )
    return table(
        {
            "model": value("title"),
            "seed >": value("seed", count),
            "key": lambda row: f"[`{row['key']}`]{{#{anchors[row['run']]}}}",
            "epochs >": value("epochs", count),
            "kept >": value("kept epoch", count),
            "training time >": value("training time", duration),
            "on >": lambda row: str(1 + places.index((row["hardware"], row["commit"]))),
        },
        rows,
        f"""Every run behind this report: its key (a hash of recipe, seed, data and their order, pretrained
        weights, and the version of the training), epochs trained, the epoch kept, training time, machine.
        {on}""",
    )


def tbl_claims(record: Record) -> Table:
    return table(
        {
            "finding, and the claim as asked": lambda claim: (
                f"**{plain(prose(claim.finding or claim.text))}** Asked: *{plain(claim.text)}*"
            ),
            "verdict": verdict,
            "estimate >": _decided,
            "margin >": lambda claim: _shown(claim.margin),
            "seeds >": lambda claim: DASH if claim.seeds is None else str(claim.seeds),
            "p, corrected >": lambda claim: f"{p_value(claim.p)}, {p_value(claim.p_adjusted)}",
        },
        record.claims.values(),
        """Every claim with the number that decides it and its 95 % interval: supported where the interval
        lies above the margin, refuted where it lies below. p is two-sided, of the number being the margin;
        Holm's correction is over all claims, and a verdict whose corrected p is above 0.05 would not stand
        with it. Losses are negative. A claim of several parts stands or falls with the weakest.""",
        list(dict.fromkeys(run for claim in record.claims.values() for run in claim.runs)),
    )


def _block(axes: Axes, place: int, block: dict[str, Any]) -> None:
    learned = block["parameters"] > 0
    box = FancyBboxPatch(
        (place + 0.06, 0.22), 0.82, 0.56, boxstyle="round,pad=0,rounding_size=0.05",
        facecolor=style.WASH if learned else style.PAGE, edgecolor=style.BLUE, linewidth=1.1,
    )  # fmt: skip
    axes.add_patch(box)
    layers = block["layers"].replace(" + ", "\n")
    below = count(block["parameters"]) if learned else ""
    look: dict[str, Any] = {"ha": "center", "fontsize": style.TEXT}
    axes.text(place + 0.47, 0.5, layers, va="center", color=style.INK, **look)
    axes.text(place + 0.47, 0.83, block["output"], color=style.GREY, **look)
    axes.text(place + 0.47, 0.12, below, color=style.INK, **look)
    if place:
        arrow = {"arrowstyle": "-|>", "color": style.GREY}
        axes.annotate("", (place + 0.06, 0.5), (place - 0.12, 0.5), arrowprops=arrow)


def _curves(axes: Axes, record: Record, name: str, numbers: Frame, measure: str) -> None:
    """Training and validation by epoch: the first seed in full, the others faint behind it."""
    style.plot(axes)
    for order, (_, of_seed) in enumerate(numbers.by("seed")):
        look: dict[str, Any] = (
            {"alpha": 0.25, "linewidth": 1} if order else {"linewidth": 1.7, "zorder": 3}
        )
        for split, colour, dash in (
            ("training", style.GREY, "--"),
            ("validation", style.BLUE, "-"),
        ):
            line = of_seed.where(split=split)
            axes.plot(
                line["epoch"], line[measure], dash, color=colour, marker="o", markersize=2.5,
                label=None if order else split, **look,
            )  # fmt: skip
    training = record.trainings[name]
    axes.axvline(training.kept_epoch, color=style.VERMILION, linewidth=0.9, linestyle=":", zorder=1)
    axes.set_xlim(0.5, training.epochs + 0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    if training.frozen_epochs:
        edge = training.frozen_epochs + 0.5
        axes.axvspan(0.5, edge, color=style.SHADE, zorder=0, linewidth=0)
        if measure == "loss":
            axes.text(
                edge + 0.1, 0.98, "← frozen | open →", transform=axes.get_xaxis_transform(),
                fontsize=style.SMALL, va="top", color=style.BLUE,
            )  # fmt: skip


def _others(record: Record) -> str:
    more = len(record.profile.seeds) - 1
    return f"; the first seed in full, {plural(more, 'other')} faint" if more else ""


def _last(record: Record, numbers: Frame, name: str) -> dict[str, dict[str, Any]]:
    """The last epoch of a model's first seed, by split."""
    own = numbers.where(model=name, seed=record.models[name].seeds[0])
    return {split: list(line.rows())[-1] for split, line in own.by("split")}


def _ends(record: Record, numbers: Frame) -> str:
    """The last values of each model's curves, first seed, in sentences."""
    sentences = []
    for name in numbers.distinct("model"):
        ends = _last(record, numbers, name)
        sentences.append(
            f"""{record.title(name)} ends after {plural(record.trainings[name].epochs, "epoch")} at a loss of
            {number(ends["training"]["loss"])} on training and {number(ends["validation"]["loss"])} on
            validation, with a validation accuracy of {number(ends["validation"]["accuracy"])}."""
        )
    return " ".join(sentences)


def _decided(claim: Claim) -> str:
    """The number that decides a claim, with its interval."""
    ends = "" if claim.low is None else f" ({_shown(claim.low)} to {_shown(claim.high)})"
    return _shown(claim.estimate) + ends


def _shown(value: float | None) -> str:
    return number(value, 2 if value is not None and abs(value) >= 1 else 3)
