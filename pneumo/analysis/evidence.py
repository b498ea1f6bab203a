"""What can be seen of trained networks: first-layer filters, Grad-CAM maps, and where their evidence lies.

The regions are drawn by rule from the mean training image, the same for every model and never fitted to a
result. No torch here.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

from pneumo.analysis import mistakes
from pneumo.analysis.rows import pixel_rows, unfold
from pneumo.analysis.sanity_checks import mean_interval
from pneumo.record import Part, frame
from pneumo.record.summaries import Evidence, Explained, Share
from pneumo.statistics import clusters, influence
from pneumo.statistics.influence import Measured
from pneumo.study import selection
from pneumo.study.study import YOUDEN, Model, Study, run_labels

# The thorax is a disc in the middle, as films are centred and cropped to it: a radius in shares of the side.
RADIUS = 0.42
BORDER = 2  # pixels at each side
EACH = 2  # cases of each group that a figure shows
# The regions of images with and without lungs, and their titles; the first is the disc.
CHEST = {"thorax": "thorax", "lungs": "lung fields", "border": "border"}
ELSEWHERE = {"centre": "centre", "border": "border"}


def part(study: Study) -> Part:
    """The answers, and the numbers behind `fig-regions` and `tbl-evidence`."""
    found = {model.name: by_region(study, model) for model in study.ran}
    runs = run_labels(study.ran)
    layers = {"mean training image": study.data.train.images.mean(axis=0), **regions(study)}
    pictures = layers | {model.name: mean_evidence(model) for model in study.ran}
    rounded = {name: picture.astype(float).round(6) for name, picture in pictures.items()}
    even, inside, groups = float("nan"), {}, study.groups("test")
    if study.about.has_lungs:
        even = even_share(study)
        inside = {
            model.name: {call: one.estimate(groups) for call, one in in_lungs(study, model).items()}
            for model in study.ran
        }
    by_call = [
        {"model": name, "call": call, "even map": even, **vars(share)}
        for name, calls in inside.items()
        for call, share in calls.items()
    ]
    names, asked = (CHEST, "lungs") if study.about.has_lungs else (ELSEWHERE, "centre")
    return Part(
        {"evidence": Evidence(names, asked, RADIUS, BORDER, found, even, inside)},
        figures={"fig-regions": frame(pixel_rows(rounded, "layer", "value"), runs=runs)},
        tables={
            "tbl-evidence": frame(unfold(found, "model", "region"), runs=runs),
            "tbl-lungs": frame(by_call, runs=runs),
        },
    )


def regions(study: Study) -> dict[str, NDArray[np.bool_]]:
    """The masks (H, W): a disc for the thorax, what is dark in it for the lung fields, the outer pixels.

    Of images that are not of chests there are the disc, which is then the centre, and the outer pixels.

    The lung fields are the pixels of the disc in which the mean training image is darker than Otsu's
    threshold (Otsu 1979) of the disc. Both fields together are a coarse region, not a segmentation: where
    an image's own lungs lie, nobody has drawn.
    """
    from skimage.filters import threshold_otsu

    mean = study.data.train.images.mean(axis=0)  # (H, W)
    down, right = (np.indices(mean.shape) + 0.5) / mean.shape[0] - 0.5
    thorax = down**2 + right**2 <= RADIUS**2
    inner = np.zeros(mean.shape, dtype=bool)
    inner[BORDER:-BORDER, BORDER:-BORDER] = True
    if not study.about.has_lungs:
        return {"centre": thorax, "border": ~inner}
    inside = mean[thorax]
    dark = mean < threshold_otsu(inside) if np.ptp(inside) > 0 else np.zeros_like(thorax)
    return {"thorax": thorax, "lungs": thorax & dark, "border": ~inner}


def coverage(mask: NDArray[np.bool_], cells: tuple[int, int]) -> NDArray[np.float64]:
    """The share of each of a map's cells that a mask covers; its mean is the mask's.

    Args:
        mask: (H, W).
        cells: height and width of the map, in cells.

    Returns:
        float64, of shape `cells`, in [0, 1].
    """
    down, right = (_overlap(*sides) for sides in zip(cells, mask.shape, strict=True))
    return np.asarray(down @ mask @ right.T)


def shares(evidence: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What share of each map's evidence lies in the mask, cells counted by how far it covers them.

    Args:
        evidence: (N, h, w), not negative.
        mask: (H, W).

    Returns:
        float64 (N,), in [0, 1]; NaN for a map without evidence.
    """
    total = evidence.sum(axis=(1, 2), dtype=np.float64)
    return _inside(evidence, mask) / np.where(total > 0, total, np.nan)


def evidence(model: Model) -> list[NDArray[np.floating]]:
    """Each run's maps (N, h, w) of what speaks for the call it made, at Youden's threshold: their ReLU."""
    signs = np.where(model.calls(YOUDEN), 1, -1)[:, :, None, None]
    maps = (run.explanation.maps * sign for run, sign in zip(model.runs, signs, strict=True))
    return [np.maximum(signed, 0) for signed in maps]


def mean_evidence(model: Model) -> NDArray[np.float64]:
    """The share of each cell in the evidence, mean over all runs' maps that are not blank, (h, w)."""
    maps = np.concatenate(evidence(model)).astype(np.float64)
    total = maps.sum(axis=(1, 2), keepdims=True)
    known = total[:, 0, 0] > 0
    return np.asarray((maps[known] / total[known]).mean(axis=0) if known.any() else maps[0])


def mean_shares(maps: list[NDArray[np.floating]], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """A region's share in each test image's evidence, (N,), averaged over the seeds.

    Seeds whose map of an image is blank are left out; NaN where all are.

    Args:
        maps: of each seed, (N, h, w), as :func:`evidence` gives them.
        mask: the region's cells, (h, w).
    """
    found = np.ma.masked_invalid([shares(each, mask) for each in maps])  # (seeds, N)
    return np.asarray(found.mean(axis=0).filled(np.nan))


def by_region(study: Study, model: Model) -> dict[str, Share]:
    """A model's :class:`Share` of each region, over all test images.

    Means are compared with the even map by Wilcoxon's signed-rank test, of patients' means.
    """
    found, maps, groups = {}, evidence(model), study.groups("test")
    for region, mask in regions(study).items():
        values, uniform = mean_shares(maps, mask), float(mask.mean())
        finite = np.isfinite(values)
        known = clusters.means(values[finite], groups[finite])
        tested = bool(len(known)) and bool((known != uniform).any())
        mean = mean_interval(values, groups)
        found[region] = Share(
            region, mean.value, mean.low, mean.high, uniform,
            p_value=float(wilcoxon(known - uniform).pvalue) if tested else float("nan"),
            blank=int((~finite).sum()),
        )  # fmt: skip
    return found


def even_share(study: Study) -> float:
    """The lung fields' share of the thorax, which an even map has there."""
    masks = regions(study)
    return float(masks["lungs"].sum() / masks["thorax"].sum())


def in_lungs(study: Study, model: Model) -> dict[str, Measured]:
    """The share of the thorax's evidence in the lung fields, by call.

    Without calls for which no map has evidence.
    """
    maps, masks, found = evidence(model), regions(study), {}
    lungs, thorax = (
        np.array([_inside(each, masks[name]) for each in maps]) for name in ("lungs", "thorax")
    )  # (S, N)
    for label, name in enumerate(study.about.classes):
        own = (thorax > 0) & (model.calls(YOUDEN) == bool(label))
        if own.any(axis=1).all():
            found[name] = influence.ratio(lungs / np.where(thorax > 0, thorax, 1) * own, own)
    return found


def _inside(evidence: NDArray[np.floating], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """The evidence of maps (N, h, w) in a mask (H, W), (N,)."""
    covered = coverage(mask, (evidence.shape[1], evidence.shape[2]))
    return np.asarray((evidence * covered).sum(axis=(1, 2)))


def _overlap(cells: int, pixels: int) -> NDArray[np.float64]:
    """How much of each of `cells` equal parts of a line each of its `pixels` fills, (cells, pixels)."""
    edges, ticks = np.linspace(0, 1, cells + 1), np.linspace(0, 1, pixels + 1)
    start = np.maximum(edges[:-1, None], ticks[None, :-1])
    end = np.minimum(edges[1:, None], ticks[None, 1:])
    return np.asarray(np.maximum(end - start, 0) * cells)


def grad_cam(study: Study) -> Part:
    """Maps and filters of every model's first seed, and the cases that the Grad-CAM figures show."""
    shown = {"fig-gradcam": selection.best(study), "fig-gradcam-second": selection.second(study)}
    found = {model.name: explained(model) for model in study.ran}
    kernels = [
        {"model": name, "kernels": one.kernels, "neighbour correlation": one.neighbours}
        for name, one in found.items()
    ]
    return Part(
        {"explained": found},
        figures={"fig-filters": frame(kernels, runs=[model.run.label for model in study.ran])}
        | {
            anchor: frame(
                ({"model": model.name} | row for row in mistakes.surest(study, model, EACH)),
                runs=[model.run.label],
            )
            for anchor, model in shown.items()
        },
        arrays={
            f"maps/{model.name}": model.run.explanation.maps.astype(np.float16)
            for model in study.ran
        }
        | {f"filters/{model.name}": model.run.explanation.filters for model in study.ran},
    )


def explained(model: Model) -> Explained:
    """What the maps and filters of a model's first seed amount to."""
    maps, filters = model.run.explanation.maps, model.run.explanation.filters
    blank = ~evidence(model)[0].any(axis=(1, 2))
    return Explained(
        images=len(maps),
        cells=(maps.shape[1], maps.shape[2]),
        blank=int(blank.sum()),
        kernels=len(filters),
        neighbours=neighbour_correlation(filters),
    )


def neighbour_correlation(filters: NDArray[np.floating]) -> float:
    """The correlation of weights that lie side by side in a kernel, over all kernels (F, h, w).

    Near zero for independent random weights; high for smooth kernels. NaN where all weights are equal.
    """
    pairs = [(filters[:, 1:], filters[:, :-1]), (filters[:, :, 1:], filters[:, :, :-1])]
    first, second = (
        np.concatenate([side.ravel() for side in sides]) for sides in zip(*pairs, strict=True)
    )
    if np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])
