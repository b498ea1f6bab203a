"""Claims about how the networks judge: their probabilities, the framing of films, and their heat maps."""

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis import evidence, framing, sanity_checks
from pneumo.analysis.verdicts import (
    RATE_MARGIN,
    SMALL_EFFECT,
    Held,
    decided,
    hold,
    hold_interval,
    hold_values,
    inside,
    over,
    percent,
    weakest,
)
from pneumo.record import Estimate
from pneumo.record.answers import Claim
from pneumo.statistics import adjusted_roc, influence, metrics
from pneumo.study import selection
from pneumo.study.study import Study
from pneumo.study.temperature import logits_of, temperature

# The slope, or its reciprocal above 1: beyond it the log odds are off by a fifth.
STRETCH = 0.8
# Logits per 10 %: the odds of pneumonia rise by a tenth.
TIGHTER = 0.095
MOST = 0.5  # of the fall: more than half is "most"


def calibrated(study: Study) -> Claim | None:
    """Both the mean probability and the slope have to lie near what is right."""
    model, about, groups = selection.best(study), study.about, study.groups("test")
    labels = model.run.predictions["test"].labels
    logits = np.array([logits_of(run) for run in model.runs])
    probabilities = metrics.probabilities(logits)
    error = influence.ratio(probabilities - labels, np.ones_like(logits), labels)
    slope = influence.slope(labels, logits)
    on_average, stretch = _on_average(error, groups), _stretch(slope, groups)
    held = weakest([on_average, stretch]) if stretch else on_average
    if not stretch and held.verdict == "supported":
        held = Held(Estimate(np.nan), STRETCH, 1.0)  # the mean error alone can only refute
    spread = stretch.found if stretch else None
    expected, observed = float(probabilities.mean()), float(labels.mean())
    parts = (
        f"mean error {-100 * on_average.found.value:.1f} points (95 % interval up to "
        f"{-100 * on_average.found.low:.1f}; {100 * RATE_MARGIN:g} allowed), "
        + (
            f"slope or its reciprocal {spread.value:.2f} ({spread.low:.2f} to {spread.high:.2f}; at least "
            f"{STRETCH:g} asked)"
            if spread
            else "no finite slope"
        )
    )
    chosen = float(np.mean([temperature(run) for run in model.runs]))
    return decided(
        "calibrated-after-temperature",
        "After temperature scaling on validation the probabilities can be taken at face value on the test "
        f"set: right within {100 * RATE_MARGIN:g} points on average, and a slope of at least {STRETCH:g}",
        held,
        "Scaled probabilities are right on the test set",
        "Scaled probabilities cannot be taken at face value on the test set",
        "It remains unclear whether scaled probabilities are right on the test set",
        f"{model.title}, {over(model)}, temperature {chosen:.2f}: {parts}; intervals for both at once",
        model,
        facts=f"{percent(expected)} {about.finding} expected, {percent(observed)} observed",
    )


def _on_average(error: influence.Measured, groups: NDArray[np.int64]) -> Held:
    """The size of the mean error, counted as a loss."""
    held = hold(error if error.value < 0 else -error, groups, -RATE_MARGIN, parts=2)
    found = held.found
    sized = Estimate(found.value, min(found.low, -found.high), min(0.0, found.high))
    return Held(sized, held.margin, held.p)


def _stretch(slope: influence.Measured, groups: NDArray[np.int64]) -> Held | None:
    """The slope, or its reciprocal where that is smaller; None without one."""
    if np.isnan(slope.value):
        return None
    if not slope.value > 1:
        return hold(slope, groups, STRETCH, parts=2)
    held = hold(slope, groups, 1 / STRETCH, parts=2)
    found = held.found
    low = 1 / found.high
    turned = Estimate(1 / found.value, low, 1 / found.low if found.low > 0 else np.inf)
    return Held(turned, STRETCH, held.p)


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
        parts[name].append(hold_values(own, TIGHTER, count))
    held = weakest(part for own in parts.values() for part in own)
    if len(cropped) < len(study.ran) and held.verdict == "supported":
        # Half of what is asked can refute, and not support.
        held = Held(Estimate(np.nan), TIGHTER, 1.0)
    least = min(study.ran, key=lambda model: weakest(parts[model.name]).distance)
    each = "; ".join(
        f"{model.title} {seen.found.value:.3f}"
        + "".join(f" and {one.found.value:+.2f}" for one in moved)
        for model in study.ran
        for seen, *moved in [parts[model.name]]
    )
    crops = (
        f", and the change of the logit when the same films are cropped 10 % tighter (margin {TIGHTER:g})"
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
    found, explained, lost = framing.falls(study)[model.name]
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


def attends_to_lungs(study: Study) -> Claim | None:
    """The share of the thorax's evidence in the lung fields, by model and call, against an even map's.

    Any map lies mostly in the thorax, where the chest is, so only what lies there is counted.
    """
    models = study.ran
    if not study.about.has_lungs:
        return None
    shares = {model.name: evidence.in_lungs(study, model) for model in models}
    count = sum(map(len, shares.values()))
    if not count:
        return None
    even, groups = evidence.even_share(study), study.groups("test")
    parts = {
        (model.title, call): hold(measured, groups, even, count)
        for model in models
        for call, measured in shares[model.name].items()
    }
    held = weakest(parts.values())
    below = sum(part.found.high < even for part in parts.values())
    (title, call), lowest = min(parts.items(), key=lambda item: item[1].found.value)
    least = f"{title} has {percent(lowest.found.value)} in calls of {call}"
    fields = f"The lung fields, {percent(even)} of the thorax, hold"
    each = "; ".join(
        f"{model.title}: "
        + ", ".join(f"{call} {percent(one.value)}" for call, one in shares[model.name].items())
        for model in models
    )
    return decided(
        "attends-to-lungs",
        "The models attend to the lung fields: within the thorax, these hold more of the evidence than "
        "an even map would put there, for each model and each call",
        held,
        f"In every model {inside(fields)} more than that share of its evidence",
        f"{fields} less than that share of its evidence in {below} of {count} comparisons; {least}",
        f"It remains unclear whether {inside(fields)} more than that share of its evidence; {least}",
        f"Share of Grad-CAM's evidence in the thorax that lies in the lung fields, "
        f"{over(models[0])}, by call: {each}; an even map has {percent(even)}. What decides is "
        f"the comparison furthest below, in standard errors: {percent(held.found.value)} (95 % "
        f"interval for all {count} at once {percent(held.found.low)} to {percent(held.found.high)})",
        *models,
    )


def depends_on_weights(study: Study) -> Claim:
    """The cascade's end: maps of a network that never learned against those of the trained one."""
    model = selection.best(study)
    found = sanity_checks.checks(study)
    mean, low, high = vars(found.left[model.name]).values()
    held = hold_interval(Estimate(1 - mean, 1 - high, 1 - low), 1 - sanity_checks.ALIKE)
    depend = "depend on what the network has learned"
    return decided(
        "saliency-depends-on-weights",
        f"The heat maps {depend}: with all weights drawn anew they are "
        f"unlike, by more than {1 - sanity_checks.ALIKE:g} on the scale of 1 less rank correlation",
        held,
        f"The heat maps {depend}",
        f"The heat maps hardly {depend}",
        f"It remains unclear whether the heat maps {depend}",
        f"{model.title}, one network alone, all weights drawn anew: size of the rank "
        f"correlation with the trained maps {mean:.2f} (95 % interval {low:.2f} to {high:.2f}, "
        f"over {study.units}), of {found.cascade_images} test images; random maps have "
        f"{found.chance[model.name]:.2f}",
        model,
        facts=f"with random weights they correlate with the trained ones at {mean:.2f}",
        seeds=1,
    )
