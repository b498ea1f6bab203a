"""Claims about what the models reach on the test set, against one another and against simpler means."""

from functools import reduce

import numpy as np

from pneumo.analysis import ablation, baselines, intervals, kinds, mistakes
from pneumo.analysis.verdicts import (
    AUC_MARGIN,
    RATE_MARGIN,
    Held,
    decided,
    ends,
    hold,
    hold_interval,
    hold_share,
    hold_size,
    in_points,
    in_seeds,
    over,
    percent,
    points,
    signed,
    weakest,
)
from pneumo.record.ablation import JUDGE
from pneumo.record.answers import Claim
from pneumo.statistics.influence import Measured
from pneumo.study import ensemble, selection
from pneumo.study.study import HALF, SCREENING, YOUDEN, Study

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
    missed, alarms = 1 - recall.value, 1 - specificity.value
    both = (
        f"at a threshold of 0.5, {percent(missed)} of {about.positive} cases are missed, "
        f"{percent(alarms)} of {about.negative} cases are called {about.positive}"
    )
    return decided(
        "accuracy-misleads",
        "Accuracy alone misleads: the two kinds of mistake differ by more than "
        f"{in_points(RATE_MARGIN)}.",
        held,
        supported=f"One accuracy hides two error rates: {both}.",
        refuted=f"Both kinds of mistake are about equally frequent: {both}.",
        inconclusive=f"It remains unclear how far the two kinds of mistake differ: {both}.",
        evidence=f"{model.title}, {over(model)}, accuracy {found['accuracy'].value:.3f}: the two "
        f"rates differ by {points(held.found)}",
        models=[model],
    )


def pretraining_helps(study: Study, name: str) -> Claim | None:
    """ResNet18 from one pretraining against ResNet18 from random weights."""
    found = {model.name: model for model in study.ran}
    scratch, tuned = found.get("resnet18-scratch"), found.get(name)
    if scratch is None or tuned is None:
        return None
    difference = intervals.area(tuned).apart(intervals.area(scratch))
    held = hold(difference, study.groups("test"), AUC_MARGIN)
    return decided(
        f"{name}-beats-scratch",
        f"{tuned.title} beats ResNet18 trained from scratch by more than {AUC_MARGIN:g} of AUC.",
        held,
        *_ranks(tuned.title, "ResNet18 from random weights", held),
        evidence=f"Test AUC of {tuned.title} minus {scratch.title}, {over(tuned)} each: "
        f"{ends(held.found)}",
        models=[tuned, scratch],
    )


def beats_baselines(study: Study) -> Claim | None:
    """The best model against the strongest of the trivial baselines, both named by validation."""
    model = selection.best(study)
    rival = max(baselines.models(study), key=lambda one: one.mean(HALF, "val")["auc"])
    difference = intervals.area(model).apart(intervals.area(rival))
    held = hold(difference, study.groups("test"), AUC_MARGIN)
    rival_title = rival.title[0].lower() + rival.title[1:]
    return decided(
        "beats-trivial-baselines",
        f"The best network beats every trivial baseline by more than {AUC_MARGIN:g} of AUC.",
        held,
        *_ranks(model.title, f"the {rival_title}", held),
        evidence=f"Test AUC of {model.title}, {over(model)}, minus that of the {rival_title}: "
        f"{ends(held.found)}",
        models=[model],
    )


def ensemble_beats_each(study: Study) -> Claim | None:
    """The mean of all runs against the runs of each model; the one it beats by least decides."""
    together = ensemble.combine(study)
    if together is None or len(study.ran) < 2:
        return None
    groups, ours = study.groups("test"), intervals.area(together)
    parts = {
        model.name: hold(ours.apart(intervals.area(model)), groups, AUC_MARGIN, len(study.ran))
        for model in study.ran
    }
    held = weakest(parts.values())
    rival = next(model for model in study.ran if parts[model.name] is held)
    each = "; ".join(f"{model.title} {ends(parts[model.name].found)}" for model in study.ran)
    return decided(
        "ensemble-beats-best",
        f"All runs together beat every single model by more than {AUC_MARGIN:g} of AUC.",
        held,
        supported=f"The ensemble beats every model, {rival.title} by {signed(held.found.value)}.",
        refuted=f"The ensemble does not beat {rival.title}: AUC differs by "
        f"{signed(held.found.value)}.",
        inconclusive=f"It remains unclear whether the ensemble beats {rival.title} by "
        f"{AUC_MARGIN:g}: AUC differs by {signed(held.found.value)}.",
        evidence=f"Test AUC of the ensemble of {sum(len(model.runs) for model in study.ran)} runs minus the "
        f"mean of each model, intervals for all of them at once: {each}",
        models=study.ran,
    )


def rule_out_recall(study: Study) -> Claim | None:
    """Sensitivity at the rule-out point, with its cost in specificity."""
    model, about = selection.best(study), study.about
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
        f"Sensitivity at the rule-out point is above {RULE_OUT_RECALL:.2f}.",
        held,
        supported=f"{found}, {cost}.",
        refuted=f"{found}, below {RULE_OUT_RECALL:.2f}, {cost}.",
        inconclusive=f"{found}, which may lie on either side of {RULE_OUT_RECALL:.2f}, {cost}.",
        evidence=f"{model.title} at the threshold of {SCREENING.title}, {over(model)}: "
        f"{ends(held.found, sign=False)}; of {positive.sum()} {about.positive} cases missed, by "
        f"seed: {missed}",
        models=[model],
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
        f"Flipping images in training costs less than {AUC_MARGIN:g} of test AUC.",
        held,
        supported=f"Mirrored training images cost next to nothing: AUC changes by {change}.",
        refuted=f"Mirrored training images cost AUC: it changes by {change}.",
        inconclusive="It remains unclear whether mirrored training images cost "
        f"{AUC_MARGIN:g} of AUC or more: AUC changes by {change}.",
        evidence="Test AUC of SimpleCNN with flips minus without, "
        f"{in_seeds(row.seeds)} each: {ends(held.found)}",
        models=[model for model in study.ablations if model.name == row.name],
    )


def held_out_foretells_test(study: Study) -> Claim | None:
    """Whether changes that help on the images that choices are made by help on test, too."""
    changes = ablation.rows(study)
    found = ablation.agreement(changes, JUDGE)
    if found is None:
        return None
    held = ablation.hold_agreement(found, sum(not row.is_baseline for row in changes), RANK_MARGIN)
    plain = ablation.agreement(changes, "val")
    beside = f"; of validation and test {signed(plain.rank_correlation, 2)}" if plain else ""
    rho = signed(found.rank_correlation, 2)
    return decided(
        "held-out-foretells-test",
        "What helps on the held-out training images helps on the test set: rank correlation above "
        f"{RANK_MARGIN:g}.",
        held,
        supported=f"Changes of a recipe that help on held-out images tend to help on test: rank "
        f"correlation {rho}.",
        refuted=f"Whether a change of a recipe helps on held-out images says little of test: "
        f"rank correlation {rho}.",
        inconclusive="It remains unclear whether changes of a recipe that help on held-out images "
        f"help on test: rank correlation {rho}.",
        evidence=f"Rank correlation of the differences in AUC on both, over "
        f"{sum(not row.is_baseline for row in changes)} ablations of "
        f"{min(row.seeds for row in changes)} or more seeds: {ends(held.found, 2)}{beside}",
        seeds=min(row.seeds for row in changes),
    )


def mistakes_are_shared(study: Study) -> Claim | None:
    """How many more cases all models miss than they would if their mistakes were independent in a class."""
    if len(study.ran) < 2:
        return None
    excess, shared, expected = _shared(study)
    p_value = mistakes.chance_of_sharing(study)
    held = hold(excess, study.groups("test"), SHARED_MARGIN)
    counts = (
        f"{shared:.1f} test cases are called wrongly by all {len(study.ran)} models, {expected:.1f} "
        "expected by chance"
    )
    return decided(
        "mistakes-are-shared",
        "The models share mistakes: beyond chance, they all err on more than "
        f"{percent(SHARED_MARGIN)} of the cases.",
        held,
        supported=f"The models err on the same cases: {counts}.",
        refuted=f"The models hardly share mistakes beyond chance: {counts}.",
        inconclusive=f"It remains unclear whether the models share mistakes: {counts}.",
        evidence="Share of the test cases that all models call wrongly, minus that of independent mistakes "
        f"within a class, mean over {in_seeds(len(excess.values[0]))}: {points(held.found)}; "
        f"permutation test on the first seeds, p {'< 0.001' if p_value < 0.001 else f'= {p_value:.3f}'}",
        models=study.ran,
    )


def kinds_differ(study: Study) -> Claim | None:
    """Sensitivity for bacterial films against that for viral ones, to either side."""
    if not kinds.known(study):
        return None
    model = selection.best(study)
    shares = kinds.sensitivities(study, model, YOUDEN)
    held = hold_size(shares[0] - shares[1], study.groups("test"), RATE_MARGIN)
    more, less = ("bacterial", "viral")[:: 1 if shares[0].value > shares[1].value else -1]
    rates = (
        f"{percent(shares[0].value)} of bacterial films, {percent(shares[1].value)} of viral ones"
    )
    return decided(
        "kinds-differ",
        "Sensitivity for bacterial and for viral films differs by more than "
        f"{in_points(RATE_MARGIN)}.",
        held,
        supported=f"More {more} than {less} films are found: {rates}.",
        refuted="Bacterial and viral films are found about equally often, within "
        f"{in_points(RATE_MARGIN)}: {rates}.",
        inconclusive="It remains unclear whether bacterial and viral films are found equally "
        f"often: {rates}.",
        evidence=f"{model.title} at the threshold of {YOUDEN.title}, {over(model)}: the two rates differ by "
        f"{points(held.found)}",
        models=[model],
    )


def _ranks(ours: str, theirs: str, held: Held) -> tuple[str, str, str]:
    """What an AUC less another says, in words: supported, refuted, inconclusive."""
    change = f"AUC differs by {signed(held.found.value)}"
    ranks = f"{ours} ranks the test cases"
    not_better = "worse" if held.found.high < 0 else "no better"
    return (
        f"{ranks} better than {theirs}: {change}.",
        f"{ranks} {not_better} than {theirs}: {change}.",
        f"It remains unclear whether {ranks} better than {theirs} by {held.margin:g}: {change}.",
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
