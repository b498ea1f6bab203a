"""What each choice in a recipe is worth: one thing changed at a time, five seeds, judged on images held out.

Three sets of images judge the same runs: validation, which is drawn like the training images; the held-out
images, which are harder (`data.held_out`); and test. Choices are made by the second; the third says
whether that was a good way to choose.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from pneumo.analysis.intervals import area
from pneumo.analysis.verdicts import Held
from pneumo.data.held_out import NORMAL_SHARE, PNEUMONIA_SHARE
from pneumo.record import Estimate, Part, frame
from pneumo.record.ablation import JUDGE, SPLITS, Agreement, HeldOut, Row
from pneumo.statistics.metrics import NORMAL
from pneumo.study.cache import once
from pneumo.study.study import Model, Study, run_labels
from pneumo.training.recipes import ABLATIONS


def part(study: Study) -> Part:
    """Every ablation, and the numbers behind `fig-ablations` and `tbl-ablations`."""
    found = rows(study)
    agreements = {split: agreement(found, split) for split in ("val", JUDGE)}
    numbers = frame(_long(found), runs=run_labels(study.ablations))
    return Part(
        {
            "ablations": list(found),
            "held_out": HeldOut(
                NORMAL_SHARE,
                PNEUMONIA_SHARE,
                {split: one for split, one in agreements.items() if one},
            ),
        },
        figures={"fig-ablations": numbers},
        tables={"tbl-ablations": numbers},
    )


@once
def rows(study: Study) -> tuple[Row, ...]:
    """A row an ablation that the study has runs of, each baseline before what is held against it."""
    return tuple(_row(study, model) for model in study.ablations if model.ran)


def agreement(ablations: Sequence[Row], split: str) -> Agreement | None:
    """How well a split foretells what changes do on test; None with fewer than five changes, or all alike.

    The interval of Spearman's correlation is Bonett & Wright's (2000).
    """
    changed = [row for row in ablations if not row.is_baseline]
    ours = [row.difference[split].value for row in changed]
    theirs = [row.difference["test"].value for row in changed]
    if len(changed) < 5 or len(set(ours)) == 1 or len(set(theirs)) == 1:
        return None
    found = stats.spearmanr(ours, theirs)
    rho = float(found.statistic)
    reach = NORMAL * np.sqrt((1 + rho**2 / 2) / (len(changed) - 3))
    centre = np.arctanh(np.clip(rho, -0.999999, 0.999999))
    low, high = np.tanh([centre - reach, centre + reach])
    return Agreement(split, rho, float(low), float(high), float(found.pvalue))


def hold_agreement(found: Agreement, changes: int, margin: float) -> Held:
    """A correlation against its margin, on the scale of Fisher's z, with Bonett & Wright's error."""
    error = np.sqrt((1 + found.rank_correlation**2 / 2) / (changes - 3))
    apart = np.arctanh(np.clip(found.rank_correlation, -0.999999, 0.999999)) - np.arctanh(margin)
    ends = Estimate(found.rank_correlation, found.low, found.high)
    return Held(ends, margin, float(2 * stats.norm.sf(abs(apart) / error)))


def _long(found: Sequence[Row]) -> list[dict[str, Any]]:
    """A row an ablation and split; a baseline's differences are missing."""
    none = Estimate(float("nan"))
    return [
        {
            "model": row.model,
            "change": row.change,
            "split": split,
            "seeds": row.seeds,
            "epochs": row.epochs,
            "auc": row.auc[split],
            **row.difference.get(split, none).named("difference"),
        }
        for row in found
        for split in SPLITS
    ]


def _row(study: Study, model: Model) -> Row:
    ablation = ABLATIONS[model.name]
    baseline = study.model(ablation.baseline)
    ours, theirs = ({split: area(one, split) for split in SPLITS} for one in (model, baseline))
    return Row(
        name=model.name,
        model=study.model(ablation.model).title,
        change=ablation.change,
        seeds=len(model.runs),
        epochs=model.recipe.frozen_epochs + model.recipe.epochs,
        seconds=float(np.median([row["seconds"] for run in model.runs for row in run.history])),
        auc={split: area.value for split, area in ours.items()},
        difference={
            split: ours[split].apart(theirs[split]).estimate(study.groups(split))
            for split in SPLITS
        }
        if ablation.change
        else {},
    )
