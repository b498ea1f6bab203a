"""Whether what the networks learned holds elsewhere: labelled images of another hospital.

Numbers are means over a model's seeds. Their intervals take patients and seeds as drawn by chance
(:mod:`pneumo.statistics.influence`); where patients are not known, each image counts as one.
"""

from collections.abc import Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.analysis import intervals
from pneumo.analysis.rows import cells, unfold
from pneumo.analysis.shift import histograms
from pneumo.data.labelled import AGE, PATIENT
from pneumo.record import Estimate, Part, files, frame
from pneumo.record.shift import Ages, Asked, External, Rates
from pneumo.statistics import calibration, influence, metrics
from pneumo.statistics.influence import Bools, Floats
from pneumo.study import ensemble
from pneumo.study import external as answers
from pneumo.study.cache import once
from pneumo.study.study import HALF, RULES, YOUDEN, Model, Study, run_labels
from pneumo.training.runs import Predictions

FOLDS = 5  # of patients, for thresholds that are chosen there
ADULT = 18
BANDS = ((0, ADULT), (ADULT, 40), (40, 65), (65, np.inf))  # of age in years, from and below
# A film taken from the front is most often of somebody in bed, one from behind of somebody who can stand.
VIEWS = ("AP", "PA")
LEAST = 10  # images of each class that a group needs for rates; of fewer the counts alone are given


def part(study: Study) -> Part:
    """The answers, and the numbers behind the figures and tables of the page on other hospitals."""
    sets = answers.kept(study)
    if not sets:
        return Part({"external": {}})
    runs, first = run_labels(study.ran), [model.run.label for model in study.ran]
    measures = ("here", "auc", "change", "within_view", "view_told")
    every = {name: found.models for name, found in asked(study).items()}
    changes = {
        name: {model: {key: vars(one)[key] for key in measures} for model, one in models.items()}
        for name, models in every.items()
    }
    # Rates at the study's thresholds and at those chosen there.
    points = {
        name: {
            model: {**judged.operating_points, "local": judged.local}
            for model, judged in models.items()
        }
        for name, models in every.items()
    }
    return Part(
        {"external": asked(study)},
        figures={
            "fig-external": frame(_curves(study, sets), runs=first),
            "fig-external-scores": frame(_scores(study, sets), runs=first),
        },
        tables={
            "tbl-external": frame(unfold(changes, "set", "model"), runs=runs),
            "tbl-external-calibration": frame(_calibrations(study), runs=runs),
            "tbl-external-points": frame(unfold(points, "set", "model", "threshold"), runs=runs),
            "tbl-external-groups": frame(_groups(study, sets), runs=runs),
        },
    )


def contents(study: Study) -> Iterator[tuple[str, bytes]]:
    """Files of a record: what is known of each set's images, and each run's probabilities.

    File names are as given, and patients are numbered anew.
    """
    for name, found in answers.kept(study).items():
        classes = [study.about.classes[label] for label in found.labels]
        known = dict(found.known)
        if PATIENT in known:
            known[PATIENT] = tuple(map(str, patients(found)))
        rows = zip(found.files, classes, *known.values(), strict=True)
        yield f"external/{name}/labels.csv", files.table_bytes([("file", "label", *known), *rows])
        for model in ensemble.compared(study):
            for run, logits in zip(model.runs, found.of(model), strict=True):
                probabilities = map(repr, metrics.probabilities(logits).tolist())
                rows = zip(found.files, classes, probabilities, strict=True)
                table = files.table_bytes([("file", "label", "probability"), *rows])
                yield f"external/{name}/{model.name}-s{run.seed}.csv", table


def patients(found: answers.External) -> NDArray[np.int64]:
    """A number for each image's patient, (N,), in the order in which they are met; else one an image."""
    names = found.known.get(PATIENT, found.files)
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names])


@once
def asked(study: Study) -> dict[str, External]:
    """What a record says of every set that the study's networks were asked about, by name."""
    return {name: _describe(study, found) for name, found in answers.kept(study).items()}


def locally(
    truth: NDArray[np.uint8], probabilities: Floats, clusters: NDArray[np.int64]
) -> Bools | None:
    """Calls (S, N) at thresholds chosen there by Youden's J, none on a patient whom it then judges.

    Patients are dealt into :data:`FOLDS` parts by a fixed seed, those with the finding apart from the others;
    each part is judged at the threshold of all other parts. None where a part leaves but one class.
    """
    generator, places = np.random.default_rng(0), np.empty(len(truth), int)
    positive = np.isin(clusters, clusters[truth == 1])
    for members in (positive, ~positive):
        names, own = np.unique(clusters[members], return_inverse=True)
        places[members] = np.argsort(generator.permutation(names))[own] % FOLDS
    calls = np.zeros(probabilities.shape, dtype=bool)
    for fold in range(FOLDS):
        judged = places == fold
        if len(np.unique(truth[~judged])) < 2:
            return None
        for own, found in zip(calls, probabilities, strict=True):
            own[judged] = found[judged] >= metrics.youden_threshold(truth[~judged], found[~judged])
    return calls


def _describe(study: Study, found: answers.External) -> External:
    numbers, years = patients(found), _years(found)
    both = set(numbers[found.labels == 1]) & set(numbers[found.labels == 0])
    known, aged = PATIENT in found.known, years[np.isfinite(years)]
    ages = None
    if len(aged):
        youngest, median, oldest = np.quantile(aged, (0, 0.5, 1)).tolist()
        ages = Ages(len(aged), youngest, median, oldest, int((aged < ADULT).sum()))
    return External(
        images=len(found.labels),
        unreadable=found.unreadable,
        models={
            model.name: _judge(study, model, found, numbers) for model in ensemble.compared(study)
        },
        key=found.key,
        counts=_by_class(study, found.labels),
        patients=len(set(numbers)) if known else None,
        in_both_classes=len(both) if known else None,
        ages=ages,
        views={
            group: _by_class(study, found.labels[members])
            for kind, group, members in _grouped(found)
            if kind == "view"
        },
        title=found.title,
    )


def _by_class(study: Study, labels: NDArray[np.uint8]) -> dict[str, int]:
    return dict(zip(study.about.classes, np.bincount(labels, minlength=2).tolist(), strict=True))


def _judge(
    study: Study, model: Model, found: answers.External, clusters: NDArray[np.int64]
) -> Asked:
    truth, logits = found.labels, found.of(model)
    probabilities = metrics.probabilities(logits)  # (S, N)
    calls = {
        rule.name: probabilities >= np.array(model.thresholds(rule))[:, None] for rule in RULES
    }
    points = {name: _rates(truth, own, clusters) for name, own in calls.items()}
    chosen = locally(truth, probabilities, clusters)
    there = influence.auc(truth, logits)
    # The test set's patients are others: their numbers follow.
    own = np.unique(study.groups("test"), return_inverse=True)[1]
    apart = np.concatenate([clusters, clusters.max() + 1 + own])
    regained = Estimate(np.nan)
    if chosen is not None:
        gain = _index(truth, chosen) - _index(truth, calls[YOUDEN.name])
        regained = gain.estimate(clusters)
    intercepts = [calibration.recalibrate(truth, one, clusters)[0] for one in logits]
    views = _known(found, "view")
    return Asked(
        auc=there.bounded(clusters),
        sensitivity=points[YOUDEN.name].sensitivity,
        specificity=points[YOUDEN.name].specificity,
        here=intervals.intervals(study)[model.name][HALF.name]["auc"],
        change=there.less(intervals.area(model)).estimate(apart),
        within_view=_area(truth, logits, views, views != "", clusters),
        view_told=_area((views == VIEWS[0]) * 1, logits, truth, np.isin(views, VIEWS), clusters),
        operating_points=points,
        local=_rates(truth, chosen, clusters),
        regained=regained,
        predicted=float(probabilities.mean()),
        intercept=float(np.mean(intercepts)),
        slope=influence.slope(truth, logits).estimate(clusters),
    )


def _rates(truth: NDArray[np.uint8], calls: Bools | None, clusters: NDArray[np.int64]) -> Rates:
    if calls is None:
        return Rates(*(Estimate(np.nan),) * 3)
    return Rates(
        influence.share(calls, truth == 1).bounded(clusters),
        influence.share(~calls, truth == 0).bounded(clusters),
        _index(truth, calls).estimate(clusters),
    )


def _index(truth: NDArray[np.uint8], calls: Bools) -> influence.Measured:
    """Youden's index: sensitivity less the share of false alarms."""
    return influence.share(calls, truth == 1) - influence.share(calls, truth == 0)


def _area(
    truth: NDArray[Any],
    logits: Floats,
    strata: NDArray[Any],
    among: Bools,
    clusters: NDArray[np.int64],
) -> Estimate:
    """An AUC within strata; NaN where there is no pair."""
    try:
        found = influence.auc(truth[among], logits[:, among], strata[among])
    except metrics.MetricError:
        return Estimate(np.nan)
    return found.bounded(clusters[among])


def _known(found: answers.External, name: str) -> NDArray[np.str_]:
    """A property of each image's patient, (N,); empty where it is not known."""
    return np.array(found.known.get(name, ("",) * len(found.files)))


def _years(found: answers.External) -> Floats:
    """Ages (N,), NaN where they are not known."""
    return np.array([float(age) if age else np.nan for age in _known(found, AGE)])


def _grouped(found: answers.External) -> Iterator[tuple[str, str, Bools]]:
    """Kind, name and images (N,) of every group that has images."""
    years = _years(found)
    for low, high in BANDS:
        name = f"{low}–{high - 1}" if np.isfinite(high) else f"{low} and more"
        yield "age", name, (low <= years) & (years < high)
    for kind in ("sex", "view"):
        given = _known(found, kind)
        for name in np.unique(given[given != ""]).tolist():
            yield kind, name, given == name


def _groups(study: Study, sets: Mapping[str, answers.External]) -> Iterator[dict[str, Any]]:
    """Each model's AUC, and its rates at Youden's threshold of validation, in each group."""
    for name, found in sets.items():
        clusters = patients(found)
        groups = [one for one in _grouped(found) if one[2].any()]
        for model in ensemble.compared(study):
            logits = found.of(model)
            limits = np.array(model.thresholds(YOUDEN))[:, None]
            for kind, group, members in groups:
                truth, own = found.labels[members], clusters[members]
                normal, positive = np.bincount(truth, minlength=2).tolist()
                row: dict[str, Any] = {
                    "set": name, "model": model.name, "kind": kind, "group": group,
                    "negative": normal, "positive": positive,
                }  # fmt: skip
                area, rates = Estimate(np.nan), _rates(truth, None, own)
                if min(normal, positive) >= LEAST:
                    calls = metrics.probabilities(logits[:, members]) >= limits
                    area = influence.auc(truth, logits[:, members]).bounded(own)
                    rates = _rates(truth, calls, own)
                yield row | cells({"auc": area, **vars(rates)})


def _curves(study: Study, sets: Mapping[str, answers.External]) -> Iterator[dict[str, Any]]:
    """ROC curves here and there, first seeds, and every AUC with its interval."""
    nowhere = {"false positive rate": np.nan, "sensitivity": np.nan}
    for (name, found), model in product(sets.items(), ensemble.compared(study)):
        own: dict[str, Any] = {"set": name, "model": model.name}
        there = Predictions(found.of(model)[0], found.labels)
        for where, one in (("here", model.run.predictions["test"]), ("there", there)):
            curve = zip(*metrics.roc(one.labels, one.probabilities), strict=True)
            for place in curve if model in study.ran else ():
                x, y = (round(float(value), 6) for value in place)
                row = own | {
                    "where": where,
                    "kind": "roc",
                    "false positive rate": x,
                    "sensitivity": y,
                }
                yield row | Estimate(np.nan).cells("auc")
        judged = asked(study)[name].models[model.name]
        for where, area in (("here", judged.here), ("there", judged.auc)):
            yield own | {"where": where, "kind": "auc"} | nowhere | area.cells("auc")


def _scores(study: Study, sets: Mapping[str, answers.External]) -> Iterator[dict[str, Any]]:
    """Scores of test and of each set, first seeds, as a histogram by model and class."""
    for (name, found), model in product(sets.items(), study.ran):
        there = Predictions(found.of(model)[0], found.labels)
        both = {"here": model.run.predictions["test"], "there": there}
        for row in histograms(model, study.about.classes, both):
            yield {"set": name} | row


def _calibrations(study: Study) -> Iterator[dict[str, Any]]:
    for name, found in asked(study).items():
        observed = found.counts[study.about.positive] / found.images
        for model, judged in found.models.items():
            yield {
                "set": name, "model": model, "predicted": judged.predicted, "observed": observed,
                "intercept": judged.intercept, **judged.slope.cells("slope"),
            }  # fmt: skip
