"""A record on disk: a self-contained folder of numbers, written atomically."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pneumo.base import checksums, npz, paths, storage
from pneumo.base.description import Description
from pneumo.base.errors import PneumoError
from pneumo.record import (
    ablation,
    answers,
    crate,
    frames,
    images,
    plain,
    summaries,
)
from pneumo.record.answers import Part
from pneumo.record.frames import Frame
from pneumo.record.shift import External, Framing, Shift
from pneumo.record.usefulness import Calibration, Decisions

T = TypeVar("T")

SCHEMA = 2
SIDE = 28  # of thumbnails, in pixels
RESULTS, SUMS, MAPS, LABELS = "results.json", "SHA256SUMS", "maps.npz", "labels.csv"
MAKE_AGAIN = "make the record again"
# Files allowed in the folder of a reference record: each has its own checksum, or holds no numbers.
BESIDE = ("bench.json", "promises.json", "requirements.txt", "README.md")


class RecordError(PneumoError):
    """A record that is missing, damaged, or of another version."""


class LackingError(RecordError):
    """A record does not have a part that was asked for.

    Args:
        part: its name in `results.json`, or that of a file.
    """

    def __init__(self, message: str, part: str = "") -> None:
        super().__init__(message)
        self.part = part


class Answer(Generic[T]):
    """An attribute of a record: a part of `results.json`, read and checked on first use, and then kept.

    Args:
        kind: the dataclass, or container of dataclasses, to read it as.
        key: its name in `results.json`, if that is not the attribute's.

    Raises:
        LackingError: on use, if the record does not have it.
        RecordError: on use, if it is not of its type.
    """

    def __init__(self, kind: type[T], key: str = "") -> None:
        self.kind, self.key = kind, key

    def __set_name__(self, owner: type, name: str) -> None:
        self.name, self.key = name, self.key or name

    def __get__(self, record: "Record", owner: type) -> T:
        path = record.path / RESULTS
        if not record.has(self.key):
            raise LackingError(f"{path} has no {self.key}; {MAKE_AGAIN}", self.key)
        try:
            found: T = plain.from_plain(self.kind, record.results[self.key])
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RecordError(f"{path} is damaged: {self.key} cannot be read ({error})") from None
        vars(record)[self.name] = found  # found first from now on
        return found


@dataclass(frozen=True)
class Record:
    """A record. Files are read, and their checksums verified, on first use."""

    path: Path
    results: Mapping[str, Any]  # the content of results.json
    sums: Mapping[str, str]  # SHA-256 of every file, by its name within the folder

    profile = Answer(answers.Profile, "study")
    data = Answer(answers.Data)
    about = Answer(Description)
    models = Answer(dict[str, answers.Model])  # by name, and the ensemble
    provenance = Answer(answers.Provenance)
    baselines = Answer(dict[str, answers.Baseline])
    trainings = Answer(dict[str, summaries.Training])
    robustness = Answer(summaries.Robustness)
    ablations = Answer(list[ablation.Row])
    held_out = Answer(ablation.HeldOut)
    calibration = Answer(Calibration)
    decisions = Answer(Decisions)
    cases = Answer(summaries.Cases)
    explained = Answer(dict[str, summaries.Explained])
    sanity_checks = Answer(summaries.SanityChecks)
    evidence = Answer(summaries.Evidence)
    kinds = Answer(summaries.Kinds)
    sizes = Answer(summaries.Sizes)
    mistakes = Answer(summaries.Mistakes)
    shift = Answer(Shift)
    patients = Answer(summaries.Patients)
    framing = Answer(Framing)
    data_audit = Answer(summaries.DataAudit)
    origins = Answer(summaries.Origins)
    duplicates = Answer(summaries.Duplicates)
    hindsight = Answer(summaries.Hindsight)
    _external = Answer(dict[str, External], "external")
    _claims = Answer(list[answers.Claim], "claims")

    def has(self, key: str) -> bool:
        """Whether `results.json` has a part of that name that is not null."""
        return self.results.get(key) is not None

    def get(self, key: str) -> Any:
        """The part of that name; None if the record does not have it."""
        return getattr(self, key) if self.has(key) else None

    @property
    def options(self) -> str:
        """The options that choose this data set and size, each after a blank; empty for the default."""
        return paths.options(self.about.name, self.data.size)

    @property
    def command(self) -> str:
        """The command that makes a record of this profile, data set and size."""
        data = " --data phantom" if self.data.is_phantom else ""
        return f"pneumo study --profile {self.profile.name}{self.options}{data}"

    @property
    def units(self) -> str:
        """Units that intervals and tests resample: patients if they are known, else cases."""
        return "patients" if self.has("patients") else "cases"

    @property
    def claims(self) -> dict[str, answers.Claim]:
        """Every claim by its id."""
        return {claim.id: claim for claim in self._claims}

    @property
    def external(self) -> dict[str, External]:
        """Every set from elsewhere by its name, which is also its title if it has none."""
        sets = self._external
        return {name: replace(found, title=found.title or name) for name, found in sets.items()}

    @property
    def ran(self) -> list[answers.Model]:
        """The models that have runs, without the ensemble."""
        return [model for name, model in self.models.items() if model.ran and name != "ensemble"]

    @property
    def not_run(self) -> list[answers.Model]:
        """The models that could not be run."""
        return [model for model in self.models.values() if not model.ran]

    @property
    def best(self) -> answers.Model:
        """The model chosen on validation: the smallest that is not significantly worse than the best."""
        return self.models[str(self.profile.best)]

    @property
    def second(self) -> answers.Model:
        """The model that is compared with the best one."""
        return self.models[str(self.profile.second)]

    def title(self, model: str) -> str:
        """The title of a model, as in tables."""
        return self.models[model].title

    def runs(self, anchor: str) -> list[str]:
        """Labels of the runs behind the numbers of a figure or a table; empty if it has no numbers."""
        both = {**self.results["figures"], **self.results["tables"]}
        return list(both.get(anchor, {}).get("runs", ()))

    def figure(self, anchor: str) -> Frame:
        """The numbers of a figure; a LackingError if the record has none for it."""
        return self._frame("figures", anchor)

    def table(self, anchor: str) -> Frame:
        """The numbers of a table; a LackingError if the record has none for it."""
        return self._frame("tables", anchor)

    def has_table(self, anchor: str) -> bool:
        """Whether there are numbers of a table; those of later questions are missing in earlier records."""
        return f"tables/{anchor}.csv" in self.sums

    def _frame(self, folder: str, anchor: str) -> Frame:
        name = f"{folder}/{anchor}.csv"
        if name not in self.sums:
            raise LackingError(f"{self.path} has no {name}; {MAKE_AGAIN}", name)
        known: dict[str, Frame] = vars(self).setdefault("_frames", {})
        if name not in known:
            try:
                known[name] = frames.from_csv(self.read(name).decode(), self.runs(anchor))
            except (frames.FrameError, UnicodeDecodeError) as error:
                raise RecordError(f"{self.path / name} is damaged ({error})") from None
        return known[name]

    @cached_property
    def labels(self) -> Frame:
        """Split, index, label and SHA-256 of every image of validation and test."""
        return frames.from_csv(self.read(LABELS).decode())

    def test_labels(self) -> NDArray[np.uint8]:
        """The test images' labels, (N,), 1 for the positive class."""
        return self.labels.where(split="test")["label"].astype(np.uint8)

    def probabilities(self, model: str, seed: int, split: str = "test") -> NDArray[np.float64]:
        """Probabilities of a run for the images of a split, (N,), in [0, 1]."""
        folder = "predictions" if split == "test" else "validation"
        rows = list(csv.reader(io.StringIO(self.read(f"{folder}/{model}-s{seed}.csv").decode())))
        found = np.array([float(value) for _, value in rows])
        # The files keep the labels of MedMNIST, whose label 1 may be the negative class.
        return 1 - found if self.about.swapped else found

    def history(self, model: str, seed: int) -> Frame:
        """History of a training, one row per epoch."""
        return frames.from_csv(self.read(f"histories/{model}-s{seed}.csv").decode())

    @cached_property
    def maps(self) -> Mapping[str, NDArray[Any]]:
        """Grad-CAM cells (N, h, w) as ``maps/<recipe>`` and filters as ``filters/<recipe>``."""
        return npz.load(self.read(MAPS))

    @cached_property
    def images(self) -> images.Images | None:
        """The images that it was made from; None if they are not found."""
        return images.find(self.path, self.data.dataset, self.data.size, self.test_digests())

    def test_digests(self) -> list[str]:
        """The SHA-256 of every test image, in order."""
        return [str(value) for value in self.labels.where(split="test")["sha256"]]

    def films(self) -> list[str]:
        """The SHA-256 of every test film at 28 pixels, in order; empty if unknown."""
        if self.data.size == SIDE:
            return self.test_digests()
        test = self.labels.where(split="test")
        return [str(value) for value in test["film"]] if "film" in test.columns else []

    def read(self, name: str) -> bytes:
        """Read a file, and verify its checksum.

        Raises:
            RecordError: the checksum differs, or there is no such file.
        """
        path = self.path / name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise RecordError(f"{path} cannot be read ({error.strerror})") from None
        if checksums.digest(content) != self.sums.get(name):
            raise RecordError(
                f"{path} is damaged: its SHA-256 is not the one in {SUMS}; {MAKE_AGAIN}"
            )
        return content


def read(folder: Path) -> Record:
    """Open the record in a folder.

    Raises:
        RecordError: there is none, a file of it is damaged, or another version wrote it.
    """
    path = folder / SUMS
    if not path.is_file():
        raise RecordError(f"no record in {folder}: it has no {SUMS}; `pneumo study` writes one")
    with checksums.reading(path, RecordError, MAKE_AGAIN):
        text = path.read_bytes().decode()
        lines = text.splitlines()
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        if "".join(_sums(sums)) != text:
            raise ValueError("it is not written as its lines are")
    found = Record(folder, {}, sums)
    with checksums.reading(folder / RESULTS, RecordError, MAKE_AGAIN):
        return Record(folder, parse(found.read(RESULTS)), sums)


def parse(raw: bytes, older: Sequence[int] = ()) -> dict[str, Any]:
    """Parse a `results.json`.

    Args:
        older: schemas that are accepted besides the current one.

    Raises:
        OtherVersionError: it has another schema.
        ValueError, KeyError, TypeError: it is not a strict JSON object with a schema.
    """
    content: dict[str, Any] = json.loads(raw, parse_constant=_refuse)
    if content["schema"] not in older:
        checksums.check_version(content["schema"], SCHEMA)
    return content


def check(folder: Path) -> None:
    """Verify the checksum of every file of a record.

    Raises:
        RecordError: one is damaged, missing, or has no checksum.
    """
    found = read(folder)
    for name in found.sums:
        found.read(name)
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.name not in (SUMS, *BESIDE) and name not in found.sums:
            raise RecordError(f"{path} has no checksum in {SUMS}; remove it from the record")


def write(folder: Path, parts: Iterable[Part], contents: Mapping[str, bytes]) -> Record:
    """Write a record atomically, in place of an existing one.

    Args:
        folder: of the record. Files named in :data:`BESIDE` are kept.
        parts: the part of each question.
        contents: more files by name: predictions, histories and the like.

    Raises:
        RecordError: two parts answer the same question, or the folder holds something else.
        StorageError: the disk refuses.
    """
    parts = list(parts)
    merged, made = _merged(parts), dict(contents)
    results = {"schema": SCHEMA, **plain.to_plain(merged.answers)}
    results["made_from"] = {
        name: runs for part in parts if (runs := _runs(part)) for name in part.answers
    }
    for kind, found in (("figures", merged.figures), ("tables", merged.tables)):
        results[kind] = {anchor: {"runs": list(frame.runs)} for anchor, frame in found.items()}
        for anchor, frame in found.items():
            made[f"{kind}/{anchor}.csv"] = frames.to_csv(frame).encode()
    text = json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False)
    made[RESULTS] = f"{text}\n".encode()
    made[MAPS] = npz.archive(**dict(sorted(merged.arrays.items())))
    made[crate.FILE] = crate.describe(results, made)
    return _replace(folder, made)


def copy(found: Record, folder: Path) -> Record:
    """Copy a record as :func:`write` writes one.

    Raises:
        RecordError: a file of it is damaged, or the folder holds something else.
        StorageError: the disk refuses.
    """
    return _replace(folder, {name: found.read(name) for name in found.sums})


def _replace(folder: Path, made: Mapping[str, bytes]) -> Record:
    """Replace the files of a record, with their checksums."""
    folder = folder.absolute()
    if folder.is_dir() and any(folder.iterdir()) and not (folder / SUMS).is_file():
        raise RecordError(f"{folder} holds something else than a record; choose another folder")
    with storage.renewed(folder) as new:
        for name, content in made.items():
            (new / name).parent.mkdir(parents=True, exist_ok=True)
            (new / name).write_bytes(content)
        for name in BESIDE:
            if (folder / name).is_file():
                (new / name).write_bytes((folder / name).read_bytes())
        sums = {name: checksums.digest(content) for name, content in sorted(made.items())}
        (new / SUMS).write_bytes("".join(_sums(sums)).encode())
    return read(folder)


def table_bytes(rows: Iterable[Iterable[object]]) -> bytes:
    """Write rows as a CSV with plain line ends."""
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerows(rows)
    return file.getvalue().encode()


def _merged(parts: Iterable[Part]) -> Part:
    found: dict[str, dict[str, Any]] = {name: {} for name in vars(Part())}
    for part in parts:
        for name, own in vars(part).items():
            if twice := found[name].keys() & own.keys():
                raise RecordError(f"two parts of a record have {name} called {min(twice)}")
            found[name] |= own
    return Part(**found)


def _runs(part: Part) -> list[str]:
    """The labels of the runs behind a part: those of its figures and tables, in order."""
    shown = [*part.figures.values(), *part.tables.values()]
    return list(dict.fromkeys(label for frame in shown for label in frame.runs))


def _sums(sums: Mapping[str, str]) -> Iterator[str]:
    """Write checksums in the format of `sha256sum --check`."""
    return (f"{digest}  {name}\n" for name, digest in sums.items())


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
