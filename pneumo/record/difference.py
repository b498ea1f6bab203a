"""Differences between two records: verdicts of claims, models, and their metrics on the test set.

Baselines, comparisons, ablations and the operating points' counts are not compared.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pneumo.base import checksums
from pneumo.record import files
from pneumo.record.files import RESULTS, RecordError

# Smaller changes are rounding errors: the same numbers, added in another order.
ROUNDING = 1e-9
# The parts of a model that hold its metrics on the test set, with the rule of their threshold.
BLOCKS = {"test": "youden", "test_at_half": "half"}

Place = tuple[str, str, str]  # a model, one of BLOCKS, and a metric


@dataclass(frozen=True)
class Compared:
    """The compared parts of a `results.json`."""

    made_from: Mapping[str, str]  # profile and data
    claims: Mapping[str, str]  # each id's verdict
    texts: Mapping[str, str]  # each id's sentence
    models: Mapping[str, str]  # "ok" or "not run"
    means: Mapping[Place, float | None]  # of the models that ran; None where one is not defined


@dataclass(frozen=True)
class Change:
    """A word that changed; None if one side lacks it."""

    name: str  # a claim's id, a model's recipe, or what the results were made from
    before: str | None
    after: str | None


@dataclass(frozen=True)
class Move:
    """A metric whose mean over the seeds changed; None if undefined."""

    model: str
    block: str
    metric: str
    before: float | None
    after: float | None

    @property
    def by(self) -> float:
        """Signed change; NaN if one side is undefined."""
        if self.before is None or self.after is None:
            return math.nan
        return self.after - self.before


@dataclass(frozen=True)
class Difference:
    """All changes, in the order of the later results; removed entries come last."""

    made_from: tuple[Change, ...]
    claims: tuple[Change, ...]
    models: tuple[Change, ...]
    metrics: tuple[Move, ...]  # of models that ran on both sides
    texts: Mapping[str, str]  # each claim's sentence

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        return not (self.made_from or self.claims or self.models or self.metrics)


def load(path: Path) -> Compared:
    """Read the compared parts of a `results.json` of schema 1 or 2.

    Args:
        path: the file, or its folder: a record, or a site.

    Raises:
        RecordError: it is missing, damaged or of another schema.
    """
    file = path / RESULTS if path.is_dir() else path
    if not file.is_file():
        raise RecordError(f"no {RESULTS} at {path}: expected that file, or a folder with it")
    with checksums.reading(file, RecordError, files.MAKE_AGAIN):
        return compared(files.parse(file.read_bytes(), older=(1,)))


def compared(content: Mapping[str, Any]) -> Compared:
    """What is compared of the content of a `results.json`."""
    return Compared(
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


def compare(before: Compared, after: Compared, tolerance: float = ROUNDING) -> Difference:
    """Compare two results.

    Args:
        before: the earlier results.
        after: the later results.
        tolerance: changes of a mean up to this are ignored; at least 0.
    """
    ran_twice = {name for name, _, _ in before.means} & {name for name, _, _ in after.means}
    places = [
        place for place in dict.fromkeys([*after.means, *before.means]) if place[0] in ran_twice
    ]
    moves = (Move(*place, before.means.get(place), after.means.get(place)) for place in places)
    moved = (move for move in moves if not abs(move.by) <= tolerance)  # as where one is not defined
    return Difference(
        made_from=_changes(before.made_from, after.made_from),
        claims=_changes(before.claims, after.claims),
        models=_changes(before.models, after.models),
        metrics=tuple(move for move in moved if move.before is not move.after),
        texts={**before.texts, **after.texts},
    )


def to_json(found: Difference) -> str:
    """Write a difference as one strict JSON object in ASCII; missing values are null."""
    content = asdict(found)
    texts = content.pop("texts")
    for claim in content["claims"]:
        claim["text"] = texts[claim["name"]]
    return json.dumps(content, indent=1, allow_nan=False)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> tuple[Change, ...]:
    names = dict.fromkeys([*after, *before])
    changes = (Change(name, before.get(name), after.get(name)) for name in names)
    return tuple(change for change in changes if change.before != change.after)


def _mean(value: Mapping[str, Any]) -> float | None:
    mean = value["mean"]
    if mean is None:
        return None
    if not math.isfinite(mean):
        raise ValueError(f"a mean of {mean}")
    return float(mean)
