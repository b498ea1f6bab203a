"""Origin of each image of PneumoniaMNIST: kind of finding, patient, and shape of the original film.

MedMNIST left out the file names of the films (Kermany et al. 2018), which contain these facts. For
``origins.csv`` every image was matched one to one to the published films; it is identified by the SHA-256 of
its bytes at 28×28 pixels. Patients are renumbered. Each number corresponds to one number in the published
file names; if that occurs with bacterial and with viral films, they are taken as one person's.
"""

import csv
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from pneumo.base import checksums

KINDS = ("normal", "bacteria", "virus")
UNKNOWN = ""
# Mean difference in grey levels up to which a larger image, shrunk, is the same film as a thumbnail. All of
# PneumoniaMNIST's are within 5; different films are 9 or more apart.
SAME_FILM = 7.0


@dataclass(frozen=True)
class Origins:
    """Origins of the images of one split, in their order."""

    kinds: NDArray[np.str_]  # (N,), one of KINDS, or UNKNOWN
    patients: NDArray[np.int64]  # (N,), -1 where unknown
    ratios: NDArray[np.float64]  # (N,), width to height of the film before it was cropped, or NaN

    @property
    def known(self) -> NDArray[np.bool_]:
        """Mask of the images with a known origin, (N,)."""
        return self.patients >= 0


@dataclass(frozen=True)
class Counts:
    """Numbers of images, kinds and patients, and of images that share a patient across splits."""

    known: int  # images that the table knows
    patients: dict[str, int]  # distinct ones, by split
    kinds: dict[str, dict[str, int]]  # images by split and kind
    validation_images_sharing: int  # their patient is in training, too
    validation_images_sharing_within_kind: int  # and there with an image of the same kind
    test_images_sharing: int  # their patient is in training or validation, too


def count(found: Mapping[str, Origins]) -> Counts:
    """Count the origins of images, by split train, val and test."""
    train, val, test = (found[name] for name in ("train", "val", "test"))
    developed = np.concatenate([train.patients, val.patients])
    pairs = set(zip(train.patients.tolist(), train.kinds.tolist(), strict=True))
    own = zip(val.patients[val.known].tolist(), val.kinds[val.known].tolist(), strict=True)
    return Counts(
        known=sum(int(split.known.sum()) for split in found.values()),
        patients={
            name: len(np.unique(split.patients[split.known])) for name, split in found.items()
        },
        kinds={
            name: {kind: int((split.kinds == kind).sum()) for kind in KINDS}
            for name, split in found.items()
        },
        validation_images_sharing=int(np.isin(val.patients[val.known], train.patients).sum()),
        validation_images_sharing_within_kind=sum(pair in pairs for pair in own),
        test_images_sharing=int(np.isin(test.patients[test.known], developed).sum()),
    )


def told_apart(patients: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return patients (N,), with a distinct negative number for each unknown patient (-1)."""
    return np.where(patients < 0, -1 - np.arange(len(patients)), patients)


def look_up(name: str, images: NDArray[np.uint8]) -> Origins:
    """Look up the origins of a split's images, uint8 (N, 28, 28), by their bytes.

    If the split has an image several times, its rows are assigned in turn. An image that was moved from
    another split keeps its row. Images that are not in the table are unknown.
    """
    seen = defaultdict[str, int](int)
    found = []
    for image in images:
        digest = checksums.digest(image.tobytes())
        rows = _table().get(digest, [(name, (UNKNOWN, -1, float("nan")))])
        facts = [one for split, one in rows if split == name] or [one for _, one in rows]
        found.append(facts[seen[digest] % len(facts)])
        seen[digest] += 1
    kinds, patients, ratios = zip(*found, strict=True)
    return Origins(np.array(kinds, np.str_), np.array(patients, np.int64), np.array(ratios))


def same_films(images: NDArray[np.uint8], small: NDArray[np.uint8]) -> bool:
    """Whether larger images (N, S, S) show the films of thumbnails (N, 28, 28), in the same order."""
    from PIL import Image

    def is_same(image: NDArray[np.uint8], thumbnail: NDArray[np.uint8]) -> bool:
        shrunk = Image.fromarray(image).resize(thumbnail.shape, Image.Resampling.BILINEAR)
        return bool(np.abs(np.asarray(shrunk, float) - thumbnail).mean() <= SAME_FILM)

    return len(images) == len(small) and all(map(is_same, images, small))


def invented(labels: Mapping[str, NDArray[np.uint8]]) -> dict[str, Origins]:
    """Invent origins for the phantom, in the proportions of the real ones.

    A patient has one to four images of one class. About half of the validation patients are in training,
    too. Films with pneumonia are wider, as the real ones are.
    """
    generator = np.random.default_rng(0)
    found, training, first = {}, np.empty(0, np.int64), 0
    for name, own in labels.items():
        kinds = np.where(own == 0, KINDS[0], generator.choice(KINDS[1:], len(own), p=[0.6, 0.4]))
        patients = np.empty(len(own), np.int64)
        for label in (0, 1):
            places = np.flatnonzero(own == label)
            patients[places] = first + np.arange(len(places)) * 2 // 5
            first += len(places)
        if name == "train":
            training = np.unique(patients)
        elif name == "val":
            shared = generator.random(len(own)) < 0.5
            patients[shared] = generator.choice(training, shared.sum())
        ratios = generator.normal(np.where(own == 0, 1.23, 1.46), 0.18).clip(0.8, 2.5)
        found[name] = Origins(kinds.astype(np.str_), patients, ratios)
    return found


@cache
def _table() -> dict[str, list[tuple[str, tuple[str, int, float]]]]:
    """Split, kind, patient and ratio of each row of ``origins.csv``, by the SHA-256 of the image."""
    table = defaultdict(list)
    lines = files("pneumo.data").joinpath("origins.csv").read_text("utf-8").splitlines()
    for row in csv.DictReader(lines):
        facts = row["kind"], int(row["patient"]), float(row["width_to_height"])
        table[row["sha256"]].append((row["split"], facts))
    return table
