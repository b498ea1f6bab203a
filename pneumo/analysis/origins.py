"""Where the images came from: kinds and patients by split, and how a film became a thumbnail."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from PIL import Image

from pneumo.data import origins, phantom, radiographs
from pneumo.record import Frame, Part, frame
from pneumo.record.summaries import Origins
from pneumo.study.study import Study

FILM = (84, 60)  # width and height of the film that is drawn, in pixels
SIDE = 28


def part(study: Study) -> Part:
    """The answer and its table, and the steps of one film; nothing where no origins are known."""
    if study.data.origins is None:
        return Part({"origins": None})
    found = origins.count(study.data.origins)
    rows = [
        {
            "split": name,
            **found.kinds[name],
            "unknown": int((~split.known).sum()),
            "patients": found.patients[name],
            "most of one patient": _most(split),
        }
        for name, split in study.data.origins.items()
    ]
    return Part(
        {"origins": Origins(**vars(found))},
        figures={"fig-recipe": _recipe()},
        tables={"tbl-origins": frame(rows)},
    )


def steps() -> dict[str, Image.Image]:
    """A drawn film, 8-bit grey, and what each step of the recipe makes of it."""
    chest = phantom.draw(FILM[1], True, np.random.default_rng(phantom.SEED))
    film = Image.fromarray(chest).resize(FILM, Image.Resampling.BILINEAR)
    resized = radiographs.shrink(radiographs.centre(film), SIDE)
    return {"film": film, "resized": resized, "stored": radiographs.as_jpeg(resized)}


def _recipe() -> Frame:
    """Every pixel of every step; of a drawn film, since a record holds no image of anybody."""

    def pixels() -> Iterator[dict[str, Any]]:
        for step, image in steps().items():
            for (row, column), grey in np.ndenumerate(np.asarray(image)):
                yield {"step": step, "row": row, "column": column, "grey": int(grey)}

    return frame(list(pixels()))


def _most(split: origins.Origins) -> int:
    """Images of the patient who has most."""
    known = split.patients[split.known]
    return int(np.unique(known, return_counts=True)[1].max()) if len(known) else 0
