"""A record on disk: a self-contained folder of numbers, written atomically."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pneumo.base import checksums, npz, storage
from pneumo.base.description import Description
from pneumo.base.errors import PneumoError
from pneumo.record import answers, crate, frames, images, plain
from pneumo.record.answers import Part
from pneumo.record.frames import Frame

T = TypeVar("T")

SCHEMA = 2
SIDE = 28  # of thumbnails, in pixels
RESULTS, SUMS, MAPS, LABELS = "results.json", "SHA256SUMS", "maps.npz", "labels.csv"
# Files allowed in the folder of a reference record, each with its own checksum.
BESIDE = ("bench.json", "promises.json", "requirements.txt")


class RecordError(PneumoError):
    """A record that is missing, damaged, or of another version."""


@dataclass(frozen=True)
class Record:
    """A record. Files are read, and their checksums verified, on first use."""

    path: Path
    results: Mapping[str, Any]  # the content of results.json
    sums: Mapping[str, str]  # SHA-256 of every file, by its name within the folder

    def answer(self, key: str, kind: type[T]) -> T:
        """Read a part of `results.json`.

        Args:
            key: its name there.
            kind: the dataclass, or container of dataclasses, to read it as.

        Raises:
            RecordError: it is missing, or not of that type.
        """
        known: dict[str, Any] = vars(self).setdefault("_answers", {})
        if key not in known:
            try:
                known[key] = plain.from_plain(kind, self.results[key])
            except KeyError:
                raise RecordError(
                    f"{self.path / RESULTS} has no {key}; make the record again"
                ) from None
            except (ValueError, TypeError, AttributeError) as error:
                raise RecordError(
                    f"{self.path / RESULTS} is damaged: {key} cannot be read ({error})"
                ) from None
        return known[key]  # type: ignore[no-any-return]

    def has(self, key: str) -> bool:
        """Whether `results.json` has a part of that name that is not null."""
        return self.results.get(key) is not None

    @property
    def units(self) -> str:
        """Units that intervals and tests resample: patients if they are known, else cases."""
        return "patients" if self.has("patients") else "cases"

    @property
    def profile(self) -> answers.Profile:
        """The profile of the study."""
        return self.answer("study", answers.Profile)

    @property
    def data(self) -> answers.Data:
        """The images and labels that it was made from."""
        return self.answer("data", answers.Data)

    @property
    def models(self) -> dict[str, answers.Model]:
        """Every model by name, and the ensemble."""
        return self.answer("models", dict[str, answers.Model])

    @property
    def claims(self) -> dict[str, answers.Claim]:
        """Every claim by its id."""
        return {claim.id: claim for claim in self.answer("claims", list[answers.Claim])}

    @property
    def provenance(self) -> answers.Provenance:
        """The version and the runs behind it."""
        return self.answer("provenance", answers.Provenance)

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

    @property
    def about(self) -> Description:
        """The data set, and the words for it."""
        return self.answer("about", Description)

    def figure(self, anchor: str) -> Frame:
        """The numbers of a figure.

        Raises:
            RecordError: the record has none for it.
        """
        return self._frame("figures", anchor)

    def table(self, anchor: str) -> Frame:
        """The numbers of a table.

        Raises:
            RecordError: the record has none for it.
        """
        return self._frame("tables", anchor)

    def has_table(self, anchor: str) -> bool:
        """Whether there are numbers of a table; those of later questions are missing in earlier records."""
        return f"tables/{anchor}.csv" in self.sums

    def _frame(self, folder: str, anchor: str) -> Frame:
        name = f"{folder}/{anchor}.csv"
        if name not in self.sums:
            raise RecordError(f"{self.path} has no {name}; make the record again")
        known: dict[str, Frame] = vars(self).setdefault("_frames", {})
        if name not in known:
            runs = self.results.get(folder, {}).get(anchor, {}).get("runs", ())
            try:
                known[name] = frames.from_csv(self.read(name).decode(), runs)
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
        test = self.labels.where(split="test")
        name = "sha256" if self.data.size == SIDE else "film"
        return [str(value) for value in test[name]] if name in test.columns else []

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
                f"{path} is damaged: its SHA-256 is not the one in {SUMS}; make the record again"
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
    with checksums.reading(path, RecordError, "make the record again"):
        text = path.read_bytes().decode()
        lines = text.splitlines()
        sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        if "".join(_sums(sums)) != text:
            raise ValueError("it is not written as its lines are")
    found = Record(folder, {}, sums)
    with checksums.reading(folder / RESULTS, RecordError, "make the record again"):
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
    unknown = sorted(set(_names(folder)) - set(found.sums))
    if unknown:
        raise RecordError(
            f"{folder / unknown[0]} has no checksum in {SUMS}; remove it from the record"
        )


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
    merged = _merged(parts)
    made = dict(contents) | {
        f"{kind}/{anchor}.csv": frames.to_csv(content).encode()
        for kind, found in (("figures", merged.figures), ("tables", merged.tables))
        for anchor, content in found.items()
    }
    results = {
        "schema": SCHEMA,
        **plain.to_plain(merged.answers),
        **{
            kind: {anchor: {"runs": list(content.runs)} for anchor, content in found.items()}
            for kind, found in (("figures", merged.figures), ("tables", merged.tables))
        },
    }
    made[RESULTS] = (
        json.dumps(results, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    ).encode()
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
        for name, own in found.items():
            twice = set(own) & set(getattr(part, name))
            if twice:
                raise RecordError(f"two parts of a record have {name} called {min(twice)}")
            own.update(getattr(part, name))
    return Part(**found)


def _sums(sums: Mapping[str, str]) -> Iterator[str]:
    """Write checksums in the format of `sha256sum --check`."""
    return (f"{digest}  {name}\n" for name, digest in sums.items())


def _names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (SUMS, *BESIDE)
    )


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
