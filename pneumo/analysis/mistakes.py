"""Which test cases are called wrongly: by one model, by all of them, by some seeds and not by others."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from pneumo import data
from pneumo.analysis.rows import image_row, mean_image, pixels
from pneumo.record import Frame, Part, frame
from pneumo.record.summaries import GROUPS, Cases, Mistakes
from pneumo.statistics import clusters
from pneumo.study import selection
from pneumo.study.study import YOUDEN, Model, Study, calls, run_labels, threshold
from pneumo.training.runs import Run

RESAMPLES = 4999
SHOWN, SHOWN_BY_GROUP = 16, 8  # cases in a figure
# What the wrong calls of a class are compared with.
_DIFFERENCES = (("false positive", "true negative"), ("false negative", "true positive"))


def part(study: Study) -> Part:
    """How many mistakes the models share, which cases they are, and what each group of calls looks like."""
    best = selection.best(study)
    first, every = [model.run.label for model in study.ran], run_labels(study.ran)
    shared, split, positive = missed_by_all(study), contested(study.ran), votes(study.ran)
    all_wrong = (image_row(study, "test", index) for index in shared[:SHOWN])
    divided = (
        image_row(study, "test", index)
        | {"runs": len(every), "called positive": int(positive[index])}
        for index in split[:SHOWN]
    )
    tables = {"tbl-shared-mistakes": frame(_shared(study), runs=first)}
    if len(every) > len(first):
        tables["tbl-flips"] = frame(_flips(study), runs=every)
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
            "fig-errors": _of_test(surest(study, best, SHOWN_BY_GROUP), [best.run.label]),
            "fig-missed-by-all": _of_test(all_wrong, first),
            "fig-contested": _of_test(divided, every),
            "fig-mean-images": _mean_images(study, best),
        },
        tables=tables,
    )


def cases(study: Study) -> Part:
    """The answer, and the numbers behind `fig-divided`: all test cases, the most divisive ones first."""
    rows = [
        {
            **image_row(study, "test", index),
            "model": model.name,
            "probability": model.run.predictions["test"].probabilities[index],
            "called": calls(model.run, YOUDEN)[index],
            "wrong": wrong(model.run)[index],
        }
        for index in divided(study)
        for model in study.ran
    ]
    first = sum(int(row["wrong"]) for row in rows[: len(study.ran)])
    return Part(
        {"cases": Cases(len(study.ran), first)},
        figures={"fig-divided": frame(rows, runs=[model.run.label for model in study.ran])},
    )


def groups(model: Model) -> dict[str, NDArray[np.int64]]:
    """Test cases of the first seed by group at Youden's threshold, the most confident first."""
    test, chosen = model.run.predictions["test"], threshold(model.run, YOUDEN)
    truth, called = test.labels == 1, calls(model.run, YOUDEN)
    # Confidence is the distance from the threshold, on the scale of the logits.
    order = np.argsort(-np.abs(test.logits - logit(chosen)), kind="stable")
    members = (truth & called, ~truth & ~called, ~truth & called, truth & ~called)
    return {group: order[which[order]] for group, which in zip(GROUPS, members, strict=True)}


def surest(study: Study, model: Model, count: int) -> Iterator[dict[str, Any]]:
    """The first `count` test cases of each of the :func:`groups`."""
    probabilities = model.run.predictions["test"].probabilities
    for group, indices in groups(model).items():
        for index in indices[:count]:
            row = {"group": group, **image_row(study, "test", index)}
            yield row | {"probability": probabilities[index]}


def wrong(run: Run) -> NDArray[np.bool_]:
    """Whether each test case is called what it is not, (N,)."""
    return np.asarray(calls(run, YOUDEN) != (run.predictions["test"].labels == 1))


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
    truth = study.data.test.labels
    return float(sum(expected_by_chance(study, truth == label)[-1] for label in np.unique(truth)))


def missed_by_all(study: Study) -> NDArray[np.int64]:
    """Indices of the test cases that every model calls wrongly, the most confident mistakes first."""
    members = np.flatnonzero(errors(study).all(axis=0))
    signs = np.where(study.data.test.labels[members] == 1, 1, -1)
    runs = [model.run for model in study.ran]
    margins = [run.predictions["test"].probabilities - threshold(run, YOUDEN) for run in runs]
    order = np.argsort(signs * np.mean(margins, axis=0)[members], kind="stable")
    return np.asarray(members[order])


def votes(models: Sequence[Model]) -> NDArray[np.int64]:
    """How many of all runs of these models call each test case positive, (N,)."""
    return np.asarray(np.concatenate([model.calls(YOUDEN) for model in models]).sum(axis=0))


def contested(models: Sequence[Model]) -> NDArray[np.int64]:
    """Indices of the test cases on which the models' runs are not of one mind, the most even split first."""
    positive, runs = votes(models), sum(len(model.runs) for model in models)
    members = np.flatnonzero((positive > 0) & (positive < runs))
    return np.asarray(members[np.argsort(np.abs(positive[members] - runs / 2), kind="stable")])


def divided(study: Study) -> NDArray[np.int64]:
    """Indices of all test cases, (N,), first those over which the models are most evenly split, first seeds.

    Of cases that are split alike, the one whose probabilities lie further apart comes first.
    """
    positive = np.sum([calls(model.run, YOUDEN) for model in study.ran], axis=0)
    fewer = np.minimum(positive, len(study.ran) - positive)
    spread = np.std([model.run.predictions["test"].probabilities for model in study.ran], axis=0)
    return np.asarray(np.lexsort((-spread, -fewer)))


def chance_of_sharing(study: Study) -> float:
    """How often models with independent mistakes would share as many cases as these do (Youden's threshold).

    A permutation test: each model's mistakes are dealt out anew among the cases of the same class, those of a
    patient together, to a patient with as many cases. The cases that all models call wrongly are counted. The
    estimate of p is never 0 (Phipson & Smyth 2010).

    Returns:
        The one-sided p-value, in (0, 1]; 1 with a single model.
    """
    generator = np.random.default_rng(0)
    shared = np.zeros(RESAMPLES, int)
    for label in (0, 1):
        own = study.data.test.labels == label
        members, groups = errors(study)[:, own], study.groups("test")[own]  # (M, n), (n,)
        together = np.repeat(members[:1], RESAMPLES, axis=0)  # (R, n)
        for model in members[1:]:
            together &= model[clusters.deal(groups, RESAMPLES, generator)]
        shared += together.sum(axis=1)
    observed = len(missed_by_all(study))
    return float((1 + (shared >= observed).sum()) / (1 + RESAMPLES))


def _of_test(rows: Iterable[dict[str, Any]], runs: list[str]) -> Frame:
    """A frame of test cases alone, without their split."""
    return frame(({name: row[name] for name in row if name != "split"} for row in rows), runs=runs)


def _shared(study: Study) -> Iterator[dict[str, Any]]:
    """How many test cases of a class k models call wrongly, and how many if mistakes were independent."""
    by, truth = errors(study).sum(axis=0), study.data.test.labels
    for label, name in enumerate(study.about.classes):
        expected = expected_by_chance(study, truth == label)
        found = np.bincount(by[truth == label], minlength=len(expected))
        for models, (count, chance) in enumerate(zip(found, expected, strict=True)):
            yield {"class": name, "models": models, "cases": int(count), "expected": float(chance)}


def _flips(study: Study) -> Iterator[dict[str, Any]]:
    """On how many test cases of a class a model's seeds disagree, and on what share of all cases."""
    truth = study.data.test.labels
    for model in study.ran:
        found = truth[contested([model])]
        counts = [int((found == label).sum()) for label in range(len(study.about.classes))]
        rows = [*zip(study.about.classes, counts, strict=True), ("all", len(found))]
        for name, count in rows:
            yield {"model": model.name, "class": name, "cases": count, "share": count / len(truth)}


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
    rounded = {name: picture.round(3) for name, picture in pictures.items()}
    units = dict.fromkeys(pictures, "grey levels")
    return Frame(pixels(rounded), units, runs=(model.run.label,))
