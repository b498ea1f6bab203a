"""Predictions of a study's networks for labelled images from elsewhere, cached in the run store.

The key is made from the runs of the study and the bytes of the images. Labels and properties of patients can
be corrected later without predicting again. No image is stored.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.base import checksums, keys, npz
from pneumo.base.errors import PneumoError
from pneumo.data import labelled
from pneumo.data.labelled import Labelled
from pneumo.study import ensemble
from pneumo.study.study import Model, Study
from pneumo.study.temperature import temperature
from pneumo.training import runs
from pneumo.training.runs import Run

VERSION = 1  # raise it by hand when the content or the way of predicting changes
FOLDER = "external"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_TITLE = re.compile(r"([^\W_]|[ (),.'&/-])+")  # none of Markdown's signs


@dataclass(frozen=True)
class External:
    """A set of N labelled images from elsewhere, with the predictions of each run."""

    labels: NDArray[np.uint8]  # (N,), 1 for the positive class
    files: tuple[str, ...]  # (N,)
    known: Mapping[str, tuple[str, ...]]  # (N,) each, as in pneumo.data.labelled
    unreadable: int  # rows that were left out
    logits: Mapping[str, NDArray[np.float64]]  # (N,) each, by the run's label
    key: str  # of the runs that predicted
    title: str  # as in prose

    def of(self, model: Model) -> NDArray[np.float64]:
        """Logits of a model, (S, N), one row per seed; the ensemble's by :mod:`pneumo.study.ensemble`."""
        if isinstance(model.run, ensemble.Derived):
            members = [self.logits[run.label] / temperature(run) for run in model.run.members]
            return np.asarray(np.mean(members, axis=0)[None])
        return np.array([self.logits[run.label] for run in model.runs])


def name_of(path: Path) -> str:
    """Default name of a set: its folder, or the folder of its CSV."""
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    return re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-") or FOLDER


def ask(
    study: Study, name: str, found: Labelled, device: str = "auto", title: str | None = None
) -> External:
    """Predict a set with every run of every model, without controls and ablations, and cache the results.

    Args:
        study: finished.
        name: of the set; a cached set of this name is replaced.
        device: "auto" for a GPU if there is one.
        title: of the set in prose; None for the title given before, or the name.

    Raises:
        PneumoError: the name or the title is invalid, no model was run, a run is damaged, or there is no such
            device.
    """
    if not _NAME.fullmatch(name):
        raise PneumoError(
            f"a set's name is made of a to z, 0 to 9 and single hyphens, found {name!r}; give one by --name"
        )
    if title is not None and not _TITLE.fullmatch(title):
        raise PneumoError(
            f"a set's title is made of letters, digits, spaces and (),.'&/-, found {title!r}"
        )
    if not study.ran:
        raise PneumoError(
            f"no model of profile {study.profile.name} was run; run `pneumo study` with its weights"
        )
    asked = [run for model in study.ran for run in model.runs]
    file = _folder(study) / f"{name}-{key(asked)}.npz"
    images = checksums.digest(repr(found.images.shape).encode() + found.images.tobytes())
    kept = _arrays(file) if file.is_file() else {}
    if str(kept.get("images")) == images:
        logits = kept["logits"]
    else:
        from pneumo.training.loop import predict
        from pneumo.training.train import load_network

        logits = np.array(
            [predict(load_network(run, device), run.recipe, found.images) for run in asked]
        )
    npz.write_sealed(
        file,
        title=np.array(title or kept.get("title", name)),
        images=np.array(images),
        labels=found.labels,
        files=np.array(found.files),
        unreadable=np.array(len(found.faults)),
        runs=np.array([run.label for run in asked]),
        logits=logits,  # (R, N)
        **{f"known_{one}": np.array(column) for one, column in found.known.items()},
    )
    return _read(file)


def kept(study: Study) -> dict[str, External]:
    """Read all cached sets that the runs of a study have predicted, by name.

    Raises:
        PneumoError: cached predictions are damaged.
    """
    if not study.ran:
        return {}
    ending = f"-{key(run for model in study.ran for run in model.runs)}.npz"
    files = sorted(_folder(study).glob(f"[!.]*{ending}"))
    return {file.name.removesuffix(ending): _read(file) for file in files}


def key(asked: Iterable[Run]) -> str:
    """Key of the runs that predict; on another machine the same run has other weights."""
    weights = {run.label: run.manifest["files"][runs.WEIGHTS] for run in asked}
    return keys.key(version=VERSION, runs=weights)


def _folder(study: Study) -> Path:
    return study.ran[0].run.path.parent.parent / FOLDER


def _read(file: Path) -> External:
    found = _arrays(file)
    name, _, made_by = file.stem.rpartition("-")
    return External(
        labels=found["labels"],
        files=tuple(found["files"].tolist()),
        known={
            name: tuple(found[f"known_{name}"].tolist())
            for name in labelled.KNOWN
            if f"known_{name}" in found
        },
        unreadable=int(found["unreadable"]),
        logits=dict(zip(found["runs"].tolist(), found["logits"], strict=True)),
        key=made_by,
        title=str(found.get("title", name)),
    )


def _arrays(file: Path) -> dict[str, NDArray[Any]]:
    with checksums.reading(file, PneumoError, "delete it and run `pneumo external` again"):
        return npz.read_sealed(file)
