"""Disk full, folder closed: one line names path and need, nothing finished suffers, and it goes on."""

import shutil
import stat
from pathlib import Path

import forks
import numpy as np
import pytest
import tiny
from forks import Job
from PIL import Image
from test_killed import assert_it_is_as_if_nothing_had_been, assert_nothing_is_half_there

# In this process, whose rights and limits are restricted.
STUDY = ("study", "--profile", "tiny", "--data", "phantom", "--executor", "serial")
TRAIN = ("train", "simple-cnn", "--profile", "tiny", "--data", "phantom")
# Bytes that there is room for, one after the other.
ROOMS = (4_096, 32_768, 150_000, 300_000, 500_000, 800_000, 1_200_000, 1_600_000)

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(apart, tmp_path_factory):
    """The store of a finished study."""
    home = tmp_path_factory.mktemp("finished")
    (end,) = apart(Job(tiny.make, (home,)))
    assert (end.status, end.err) == (0, "")
    return home


@pytest.fixture
def closed(tmp_path):
    """A folder in which nobody may write."""
    folder = tmp_path / "closed"
    folder.mkdir()
    folder.chmod(0o555)
    yield folder
    folder.chmod(0o755)


def open_up(folder: Path) -> None:
    """Make it writable again."""
    folder.chmod(0o755)


def said_in_a_line(end: forks.End, *words: object) -> bool:
    """Whether the command ended with one line that has the words, after what it says of its progress."""
    lines = [line for line in end.err.splitlines() if line.startswith("pneumo: ")]
    assert end.status == 1, end
    assert len(lines) == 1, end.err
    assert end.err.endswith(f"{lines[0]}\n"), end.err
    assert "Traceback" not in end.err
    missing = [word for word in words if str(word) not in lines[0]]
    assert not missing, lines[0]
    return True


@pytest.mark.promise("full", "found")
def test_a_study_on_a_disk_that_is_full_goes_on_as_soon_as_there_is_room(
    apart, finished, tmp_path, faults
):
    tried = 0
    with forks.disk(tmp_path / "disk") as change:
        home = tmp_path / "disk" / "home"
        for room in ROOMS:
            change(f"size={room}")
            (end,) = apart(Job(tiny.command, (home, *STUDY)))
            if end.status == 0:
                break
            said_in_a_line(end, home, "the disk is full", "free; make room")
            assert_nothing_is_half_there(home)
            tried += 1
        change("size=64m")
        (end,) = apart(Job(tiny.command, (home, *STUDY)))
        assert (end.status, end.out) == (0, "simple-cnn: seeds 0\n")
        assert_it_is_as_if_nothing_had_been(home, finished)
    assert tried > 4
    faults(tried)


@pytest.mark.promise("full", "found")
def test_a_study_whose_files_may_not_become_large_goes_on_as_soon_as_they_may(
    apart, finished, tmp_path, faults
):
    sizes = sorted(path.stat().st_size for path in finished.rglob("*") if path.stat().st_size)
    limits = [size - 1 for size in sizes if size > 2_000]  # what is said of it has room
    for limit in limits:
        (end,) = apart(Job(tiny.command, (tmp_path, *STUDY), largest=limit))
        said_in_a_line(end, tmp_path, "files may not become that large here, and it needs ", "B")
        assert_nothing_is_half_there(tmp_path)
    (end,) = apart(Job(tiny.command, (tmp_path, *STUDY)))
    assert end.status == 0
    assert_it_is_as_if_nothing_had_been(tmp_path, finished)
    faults(len(limits))


@pytest.mark.promise("full", "found")
@pytest.mark.parametrize("command", [STUDY, TRAIN], ids=lambda command: command[0])
def test_a_store_that_may_not_be_written_is_named(apart, closed, command):
    (end,) = apart(Job(tiny.command, (closed / "home", *command), powerless=True))
    said_in_a_line(end, closed / "home", "permission is denied; it must be readable and writable")
    open_up(closed)
    (end,) = apart(Job(tiny.command, (closed / "home", *command), powerless=True))
    assert end.status == 0


@pytest.mark.promise("full", "found")
def test_a_store_on_a_read_only_disk_is_named(apart, tmp_path):
    with forks.disk(tmp_path / "disk") as change:
        change("ro")
        (end,) = apart(Job(tiny.command, (tmp_path / "disk" / "home", *STUDY)))
        said_in_a_line(end, tmp_path / "disk", "the file system is read-only; it must be")
        change("rw")
        (end,) = apart(Job(tiny.command, (tmp_path / "disk" / "home", *STUDY)))
        assert end.status == 0


@pytest.mark.promise("full", "survived")
def test_a_finished_study_is_read_and_asked_where_nothing_can_be_written(apart, finished, tmp_path):
    home = Path(shutil.copytree(finished, tmp_path / "home"))
    picture = tmp_path / "picture.png"
    Image.fromarray(np.full((64, 64), 128, np.uint8)).save(picture)
    paths = [home, *home.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    ask = ("predict", str(picture), "--profile", "tiny", "--data", "phantom")
    ends = apart(
        Job(tiny.command, (home, *STUDY), powerless=True),
        Job(tiny.command, (home, *ask), powerless=True),
    )
    for path in paths:
        path.chmod(path.stat().st_mode | stat.S_IWUSR)
    assert [(end.status, end.err) for end in ends] == [(0, "")] * 2
    assert str(picture) in ends[1].out


@pytest.mark.promise("full", "found")
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("many", [1, 300])
def test_what_can_not_be_printed_is_said(apart, finished, tmp_path, many):
    picture = tmp_path / "picture.png"
    Image.fromarray(np.full((64, 64), 128, np.uint8)).save(picture)
    ask = ("predict", *[str(picture)] * many, "--profile", "tiny", "--data", "phantom", "--json")
    (end,) = apart(Job(tiny.command, (finished, *ask), output="/dev/full"))
    said_in_a_line(end, "standard output can't be written: the disk is full")


@pytest.mark.promise("full", "found")
def test_a_reference_that_may_not_be_written_leaves_the_old_one(apart, finished, tmp_path):
    (end,) = apart(Job(tiny.keep, (finished, tmp_path / "there" / "reference")))
    assert (end.status, end.err) == (0, "")
    folder = tmp_path / "there"
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    folder.chmod(0o555)
    (end,) = apart(Job(tiny.keep, (finished, folder / "reference"), powerless=True))
    folder.chmod(0o755)
    said_in_a_line(end, folder, "permission is denied")
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.promise("full", "found")
def test_a_reference_on_a_full_disk_leaves_the_old_one(apart, finished, tmp_path, faults):
    largest = (600, 1_500)
    (end,) = apart(Job(tiny.keep, (finished, tmp_path / "reference")))
    assert (end.status, end.err) == (0, "")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for limit in largest:
        (end,) = apart(Job(tiny.keep, (finished, tmp_path / "reference"), largest=limit))
        said_in_a_line(end, tmp_path / "reference", "files may not become that large")
        assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    faults(len(largest))


@pytest.mark.promise("full", "found")
def test_weights_that_may_not_be_written_are_not_trained_again(apart, closed, tmp_path):
    for kind in ("bright", "dark"):
        for number in range(3):
            path = tmp_path / "pictures" / kind / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            grey = 40 * number + (100 if kind == "bright" else 0)
            Image.fromarray(np.full((64, 64), grey, np.uint8)).save(path)
    command = ("pretrain", str(tmp_path / "pictures"), "--epochs", "1", "--output", str(closed))
    (end,) = apart(Job(tiny.command, (tmp_path / "home", *command), powerless=True))
    said_in_a_line(end, closed, "permission is denied; it must be readable and writable")
    assert "epoch 1/1" in end.err
    open_up(closed)
    (end,) = apart(Job(tiny.command, (tmp_path / "home", *command), powerless=True))
    assert (end.status, "epoch" in end.err) == (0, False)
    assert len(list(closed.glob("*.safetensors"))) == 1
