"""What a build leaves for programs: `results.json` and the predictions that MedMNIST's evaluator scores."""

import csv
import math
from pathlib import Path
from typing import Any, Literal

from pneumo import __version__, claims, metrics, runs
from pneumo.study import HALF, YOUDEN, Model, Study

SCHEMA = 1


def write(study: Study, site: Path, engine: Literal["quarto", "portable"]) -> None:
    """Put `results.json`, `predictions/<recipe>-s<seed>.csv` and `.nojekyll` into a built site.

    Args:
        study: the study that the site reports.
        site: the site's folder, which exists.
        engine: what rendered it.
    """
    runs.write_json(site / "results.json", summarise(study, engine))
    folder = site / "predictions"
    folder.mkdir(exist_ok=True)
    for run in (run for model in study.models for run in model.runs):
        path = folder / f"{run.recipe.name}-s{run.seed}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            # One line a test image: its index in the data, the probability of pneumonia; no header.
            probabilities = run.predictions["test"].probabilities
            csv.writer(file).writerows((i, repr(float(p))) for i, p in enumerate(probabilities))
    # GitHub Pages would otherwise drop folders that begin with an underscore.
    (site / ".nojekyll").touch()


def summarise(study: Study, engine: str) -> dict[str, Any]:
    """The content of `results.json`; intervals are null where none are computed."""
    return {
        "schema": SCHEMA,
        "profile": study.profile.name,
        "engine": engine,
        "data": {
            "source": study.data.source,
            "fingerprint": study.data.fingerprint,
            "size": study.data.size,
            "counts": study.data.counts(),
        },
        "models": {model.name: _model(model) for model in study.models},
        "claims": [vars(claim) for claim in claims.decide(study)],
        "provenance": provenance(study),
    }


def provenance(study: Study) -> dict[str, Any]:
    """Where the numbers come from: versions, and for each run its key, commit, machine and time."""
    return {
        "pneumo": __version__,
        "runs": [
            {
                "run": run.label,
                **{
                    name: run.manifest[name]
                    for name in ("key", "seed", "git_commit", "versions", "hardware", "seconds")
                },
            }
            for run in study.runs
        ],
    }


def _model(model: Model) -> dict[str, Any]:
    if not model.ran:
        empty = {name: _interval(None) for name in metrics.NAMES}
        threshold = {"value": None, "chosen_on": YOUDEN.chosen_on, "rule": YOUDEN.title}
        return {
            "status": "not run",
            "reason": model.reason,
            "parameters": model.parameters,
            "pretrained": None,
            "seeds": [],
            "threshold": threshold,
            "test": empty,
            "test_at_half": empty,
        }
    thresholds = model.thresholds(YOUDEN)
    return {
        "status": "ok",
        "reason": None,
        "parameters": model.parameters,
        "pretrained": model.pretrained,
        "seeds": [run.seed for run in model.runs],
        "threshold": {
            "value": sum(thresholds) / len(thresholds),
            "chosen_on": YOUDEN.chosen_on,
            "rule": YOUDEN.title,
        },
        "test": {name: _interval(value) for name, value in model.mean(YOUDEN).items()},
        "test_at_half": {name: _interval(value) for name, value in model.mean(HALF).items()},
    }


def _interval(value: float | None) -> dict[str, float | None]:
    """A mean with room for its 95 % interval; what is undefined is null, since JSON has no NaN."""
    defined = value is not None and math.isfinite(value)
    return {"mean": value if defined else None, "low": None, "high": None}
