"""Claims about what changes from validation to test, to another hospital, and on corrupted images."""

from pneumo.analysis import external, intervals, robustness, shift
from pneumo.analysis.verdicts import (
    AUC_MARGIN,
    RATE_MARGIN,
    SMALL_EFFECT,
    decided,
    ends,
    hold,
    hold_interval,
    hold_values,
    in_points,
    inside,
    over,
    percent,
    points,
    signed,
)
from pneumo.record import Estimate
from pneumo.record.answers import Claim
from pneumo.study import selection
from pneumo.study.study import YOUDEN, Study

# A review of external validations calls a fall of AUC by this much modest (Yu, Mohajer & Eng 2022).
EXTERNAL_MARGIN = 0.05


def specificity_is_kept(study: Study) -> Claim | None:
    """Specificity on test less on validation: non-inferiority within a margin."""
    model = selection.best(study)
    test, promised = (
        intervals.measured(model, YOUDEN, split)["specificity"] for split in ("test", "val")
    )
    held = hold(test.less(promised), study.groups("test", "val"), -RATE_MARGIN)
    specificity = "Specificity at the threshold of Youden's J"
    return decided(
        "validation-predicts-specificity",
        "The threshold chosen on validation keeps its specificity on the test set, within "
        f"{in_points(RATE_MARGIN)}",
        held,
        f"{specificity} holds",
        f"{specificity} does not hold",
        f"It remains unclear whether {inside(specificity)} holds",
        f"{model.title} at Youden's threshold, {over(model)}: specificity changes by {points(held.found)}",
        model,
        facts=f"{promised.value:.2f} on validation, {test.value:.2f} on test",
    )


def test_is_shifted(study: Study) -> Claim | None:
    """Whether a classifier tells the normal images of development from those of the test set."""
    negative = study.about.negative
    shifted, dealt = (found.get(negative) for found in shift.two_samples(study).values())
    if shifted is None:
        return None
    held = hold_interval(Estimate(shifted.auc, shifted.low, shifted.high), SMALL_EFFECT)
    control = ""
    if dealt is not None:
        control = (
            f"; as a control, validation from training: {dealt.auc:.3f} "
            f"({dealt.low:.3f} to {dealt.high:.3f})"
        )
    differ = f"The test set's {negative} images differ from those of development"
    return decided(
        "test-is-shifted",
        f"{differ}: a classifier tells them apart with an AUC above {SMALL_EFFECT:g}",
        held,
        f"{differ}: a simple classifier tells them apart with an AUC of {shifted.auc:.2f}",
        f"A simple classifier hardly tells the test set's {negative} images from those of development",
        f"It remains unclear whether {inside(differ)}",
        f"AUC of a linear classifier between {shifted.second:,} {negative} test images "
        f"and {shifted.first:,} of development, cross-validated: {ends(held.found, sign=False)}{control}",
    )


def threshold_mends_shift(study: Study) -> Claim | None:
    """The promised specificity against what the best threshold would keep at the promised sensitivity."""
    model = selection.best(study)
    lost, mended = shift.mending_over_seeds(study, model)
    fall = float(lost[:, 0].mean())
    if fall <= 0:
        return None
    held = hold_values(mended, -RATE_MARGIN)
    of = f"of {100 * fall:.1f} points lost, {-100 * held.found.value:.1f} would stay lost"
    back = "give the promised specificity back"
    return decided(
        "threshold-mends-shift",
        f"A threshold chosen anew could {back}, within {in_points(RATE_MARGIN)}",
        held,
        f"Another threshold would {back}",
        f"Another threshold would not {back}: {of}",
        f"It remains unclear whether another threshold would {back}: {of}",
        f"{model.title}, {over(model)}: specificity on test at the promised sensitivity, with thresholds "
        f"read off the test set, minus that promised on validation: {points(held.found)}",
        model,
    )


def external_holds(study: Study) -> Claim | None:
    """The best model on images from elsewhere against itself on the test set, where it loses most."""
    model = selection.best(study)
    sets = external.asked(study).values()
    if not sets:
        return None
    furthest = min(sets, key=lambda one: one.models[model.name].change.value)
    found = furthest.models[model.name]
    held = hold_interval(found.change, -EXTERNAL_MARGIN)
    both = (
        f"from {found.here.value:.3f} on the test set to {found.auc.value:.3f} on images of "
        f"{furthest.title}"
    )
    return decided(
        "external-holds",
        f"What is learned here holds in another hospital: AUC falls by less than {EXTERNAL_MARGIN:g}",
        held,
        f"AUC goes {both}, a fall of less than {EXTERNAL_MARGIN:g}",
        f"AUC falls {both}",
        f"AUC goes {both}; it remains unclear whether it falls by {EXTERNAL_MARGIN:g}",
        f"{model.title}, {over(model)}: change in AUC {ends(held.found)}",
        model,
    )


def pretraining_is_more_robust(study: Study) -> Claim | None:
    """ResNet18 from Tiny ImageNet against the same from random weights, under corruptions."""
    first, second = "resnet18-tiny-imagenet", "resnet18-scratch"
    falls = robustness.robustness(study)
    if not {first, second} <= falls.keys():
        return None
    less = falls[second].fall.apart(falls[first].fall)
    held = hold(less, falls[first].patients, AUC_MARGIN)
    tuned, scratch = study.model(first), study.model(second)
    change = f"{signed(100 * less.value, 1)} points"
    return decided(
        "pretraining-is-more-robust",
        "Pretraining makes ResNet18 more robust: corruptions cost it less AUC, by more than "
        f"{in_points(AUC_MARGIN)}",
        held,
        f"With pretraining, corruptions cost ResNet18 less AUC: {change}",
        f"Pretraining does not make ResNet18 more robust: the fall of AUC differs by {change}",
        "It remains unclear whether pretraining makes ResNet18 more robust: the fall of AUC differs by "
        f"{change}",
        f"Relative fall of AUC, {over(tuned)}: {percent(falls[second].fall.value)} from random weights, "
        f"{percent(falls[first].fall.value)} from {tuned.title}; difference {points(held.found)}",
        tuned,
        scratch,
    )
