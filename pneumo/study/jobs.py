"""Trainings, and outputs of trained networks, as jobs for any worker, and the return of their results.

A worker reads data and weights from their paths if the checksum matches, and requests them otherwise. A
worker that uses the same run store writes its results there. Otherwise they are sent back, verified by
checksum, and written atomically.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import uuid4

from pneumo import __version__
from pneumo.base import checksums, keys, paths, storage
from pneumo.base.errors import PneumoError
from pneumo.data import DataError, Dataset, load
from pneumo.data.datasets import order
from pneumo.study import outputs
from pneumo.study.executors import Choice, make
from pneumo.study.pools import Call, Missing, Pool, answers
from pneumo.training import runs
from pneumo.training.recipes import Profile, Recipe
from pneumo.training.runs import Listener, Run
from pneumo.training.weights import Weights

Files = Mapping[str, bytes]  # of a run, by name
# The data set that this process used last, by its order.
_loaded: dict[str, Dataset] = {}


@dataclass(frozen=True)
class Terms:
    """Settings that all jobs of a study share."""

    dataset: str
    size: int
    source: str  # as named by the study
    location: str
    order: str  # identifies the data
    device: str
    home: Path  # the run store of the process that submits
    token: str | None  # name of a file in it, by which a worker recognises it; None: it is the same
    code: str


@dataclass(frozen=True)
class Training:
    """A run to train."""

    recipe: Recipe
    seed: int
    weights: Weights | None
    key: str

    @property
    def label(self) -> str:
        """Name in progress displays."""
        return f"{self.recipe.name} s{self.seed}"


@contextmanager
def terms(pool: Pool, dataset: Dataset, home: Path | None, device: str) -> Iterator[Terms]:
    """Make the settings that the jobs of a study share, valid inside the context.

    Args:
        pool: where they run.
        dataset: the study's data.
        home: the run store's folder; None for the project's.
        device: what to compute on.
    """
    _loaded.clear()
    _loaded[dataset.order] = dataset
    store = (home or paths.home()).resolve()
    token = f".study-{uuid4().hex}" if pool.apart else None
    if token:
        store.mkdir(parents=True, exist_ok=True)
        (store / token).touch()
    try:
        yield Terms(
            dataset.about.name,
            dataset.size,
            dataset.source,
            dataset.location,
            dataset.order,
            device,
            store,
            token,
            _code(),
        )
    finally:
        if token:
            (store / token).unlink(missing_ok=True)


def want(
    recipe: Recipe,
    seed: int,
    dataset: Dataset,
    weights: Weights | None,
    home: Path | None = None,
) -> Training:
    """Describe the run of a recipe, a seed, data and weights, which may not exist yet."""
    key = runs.find_key(recipe, seed, dataset, weights.sha256 if weights else None, home)
    return Training(recipe, seed, weights, key)


def complete(
    executor: Choice,
    dataset: Dataset,
    wanted: Sequence[Training],
    profile: Profile | None = None,
    home: Path | None = None,
    device: str = "auto",
    listeners: Sequence[Listener | None] = (),
    finished: Callable[[Run], None] = lambda _: None,
    say: Callable[[str], None] = lambda _: None,
) -> list[Run]:
    """Return the wanted runs, in order; train missing runs, and compute their missing outputs.

    Args:
        executor: where. Nothing is started if nothing is missing.
        profile: its models' outputs are computed; None: of none.
        home: the run store's folder; None for the project's.
        device: what to compute on.
        listeners: receive the progress, one for each run; may be empty.
        finished: receives each run as soon as it is finished.
        say: receives messages of one line.

    Raises:
        PneumoError: a job failed, or its answer is damaged.
    """
    store = (home or paths.home()).resolve()
    found: dict[int, Run] = {}
    missing: list[int] = []  # indices of wanted runs
    asked: list[tuple[Run, str]] = []  # runs and names of outputs

    def keep(place: int, run: Run) -> list[tuple[Run, str]]:
        """Return the outputs that the run still needs."""
        found[place] = run
        finished(run)
        return [(run, name) for name in outputs.wanted(run, profile, dataset)] if profile else []

    for place, one in enumerate(wanted):
        path = runs.folder(one.recipe, one.seed, one.key, store)
        if runs.find_fault(path) is None:  # the training reports a damaged run
            asked += keep(place, runs.load(path))
        else:
            missing.append(place)
    # Recipes are listed from the quickest to the longest, and outputs from the longest to the quickest: begun
    # first, the longest leaves no worker waiting.
    missing.reverse()
    asked = [one for name in outputs.OUTPUTS for one in reversed(asked) if one[1] == name]
    if not missing and not asked:
        return [found[place] for place in range(len(wanted))]
    with make(executor, device) as pool, terms(pool, dataset, home, device) as common:
        data = dataset.order, lambda: dataset

        def training(place: int) -> Call:
            one = wanted[place]
            inputs: dict[str, tuple[str, Callable[[], Any]]] = {"data": data}
            if one.weights:
                inputs["weights"] = one.weights.sha256, one.weights.path.read_bytes
            return Call(
                one.label, train, (common, one), dict(enumerate(listeners)).get(place), inputs
            )

        def computing(run: Run, name: str) -> Call:
            inputs = {"data": data, "run": (run.label, lambda: _packed(run))}
            label = f"{run.recipe.name} s{run.seed}: outputs for {name}"
            return Call(label, compute, (common, run.label, name, profile), None, inputs)

        calls = [training(place) for place in missing] + [computing(*one) for one in asked]
        for number, made in answers(pool, calls, say):
            if number < len(missing):
                place = missing[number]
                more = keep(place, _published(wanted[place], made, store))
                asked += more
                calls += [computing(*one) for one in more]
            else:
                run, name = asked[number - len(missing)]
                say(calls[number].label)
                if made is not None and profile:
                    outputs.keep(run, name, profile, made)
    return [found[place] for place in range(len(wanted))]


def train(
    common: Terms,
    wanted: Training,
    data: Dataset | None = None,
    weights: bytes | None = None,
    listener: Listener | None = None,
) -> Files | Missing | None:
    """Train a run, in a worker; its files, or None if they are in the shared store.

    Args:
        common: the study's terms.
        data: the data, if the worker has requested them.
        weights: content of the file of pretrained weights, likewise.
        listener: receives the progress.

    Raises:
        PneumoError: the worker has another version; or as :func:`pneumo.training.train.train`.
    """
    from pneumo.training import train as training

    home, shared = _store(common)
    destination = runs.folder(wanted.recipe, wanted.seed, wanted.key, home)
    if runs.find_fault(destination) is not None:
        dataset = _found(common, data)
        if dataset is None:
            return Missing("data")
        found = _found_weights(wanted, weights, home)
        if wanted.weights and found is None:
            return Missing("weights")
        training.train(
            wanted.recipe, wanted.seed, dataset, found, home, listener, common.device, wanted.key
        )
    return None if shared else _packed(runs.load(destination))


def compute(
    common: Terms,
    label: str,
    name: str,
    profile: Profile,
    data: Dataset | None = None,
    run: Files | None = None,
    listener: Listener | None = None,  # noqa: ARG001
) -> bytes | Missing | None:
    """Compute outputs of a run's network, in a worker; their file, or None if it is in the shared store.

    Args:
        common: the study's terms.
        label: the run's.
        profile: sets the number of images.
        data: the data, if the worker has requested them.
        run: the run's files, if the worker does not see the run store.
        listener: not used.

    Raises:
        PneumoError: the worker has another version.
    """
    home, shared = _store(common)
    if not shared and run is None:
        return Missing("run")
    dataset = _found(common, data)
    # The process that submits has the larger images that these outputs need, and sends them with its data.
    lacks_larger = name in outputs.OPTIONAL and dataset is not None and dataset.larger is None
    if dataset is None or (lacks_larger and data is None):
        return Missing("data")
    if run is None:
        outputs.make(runs.load(home / "runs" / label), name, dataset, profile, common.device)
        return None
    _check(run, label)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs" / label
        path.mkdir(parents=True)
        for file, content in run.items():
            (path / file).write_bytes(content)
        asked = runs.load(path)
        outputs.make(asked, name, dataset, profile, common.device)
        return outputs.path(asked, name, profile).read_bytes()


def _code() -> str:
    """Key of the versions that a worker must share with the submitting process."""
    return keys.key(
        package=__version__, training=runs.TRAINING_VERSION, outputs=outputs.OUTPUTS_VERSION,
        schemas=[runs.SCHEMA, outputs.SCHEMA],
    )  # fmt: skip


def _store(common: Terms) -> tuple[Path, bool]:
    """The run store that a worker uses, and whether it is the one of the process that submits.

    Raises:
        PneumoError: the worker has another version.
    """
    if _code() != common.code:
        raise PneumoError(
            "the worker has another version than this process; install the same pneumo where workers run, "
            "and restart them"
        )
    if common.token is None:
        return common.home, True
    own = paths.home()
    # A worker with a store of its own uses no other.
    places = (own,) if os.environ.get("PNEUMO_HOME") else (common.home, own)
    for place in places:
        if (place / common.token).is_file():
            return place, True
    return own, False


def _found(common: Terms, sent: Dataset | None) -> Dataset | None:
    """Return the data: those sent, those that this process used last, or those at their location."""
    if sent is None and common.order in _loaded:
        return _loaded[common.order]
    found = sent
    if found is None:
        try:
            found = load(common.size, common.location, common.dataset)
        except DataError:
            return None
        if found.order != common.order:
            return None
        # The study names its own source, which may be another way to the same data.
        found = replace(found, source=common.source)
    elif order(found.splits) != common.order:
        raise PneumoError("the data that were sent are not those of the study")
    _loaded.clear()
    _loaded[common.order] = found
    return found


def _found_weights(wanted: Training, sent: bytes | None, home: Path) -> Weights | None:
    """Return the pretrained weights, from their path or from the worker's cache."""
    meant = wanted.weights
    if meant is None:
        return None
    kept = home / "weights" / f"{meant.sha256}{meant.path.suffix}"
    if sent is not None:
        if checksums.digest(sent) != meant.sha256:
            raise PneumoError("the weights that were sent are not those of the recipe")
        storage.write(kept, sent)
    for path in (meant.path, kept):
        if path.is_file() and checksums.digest(path.read_bytes()) == meant.sha256:
            return replace(meant, path=path)
    return None


def _packed(run: Run) -> Files:
    return {name: (run.path / name).read_bytes() for name in runs.FILES}


def _check(files: Files, label: str) -> None:
    """Verify that files are, byte for byte, those of the run called `label`."""
    if set(files) != set(runs.FILES):
        raise PneumoError(
            f"the files that were received are not those of the run {label}; run the same command again"
        )
    name = runs.MANIFEST
    try:
        digests = checksums.parse(files[name], runs.SCHEMA, label)["files"]
        for name in set(runs.FILES) - {runs.MANIFEST}:
            if checksums.digest(files[name]) != digests[name]:
                raise checksums.DamageError("its SHA-256 is not the manifest's")
    except (ValueError, checksums.OtherVersionError) as error:
        problem = (
            f"{name} of the run {label} was damaged on its way, or belongs to another run ({error})"
        )
        raise PneumoError(f"{problem}; run the same command again") from None


def _published(wanted: Training, made: Files | None, home: Path) -> Run:
    """Put the run that a worker made into the run store."""
    destination = runs.folder(wanted.recipe, wanted.seed, wanted.key, home)
    if made is not None:
        _check(made, destination.name)
        with runs.once(destination) as partial:
            if partial:
                for name, content in made.items():
                    (partial / name).write_bytes(content)
    return runs.load(destination)
