"""Kills, full disks and read-only folders: no file is incomplete, and the next call resumes.

It ends with the same bits as an undisturbed run. If space is short, one line names the path and the need.
"""

import random
import shutil
import stat
from pathlib import Path

import faults
import numpy as np
import pytest
import tiny
from faults import Job
from PIL import Image
from safetensors.numpy import load_file

from pneumo.training import runs

SEED = 20  # of the moments
# Runs in this process, with its rights and limits restricted; without the record, which takes seconds.
STUDY = ("study", "--profile=tiny", "--data=phantom", "--executor=serial", "--only=simple-cnn")
# Free bytes, one after the other.
ROOMS = (4_096, 32_768, 150_000, 300_000, 500_000, 800_000)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def undisturbed(fork, tmp_path_factory):
    """A study that was not killed, and its result."""
    home = tmp_path_factory.mktemp("undisturbed")
    (end,) = fork(Job(tiny.make, (home,)))
    assert (end.status, end.err) == (0, "")
    return home, end


def content(home: Path) -> dict[str, np.ndarray]:
    """Every number in a store's runs and outputs."""
    found = {}
    for path in (*home.glob("runs/[!.]*/*"), *home.glob("outputs/[!.]*")):
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                found |= {f"{path.name}/{name}": array for name, array in arrays.items()}
        elif path.suffix == ".safetensors":
            found |= {f"{path.name}/{name}": array for name, array in load_file(path).items()}
    return found


def assert_nothing_is_half_there(home: Path) -> None:
    """Every file with its final name is complete."""
    for path in home.glob("runs/[!.]*"):
        found = runs.load(path)
        assert len(found.predictions["test"].logits) == len(found.explanation.maps)
        assert len(found.history) == 2
        assert {file.name for file in path.iterdir()} == set(runs.FILES)
    for path in home.glob("outputs/[!.]*"):
        with np.load(path) as arrays:
            assert all(arrays[name].size for name in arrays)
    for path in home.glob("studies/[!.]*"):
        assert path.read_text(encoding="utf-8").endswith("}\n")


def assert_it_is_as_if_nothing_had_been(home: Path, undisturbed: Path) -> None:
    """The same runs and outputs, with the same bits."""
    folders = "runs", "outputs"
    places = [
        {path.relative_to(home) for name in folders for path in (home / name).rglob("*")}
        for home in (home, undisturbed)
    ]
    assert places[0] == places[1]
    found, expected = content(home), content(undisturbed)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def moments(end: faults.End, home: Path) -> list[dict[str, float]]:
    """Moments to kill a study, in random order: at a disk access, within a file, while it computes."""
    chance = random.Random(SEED)
    sizes = [path.stat().st_size for path in home.rglob("*") if path.is_file()]
    found = [{"at": chance.randint(1, end.accesses)} for _ in range(16)]
    found += [{"renaming": chance.randint(1, 4)} for _ in range(12)]
    found += [{"within": chance.randint(1, max(sizes))} for _ in range(6)]
    found += [{"after": chance.uniform(0, end.seconds)} for _ in range(8)]
    chance.shuffle(found)
    return found


@pytest.mark.promise("killed", "survived")
def test_a_study_killed_again_and_again_ends_with_the_same_bits(
    fork, undisturbed, tmp_path, sample
):
    expected, end = undisturbed
    deaths, finished = 0, 0
    home = tmp_path / "0"
    for how in sample(moments(end, expected), 5):
        (found,) = fork(Job(tiny.make, (home,), **how))
        assert found.killed or (found.status, found.err) == (0, ""), found
        assert_nothing_is_half_there(home)
        deaths += found.killed
        if not found.killed:  # it finished before that moment
            assert_it_is_as_if_nothing_had_been(home, expected)
            finished += 1
            home = tmp_path / str(finished)
    (found,) = fork(Job(tiny.make, (home,)))
    assert (found.status, found.err) == (0, "")
    assert_it_is_as_if_nothing_had_been(home, expected)
    assert deaths > 0


@pytest.fixture
def finished(undisturbed):
    """The store of a finished study."""
    return undisturbed[0]


@pytest.fixture
def closed(tmp_path):
    """A read-only folder."""
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


@pytest.mark.promise("full", "found")
def test_a_study_on_a_full_disk_goes_on_as_soon_as_there_is_room(fork, finished, tmp_path, sample):
    with faults.disk(tmp_path / "disk") as change:
        home = tmp_path / "disk" / "home"
        for room in sample(ROOMS, 2):
            change(f"size={room}")
            (end,) = fork(Job(tiny.command, (home, *STUDY)))
            faults.assert_a_line(end, home, "the disk is full", "free; make room")
            assert_nothing_is_half_there(home)
        change("size=64m")
        (end,) = fork(Job(tiny.command, (home, *STUDY)))
        assert (end.status, end.out) == (0, "simple-cnn: seeds 0\n")
        assert_it_is_as_if_nothing_had_been(home, finished)


@pytest.mark.promise("full", "found")
def test_a_store_that_may_not_be_written_is_named(fork, closed):
    command = Job(tiny.command, (closed / "home", *STUDY), rootless=True)
    (end,) = fork(command)
    faults.assert_a_line(
        end, closed / "home", "permission is denied; it must be readable and writable"
    )
    closed.chmod(0o755)
    (end,) = fork(command)
    assert end.status == 0


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("name", [runs.MANIFEST, "predictions.npz"])
def test_a_file_that_may_not_be_read_is_not_taken_for_damaged(name, fork, finished, tmp_path):
    home = Path(shutil.copytree(finished, tmp_path / "home"))
    (file,) = home.glob(f"runs/*/{name}")
    file.chmod(0)
    command = Job(tiny.command, (home, *STUDY), rootless=True)
    (end,) = fork(command)
    faults.assert_a_line(end, f"{file} can't be used: permission is denied; it must be readable")
    file.chmod(0o644)
    (end,) = fork(command)
    assert end.status == 0
    assert_it_is_as_if_nothing_had_been(home, finished)


@pytest.mark.promise("full", "survived")
def test_a_finished_study_is_read_and_asked_where_nothing_can_be_written(fork, finished, tmp_path):
    home = Path(shutil.copytree(finished, tmp_path / "home"))
    picture = tmp_path / "picture.png"
    Image.fromarray(np.full((64, 64), 128, np.uint8)).save(picture)
    paths = [home, *home.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    ask = ("predict", str(picture), "--profile", "tiny", "--data", "phantom")
    ends = fork(
        Job(tiny.command, (home, *STUDY), rootless=True),
        Job(tiny.command, (home, *ask), rootless=True),
    )
    for path in paths:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    assert [end.status for end in ends] == [0, 0], ends
    assert str(picture) in ends[1].out


@pytest.mark.promise("full", "found")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_what_can_not_be_printed_is_said(fork, finished, tmp_path):
    picture = tmp_path / "picture.png"
    Image.fromarray(np.full((64, 64), 128, np.uint8)).save(picture)
    ask = ("predict", *[str(picture)] * 300, "--profile", "tiny", "--data", "phantom", "--json")
    (end,) = fork(Job(tiny.command, (finished, *ask), output="/dev/full"))
    faults.assert_a_line(end, "standard output can't be written: the disk is full")


@pytest.mark.promise("full", "found")
def test_a_record_that_may_not_be_written_leaves_the_old_one(fork, record, tmp_path):
    folder = tmp_path / "there"
    (end,) = fork(Job(tiny.keep, (record, folder / "reference")))
    assert (end.status, end.err) == (0, "")
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    folder.chmod(0o555)
    closed, full = fork(
        Job(tiny.keep, (record, folder / "reference"), rootless=True),
        Job(tiny.keep, (record, folder / "reference"), largest=1_500),
    )
    folder.chmod(0o755)
    faults.assert_a_line(closed, folder, "permission is denied")
    faults.assert_a_line(full, folder, "files may not become that large")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
