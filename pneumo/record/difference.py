"""What changed between two `results.json`: verdicts of claims, models, and their metrics on the test set.

Baselines, comparisons, ablations and the operating points' counts are not looked at.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from pneumo.analysis import results
from pneumo.analysis.results import BLOCKS, ResultsError
from pneumo.commands import terminal
from pneumo.pages import tables
from pneumo.pages.tables import Table

# A mean that moved by less has not moved: the same numbers, added up in another order.
ROUNDING = 1e-9

Place = tuple[str, str, str]  # a model, one of BLOCKS, and a metric


@dataclass(frozen=True)
class Told:
    """What is compared of a `results.json`."""

    made_from: Mapping[str, str]  # profile and data
    claims: Mapping[str, str]  # each id's verdict
    texts: Mapping[str, str]  # each id's sentence
    models: Mapping[str, str]  # "ok" or "not run"
    means: Mapping[Place, float | None]  # of the models that ran; None where one is not defined


@dataclass(frozen=True)
class Change:
    """A word that changed; None where one side has no such thing."""

    name: str  # a claim's id, a model's recipe, or what the results were made from
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Move:
    """A metric that moved, its mean over the seeds; None where it is not defined."""

    model: str
    block: str
    metric: str
    before: float | None
    after: float | None

    @property
    def by(self) -> float:
        """How far, and in which direction; NaN where one side is not defined."""
        if self.before is None or self.after is None:
            return math.nan
        return self.after - self.before


@dataclass(frozen=True)
class Difference:
    """All that changed, in the order of the later results; what vanished comes last."""

    made_from: tuple[Change, ...]
    claims: tuple[Change, ...]
    models: tuple[Change, ...]
    metrics: tuple[Move, ...]  # of models that ran on both sides
    texts: Mapping[str, str]  # each claim's sentence

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return not (self.made_from or self.claims or self.models or self.metrics)


def load(path: Path) -> Told:
    """What is compared of a `results.json`.

    Args:
        path: the file, or the folder that holds it.

    Raises:
        ResultsError: it is missing, damaged or of another schema.
    """
    content = results.read(path)
    try:
        return Told(
            made_from={
                "profile": str(content["profile"]),
                "fingerprint of the data": str(content["data"]["fingerprint"]),
            },
            claims={claim["id"]: str(claim["verdict"]) for claim in content["claims"]},
            texts={claim["id"]: str(claim["text"]) for claim in content["claims"]},
            models={name: str(model["status"]) for name, model in content["models"].items()},
            means={
                (name, block, metric): _mean(value)
                for name, model in content["models"].items()
                if model["status"] == "ok"
                for block in BLOCKS
                for metric, value in model[block].items()
            },
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ResultsError(f"{path} is damaged ({type(error).__name__}: {error})") from None


def compare(before: Told, after: Told, tolerance: float = ROUNDING) -> Difference:
    """What changed from one to the other.

    Args:
        before: the earlier results.
        after: the later ones.
        tolerance: how far a mean may go without having moved, at least 0.
    """
    ran_twice = {name for name, _, _ in before.means} & {name for name, _, _ in after.means}
    places = [
        place for place in dict.fromkeys([*after.means, *before.means]) if place[0] in ran_twice
    ]
    moves = (Move(*place, before.means.get(place), after.means.get(place)) for place in places)
    return Difference(
        made_from=_changes(before.made_from, after.made_from),
        claims=_changes(before.claims, after.claims),
        models=_changes(before.models, after.models),
        metrics=tuple(move for move in moves if _moved(move, tolerance)),
        texts={**before.texts, **after.texts},
    )


def to_json(found: Difference) -> str:
    """A difference as one strict JSON object in ASCII; what is not there is null."""
    content = {
        "made_from": [asdict(one) for one in found.made_from],
        "claims": [asdict(one) | {"text": found.texts[one.name]} for one in found.claims],
        "models": [asdict(one) for one in found.models],
        "metrics": [asdict(one) for one in found.metrics],
    }
    return json.dumps(content, indent=1, allow_nan=False)


def show(found: Difference, console: Console | None = None) -> None:
    """Print a difference as tables, or the one line that there is none."""
    out = terminal.console(console)
    if found.is_empty:
        out.print("nothing changed")
    for table in _tables(found):
        if table.rows:
            out.print(terminal.grid(table))


def _tables(found: Difference) -> list[Table]:
    return [
        tables.table(
            "made from | before | after",
            ([one.name, _word(one.before), _word(one.after)] for one in found.made_from),
        ),
        tables.table(
            "claim | before | after",
            ([found.texts[one.name], _word(one.before), _word(one.after)] for one in found.claims),
        ),
        tables.table(
            "model | before | after",
            ([one.name, _word(one.before), _word(one.after)] for one in found.models),
        ),
        tables.table(
            "model | threshold | metric | before > | after > | moved >",
            (
                [
                    one.model,
                    BLOCKS[one.block].short,
                    one.metric,
                    tables.number(one.before, 4),
                    tables.number(one.after, 4),
                    tables.DASH if math.isnan(one.by) else f"{one.by:+.2g}",
                ]
                for one in found.metrics
            ),
        ),
    ]


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    names = dict.fromkeys([*after, *before])
    changes = (Change(name, before.get(name), after.get(name)) for name in names)
    return tuple(change for change in changes if change.before != change.after)


def _moved(move: Move, tolerance: float) -> bool:
    if move.before is None or move.after is None:
        return move.before is not move.after
    return abs(move.by) > tolerance


def _mean(value: Mapping[str, Any]) -> float | None:
    mean = value["mean"]
    if mean is None:
        return None
    if not math.isfinite(mean):
        raise ValueError(f"a mean of {mean}")
    return float(mean)


def _word(text: str | None) -> str:
    return "not there" if text is None else text
