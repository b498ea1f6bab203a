"""Trains the reference study anew, or a part of it, and compares its numbers with the reference record.

Equal bits are not required: another processor, or another number of threads, adds in another order, and a
training amplifies that. Instead, new runs have to be what further seeds would be. Three numbers of each model
are held against the spread of the reference's seeds (`seeds.expected`): how far the runs lie from the others
case by case, which nearly any change of a training moves, and the mean AUC and accuracy. Bonferroni's
correction covers all of them at once: at most about one faithful rebuild in twenty fails somewhere. Each says
how large a change it would find. The distance of each run from the same run of the reference is reported, and
decides nothing.
"""

import json
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from pneumo import data
from pneumo.analysis import seeds as spread
from pneumo.base import paths
from pneumo.base.errors import PneumoError
from pneumo.data import Dataset
from pneumo.record import Part, Record, check, frame, read
from pneumo.record.plain import to_plain
from pneumo.statistics import metrics
from pneumo.statistics.influence import Floats
from pneumo.study.study import HALF, YOUDEN, Model, Study, run_labels, threshold
from pneumo.training import runs
from pneumo.training.recipes import ABLATIONS, Profile, Recipe, find_profile
from pneumo.training.runs import Listener, Run

if TYPE_CHECKING:
    from pneumo.training.weights import Weights

T = TypeVar("T")

ERROR = 0.05  # how often a faithful rebuild may fail, over all of its numbers
ROUNDED = 1e-5  # how far a converted reference's predictions may be rounded
DISTANCE = "distance"  # from the other seeds, case by case
ASKED = (DISTANCE, "auc", "accuracy")  # at 0.5
POWER = 0.8  # with which a change is found that a number says it would find


class VerificationError(PneumoError):
    """A reference study that can't be trained anew here."""


@dataclass(frozen=True)
class Number:
    """One of :data:`ASKED` of a model, with where it may lie for new runs."""

    model: str  # the recipe's name
    metric: str
    reference: float  # mean over all of the reference's seeds; of distances the geometric mean
    here: float
    low: float  # NaN where the reference has too few seeds to say
    high: float
    finds: float  # the change that is found with a probability of POWER; of distances the factor

    @property
    def decided(self) -> bool:
        """Whether the reference says where this number may lie."""
        return not math.isnan(self.low)

    @property
    def agrees(self) -> bool:
        """Whether it lies there; a number that is not defined here does not."""
        return self.decided and self.low <= self.here <= self.high


@dataclass(frozen=True)
class Nearness:
    """How near one run came to what the reference keeps of the same recipe and seed."""

    model: str
    seed: int
    trained: bool  # now, and not found in the run store
    same_code: bool  # whether recipe, data, weights and training are the reference's
    furthest: float  # the largest difference of a test image's probability
    other_calls: int  # test images that are called differently at 0.5
    thresholds: tuple[float, float]  # chosen on validation: the reference's, this run's


@dataclass(frozen=True)
class Verification:
    """The reference's numbers beside those of today."""

    numbers: tuple[Number, ...]
    runs: tuple[Nearness, ...]

    @property
    def outside(self) -> tuple[Number, ...]:
        """The numbers that lie where the reference does not lead to expect them."""
        return tuple(one for one in self.numbers if one.decided and not one.agrees)

    @property
    def holds(self) -> bool:
        """Whether there is something to go by, and nothing lies outside."""
        return any(one.decided for one in self.numbers) and not self.outside


def verify(
    folder: Path | None = None,
    only: Sequence[str] = (),
    seeds: Sequence[int] = (),
    source: str = "auto",
    weights: Path | None = None,
    device: str = "auto",
    fresh: bool = False,
    home: Path | None = None,
    listener: "Callable[[Recipe, int, int], Listener] | None" = None,
) -> Verification:
    """Train the reference's runs, or read those that the run store has, and compare.

    The ensemble, controls and ablations are not looked at.

    Args:
        folder: the reference's; None for the project's own.
        only: names of recipes; empty for all that the reference ran.
        seeds: empty for all of the reference's.
        source: where the data come from, as for :func:`pneumo.data.load`.
        weights: a file of ImageNet weights for ResNet18.
        device: what to train on, "auto" for a GPU where there is one.
        fresh: whether every run is trained now, in a store that is gone afterwards.
        home: the run store's folder; None for the project's.
        listener: makes what hears of a run's progress, from recipe, seed and images an epoch.

    Raises:
        VerificationError: there is no reference, or its data, weights, recipes or seeds are not at hand.
        PneumoError: the data or the reference are damaged.
    """
    from pneumo.training.recipes import images_an_epoch
    from pneumo.training.train import train

    folder = folder or paths.reference()
    if not folder.is_dir():
        raise VerificationError(f"no reference record in {folder}: there is nothing to verify")
    check(folder)
    kept = read(folder)
    profile = part(kept, only, seeds)
    dataset = _same_data(kept, source)
    pretrained = {name: _weights(profile.recipe(name), weights) for name in profile.recipes}
    finished: dict[str, list[Run]] = {name: [] for name in profile.recipes}
    found = set()
    with tempfile.TemporaryDirectory(prefix="pneumo-verify-") as passing:
        home = Path(passing) if fresh else home
        for name, seed in product(profile.recipes, profile.seeds):
            recipe, start = profile.recipe(name), pretrained[name]
            key = runs.find_key(recipe, seed, dataset, start.sha256 if start else None, home)
            if runs.folder(recipe, seed, key, home).is_dir():
                found.add(key)
            own = listener(recipe, seed, images_an_epoch(recipe, dataset)) if listener else None
            run = train(recipe, seed, dataset, start, home, own, device, key)
            _ = run.predictions  # read while it is there
            finished[name].append(run)
    models = tuple(Model(profile.recipe(name), tuple(own)) for name, own in finished.items())
    return compare(kept, Study(profile, dataset, models), frozenset(found))


def part(kept: Record, only: Sequence[str] = (), seeds: Sequence[int] = ()) -> Profile:
    """The reference's profile with the recipes and seeds asked for, in the reference's order.

    Raises:
        VerificationError: the reference has no runs of one of them.
    """
    recipes = _chosen("recipe", only, [model.name for model in kept.ran], kept)
    finished = [kept.models[name].seeds for name in recipes]
    everywhere = [seed for seed in kept.profile.seeds if all(seed in own for own in finished)]
    return replace(
        find_profile(kept.profile.name).at(kept.data.size),
        recipes=recipes,
        seeds=_chosen("seed", seeds, everywhere, kept),
        controls=(),
        ablations=(),
    )


def compare(kept: Record, study: Study, found: frozenset[str] = frozenset()) -> Verification:
    """A study of the reference's data beside the reference.

    Args:
        kept: the reference.
        study: of some of its recipes and seeds.
        found: the keys of those runs that were not trained for this.
    """
    confidence = 1 - ERROR / (len(ASKED) * len(study.ran))
    numbers = (_number(kept, model, name, confidence) for model in study.ran for name in ASKED)
    runs = ((model.name, run) for model in study.ran for run in model.runs)
    return Verification(
        tuple(numbers),
        tuple(_nearness(kept, name, run, run.key not in found) for name, run in runs),
    )


def planted(study: Study) -> Part:
    """The numbers behind `tbl-planted`: whether a changed training would be found.

    Each ablation is one, on purpose. It is held against its baseline as a rebuild is against the reference,
    by distance alone.
    """
    rows = []
    for model in study.ablations:
        ablation = ABLATIONS[model.name]
        baseline = study.model(ablation.baseline)
        if not (ablation.change and model.ran and baseline.ran):
            continue
        reference = {run.seed: run.predictions["test"].probabilities for run in baseline.runs}
        found = _distance(model, reference, 1 - ERROR / len(ASKED))
        factors = {"factor": found.here, "low": found.low, "high": found.high}
        rows.append(
            {
                "model": study.model(ablation.model).title,
                "change": ablation.change,
                "seeds": len(model.runs),
                **{name: value / found.reference for name, value in factors.items()},
                "found": not found.agrees if found.decided else None,
            }
        )
    return Part(tables={"tbl-planted": frame(rows, runs=run_labels(study.ablations))})


def to_json(found: Verification) -> str:
    """A verification as one strict JSON object in ASCII; what is not defined is null."""
    numbers = [
        to_plain(one) | {"agrees": one.agrees if one.decided else None} for one in found.numbers
    ]
    content = {"holds": found.holds, "numbers": numbers, "runs": to_plain(found.runs)}
    return json.dumps(content, indent=1, allow_nan=False)


def _chosen(kind: str, asked: Sequence[T], there: Sequence[T], kept: Record) -> tuple[T, ...]:
    """What was asked for, or all, in the order of what is there."""
    unknown = [str(one) for one in asked if one not in there]
    if unknown:
        raise VerificationError(
            f"the reference record in {kept.path} has no {kind} {', '.join(unknown)}; "
            f"it has: {', '.join(map(str, there))}"
        )
    return tuple(one for one in there if not asked or one in asked)


def _same_data(kept: Record, source: str) -> Dataset:
    wanted = kept.data
    dataset = data.load(wanted.size, source, wanted.dataset)
    if dataset.is_phantom:
        raise VerificationError(
            "the reference record is of real data, and here is only the phantom; give the data with --data"
        )
    if dataset.fingerprint != wanted.fingerprint or not np.array_equal(
        dataset.test.labels, kept.test_labels()
    ):
        raise VerificationError(
            f"{dataset.location} holds other data than the reference record is of, or in another order: "
            f"fingerprint {dataset.fingerprint}, expected {wanted.fingerprint}"
        )
    return dataset


def _weights(recipe: Recipe, given: Path | None) -> "Weights | None":
    from pneumo.training.weights import WeightsUnavailableError, find_weights

    try:
        return find_weights(recipe, given)
    except WeightsUnavailableError as error:
        raise VerificationError(
            f"{recipe.name} can't be trained here: {error}; --only names what is to be verified"
        ) from None


def _number(kept: Record, model: Model, metric: str, confidence: float) -> Number:
    if metric == DISTANCE:
        seeds = kept.models[model.name].seeds
        reference = {seed: kept.probabilities(model.name, seed) for seed in seeds}
        return _distance(model, reference, confidence)
    own = kept.table("tbl-reference-seeds").where(model=model.name, rule=HALF.name, metric=metric)
    values, count = own["value"], len(model.runs)
    low, high = spread.expected(values, count, confidence)
    # Seeds that all miss the same images have no spread, and a count moves in steps.
    slack = ROUNDED + (1 / len(kept.test_labels()) if metric == "accuracy" else 0.0)
    return Number(
        model.name,
        metric,
        float(np.mean(values)),
        model.mean(HALF)[metric],
        low - slack,
        high + slack,
        spread.detectable(values, count, confidence, POWER),
    )


def _distance(model: Model, reference: Mapping[int, Floats], confidence: float) -> Number:
    """Distances on the scale of logarithms, since none is negative."""
    here = {run.seed: run.predictions["test"].probabilities for run in model.runs}
    before, after = (
        np.log(np.maximum(spread.distances(runs, reference), ROUNDED)) for runs in (reference, here)
    )
    low, high = spread.expected(before, len(after), confidence)
    factor = spread.detectable(before, len(after), confidence, POWER)
    centres = float(before.mean()), float(after.mean())
    return Number(model.name, DISTANCE, *np.exp([*centres, low, high, factor]).tolist())


def _nearness(kept: Record, name: str, run: Run, trained: bool) -> Nearness:
    model = kept.models[name]
    before, after = kept.probabilities(name, run.seed), run.predictions["test"].probabilities
    limit = model.point(YOUDEN.name).thresholds[model.seeds.index(run.seed)]
    return Nearness(
        name,
        run.seed,
        trained,
        same_code=any(one.is_run(run.key, run.keys) for one in kept.provenance.runs),
        furthest=float(np.abs(after - before).max()),
        other_calls=int(np.sum((after >= metrics.HALF) != (before >= metrics.HALF))),
        thresholds=(limit, threshold(run, YOUDEN)),
    )
