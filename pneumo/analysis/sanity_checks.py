"""What the sanity checks of saliency maps (Adebayo et al. 2018) find in a study.

A map worth reading changes with what the network has learned: with its weights (the cascade, which
`training.saliency` computes and `pneumo study` keeps) and with its labels (the control that learned
from shuffled ones). No torch here.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import trapezoid

from pneumo.record import Estimate, Frame, Part, frame, images
from pneumo.record.interpretability import Agreement, SanityChecks
from pneumo.statistics import clusters
from pneumo.study import questions, selection
from pneumo.study.study import Model, Study
from pneumo.training.removal import MAPS, ORDERS, REMOVAL_IMAGES, some
from pneumo.training.similarity import WINDOW, random_maps, rank_correlation, structural_similarity

# A rank correlation above which two maps of one image would be read the same way.
ALIKE = 0.5
_RESAMPLES = 2000


def part(study: Study) -> Part:
    """The answers, and the numbers behind the cascade, the removal of pixels and the comparisons of maps."""
    models = [model for model in study.ran if asked(study, model)]
    cascades = {model.name: cascade(study, model) for model in models}
    removals = {model.name: removal(study, model) for model in models}
    gaps = {name: dict(zip(MAPS, one.gaps, strict=True)) for name, one in removals.items()}
    alike = agreements(study)
    first = [model.run.label for model in models]
    compared = {"simple-cnn", "simple-cnn-shuffled-labels"} if alike else set()
    return Part(
        {
            "sanity_checks": SanityChecks(
                window=WINDOW,
                alike=ALIKE,
                cascade_images=max((one.images for one in cascades.values()), default=0),
                draws=max((one.draws for one in cascades.values()), default=0),
                left={name: one.left for name, one in cascades.items()},
                chance={name: one.chance for name, one in cascades.items()},
                agreements=alike,
                removal_images=max((one.images for one in removals.values()), default=0),
                gaps=gaps,
                beyond={
                    name: dict(zip(MAPS[1:], one.beyond, strict=True))
                    for name, one in removals.items()
                },
            )
        },
        figures={
            "fig-cascade": frame(list(_by_stage(cascades)), runs=first),
            "fig-road": frame(list(_by_share(removals)), runs=first),
            "fig-cascade-maps": _one_image(study) if models else Frame({}),
        },
        tables={
            "tbl-saliency-agreement": frame(
                [{"maps of": name, **vars(found)} for name, found in alike.items()],
                runs=[run.label for m in study.all if m.name in compared for run in m.runs],
            ),
            "tbl-road": frame(list(_by_map(gaps)), runs=first),
        },
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
    seeds are the ceiling, as far as there are several. Empty where the model was not run.
    """
    found = {model.name: model for model in study.ran + study.controls if model.ran}
    if "simple-cnn" not in found:
        return {}
    model = found["simple-cnn"]
    own = model.run.explanation.maps
    others: dict[str, list[NDArray[Any]]] = {
        "another seed": [run.explanation.maps for run in model.runs[1:]]
    }
    control = found.get("simple-cnn-shuffled-labels")
    if control is not None:
        others["shuffled labels"] = [run.explanation.maps for run in control.runs]
    others["random map"] = [random_maps(own.shape, seed) for seed in range(len(model.runs))]
    return {
        name: Agreement(
            rank=float(np.mean([rank_correlation(own, maps) for maps in sets])),
            structure=float(np.mean([structural_similarity(own, maps) for maps in sets])),
        )
        for name, sets in others.items()
        if sets
    }


class Cascade(NamedTuple):
    """A model's maps against its trained ones, stage after stage of the cascade."""

    stages: list[str]  # S + 1 names, "trained" first
    rank: NDArray[np.float64]  # (S + 1,), size of the rank correlation, mean over draws and images
    structure: NDArray[np.float64]  # (S + 1,), SSIM, mean over draws and images
    left: Estimate  # `rank` with all weights drawn anew, over images
    chance: float  # `rank` of random maps
    images: int
    draws: int


class Removal(NamedTuple):
    """A model's probability of its call as pixels are removed in a map's order."""

    removed: NDArray[np.float64]  # (K + 1,), shares of the pixels
    # (maps, orders, K + 1), mean over images; as :mod:`pneumo.training.saliency` orders
    curves: NDArray[np.float64]
    gaps: tuple[Estimate, ...]  # a map's least minus most relevant first, see `gap`
    beyond: tuple[Estimate, ...]  # the first map's gap less another's, image by image
    images: int


def cascade(study: Study, model: Model) -> Cascade:
    """What is left of a model's maps as its first seed's weights are drawn anew.

    The rank correlation's size counts and not its sign, since a random head may turn a whole map over.
    """
    found = questions.read(model.run, "saliency", study.profile)
    sizes = np.abs(found["rank"])  # (D, S + 1, N)
    return Cascade(
        stages=found["stages"].tolist(),
        rank=sizes.mean(axis=(0, 2)),
        structure=found["structure"].mean(axis=(0, 2)),
        left=mean_interval(sizes[:, -1].mean(axis=0), study.groups("test")[found["images"]]),
        chance=float(np.abs(found["random_rank"]).mean()),
        images=sizes.shape[2],
        draws=sizes.shape[0],
    )


def removal(study: Study, model: Model) -> Removal:
    """What removing pixels does to the calls of a model's first seed."""
    found = questions.read(model.run, "saliency", study.profile)
    removed, curves = found["removed"], found["curves"]
    removed_from = some(study.data.test.labels, found["indices"], *REMOVAL_IMAGES)
    groups = study.groups("test")[removed_from]
    own, *others = (gap(removed, each) for each in curves)
    gaps = tuple(mean_interval(each, groups) for each in (own, *others))
    beyond = tuple(mean_interval(own - each, groups) for each in others)
    return Removal(removed, curves.mean(axis=-1), gaps, beyond, curves.shape[-1])


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


def asked(study: Study, model: Model) -> bool:
    """Whether the model's first seed was asked for its cascade."""
    return questions.path(model.run, "saliency", study.profile).is_file()


def _by_stage(cascades: dict[str, Cascade]) -> Iterator[dict[str, Any]]:
    for name, found in cascades.items():
        for step, stage in enumerate(found.stages):
            yield {
                "model": name,
                "step": step,
                "drawn anew": stage,
                "rank correlation": float(found.rank[step]),
                "SSIM": float(found.structure[step]),
                "rank correlation of random maps": found.chance,
            }


def _by_share(removals: dict[str, Removal]) -> Iterator[dict[str, Any]]:
    for name, found in removals.items():
        for map_, curves in zip(MAPS, found.curves, strict=True):
            for order, curve in zip(ORDERS, curves, strict=True):
                for share, probability in zip(found.removed, curve, strict=True):
                    own = {"model": name, "map": map_, "order": order}
                    yield own | {"removed": float(share), "probability": float(probability)}


def _by_map(gaps: dict[str, dict[str, Estimate]]) -> Iterator[dict[str, Any]]:
    for name, by_map in gaps.items():
        for map_, gap in by_map.items():
            ends = {"gap": gap.value, "low": gap.low, "high": gap.high}
            yield {"model": name, "map": map_, **ends}


def _one_image(study: Study) -> Frame:
    """The best model's signed maps of one image through the cascade: a row a cell, a column a stage.

    The image is the one of the cascade's positive cases that the trained network is surest of.
    """
    model = selection.best(study)
    found = questions.read(model.run, "saliency", study.profile)
    test, shown = model.run.predictions["test"], found["images"]
    place = int(np.argmax(np.where(test.labels[shown] == 1, test.logits[shown], -np.inf)))
    index, maps = int(shown[place]), found["maps"][:, place]  # (S + 1, h, w)
    row, column = np.indices(maps.shape[1:]).reshape(2, -1)
    count = len(row)
    return Frame(
        {
            "split": ["test"] * count,
            "index": [index] * count,
            "label": [int(test.labels[index])] * count,
            "sha256": [images.digest(study.data.test.images[index])] * count,
            "row": row,
            "column": column,
            **{
                name: map_.ravel()
                for name, map_ in zip(found["stages"].tolist(), maps, strict=True)
            },
        },
        runs=(model.run.label,),
    )
