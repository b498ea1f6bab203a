"""Whether the networks take a shortcut by how a film was framed: its width to height before it was cropped.

Measured on the test set, provoked by cropping the same films tighter, and, in the ablations that change
framing in training, mended or not. All seeds; intervals draw patients and, of means, seeds.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis import ablation, shift
from pneumo.analysis.rows import unfold
from pneumo.data.thumbnails import thumbnails
from pneumo.record import Estimate, Part, frame
from pneumo.record.ablation import SPLITS
from pneumo.record.shift import Fall, Framing, TwoSample
from pneumo.statistics import adjusted_roc, clusters, influence, metrics
from pneumo.statistics.adjusted_roc import Floats, over_cases_and_seeds
from pneumo.study import outputs
from pneumo.study.cache import once
from pneumo.study.framing import FACTORS
from pneumo.study.study import HALF, YOUDEN, Model, Rule, Study, run_labels
from pneumo.training.recipes import ABLATIONS

RESAMPLES = 2000
# Of the bins of width to height: about the quarters of the normal test films.
EDGES = (1.15, 1.30, 1.45)
CALIPER = 0.05  # ratios that differ by less: a tenth of the range that most films lie in
GRID = 41  # points of a smooth curve
LEAST = 10  # films of each class and split whose ratio must be known to evaluate framing
MATCHES = 3  # films of development for each of test, where they are compared at like ratio
# Films with and without pneumonia differ in ratio (1.46 and 1.23 on average in training) as a crop to 0.84
# of the width would make them: what is tighter than 0.8 no longer stands for how films are framed.
GENTLE = 0.8
RULES = (HALF, YOUDEN)


@dataclass(frozen=True)
class Films:
    """The images of a split whose ratio is known, (n,) each."""

    places: NDArray[np.int64]  # in the split
    labels: NDArray[np.uint8]
    ratios: Floats
    groups: NDArray[np.int64]  # patients
    weights: Floats  # (1 + B, n): the sample, and resamples by patient

    @property
    def normal(self) -> "Films":
        """Those of them that are negative."""
        own = self.labels == 0
        return Films(*(column[..., own] for column in vars(self).values()))


@dataclass(frozen=True)
class Crops:
    """What the S runs of a model say of n films, cropped by each of the F factors, for one class."""

    model: Model
    title: str  # of the class
    count: int  # of its films
    logits: Floats  # (S, F, n)
    called: Floats  # (S, F, n), at Youden's threshold
    weights: (
        Floats  # (1 + B, n): the sample, and resamples by patient; 0 for films of the other class
    )


def part(study: Study) -> Part:
    """The answers, and the numbers behind the figures and tables of the page on framing."""
    known, runs = bool(films(study)), run_labels(study.ran)

    def where_known(rows: Callable[[Study], Iterable[dict[str, Any]]]) -> Iterable[dict[str, Any]]:
        return rows(study) if known else ()

    return Part(
        {"framing": Framing(**(_of_films(study) if known else {}), **_of_crops(study))},
        figures={
            "fig-framing-specificity": frame(where_known(_curves), runs=runs),
            "fig-framing-dose": frame(_doses(study), runs=runs),
        },
        tables={
            "tbl-framing-ratios": frame(where_known(_ratios)),
            "tbl-framing-specificity": frame(where_known(_bins), runs=runs),
            "tbl-framing-auc": frame(where_known(_adjusted), runs=runs),
            "tbl-framing-fall": frame(where_known(_falls), runs=runs),
            "tbl-framing-apart": frame(unfold(apart(study), "films") if known else ()),
            "tbl-framing-dose": frame(_slopes(study), runs=runs),
            "tbl-framing-mend": frame(where_known(_mended), runs=run_labels(_mends(study))),
        },
    )


@once
def films(study: Study) -> dict[str, Films]:
    """By split, the images whose ratio is known; empty where a split has too few of a class."""
    found: dict[str, Films] = {}
    if study.data.origins is None:
        return found
    for number, (name, split) in enumerate(study.data.splits.items()):
        ratios = study.data.origins[name].ratios
        places = np.flatnonzero(np.isfinite(ratios))
        truth, groups = split.labels[places], study.groups(name)[places]
        if (truth == 0).sum() < LEAST or (truth == 1).sum() < LEAST:
            return {}
        # Nothing is drawn from training, of which only an AUC and means are given.
        draws = RESAMPLES if name != "train" else 0
        weights = adjusted_roc.resample(truth, groups, draws, seed=number)
        found[name] = Films(places, truth, ratios[places], groups, weights)
    return found


@once
def told_wide(study: Study) -> dict[str, Floats]:
    """How well each score tells the wider half of the normal test films from the narrower, (S, 1 + B)."""
    return {model.name: _wide_auc(study, model) for model in study.ran}


@once
def falls(study: Study) -> dict[str, tuple[Fall, Floats, Floats]]:
    """By model, how much of its fall of specificity from validation to test goes with framing.

    Beside it, the part of the fall that does, and the fall, (S, 1 + B). Each normal film of validation is
    stood for by the test films of like ratio (direct standardisation).
    """
    val, test = (films(study)[split].normal for split in ("val", "test"))
    found = {}
    for model in study.ran:
        ours, theirs = (
            (~model.calls(YOUDEN, split)[:, one.places]).astype(np.float64)
            for split, one in (("val", val), ("test", test))
        )
        at_validations = adjusted_roc.smooth_share(
            theirs, test.ratios, val.ratios, adjusted_roc.bandwidth(test.ratios), test.weights
        )  # (S, 1 + B, V)
        standardised = (at_validations * val.weights).sum(axis=2) / val.weights.sum(axis=1)
        promised, kept = _mean(ours, val.weights), _mean(theirs, test.weights)
        explained, lost = standardised - kept, promised - kept
        rates = [float(values[:, 0].mean()) for values in (promised, kept, standardised)]
        share = adjusted_roc.ratio(explained, lost)
        found[model.name] = Fall(rates[0], rates[1], rates[2], share), explained, lost
    return found


@once
def apart(study: Study) -> dict[str, TwoSample]:
    """Whether a classifier tells normal films of development from those of test: all, and at like ratio.

    Fewer films are harder to tell apart, so that as many drawn at random stand beside those of like ratio.
    """
    from scipy.optimize import linear_sum_assignment

    normal = {name: one.normal for name, one in films(study).items()}  # training, validation, test
    pixels = np.concatenate(
        [thumbnails(study.data.splits[name].images[one.places]) for name, one in normal.items()]
    )
    ratios, numbers = (
        np.concatenate([vars(one)[name] for one in normal.values()])
        for name in ("ratios", "groups")
    )
    count = len(pixels) - len(normal["test"].places)  # of development
    distance = np.abs(ratios[count:, None] - ratios[:count])
    like: list[int] = []
    matched: list[int] = []
    for _ in range(MATCHES):
        ours, theirs = linear_sum_assignment(distance)
        near = distance[ours, theirs] <= CALIPER
        matched += ours[near].tolist()
        like += theirs[near].tolist()
        distance[:, theirs] = 1e3  # each is taken once
    tested = count + np.unique(matched).astype(np.int64)
    drawn = np.random.default_rng(0).permutation(count)[: len(like)]
    pairs = {
        "all": (np.arange(count), np.arange(count, len(pixels))),
        "drawn at random": (drawn, tested),
        "of like ratio": (np.array(like, np.int64), tested),
    }
    return {
        name: shift.two_sample(pixels[first], pixels[second], numbers[np.r_[first, second]])
        for name, (first, second) in pairs.items()
        if min(len(first), len(second)) >= 2 * shift.FOLDS
    }


@once
def slopes(study: Study) -> dict[str, dict[str, Floats]]:
    """Change of the logit per 10 % tighter, down to :data:`GENTLE`, by model and class, (S, 1 + B)."""
    steps = (1 - np.array([factor for factor in FACTORS if factor >= GENTLE])) / 0.1
    centred = steps - steps.mean()
    found: dict[str, dict[str, Floats]] = {}
    for crops in _cropped(study):
        # (S, n)
        own = np.tensordot(centred / (centred**2).sum(), crops.logits[:, : len(steps)], (0, 1))
        found.setdefault(crops.model.name, {})[crops.title] = _mean(own, crops.weights)
    return found


def cut(found: Estimate) -> Estimate:
    """An estimate of a share or an AUC, with its interval cut to [0, 1]."""
    return Estimate(found.value, max(0.0, found.low), min(1.0, found.high))


def _of_films(study: Study) -> dict[str, Any]:
    """The answer's fields that need known ratios."""
    areas = {
        name: influence.auc(one.labels, one.ratios[None]).bounded(one.groups)
        for name, one in films(study).items()
    }
    negative = (row for row in _ratios(study) if row["class"] == study.about.negative)
    return {
        "auc": {name: area.value for name, area in areas.items()},
        "auc_intervals": areas,
        "normal_means": {row["split"]: Estimate.of(row) for row in negative},
        "edges": list(EDGES),
        "caliper": CALIPER,
        "told_wide": {
            name: cut(over_cases_and_seeds(own)) for name, own in told_wide(study).items()
        },
        "falls": {name: fall for name, (fall, _, _) in falls(study).items()},
        "apart": apart(study),
    }


def _of_crops(study: Study) -> dict[str, Any]:
    """The answer's fields on crops, which need no known ratios."""
    return {
        "factors": list(FACTORS),
        "gentle": GENTLE,
        "films": {crops.title: crops.count for crops in _cropped(study)[:2]},
        "slopes": {
            name: over_cases_and_seeds(found[study.about.negative])
            for name, found in slopes(study).items()
        },
    }


def _ratios(study: Study) -> Iterator[dict[str, Any]]:
    """Mean ratio by split and class, with its 95 % interval by patient."""
    for split, one in films(study).items():
        for label, name in enumerate(study.about.classes):
            own = one.labels == label
            yield {"split": split, "class": name, "films": int(own.sum()),
                   **vars(clusters.mean(one.ratios[own], one.groups[own]))}  # fmt: skip


def _curves(study: Study) -> Iterator[dict[str, Any]]:
    """Specificity over ratio: where most normal test films lie, a smooth curve and its pointwise interval."""
    test = films(study)["test"].normal
    first, last = np.quantile(test.ratios, [0.03, 0.97])
    at = np.linspace(first, last, GRID)
    width = adjusted_roc.bandwidth(test.ratios)
    for model, rule in product(study.ran, RULES):
        spared = (~model.calls(rule)[:, test.places]).mean(axis=0, keepdims=True)
        (curves,) = adjusted_roc.smooth_share(spared, test.ratios, at, width, test.weights)
        ends = np.percentile(curves[1:], [2.5, 97.5], axis=0)
        for ratio, value, low, high in zip(at, curves[0], *ends, strict=True):
            row = {"model": model.name, "rule": rule.name, "ratio": ratio}
            yield row | {"value": value, "low": low, "high": high}


def _bins(study: Study) -> Iterator[dict[str, Any]]:
    test = films(study)["test"].normal
    for model, rule, number in product(study.ran, RULES, range(len(EDGES) + 1)):
        own = np.digitize(test.ratios, EDGES) == number
        yield {
            "model": model.name, "rule": rule.name, "bin": number, "films": int(own.sum()),
            **vars(_specificity(model, rule, test, own)),
        }  # fmt: skip


def _adjusted(study: Study) -> Iterator[dict[str, Any]]:
    """Each model's AUC as it is, of pairs of like ratio, and adjusted; and the differences from the first."""
    test = films(study)["test"]
    for model in study.ran:
        scores = model.logits()[:, test.places]
        raw = adjusted_roc.weighted_auc(test.labels, scores, test.weights)
        like = adjusted_roc.weighted_auc(test.labels, scores, test.weights, test.ratios, CALIPER)
        adjusted = adjusted_roc.adjusted_auc(test.labels, scores, test.ratios, test.weights)
        areas = {"raw": raw, "like ratio": like, "adjusted": adjusted}
        changes = {"like ratio less raw": like - raw, "adjusted less raw": adjusted - raw}
        found = {name: cut(over_cases_and_seeds(own)) for name, own in areas.items()}
        found |= {name: over_cases_and_seeds(own) for name, own in changes.items()}
        yield from unfold({model.name: found}, "model", "auc")


def _falls(study: Study) -> Iterator[dict[str, Any]]:
    return unfold({name: fall for name, (fall, _, _) in falls(study).items()}, "model")


@once
def _cropped(study: Study) -> list[Crops]:
    """Of each model that was asked, class by class."""
    found = []
    for model in study.ran:
        if any("framing" in outputs.missing(run, study.profile) for run in model.runs):
            continue  # no larger images were at hand
        answers = [outputs.read(run, "framing", study.profile) for run in model.runs]
        if any(not len(answer["logits"]) for answer in answers):
            continue
        indices = answers[0]["indices"]
        truth = study.data.test.labels[indices]
        logits = np.array([answer["logits"] for answer in answers])
        thresholds = np.array(model.thresholds(YOUDEN))[:, None, None]
        called = (metrics.probabilities(logits) >= thresholds).astype(np.float64)
        weights = adjusted_roc.resample(truth, study.groups("test")[indices], RESAMPLES)
        for label, title in enumerate(study.about.classes):
            own = truth == label
            found.append(Crops(model, title, int(own.sum()), logits, called, weights * own))
    return found


def _doses(study: Study) -> Iterator[dict[str, Any]]:
    """By model, class and crop: mean change of the logit, and the share called positive, with intervals."""
    for crops in _cropped(study):
        for place, factor in enumerate(FACTORS):
            moved, share = (
                over_cases_and_seeds(_mean(values, crops.weights))
                for values in (crops.logits[:, place] - crops.logits[:, 0], crops.called[:, place])
            )
            yield {
                "model": crops.model.name, "class": crops.title, "factor": factor,
                **moved.named("change"), **cut(share).cells("called"),
            }  # fmt: skip


def _slopes(study: Study) -> Iterator[dict[str, Any]]:
    tightest = FACTORS.index(GENTLE)
    for crops in _cropped(study):
        name, called = crops.model.name, crops.called
        slope = over_cases_and_seeds(slopes(study)[name][crops.title])
        more = over_cases_and_seeds(_mean(called[:, tightest] - called[:, 0], crops.weights))
        yield {
            "model": name, "class": crops.title, "films": crops.count,
            **slope.cells("slope"), **more.cells("called"),
        }  # fmt: skip


def _mends(study: Study) -> list[Model]:
    """The ablations that change framing in training, each model's baseline before them."""
    found: list[Model] = []
    for model in study.ablations:
        varied = model.recipe.augmentation
        row = ABLATIONS[model.name]
        if model.ran and row.change and (varied.framing or varied.zoom):
            baseline = study.model(row.baseline)
            found += [baseline] * (baseline not in found) + [model]
    return found


def _mended(study: Study) -> Iterator[dict[str, Any]]:
    """What the ablations that change framing do to AUC, and to specificity in narrow and in wide films."""
    test = films(study)["test"].normal
    changed = {row.name: row for row in ablation.rows(study)}
    narrow, wide = test.ratios < EDGES[0], test.ratios >= EDGES[-1]
    every = np.ones_like(narrow)
    none = Estimate(float("nan"))
    for model in _mends(study):
        row = changed[model.name]
        spared = (~model.calls(YOUDEN)[:, test.places]).astype(np.float64)
        gap = _mean(spared, test.weights * narrow) - _mean(spared, test.weights * wide)
        found = {f"{split} auc": row.difference.get(split, none) for split in SPLITS} | {
            "specificity": _specificity(model, YOUDEN, test, every),
            "narrow": _specificity(model, YOUDEN, test, narrow),
            "wide": _specificity(model, YOUDEN, test, wide),
            "gap": over_cases_and_seeds(gap),
            "told wide": cut(over_cases_and_seeds(_wide_auc(study, model))),
        }
        yield from unfold({row.model: {row.change: found}}, "model", "change", "name")


def _wide_auc(study: Study, model: Model) -> Floats:
    """The AUC of a model's scores of the normal test films for lying above their median ratio, (S, 1 + B)."""
    test = films(study)["test"].normal
    wide = (test.ratios > np.median(test.ratios)).astype(np.uint8)
    return adjusted_roc.weighted_auc(wide, model.logits()[:, test.places], test.weights)


def _specificity(model: Model, rule: Rule, test: Films, own: NDArray[np.bool_]) -> Estimate:
    """Over the seeds' calls of some normal films; a patient's calls are one cluster."""
    spared = ~model.calls(rule)[:, test.places[own]]
    return clusters.proportion(spared.ravel(), np.tile(test.groups[own], len(spared)))


def _mean(values: Floats, weights: Floats) -> Any:
    """Weighted means of rows (S, n) by resample, (S, B)."""
    with np.errstate(invalid="ignore"):  # a resample without any of a few films
        return values @ weights.T / weights.sum(axis=1)
