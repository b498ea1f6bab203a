"""Writes the record of a finished study: every question is asked once, and every answer kept."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pneumo import record
from pneumo.analysis import (
    ablation,
    calibration,
    data_audit,
    decisions,
    duplicates,
    evaluation,
    evidence,
    external,
    framing,
    mistakes,
    origins,
    robustness,
    sanity_checks,
    seeds,
    shift,
    sizes,
    summary,
    trainings,
    verification,
)
from pneumo.base import npz, storage
from pneumo.record import Part, Record, files, images
from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.study import Study, record_folder
from pneumo.training.runs import Run

# Each gives one question's share of the record; the order is that of results.json.
QUESTIONS: tuple[Callable[[Study], Part], ...] = (
    summary.part,
    trainings.part,
    robustness.part,
    ablation.part,
    calibration.part,
    decisions.part,
    mistakes.cases,
    evidence.grad_cam,
    sanity_checks.part,
    evidence.part,
    evaluation.part,
    origins.kinds,
    sizes.part,
    mistakes.part,
    shift.part,
    origins.patients,
    framing.part,
    data_audit.part,
    origins.part,
    duplicates.part,
    seeds.part,
    external.part,
    verification.planted,
)


def write(study: Study, path: Path | None = None) -> Record:
    """Write a study's record, and beside it where its images are.

    Args:
        study: finished.
        path: the record's folder; None for the project's own.

    Raises:
        RecordError: the folder holds something else than a record.
        StorageError: the disk refuses.
    """
    path = path or record_folder(study)
    written = record.write(
        path, (question(study) for question in QUESTIONS), dict(_contents(study))
    )
    images.note_source(path, _location(study, path), _examples(study))
    return written


def _location(study: Study, path: Path) -> Path:
    """The file that holds the study's images; the phantom's are drawn into one beside the record."""
    if not study.data.is_phantom:
        return Path(study.data.location)
    arrays = {f"{name}_images": split.images for name, split in study.data.splits.items()}
    drawn = path.with_name(f"{path.name}.phantom.npz").absolute()
    storage.write(drawn, npz.archive(**arrays))
    return drawn


def _contents(study: Study) -> Iterator[tuple[str, bytes]]:
    """Labels, each run's predictions, and each training's history."""
    yield files.LABELS, files.table_bytes(_labels(study))
    for model in ensemble.compared(study):
        for run in model.runs:
            for kind, split in (("predictions", "test"), ("validation", "val")):
                name = f"{kind}/{model.name}-s{run.seed}.csv"
                yield name, files.table_bytes(_predictions(study, run, split))
    yield from external.contents(study)
    for model in study.models + study.controls:
        for run in model.runs:
            rows = (
                [cell if isinstance(cell, str) else f"{cell:.6g}" for cell in row.values()]
                for row in run.history
            )
            table = files.table_bytes([run.history[0], *rows])
            yield f"histories/{model.name}-s{run.seed}.csv", table


def _labels(study: Study) -> Iterator[Iterable[object]]:
    """Of images larger than thumbnails there is a column more: the thumbnail of the same film."""
    films = study.data.thumbnails if study.data.size != files.SIDE else {}
    yield "split", "index", "label", "sha256", *(["film"] if films else [])
    for name in ("val", "test"):
        split = study.data.splits[name]
        for index, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
            film = [images.digest(films[name][index])] if films else []
            yield name, index, int(label), images.digest(image), *film


def _predictions(study: Study, run: Run, split: str) -> Iterator[tuple[int, str]]:
    """Index and probability of MedMNIST's label 1, without a header, as its evaluator reads them."""
    logits = run.predictions[split].logits
    probabilities = metrics.probabilities(-logits if study.about.swapped else logits)
    return ((index, repr(float(value))) for index, value in enumerate(probabilities))


def _examples(study: Study) -> dict[str, NDArray[np.uint8]]:
    """Pictures made from the study's images, which pages show where the images are at hand."""
    return {
        "corrupted": robustness.examples(study),
        "augmented": study.ran[0].run.explanation.augmented,
    }
