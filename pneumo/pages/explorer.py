"""The data of the report's two explorers: a record's predictions as plain values, its images as sheets.

`report/explorer.js` reads both. Everything is from the first seed, with calls at the threshold chosen on
validation.
"""

import base64
import io
import json
from typing import Any

import matplotlib
import numpy as np
from IPython.display import Image
from numpy.typing import NDArray
from PIL import Image as Pillow

from pneumo.pages import style
from pneumo.pages.pictures import evidence, sheet
from pneumo.record import Record
from pneumo.record.summaries import GROUPS

COLUMNS = 26  # images in a row of a sheet
SIDE = 28  # the largest side of an image on a sheet, in pixels
LEVELS = 32  # of evidence, from none to a map's maximum
# Pixels by which each map's edge is repeated, so that a browser's smoothing does not mix neighbours.
EDGE = 1
CHOSEN = "youden"  # the gallery's calls are at this rule's threshold
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def thresholds(record: Record) -> dict[str, Any]:
    """The data of the threshold explorer: labels, and every model's probabilities and operating points."""
    return _predictions(record) | {
        "among": record.decisions.example.among,
        "people": record.about.people,
        "condition": record.about.condition,
        "rules": [
            {
                "name": point.id,
                "short": point.short.replace("'", "’"),  # as in pandoc's tables
                "chosen": point.chosen_on is not None,
                "marker": style.MARKERS[point.id],
            }
            for point in record.best.operating_points
        ],
    }


def cases(record: Record) -> dict[str, Any]:
    """The data of the case explorer: the same predictions, an order of cases, and the layout of its sheets.

    `divided` holds all cases, those first that the models disagree on most; `sheets` has one entry for each
    of :func:`sheets`, in the same order.
    """
    images = {"model": None, "side": min(record.data.size, SIDE), "edge": 0}
    maps = [
        {"model": model.name, "side": record.maps[f"maps/{model.name}"].shape[-1], "edge": EDGE}
        for model in record.ran
    ]
    return _predictions(record) | {
        "groups": list(GROUPS),
        "rule": CHOSEN,
        "divided": [int(index) for index in record.figure("fig-divided").distinct("index")],
        "columns": COLUMNS,
        "image": record.about.image,
        "picture": record.about.picture,
        "sheets": [images, *maps],
    }


def sheets(record: Record) -> list[Image]:
    """One PNG of all test images as thumbnails, in the order of the data, then one of each model's maps.

    A map shows the evidence for the model's call at Youden's threshold, in the colours of
    :data:`style.HEAT`. Without images there are no sheets.
    """
    if record.images is None:
        return []
    found = [_png(Pillow.fromarray(tile(_small(record.images.split("test")))))]
    scale = matplotlib.colormaps[style.HEAT](np.linspace(0, 1, LEVELS), bytes=True)  # (LEVELS, 4)
    for model in record.ran:
        sheet = Pillow.fromarray(tile(_evidence(record, model.name), EDGE))
        sheet.putpalette(scale[:, :3].tobytes())
        found.append(_png(sheet))
    return found


def tile(pictures: NDArray[np.uint8], edge: int = 0) -> NDArray[np.uint8]:
    """Pictures (N, h, w) in rows of :data:`COLUMNS`, each padded by repeating its edge."""
    padded = np.pad(pictures, ((0, 0), (edge, edge), (edge, edge)), mode="edge")
    return sheet(padded, COLUMNS)


def embed(identifier: str, content: dict[str, Any]) -> str:
    """Plain values as a JSON script element; no value can close the element.

    Args:
        identifier: the element's id.
        content: values for JSON, without NaN.
    """
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for sign, code in _ESCAPES.items():
        text = text.replace(sign, code)
    return f'<script type="application/json" id="{identifier}">{text}</script>'


def _predictions(record: Record) -> dict[str, Any]:
    """Labels, and test probabilities and thresholds of each model and the ensemble.

    Probabilities are float64, little-endian, in Base64: exactly those behind the tables.
    """
    looks = style.model_styles(record)
    return {
        "classes": list(record.about.classes),
        "labels": record.test_labels().tolist(),
        "best": record.best.name,
        "models": [
            {
                "name": model.name,
                "title": model.title,
                "colour": looks[model.name]["color"] if model.name in looks else None,
                "thresholds": {point.id: point.thresholds[0] for point in model.operating_points},
                "probabilities": _packed(record.probabilities(model.name, model.seeds[0])),
            }
            for model in record.models.values()
            if model.ran
        ],
    }


def _packed(values: NDArray[np.float64]) -> str:
    return base64.b64encode(values.astype("<f8").tobytes()).decode("ascii")


def _small(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Images (N, H, H) averaged down to at most :data:`SIDE` pixels a side."""
    if images.shape[-1] <= SIDE:
        return images
    size = (SIDE, SIDE)
    return np.array([Pillow.fromarray(one).resize(size, Pillow.Resampling.BOX) for one in images])


def _evidence(record: Record, model: str) -> NDArray[np.uint8]:
    """The evidence for each call, (N, h, w), in levels from 0 to LEVELS − 1."""
    calls = record.figure("fig-divided").where(model=model)
    called = np.empty(len(calls), bool)
    called[calls["index"].astype(int)] = calls["called"] == 1
    maps = record.maps[f"maps/{model}"].astype(np.float32)
    found = np.array([evidence(one, positive) for one, positive in zip(maps, called, strict=True)])
    return np.asarray(np.round(found * (LEVELS - 1)), dtype=np.uint8)


def _png(picture: Pillow.Image) -> Image:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return Image(data=file.getvalue(), format="png")  # type: ignore[no-untyped-call]
