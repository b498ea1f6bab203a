"""What each choice in a recipe is worth: one thing changed at a time, five seeds, judged on images held out.

Three sets of images judge the same runs: validation, which is drawn like the training images; the held-out
images, which are harder (`data.held_out`); and test. Choices are made by the second; the third says
whether that was a good way to choose.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from pneumo.analysis import reference
from pneumo.analysis.cache import kept
from pneumo.analysis.intervals import Interval
from pneumo.statistics import metrics
from pneumo.statistics.comparison import mean_difference
from pneumo.study.study import Model, Study
from pneumo.training.recipes import ABLATIONS

SPLITS = ("val", "held", "test")
JUDGE = "held"  # the split that choices are made by


@dataclass(frozen=True)
class Row:
    """One ablation: a model's recipe with one thing changed, against the same recipe unchanged."""

    name: str  # the recipe's
    model: str  # the title of the model whose recipe it is
    change: str  # as in tables; empty for the baseline
    seeds: int
    epochs: int
    seconds: float  # an epoch, the median over epochs and seeds
    auc: dict[str, float]  # by split, the mean over seeds
    difference: dict[str, Interval]  # from the baseline's, by split; none for the baseline itself

    @property
    def is_baseline(self) -> bool:
        """Whether nothing is changed."""
        return not self.change

    @property
    def verdict(self) -> str:
        """What the images that choices are made by say of the change: "better", "worse" or "no different"."""
        if self.is_baseline:
            return ""
        found = self.difference[JUDGE]
        return "better" if found.low > 0 else "worse" if found.high < 0 else "no different"


@dataclass(frozen=True)
class Agreement:
    """How far the differences on a split go along with those on test, over all ablations."""

    split: str
    rank_correlation: float  # Spearman's
    low: float  # of the 95 % interval, by Fisher's transformation
    high: float
    p_value: float


def rows(study: Study) -> tuple[Row, ...]:
    """A row an ablation that the study has runs of, each baseline before what is held against it."""
    return read(_computed(study))


def shown(study: Study) -> tuple[tuple[Row, ...], bool]:
    """The rows that a report shows, and whether they are the reference study's.

    One seed says little of a difference, and some profiles train no ablations; then the reference's are
    shown, unless the study is of the phantom.
    """
    own = rows(study)
    other = None if study.data.is_phantom or (own and own[0].seeds > 1) else reference.of(study)
    found = read(other.results.get("ablations", [])) if other else ()
    return (found, True) if found else (own, False)


def agreement(ablations: Sequence[Row], split: str) -> Agreement | None:
    """How well a split foretells what changes do on test; None with fewer than five changes, or all alike.

    The interval of Spearman's correlation is Bonett & Wright's (2000).
    """
    changed = [row for row in ablations if not row.is_baseline]
    ours = [row.difference[split].mean for row in changed]
    theirs = [row.difference["test"].mean for row in changed]
    if len(changed) < 5 or len(set(ours)) == 1 or len(set(theirs)) == 1:
        return None
    found = stats.spearmanr(ours, theirs)
    rho = float(found.statistic)
    reach = stats.norm.ppf(0.975) * np.sqrt((1 + rho**2 / 2) / (len(changed) - 3))
    centre = np.arctanh(np.clip(rho, -0.999999, 0.999999))
    low, high = np.tanh([centre - reach, centre + reach])
    return Agreement(split, rho, float(low), float(high), float(found.pvalue))


def write(ablations: Iterable[Row]) -> list[dict[str, Any]]:
    """Rows as plain values."""
    return [asdict(row) for row in ablations]


def read(plain: Iterable[dict[str, Any]]) -> tuple[Row, ...]:
    """Rows from what :func:`write` gave."""
    return tuple(
        Row(**{
            **row,
            "difference": {split: Interval(**found) for split, found in row["difference"].items()},
        })
        for row in plain
    )  # fmt: skip


@kept(reads="ablations")
def _computed(study: Study) -> list[dict[str, Any]]:
    return write(_row(study, model) for model in study.ablations if model.ran)


def _row(study: Study, model: Model) -> Row:
    ablation = ABLATIONS[model.name]
    baseline = study.model(ablation.baseline)
    ours, theirs = _scores(model), _scores(baseline)
    labels = {split: model.run.predictions[split].labels for split in SPLITS}
    return Row(
        name=model.name,
        model=study.model(ablation.model).title,
        change=ablation.change,
        seeds=len(model.runs),
        epochs=model.recipe.frozen_epochs + model.recipe.epochs,
        seconds=float(np.median([row["seconds"] for run in model.runs for row in run.history])),
        auc={
            split: float(metrics.placements(labels[split], ours[split])[0].mean())
            for split in SPLITS
        },
        difference={
            split: Interval(
                *vars(mean_difference(labels[split], ours[split], theirs[split])).values()
            )
            for split in SPLITS
        }
        if ablation.change
        else {},
    )


def _scores(model: Model) -> dict[str, NDArray[np.float64]]:
    """Logits by split, (S, N)."""
    return {
        split: np.array([run.predictions[split].logits for run in model.runs]) for split in SPLITS
    }
