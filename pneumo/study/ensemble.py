"""All runs of a study as one model: the mean of their logits, each divided by its own temperature.

Temperature scaling (Guo et al. 2017) keeps overconfident runs from dominating; the mean of logits is the
geometric mean of odds. All runs have the same weight, since all do well on validation, which leaves little to
fit weights to.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from pneumo.study.study import Model, Study
from pneumo.study.temperature import logits_of
from pneumo.training.recipes import ENSEMBLE
from pneumo.training.runs import Predictions, Run


@dataclass(frozen=True)
class Combined(Run):
    """The combined prediction of several runs. It is not stored on disk, and has no history or network."""

    members: tuple[Run, ...] = ()

    @property
    def history(self) -> list[dict[str, Any]]:
        """Empty: only its members have a history."""
        return []

    @cached_property
    def predictions(self) -> dict[str, Predictions]:
        """For ``val`` and ``test``."""
        return {
            split: Predictions(
                np.mean([logits_of(run, split) for run in self.members], axis=0),
                self.members[0].predictions[split].labels,
            )
            for split in ("val", "test")
        }


def combine(study: Study) -> Model | None:
    """Make the ensemble of all runs of all models, without controls; None if there are fewer than two.

    It has one run, under the first seed of the study, made from all seeds.
    """
    members = tuple(run for model in study.ran for run in model.runs)
    if len(members) < 2:
        return None
    seed = study.profile.seeds[0]
    parameters = sum(model.parameters * len(model.runs) for model in study.ran)
    manifest = {"pretrained": None, "parameters": parameters}
    return Model(ENSEMBLE, (Combined(Path(ENSEMBLE.name), ENSEMBLE, seed, "", manifest, members),))


def compared(study: Study) -> tuple[Model, ...]:
    """The models that ran, followed by the ensemble if there is one."""
    together = combine(study)
    return (*study.ran, together) if together else study.ran
