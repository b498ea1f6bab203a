"""`pneumo verify`: trains the reference study again, or a part of it, and compares."""

from argparse import Namespace
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pneumo.commands import options, terminal
from pneumo.commands.options import flag, option

if TYPE_CHECKING:
    from pneumo.analysis.verification import Verification

COMMAND = options.Command(
    "train the reference study again, and compare it with the reference record",
    (
        "verify --only simple-cnn --seeds 0 1",
        "verify                               # everything; takes hours",
    ),
    {
        "--only": option("only these recipes", "RECIPE", nargs="+", default=()),
        "--seeds": option("only these seeds", "SEED", nargs="+", type=int, default=()),
        "--fresh": flag("also train what the run store has, in a temporary store"),
        "--reference": option(
            "the folder of the reference record; default: report/reference, or that of the set and size",
            "FOLDER", type=Path,
        ),
        **options.JSON, **options.DATA, **options.WEIGHTS, **options.DEVICE,
    },
    more="Exit status: 0 if every number lies within its tolerance, 1 if one does not, 2 for an error.",
    compares=True,
)  # fmt: skip


def run(chosen: Namespace) -> int:
    from pneumo.analysis import verification
    from pneumo.base import paths
    from pneumo.commands.progress import Display
    from pneumo.data import descriptions

    about, size = descriptions.choose(chosen.dataset, chosen.size)
    label = paths.label(about.name, size)
    with Display() as display:
        found = verification.verify(
            chosen.reference or paths.reference(label),
            only=chosen.only,
            seeds=chosen.seeds,
            source=chosen.data,
            weights=chosen.weights,
            device=chosen.device,
            fresh=chosen.fresh,
            listener=display.listener,
        )
    if chosen.json:
        print(verification.to_json(found))
    else:
        show(found)
    return 0 if found.holds else 1


def show(found: "Verification") -> None:
    """Print a verification as two tables, runs first, and its result."""
    from pneumo.analysis.verification import DISTANCE, POWER

    terminal.table(
        "run | this run | recipe and code | furthest probability > | other calls at 0.5 > "
        "| threshold, reference > | here >",
        (
            [
                f"{one.model} s{one.seed}",
                "trained now" if one.trained else "found in the run store",
                "same as the reference" if one.same_code else "changed since",
                f"{one.furthest:.1e}",
                str(one.other_calls),
                *(terminal.number(value, 3) for value in one.thresholds),
            ]
            for one in found.runs
        ),
    )
    words, signs = {True: "agrees", False: "OUTSIDE"}, {DISTANCE: "×"}
    terminal.table(
        f"model | number | reference > | expected | here > | finds ({100 * POWER:.0f} %) > | verdict",
        (
            [
                one.model,
                one.metric,
                terminal.number(one.reference),
                f"{one.low:.4f} to {one.high:.4f}" if one.decided else terminal.DASH,
                terminal.number(one.here),
                f"{signs.get(one.metric, '±')} {terminal.number(one.finds)}"
                if one.decided
                else terminal.DASH,
                words[one.agrees] if one.decided else "no tolerance",
            ]
            for one in found.numbers
        ),
    )
    for line in _lines(found):
        print(line)


def _lines(found: "Verification") -> Iterator[str]:
    """What is printed below the tables."""
    from pneumo.analysis.verification import ERROR

    changed = sum(not one.same_code for one in found.runs)
    if changed:
        yield (
            f"{changed} of {len(found.runs)} runs differ from the reference in recipe, code or weights; "
            "differences in their numbers may be intended."
        )
    if not all(one.trained for one in found.runs):
        yield "Runs found in the run store were not trained again; --fresh trains every run."
    decided = sum(one.decided for one in found.numbers)
    if not decided:
        yield "The reference has too few seeds for prediction intervals."
        return
    yield (
        f"{decided - len(found.outside)} of {decided} numbers lie within the prediction intervals of the "
        f"reference's seeds ({100 * (1 - ERROR):g} % for all numbers at once)."
    )
