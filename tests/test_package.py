"""Packaging: wheel and source are complete, the lock file is up to date, workflows are pinned."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
import yaml

from pneumo.base import paths

ROOT = paths.root()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCK = paths.reference() / "requirements.txt"
PINNED = dict(re.findall(r"^([a-z0-9-]+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
# Files of a working checkout that must not be distributed.
STRAYS = (
    ".pneumo/runs/a/manifest.json", "_site/index.html", ".nox/tests/pyvenv.cfg", "dist/old.whl",
    "pneumo/__pycache__/cli.cpython-311.pyc", "bench.json", "notes.txt", "results/mine.csv",
    "pneumoniamnist.npz", ".coverage", ".env", "report/index.html", "report/report.pdf", "report/.quarto/x",
    "report/data.quarto_ipynb", "report/index_files/a.png", "report/_freeze/a.json", "report/index.typ",
)  # fmt: skip
INSTALLED = """
import json
from pneumo.base import paths
from pneumo.commands.main import main
from pneumo.training.weights import find_weights
from pneumo.training.recipes import RECIPES

assert paths.checkout() is None
assert find_weights(RECIPES["resnet18-tiny-imagenet"]).path.is_file()
done = [main(words) for words in (["data", "--data", "phantom"], ["verify"], ["reference"])]
print(json.dumps([paths.git_commit(), *done]))
"""


@pytest.fixture(scope="module")
def tracked():
    """The files that are committed."""
    command = ["git", "ls-files", "-z"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("only a checkout knows which files are the project's")
    return {name for name in done.stdout.split("\0") if name and (ROOT / name).is_file()}


@pytest.fixture(scope="module")
def built(tracked, tmp_path_factory):
    """Source made from a checkout full of strays, and the wheel that is made from that source."""
    folder = tmp_path_factory.mktemp("package")
    checkout = folder / "checkout"
    for name in tracked:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, checkout / name)
    for name in STRAYS:
        (checkout / name).parent.mkdir(parents=True, exist_ok=True)
        (checkout / name).write_text("stray")
    _build("sdist", checkout, folder)
    (source,) = folder.glob("*.tar.gz")
    with tarfile.open(source) as archive:
        archive.extractall(folder / "source", filter="data")
    (unpacked,) = (folder / "source").iterdir()
    _build("wheel", unpacked, folder)
    (wheel,) = folder.glob("*.whl")
    return source, wheel


def _build(kind, project, folder):
    command = [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(folder)]
    done = subprocess.run(command, cwd=project, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
@pytest.mark.promise("supply", "survived")
def test_the_source_is_what_is_committed_and_no_stray(built, tracked):
    with tarfile.open(built[0]) as archive:
        names = {one.name.partition("/")[2] for one in archive.getmembers() if one.isfile()}
    assert names - {"PKG-INFO"} == tracked


@pytest.mark.slow
@pytest.mark.promise("supply", "survived")
def test_the_wheel_is_the_package_and_nothing_else(built, tracked):
    with zipfile.ZipFile(built[1]) as archive:
        names = set(archive.namelist())
    package = {name for name in names if not name.partition("/")[0].endswith(".dist-info")}
    shared = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    expected = {name for name in tracked if name.startswith("pneumo/")}
    for source, target in shared.items():
        inside = {name for name in tracked if name == source or name.startswith(f"{source}/")}
        expected |= {target + name.removeprefix(source) for name in inside}
    assert package == expected
    assert {
        "pneumo/py.typed",
        "pneumo/training/pretrained/resnet18-tiny-imagenet.safetensors",
    } <= package
    assert {Path(name).name for name in names - package} == {
        "METADATA", "WHEEL", "RECORD", "entry_points.txt", "LICENSE"
    }  # fmt: skip
    assert built[1].stat().st_size < 30e6


@pytest.mark.slow
@pytest.mark.promise("supply", "found")
def test_an_installed_wheel_works_without_a_checkout_and_says_what_needs_one(built, tmp_path, git):
    """It stands in the repository of somebody else, whose commit is none of ours."""
    site, elsewhere = tmp_path / "site-packages", tmp_path / "elsewhere"
    with zipfile.ZipFile(built[1]) as archive:
        archive.extractall(site)
    elsewhere.mkdir()
    git(elsewhere, "init")
    git(elsewhere, "commit", "--allow-empty", "-m", "theirs")
    done = subprocess.run(
        [sys.executable, "-c", INSTALLED],
        cwd=elsewhere,
        env=os.environ | {"PYTHONPATH": str(site), "PNEUMO_HOME": ""},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    *printed, status = done.stdout.splitlines()
    assert printed[-1] == "synthetic phantom, not medical data"
    assert json.loads(status) == [None, 0, 2, 1]
    verify, kept = done.stderr.splitlines()
    assert f"no reference record in {elsewhere / 'report' / 'reference'}" in verify
    assert "no finished study" in kept
    assert {path.name for path in elsewhere.iterdir()} == {".git"}


@pytest.mark.promise("supply", "survived")
def test_the_lock_pins_what_the_models_of_the_reference_study_were_made_with():
    """Where it does not, `nox -s lock` writes it anew. Ablations and controls may be a GPU's, elsewhere."""
    kept = json.loads((LOCK.parent / "results.json").read_text(encoding="utf-8"))
    made = [run for run in kept["provenance"]["runs"] if run["recipe"] in kept["models"]]
    assert made
    for run in made:
        used = dict(run["versions"])
        del used["pneumo"]
        assert used.pop("python").startswith("3.11.")
        assert {name: PINNED[name] for name in used} == used, run["run"]


@pytest.mark.promise("supply", "survived")
def test_the_lock_takes_a_package_by_its_digest_and_from_no_place_of_its_own():
    blocks = LOCK.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    for block in blocks:
        name, *digests = block.split()
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.+]*", name), block[:80]
        assert digests, name
        for digest in digests:
            assert re.fullmatch(r"--hash=sha256:[0-9a-f]{64}", digest), name
    assert len(blocks) == len(PINNED)


WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


@pytest.mark.promise("supply", "survived")
@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_github_runs_is_pinned_and_has_no_right_that_is_not_needed(path):
    text = path.read_text(encoding="utf-8")
    told = yaml.safe_load(text)
    steps = [step for job in told["jobs"].values() for step in job["steps"]]
    lines = [line for line in text.splitlines() if "uses:" in line]
    assert len(lines) == sum("uses" in step for step in steps)
    for line in lines:
        assert re.search(r"uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$", line), line
    assert told["permissions"] == {"contents": "read"}
    more = {name: job["permissions"] for name, job in told["jobs"].items() if "permissions" in job}
    assert more in ({}, {"deploy": {"pages": "write", "id-token": "write"}})
    for step in steps:
        if "actions/checkout@" in step.get("uses", ""):
            assert step["with"]["persist-credentials"] is False
