"""How the models were trained: recipes, runs, weights, versions."""

from pneumo.pages.markdown_table import Table, table
from pneumo.pages.numbers import DASH, code, count, duration, number, p_value, plain, verdict
from pneumo.record import Record
from pneumo.record.answers import Claim


def recipes(record: Record) -> Table:
    """The differences between the models' recipes."""
    rows = [
        [
            row["title"], row["pretrained on"], f"{row['input']:.0f}×{row['input']:.0f}",
            count(row["epochs frozen"]) if row["epochs frozen"] else DASH, count(row["epochs open"]),
            f"{row['peak learning rate']:g}", count(row["batch"]), f"{row['dropout']:g}",
            count(row["images"]),
        ]
        for row in record.table("tbl-recipes").rows()
    ]  # fmt: skip
    return table(
        "model | pretrained on | input > | epochs, frozen > | epochs, open > | peak learning rate > "
        "| batch > | dropout > | images >",
        rows,
        "The recipes: pretraining, input size in pixels, epochs of either stage, peak learning rate of the "
        "open stage, batch, dropout before the head, and training images.",
    )


def weights(record: Record) -> Table:
    """The source of pretrained weights, with the start of their SHA-256."""
    rows = [
        [row["title"], plain(row["weights"]),
         code(f"{row['sha256'][:16]}…") if row["sha256"] else DASH]
        for row in record.table("tbl-weights").rows()
    ]  # fmt: skip
    return table(
        "model | weights | SHA-256",
        rows,
        "Pretrained weights and the start of their SHA-256. The weights of Tiny ImageNet were learned from "
        "images of ImageNet, whose terms allow research and education.",
    )


def versions(record: Record) -> Table:
    """The versions of the libraries that numbers depend on; several if runs differ."""
    numbers = record.table("tbl-versions")
    return table(
        "package | version",
        [[plain(row["package"]), plain(row["version"])] for row in numbers.rows()],
        "Versions of the libraries that the numbers depend on.",
    )


def runs(record: Record) -> Table:
    """Every run: key, seed, duration, and numbers that stand for its machine and commit."""
    places: dict[tuple[str, str], str] = {}
    anchors = {facts.run: facts.anchor for facts in record.provenance.runs}
    rows = [
        [
            row["title"], count(row["seed"]), f"[`{row['key']}`]{{#{anchors[row['run']]}}}",
            count(row["epochs"]), count(row["kept epoch"]), duration(row["training time"]),
            places.setdefault((row["hardware"], row["commit"]), str(len(places) + 1)),
        ]
        for row in record.table("tbl-runs").rows()
    ]  # fmt: skip
    return table(
        "model | seed > | key | epochs > | kept > | training time > | on >",
        rows,
        "Every run behind this report: its key (a hash of recipe, seed, data and their order, pretrained "
        "weights, and the version of the training), epochs trained, the epoch kept, training time, machine. "
        + " ".join(
            f"On {number}: {plain(hardware)}, {f'commit {code(commit)}' if commit else 'commit not known'}."
            for (hardware, commit), number in places.items()
        ),
    )


def claims(record: Record) -> Table:
    """Every claim with its verdict and the numbers that decide it."""
    return table(
        "finding, and the claim as asked | verdict | estimate > | margin > | seeds > | p, corrected >",
        map(_claim, record.claims.values()),
        "Every claim with the number that decides it and its 95 % interval: supported where the interval "
        "lies above the margin, refuted where it lies below. p is two-sided, of the number being the margin; "
        "Holm's correction is over all claims, and a verdict whose corrected p is above 0.05 would not stand "
        "with it. Losses are negative. A claim of several parts stands or falls with the weakest.",
        list(dict.fromkeys(run for claim in record.claims.values() for run in claim.runs)),
    )


def _claim(claim: Claim) -> list[str]:
    def shown(value: float | None) -> str:
        return number(value, 2 if value is not None and abs(value) >= 1 else 3)

    ends = "" if claim.low is None else f" ({shown(claim.low)} to {shown(claim.high)})"
    return [
        f"**{plain(claim.finding or claim.text)}** Asked: *{plain(claim.text)}*",
        verdict(claim),
        shown(claim.estimate) + ends,
        shown(claim.margin),
        DASH if claim.seeds is None else str(claim.seeds),
        ", ".join(DASH if p is None else p_value(p) for p in (claim.p, claim.p_adjusted)),
    ]
