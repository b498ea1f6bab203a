"""Drawn sets of any size in MedMNIST's format, written with one batch in memory at a time."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import NDArray

from pneumo.data.phantom import SEED, draw

BATCH = 256  # images that are drawn and written at a time
DISTINCT = 128  # images that are drawn; all others are variants of them


def draw_batches(
    labels: NDArray[np.uint8], size: int = 28, seed: int = SEED
) -> Iterator[NDArray[np.uint8]]:
    """Draw any number of images, batch by batch.

    The first :data:`DISTINCT` are drawn. The others repeat them by class, shifted by a few pixels, a little
    brighter or darker, and with new noise, which takes a hundredth of the time.

    Args:
        labels: of the images, (N,).
        size: side of the images, in pixels.
        seed: decides every image.

    Yields:
        uint8 (B, size, size), in the labels' order, until there are N.
    """
    generator = np.random.default_rng(seed)
    known = labels[:DISTINCT]
    drawn = np.stack([draw(size, bool(label), generator) for label in known])
    yield from (drawn[start : start + BATCH] for start in range(0, len(drawn), BATCH))
    reach = max(1, size // 14)
    for start in range(DISTINCT, len(labels), BATCH):
        wanted = labels[start : start + BATCH]
        chosen = np.empty(len(wanted), np.int64)
        for label in np.unique(wanted):
            same = np.flatnonzero(known == label)
            chosen[wanted == label] = generator.choice(same, (wanted == label).sum())
        down, right = generator.integers(-reach, reach + 1, (2, len(wanted), 1))
        places = np.arange(size)
        moved = drawn[
            chosen[:, None, None],
            (places + down).clip(0, size - 1)[:, :, None],
            (places + right).clip(0, size - 1)[:, None, :],
        ].astype(np.int16)
        moved += generator.integers(-12, 13, (len(wanted), 1, 1), dtype=np.int16)
        moved += generator.integers(-3, 4, moved.shape, dtype=np.int16)
        yield moved.clip(0, 255).astype(np.uint8)


def write(path: Path, counts: Mapping[str, int], size: int = 28) -> None:
    """Write a drawn set.

    Args:
        path: of the ``.npz``.
        counts: images by split, at least two each; every fourth is of label 0.
        size: side of the images, in pixels.
    """
    with ZipFile(path, "w", ZIP_DEFLATED, compresslevel=1) as archive:
        for number, (split, count) in enumerate(counts.items()):
            labels = (np.arange(count) % 4 > 0).astype(np.uint8)
            batches = {
                "images": ((count, size, size), draw_batches(labels, size, SEED + number)),
                "labels": ((count, 1), iter([labels])),
            }
            for what, (shape, parts) in batches.items():
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                with archive.open(f"{split}_{what}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, header)
                    for part in parts:
                        member.write(part.tobytes())
