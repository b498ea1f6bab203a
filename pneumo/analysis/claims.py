"""Each claim of the prose with the test that decides it, so that the words follow the numbers."""

from collections.abc import Callable

import numpy as np

from pneumo.analysis import (
    ablation,
    baselines,
    calibration,
    comparison,
    evidence,
    external,
    framing_claims,
    kinds,
    mistakes,
    robustness,
    sanity_checks,
    shift,
)
from pneumo.analysis.verdicts import beyond, seeds
from pneumo.record.ablation import JUDGE
from pneumo.record.answers import Claim, Verdict
from pneumo.record.kinds import PNEUMONIAS
from pneumo.statistics import clusters, influence, metrics
from pneumo.study import ensemble, operating_points, selection
from pneumo.study.study import HALF, SCREENING, YOUDEN, Study
from pneumo.study.temperature import temperature

SIGNIFICANCE = 0.05
SCREENING_RECALL = 0.98
# The loss of AUC beyond which a flip in training would no longer be called safe.
FLIP_MARGIN = 0.01
# A review of external validations calls a fall of AUC by this much modest (Yu, Mohajer & Eng 2022).
EXTERNAL_MARGIN = 0.05
# Probabilities are only said to be right where their slope and their mean error surely lie within these.
FACE_VALUE_SLOPES = (0.8, 1.25)
FACE_VALUE_ERROR = 0.05
# As the evidence names the test of two proportions, whose counts are divided by the design effects.
_CHI = "Rao and Scott's χ² test over"
# One film in twenty: what a reader of the two kinds' sensitivities would begin to act on.
KINDS_MARGIN = 0.05


def decide(study: Study) -> tuple[Claim, ...]:
    """Every claim that the study's models allow, decided; none needs more than its predictions."""
    return tuple(claim for test in _TESTS for claim in test(study))


def _imbalanced(study: Study) -> list[Claim]:
    counts = study.data.counts()["train"]
    positive, total = counts[study.about.positive], sum(counts.values())
    share = clusters.proportion(study.data.train.labels == 1, study.groups("train"))
    decided = share.low > 0.5 or share.high < 0.5
    return [
        Claim(
            "training-set-imbalanced",
            "The training set is imbalanced.",
            "supported" if decided else "inconclusive",
            f"{positive:,} of {total:,} training images {study.about.shows} "
            f"({_percent(share.value)}, Wilson's 95 % interval {_percent(share.low)} to "
            f"{_percent(share.high)}, which {'excludes' if decided else 'includes'} one half)",
        )
    ]


def _accuracy_misleads(study: Study) -> list[Claim]:
    model = selection.best(study)
    counts = model.confusion(HALF)
    missed, alarms = 1 - counts.sensitivity, 1 - counts.specificity
    test = model.run.predictions["test"]
    groups, sick = study.groups("test"), test.labels == 1
    called = test.probabilities >= metrics.HALF
    p_value = clusters.change(~called[sick], groups[sick], called[~sick], groups[~sick]).p_value
    return [
        Claim(
            "accuracy-misleads",
            "Accuracy alone misleads: the two kinds of mistake are far from equally frequent.",
            # Either direction makes accuracy a poor summary, so only the size decides.
            _verdict(p_value, abs(missed - alarms)),
            f"{model.title} at 0.5: {_percent(missed)} of {study.about.positive} cases missed, "
            f"{_percent(alarms)} of {study.about.negative} cases called {study.about.positive}, "
            f"behind one accuracy of {counts.accuracy:.3f}; {_CHI} {study.units}, {_p(p_value)}",
        )
    ]


def _transfer_helps(study: Study) -> list[Claim]:
    """ResNet18 from each pretraining against ResNet18 from random weights."""
    found = {model.name: model for model in study.ran}
    scratch = found.get("resnet18-scratch")
    claims = []
    for name in ("resnet18-imagenet", "resnet18-tiny-imagenet"):
        if scratch is None or name not in found:
            continue
        tuned = found[name]
        ours, theirs = tuned.run.predictions["test"], scratch.run.predictions["test"]
        test = clusters.delong(
            ours.labels, ours.probabilities, theirs.probabilities, study.groups("test")
        )
        low, high = test.interval()
        verdict = _verdict(test.p_value, test.difference)
        evidence = (
            f"Test AUC of {tuned.title} minus {scratch.title}: {_signed(test.difference)} "
            f"(95 % interval {_signed(low)} to {_signed(high)}), DeLong's test over {study.units}, "
            f"{_p(test.p_value)}"
        )
        if len(tuned.runs) > 1:
            # Several seeds say more than the first: the interval over cases and seeds decides.
            mean = comparison.pair(study, name, scratch.name).difference
            verdict = beyond(mean.low, mean.high)
            evidence = (
                f"Test AUC of {tuned.title} minus {scratch.title}, mean over {len(tuned.runs)} seeds: "
                f"{_signed(mean.value)} (95 % interval over cases and seeds {_signed(mean.low)} to "
                f"{_signed(mean.high)}); DeLong's test on the first seed, {_signed(test.difference)}, "
                f"{_p(test.p_value)}"
            )
        claims.append(
            Claim(
                f"{name}-beats-scratch",
                f"{tuned.title} beats ResNet18 trained from scratch.",
                verdict,
                evidence,
            )
        )
    return claims


def _beats_baselines(study: Study) -> list[Claim]:
    """The best model against the strongest of the trivial baselines, both named by validation."""
    model = selection.best(study)
    ours = model.run.predictions["test"]
    truth = model.run.predictions["val"].labels
    rival = max(baselines.predictions(study), key=lambda baseline: metrics.auc(truth, baseline.val))
    test = clusters.delong(ours.labels, ours.probabilities, rival.test, study.groups("test"))
    low, high = test.interval()
    return [
        Claim(
            "beats-trivial-baselines",
            "The best network ranks the test cases better than any trivial baseline.",
            _verdict(test.p_value, test.difference),
            f"Test AUC of {model.title} minus that of the {rival.title.lower()}: "
            f"{_signed(test.difference)} (95 % interval {_signed(low)} to {_signed(high)}), "
            f"DeLong's test over {study.units}, {_p(test.p_value)}",
        )
    ]


def _screening_recall(study: Study) -> list[Claim]:
    model = selection.best(study)
    counts = model.confusion(SCREENING)
    positives = counts.true_positive + counts.false_negative
    recall = operating_points.rates_of(study, model, SCREENING)["sensitivity"]
    verdict: Verdict = "inconclusive"
    if recall.low >= SCREENING_RECALL:
        verdict = "supported"
    elif recall.high < SCREENING_RECALL:
        verdict = "refuted"
    return [
        Claim(
            "screening-recall",
            f"Recall at the screening point is at least {SCREENING_RECALL:.2f}.",
            verdict,
            f"{model.title} at the threshold of {SCREENING.title}: {counts.true_positive} of {positives} "
            f"{study.about.positive} cases found, {counts.sensitivity:.3f} (Wilson's 95 % interval "
            f"{recall.low:.3f} to {recall.high:.3f}), with {counts.false_positive} false alarms",
        )
    ]


def _validation_keeps_its_promise(study: Study) -> list[Claim]:
    model = selection.best(study)
    promised, kept = model.confusion(YOUDEN, "val"), model.confusion(YOUDEN, "test")
    p_value = shift.rate_change(study, model.run, 0).p_value
    # The claim is that nothing is lost; a significant loss refutes it, none leaves it open.
    verdict: Verdict = "inconclusive"
    if p_value < SIGNIFICANCE:
        verdict = "supported" if kept.specificity >= promised.specificity else "refuted"
    return [
        Claim(
            "validation-predicts-specificity",
            "The threshold chosen on validation keeps its specificity on the test set.",
            verdict,
            f"{model.title}: specificity {promised.specificity:.3f} on validation, "
            f"{kept.specificity:.3f} on test; {_CHI} {study.units}, {_p(p_value)}",
        )
    ]


def _test_is_shifted(study: Study) -> list[Claim]:
    """Whether a classifier tells the normal images of development from those of the test set."""
    found = shift.two_samples(study)
    told, dealt = (
        found.get((comparison, study.about.negative)) for comparison in shift.COMPARISONS
    )
    if told is None:
        return []
    evidence = (
        f"A classifier tells {told.second:,} {study.about.negative} test images from {told.first:,} of "
        f"development with an AUC of {told.auc:.3f} (95 % interval {told.low:.3f} to {told.high:.3f}); "
        f"permutation test, {_p(told.p_value)}"
    )
    if dealt is not None:
        evidence += (
            f"; as a control, validation from training: {dealt.auc:.3f}, {_p(dealt.p_value)}"
        )
    return [
        Claim(
            "test-is-shifted",
            f"The test set's {study.about.negative} images differ from those of development.",
            # A test for difference: that there is none it cannot show.
            "supported" if told.p_value < SIGNIFICANCE else "inconclusive",
            evidence,
        )
    ]


def _threshold_mends_shift(study: Study) -> list[Claim]:
    """The promised specificity against what the best threshold would keep at the promised sensitivity."""
    model = selection.best(study)
    found = shift.loss(model.run)
    if found.total <= 0:
        return []
    promised, mended = found.promised, found.rechosen
    p_value = shift.rate_change(study, model.run, 0, shift.mending(model.run)).p_value
    return [
        Claim(
            "threshold-mends-shift",
            "A threshold chosen anew could give the promised specificity back.",
            _verdict(p_value, mended.specificity - promised.specificity),
            f"{model.title}: specificity {promised.specificity:.3f} on validation; on test "
            f"{found.kept.specificity:.3f} at the same threshold and {mended.specificity:.3f} at the one "
            f"that keeps the promised sensitivity, read off the test set; promised against re-chosen, "
            f"{_CHI} {study.units}, {_p(p_value)}",
        )
    ]


def _pretraining_is_more_robust(study: Study) -> list[Claim]:
    """ResNet18 from Tiny ImageNet against the same from random weights, under corruptions."""
    first, second = "resnet18-tiny-imagenet", "resnet18-scratch"
    found = robustness.less_degraded(study, first, second)
    if found is None:
        return []
    falls = robustness.robustness(study)
    return [
        Claim(
            "pretraining-is-more-robust",
            "Pretraining makes ResNet18 more robust to corruptions.",
            beyond(found.low, found.high),
            f"Mean relative fall of AUC: {_percent(falls[second].degradation.value)} from random weights, "
            f"{_percent(falls[first].degradation.value)} from {study.model(first).title}; difference "
            f"{100 * found.value:.1f} points (95 % interval {100 * found.low:.1f} to "
            f"{100 * found.high:.1f}), paired bootstrap over {study.units}",
        )
    ]


def _flip_is_safe(study: Study) -> list[Claim]:
    """SimpleCNN with flips against the same without: non-inferiority within a margin."""
    found = {row.name: row for row in ablation.rows(study)}
    row = found.get("simple-cnn-held-out-flips")
    if row is None:
        return []
    difference = row.difference["test"]
    verdict = beyond(difference.low, difference.high, -FLIP_MARGIN)
    return [
        Claim(
            "flip-is-safe",
            f"Flipping images in training costs less than {FLIP_MARGIN:g} of test AUC.",
            verdict,
            f"Test AUC of SimpleCNN with flips minus without, {row.seeds} "
            f"{'seed' if row.seeds == 1 else 'seeds'} each: {_signed(difference.value)} (95 % interval "
            f"{_signed(difference.low)} to {_signed(difference.high)})",
        )
    ]


def _ensemble_beats_best(study: Study) -> list[Claim]:
    """The mean of all runs against the runs of the best model, which validation named."""
    together = ensemble.combine(study)
    if together is None or len(study.ran) < 2:
        return []
    model = selection.best(study)
    labels = study.data.test.labels
    ours, theirs = (
        influence.auc(labels, np.array([run.predictions["test"].logits for run in each.runs]))
        for each in (together, model)
    )
    found = ours.apart(theirs).estimate(study.groups("test"))
    return [
        Claim(
            "ensemble-beats-best",
            "All runs together beat the best model alone.",
            beyond(found.low, found.high),
            f"Test AUC of the ensemble of {sum(len(each.runs) for each in study.ran)} runs minus the mean of "
            f"{model.title}: {_signed(found.value)} (95 % interval {_signed(found.low)} to "
            f"{_signed(found.high)})",
        )
    ]


def _held_out_foretells_test(study: Study) -> list[Claim]:
    """Whether changes that help on the images that choices are made by help on test, too."""
    changes = ablation.rows(study)
    found = ablation.agreement(changes, JUDGE)
    if found is None:
        return []
    plain = ablation.agreement(changes, "val")
    beside = f"; of validation and test {_signed(plain.rank_correlation, 2)}" if plain else ""
    return [
        Claim(
            "held-out-foretells-test",
            "What helps on the held-out training images helps on the test set.",
            beyond(found.low, found.high),
            f"Rank correlation of the differences in AUC on both, over "
            f"{sum(not row.is_baseline for row in changes)} ablations: "
            f"{_signed(found.rank_correlation, 2)} (95 % interval {_signed(found.low, 2)} to "
            f"{_signed(found.high, 2)}), {_p(found.p_value)}{beside}",
        )
    ]


def _mistakes_are_shared(study: Study) -> list[Claim]:
    if len(study.ran) < 2:
        return []
    observed = len(mistakes.missed_by_all(study))
    expected = mistakes.expected_missed_by_all(study)
    p_value = mistakes.chance_of_sharing(study)
    return [
        Claim(
            "mistakes-are-shared",
            "The models err on the same cases more often than chance would have it.",
            _verdict(p_value, observed - expected),
            f"{observed} test cases called wrongly by all {len(study.ran)} models, {expected:.1f} expected "
            f"if their mistakes were independent within a class; permutation test, {_p(p_value)}",
        )
    ]


def _calibrated_after_temperature(study: Study) -> list[Claim]:
    """A test that finds nothing is no proof: support also needs intervals that leave little room."""
    model = selection.best(study)
    readings = [calibration.reading(study, run) for run in model.runs]
    first = readings[0]
    fit = first.recalibration
    slopes, error = fit.slope, first.mean_error
    close = (
        FACE_VALUE_SLOPES[0] <= slopes.low
        and slopes.high <= FACE_VALUE_SLOPES[1]
        and max(-error.low, error.high) <= FACE_VALUE_ERROR
    )
    verdict: Verdict = "inconclusive"
    if fit.p_value < SIGNIFICANCE:
        verdict = "refuted"
    elif close:
        verdict = "supported"
    slope = "no finite slope"
    if np.isfinite(slopes.low):
        slope = f"slope {slopes.value:.2f} (95 % interval {slopes.low:.2f} to {slopes.high:.2f})"
    evidence = (
        f"{model.title}, temperature {temperature(model.run):.2f}: "
        f"{_percent(first.predicted)} {study.about.finding} expected on the test set, "
        f"{_percent(first.observed)} observed; {slope} where 1 is right; likelihood-ratio test of "
        f"calibration over {study.units}, {_p(fit.p_value)}"
    )
    if len(readings) > 1:
        rejected = sum(one.recalibration.p_value < SIGNIFICANCE for one in readings)
        evidence += f"; first seed, rejected for {rejected} of {len(readings)}"
    return [
        Claim(
            "calibrated-after-temperature",
            "After temperature scaling on validation the probabilities can be taken at face value on the "
            "test set.",
            verdict,
            evidence,
        )
    ]


def _attends_to_lungs(study: Study) -> list[Claim]:
    """The share of evidence in the lung fields against the fields' share of the image."""
    model = selection.best(study)
    if not study.about.has_lungs or not evidence.explained(model):
        return []
    found = evidence.attention(study, model)["lungs"]
    if found.blank == len(study.data.test.labels):
        return []
    return [
        Claim(
            "attends-to-lungs",
            "The model attends to the lung fields.",
            beyond(found.low - found.uniform, found.high - found.uniform),
            f"{model.title}: {_percent(found.mean)} of Grad-CAM's evidence lies in the lung fields "
            f"(95 % interval {_percent(found.low)} to {_percent(found.high)}, bootstrap over {study.units}), "
            f"which cover {_percent(found.uniform)} of the image; Wilcoxon's signed-rank test, "
            f"{_p(found.p_value)}",
        )
    ]


def _saliency_depends_on_weights(study: Study) -> list[Claim]:
    """The cascade's end: maps of a network that never learned against those of the trained one."""
    model = selection.best(study)
    if not sanity_checks.asked(study, model):
        return []
    found = sanity_checks.cascade(study, model)
    mean, low, high = found.left
    return [
        Claim(
            "saliency-depends-on-weights",
            "The heat maps depend on what the network has learned.",
            beyond(sanity_checks.ALIKE - high, sanity_checks.ALIKE - low),
            f"{model.title} with all weights drawn anew: rank correlation with the trained maps "
            f"{mean:.2f} in size (95 % interval {low:.2f} to {high:.2f}, bootstrap over {study.units}), "
            f"of {found.images} test images, where maps above {sanity_checks.ALIKE:g} would count as alike "
            f"and random ones have {found.chance:.2f}",
        )
    ]


def _external_holds(study: Study) -> list[Claim]:
    """The best model on images from elsewhere against itself on the test set, where it loses most."""
    model = selection.best(study)
    sets = {name: found.models[model.name] for name, found in external.asked(study).items()}
    if not sets:
        return []
    name = min(sets, key=lambda name: sets[name].change.value)
    here, there, change = sets[name].here.value, sets[name].auc.value, sets[name].change
    both = f"from {here:.3f} on the test set to {there:.3f} on the images of {name}"
    verdict = beyond(change.low, change.high, -EXTERNAL_MARGIN)
    finding = {
        "supported": f"AUC goes {both}, which is less than {EXTERNAL_MARGIN:g}.",
        "refuted": f"AUC falls {both}.",
        "inconclusive": f"AUC goes {both}; whether that is less than {EXTERNAL_MARGIN:g} is open.",
    }[verdict]
    return [
        Claim(
            "external-holds",
            f"What is learned here holds in another hospital: AUC falls by less than {EXTERNAL_MARGIN:g}.",
            verdict,
            f"{model.title}, {seeds(model)}: change in AUC "
            f"{_signed(change.value)} (95 % interval {_signed(change.low)} to {_signed(change.high)})",
            finding=finding,
            seeds=len(model.runs),
            margin=-EXTERNAL_MARGIN,
            estimate=change.value,
            low=change.low,
            high=change.high,
        )
    ]


def _kinds_differ(study: Study) -> list[Claim]:
    """Sensitivity for bacterial films less that for viral ones, against a margin to either side."""
    found = kinds.by_kind(study)
    if not found:
        return []
    model = selection.best(study)
    own = found[model.name]
    change = kinds.differences(own)[YOUDEN.name]
    verdict: Verdict = "inconclusive"
    if change.low > KINDS_MARGIN or change.high < -KINDS_MARGIN:
        verdict = "supported"
    elif change.low > -KINDS_MARGIN and change.high < KINDS_MARGIN:
        verdict = "refuted"
    rates = [own[kind][YOUDEN.name]["recall"].value for kind in PNEUMONIAS]
    more, less = ("bacterial", "viral") if change.value > 0 else ("viral", "bacterial")
    points = f"{100 * KINDS_MARGIN:g} percentage points"
    return [
        Claim(
            "kinds-differ",
            f"Sensitivity for bacterial and for viral films differs by more than {points}.",
            verdict,
            f"{model.title} at the threshold of {YOUDEN.title}: {_percent(rates[0])} of bacterial films "
            f"found, {_percent(rates[1])} of viral ones, means over {seeds(model)}; "
            f"difference {_signed(100 * change.value, 1)} "
            f"points (95 % interval by patient {_signed(100 * change.low, 1)} to "
            f"{_signed(100 * change.high, 1)})",
            finding={
                "supported": f"More {more} than {less} films are found, by more than {points}.",
                "refuted": f"Bacterial and viral films are found about equally often, within {points}.",
                "inconclusive": f"Whether bacterial and viral films are found equally often within {points} "
                "is open.",
            }[verdict],
            seeds=len(model.runs),
            margin=KINDS_MARGIN,
            estimate=change.value,
            low=change.low,
            high=change.high,
        )
    ]


_TESTS: tuple[Callable[[Study], list[Claim]], ...] = (
    _imbalanced,
    _accuracy_misleads,
    _transfer_helps,
    _beats_baselines,
    _screening_recall,
    _validation_keeps_its_promise,
    _test_is_shifted,
    _threshold_mends_shift,
    framing_claims.decide,
    _pretraining_is_more_robust,
    _flip_is_safe,
    _ensemble_beats_best,
    _held_out_foretells_test,
    _mistakes_are_shared,
    _calibrated_after_temperature,
    _attends_to_lungs,
    _saliency_depends_on_weights,
    _external_holds,
    _kinds_differ,
)


def _verdict(p_value: float, effect: float) -> Verdict:
    """Beyond chance and in the claimed direction, beyond chance against it, or neither."""
    if p_value >= SIGNIFICANCE or effect == 0:
        return "inconclusive"
    return "supported" if effect > 0 else "refuted"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _signed(value: float, digits: int = 3) -> str:
    """A difference with its sign; none where it rounds to nothing."""
    text = f"{value:+.{digits}f}"
    return text if text.strip("+-0.") else f"{0:.{digits}f}"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
