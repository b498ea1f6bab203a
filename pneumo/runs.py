"""A run on disk: one recipe trained from one seed on one data set, written whole or not at all."""

import ast
import csv
import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, cached_property
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from pneumo import lineage, metrics, paths, storage
from pneumo.errors import PneumoError
from pneumo.recipes import Recipe

SCHEMA = 1
FILES = ("manifest.json", "history.csv", "predictions.npz", "explain.npz", "weights.safetensors")
# The variants of a training image that a run keeps for the report: each change alone, at the end of
# its range, then one draw of all at once.
VARIANTS = ("original", "rotated", "shifted", "brighter", "contrast", "all at once")
# What reading a damaged file may raise.
DAMAGE = (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError, BadZipFile)
# The modules whose words decide a run's numbers; a change in any other retrains nothing.
_DECIDING = ("data", "heldout", "augment", "models", "loop", "train")
# What of a run is read counts as lineage: not what it is called, but what came out.
_GIVEN = frozenset(("manifest", "history", "predictions", "explanation"))
# The columns of history.csv that are words; all others are numbers.
_WORDS = ("stage",)


class RunError(PneumoError):
    """A run that was asked for is missing or can't be read."""


@dataclass(frozen=True)
class Predictions:
    """What a model said of one split, in the order of the data."""

    logits: NDArray[np.float64]  # (N,)
    labels: NDArray[np.uint8]  # (N,)

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """The probability of pneumonia, (N,), in [0, 1]."""
        return metrics.probabilities(self.logits)


@dataclass(frozen=True)
class Explanation:
    """What can be seen of a trained network, kept so that a page need not load it."""

    filters: NDArray[np.float32]  # (F, h, w), the first layer's, summed over its input channels
    maps: NDArray[np.float32]  # (N, h, w), signed Grad-CAM of each test image for pneumonia
    augmented: NDArray[np.uint8]  # (K, V, S, S), K training images in all VARIANTS


@dataclass(frozen=True)
class Run:
    """A finished run. What is large is read when it is first asked for."""

    path: Path
    recipe: Recipe
    seed: int
    key: str
    manifest: Mapping[str, Any]

    if not TYPE_CHECKING:  # to a type checker any attribute would then be there

        def __getattribute__(self, name: str) -> Any:
            """An attribute; who reads what the training gave has this run behind it."""
            if name in _GIVEN and self.key:  # what has no key lies nowhere, and is made of runs
                lineage.note(self)
            return super().__getattribute__(name)

    @cached_property
    def history(self) -> list[dict[str, Any]]:
        """A row an epoch: epoch, stage, learning_rate, losses, accuracies, AUCs, seconds."""
        with (
            _damage_of(self.path, "history.csv"),
            (self.path / "history.csv").open(newline="", encoding="utf-8") as file,
        ):
            return [
                {name: value if name in _WORDS else float(value) for name, value in row.items()}
                for row in csv.DictReader(file)
            ]

    @cached_property
    def predictions(self) -> dict[str, Predictions]:
        """For ``val`` and ``test``, and for ``held`` where the recipe holds training images out."""
        with (
            _damage_of(self.path, "predictions.npz"),
            np.load(self.path / "predictions.npz", allow_pickle=False) as arrays,
        ):
            return {
                split: Predictions(arrays[f"{split}_logits"], arrays[f"{split}_labels"])
                for split in ("val", "test", "held")
                if split != "held" or self.recipe.held_out
            }

    @cached_property
    def explanation(self) -> Explanation:
        """Filters, Grad-CAM maps and augmented examples."""
        with (
            _damage_of(self.path, "explain.npz"),
            np.load(self.path / "explain.npz", allow_pickle=False) as arrays,
        ):
            return Explanation(**{name: arrays[name] for name in ("filters", "maps", "augmented")})

    @property
    def label(self) -> str:
        """Recipe, seed and key, as the run's folder is called."""
        return self.path.name

    @property
    def anchor(self) -> str:
        """What a link to its row in the table of runs names."""
        return f"run-{self.recipe.name}-s{self.seed}"


def run_key(
    recipe: Recipe, seed: int, fingerprint: str, weights_sha256: str | None, processes: int = 1
) -> str:
    """Twelve hexadecimal digits that change with all that decides a run's numbers.

    Args:
        recipe: the recipe, whole.
        seed: the run's seed.
        fingerprint: the data's.
        weights_sha256: of the pretrained weights, None where there are none.
        processes: how many share the training.
    """
    decided_by = {
        "schema": SCHEMA,
        "recipe": recipe.to_dict(),
        "seed": seed,
        "data": fingerprint,
        "weights": weights_sha256,
        "source": source_digest(_DECIDING),
    }
    if processes > 1:
        decided_by |= {"processes": processes, "sharing": source_digest(("distributed",))}
    text = json.dumps(decided_by, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def folder(recipe: Recipe, seed: int, key: str, home: Path | None = None) -> Path:
    """Where the run lies, or will lie."""
    return (home or paths.home()) / "runs" / f"{recipe.name}-s{seed}-{key}"


def load(path: Path) -> Run:
    """Read a finished run.

    Raises:
        RunError: it is missing, incomplete or of another schema.
    """
    if not path.is_dir():
        raise RunError(f"no run in {path}; run `pneumo study`")
    missing = [name for name in FILES if not (path / name).is_file()]
    if missing:
        raise RunError(
            f"{path} is not whole: {', '.join(missing)} missing; delete it and run `pneumo study`"
        )
    with _damage_of(path, "manifest.json"):
        manifest = json.loads((path / "manifest.json").read_text(encoding="utf-8"))
        if manifest["schema"] != SCHEMA:
            raise RunError(
                f"{path} was written with schema {manifest['schema']}, this version reads {SCHEMA}; "
                "delete it and run `pneumo study`"
            )
        recipe = recipe_from(manifest["recipe"])
        return Run(path, recipe, manifest["seed"], manifest["key"], manifest)


def recipe_from(fields: Mapping[str, Any]) -> Recipe:
    """The recipe that a manifest holds."""
    from pneumo.recipes import Augmentation

    return Recipe(**{**fields, "augmentation": Augmentation(**fields["augmentation"])})


def write_history(path: Path, rows: list[dict[str, Any]]) -> None:
    """Replace the history in the folder `path` with `rows`, never leaving half a file."""
    text = StringIO(newline="")
    writer = csv.DictWriter(text, fieldnames=list(rows[0]))
    writer.writeheader()
    writer.writerows(rows)
    storage.write(path / "history.csv", text.getvalue().encode())


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write a compressed ``.npz`` that appears whole or not at all."""
    storage.write(path, lambda file: np.savez_compressed(file, allow_pickle=False, **arrays))


def write_json(path: Path, content: object) -> None:
    """Write JSON that appears whole or not at all; what stands there already is not written again."""
    text = (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
    if not (path.is_file() and path.read_bytes() == text):
        storage.write(path, text)


@contextmanager
def once(destination: Path, files: Sequence[str] = FILES) -> Iterator[Path | None]:
    """Make a folder once, however many processes want it and however often one is killed.

    Yields:
        A folder to fill with `files`, with what an earlier attempt left in it; it becomes `destination`
        when the block ends without an error. None where `destination` is there already.
    """
    if destination.is_dir():  # also where nothing can be written
        yield None
        return
    destination.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(destination.with_name(f".{destination.name}.lock")):
        if destination.is_dir():
            yield None
            return
        partial = destination.with_name(f".{destination.name}.partial")
        partial.mkdir(exist_ok=True)
        with storage.refusals(partial):
            yield partial
            publish(partial, destination, files)


def publish(partial: Path, destination: Path, files: Sequence[str] = FILES) -> None:
    """Make a finished run of the folder `partial`: everything in it that a run holds, renamed at once.

    Raises:
        RunError: a file of a run is missing from it.
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


@cache
def source_digest(modules: tuple[str, ...]) -> str:
    """A hash of what modules of this package do: comments, docstrings and layout don't count.

    Args:
        modules: their names within the package, as ``metrics`` or ``figures.dataset``.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    for name in modules:
        path = package.joinpath(*name.split(".")).with_suffix(".py")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            body = getattr(node, "body", None)
            if isinstance(body, list) and body and _is_docstring(body[0]):
                body[0] = ast.Pass()
        digest.update(f"{name}\n{ast.unparse(tree)}\n".encode())
    return digest.hexdigest()


@contextmanager
def _damage_of(path: Path, name: str) -> Iterator[None]:
    """Turn whatever reading a damaged file raises into a sentence."""
    try:
        yield
    except DAMAGE as error:
        what = str(error) or type(error).__name__
        raise RunError(
            f"{path / name} is damaged ({what}); delete {path} and run `pneumo study`"
        ) from None


def _is_docstring(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
