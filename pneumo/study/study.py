"""A study: the recipes and seeds that a profile asks for, on one data set, as finished runs.

:func:`run` trains what is missing, and imports torch only for that. :func:`load` never trains, downloads or
imports torch. Metrics are imported where they are computed: importing their libraries takes seconds, and is
not needed to find that nothing is missing.
"""

import json
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo import data
from pneumo.base import checksums, paths, storage
from pneumo.base.confusion import Confusion
from pneumo.base.errors import PneumoError, find
from pneumo.data import Dataset, descriptions, held_out
from pneumo.data.descriptions import Description
from pneumo.data.origins import told_apart
from pneumo.study import executors, jobs, outputs
from pneumo.study.cache import remember
from pneumo.training import runs
from pneumo.training.recipes import (
    NO_ORIGINS,
    PROFILES,
    Profile,
    Recipe,
    find_profile,
    images_an_epoch,
)
from pneumo.training.runs import Listener, Run
from pneumo.training.weights import WeightsUnavailableError, find_weights

SCHEMA = 2
WANTED = "wanted"  # folder of the store that names the runs of studies without a record


class StudyError(PneumoError):
    """A study is missing, or not the requested one."""


@dataclass(frozen=True)
class Rule:
    """A rule that chooses the threshold of an operating point."""

    name: str
    title: str  # as in prose
    short: str  # as in tables
    chosen_on: str | None  # the split it uses; None: fixed beforehand
    sensitivity: float | None = None  # required sensitivity, in (0, 1]


HALF = Rule("half", "threshold of 0.5", "0.5", None)
YOUDEN = Rule("youden", "Youden's J on validation", "Youden's J", "val")
SENSITIVITY_95 = Rule(
    "sensitivity-95", "sensitivity ≥ 0.95 on validation", "sensitivity ≥ 0.95", "val", 0.95
)
SENSITIVITY_99 = Rule(
    "sensitivity-99", "sensitivity ≥ 0.99 on validation", "sensitivity ≥ 0.99", "val", 0.99
)
RULES = (HALF, YOUDEN, SENSITIVITY_95, SENSITIVITY_99)
# A screening programme would choose this rule: as few missed cases as possible.
SCREENING = SENSITIVITY_99


@dataclass(frozen=True)
class Model:
    """One recipe in a study, with one run per seed, or the reason why it was not run."""

    recipe: Recipe
    runs: tuple[Run, ...] = ()
    reason: str | None = None  # why the model was not run

    @property
    def name(self) -> str:
        """Name in results.json."""
        return self.recipe.name

    @property
    def title(self) -> str:
        """Title in tables and prose."""
        return self.recipe.title

    @property
    def ran(self) -> bool:
        """Whether there are runs."""
        return bool(self.runs)

    @property
    def run(self) -> Run:
        """Run of the first seed, for figures that show a single run."""
        return self.runs[0]

    @cached_property
    def parameters(self) -> int:
        """Number of trained parameters; if the model was not run, its network is built to count them."""
        if self.ran:
            return int(self.run.manifest["parameters"])
        from pneumo.training.models import build, count_parameters

        return count_parameters(build(self.recipe))

    @property
    def pretrained(self) -> dict[str, str] | None:
        """Name and SHA-256 of the pretrained weights; None without pretraining, or if not run."""
        weights: dict[str, str] | None = self.run.manifest["pretrained"] if self.ran else None
        return weights

    def logits(self, split: str = "test") -> NDArray[np.float64]:
        """Every run's logits for a split's cases, (S, N), a row a seed."""
        return np.array([run.predictions[split].logits for run in self.runs])

    def probabilities(self, split: str = "test") -> NDArray[np.float64]:
        """Every run's probabilities for a split's cases, (S, N), a row a seed."""
        return np.array([run.predictions[split].probabilities for run in self.runs])

    def thresholds(self, rule: Rule) -> list[float]:
        """Threshold of each run under the rule."""
        return [threshold(run, rule) for run in self.runs]

    def calls(self, rule: Rule, split: str = "test") -> NDArray[np.bool_]:
        """Whether each run calls a split's cases positive at its threshold under the rule, (S, N)."""
        return np.array([calls(run, rule, split) for run in self.runs])

    def confusion(self, rule: Rule, split: str = "test") -> Confusion:
        """Confusion matrix of the first seed at the operating point of the rule."""
        from pneumo.statistics import metrics

        predictions = self.run.predictions[split]
        return metrics.confusion(
            predictions.labels, predictions.probabilities, threshold(self.run, rule)
        )

    def mean(self, rule: Rule, split: str = "test") -> dict[str, float]:
        """Each of :data:`pneumo.statistics.metrics.NAMES` at the operating point, averaged over the seeds."""
        rows = [evaluate(run, rule, split) for run in self.runs]
        return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


@dataclass(frozen=True)
class Study:
    """A finished study: data, models and their runs."""

    profile: Profile
    data: Dataset
    models: tuple[Model, ...]
    controls: tuple[Model, ...] = ()
    ablations: tuple[Model, ...] = ()

    @property
    def about(self) -> Description:
        """Description of the data set."""
        return self.data.about

    @property
    def ran(self) -> tuple[Model, ...]:
        """The models that have runs."""
        return tuple(model for model in self.models if model.ran)

    @property
    def not_run(self) -> tuple[Model, ...]:
        """The models that could not be run."""
        return tuple(model for model in self.models if not model.ran)

    @property
    def runs(self) -> tuple[Run, ...]:
        """All runs, model by model, then the controls' and the ablations'."""
        return tuple(run for model in self.all for run in model.runs)

    @property
    def all(self) -> tuple[Model, ...]:
        """Models, controls and ablations."""
        return self.models + self.controls + self.ablations

    @property
    def units(self) -> str:
        """Units that intervals and tests resample: patients if they are known, else cases."""
        return "cases" if self.data.origins is None else "patients"

    def groups(self, *splits: str) -> NDArray[np.int64]:
        """Number of the patient of each image of these splits, concatenated, (N,).

        If patients are unknown, each image has its own number.

        Args:
            splits: any of "train", "val", "test", and "held" for the training images that judge ablations.
        """
        return told_apart(np.concatenate([self._patients(name) for name in splits]))

    def _patients(self, split: str) -> NDArray[np.int64]:
        """Their numbers, (N,); -1 where unknown."""
        if split == "held":
            return self._patients("train")[self._held]
        origins = self.data.origins
        if origins is None:
            return np.full(len(self.data.splits[split].labels), -1)
        return origins[split].patients

    @cached_property
    def _held(self) -> NDArray[np.int64]:
        """Indices of the training images that are held out."""
        return held_out.divide(self.data.train)[1]

    def model(self, name: str) -> Model:
        """The model, control or ablation of the recipe called `name`.

        Raises:
            PneumoError: the study has none of that name.
        """
        return find("model of this study", {model.name: model for model in self.all}, name)


def threshold(run: Run, rule: Rule) -> float:
    """Compute the threshold of a run under the rule."""
    from pneumo.statistics import metrics

    if rule is HALF:
        return metrics.HALF
    validation = run.predictions["val"]
    if rule.sensitivity is not None:
        return metrics.sensitivity_threshold(
            validation.labels, validation.probabilities, rule.sensitivity
        )
    return metrics.youden_threshold(validation.labels, validation.probabilities)


def calls(run: Run, rule: Rule, split: str = "test") -> NDArray[np.bool_]:
    """Whether a run calls a split's cases positive at its threshold under the rule, (N,)."""
    return np.asarray(run.predictions[split].probabilities >= threshold(run, rule))


def run_labels(models: Iterable[Model]) -> list[str]:
    """The labels of all runs of these models."""
    return [run.label for model in models for run in model.runs]


def evaluate(run: Run, rule: Rule, split: str = "test") -> dict[str, float]:
    """Each of :data:`pneumo.statistics.metrics.NAMES` for one run at the rule's operating point."""
    from pneumo.statistics import metrics

    def compute() -> dict[str, float]:
        found = run.predictions[split]
        return metrics.evaluate(found.labels, found.probabilities, threshold(run, rule))

    return remember(run, (rule.name, split), compute)  # the same numbers are needed many times


def run(
    profile: str | None = None,
    source: str = "auto",
    weights: Path | None = None,
    home: Path | None = None,
    device: str = "auto",
    only: Sequence[str] = (),
    listener: Callable[[Recipe, int, int], Listener] | None = None,
    notice: Callable[[str], None] = lambda _: None,
    dataset: str | None = None,
    size: int | None = None,
    executor: str = executors.SERIAL,
    finished: Callable[[Run], None] = lambda _: None,
) -> Study:
    """Finish a study: train missing runs, and read existing ones.

    Args:
        profile: chooses models and seeds; as for :func:`find_profile`.
        source: where the data come from, as for :func:`pneumo.data.load`.
        weights: a file of ImageNet weights for ResNet18.
        home: the run store's folder; None for the project's.
        device: to train on, "auto" for a GPU if there is one.
        only: names of recipes to train; the study is then not recorded.
        listener: makes the listener of a run, from recipe, seed and images per epoch.
        notice: receives messages of one line: finished outputs of networks, and workers that fail or die.
        dataset: name of the set, as for :func:`pneumo.data.load`.
        size: side of the images, likewise.
        executor: where runs are trained, as :func:`pneumo.study.executors.parse` reads it.
        finished: receives every run as soon as it is finished.

    Raises:
        PneumoError: the profile, recipe or executor is unknown, data or weights are invalid, or a run failed
            in a worker.
    """
    place = executors.parse(executor)
    plan = make_plan(profile, source, weights, home, dataset, size, only)
    chosen, found, wanted = plan.profile, plan.data, plan.wanted
    _protect(plan, bool(only), home)
    listeners = [
        listener(one.recipe, one.seed, images_an_epoch(one.recipe, found)) if listener else None
        for one in wanted
    ]
    done = jobs.complete(place, found, wanted, chosen, home, device, listeners, finished, notice)
    models = [
        replace(model, runs=tuple(one for one in done if one.recipe.name == model.name))
        for model in plan.models
    ]
    study = _study(chosen, found, models)
    if not only:
        path = _record_path(chosen.name, found.about, found.size, home)
        runs.write_sealed(path, _record(study))
    return study


@dataclass(frozen=True)
class Plan:
    """The runs of a study, before anything is trained."""

    profile: Profile
    data: Dataset
    models: tuple[Model, ...]  # without runs; those that cannot be run say why
    wanted: tuple[jobs.Training, ...]

    @property
    def labels(self) -> set[str]:
        """Labels of its runs."""
        return {runs.folder_name(one.recipe.name, one.seed, one.key) for one in self.wanted}


def make_plan(
    profile: str | None,
    source: str = "auto",
    weights: Path | None = None,
    home: Path | None = None,
    dataset: str | None = None,
    size: int | None = None,
    only: Sequence[str] = (),
) -> Plan:
    """Plan a study; arguments and errors are those of :func:`run`."""
    about, side = descriptions.choose(dataset, size)
    chosen = find_profile(profile).at(side)
    names = _names(chosen)
    unknown = set(only) - set(names)
    if unknown:
        raise StudyError(
            f"profile {chosen.name} has no recipe {', '.join(sorted(unknown))}; "
            f"it has: {', '.join(names)}"
        )
    found = data.load(side, source, about.name)
    models: list[Model] = []
    wanted: list[jobs.Training] = []
    for name in (name for name in names if not only or name in only):
        recipe = chosen.recipe(name)
        if recipe.needs_origins and found.origins is None:
            models.append(Model(recipe, reason=NO_ORIGINS))
            continue
        try:
            pretrained = find_weights(recipe, weights)
        except WeightsUnavailableError as error:
            reason = paths.without_folders(str(error))
            models.append(Model(recipe, reason=reason))
            continue
        models.append(Model(recipe))  # until it has runs
        wanted += [jobs.want(recipe, seed, found, pretrained, home) for seed in chosen.seeds]
    return Plan(chosen, found, tuple(models), tuple(wanted))


def load(
    profile: str | None = None,
    source: str | None = None,
    home: Path | None = None,
    dataset: str | None = None,
    size: int | None = None,
) -> Study:
    """Load a study that :func:`run` has finished.

    Args:
        profile: as for :func:`find_profile`.
        source: the data that it must have been made from; None for ``PNEUMO_DATA``, or any data if that is
            not set.
        home: the run store's folder; None for the project's.
        dataset: name of the set, as for :func:`pneumo.data.load`.
        size: side of the images, likewise.

    Raises:
        StudyError: there is none, it has other data, or its runs have another version.
    """
    about, side = descriptions.choose(dataset, size)
    chosen = find_profile(profile).at(side)
    path = _record_path(chosen.name, about, side, home)
    command = f"pneumo study --profile {chosen.name}{paths.options(about.name, side)}"
    again = f"run `{command}`"
    if not path.is_file():
        start = path.stem.removesuffix(chosen.name)
        finished = (name for name in PROFILES if path.with_stem(start + name).is_file())
        others = " or ".join(f"--profile {name}" for name in finished)
        of = f" of {about.title} at {side} pixels" if paths.label(about.name, side) else ""
        raise StudyError(
            f"no finished study{of} of profile {chosen.name} in {path.parent}; "
            f"{f'add {others}, or ' if others else ''}{again}"
        )
    with checksums.reading(path, StudyError, again):
        record = checksums.parse(path.read_bytes(), SCHEMA, path.name)
        entries = [(one["recipe"], one["reason"], one["weights"]) for one in record["models"]]
        location, fingerprint, order, kind = (
            record["data"][name] for name in ("location", "fingerprint", "order", "source")
        )
    there = source or os.environ.get("PNEUMO_DATA") or location
    found = data.load(side, there, about.name)
    differs = None
    if found.fingerprint != fingerprint:
        differs = f"other data than {there}"
    elif found.order != order:
        differs = f"the images of {there} in another order"
    if differs:
        raise StudyError(
            f"the finished study of profile {chosen.name} is of {differs}; "
            f"put back what was there, or run `{command}` --data {there}"
        )
    # Data from another source are the same data; keep the source that the study names.
    found = replace(found, source=kind)
    models = [_load_model(chosen, *entry, found, home, again) for entry in entries]
    if tuple(model.name for model in models) != _names(chosen):
        raise StudyError(f"profile {chosen.name} asks for other models than {path} has; {again}")
    return _study(chosen, found, models)


def _protect(plan: Plan, partly: bool, home: Path | None) -> None:
    """Write which runs a study wants, for :mod:`pneumo.study.leftovers`, unless all are there.

    Args:
        plan: of the study.
        partly: whether its profile has more; then what it wanted before is added.
        home: the run store's folder; None for the project's.
    """
    if all(runs.folder(one.recipe, one.seed, one.key, home).is_dir() for one in plan.wanted):
        return
    path, wanted = _wanted_path(plan, home), {}
    if partly and path.is_file():
        with checksums.reading(path, StudyError, "delete it, and run the same command again"):
            wanted = json.loads(path.read_bytes())["runs"]
    for one in plan.wanted:
        wanted[f"{one.recipe.name}-s{one.seed}"] = one.key
    text = json.dumps({"profile": plan.profile.name, "runs": wanted}, indent=1)
    storage.write(path, f"{text}\n".encode())


def unprotect(study: Study) -> None:
    """Delete what :func:`run` wrote to protect the runs of a study: now its record names them."""
    _wanted_path(study).unlink(missing_ok=True)


def _wanted_path(asked: Study | Plan, home: Path | None = None) -> Path:
    path = _record_path(asked.profile.name, asked.data.about, asked.data.size, home)
    return path.parents[1] / WANTED / path.name


def _study(profile: Profile, dataset: Dataset, models: Sequence[Model]) -> Study:
    """Make the study of a profile from its models, controls and ablations."""
    kinds = profile.recipes, profile.controls, profile.ablations
    return Study(profile, dataset, *(tuple(m for m in models if m.name in kind) for kind in kinds))


def _names(profile: Profile) -> tuple[str, ...]:
    return profile.recipes + profile.controls + profile.ablations


def _load_model(
    profile: Profile,
    name: str,
    reason: str | None,
    weights: str | None,
    dataset: Dataset,
    home: Path | None,
    again: str,
) -> Model:
    recipe = profile.recipe(name)
    if reason:
        return Model(recipe, reason=paths.without_folders(reason))
    found = []
    for seed in profile.seeds:
        key = runs.find_key(recipe, seed, dataset, weights, home)
        path = runs.folder(recipe, seed, key, home)
        if not path.is_dir():
            raise StudyError(_missing(path, again))
        found.append(runs.load(path))
    for run in found:
        for lacking in outputs.missing(run, profile):
            if lacking not in outputs.OPTIONAL:
                raise StudyError(f"{run.label} lacks its outputs for {lacking}; {again}")
    return Model(recipe, tuple(found))


def _missing(path: Path, again: str) -> str:
    """Message for a missing run, which may exist from another version of this package."""
    start = path.name.rpartition("-")[0] + "-"
    for other, schema in runs.of_other_versions(path.parent.parent).items():
        if other.name.startswith(start):
            message = checksums.OtherVersionError(schema, runs.SCHEMA).message(again)
            return f"run {path.name} is missing, and {other.name} {message}"
    return (
        f"run {path.name} is missing (another recipe, seed, order of images or version?); {again}"
    )


def record_folder(asked: Study | Plan) -> Path:
    """Folder of the record of a study, named by profile, data set and size; it may not exist yet."""
    return paths.record(asked.profile.name, paths.label(asked.data.about.name, asked.data.size))


def _record_path(profile: str, about: Description, size: int, home: Path | None) -> Path:
    """File of a profile, set and size; for the default set it is named by the profile only."""
    name = "-".join(filter(None, (paths.label(about.name, size), profile)))
    return (home or paths.home()) / "studies" / f"{name}.json"


def _record(study: Study) -> dict[str, Any]:
    """Content that :func:`load` needs: location of the data, runs, and reasons for models not run."""
    return {
        "schema": SCHEMA,
        "profile": study.profile.name,
        "data": {
            "source": study.data.source,
            "location": study.data.location,
            "fingerprint": study.data.fingerprint,
            "order": study.data.order,
        },
        "models": [
            {
                "recipe": model.name,
                "reason": model.reason,
                "weights": model.pretrained["sha256"] if model.pretrained else None,
            }
            for model in study.all
        ],
    }
