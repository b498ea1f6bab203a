"""Images that are in the data more than once, exactly or nearly, and what they do to the results."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from pneumo.analysis.rows import image_row
from pneumo.data import SPLITS, Split
from pneumo.data.thumbnails import thumbnails
from pneumo.record import Part, frame
from pneumo.record.images import digest
from pneumo.record.summaries import Duplicates
from pneumo.statistics import metrics
from pneumo.study.cache import once
from pneumo.study.study import YOUDEN, Study, evaluate, threshold
from pneumo.training.runs import Run

# Two images are nearly the same when their hashes differ in at most so many of 64 bits, and their grey values
# correlate at least so well. What that finds and what it overlooks is measured on planted copies.
BITS = 10
CORRELATION = 0.97
HASH_LENGTH = 64
LOOK_ALIKE = 0.9  # the correlation from which a pair is worth a look, whatever its hashes say
# The metrics that are compared with and without copies.
COMPARED = {"val": ("auc",), "test": ("auc", "recall", "specificity")}
CLOSEST = 5  # pairs across splits that are kept for the figure
PLANTED = 200  # test images of which changed copies are planted
_BLOCK = 512


def part(study: Study) -> Part:
    """The answers, and the numbers behind `fig-near-duplicates` and the three tables of duplicates."""
    found = search(study)
    closest = [
        image_row(study, *place)
        | {"pair": number, "place": name, "correlation": pair.correlation, "bits": pair.bits}
        for number, pair in enumerate(found.closest, 1)
        for name, place in (("upper", pair.first), ("lower", pair.second))
    ]
    repeats = {split: int(repeated(study, split).sum()) for split in COMPARED}
    compared: list[dict[str, Any]] = [
        {
            "model": model.name,
            "split": split,
            "metric": name,
            "all": evaluate(model.run, YOUDEN, split)[name],
            "without": without(study, model.run, split)[name],
        }
        for model in study.ran
        for split, names in COMPARED.items()
        if repeats[split]
        for name in names
    ]
    changes = [abs(row["all"] - row["without"]) for row in compared]
    return Part(
        {
            "duplicates": Duplicates(
                bits=BITS,
                hash_length=HASH_LENGTH,
                correlation=CORRELATION,
                alike_by_hash=sum(row["alike_by_hash"] for row in found.counts)
                / sum(row["pairs"] for row in found.counts),
                across_classes=found.strangers,
                planted=min(PLANTED, len(study.data.test.labels)),
                in_validation=repeats["val"],
                in_test=repeats["test"],
                largest_effect=max((change for change in changes if change == change), default=0.0),
            )
        },
        figures={"fig-near-duplicates": frame(closest)},
        tables={
            "tbl-near-duplicates": frame(found.counts),
            "tbl-planted-copies": frame(planted(study.data.test.images[:PLANTED])),
            "tbl-without-copies": frame(
                compared, runs=[model.run.label for model in study.ran] if compared else []
            ),
        },
    )


@dataclass(frozen=True)
class Pair:
    """Two images, each as split and index, and how alike they are."""

    first: tuple[str, int]
    second: tuple[str, int]
    bits: int  # in which the hashes differ
    correlation: float


@dataclass(frozen=True)
class Search:
    """What the search for near duplicates finds."""

    # By the splits of a pair, how many pairs there are; of them identical to the byte; whose hashes nearly
    # agree and whose bytes do not (`alike_by_hash`); and whose grey values agree too (`near`).
    counts: tuple[dict[str, Any], ...]
    near: tuple[Pair, ...]  # the near duplicates, the most alike first
    closest: tuple[Pair, ...]  # the most alike pairs across splits that are not identical
    strangers: float  # the highest correlation of images of different classes: no copies of one


@once
def search(study: Study) -> Search:
    """Near duplicates within and across splits.

    Candidates are pairs whose perceptual hashes nearly agree: the signs of the lowest 64 frequencies of an
    image's cosine transform, above or below their median (Zauner 2010, pHash). Chest films have much the
    same low frequencies, so a candidate counts only where the grey values correlate as well.
    """
    splits = {name: study.data.splits[name] for name in SPLITS}
    sizes = {name: len(split.labels) for name, split in splits.items()}
    at = [(name, place) for name, size in sizes.items() for place in range(size)]
    names = np.repeat(SPLITS, list(sizes.values()))
    labels = np.concatenate([split.labels for split in splits.values()])

    digests = np.array([digest(image) for split in splits.values() for image in split.images])

    first, second, bits, correlation = _look_alikes([*splits.values()])  # (P,), most alike first
    same = digests[first] == digests[second]
    alike = ~same & (bits <= BITS)
    near = alike & (correlation >= CORRELATION)
    across = ~same & (names[first] != names[second])
    strangers = correlation[~same & (labels[first] != labels[second])]

    def listed(which: NDArray[np.bool_], most: int | None = None) -> tuple[Pair, ...]:
        return tuple(
            Pair(at[first[p]], at[second[p]], int(bits[p]), round(float(correlation[p]), 6))
            for p in np.flatnonzero(which)[:most]
        )

    counts = []
    for a, b in combinations_with_replacement(SPLITS, 2):
        between = (names[first] == a) & (names[second] == b)
        pairs = sizes[a] * (sizes[a] - 1) // 2 if a == b else sizes[a] * sizes[b]
        kinds = {"identical": same, "alike_by_hash": alike, "near": near}
        found = {kind: int((between & which).sum()) for kind, which in kinds.items()}
        counts.append({"first": a, "second": b, "pairs": pairs} | found)
    highest = max(float(strangers.max(initial=-1)), LOOK_ALIKE)
    return Search(tuple(counts), listed(near), listed(across, CLOSEST), round(highest, 6))


def repeated(study: Study, split: str) -> NDArray[np.bool_]:
    """Which images of a split copy an earlier image, to the byte or nearly, (N,).

    Earlier are those of the splits before it, in the order train, val, test, and those before it in its own.
    """
    images = study.data.splits[split].images
    seen = {
        digest(image)
        for name in SPLITS[: SPLITS.index(split)]
        for image in study.data.splits[name].images
    }
    near = {pair.second for pair in search(study).near}
    found = np.zeros(len(images), bool)
    for index, own in enumerate(map(digest, images)):
        found[index] = own in seen or (split, index) in near
        seen.add(own)
    return found


def without(study: Study, run: Run, split: str) -> dict[str, float]:
    """A run's metrics on a split at Youden's threshold, without the images that copy an earlier one.

    The threshold stays where all of validation put it. Metrics that need both classes, where one is left,
    are NaN.
    """
    predictions, own = run.predictions[split], ~repeated(study, split)
    labels, probabilities = predictions.labels[own], predictions.probabilities[own]
    if len(np.unique(labels)) < 2:
        return dict.fromkeys(metrics.NAMES, float("nan"))
    return metrics.evaluate(labels, probabilities, threshold(run, YOUDEN))


def hashes(images: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """The perceptual hash of each image, (N, 64) bits, from images (N, H, W)."""
    import imagehash
    from PIL import Image

    bits = [imagehash.phash(Image.fromarray(image)).hash.ravel() for image in images]
    return np.array(bits, bool).reshape(len(images), HASH_LENGTH)


def plant(images: NDArray[np.uint8]) -> dict[str, NDArray[np.uint8]]:
    """Changed copies of images (N, H, W): what might become of a film that is published twice."""
    grey, generator = images.astype(np.float64), np.random.default_rng(0)
    nearest: dict[str, Any] = {"order": 1, "mode": "nearest"}
    changed = {
        "contrast less a tenth, 12 grey levels brighter": 0.9 * (grey - 128) + 140,
        "grain with a standard deviation of 4 grey levels": grey
        + generator.normal(0, 4, grey.shape),
        "blur over half a pixel": ndimage.gaussian_filter(grey, (0, 0.5, 0.5)),
        "rotation by 2°": ndimage.rotate(grey, 2, axes=(1, 2), reshape=False, **nearest),
        "shift by half a pixel": ndimage.shift(grey, (0, 0, 0.5), **nearest),
        "shift by a whole pixel": ndimage.shift(grey, (0, 0, 1), **nearest),
    }
    return {
        name: np.clip(np.round(copies), 0, 255).astype(np.uint8) for name, copies in changed.items()
    }


def planted(images: NDArray[np.uint8]) -> Iterator[dict[str, Any]]:
    """A row a change: how many of the changed copies of images (N, H, W) would be found, in [0, 1].

    `bits` is the median number of bits that the hash moves, `correlation` the median with the original.
    """
    hashed, grey = hashes(images), _standardised(images)
    for name, copies in plant(images).items():
        bits = (hashes(copies) != hashed).sum(axis=1)
        correlation = (_standardised(copies) * grey).sum(axis=1)
        yield {
            "change": name,
            "bits": np.median(bits),
            "correlation": round(float(np.median(correlation)), 6),
            "found": np.mean((bits <= BITS) & (correlation >= CORRELATION)),
        }


def _look_alikes(splits: Sequence[Split]) -> tuple[NDArray[Any], ...]:
    """Pairs whose hashes nearly agree or whose grey values correlate at :data:`LOOK_ALIKE` or better.

    Every image is held against every other: the time grows with the square of their number, and the memory
    is 3 kB for each, whatever its size.

    Returns:
        Indices of the one and of the other, bits that differ, and correlation, each (P,), the highest
        correlation first.
    """
    from threadpoolctl import threadpool_limits

    found = np.concatenate([hashes(split.images) for split in splits])
    signs = np.where(found, 1, -1).astype(np.float32)  # (N, 64)
    grey = np.concatenate([_standardised(split.images) for split in splits])  # (N, S·S)
    parts = []
    for start in range(0, len(signs), _BLOCK):
        rows = slice(start, start + _BLOCK)
        # Products this small are faster on one thread than on several that wait for one another.
        with threadpool_limits(1):
            differing = (HASH_LENGTH - signs[rows] @ signs[start:].T) / 2  # (B, N − start)
            correlation = grey[rows] @ grey[start:].T
        chosen = np.triu((differing <= BITS) | (correlation >= LOOK_ALIKE), k=1)  # each pair once
        i, j = np.nonzero(chosen)
        parts.append((i + start, j + start, differing[i, j].astype(np.int64), correlation[i, j]))
    joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
    order = np.argsort(-joined[-1], kind="stable")
    return tuple(part[order] for part in joined)


def _standardised(images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Each thumbnail with mean 0 and length 1, (N, S·S): a product is a correlation; flat ones are 0."""
    flat = thumbnails(images).reshape(len(images), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    length = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.asarray(flat / np.where(length > 0, length, 1))
