"""What the sanity checks of saliency maps (Adebayo et al. 2018) find in a study.

A map worth reading changes with what the network has learned: with its weights (the cascade, which
`training.saliency` computes and `pneumo study` keeps) and with its labels (the control that learned
from shuffled ones). No torch here.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from pneumo.analysis.rows import image_row, pixels, unfold
from pneumo.record import Estimate, Frame, Part, frame
from pneumo.record.summaries import Agreement, SanityChecks
from pneumo.statistics import clusters
from pneumo.study import outputs, selection
from pneumo.study.cache import once
from pneumo.study.study import Study, run_labels
from pneumo.training.removal import MAPS, ORDERS, REMOVAL_IMAGES, some
from pneumo.training.similarity import WINDOW, random_maps, rank_correlation, structural_similarity

# A rank correlation above which two maps of one image would be read the same way.
ALIKE = 0.5
# The network whose maps are compared, and its control, which learned from shuffled labels.
COMPARED = ("simple-cnn", "simple-cnn-shuffled-labels")
_RESAMPLES = 2000


def part(study: Study) -> Part:
    """The answers, and the numbers behind the cascade, the removal of pixels and the comparisons of maps."""
    found, answers = checks(study), _outputs(study)
    first = [model.run.label for model in study.ran]
    compared = run_labels(model for model in study.all if model.name in COMPARED)
    gaps = (
        {"model": name, "map": map_, **gap.named("gap")}
        for name, by_map in found.gaps.items()
        for map_, gap in by_map.items()
    )
    return Part(
        {"sanity_checks": found},
        figures={
            "fig-cascade": frame(_by_stage(answers), runs=first),
            "fig-road": frame(_by_share(answers), runs=first),
            "fig-cascade-maps": _one_image(study),
        },
        tables={
            "tbl-saliency-agreement": frame(unfold(found.agreements, "maps of"), runs=compared),
            "tbl-road": frame(gaps, runs=first),
        },
    )


@once
def checks(study: Study) -> SanityChecks:
    """What is left of each model's maps as its first seed's weights are drawn anew, and what they are worth.

    The rank correlation's size counts and not its sign, since a random head may turn a whole map over.
    """
    answers, groups = _outputs(study), study.groups("test")
    left, chance, gaps, beyond = {}, {}, {}, {}
    for name, answer in answers.items():
        sizes = np.abs(answer["rank"])[:, -1].mean(axis=0)  # with all weights drawn anew, (N,)
        left[name] = mean_interval(sizes, groups[answer["images"]])
        chance[name] = float(np.abs(answer["random_rank"]).mean())
        patients = groups[some(study.data.test.labels, answer["indices"], *REMOVAL_IMAGES)]
        each = dict(
            zip(MAPS, (gap(answer["removed"], own) for own in answer["curves"]), strict=True)
        )
        gaps[name] = {map_: mean_interval(own, patients) for map_, own in each.items()}
        # Of the first map less another, image by image.
        beyond[name] = {
            map_: mean_interval(each[MAPS[0]] - each[map_], patients) for map_ in MAPS[1:]
        }
    return SanityChecks(
        window=WINDOW,
        alike=ALIKE,
        cascade_images=max(answer["rank"].shape[2] for answer in answers.values()),
        draws=max(len(answer["rank"]) for answer in answers.values()),
        left=left,
        chance=chance,
        agreements=agreements(study),
        removal_images=max(answer["curves"].shape[-1] for answer in answers.values()),
        gaps=gaps,
        beyond=beyond,
    )


def mean_interval(values: NDArray[np.floating], groups: NDArray[np.int64]) -> Estimate:
    """The mean and its 95 % interval, by the percentile bootstrap over patients (Davison & Hinkley 1997).

    Args:
        values: one an image, (N,); what is not a number is left out.
        groups: the patient of each image, (N,).

    Returns:
        NaN where nothing is left.
    """
    finite = np.isfinite(values)
    known = np.asarray(values, dtype=np.float64)[finite]
    if not len(known):
        return Estimate(float("nan"))
    one_kind = np.zeros(len(known), np.uint8)
    weights = clusters.draw(one_kind, groups[finite], _RESAMPLES, np.random.default_rng(0))
    low, high = np.percentile((weights @ known) / weights.sum(axis=1), (2.5, 97.5))
    return Estimate(float(known.mean()), float(low), float(high))


def agreements(study: Study) -> dict[str, Agreement]:
    """SimpleCNN's maps against its other seeds', its control's and random ones, over all test images.

    The control has SimpleCNN's recipe and shuffled labels (data randomisation, Adebayo et al. 2018); the
    seeds are the ceiling, as far as there are several. Without the control where it was not run.
    """
    model, *controls = (model for model in study.all if model.name in COMPARED)
    own = model.run.explanation.maps
    others: dict[str, list[NDArray[Any]]] = {
        "another seed": [run.explanation.maps for run in model.runs[1:]],
        "shuffled labels": [run.explanation.maps for one in controls for run in one.runs],
        "random map": [random_maps(own.shape, seed) for seed in range(len(model.runs))],
    }
    return {
        name: Agreement(
            rank=float(np.mean([rank_correlation(own, maps) for maps in sets])),
            structure=float(np.mean([structural_similarity(own, maps) for maps in sets])),
        )
        for name, sets in others.items()
        if sets
    }


def gap(removed: NDArray[np.float64], curves: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean height between an image's two curves: least relevant first minus most relevant first.

    Above zero where the map's order is worth something; around zero for a map that knows nothing.

    Args:
        removed: shares of pixels, (K + 1,), rising.
        curves: the call's probability, (2, K + 1, N): most, then least relevant first.

    Returns:
        float64 (N,), in [-1, 1].
    """
    between = trapezoid(curves[1] - curves[0], removed, axis=0)
    return np.asarray(between / (removed[-1] - removed[0]), dtype=np.float64)


def _outputs(study: Study) -> dict[str, dict[str, NDArray[Any]]]:
    """Each first seed's answer, as `training.saliency` gives it: D draws, S stages, N images, K shares."""
    return {model.name: outputs.read(model.run, "saliency", study.profile) for model in study.ran}


def _by_stage(answers: dict[str, dict[str, NDArray[Any]]]) -> Iterator[dict[str, Any]]:
    """The maps' likeness to the trained network's, means over draws and images, (D, S + 1, N)."""
    for name, found in answers.items():
        rank, structure = (
            np.abs(found["rank"]).mean(axis=(0, 2)),
            found["structure"].mean(axis=(0, 2)),
        )
        for step, stage in enumerate(found["stages"].tolist()):
            yield {
                "model": name,
                "step": step,
                "drawn anew": stage,
                "rank correlation": float(rank[step]),
                "SSIM": float(structure[step]),
                "rank correlation of random maps": float(np.abs(found["random_rank"]).mean()),
            }


def _by_share(answers: dict[str, dict[str, NDArray[Any]]]) -> Iterator[dict[str, Any]]:
    """A model's probability of its call as pixels are removed, mean over images, (maps, orders, K + 1)."""
    for name, found in answers.items():
        for map_, curves in zip(MAPS, found["curves"].mean(axis=-1), strict=True):
            for order, curve in zip(ORDERS, curves, strict=True):
                for share, probability in zip(found["removed"], curve, strict=True):
                    own = {"model": name, "map": map_, "order": order}
                    yield own | {"removed": float(share), "probability": float(probability)}


def _one_image(study: Study) -> Frame:
    """The best model's signed maps of one image through the cascade: a row a cell, a column a stage.

    The image is the one of the cascade's positive cases that the trained network is surest of.
    """
    model = selection.best(study)
    found = _outputs(study)[model.name]
    test, shown = model.run.predictions["test"], found["images"]
    place = int(np.argmax(np.where(test.labels[shown] == 1, test.logits[shown], -np.inf)))
    index, maps = int(shown[place]), found["maps"][:, place]  # (S + 1, h, w)
    image = {name: [cell] * maps[0].size for name, cell in image_row(study, "test", index).items()}
    stages = pixels(dict(zip(found["stages"].tolist(), maps, strict=True)))
    return Frame({**image, **stages}, runs=(model.run.label,))
