"""What every model reaches: its metrics with intervals, its operating points, and which one is best."""

from datetime import UTC, datetime
from typing import Any

from pneumo import __version__
from pneumo.analysis import (
    ANALYSIS_VERSION,
    baselines,
    calibration,
    claims,
    evaluation,
    intervals,
    robustness,
)
from pneumo.record import Estimate, Part, answers
from pneumo.record.plain import to_plain
from pneumo.statistics import metrics
from pneumo.study import ensemble, selection
from pneumo.study.corruptions import CORRUPTIONS
from pneumo.study.study import HALF, YOUDEN, Model, Study, run_labels


def part(study: Study) -> Part:
    """The study's profile, data, models, baselines, comparisons, claims and runs."""
    bounds = intervals.intervals(study)
    models = {model.name: model for model in (*study.models, *ensemble.compared(study))}
    return Part(
        {
            "profile": study.profile.name,
            "analysis_version": ANALYSIS_VERSION,
            "engine": None,  # of who renders a record, the record knows nothing
            "written": datetime.now(UTC).date().isoformat(),
            "study": _profile(study),
            "about": study.about,
            "data": answers.Data(
                source=study.data.source,
                fingerprint=study.data.fingerprint,
                size=study.data.size,
                counts=study.data.counts(),
                dataset=study.about.name,
                order=study.data.order,
            ),
            "models": {name: _model(study, model) for name, model in models.items()},
            "baselines": {
                baseline.name: answers.Baseline(baseline.title, bounds[baseline.name][HALF.name])
                for baseline in baselines.models(study)
            },
            "comparisons": evaluation.pairs(study),
            "claims": list(claims.decide(study)),
            "provenance": _provenance(study),
        }
    )


def _provenance(study: Study) -> answers.Provenance:
    """Where the numbers come from: versions, and for each run its key, commit, machine and time."""
    return answers.Provenance(
        __version__,
        [
            answers.RunFacts(
                run=run.label,
                **{
                    name: run.manifest[name]
                    for name in ("key", "seed", "git_commit", "versions", "hardware", "seconds")
                },
                recipe=run.recipe.name,
                title=run.recipe.title,
                epochs=len(run.history),
                kept_epoch=run.manifest["metrics"]["epoch"],
                earlier_keys=sorted(run.keys - {run.key}),
            )
            for run in study.runs
        ],
    )


def _profile(study: Study) -> answers.Profile:
    names = ("name", "purpose", "epochs_share", "train_images", "probed_images")
    return answers.Profile(
        **{name: getattr(study.profile, name) for name in names},
        seeds=list(study.profile.seeds),
        best=selection.best(study).name,
        second=selection.second(study).name,
        tied=[model.name for model in selection.tied(study)],
    )


def _model(study: Study, model: Model) -> answers.Model:
    """A model's results; of one that was not run every number is missing."""
    none = {name: Estimate(float("nan")) for name in metrics.NAMES}
    bounds = intervals.intervals(study).get(model.name, {})
    thresholds, together = model.thresholds(YOUDEN), model.name == "ensemble"
    runs = run_labels(study.ran if together else [model])
    threshold = sum(thresholds) / len(thresholds) if thresholds else float("nan")
    return answers.Model(
        status="ok" if model.ran else "not run",
        reason=model.reason,
        parameters=model.parameters,
        pretrained=model.pretrained,
        seeds=[run.seed for run in model.runs],
        threshold=answers.Threshold(threshold, YOUDEN.chosen_on, YOUDEN.title),
        test=bounds.get(YOUDEN.name, none),
        test_at_half=bounds.get(HALF.name, none),
        operating_points=evaluation.points(study).get(model.name, []),
        calibration=calibration.summary(study, model) if model.ran else None,
        robustness=_robustness(study, model),
        name=model.name,
        title=model.title,
        validation_at_half=model.mean(HALF, "val") if model.ran else {},
        recipe=model.recipe.to_dict(),
        runs=runs,
        members=len(runs) if together else 0,
        member_seeds=list(study.profile.seeds) if together else [],
    )


def _robustness(study: Study, model: Model) -> dict[str, Any] | None:
    """AUC and accuracy by corruption and severity 1 … 5, mean over seeds."""
    found = robustness.robustness(study).get(model.name)
    if found is None:
        return None
    return {
        "images": len(found.patients),
        "clean_auc": found.clean_auc,
        "mean_degradation": to_plain(found.degradation, answers.Mean),
        "auc": dict(zip(CORRUPTIONS, found.auc.tolist(), strict=True)),
        "accuracy": dict(zip(CORRUPTIONS, found.accuracy.tolist(), strict=True)),
    }
