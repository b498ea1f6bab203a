"""What the report's two explorers are fed with: a record's predictions as plain values, its images as sheets.

`report/explorer.js` reads both. Everything is the first seed's, and a case is called at the threshold that
validation chose.
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
from pneumo.pages.figures.pictures import evidence
from pneumo.record import Record
from pneumo.record.decisions import Decisions
from pneumo.record.mistakes import GROUPS

COLUMNS = 26  # of a sheet
SIDE = 28  # pixels, of an image on a sheet at most
LEVELS = 32  # of evidence, from none to the most in a map
# Around each map, its own edge once more: a browser that smooths it must not meet its neighbour.
EDGE = 1
CHOSEN = "youden"  # the rule at whose threshold the gallery calls cases
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def thresholds(record: Record) -> dict[str, Any]:
    """What the explorer of thresholds needs: labels, every model's probabilities and operating points."""
    return _predictions(record) | {
        "among": record.answer("decisions", Decisions).example.among,
        "people": record.about.people,
        "condition": record.about.condition,
        "rules": [
            {
                "name": point.id,
                "short": point.short.replace("'", "’"),  # as Pandoc sets it in the tables
                "chosen": point.chosen_on is not None,
                "marker": style.MARKERS[point.id],
            }
            for point in record.best.operating_points
        ],
    }


def cases(record: Record) -> dict[str, Any]:
    """What the explorer of cases needs: the same predictions, an order, and how its sheets are cut.

    `divided` holds all cases, those first that the models are most divided over; `sheets` has one entry for
    each of :func:`sheets`, in their order.
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
    """All test images, as thumbnails, side by side in the order of the data, then each model's maps, as PNG.

    A map is the evidence for the call that the model makes at Youden's threshold, in :data:`style.HEAT`.
    Without images there are no sheets.
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
    """Pictures (N, h, w) side by side in rows of :data:`COLUMNS`, each widened by its own edge."""
    padded = np.pad(pictures, ((0, 0), (edge, edge), (edge, edge)), mode="edge")
    padded = np.pad(padded, ((0, -len(padded) % COLUMNS), (0, 0), (0, 0)))
    height, width = padded.shape[1:]
    rows = padded.reshape(-1, COLUMNS, height, width)  # (R, C, h, w)
    return rows.transpose(0, 2, 1, 3).reshape(-1, COLUMNS * width)


def embed(identifier: str, content: dict[str, Any]) -> str:
    """Plain values as an element that a script reads and that nothing else in the page can end or begin.

    Args:
        identifier: the element's id.
        content: what JSON can hold; NaN it can't.
    """
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    for sign, code in _ESCAPES.items():
        text = text.replace(sign, code)
    return f'<script type="application/json" id="{identifier}">{text}</script>'


def _predictions(record: Record) -> dict[str, Any]:
    """Labels, and of each model and the ensemble its test probabilities and the thresholds of its rules.

    Probabilities are float64, little-endian, in Base64: to the last bit those that the tables are made from.
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
    """Images (N, H, H) with at most :data:`SIDE` pixels a side; a new pixel is the mean of what it covers."""
    if images.shape[-1] <= SIDE:
        return images
    size = (SIDE, SIDE)
    return np.array([Pillow.fromarray(one).resize(size, Pillow.Resampling.BOX) for one in images])


def _evidence(record: Record, model: str) -> NDArray[np.uint8]:
    """What speaks for each call, (N, h, w), in levels from 0 to LEVELS − 1."""
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
