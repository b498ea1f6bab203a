"""The claims about framing: whether the networks use it, and whether it explains the fall of specificity."""

import numpy as np

from pneumo.analysis import framing
from pneumo.analysis.verdicts import beyond, seeds
from pneumo.record import Estimate
from pneumo.record.answers import Claim, Verdict
from pneumo.statistics import adjusted_roc
from pneumo.statistics.adjusted_roc import over_cases_and_seeds
from pneumo.study import selection
from pneumo.study.study import Model, Study

# A score tells the wider half of normal films from the narrower with this AUC where the
# halves lie 0.2 standard deviations apart, the least effect that is called small (Cohen 1988).
TOLD_WIDE = 0.556
# Logits per 10 %: the odds of pneumonia rise by a tenth.
SLOPE = 0.095
MOST = 0.5  # of the fall: more than half is "most"


def decide(study: Study) -> list[Claim]:
    """Whether the networks use framing, and whether it explains the fall; none where it is not known."""
    if framing.films(study) is None or not study.ran:
        return []
    model = selection.best(study)
    return [_uses_framing(study, model), _explains_fall(study, model)]


def _uses_framing(study: Study, model: Model) -> Claim:
    """Both have to lie beyond their margins: what is seen in films as they are, and what cropping does."""
    about, wide = study.about, framing.told_wide(study)[model.name]
    seen = framing.cut(over_cases_and_seeds(wide))
    told = (
        f"the score of {model.title} tells the wider half of the {about.negative} test films from the "
        f"narrower with an AUC of {_told(seen)}, margin {TOLD_WIDE:g}"
    )
    cropped = framing.slopes(study).get(model.name, {}).get(about.negative)
    parts = [(seen, wide, TOLD_WIDE)]
    if cropped is not None:
        moved = over_cases_and_seeds(cropped)
        parts.append((moved, cropped, SLOPE))
        told += f"; the same films cropped 10 % tighter move its logit by {_told(moved)}, margin {SLOPE:g}"
    verdicts = [beyond(found.low, found.high, margin) for found, _, margin in parts]
    verdict: Verdict = "inconclusive"
    if "refuted" in verdicts:
        verdict = "refuted"
    elif verdicts == ["supported", "supported"]:
        verdict = "supported"
    # The part that decides: the one that lies least far beyond its margin, in standard errors.
    found, values, margin = min(
        parts, key=lambda one: (one[0].value - one[2]) / (one[0].high - one[0].value + 1e-12)
    )
    findings = {
        "supported": f"{model.title} uses framing: the same film cropped tighter gets a higher score of "
        f"{about.positive}.",
        "refuted": f"{model.title} hardly uses framing.",
        "inconclusive": f"Whether {model.title} uses framing stays open.",
    }
    return Claim(
        "uses-framing",
        "The networks use framing beyond what disease explains.",
        verdict,
        f"{told[0].upper()}{told[1:]} (means over {seeds(model)}, 95 % intervals by patient)"
        + ("" if cropped is not None else "; no larger images were at hand to crop the films"),
        finding=findings[verdict],
        seeds=len(model.runs),
        margin=margin,
        estimate=found.value,
        low=found.low,
        high=found.high,
        p=adjusted_roc.p_value(values, margin),
        runs=[run.label for run in model.runs],
    )


def _explains_fall(study: Study, model: Model) -> Claim:
    explained, lost, _ = framing.fall(study, model)
    found = framing.falls(study)[model.name]
    verdict = beyond(found.explained.low, found.explained.high, MOST)
    share = found.explained
    findings = {
        "supported": "Most of the fall in specificity goes with framing.",
        "refuted": "Most of the fall in specificity does not go with framing.",
        "inconclusive": "How much of the fall in specificity goes with framing stays open.",
    }
    ends = (
        f"95 % interval {100 * share.low:.0f} % to {100 * share.high:.0f} %, by patient and seed"
        if np.isfinite(share.low)
        else "no finite interval, since there may be no fall at all"
    )
    return Claim(
        "framing-explains-fall",
        "Framing explains most of the fall in specificity.",
        verdict,
        f"{model.title}, mean over {seeds(model)}: specificity {found.promised:.3f} on validation, "
        f"{found.kept:.3f} on test, {found.standardised:.3f} on test weighted to the ratios of validation: "
        f"{100 * share.value:.0f} % of the fall ({ends}); margin {100 * MOST:.0f} %",
        finding=findings[verdict],
        seeds=len(model.runs),
        margin=MOST,
        estimate=share.value,
        low=share.low,
        high=share.high,
        p=adjusted_roc.p_value(explained - MOST * lost, 0.0),
        runs=[run.label for run in model.runs],
    )


def _told(found: Estimate) -> str:
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f})"
