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

from pneumo.analysis.rows import image_row, pixels, unfold
from pneumo.record import Estimate, Frame, Part, frame
from pneumo.record.interpretability import Agreement, SanityChecks
from pneumo.statistics import clusters
from pneumo.study import questions, selection
from pneumo.study.study import Model, Study, run_labels
from pneumo.training.removal import MAPS, ORDERS, REMOVAL_IMAGES, some
from pneumo.training.similarity import WINDOW, random_maps, rank_correlation, structural_similarity

# A rank correlation above which two maps of one image would be read the same way.
ALIKE = 0.5
# The network whose maps are compared, and its control, which learned from shuffled labels.
COMPARED = ("simple-cnn", "simple-cnn-shuffled-labels")
_RESAMPLES = 2000


def part(study: Study) -> Part:
    """The answers, and the numbers behind the cascade, the removal of pixels and the comparisons of maps."""
    cascades = {model.name: cascade(study, model) for model in study.ran}
    removals = {model.name: removal(study, model) for model in study.ran}
    gaps = {name: one.gaps for name, one in removals.items()}
    alike = agreements(study)
    first = [model.run.label for model in study.ran]
    return Part(
        {
            "sanity_checks": SanityChecks(
                window=WINDOW,
                alike=ALIKE,
                cascade_images=max(one.images for one in cascades.values()),
                draws=max(one.draws for one in cascades.values()),
                left={name: one.left for name, one in cascades.items()},
                chance={name: one.chance for name, one in cascades.items()},
                agreements=alike,
                removal_images=max(one.images for one in removals.values()),
                gaps=gaps,
                beyond={name: one.beyond for name, one in removals.items()},
            )
        },
        figures={
            "fig-cascade": frame(_by_stage(cascades), runs=first),
            "fig-road": frame(_by_share(removals), runs=first),
            "fig-cascade-maps": _one_image(study),
        },
        tables={
            "tbl-saliency-agreement": frame(
                unfold(alike, "maps of"),
                runs=run_labels(m for m in study.all if m.name in COMPARED),
            ),
            "tbl-road": frame(
                (
                    {"model": name, "map": map_, **gap.named("gap")}
                    for name, by_map in gaps.items()
                    for map_, gap in by_map.items()
                ),
                runs=first,
            ),
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
    gaps: dict[str, Estimate]  # by map: least minus most relevant first, see `gap`
    beyond: dict[str, Estimate]  # by other map: the first map's gap less its own, image by image
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
    each = {name: gap(removed, own) for name, own in zip(MAPS, curves, strict=True)}
    gaps = {name: mean_interval(own, groups) for name, own in each.items()}
    beyond = {name: mean_interval(each[MAPS[0]] - each[name], groups) for name in MAPS[1:]}
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


def _one_image(study: Study) -> Frame:
    """The best model's signed maps of one image through the cascade: a row a cell, a column a stage.

    The image is the one of the cascade's positive cases that the trained network is surest of.
    """
    model = selection.best(study)
    found = questions.read(model.run, "saliency", study.profile)
    test, shown = model.run.predictions["test"], found["images"]
    place = int(np.argmax(np.where(test.labels[shown] == 1, test.logits[shown], -np.inf)))
    index, maps = int(shown[place]), found["maps"][:, place]  # (S + 1, h, w)
    image = {name: [cell] * maps[0].size for name, cell in image_row(study, "test", index).items()}
    stages = pixels(dict(zip(found["stages"].tolist(), maps, strict=True)))
    return Frame({**image, **stages}, runs=(model.run.label,))
