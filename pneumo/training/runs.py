"""A run on disk: one recipe trained with one seed on one data set, written atomically."""

import csv
import io
import json
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from pneumo.base import checksums, keys, npz, paths, storage, streams
from pneumo.base.errors import PneumoError
from pneumo.base.storage import StorageError
from pneumo.data import Dataset
from pneumo.training.recipes import Recipe

SCHEMA = 2
# Raise it by hand when the numbers of a training change; then runs are trained again. It covers what recipes
# do not contain: the loop, augmentation, the networks, held-out images, Grad-CAM. tests/test_golden.py fails
# when the numbers change.
TRAINING_VERSION = 1
# Earlier keys contained a digest of source files. These digests, by schema, gave the numbers of version 1:
# that of the reference study, and the last one before keys contained a version.
_SOURCES = {
    1: "03ef50ffe378e435565faa85cd909c18b5f76bf5108522e043354e8cbf598441",
    2: "176bf8c8c1c2708c07c1f9b1d1f86643935e1b9371a6654bc4abe70fac9ad7f7",
}
MANIFEST, WEIGHTS = "manifest.json", "weights.safetensors"
FILES = (MANIFEST, "history.csv", "predictions.npz", "explain.npz", WEIGHTS)
# The variants of a training image that a run keeps for the report: each change alone, at the end of
# its range, then one draw of all at once.
VARIANTS = ("original", "rotated", "shifted", "brighter", "contrast", "all at once")
# Text columns of history.csv; all others are numbers.
_WORDS = ("stage",)
_LABEL = re.compile(r"[^.].*-s\d+-[0-9a-f]{12}")


class RunError(PneumoError):
    """A run is missing or cannot be read; what to do is a part of its own."""


class Listener(Protocol):
    """Receives the progress of one training; a progress display implements it."""

    def step(self, images: int) -> None:
        """Report `images` more training images."""

    def epoch(self, row: dict[str, Any]) -> None:
        """Report the end of an epoch; `row` is its row of the history."""


class Ordered(Protocol):
    """Images and labels in an order, identified by two hashes."""

    @property
    def fingerprint(self) -> str:
        """Hash that is independent of the order."""

    @property
    def order(self) -> str:
        """Hash that depends on the order."""


@dataclass(frozen=True)
class Predictions:
    """Predictions of a model for one split, in the order of the data."""

    logits: NDArray[np.float64]  # (N,)
    labels: NDArray[np.uint8]  # (N,)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The probability of pneumonia, (N,), in [0, 1]."""
        from pneumo.statistics import metrics

        return metrics.probabilities(self.logits)


@dataclass(frozen=True)
class Explanation:
    """Explanations of a trained network, stored so that no page must load it."""

    filters: NDArray[np.float32]  # (F, h, w), the first layer's, summed over its input channels
    maps: NDArray[np.float32]  # (N, h, w), signed Grad-CAM of each test image for pneumonia
    augmented: NDArray[np.uint8]  # (K, V, S, S), K training images in all VARIANTS


@dataclass(frozen=True)
class Run:
    """A finished run. Large files are read on first use."""

    path: Path
    recipe: Recipe
    seed: int
    key: str
    manifest: Mapping[str, Any]

    def read(self, name: str) -> bytes:
        """Read a file of the run, and verify its checksum.

        Raises:
            RunError: the file is damaged.
        """
        return read_file(self.path, name, self.manifest)

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """One row per epoch: epoch, stage, learning_rate, losses, accuracies, AUCs, seconds."""
        with _reading(self.path, "history.csv"):
            lines = io.StringIO(self.read("history.csv").decode(), newline="")
            return [
                {name: value if name in _WORDS else float(value) for name, value in row.items()}
                for row in csv.DictReader(lines)
            ]

    @cached_property
    def predictions(self) -> dict[str, Predictions]:
        """For ``val`` and ``test``, and for ``held`` if the recipe holds out training images."""
        with self._arrays("predictions.npz") as arrays:
            return {
                split: Predictions(arrays[f"{split}_logits"], arrays[f"{split}_labels"])
                for split in ("val", "test", "held")
                if split != "held" or self.recipe.held_out
            }

    @cached_property
    def explanation(self) -> Explanation:
        """Filters, Grad-CAM maps and augmented examples."""
        with self._arrays("explain.npz") as arrays:
            return Explanation(**{name: arrays[name] for name in ("filters", "maps", "augmented")})

    @contextmanager
    def _arrays(self, name: str) -> Iterator[Mapping[str, NDArray[Any]]]:
        with _reading(self.path, name):
            yield npz.load(self.read(name))

    @property
    def keys(self) -> set[str]:
        """Its key, and the keys of the same training in earlier versions."""
        if "processes" in self.manifest["hardware"]:
            return {self.key}
        weights, fingerprint = self.manifest["pretrained"], self.manifest["data"]["fingerprint"]
        sha256 = weights and weights["sha256"]
        return {self.key} | earlier_keys(self.recipe, self.seed, fingerprint, sha256)

    @property
    def label(self) -> str:
        """Recipe, seed and key, as in the name of its folder."""
        return self.path.name

    @property
    def anchor(self) -> str:
        """Anchor of its row in the table of runs."""
        return f"run-{self.recipe.name}-s{self.seed}"


def run_key(
    recipe: Recipe, seed: int, data: Ordered, weights_sha256: str | None, processes: int = 1
) -> str:
    """Return the key of a run: twelve hexadecimal digits, from everything that determines its numbers.

    Args:
        recipe: the recipe, without its title.
        seed: the seed of the run.
        data: images and labels; another order makes other data.
        weights_sha256: of the pretrained weights; None without any.
        processes: number of processes that share the training.
    """
    return keys.key(
        schema=SCHEMA,
        version=TRAINING_VERSION,
        recipe=_untitled(recipe),
        seed=seed,
        data=data.fingerprint,
        order=data.order,
        weights=weights_sha256,
        **({"processes": processes} if processes > 1 else {}),
    )


def earlier_keys(
    recipe: Recipe, seed: int, fingerprint: str, weights_sha256: str | None
) -> set[str]:
    """Return keys of a run by one process before keys contained a version.

    There are none if the numbers of trainings have changed since.

    Args:
        recipe: with its title, which these keys contained.
        fingerprint: of the data; these keys did not contain their order.
    """
    if TRAINING_VERSION != 1:
        return set()
    return {
        keys.key(
            schema=schema,
            recipe=recipe.to_dict(),
            seed=seed,
            data=fingerprint,
            weights=weights_sha256,
            source=source,
        )
        for schema, source in _SOURCES.items()
    }


def find_key(
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    weights_sha256: str | None,
    home: Path | None = None,
    processes: int = 1,
) -> str:
    """Find the key of a run: :func:`run_key`, or an earlier key if such a run exists.

    An earlier key does not depend on the order of the data. Its run is used if it is complete, and its labels
    of validation and test have the order of the data.

    Args:
        home: the run store's folder; None for the project's.
    """
    key = run_key(recipe, seed, dataset, weights_sha256, processes)
    if processes > 1 or folder(recipe, seed, key, home).is_dir():
        return key
    for path in sorted(folder(recipe, seed, "*", home).parent.glob(f"{recipe.name}-s{seed}-*")):
        try:
            found = load(path)
            known = earlier_keys(found.recipe, seed, dataset.fingerprint, weights_sha256)
            if _untitled(found.recipe) != _untitled(recipe) or found.key not in known:
                continue
            ordered = all(
                np.array_equal(found.predictions[name].labels, dataset.splits[name].labels)
                for name in ("val", "test")
            )
            if ordered and find_fault(path) is None:
                return found.key
        except (RunError, StorageError):  # an unreadable folder is not a run
            continue
    return key


def folder(recipe: Recipe, seed: int, key: str, home: Path | None = None) -> Path:
    """Folder of the run; it may not exist yet."""
    return (home or paths.home()) / "runs" / folder_name(recipe.name, seed, key)


def folder_name(name: str, seed: int, key: str) -> str:
    """Name of a run: recipe, seed and key."""
    return f"{name}-s{seed}-{key}"


def load(path: Path) -> Run:
    """Read a finished run.

    Raises:
        RunError: it is missing, incomplete, damaged or of another schema.
    """
    manifest = read_manifest(path)
    with _reading(path, MANIFEST):
        recipe = recipe_from(manifest["recipe"])
        return Run(path, recipe, manifest["seed"], manifest["key"], manifest)


def read_manifest(path: Path, files: Sequence[str] = FILES) -> Mapping[str, Any]:
    """Read the manifest of the run in a folder, whose name has recipe, seed and key.

    Args:
        files: that it must have.

    Raises:
        RunError: the run is missing, incomplete or of another schema, or the manifest is damaged.
    """
    if not path.is_dir():
        raise RunError(f"no run in {path}", "run `pneumo study`")
    again = "delete it and run `pneumo study`"
    missing = [name for name in files if not (path / name).is_file()]
    if missing:
        raise RunError(f"{path} is not whole: {', '.join(missing)} missing", again)
    with _reading(path, MANIFEST):
        try:
            return checksums.parse((path / MANIFEST).read_bytes(), SCHEMA, path.name)
        except checksums.OtherVersionError as error:
            raise RunError(f"{path} {error.message(again)}") from None


def read_file(path: Path, name: str, manifest: Mapping[str, Any]) -> bytes:
    """Read a file of the run in the folder `path`, and verify its checksum.

    Raises:
        RunError: the checksum differs from that in the manifest.
    """
    with _reading(path, name):
        content = (path / name).read_bytes()
        if checksums.digest(content) != manifest["files"][name]:
            raise ValueError("its SHA-256 is not the manifest's")
        return content


def find_fault(path: Path, files: Sequence[str] = FILES) -> str | None:
    """Return what is wrong with a run; None if all checksums match.

    Weights are large, so they are only read here if they are newer than the manifest. They are verified when
    they are loaded.
    """
    try:
        manifest = read_manifest(path, files)
        written = (path / MANIFEST).stat().st_mtime_ns
        for name in files:
            untouched = (path / name).stat().st_mtime_ns <= written
            if name != MANIFEST and not (name == WEIGHTS and untouched):
                read_file(path, name, manifest)
    except RunError as error:
        return str(error.args[0])
    return None


def of_other_versions(home: Path | None = None) -> dict[Path, int]:
    """Schemas of the runs in the store that other versions of this package wrote."""
    found = {}
    for path in sorted(((home or paths.home()) / "runs").glob(f"*/{MANIFEST}")):
        try:
            schema = json.loads(path.read_bytes())["schema"]
        except checksums.DAMAGE:
            continue
        if _LABEL.fullmatch(path.parent.name) and type(schema) is int and schema != SCHEMA:
            found[path.parent] = schema
    return found


def recipe_from(fields: Mapping[str, Any]) -> Recipe:
    """Read the recipe in a manifest."""
    from pneumo.training.recipes import REMOVED, Augmentation

    known = {name: value for name, value in fields.items() if name not in REMOVED}
    return Recipe(**known | {"augmentation": Augmentation(**fields["augmentation"])})


def write_history(path: Path, rows: list[dict[str, Any]]) -> None:
    """Replace the history in the folder `path` with `rows`, atomically."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    storage.write(path / "history.csv", text.getvalue().encode())


def write_sealed(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON with a checksum that covers the name of the file, unless it has this content already."""
    text = checksums.text(content, path.name).encode()
    if not (path.is_file() and path.read_bytes() == text):
        storage.write(path, text)


def write_manifest(folder: Path, content: Mapping[str, Any], files: Sequence[str] = FILES) -> None:
    """Write the manifest of a run, with the checksums of its other files, which must be in the folder.

    Args:
        folder: of the run, with any name.
        content: with recipe, seed and key.
        files: of a run.
    """
    label = folder_name(content["recipe"]["name"], content["seed"], content["key"])
    digests = {
        name: checksums.digest((folder / name).read_bytes()) for name in files if name != MANIFEST
    }
    text = checksums.text({"schema": SCHEMA, **content, "files": digests}, label)
    storage.write(folder / MANIFEST, text.encode())


@contextmanager
def once(destination: Path, files: Sequence[str] = FILES) -> Iterator[Path | None]:
    """Make a run once, however many processes need it and however often one is killed.

    A damaged run is moved aside with a message, and made again.

    Args:
        destination: its folder.
        files: that it must have.

    Yields:
        A folder to fill with `files`, which holds what an interrupted attempt left. It becomes
        `destination` when the block ends without an error. None if the run is complete already.
    """
    if find_fault(destination, files) is None:  # also if the store is read-only
        yield None
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    with storage.locked(destination):
        fault = find_fault(destination, files)
        if fault is None:
            yield None
            return
        if destination.is_dir():
            aside = _set_aside(destination)
            streams.tell(f"{fault}; it is made again, and the damaged one is kept as {aside.name}")
        filling = destination.with_name(f".{destination.name}.partial")
        filling.mkdir(exist_ok=True)
        with storage.refusals(filling):
            yield filling
            publish(filling, destination, files)


def publish(partial: Path, destination: Path, files: Sequence[str] = FILES) -> None:
    """Turn the folder `partial` into a finished run, by renaming it.

    Raises:
        RunError: a file is missing.
    """
    missing = [name for name in files if not (partial / name).is_file()]
    if missing:
        raise RunError(f"{partial} lacks {', '.join(missing)}; it is not published")
    for stray in set(partial.iterdir()) - {partial / name for name in files}:
        shutil.rmtree(stray) if stray.is_dir() else stray.unlink()
    if destination.exists():
        shutil.rmtree(destination)
    storage.settle(partial)
    partial.rename(destination)


def _untitled(recipe: Recipe) -> dict[str, Any]:
    """Fields of a recipe that determine a run."""
    return {name: value for name, value in recipe.to_dict().items() if name != "title"}


def _reading(path: Path, name: str) -> AbstractContextManager[None]:
    """Turn any error of reading a file of the run in the folder `path` into a message."""
    return checksums.reading(path / name, RunError, f"delete {path} and run `pneumo study`")


def _set_aside(path: Path) -> Path:
    """Rename the folder of a damaged run to a name that no run has."""
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    return aside
