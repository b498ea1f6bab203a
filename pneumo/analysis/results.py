"""What a build leaves for programs: `results.json` and the predictions that MedMNIST's evaluator scores."""

import csv
import json
import math
from pathlib import Path
from typing import Any, Literal

from pneumo import __version__
from pneumo.analysis import (
    ablation,
    baselines,
    calibration,
    claims,
    comparison,
    intervals,
    robustness,
)
from pneumo.analysis.comparison import Pair
from pneumo.analysis.robustness import Robustness
from pneumo.base import checksums
from pneumo.base.errors import PneumoError
from pneumo.data import descriptions
from pneumo.record import Estimate, plain
from pneumo.statistics import metrics
from pneumo.study import ensemble, operating_points
from pneumo.study.corruptions import CORRUPTIONS
from pneumo.study.operating_points import OperatingPoint
from pneumo.study.study import HALF, YOUDEN, Model, Study
from pneumo.training import runs

SCHEMA = 1
FILE = "results.json"
# The parts of a model that hold its metrics on the test set, with the rule of their threshold.
BLOCKS = {"test": YOUDEN, "test_at_half": HALF}


class ResultsError(PneumoError):
    """A `results.json` that can't be read."""


def write(study: Study, site: Path, engine: Literal["quarto", "portable"]) -> None:
    """Put `results.json`, `predictions/<recipe>-s<seed>.csv` and `.nojekyll` into a built site.

    Args:
        study: the study that the site reports.
        site: the site's folder, which exists.
        engine: what rendered it.
    """
    runs.write_json(site / FILE, summarise(study, engine))
    folder = site / "predictions"
    folder.mkdir(exist_ok=True)
    for run in (run for model in ensemble.compared(study) for run in model.runs):
        path = folder / f"{run.recipe.name}-s{run.seed}.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            # One line a test image: its index in the data, the probability of MedMNIST's label 1; no header.
            said = run.predictions["test"]
            probabilities = metrics.probabilities(
                -said.logits if study.about.swapped else said.logits
            )
            csv.writer(file).writerows((i, repr(float(p))) for i, p in enumerate(probabilities))
    # GitHub Pages would otherwise drop folders that begin with an underscore.
    (site / ".nojekyll").touch()


def read(path: Path) -> dict[str, Any]:
    """What :func:`write` has written.

    Args:
        path: the file, or the folder that holds it: a site's, or a reference study's.

    Raises:
        ResultsError: it is missing, no strict JSON object, or of another schema.
    """
    file = path / FILE if path.is_dir() else path
    try:
        return parse(file.read_bytes())
    except FileNotFoundError:
        raise ResultsError(
            f"no {FILE} at {path}: expected that file, or a folder with it"
        ) from None
    except OSError as error:
        raise ResultsError(f"{file} can't be read ({error.strerror})") from None
    except checksums.OtherVersionError as error:
        raise ResultsError(f"{file} {error.told('build it again')}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ResultsError(f"{file} is damaged ({type(error).__name__}: {error})") from None


def parse(raw: bytes) -> dict[str, Any]:
    """The content of a `results.json`, from its bytes.

    Raises:
        OtherVersionError: it is of another schema.
        ValueError, KeyError, TypeError: it is no strict JSON object with a schema.
    """
    content: dict[str, Any] = json.loads(raw, parse_constant=_refuse)
    checksums.check_version(content["schema"], SCHEMA)
    return content


def summarise(study: Study, engine: str) -> dict[str, Any]:
    """The content of `results.json`; what is not defined is null."""
    bounds = intervals.intervals(study)
    robust = robustness.robustness(study)
    together = ensemble.combine(study)
    label = descriptions.label(study.about, study.data.size)
    return {
        "schema": SCHEMA,
        "profile": study.profile.name,
        "engine": engine,
        "data": {
            "source": study.data.source,
            "fingerprint": study.data.fingerprint,
            "size": study.data.size,
            # PneumoniaMNIST at 28×28 pixels is what is not named.
            **({"dataset": study.about.name} if label else {}),
            "counts": study.data.counts(),
        },
        "models": {
            model.name: _model(model, bounds.get(model.name, {}), robust.get(model.name))
            for model in (*study.models, *([together] if together else []))
        },
        "baselines": _baselines(study, bounds),
        "comparisons": [_pair(pair) for pair in comparison.pairs(study)],
        "ablations": plain.to_plain(list(ablation.rows(study))),
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


def _model(
    model: Model, bounds: dict[str, dict[str, Estimate]], robust: Robustness | None = None
) -> dict[str, Any]:
    if not model.ran:
        empty = {name: _interval() for name in metrics.NAMES}
        threshold = {"value": None, "chosen_on": YOUDEN.chosen_on, "rule": YOUDEN.title}
        return {
            "status": "not run",
            "reason": model.reason,
            "parameters": model.parameters,
            "pretrained": None,
            "seeds": [],
            "threshold": threshold,
            **dict.fromkeys(BLOCKS, empty),
            "operating_points": [],
            "calibration": None,
            "robustness": None,
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
        **{
            block: {name: _interval(bounds[rule.name][name]) for name in metrics.NAMES}
            for block, rule in BLOCKS.items()
        },
        "operating_points": [_operating_point(point) for point in operating_points.points(model)],
        "calibration": _finite(calibration.summary(model)),
        "robustness": _robustness(robust),
    }


def _finite(values: dict[str, Any]) -> dict[str, Any]:
    """Nested numbers with null for what is undefined or infinite, since JSON has neither."""
    return {
        name: _finite(value)
        if isinstance(value, dict)
        else (value if math.isfinite(value) else None)
        for name, value in values.items()
    }


def _operating_point(point: OperatingPoint) -> dict[str, Any]:
    """Counts and rates are the first seed's, with Wilson's intervals, ratios' by the log method."""
    return {
        "id": point.rule.name,
        "rule": point.rule.title,
        "chosen_on": point.rule.chosen_on,
        "thresholds": list(point.thresholds),
        "counts": vars(point.kept),
        "test": {name: _rate(rate) for name, rate in point.rates.items()},
        "promised": {name: _rate(rate) for name, rate in point.promised_rates.items()},
    }


def _robustness(found: Robustness | None) -> dict[str, Any] | None:
    """AUC and accuracy under MedMNIST-C's corruptions, by corruption and severity 1 … 5; first seed."""
    if found is None:
        return None
    return {
        "images": found.images,
        "clean_auc": found.clean_auc,
        "mean_degradation": _interval(found.degradation),
        "auc": dict(zip(CORRUPTIONS, found.auc.tolist(), strict=True)),
        "accuracy": dict(zip(CORRUPTIONS, found.accuracy.tolist(), strict=True)),
    }


def _baselines(study: Study, bounds: dict[str, dict[str, dict[str, Estimate]]]) -> dict[str, Any]:
    if not study.ran:
        return {}
    return {
        baseline.name: {
            "title": baseline.title,
            "test_at_half": {
                name: _interval(bounds[baseline.name][HALF.name][name]) for name in metrics.NAMES
            },
        }
        for baseline in baselines.predictions(study)
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "first": pair.first,
        "second": pair.second,
        "auc_difference": _interval(pair.difference),
        "p_delong": pair.delong,
        "p_mcnemar_at_half": pair.mcnemar_half,
        "p_mcnemar_at_youden": pair.mcnemar_youden,
        "correction": "Holm",
    }


def _interval(interval: Estimate | None = None) -> dict[str, float | None]:
    """A mean and its 95 % interval."""
    if interval is None:
        return {"mean": None, "low": None, "high": None}
    return {
        "mean": _number(interval.value),
        "low": _number(interval.low),
        "high": _number(interval.high),
    }


def _rate(rate: Estimate) -> dict[str, float | None]:
    return {
        "value": _number(rate.value),
        "low": _number(rate.low),
        "high": _number(rate.high),
    }


def _number(value: float) -> float | None:
    """What is undefined or infinite is null, since JSON has neither."""
    return value if math.isfinite(value) else None


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
