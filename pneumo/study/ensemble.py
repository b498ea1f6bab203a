"""All runs of a study as one model: the mean of their logits, each divided by its own temperature.

Scaling first (Guo et al. 2017) lets no run speak louder for being surer than it is right; the mean of logits
is the geometric mean of odds. Every run counts the same: weights fitted to validation, on which all do well,
would be fitted to little.
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
    """What several runs say together. It lies nowhere on disk, and has no history and no network."""

    members: tuple[Run, ...] = ()

    @property
    def history(self) -> list[dict[str, Any]]:
        """Nothing: its members have theirs."""
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
    """The ensemble of every run of every model, controls apart; None where there are fewer than two.

    It has one run, under the study's first seed: every member's seed is in it.
    """
    members = tuple(run for model in study.ran for run in model.runs)
    if len(members) < 2:
        return None
    seed = study.profile.seeds[0]
    run = Combined(Path(ENSEMBLE.name), ENSEMBLE, seed, "", {"pretrained": None}, members)
    parameters = sum(model.parameters * len(model.runs) for model in study.ran)
    return Model(ENSEMBLE, parameters, (run,))


def compared(study: Study) -> tuple[Model, ...]:
    """The models that ran, and the ensemble behind them where there is one."""
    together = combine(study)
    return (*study.ran, together) if together else study.ran
