"""What a study's networks say of labelled images from elsewhere: asked once, and kept in the run store.

An answer is known by the study's runs and the images' bytes. Labels, and what is known of patients, can be
put right later without asking again. No image is kept.
"""

import io
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pneumo.base import checksums, keys, storage
from pneumo.base.errors import PneumoError
from pneumo.data import labelled
from pneumo.data.labelled import Labelled
from pneumo.study import ensemble, questions
from pneumo.study.study import Model, Study
from pneumo.study.temperature import temperature
from pneumo.training import runs

VERSION = 1  # raise it by hand when what is kept, or how it is asked, changes
FOLDER = "external"
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class ExternalError(PneumoError):
    """A set that can't be asked about, or an answer that can't be read."""


@dataclass(frozen=True)
class External:
    """A set of N labelled images from elsewhere, with what each run says of them."""

    labels: NDArray[np.uint8]  # (N,), 1 for the class that is looked for
    files: tuple[str, ...]  # (N,)
    known: Mapping[str, tuple[str, ...]]  # (N,) each, as in pneumo.data.labelled
    unreadable: int  # images that were left out
    logits: Mapping[str, NDArray[np.float64]]  # (N,) each, by the run's label
    key: str  # of the runs that were asked

    def of(self, model: Model) -> NDArray[np.float64]:
        """A model's logits, (S, N), a row a seed; the ensemble's by :mod:`pneumo.study.ensemble`."""
        if isinstance(model.run, ensemble.Combined):
            members = [self.logits[run.label] / temperature(run) for run in model.run.members]
            return np.asarray(np.mean(members, axis=0)[None])
        return np.array([self.logits[run.label] for run in model.runs])


def name_of(path: Path) -> str:
    """What a set is called that nobody named: its folder, or the one that its CSV lies in."""
    folder = path.resolve() if path.is_dir() else path.resolve().parent
    return re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-") or FOLDER


def ask(study: Study, name: str, found: Labelled, device: str = "auto") -> External:
    """Ask every run of every model, controls and ablations apart, and keep the answers.

    Args:
        study: finished.
        name: of the set; one that was kept under it is replaced.
        found: the set.
        device: "auto" for a GPU where there is one.

    Raises:
        ExternalError: the name is none, or no model was run.
        PneumoError: a run is damaged, or there is no such device.
    """
    if not _NAME.fullmatch(name):
        raise ExternalError(
            f"a set's name is made of a to z, 0 to 9 and single hyphens, found {name!r}; give one by --name"
        )
    if not study.ran:
        raise ExternalError(
            f"no model of profile {study.profile.name} was run; there is none to ask"
        )
    file = _folder(study) / f"{name}-{_key(study)}.npz"
    images = checksums.digest(repr(found.images.shape).encode() + found.images.tobytes())
    asked = [run for model in study.ran for run in model.runs]
    kept = _arrays(file) if file.is_file() else {}
    if str(kept.get("images")) == images:
        logits = kept["logits"]
    else:
        from pneumo.training.loop import predict

        logits = np.array(
            [
                predict(questions.load_network(run, device), run.recipe, found.images)
                for run in asked
            ]
        )
    content = runs.archive(
        images=np.array(images),
        labels=found.labels,
        files=np.array(found.files),
        unreadable=np.array(len(found.faults)),
        runs=np.array([run.label for run in asked]),
        logits=logits,  # (R, N)
        **{f"known_{one}": np.array(column) for one, column in found.known.items()},
    )
    storage.write(file, checksums.seal(content, file.name))
    return _read(file)


def kept(study: Study) -> dict[str, External]:
    """Every set that a study's runs were asked about, by name.

    Raises:
        ExternalError: an answer is damaged.
    """
    if not study.ran:
        return {}
    ending = f"-{_key(study)}.npz"
    files = sorted(_folder(study).glob(f"[!.]*{ending}"))
    return {file.name.removesuffix(ending): _read(file) for file in files}


def _folder(study: Study) -> Path:
    return study.ran[0].run.path.parent.parent / FOLDER


def _key(study: Study) -> str:
    """Of all that is asked; on another machine the same run has other weights."""
    asked = {
        run.label: run.manifest["files"][runs.WEIGHTS] for model in study.ran for run in model.runs
    }
    return keys.key(version=VERSION, runs=asked)


def _read(file: Path) -> External:
    found = _arrays(file)
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
        key=file.stem.rpartition("-")[2],
    )


def _arrays(file: Path) -> dict[str, NDArray[Any]]:
    try:
        content = io.BytesIO(checksums.body(file.read_bytes(), file.name))
        with np.load(content, allow_pickle=False) as arrays:
            return dict(arrays)
    except runs.DAMAGE as error:
        raise ExternalError(
            f"{file} is damaged ({error}); delete it and run `pneumo external` again"
        ) from None
