"""Which test cases are called wrongly: by one model, by all of them, by some seeds and not by others."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from pneumo import data
from pneumo.analysis.data_audit import image_row
from pneumo.record import Frame, Part, frame
from pneumo.record.summaries import GROUPS, Cases, Mistakes
from pneumo.statistics import clusters
from pneumo.study import selection
from pneumo.study.cache import once
from pneumo.study.study import YOUDEN, Model, Study, threshold
from pneumo.training.runs import Run

RESAMPLES = 4999
SHOWN, SHOWN_BY_GROUP = 16, 8  # cases in a figure
_BLOCK = 1024  # images that are copied at a time
# What the wrong calls of a class are compared with.
_DIFFERENCES = (("false positive", "true negative"), ("false negative", "true positive"))


def part(study: Study) -> Part:
    """How many mistakes the models share, which cases they are, and what each group of calls looks like."""
    if not study.ran:
        return Part()
    best = selection.best(study)
    first = [model.run.label for model in study.ran]
    every = [run.label for model in study.ran for run in model.runs]
    shared, split = missed_by_all(study), contested(study)
    positive = called_by_runs(study)
    probabilities = best.run.predictions["test"].probabilities
    surest = [
        {"group": group, **_case(study, index), "probability": float(probabilities[index])}
        for group, indices in groups(best).items()
        for index in indices[:SHOWN_BY_GROUP]
    ]
    divided = [
        {**_case(study, index), "runs": len(every), "called positive": int(positive[index])}
        for index in split[:SHOWN]
    ]
    tables = {"tbl-shared-mistakes": frame(list(_shared(study)), runs=first)}
    if len(every) > len(first):
        tables["tbl-flips"] = frame(list(_flips(study)), runs=every)
    return Part(
        {
            "mistakes": Mistakes(
                models=len(study.ran),
                missed_by_all=len(shared),
                expected=expected_missed_by_all(study),
                contested=len(split),
                runs=len(every),
            )
        },
        figures={
            "fig-errors": frame(surest, runs=[best.run.label]),
            "fig-missed-by-all": frame(
                [_case(study, index) for index in shared[:SHOWN]], runs=first
            ),
            "fig-contested": frame(divided, runs=every),
            "fig-mean-images": _mean_images(study, best),
        },
        tables=tables,
    )


def cases(study: Study) -> Part:
    """The answer, and the numbers behind `fig-divided`: all test cases, the most divisive ones first."""
    if not study.ran:
        return Part()
    rows = [
        {
            **image_row(study, "test", int(index)),
            "model": model.name,
            "probability": float(model.run.predictions["test"].probabilities[index]),
            "called": int(calls(model.run)[index]),
            "wrong": int(wrong(model.run)[index]),
        }
        for index in divided(study)
        for model in study.ran
    ]
    first = sum(row["wrong"] for row in rows[: len(study.ran)])
    return Part(
        {"cases": Cases(len(study.ran), first)},
        figures={"fig-divided": frame(rows, runs=[model.run.label for model in study.ran])},
    )


def groups(model: Model) -> dict[str, NDArray[np.int64]]:
    """Test cases of the first seed by group at Youden's threshold, the most confident first."""
    test, chosen = model.run.predictions["test"], threshold(model.run, YOUDEN)
    truth, called = test.labels == 1, test.probabilities >= chosen
    # Confidence is the distance from the threshold, on the scale of the logits.
    order = np.argsort(-np.abs(test.logits - logit(chosen)), kind="stable")
    members = (truth & called, ~truth & ~called, ~truth & called, truth & ~called)
    return {group: order[which[order]] for group, which in zip(GROUPS, members, strict=True)}


def mean_image(*groups: data.Part) -> NDArray[np.float64]:
    """The mean (H, W) of the images of all groups, in grey levels; they are never copied all at once."""
    total = np.zeros(groups[0].images.images.shape[1:])
    for group in groups:
        for start in range(0, len(group.images), _BLOCK):
            total += group.images[start : start + _BLOCK].sum(axis=0, dtype=np.float64)
    return np.asarray(total / sum(len(group.images) for group in groups))


def pixels(pictures: Mapping[str, NDArray[np.float64]], digits: int) -> dict[str, NDArray[Any]]:
    """Columns of a frame that hold pictures (H, W): a row a pixel, rounded."""
    row, column = np.indices(next(iter(pictures.values())).shape).reshape(2, -1)
    flat = {name: picture.round(digits).ravel() for name, picture in pictures.items()}
    return {"row": row, "column": column, **flat}


def truth(study: Study) -> NDArray[np.uint8]:
    """The test cases' labels, (N,)."""
    return study.ran[0].run.predictions["test"].labels


def calls(run: Run) -> NDArray[np.bool_]:
    """Whether each test case is called positive at Youden's threshold, (N,)."""
    return np.asarray(run.predictions["test"].probabilities >= threshold(run, YOUDEN))


def wrong(run: Run) -> NDArray[np.bool_]:
    """Whether each test case is called what it is not, (N,)."""
    return np.asarray(calls(run) != (run.predictions["test"].labels == 1))


def errors(study: Study) -> NDArray[np.bool_]:
    """Which test cases each model calls wrongly, first seeds, (M, N)."""
    return np.array([wrong(model.run) for model in study.ran])


def expected_by_chance(study: Study, members: NDArray[np.bool_]) -> NDArray[np.float64]:
    """How many of `members` k models would call wrongly if their mistakes were independent.

    Each model keeps its own error rate among the members; the number of models that err on one case then
    follows the Poisson binomial distribution (Poisson 1837), which is the convolution of the models' coins.

    Args:
        study: its models that ran, first seeds.
        members: which test cases, (N,), at least one.

    Returns:
        Expected counts for k = 0 … number of models, (K + 1,); they add up to the members.
    """
    distribution = np.ones(1)
    for rate in errors(study)[:, members].mean(axis=1):
        distribution = np.convolve(distribution, [1 - rate, rate])
    return np.asarray(distribution * members.sum())


def expected_missed_by_all(study: Study) -> float:
    """How many test cases every model would call wrongly if their mistakes were independent in a class."""
    labels = truth(study)
    return float(sum(expected_by_chance(study, labels == label)[-1] for label in np.unique(labels)))


def missed_by_all(study: Study) -> NDArray[np.int64]:
    """Indices of the test cases that every model calls wrongly, the most confident mistakes first."""
    members = np.flatnonzero(errors(study).all(axis=0))
    signs = np.where(truth(study)[members] == 1, 1, -1)
    margins = np.mean([_margin(model.run)[members] for model in study.ran], axis=0)
    return np.asarray(members[np.argsort(signs * margins, kind="stable")])


def flipping(model: Model) -> NDArray[np.int64]:
    """Indices of the test cases on which the seeds of a model are not of one mind, as :func:`contested`."""
    return _split(np.sum([calls(run) for run in model.runs], axis=0), len(model.runs))


def called_by_runs(study: Study) -> NDArray[np.int64]:
    """How many of all runs, over models and seeds, call each test case positive, (N,)."""
    return np.asarray(np.sum([calls(run) for model in study.ran for run in model.runs], axis=0))


def contested(study: Study) -> NDArray[np.int64]:
    """Indices of the test cases on which the runs are not of one mind, the most evenly split first."""
    return _split(called_by_runs(study), sum(len(model.runs) for model in study.ran))


def divided(study: Study) -> NDArray[np.int64]:
    """Indices of all test cases, (N,), first those over which the models are most evenly split, first seeds.

    Of cases that are split alike, the one whose probabilities lie further apart comes first.
    """
    positive = np.sum([calls(model.run) for model in study.ran], axis=0)
    fewer = np.minimum(positive, len(study.ran) - positive)
    spread = np.std([model.run.predictions["test"].probabilities for model in study.ran], axis=0)
    return np.asarray(np.lexsort((-spread, -fewer)))


@once
def chance_of_sharing(study: Study) -> float:
    """How often models with independent mistakes would share as many cases as these do (Youden's threshold).

    A permutation test: each model's mistakes are dealt out anew among the cases of the same class, those of a
    patient together, to a patient with as many cases. The cases that all models call wrongly are counted. The
    estimate of p is never 0 (Phipson & Smyth 2010).

    Returns:
        The one-sided p-value, in (0, 1]; 1 with a single model.
    """
    if len(study.ran) < 2:
        return 1.0
    generator = np.random.default_rng(0)
    shared = np.zeros(RESAMPLES, int)
    for label in (0, 1):
        own = truth(study) == label
        members, groups = errors(study)[:, own], study.groups("test")[own]  # (M, n), (n,)
        together = np.repeat(members[:1], RESAMPLES, axis=0)  # (R, n)
        for model in members[1:]:
            together &= model[clusters.deal(groups, RESAMPLES, generator)]
        shared += together.sum(axis=1)
    observed = len(missed_by_all(study))
    return float((1 + (shared >= observed).sum()) / (1 + RESAMPLES))


def _split(positive: NDArray[np.int64], of: int) -> NDArray[np.int64]:
    """Indices of the cases that some of as many runs call positive and others not, the most even first."""
    members = np.flatnonzero((positive > 0) & (positive < of))
    return np.asarray(members[np.argsort(np.abs(positive[members] - of / 2), kind="stable")])


def _case(study: Study, index: np.int64) -> dict[str, Any]:
    """What names a test case in a record of test cases alone."""
    return {
        name: cell for name, cell in image_row(study, "test", int(index)).items() if name != "split"
    }


def _shared(study: Study) -> Iterator[dict[str, Any]]:
    """How many test cases of a class k models call wrongly, and how many if mistakes were independent."""
    by, labels = errors(study).sum(axis=0), truth(study)
    for label, name in enumerate(study.about.classes):
        expected = expected_by_chance(study, labels == label)
        found = np.bincount(by[labels == label], minlength=len(expected))
        for models, (count, chance) in enumerate(zip(found, expected, strict=True)):
            yield {"class": name, "models": models, "cases": int(count), "expected": float(chance)}


def _flips(study: Study) -> Iterator[dict[str, Any]]:
    """On how many test cases of a class a model's seeds disagree, and on what share of all cases."""
    labels = truth(study)
    for model in study.ran:
        found = labels[flipping(model)]
        counts = [int((found == label).sum()) for label in range(len(study.about.classes))]
        rows = [*zip(study.about.classes, counts, strict=True), ("all", len(found))]
        for name, count in rows:
            yield {"model": model.name, "class": name, "cases": count, "share": count / len(labels)}


def _mean_images(study: Study, model: Model) -> Frame:
    """The mean image of each group of calls, and wrong calls less right ones: a row a pixel."""
    means = {
        group: mean_image(data.part(study.data.test, members))
        for group, members in groups(model).items()
        if len(members)
    }
    nothing = np.full((study.data.size, study.data.size), np.nan)
    pictures = {group: means.get(group, nothing) for group in GROUPS}
    pictures |= {f"{odd} - {even}": pictures[odd] - pictures[even] for odd, even in _DIFFERENCES}
    return Frame(
        pixels(pictures, 3), dict.fromkeys(pictures, "grey levels"), runs=(model.run.label,)
    )


def _margin(run: Run) -> NDArray[np.float64]:
    """How far each test case lies above the threshold, in probability, (N,) in [−1, 1]."""
    return np.asarray(run.predictions["test"].probabilities - threshold(run, YOUDEN))
