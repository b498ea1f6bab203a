"""Published results on a set, and this project's goals, from ``report/published.toml``."""

import tomllib
from dataclasses import dataclass
from datetime import date
from typing import Any

from pneumo.base import paths
from pneumo.base.errors import PneumoError


class PublishedError(PneumoError):
    """The file is missing or damaged."""


@dataclass(frozen=True)
class Result:
    """A published model's result on a set's test images; accuracy is at a threshold of 0.5."""

    dataset: str
    source: str  # its key in the bibliography
    model: str
    size: int  # of the images' side, in pixels
    pretraining: str
    accuracy: float
    seeds: str
    selected_on: str  # the split that the epoch was chosen on
    code: str  # "public" or "closed"
    checked: str  # what it was checked against, and what could not be checked
    looked_up: date
    auc: float | None = None


@dataclass(frozen=True)
class Goal:
    """The least that a model should reach on the test set."""

    dataset: str
    size: int
    of: str  # "best", the single model chosen on validation, or "ensemble"
    auc: float
    accuracy: float  # at the threshold chosen on validation


def results(dataset: str) -> list[Result]:
    """The published results on a set.

    Raises:
        PublishedError: the file is missing or damaged.
    """
    return [found for found in _entries("result", Result) if found.dataset == dataset]


def goals(dataset: str) -> list[Goal]:
    """The goals for a set.

    Raises:
        PublishedError: as :func:`results`.
    """
    return [found for found in _entries("goal", Goal) if found.dataset == dataset]


def _entries(key: str, kind: Any) -> list[Any]:
    path = paths.published()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return [kind(**entry) for entry in content[key]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise PublishedError(f"{path} is damaged ({type(error).__name__}: {error})") from None
