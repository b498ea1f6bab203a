"""The claims about framing: whether the networks use it, and whether it explains the fall of specificity."""

import numpy as np

from pneumo.analysis import framing
from pneumo.analysis.verdicts import SMALL_EFFECT, Held, decided, hold_values, over, weakest
from pneumo.record import Estimate
from pneumo.record.answers import Claim
from pneumo.statistics import adjusted_roc
from pneumo.study import selection
from pneumo.study.study import Study

# Logits per 10 %: the odds of pneumonia rise by a tenth.
SLOPE = 0.095
MOST = 0.5  # of the fall: more than half is "most"


def uses_framing(study: Study) -> Claim | None:
    """Of every network both lie beyond their margins: what films as they are show, and what cropping does."""
    if not framing.films(study):
        return None
    about, slopes = study.about, framing.slopes(study)
    cropped = {name: own[about.negative] for name, own in slopes.items() if about.negative in own}
    count = len(study.ran) + len(cropped)
    parts = {
        name: [hold_values(own, SMALL_EFFECT, count)]
        for name, own in framing.told_wide(study).items()
    }
    for name, own in cropped.items():
        parts[name].append(hold_values(own, SLOPE, count))
    held = weakest(part for own in parts.values() for part in own)
    if len(cropped) < len(study.ran) and held.verdict == "supported":
        # Half of what is asked can refute, and not support.
        held = Held(Estimate(np.nan), SLOPE, 1.0)
    least = min(study.ran, key=lambda model: weakest(parts[model.name]).distance)
    each = "; ".join(
        f"{model.title} {seen.found.value:.3f}"
        + "".join(f" and {one.found.value:+.2f}" for one in moved)
        for model in study.ran
        for seen, *moved in [parts[model.name]]
    )
    crops = (
        f", and the change of the logit when the same films are cropped 10 % tighter (margin {SLOPE:g})"
        if cropped
        else "; no larger images were at hand to crop the films"
    )
    found = held.found
    decides = (
        f"; what decides is {found.value:.3f} ({found.low:.3f} to {found.high:.3f}, for all {count} at once)"
        if found.known
        else ""
    )
    return decided(
        "uses-framing",
        "The networks use framing beyond what disease explains: what their scores tell of a film's shape and "
        "what cropping does to them, for every network",
        held,
        f"Every network uses framing: the same film cropped tighter gets a higher score of {about.positive}",
        f"Not every network uses framing: {least.title} hardly does",
        f"It remains unclear whether every network uses framing; {least.title} does least",
        f"AUC by which scores tell the wider half of the {about.negative} test films from the narrower "
        f"(margin {SMALL_EFFECT:g}){crops}, {over(study.ran[0])}: {each}{decides}",
        *study.ran,
    )


def explains_fall(study: Study) -> Claim | None:
    """How much of the fall in specificity goes with framing."""
    if not framing.films(study):
        return None
    model = selection.best(study)
    explained, lost, _ = framing.fall(study, model)
    found = framing.falls(study)[model.name]
    share = found.explained
    held = Held(share, MOST, adjusted_roc.p_value(explained - MOST * lost, 0.0))
    interval = (
        f"95 % interval {100 * share.low:.0f} % to {100 * share.high:.0f} %"
        if np.isfinite(share.low)
        else "no finite interval, since there may be no fall at all"
    )
    return decided(
        "framing-explains-fall",
        "Framing explains most of the fall in specificity",
        held,
        f"Most of the fall in specificity goes with framing: {100 * share.value:.0f} %",
        f"Most of the fall in specificity does not go with framing; {100 * share.value:.0f} % does",
        "It remains unclear how much of the fall in specificity goes with framing",
        f"{model.title}, {over(model)}: specificity {found.promised:.3f} on validation, "
        f"{found.kept:.3f} on test, {found.standardised:.3f} on test weighted to the ratios of "
        f"validation; of the fall {100 * share.value:.0f} % ({interval})",
        model,
    )
