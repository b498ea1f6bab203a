"""Rows and columns of figures and tables: of images, of pictures, and of nested results."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo import data
from pneumo.record import Estimate, images
from pneumo.study.study import Study

_BLOCK = 1024  # images that are copied at a time


def unfold(results: Mapping[str, Any], *names: str) -> Iterator[dict[str, Any]]:
    """A row for each result in nested mappings: the keys that lead to it, and its fields as :func:`cells`.

    Args:
        results: dataclasses, as deep in mappings as there are names; a dataclass may serve as a mapping.
        names: the columns of the keys, from outside inwards.
    """
    for key, found in results.items():
        fields = found if isinstance(found, Mapping) else vars(found)
        for row in unfold(fields, *names[1:]) if names[1:] else [cells(fields)]:
            yield {names[0]: key} | row


def cells(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of one row: of an estimate there are three, as `Estimate.cells` names them."""
    found: dict[str, Any] = {}
    for name, one in fields.items():
        found |= one.cells(name) if isinstance(one, Estimate) else {name: one}
    return found


def image_row(study: Study, split: str, index: int | np.integer) -> dict[str, Any]:
    """What a record says of an image, and finds it by: split, index, label and SHA-256."""
    cases = study.data.splits[split]
    return {
        "split": split,
        "index": int(index),
        "label": int(cases.labels[index]),
        "sha256": images.digest(cases.images[index]),
    }


def pixels(pictures: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Columns that hold pictures of one size (H, W): a row a pixel, a column a picture."""
    row, column = np.indices(next(iter(pictures.values())).shape).reshape(2, -1)
    return {"row": row, "column": column} | {name: one.ravel() for name, one in pictures.items()}


def pixel_rows(
    pictures: Mapping[str, NDArray[Any]], name: str, value: str
) -> Iterator[dict[str, Any]]:
    """Rows that hold pictures of any size: a row a pixel of a picture.

    Args:
        pictures: (H, W) each.
        name: the column of the pictures' names.
        value: the column of the pixels' values.
    """
    for title, picture in pictures.items():
        for (row, column), found in np.ndenumerate(picture):
            yield {name: title, "row": row, "column": column, value: found}


def mean_image(*groups: data.Part) -> NDArray[np.float64]:
    """The mean (H, W) of the images of all groups, in grey levels; they are never copied all at once."""
    total = np.zeros(groups[0].images.images.shape[1:])
    for group in groups:
        for start in range(0, len(group.images), _BLOCK):
            total += group.images[start : start + _BLOCK].sum(axis=0, dtype=np.float64)
    return np.asarray(total / sum(len(group.images) for group in groups))
