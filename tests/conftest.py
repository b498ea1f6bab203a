"""Shared fixtures: an isolated environment, the phantom, and one small finished study."""

import http.server
import os
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from pathlib import Path

import faults
import numpy as np
import pytest
import trainings
import trustme
from filelock import FileLock
from hypothesis import settings
from numpy.typing import NDArray
from scipy.special import logit
from trainings import PROFILE

from pneumo.analysis import writing
from pneumo.base import checksums, npz, paths
from pneumo.data import Dataset, datasets
from pneumo.record import Record, read
from pneumo.study import study as study_module
from pneumo.study.study import Model, Study
from pneumo.training import recipes, runs
from pneumo.training.recipes import RECIPES, Profile, Recipe
from pneumo.training.runs import Run

pytest_plugins = ["promises"]

# Set before torch is imported. One thread is fastest for so few images, and xdist workers and the processes
# of tests share the cores.
os.environ["OMP_NUM_THREADS"] = "1"
# Bits are reproducible only on one kind of device, and every machine has a CPU.
os.environ["CUDA_VISIBLE_DEVICES"] = ""

# The same examples every time, and no deadline, since the machine may be busy.
settings.register_profile("tests", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("tests")

# The slowest files, which start first so that none is left at the end. The first one makes the
# study; the next ones do not need it, or only in their last tests.
LONGEST = (
    "engine/test_report.py",
    "engine/test_cache.py",
    "test_same.py",
    "test_cluster.py",
    "test_killed.py",
    "engine/test_faults.py",
    "test_together.py",
    "test_executors.py",
    "engine/test_refusals.py",
    "test_pretrained.py",
    "test_golden.py",
    "test_package.py",
)
Cases = tuple[Sequence[int], Sequence[float]]
CLOSED = "http://127.0.0.1:9"  # the discard port, which nothing listens on


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first."""
    here = Path(__file__).parent
    place = {here / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(place)))


@pytest.fixture(scope="session", autouse=True)
def _shut_off(shared: Path) -> Iterator[None]:
    """Hide the user's data, run store and caches, and the network beyond loopback, from tests."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PNEUMO_")]:
            patch.delenv(name)
        patch.setenv("PNEUMO_HOME", str(shared / "nobody"))
        patch.setenv("TORCH_HOME", str(shared / "torch"))
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, CLOSED)
            patch.setenv(name.upper(), CLOSED)
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1,localhost")
        yield


@pytest.fixture(autouse=True)
def _own_environment() -> Iterator[None]:
    """Restore environment variables that a command sets for its child processes."""
    before = dict(os.environ)
    yield
    for name in os.environ.keys() | before.keys():
        if name.startswith("PNEUMO_") or name == "QUARTO_PROFILE":
            os.environ.pop(name, None)
            if name in before:
                os.environ[name] = before[name]


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test run; under xdist all workers see the same one."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def phantom() -> Dataset:
    """The drawn data set."""
    return datasets.phantom()


@pytest.fixture
def arrays(phantom_file: Path) -> dict[str, NDArray[np.uint8]]:
    """A valid file's content: the phantom's, in MedMNIST's format."""
    with np.load(phantom_file) as content:
        return dict(content)


@pytest.fixture(scope="session")
def phantom_file(phantom: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The phantom as a file in MedMNIST's format, which is read as real data."""
    path = tmp_path_factory.mktemp("medmnist") / "pneumoniamnist.npz"
    arrays = {}
    for name, split in phantom.splits.items():
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels[:, None]}
    np.savez(path, allow_pickle=False, **arrays)
    return path


@pytest.fixture(scope="session")
def home() -> Path:
    """A run store that persists between test sessions; keys decide whether a run is still valid."""
    return Path(__file__).parents[1] / ".nox" / "test-runs"


@pytest.fixture(scope="session")
def study(shared: Path, home: Path) -> Iterator[Study]:
    """A finished study of the phantom: two seeds, one model per kind of initial weights, one unavailable."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(recipes.PROFILES, PROFILE.name, PROFILE)
        with FileLock(shared / "study.lock"):
            finished = study_module.run(PROFILE.name, "phantom", home=home)
        yield finished


@pytest.fixture(scope="session")
def record(shared: Path, study: Study) -> Record:
    """The record of the study, with its images."""
    folder = shared / "records" / study.profile.name
    with FileLock(shared / "record.lock"):
        if not folder.is_dir():
            writing.write(study, folder)
    return read(folder)


@pytest.fixture(scope="session")
def unseen(shared: Path, record: Record) -> Record:
    """The same record on a machine that has no images."""
    folder = shared / "unseen" / record.path.name
    with FileLock(shared / "unseen.lock"):
        if not folder.is_dir():
            shutil.copytree(record.path, folder)
    return read(folder)


@pytest.fixture
def git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Runs git, with an author and without its user's settings; gives what it prints."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "A. Tester")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "tester@example.org")

    def run(folder: Path, *arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    return run


@pytest.fixture
def run_in_copy(tmp_path: Path) -> Callable[[str], object]:
    """Runs a script in the test's folder, with a copy of the package there that it may change."""
    for name in ("pneumo", "templates", "report/engine"):
        shutil.copytree(paths.root() / name, tmp_path / name)
    for name in ("__init__.py", "_quarto.yml"):
        (tmp_path / "report" / name).touch()
    found = os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{Path(__file__).parent}"}
    command = [sys.executable, "-c"]
    return lambda script: subprocess.run([*command, script], cwd=tmp_path, env=found, check=True)


@pytest.fixture(scope="session")
def fork() -> Iterator[Callable[..., list[faults.End]]]:
    """Runs jobs in separate processes, which have imported what a study and a site need."""
    with faults.fork_server("tiny") as run:
        yield run


@pytest.fixture
def real_study(study: Study) -> Study:
    """The same study, as if its data were not the phantom's."""
    return replace(study, data=replace(study.data, source="file"))


@pytest.fixture
def write_run(tmp_path: Path) -> Callable[..., Run]:
    """Writes a run with given predictions, (labels, probabilities), and nothing else."""

    def write(recipe: Recipe, val: Cases, test: Cases, seed: int = 0) -> Run:
        path = tmp_path / f"{recipe.name}-s{seed}-{len(list(tmp_path.iterdir())):012x}"
        path.mkdir()
        arrays = {}
        for split, (labels, probabilities) in (("val", val), ("test", test)):
            arrays[f"{split}_labels"] = np.array(labels, np.uint8)
            arrays[f"{split}_logits"] = logit(np.array(probabilities, float))
        (path / "predictions.npz").write_bytes(npz.archive(**arrays))
        digest = checksums.digest((path / "predictions.npz").read_bytes())
        files = {"predictions.npz": digest, runs.WEIGHTS: "0" * 64}
        about = {"pretrained": None, "data": {"fingerprint": "0" * 64}, "hardware": {}}
        return Run(path, recipe, seed, path.name[-12:], {**about, "parameters": 1, "files": files})

    return write


@pytest.fixture
def store(study: Study, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The finished study in a separate store, set as the user's.

    Its files are hard links to the shared store: replace them, never write into them.
    """
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PNEUMO_PROFILE", study.profile.name)
    trainings.link_store(home, tmp_path / "home")
    return tmp_path / "home"


@pytest.fixture
def made_study(phantom: Dataset, write_run: Callable[..., Run]) -> Callable[..., Study]:
    """A study of given predictions: by recipe the (validation, test) cases of each seed; none: not run.

    Its validation and test images are black, so a baseline learns nothing. Each counts as its own patient.
    """

    def make(predictions: dict[str, Sequence[tuple[Cases, Cases]]]) -> Study:
        models = []
        for name, pairs in predictions.items():
            recipe = RECIPES[name]
            own = tuple(write_run(recipe, *pair, seed) for seed, pair in enumerate(pairs))
            models.append(Model(recipe, own, None if own else "not here"))
        first = next(pair for pairs in predictions.values() for pair in pairs)
        splits = {
            split: datasets.Split(np.zeros((len(labels), 28, 28), np.uint8), np.array(labels, "u1"))
            for split, (labels, _) in zip(("val", "test"), first, strict=True)
        }
        data = replace(phantom, source="file", **splits)
        return Study(Profile("made", tuple(predictions), (0,)), data, tuple(models))

    return make


@dataclass
class Host:
    """A host on loopback: its address, its content by path, and its status without any."""

    url: str
    bodies: dict[str, bytes]  # by path, as "/file"
    sent: dict[str, str]  # redirects by path
    endless: set[str]  # paths whose files never end
    status: int = 503


@pytest.fixture(scope="session")
def _authority(shared: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate authority for this test run, and a server's half of TLS on localhost."""
    authority = trustme.CA()
    path = shared / f"authority-{os.getpid()}.pem"
    authority.cert_pem.write_to_path(str(path))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return path, context


@pytest.fixture
def host(
    _authority: tuple[Path, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Host]:
    """A TLS host with a certificate that is trusted here."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.send_error(found.status)

        def do_GET(self) -> None:
            if self.path in found.sent:
                self.send_response(302)
                self.send_header("Location", found.sent[self.path])
                self.end_headers()
            elif self.path in found.endless:
                self.send_response(200)
                self.end_headers()
                try:
                    for chunk in repeat(bytes(2**16)):
                        self.wfile.write(chunk)
                except OSError:  # the client has closed the connection
                    self.close_connection = True
            elif self.path in found.bodies:
                self.send_response(200)
                self.send_header("Content-Length", str(len(found.bodies[self.path])))
                self.end_headers()
                self.wfile.write(found.bodies[self.path])
            else:
                self.send_error(found.status)

        def log_message(self, *_: object) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:  # ignore clients that close early
            pass

    trusted, context = _authority
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    server = Server(("127.0.0.1", 0), Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    found = Host(f"https://localhost:{server.server_port}", {}, {}, set())
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()
