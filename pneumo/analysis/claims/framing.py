"""The claims about framing: whether the networks use it, and whether it explains the fall of specificity."""

from dataclasses import replace

import numpy as np

from pneumo.analysis import framing
from pneumo.analysis.verdicts import TOLD_APART, Held, decided, hold_values, over, weakest
from pneumo.record import Estimate
from pneumo.record.answers import Claim
from pneumo.statistics import adjusted_roc
from pneumo.study import selection
from pneumo.study.study import Model, Study

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
    cropped = framing.slopes(study).get(model.name, {}).get(about.negative)
    count = 1 if cropped is None else 2
    seen = hold_values(wide, TOLD_APART, count)
    seen = replace(seen, found=framing.cut(seen.found))
    told = (
        f"the score tells the wider half of the {about.negative} test films from the narrower with an AUC of "
        f"{_told(seen)}"
    )
    held = seen
    if cropped is not None:
        moved = hold_values(cropped, SLOPE, count)
        held = weakest([seen, moved])
        told += (
            f"; the same films cropped 10 % tighter move the logit by {_told(moved)}; intervals for "
            "both at once"
        )
    else:
        told += "; no larger images were at hand to crop the films"
        # Half of what is asked can refute, and cannot support.
        if held.verdict == "supported":
            held = Held(Estimate(np.nan), SLOPE, 1.0)
    return decided(
        "uses-framing",
        "The networks use framing beyond what disease explains.",
        held,
        {
            "supported": f"{model.title} uses framing: the same film cropped tighter gets a higher score of "
            f"{about.positive}.",
            "refuted": f"{model.title} hardly uses framing.",
            "inconclusive": f"Whether {model.title} uses framing stays open.",
        },
        f"{model.title}, {over(model)}: {told}",
        [model],
    )


def _explains_fall(study: Study, model: Model) -> Claim:
    explained, lost, _ = framing.fall(study, model)
    found = framing.falls(study)[model.name]
    share = found.explained
    held = Held(share, MOST, adjusted_roc.p_value(explained - MOST * lost, 0.0))
    told = (
        f"95 % interval {100 * share.low:.0f} % to {100 * share.high:.0f} %"
        if np.isfinite(share.low)
        else "no finite interval, since there may be no fall at all"
    )
    return decided(
        "framing-explains-fall",
        "Framing explains most of the fall in specificity.",
        held,
        {
            "supported": f"Most of the fall in specificity goes with framing: {100 * share.value:.0f} %.",
            "refuted": "Most of the fall in specificity does not go with framing; "
            f"{100 * share.value:.0f} % does.",
            "inconclusive": "How much of the fall in specificity goes with framing stays open.",
        },
        f"{model.title}, {over(model)}: specificity {found.promised:.3f} on validation, {found.kept:.3f} on "
        f"test, {found.standardised:.3f} on test weighted to the ratios of validation; of the fall "
        f"{100 * share.value:.0f} % ({told})",
        [model],
    )


def _told(held: Held) -> str:
    found = held.found
    return f"{found.value:.3f} ({found.low:.3f} to {found.high:.3f}, margin {held.margin:g})"
