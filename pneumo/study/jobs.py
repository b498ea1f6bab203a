"""A training, or a probe of a trained network, as a job for any worker, and how its answer comes back.

A worker finds data and weights where they lie, if what lies there has the right digest, and asks for what it
lacks. What it makes stays in the run store where the worker sees the same one as who asked; elsewhere it is
sent back, checked, and published whole.
"""

import os
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from pneumo import __version__
from pneumo.base import checksums, keys, paths, storage
from pneumo.base.errors import PneumoError
from pneumo.data import DataError, Dataset, load
from pneumo.data.datasets import order
from pneumo.study import questions
from pneumo.study.executors import Call, Lacking, Pool, answers
from pneumo.training import runs
from pneumo.training.recipes import Profile, Recipe
from pneumo.training.runs import Run

if TYPE_CHECKING:
    from pneumo.training.loop import Listener
    from pneumo.training.weights import Weights

# The data set that this process had last, by its order.
_known: dict[str, Dataset] = {}


class JobError(PneumoError):
    """A job that can't be done in this worker, or an answer that is not what was asked for."""


@dataclass(frozen=True)
class Terms:
    """What all jobs of a study have in common."""

    dataset: str
    size: int
    source: str  # as the study names it
    location: str
    order: str  # which tells the data
    device: str
    home: Path  # the run store of who asks
    token: str | None  # a file in it, by which a worker knows the same store; None: it is the same
    code: str


@dataclass(frozen=True)
class Training:
    """One run that is wanted."""

    recipe: Recipe
    seed: int
    weights: "Weights | None"
    key: str

    @property
    def label(self) -> str:
        """As a progress display calls it."""
        return f"{self.recipe.name} s{self.seed}"


@dataclass(frozen=True)
class Made:
    """What a worker made: files by name, each with its digest in it or in the manifest beside it.

    None where it lies in the shared store.
    """

    files: Mapping[str, bytes] | None = None


@contextmanager
def terms(pool: Pool, dataset: Dataset, home: Path | None, device: str) -> Iterator[Terms]:
    """What jobs of a study in `pool` have in common, for as long as they are done.

    Args:
        pool: where they are done.
        dataset: the study's data.
        home: the run store's folder; None for the project's.
        device: what to compute on.
    """
    _known.clear()
    _known[dataset.order] = dataset
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
    weights: "Weights | None",
    home: Path | None = None,
) -> Training:
    """The run of a recipe, a seed, data and weights, which need not be in the store of `home`."""
    key = runs.find_key(recipe, seed, dataset, weights.sha256 if weights else None, home)
    return Training(recipe, seed, weights, key)


def trained(
    pool: Pool,
    common: Terms,
    dataset: Dataset,
    wanted: Sequence[Training],
    ears: "Sequence[Listener | None]",
    finished: Callable[[Run], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> list[Run]:
    """The runs that are wanted, in their order; what is not in the run store is trained in `pool`.

    Args:
        pool: where.
        common: the jobs' terms.
        dataset: the data themselves.
        wanted: the runs.
        ears: hear of their progress, one each.
        finished: hears of every run that is there, as soon as it is.
        say: hears what went wrong, in a line each.

    Raises:
        PneumoError: as a training raises it, or what came back is not what was asked for.
    """
    found: dict[int, Run] = {}

    def keep(place: int, run: Run) -> None:
        found[place] = run
        if finished:
            finished(run)

    calls, places = [], []
    for place, (one, ear) in enumerate(zip(wanted, ears, strict=True)):
        path = runs.folder(one.recipe, one.seed, one.key, common.home)
        if runs.find_fault(path) is None:  # what is damaged is said when it is trained anew
            keep(place, runs.load(path))
            continue
        parts: dict[str, tuple[str, Callable[[], Any]]] = {"data": _data_part(dataset)}
        if one.weights:
            parts["weights"] = (one.weights.sha256, one.weights.path.read_bytes)
        calls.append(Call(one.label, train, (common, one), ear, parts))
        places.append(place)
    for number, made in answers(pool, calls, say):
        keep(places[number], _published(wanted[places[number]], made, common.home))
    return [found[place] for place in range(len(wanted))]


def probed(
    pool: Pool,
    common: Terms,
    dataset: Dataset,
    profile: Profile,
    wanted: Sequence[tuple[Run, str]],
    say: Callable[[str], None] | None = None,
) -> None:
    """Ask finished runs' networks what is wanted of them, and keep the answers.

    Args:
        pool: where.
        common: the jobs' terms.
        dataset: the data themselves.
        profile: says how many images are asked about.
        wanted: runs, each with one of :data:`pneumo.study.questions.PROBES`.
        say: hears of each, and of what went wrong, in a line each.

    Raises:
        PneumoError: as a probe raises it, or what came back can't be read.
    """

    def ask(run: Run, name: str) -> Call:
        parts = {"data": _data_part(dataset), "run": (run.label, lambda: _packed(run))}
        label = f"{run.recipe.name} s{run.seed}: probe {name}"
        return Call(label, probe, (common, run.label, name, profile), None, parts)

    calls = [ask(run, name) for run, name in wanted]
    for place, made in answers(pool, calls, say):
        if say:
            say(calls[place].label)
        if made.files is not None:
            run, name = wanted[place]
            questions.keep(run, name, profile, made.files["answer"])


def train(
    common: Terms,
    wanted: Training,
    data: Dataset | None = None,
    weights: bytes | None = None,
    listener: "Listener | None" = None,
) -> Made | Lacking:
    """Train a run, in a worker.

    Args:
        common: the job's terms.
        wanted: the run.
        data: the data, where the worker did not find them.
        weights: what the file of pretrained weights holds, likewise.
        listener: hears of its progress.

    Raises:
        JobError: the worker has another version.
        PneumoError: as :func:`pneumo.training.train.train`.
    """
    from pneumo.training import train as training

    _check_code(common)
    home, shared = _store(common)
    destination = runs.folder(wanted.recipe, wanted.seed, wanted.key, home)
    if runs.find_fault(destination) is not None:
        dataset = _found(common, data)
        if dataset is None:
            return Lacking("data")
        found = _found_weights(wanted, weights, home)
        if wanted.weights and found is None:
            return Lacking("weights")
        training.train(
            wanted.recipe, wanted.seed, dataset, found, home, listener, common.device, wanted.key
        )
    return Made() if shared else _packed(runs.load(destination))


def probe(
    common: Terms,
    label: str,
    name: str,
    profile: Profile,
    data: Dataset | None = None,
    run: Made | None = None,
    listener: "Listener | None" = None,
) -> Made | Lacking:
    """Ask a run's network, in a worker.

    Args:
        common: the job's terms.
        label: the run's.
        name: of the probe.
        profile: says how many images are asked about.
        data: the data, where the worker did not find them.
        run: the run's files, where it does not see the run store.
        listener: hears nothing.

    Raises:
        JobError: the worker has another version.
    """
    del listener
    _check_code(common)
    home, shared = _store(common)
    if not shared and run is None:
        return Lacking("run")
    dataset = _found(common, data)
    if dataset is None:
        return Lacking("data")
    if shared:
        questions.make(runs.load(home / "runs" / label), name, dataset, profile, common.device)
        return Made()
    assert run is not None
    assert run.files is not None
    _check(run.files, label)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "runs" / label
        path.mkdir(parents=True)
        for file, content in run.files.items():
            (path / file).write_bytes(content)
        asked = runs.load(path)
        questions.make(asked, name, dataset, profile, common.device)
        return Made({"answer": questions.path(asked, name, profile).read_bytes()})


def _code() -> str:
    """What a worker must have as who asks has it."""
    return keys.key(
        package=__version__, training=runs.TRAINING_VERSION, probes=questions.PROBES_VERSION,
        schemas=[runs.SCHEMA, questions.SCHEMA],
    )  # fmt: skip


def _check_code(common: Terms) -> None:
    if _code() != common.code:
        raise JobError(
            "the worker has another version than this process; install the same pneumo where workers run, "
            "and start them anew"
        )


def _store(common: Terms) -> tuple[Path, bool]:
    """The run store that a worker uses, and whether it is that of who asks."""
    if common.token is None:
        return common.home, True
    own = paths.home()
    # A worker that was given a store keeps to that.
    places = (own,) if os.environ.get("PNEUMO_HOME") else (common.home, own)
    for place in places:
        if (place / common.token).is_file():
            return place, True
    return own, False


def _data_part(dataset: Dataset) -> tuple[str, Callable[[], Dataset]]:
    return dataset.order, lambda: dataset


def _found(common: Terms, sent: Dataset | None) -> Dataset | None:
    """The data: those that this process had last, those that were sent, or what lies at their location."""
    if common.order in _known:
        return _known[common.order]
    found = sent
    if found is None:
        try:
            found = load(common.size, common.location, common.dataset)
        except DataError:
            return None
        if found.order != common.order:
            return None
        # By another way they are the same data: the study names the way it was made.
        found = replace(found, source=common.source)
    elif order(found.splits) != common.order:  # not as its sender counted it
        raise JobError("the data that were sent are not those that were meant")
    _known.clear()
    _known[common.order] = found
    return found


def _found_weights(wanted: Training, sent: bytes | None, home: Path) -> "Weights | None":
    """The pretrained weights: where they lie, or where those that were sent are kept."""
    from pneumo.training.weights import sha256_of

    meant = wanted.weights
    if meant is None:
        return None
    kept = home / "weights" / f"{meant.sha256}{meant.path.suffix}"
    if sent is not None:
        if checksums.digest(sent) != meant.sha256:
            raise JobError("the weights that were sent are not those that were meant")
        storage.write(kept, sent)
    for path in (meant.path, kept):
        if path.is_file() and sha256_of(path) == meant.sha256:
            return replace(meant, path=path)
    return None


def _packed(run: Run) -> Made:
    return Made({name: (run.path / name).read_bytes() for name in runs.FILES})


def _check(files: Mapping[str, bytes], label: str) -> None:
    """Refuse files that are not, byte for byte, those of the run called `label`."""
    if set(files) != set(runs.FILES):
        raise JobError(f"what came is not the run {label}; run the same command again")
    name = runs.MANIFEST
    try:
        digests = checksums.parse(files[name], runs.SCHEMA, label)["files"]
        for name in set(runs.FILES) - {runs.MANIFEST}:
            if checksums.digest(files[name]) != digests[name]:
                raise checksums.DamageError("its SHA-256 is not the manifest's")
    except (ValueError, checksums.OtherVersionError) as error:
        problem = f"{name} of the run {label} was damaged on its way, or is another's ({error})"
        raise JobError(f"{problem}; run the same command again") from None


def _published(wanted: Training, made: Made, home: Path) -> Run:
    """The run that a worker made, in the run store."""
    destination = runs.folder(wanted.recipe, wanted.seed, wanted.key, home)
    if made.files is None:
        return runs.load(destination)
    _check(made.files, destination.name)
    with runs.once(destination) as partial:
        if partial:
            for name, content in made.files.items():
                (partial / name).write_bytes(content)
    return runs.load(destination)
