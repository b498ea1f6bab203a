"""The reference study: numbers of the published data from many seeds, kept with the code.

A site that was built without the data can show them, and one that was built with the data can be held
against them. The folder holds numbers only: no image, no weights.
"""

import csv
import io
import json
import math
import re
import shlex
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from pneumo.analysis import results
from pneumo.base import checksums, paths, provenance, storage
from pneumo.base.errors import PneumoError
from pneumo.base.storage import renewed
from pneumo.data import descriptions
from pneumo.data.datasets import PUBLISHED
from pneumo.record import promises
from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.study import HALF, RULES, Model, Rule, Study, threshold
from pneumo.training import recipes
from pneumo.training.runs import Run, write_json

# The digests of a reference's other files, as `sha256sum --check` reads them.
DIGESTS = "SHA256SUMS"
# What a reference's folder holds, and nothing besides.
CONTENT = ("results.json", "labels.csv", "predictions", "histories", DIGESTS)
# Speeds, what became of faults, and the packages that one installs: a new reference keeps them.
BENCH, BENCH_SCHEMA = "bench.json", 1
LOCK = "requirements.txt"
BESIDE = (BENCH, promises.FILE, LOCK)
PROFILES = ("paper",)  # whose studies may become the reference
DIGITS = 6  # significant ones, where they say the same as all
ROUNDED = 10.0 ** (1 - DIGITS)  # how far rounding may have moved what was written
_RESTORE = "restore both as they were, or write them again with `pneumo reference`"


class ReferenceStudyError(PneumoError):
    """A study that can't be a reference, or a reference that can't be read."""


@dataclass(frozen=True)
class Reference:
    """A reference study as it was written. Predictions are read when they are first asked for."""

    path: Path
    results: Mapping[str, Any]  # as a site's results.json, with the date on which it was `written`

    if not TYPE_CHECKING:

        def __getattribute__(self, name: str) -> Any:
            """An attribute; who reads what the study found has it as a source."""
            if name in ("results", "predictions"):
                provenance.note(self)
            return super().__getattribute__(name)

    @property
    def label(self) -> str:
        """As a source of figures and tables."""
        return "reference"

    @property
    def models(self) -> tuple[str, ...]:
        """The recipes that were run, in the study's order."""
        told = self.results["models"]
        return tuple(name for name, model in told.items() if model["status"] == "ok")

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its runs, in order."""
        return tuple(sorted({run["seed"] for run in self.results["provenance"]["runs"]}))

    def title(self, name: str) -> str:
        """A recipe's title, as in tables and prose."""
        return recipes.title(name)

    @cached_property
    def bench(self) -> Mapping[str, Any] | None:
        """What `nox -s bench` wrote: `rows` and `machine`; None where nothing is kept.

        Raises:
            ReferenceStudyError: the file is damaged, or a newer version wrote it.
        """
        return read_bench(self.path / BENCH)

    @cached_property
    def labels(self) -> NDArray[np.uint8]:
        """The test images' labels, (N,), 1 for pneumonia.

        Raises:
            ReferenceStudyError: the file is missing or damaged.
        """
        return self._column("labels.csv").astype(np.uint8)

    @cached_property
    def predictions(self) -> dict[str, tuple[NDArray[np.float64], ...]]:
        """The test images' probabilities of pneumonia, (N,) a seed, for each of :attr:`models`.

        Raises:
            ReferenceStudyError: a file is missing or damaged, or as long as the labels are not.
        """
        found = {}
        for name in self.models:
            seeds = self.results["models"][name]["seeds"]
            files = [f"predictions/{name}-s{seed}.csv" for seed in seeds]
            found[name] = tuple(self._column(file) for file in files)
            for file, column in zip(files, found[name], strict=True):
                if len(column) != len(self.labels):
                    raise ReferenceStudyError(
                        f"{self.path / file} has {len(column)} lines, not {len(self.labels)}"
                    )
        return found

    @cached_property
    def at_half(self) -> dict[str, tuple[dict[str, float], ...]]:
        """Each of :data:`pneumo.statistics.metrics.NAMES` at a threshold of 0.5, a seed, for each model."""
        return {
            name: tuple(metrics.evaluate(self.labels, scores, metrics.HALF) for scores in seeds)
            for name, seeds in self.predictions.items()
        }

    def at(self, rule: Rule) -> dict[str, tuple[dict[str, float], ...]]:
        """Each of `metrics.NAMES` at a rule's threshold, a seed, for each of :attr:`models`.

        Raises:
            ReferenceStudyError: the results keep no such thresholds.
        """
        if rule is HALF:
            return self.at_half
        found = {}
        for name, seeds in self.predictions.items():
            thresholds = self.thresholds(name, rule)
            found[name] = tuple(
                metrics.evaluate(self.labels, scores, threshold)
                for scores, threshold in zip(seeds, thresholds, strict=True)
            )
        return found

    def thresholds(self, name: str, rule: Rule) -> tuple[float, ...]:
        """A model's thresholds under a rule, as its validation images gave them, a seed.

        Raises:
            ReferenceStudyError: the results keep none, or not one a seed.
        """
        model = self.results["models"][name]
        for point in model["operating_points"]:
            if point["id"] == rule.name and len(point["thresholds"]) == len(model["seeds"]):
                return tuple(point["thresholds"])
        path = self.path / results.FILE
        raise ReferenceStudyError(f"{path} lacks a threshold a seed of {name} by {rule.title}")

    @property
    def has_intervals(self) -> bool:
        """Whether its means come with intervals."""
        told = self.results["models"]
        return any(told[name]["test_at_half"]["auc"].get("low") is not None for name in self.models)

    @property
    def is_published(self) -> bool:
        """Whether its data are the published 28×28 set."""
        return bool(self.results["data"]["fingerprint"] == PUBLISHED)

    def compare(
        self, study: Study, rule: Rule = HALF, confidence: float = 0.95
    ) -> "tuple[Difference, ...]":
        """Every model that both have, metric by metric, on the test set.

        Args:
            study: a study of the same data.
            rule: of the threshold, which each side has chosen for itself.
            confidence: of where this study's means are expected, in (0, 1).
        """
        compared = []
        for model in study.ran:
            if model.name not in self.models:
                continue
            here, seeds = model.mean(rule), self.at(rule)[model.name]
            for metric in metrics.NAMES:
                values = [seed[metric] for seed in seeds]
                low, high = expected(values, len(model.runs), confidence)
                mean = float(np.mean(values))
                compared.append(Difference(model.name, metric, mean, here[metric], low, high))
        return tuple(compared)

    def shared_runs(self, study: Study) -> int:
        """How many of a study's runs are this one's."""
        return sum(map(self.has, study.runs))

    def has(self, run: Run) -> bool:
        """Whether a run is one of this study's: the same recipe, seed, data, weights and training."""
        return not run.keys.isdisjoint(one["key"] for one in self.results["provenance"]["runs"])

    def _column(self, name: str) -> NDArray[np.float64]:
        """The second column of a file whose first counts the test images."""
        content = _read(self.path, name)
        try:
            if not content:
                raise ValueError("it is empty")
            table = np.loadtxt(io.BytesIO(content), delimiter=",", ndmin=2)
            if not np.array_equal(table[:, 0], np.arange(len(table))) or table.shape[1] != 2:
                raise ValueError("its lines are not numbered from 0 in order")
        except (ValueError, IndexError) as error:
            raise ReferenceStudyError(f"{self.path / name} is damaged ({error})") from None
        return np.asarray(table[:, 1])


@dataclass(frozen=True)
class Difference:
    """A model's metric: the reference's mean, this study's, and where new runs should lie."""

    model: str  # the recipe's name
    metric: str
    reference: float
    here: float
    low: float  # NaN where the reference has too few seeds to say
    high: float

    @property
    def decided(self) -> bool:
        """Whether there is something to hold this study's mean against."""
        return not math.isnan(self.low + self.high + self.here)

    @property
    def agrees(self) -> bool:
        """Whether this study's mean lies where the reference leads to expect it."""
        return self.decided and self.low - ROUNDED <= self.here <= self.high + ROUNDED


def write(study: Study, folder: Path, profiles: Sequence[str] = PROFILES) -> Reference:
    """Make a study the reference: its results, test labels, test predictions and histories.

    Args:
        study: finished, of real data.
        folder: where to; a reference that is there is replaced, whole or not at all.
        profiles: whose studies are accepted.

    Raises:
        ReferenceStudyError: the study is the phantom's or of another profile, or the folder holds
            something that is no reference.
    """
    if study.data.is_phantom:
        raise ReferenceStudyError(
            "a reference study is of real data; this one is of the phantom, give the data with --data"
        )
    if study.profile.name not in profiles:
        raise ReferenceStudyError(
            f"a reference study is of the profile {' or '.join(profiles)}, not {study.profile.name}"
        )
    folder = folder.absolute()
    if folder.exists() and not _is_reference(folder):
        raise ReferenceStudyError(f"{folder} holds something else than a reference study")
    with renewed(folder) as new:
        _fill(new, study)
        for name in BESIDE:
            if (folder / name).is_file():
                shutil.copyfile(folder / name, new / name)
    return Reference(folder, _read_results(folder))


def load(folder: Path | None = None) -> Reference | None:
    """The reference study, or None where there is none.

    Args:
        folder: where it lies; None for the project's own.

    Raises:
        ReferenceStudyError: there is one, but damaged or of another schema.
    """
    found = folder or paths.reference()
    return Reference(found, _read_results(found)) if found.is_dir() else None


def of(study: Study) -> Reference | None:
    """The project's reference study of the same set at the same size; None where there is none.

    Raises:
        ReferenceStudyError: as :func:`load`.
    """
    return load(paths.reference(descriptions.label(study.about, study.data.size)))


def check(folder: Path) -> None:
    """Hold every file of a reference against its digest, also those that nothing reads.

    Raises:
        ReferenceStudyError: one is damaged, missing, or has no digest.
    """
    for name in sorted({*_digests(folder), *_names(folder)}):
        _read(folder, name)


def write_digests(folder: Path) -> Path:
    """Write the digests of a reference's files, as they are now.

    Raises:
        ReferenceStudyError: the folder holds something that is no reference.
    """
    if not _is_reference(folder):
        raise ReferenceStudyError(f"{folder} holds something else than a reference study")
    digests = {name: checksums.digest((folder / name).read_bytes()) for name in _names(folder)}
    storage.write(folder / DIGESTS, _listed(digests))
    return folder / DIGESTS


def read_bench(path: Path) -> dict[str, Any] | None:
    """What `nox -s bench` wrote: `rows` and `machine`; None where there is no such file.

    Raises:
        ReferenceStudyError: the file is damaged, or a newer version wrote it.
    """
    if not path.is_file():
        return None
    again = "delete it and run `nox -s bench` again"
    try:
        raw = path.read_bytes()
        # The first ones had neither a schema nor a digest.
        old = not {b"digest", b"schema"} & set(re.findall(rb'^ "(\w+)"', raw, re.MULTILINE))
        content = json.loads(raw) if old else checksums.parse(raw, BENCH_SCHEMA, BENCH)
        return {"rows": content["rows"], "machine": content["machine"]}
    except checksums.OtherVersionError as error:
        raise ReferenceStudyError(f"{path} {error.told(again)}") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ReferenceStudyError(f"{path} is damaged ({what}); {again}") from None


def write_bench(path: Path, rows: Sequence[Mapping[str, Any]], machine: Mapping[str, Any]) -> None:
    """Write what :func:`read_bench` reads."""
    content = {"schema": BENCH_SCHEMA, "rows": list(rows), "machine": machine}
    storage.write(path, checksums.text(content, BENCH).encode())


def expected(values: ArrayLike, runs: int = 1, confidence: float = 0.95) -> tuple[float, float]:
    """Where the mean of new runs should lie, judged by earlier ones (Meeker, Hahn & Escobar 2017).

    Student's prediction interval for the mean of `runs` further draws from the population of which
    `values` are a sample: mean ± t · s · √(1/runs + 1/n).

    Args:
        values: a metric of earlier runs, (n,).
        runs: how many new ones are averaged, at least 1.
        confidence: in (0, 1).

    Returns:
        Its ends; both NaN with fewer than two values, or where one is undefined.
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) < 2 or not np.isfinite(sample).all():
        return math.nan, math.nan
    reach = stats.t.ppf(0.5 + confidence / 2, len(sample) - 1) * np.std(sample, ddof=1)
    reach *= math.sqrt(1 / runs + 1 / len(sample))
    return float(sample.mean() - reach), float(sample.mean() + reach)


def trimmed(run: Run) -> list[str]:
    """A run's test probabilities with the fewest digits, six or more, that keep every call and rank.

    A probability close to one has all its information in the last of many nines, so how many digits are
    enough depends on the run.
    """
    test = run.predictions["test"]
    exact = test.probabilities
    for digits in range(DIGITS, 17):
        texts = [f"{p:.{digits}g}" for p in exact]
        rounded = np.array(texts, dtype=np.float64)
        calls_kept = all(
            np.array_equal(rounded >= threshold(run, rule), exact >= threshold(run, rule))
            for rule in RULES
        )
        if calls_kept and math.isclose(
            metrics.auc(test.labels, rounded), metrics.auc(test.labels, exact), abs_tol=1e-12
        ):
            return texts
    return [repr(float(p)) for p in exact]


def _is_reference(folder: Path) -> bool:
    """Whether a folder holds nothing but what a reference holds."""
    return folder.is_dir() and {path.name for path in folder.iterdir()} <= {*CONTENT, *BESIDE}


def _fill(folder: Path, study: Study) -> None:
    for name in ("predictions", "histories"):
        (folder / name).mkdir(parents=True)
    # No engine rendered it; which commit it is of, its runs know.
    content = results.summarise(study, "none") | {"engine": None}
    content["written"] = datetime.now(UTC).date().isoformat()
    write_json(folder / results.FILE, content)
    _write_rows(folder / "labels.csv", enumerate(study.data.test.labels.tolist()))
    for model in ensemble.compared(study):
        _write_runs(folder, model)
    write_digests(folder)


def _write_runs(folder: Path, model: Model) -> None:
    for run in model.runs:
        name = f"{model.name}-s{run.seed}.csv"
        _write_rows(folder / "predictions" / name, enumerate(trimmed(run)))
        if not run.history:
            continue
        columns = list(run.history[0])
        rows = [
            [value if isinstance(value, str) else f"{value:.{DIGITS}g}" for value in row.values()]
            for row in run.history
        ]
        _write_rows(folder / "histories" / name, [columns, *rows])


def _write_rows(path: Path, rows: Any) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)


def _read_results(folder: Path) -> Mapping[str, Any]:
    path = folder / results.FILE
    try:
        content = results.parse(_read(folder, results.FILE))
        if content["data"]["source"] == "phantom":
            raise ReferenceStudyError(f"{path} is of the phantom: that is no reference study")
    except checksums.OtherVersionError as error:
        again = "write it again with `pneumo reference`"
        raise ReferenceStudyError(f"{path} {error.told(again)}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise ReferenceStudyError(f"{path} is damaged ({type(error).__name__}: {error})") from None
    return content


def _read(folder: Path, name: str) -> bytes:
    """The bytes of a reference's file, which are those that its digest is of."""
    path, digests = folder / name, _digests(folder)
    try:
        content = path.read_bytes()
    except OSError as error:
        named = f", though {DIGESTS} names it" if name in digests else ""
        raise ReferenceStudyError(
            f"{path} can't be read ({error.strerror}){named}; {_RESTORE}"
        ) from None
    if digests.get(name) != checksums.digest(content):
        what = "is not what its digest is of" if name in digests else "has no digest"
        raise ReferenceStudyError(f"{path} is damaged, or {DIGESTS} is: it {what}; {_RESTORE}")
    return content


def _digests(folder: Path) -> dict[str, str]:
    """Each file's, by its name within the folder."""
    path = folder / DIGESTS
    try:
        raw = path.read_bytes()
        lines = raw.decode().splitlines()
        found = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
        if _listed(found) != raw:
            raise ValueError("it is not written as its lines are")
        return found
    except FileNotFoundError:
        raise ReferenceStudyError(
            f"{folder} was written by an older version of pneumo, without {DIGESTS}; "
            f"if nothing in it is damaged, run `pneumo reference --digests {shlex.quote(str(folder))}`"
        ) from None
    except (OSError, ValueError) as error:
        raise ReferenceStudyError(f"{path} is damaged ({error}); {_RESTORE}") from None


def _listed(digests: Mapping[str, str]) -> bytes:
    return "".join(f"{digest}  {name}\n" for name, digest in digests.items()).encode()


def _names(folder: Path) -> list[str]:
    """The files of a study in a reference's folder; what stands beside it has seals of its own."""
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in (DIGESTS, *BESIDE)
    )
