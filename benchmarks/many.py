"""Drawn sets of any size in MedMNIST's format, written with one batch in memory at a time."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile

import numpy as np
from numpy.typing import NDArray

from pneumo.data.phantom import SEED, draw

BATCH = 256  # images that are written at a time
DISTINCT = 128  # images that are drawn; all are variants of them


def draw_batches(labels: NDArray[np.uint8], size: int, seed: int) -> Iterator[NDArray[np.uint8]]:
    """Draw images, uint8 (B, size, size), in the order of their labels (N,), until there are N.

    Each is one of :data:`DISTINCT` drawn ones of its class, a little brighter or darker, with new noise. That
    takes a hundredth of the time.
    """
    generator = np.random.default_rng(seed)
    drawn = np.stack([draw(size, bool(place % 2), generator) for place in range(DISTINCT)])
    for start in range(0, len(labels), BATCH):
        wanted = labels[start : start + BATCH]
        places = 2 * generator.integers(0, DISTINCT // 2, len(wanted)) + wanted
        varied = drawn[places].astype(np.int16)
        varied += generator.integers(-12, 13, (len(wanted), 1, 1), dtype=np.int16)
        varied += generator.integers(-3, 4, varied.shape, dtype=np.int16)
        yield varied.clip(0, 255).astype(np.uint8)


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
            images = draw_batches(labels, size, SEED + number)
            for what, shape, parts in (
                ("images", (count, size, size), images),
                ("labels", (count, 1), [labels]),
            ):
                header = {"descr": "|u1", "fortran_order": False, "shape": shape}
                with archive.open(f"{split}_{what}.npy", "w", force_zip64=True) as member:
                    np.lib.format.write_array_header_1_0(member, header)
                    for part in parts:
                        member.write(part.tobytes())
