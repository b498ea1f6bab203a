"""All runs of a study as one model: the mean of their logits, each divided by its own temperature.

Temperature scaling (Guo et al. 2017) keeps overconfident runs from dominating; the mean of logits is the
geometric mean of odds. All runs have the same weight, since all do well on validation, which leaves little to
fit weights to.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.study.cache import once
from pneumo.study.study import Model, Study
from pneumo.study.temperature import logits_of
from pneumo.training.recipes import ENSEMBLE, Recipe
from pneumo.training.runs import Predictions, Run


@dataclass(frozen=True)
class Derived(Run):
    """Predictions that no training made. They are not stored on disk, and have no history or network."""

    predictions: dict[str, Predictions] = field(default_factory=dict)  # for ``val`` and ``test``
    members: tuple[Run, ...] = ()  # the runs that are combined

    @property
    def history(self) -> list[dict[str, Any]]:
        """Empty."""
        return []


@once
def combine(study: Study) -> Model | None:
    """Make the ensemble of all runs of all models, without controls; None if there are fewer than two.

    It has one run, under the first seed of the study, made from all seeds.
    """
    members = tuple(run for model in study.ran for run in model.runs)
    if len(members) < 2:
        return None
    logits = {
        split: np.mean([logits_of(run, split) for run in members], axis=0)
        for split in ("val", "test")
    }
    return derive(study, ENSEMBLE, logits, members)


def derive(
    study: Study,
    recipe: Recipe,
    logits: Mapping[str, NDArray[np.float64]],
    members: tuple[Run, ...] = (),
) -> Model:
    """Make a model of predictions that no training made, as one run under the first seed of the study.

    Args:
        recipe: with name and title.
        logits: for ``val`` and ``test``, (N,) each.
        members: the runs that are combined, if any.
    """
    predictions = {
        split: Predictions(logits[split], study.data.splits[split].labels)
        for split in ("val", "test")
    }
    parameters = sum(run.manifest["parameters"] for run in members)
    manifest, seed = {"pretrained": None, "parameters": parameters}, study.profile.seeds[0]
    run = Derived(Path(recipe.name), recipe, seed, "", manifest, predictions, members)
    return Model(recipe, (run,))


def compared(study: Study) -> tuple[Model, ...]:
    """The models that ran, followed by the ensemble if there is one."""
    together = combine(study)
    return (*study.ran, together) if together else study.ran
