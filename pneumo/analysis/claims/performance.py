"""Claims about what the models reach on the test set, against one another and against simpler means."""

from functools import reduce

import numpy as np

from pneumo.analysis import ablation, baselines, intervals, mistakes, origins
from pneumo.analysis.verdicts import (
    AUC_MARGIN,
    RATE_MARGIN,
    decided,
    ends,
    hold,
    hold_interval,
    hold_share,
    hold_size,
    in_points,
    in_seeds,
    inside,
    over,
    percent,
    points,
    signed,
)
from pneumo.record.ablation import JUDGE
from pneumo.record.answers import Claim
from pneumo.statistics.influence import Measured
from pneumo.study import ensemble, selection
from pneumo.study.study import HALF, SCREENING, YOUDEN, Model, Study, run_labels

RULE_OUT_RECALL = 0.98  # what the rule promises on validation, less a film in a hundred
# A correlation that is called medium (Cohen 1988).
RANK_MARGIN = 0.3
# Of the test cases: beyond those that independent mistakes would share.
SHARED_MARGIN = 0.01


def accuracy_misleads(study: Study) -> Claim | None:
    """Either direction makes accuracy a poor summary, so only the size of the difference decides."""
    model, about = selection.best(study), study.about
    found = intervals.measured(model, HALF)
    recall, specificity = found["recall"], found["specificity"]
    held = hold_size(recall - specificity, study.groups("test"), RATE_MARGIN)
    return decided(
        "accuracy-misleads",
        f"Accuracy alone misleads: the two kinds of mistake differ by more than {in_points(RATE_MARGIN)}",
        held,
        "One accuracy hides two error rates",
        "Both kinds of mistake are about equally frequent",
        "It remains unclear how far the two kinds of mistake differ",
        f"{model.title}, {over(model)}, accuracy {found['accuracy'].value:.3f}: the two rates differ by "
        f"{points(held.found)}",
        model,
        facts=f"at a threshold of 0.5, {percent(1 - recall.value)} of {about.positive} cases are missed, "
        f"{percent(1 - specificity.value)} of {about.negative} cases are called {about.positive}",
    )


def pretraining_helps(study: Study, name: str) -> Claim | None:
    """ResNet18 from one pretraining against ResNet18 from random weights."""
    found = {model.name: model for model in study.ran}
    scratch, tuned = found.get("resnet18-scratch"), found.get(name)
    if scratch is None or tuned is None:
        return None
    return _beats(
        study,
        f"{name}-beats-scratch",
        f"{tuned.title} beats ResNet18 trained from scratch",
        (tuned, scratch),
        "ResNet18 from random weights",
        f"Test AUC of {tuned.title} minus {scratch.title}, {over(tuned)} each",
    )


def beats_baselines(study: Study) -> Claim | None:
    """The best model against the strongest of the trivial baselines, both named by validation."""
    model = selection.best(study)
    rival = max(baselines.models(study), key=lambda one: one.mean(HALF, "val")["auc"])
    title = f"the {inside(rival.title)}"
    return _beats(
        study,
        "beats-trivial-baselines",
        "The best network beats every trivial baseline",
        (model, rival),
        title,
        f"Test AUC of {model.title}, {over(model)}, minus that of {title}",
    )


def ensemble_beats_each(study: Study) -> Claim | None:
    """The mean of all runs against the runs of each model; the one it beats by least decides."""
    together = ensemble.combine(study)
    if together is None or len(study.ran) < 2:
        return None
    groups, ours = study.groups("test"), intervals.area(together)
    parts = {
        model.title: hold(ours.apart(intervals.area(model)), groups, AUC_MARGIN, len(study.ran))
        for model in study.ran
    }
    rival, held = min(parts.items(), key=lambda part: part[1].distance)
    change = signed(held.found.value)
    each = "; ".join(f"{title} {ends(part.found)}" for title, part in parts.items())
    return decided(
        "ensemble-beats-best",
        f"All runs together beat every single model by more than {AUC_MARGIN:g} of AUC",
        held,
        f"The ensemble beats every model, {rival} by {change}",
        f"The ensemble does not beat {rival}: AUC differs by {change}",
        f"It remains unclear whether the ensemble beats {rival} by {AUC_MARGIN:g}: AUC differs by {change}",
        f"Test AUC of the ensemble of {len(run_labels(study.ran))} runs minus the mean of each model, "
        f"intervals for all of them at once: {each}",
        *study.ran,
    )


def rule_out_recall(study: Study) -> Claim | None:
    """Sensitivity at the rule-out point, with its cost in specificity."""
    model = selection.best(study)
    kept, promised = (intervals.measured(model, SCREENING, split) for split in ("test", "val"))
    held = hold_share(kept["recall"], study.groups("test"), RULE_OUT_RECALL)
    cost = (
        f"with a specificity of {percent(kept['specificity'].value)} "
        f"({percent(promised['specificity'].value)} on validation)"
    )
    found = f"Sensitivity at the rule-out point is {percent(held.found.value)}"
    positive = study.data.test.labels == 1
    missed = " ".join(map(str, (~model.calls(SCREENING))[:, positive].sum(axis=1)))
    return decided(
        "screening-recall",
        f"Sensitivity at the rule-out point is above {RULE_OUT_RECALL:.2f}",
        held,
        f"{found}, {cost}",
        f"{found}, below {RULE_OUT_RECALL:.2f}, {cost}",
        f"{found}, which may lie on either side of {RULE_OUT_RECALL:.2f}, {cost}",
        f"{model.title} at the threshold of {SCREENING.title}, {over(model)}: "
        f"{ends(held.found, sign=False)}; of {positive.sum()} {study.about.positive} cases missed, by "
        f"seed: {missed}",
        model,
    )


def flip_is_safe(study: Study) -> Claim | None:
    """SimpleCNN with flips against the same without: non-inferiority within a margin."""
    row = next((r for r in ablation.rows(study) if r.name == "simple-cnn-held-out-flips"), None)
    if row is None:
        return None
    held = hold_interval(row.difference["test"], -AUC_MARGIN)
    change = signed(held.found.value)
    return decided(
        "flip-is-safe",
        f"Flipping images in training costs less than {AUC_MARGIN:g} of test AUC",
        held,
        f"Mirrored training images cost next to nothing: AUC changes by {change}",
        f"Mirrored training images cost AUC: it changes by {change}",
        f"It remains unclear whether mirrored training images cost {AUC_MARGIN:g} of AUC or more: AUC "
        f"changes by {change}",
        f"Test AUC of SimpleCNN with flips minus without, {in_seeds(row.seeds)} each: {ends(held.found)}",
        study.model(row.name),
    )


def held_out_foretells_test(study: Study) -> Claim | None:
    """Whether changes that help on the images that choices are made by help on test, too."""
    changes = ablation.rows(study)
    found = ablation.agreement(changes, JUDGE)
    if found is None:
        return None
    count, seeds = sum(not row.is_baseline for row in changes), min(row.seeds for row in changes)
    held = ablation.hold_agreement(found, count, RANK_MARGIN)
    plain = ablation.agreement(changes, "val")
    beside = f"; of validation and test {signed(plain.rank_correlation, 2)}" if plain else ""
    return decided(
        "held-out-foretells-test",
        "What helps on the held-out training images helps on the test set: rank correlation above "
        f"{RANK_MARGIN:g}",
        held,
        "Changes of a recipe that help on held-out images tend to help on test",
        "Whether a change of a recipe helps on held-out images says little of test",
        "It remains unclear whether changes of a recipe that help on held-out images help on test",
        f"Rank correlation of the differences in AUC on both, over {count} ablations of {seeds} or more "
        f"seeds: {ends(held.found, 2)}{beside}",
        facts=f"rank correlation {signed(found.rank_correlation, 2)}",
        seeds=seeds,
    )


def mistakes_are_shared(study: Study) -> Claim | None:
    """How many more cases all models miss than they would if their mistakes were independent in a class."""
    if len(study.ran) < 2:
        return None
    excess, shared, expected = _shared(study)
    p_value = mistakes.chance_of_sharing(study)
    held = hold(excess, study.groups("test"), SHARED_MARGIN)
    return decided(
        "mistakes-are-shared",
        "The models share mistakes: beyond chance, they all err on more than "
        f"{percent(SHARED_MARGIN)} of the cases",
        held,
        "The models err on the same cases",
        "The models hardly share mistakes beyond chance",
        "It remains unclear whether the models share mistakes",
        "Share of the test cases that all models call wrongly, minus that of independent mistakes "
        f"within a class, mean over {in_seeds(len(excess.values[0]))}: {points(held.found)}; "
        f"permutation test on the first seeds, p {'< 0.001' if p_value < 0.001 else f'= {p_value:.3f}'}",
        *study.ran,
        facts=f"{shared:.1f} test cases are called wrongly by all {len(study.ran)} models, {expected:.1f} "
        "expected by chance",
    )


def kinds_differ(study: Study) -> Claim | None:
    """Sensitivity for bacterial films against that for viral ones, to either side."""
    if not origins.kinds_known(study):
        return None
    model = selection.best(study)
    bacteria, virus = origins.sensitivities(study, model, YOUDEN)
    held = hold_size(bacteria - virus, study.groups("test"), RATE_MARGIN)
    more, less = ("bacterial", "viral")[:: 1 if bacteria.value > virus.value else -1]
    return decided(
        "kinds-differ",
        f"Sensitivity for bacterial and for viral films differs by more than {in_points(RATE_MARGIN)}",
        held,
        f"More {more} than {less} films are found",
        f"Bacterial and viral films are found about equally often, within {in_points(RATE_MARGIN)}",
        "It remains unclear whether bacterial and viral films are found equally often",
        f"{model.title} at the threshold of {YOUDEN.title}, {over(model)}: the two rates differ by "
        f"{points(held.found)}",
        model,
        facts=f"{percent(bacteria.value)} of bacterial films, {percent(virus.value)} of viral ones",
    )


def _beats(
    study: Study, identifier: str, text: str, pair: tuple[Model, Model], other: str, evidence: str
) -> Claim:
    """Whether the first model's AUC is higher than the second's, which is called `other` in a sentence."""
    ours, theirs = map(intervals.area, pair)
    held = hold(ours.apart(theirs), study.groups("test"), AUC_MARGIN)
    ranks = f"{pair[0].title} ranks the test cases"
    return decided(
        identifier,
        f"{text} by more than {AUC_MARGIN:g} of AUC",
        held,
        f"{ranks} better than {other}",
        f"{ranks} {'worse' if held.found.high < 0 else 'no better'} than {other}",
        f"It remains unclear whether {ranks} better than {other} by {AUC_MARGIN:g}",
        f"{evidence}: {ends(held.found)}",
        *(model for model in pair if model in study.models),
        facts=f"AUC differs by {signed(held.found.value)}",
    )


def _shared(study: Study) -> tuple[Measured, float, float]:
    """The share of cases that all models miss less that by chance; and both as counts, means over seeds.

    Each seed's models are taken together. By chance, a class has the product of the models' error rates.
    """
    labels = study.data.test.labels
    excesses, influences, counts = [], [], []
    for runs in zip(*(model.runs for model in study.ran), strict=False):
        wrong = np.array([mistakes.wrong(run) for run in runs])  # (M, N)
        every = wrong.all(axis=0).astype(float)
        chance, own = np.zeros(len(labels)), every.copy()
        for label in np.unique(labels):
            members = labels == label
            rates = wrong[:, members].mean(axis=1)
            chance[members] = reduce(np.multiply, rates)
            own[members] -= every[members].mean()
            for one, rate in zip(wrong, rates, strict=True):
                others = chance[members] / rate if rate else 0.0
                own[members] -= others * (one[members] - rate)
        excesses.append(every.mean() - chance.mean())
        influences.append(own / len(labels))
        counts.append((every.sum(), chance.sum()))
    shared, expected = np.mean(counts, axis=0)
    excess = Measured((np.array(excesses),), np.mean(influences, axis=0))
    return excess, float(shared), float(expected)
