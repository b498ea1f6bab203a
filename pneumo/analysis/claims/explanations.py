"""Claims about heat maps: where the evidence lies, and whether it depends on what was learned."""

from pneumo.analysis import evidence, sanity_checks
from pneumo.analysis.verdicts import decided, hold, hold_interval, inside, over, percent, weakest
from pneumo.record import Estimate
from pneumo.record.answers import Claim
from pneumo.study import selection
from pneumo.study.study import Study


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
    found = sanity_checks.cascade(study, model)
    mean, low, high = found.left.value, found.left.low, found.left.high
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
        f"over {study.units}), of {found.images} test images; random maps have {found.chance:.2f}",
        model,
        facts=f"with random weights they correlate with the trained ones at {mean:.2f}",
        seeds=1,
    )
