"""What the report's two explorers are fed with: a study's predictions as plain values, its images as sheets.

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

from pneumo.analysis import decisions, mistakes
from pneumo.data.thumbnails import thumbnails
from pneumo.pages import figures, style
from pneumo.study import ensemble, selection
from pneumo.study.study import RULES, YOUDEN, Model, Study

COLUMNS = 26  # of a sheet
LEVELS = 32  # of evidence, from none to the most in a map
# Around each map, its own edge once more: a browser that smooths it must not meet its neighbour.
EDGE = 1
_ESCAPES = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def thresholds(study: Study) -> dict[str, Any]:
    """What the explorer of thresholds needs: labels, every model's probabilities and operating points."""
    return _predictions(study) | {
        "among": decisions.CHILDREN,
        "people": study.about.people,
        "condition": study.about.condition,
        "rules": [
            {
                "name": rule.name,
                "short": rule.short.replace("'", "’"),  # as Pandoc sets it in the tables
                "chosen": rule.chosen_on is not None,
                "marker": style.MARKERS[rule.name],
            }
            for rule in RULES
        ],
    }


def cases(study: Study) -> dict[str, Any]:
    """What the explorer of cases needs: the same predictions, an order, and how its sheets are cut.

    `divided` holds all cases, those first that the models are most divided over; `sheets` has one entry for
    each of :func:`sheets`, in their order.
    """
    images = {"model": None, "side": thumbnails(study.data.test.images).shape[-1], "edge": 0}
    maps = [
        {"model": model.name, "side": model.run.explanation.maps.shape[-1], "edge": EDGE}
        for model in study.ran
    ]
    return _predictions(study) | {
        "groups": list(figures.GROUPS),
        "rule": YOUDEN.name,
        "divided": mistakes.divided(study).tolist(),
        "columns": COLUMNS,
        "image": study.about.image,
        "picture": study.about.picture,
        "sheets": [images, *maps],
    }


def sheets(study: Study) -> list[Image]:
    """All test images, as thumbnails, side by side in the order of the data, then each model's maps, as PNG.

    A map is the evidence for the call that the model makes at Youden's threshold, in :data:`style.HEAT`.
    """
    found = [_png(Pillow.fromarray(tile(thumbnails(study.data.test.images))))]
    scale = matplotlib.colormaps[style.HEAT](np.linspace(0, 1, LEVELS), bytes=True)  # (LEVELS, 4)
    for model in study.ran:
        sheet = Pillow.fromarray(tile(_evidence(model), EDGE))
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


def _predictions(study: Study) -> dict[str, Any]:
    """Labels, and of each model and the ensemble its test probabilities and the thresholds of its rules.

    Probabilities are float64, little-endian, in Base64: to the last bit those that the tables are made from.
    """
    looks = style.model_styles(study)
    return {
        "classes": list(study.about.classes),
        "labels": mistakes.truth(study).tolist(),
        "best": selection.best(study).name,
        "models": [
            {
                "name": model.name,
                "title": model.title,
                "colour": looks[model.name]["color"] if model.name in looks else None,
                "thresholds": {rule.name: model.thresholds(rule)[0] for rule in RULES},
                "probabilities": _packed(model.run.predictions["test"].probabilities),
            }
            for model in ensemble.compared(study)
        ],
    }


def _packed(values: NDArray[np.float64]) -> str:
    return base64.b64encode(values.astype("<f8").tobytes()).decode("ascii")


def _evidence(model: Model) -> NDArray[np.uint8]:
    """What speaks for each call, (N, h, w), in levels from 0 to LEVELS − 1."""
    maps = zip(model.run.explanation.maps, mistakes.calls(model.run), strict=True)
    found = np.array([figures.evidence(map_, bool(called)) for map_, called in maps])
    return np.asarray(np.round(found * (LEVELS - 1)), dtype=np.uint8)


def _png(picture: Pillow.Image) -> Image:
    file = io.BytesIO()
    picture.save(file, "PNG", optimize=True)
    return Image(data=file.getvalue(), format="png")  # type: ignore[no-untyped-call]
