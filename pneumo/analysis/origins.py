"""Where the images came from: kinds and patients by split, and how a film became a thumbnail."""

import numpy as np
from PIL import Image

from pneumo.analysis.rows import pixel_rows
from pneumo.data import origins, phantom, radiographs
from pneumo.record import Part, frame
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
    # Every pixel of every step; of a drawn film, since a record holds no image of anybody.
    recipe = pixel_rows({name: np.asarray(step) for name, step in steps().items()}, "step", "grey")
    return Part(
        {"origins": Origins(**vars(found))},
        figures={"fig-recipe": frame(recipe)},
        tables={"tbl-origins": frame(rows)},
    )


def steps() -> dict[str, Image.Image]:
    """A drawn film, 8-bit grey, and what each step of the recipe makes of it."""
    chest = phantom.draw(FILM[1], True, np.random.default_rng(phantom.SEED))
    film = Image.fromarray(chest).resize(FILM, Image.Resampling.BILINEAR)
    resized = radiographs.shrink(radiographs.centre(film), SIDE)
    return {"film": film, "resized": resized, "stored": radiographs.as_jpeg(resized)}


def _most(split: origins.Origins) -> int:
    """Images of the patient who has most."""
    known = split.patients[split.known]
    return int(np.unique(known, return_counts=True)[1].max()) if len(known) else 0
