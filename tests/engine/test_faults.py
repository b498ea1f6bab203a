"""Killed builds, full disks and concurrent builds: the old site stays until the new one is complete."""

import random
import tempfile
from math import ceil
from pathlib import Path

import faults
import pytest
import tiny
from faults import Job
from trainings import wait_until

pytestmark = pytest.mark.slow

SEED = 21  # of the moments
# Before a look at the disk, before a name is given, and at a time.
WAYS = ["at"] * 8 + ["renaming"] * 3 + ["after"] * 4
CELL = "# One\n\n{words}\n\n```{{python}}\n{code}\n```\n"
PROSE = "# Two\n\n" + 40 * "Many words that stand in no other page, and a $x^2$.\n\n"
WAITING = """\
from pathlib import Path
Path({there!r}).touch()
time.sleep(600)
"""


@pytest.fixture
def temporary():
    """A folder for temporary files, with the short name that sockets need."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def build(fork, write, tmp_path, temporary):
    """Builds the book in `site` or elsewhere, in processes that are killed as given."""
    home = tmp_path / "home"

    def start(*ways, output=tmp_path / "place" / "site"):
        arguments = (tmp_path / "project", output, home, temporary)
        return fork(*[Job(tiny.build, arguments, **way) for way in ways or ({},)])

    write(one=CELL.format(words="Old words.", code="print(6 * 7)"), two=PROSE)
    (end,) = start()
    assert end.status == 0, end.err
    return start


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a site."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def assert_no_litter(tmp_path: Path, temporary: Path) -> None:
    """No files are left beside the site or in the folder for temporary files."""
    assert [path.name for path in (tmp_path / "place").iterdir()] == ["site"]
    assert list(temporary.iterdir()) == []
    assert [path for path in (tmp_path / "home").rglob("*.new") if path.is_file()] == []


@pytest.mark.promise("killed", "survived")
def test_a_build_killed_again_and_again_leaves_a_whole_site(
    build, write, tmp_path, temporary, sample
):
    site, chance = tmp_path / "place" / "site", random.Random(SEED)
    old = content(site)
    write(one=CELL.format(words="New words.", code="print(6 * 7)"), two=PROSE)
    (end,) = build(output=tmp_path / "undisturbed")
    new = content(tmp_path / "undisturbed")
    assert old.keys() == new.keys()
    assert old != new
    latest = {"at": end.accesses, "renaming": 12, "after": end.seconds}
    for way in sample(WAYS, 3):
        end = None
        while end is None or not end.killed:
            moment = chance.uniform(0, latest[way])
            (end,) = build({way: moment if way == "after" else ceil(moment)})
            if not end.killed:  # the cache makes a build shorter than the first one
                latest[way] = moment
            assert end.killed or end.status == 0, end.err
            assert content(site) in (old, new)
            if content(site) == new:  # it finished: start again with the old site
                write(one=CELL.format(words="Old words.", code="print(6 * 7)"), two=PROSE)
                (again,) = build()
                assert content(site) == old, again.err
                write(one=CELL.format(words="New words.", code="print(6 * 7)"), two=PROSE)
    (end,) = build()
    assert (end.status, content(site) == new) == (0, True), end.err
    assert_no_litter(tmp_path, temporary)


@pytest.mark.promise("killed", "survived")
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here")
def test_no_process_outlives_a_build_killed_while_a_cell_runs(build, write, tmp_path, temporary):
    site, there = tmp_path / "place" / "site", tmp_path / "there"
    old = content(site)
    write(one=CELL.format(words="", code=WAITING.format(there=str(there))), two=PROSE)
    (end,) = build({"when": there})
    assert end.killed
    assert content(site) == old
    wait_until(lambda: not processes(tmp_path / "home"))
    write(one=CELL.format(words="", code="print(6 * 6)"), two=PROSE)
    (end,) = build()
    assert end.status == 0, end.err
    assert "<code>36</code>" in (site / "one.html").read_text(encoding="utf-8")
    assert_no_litter(tmp_path, temporary)


def processes(home: Path) -> list[int]:
    """All live processes with this run store in their environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            mine = f"PNEUMO_HOME={home}".encode() in path.read_bytes()
        except OSError:
            continue
        if mine:
            found.append(int(path.parent.name))
    return found


@pytest.mark.promise("together", "survived")
def test_two_builds_of_one_site_at_once_give_one_whole_site(build, write, tmp_path, temporary):
    write(one=CELL.format(words="New words.", code="print(6 * 6)"), two=PROSE)
    ends = build({}, {})
    assert [end.status for end in ends] == [0, 0], ends
    build(output=tmp_path / "undisturbed")
    assert content(tmp_path / "place" / "site") == content(tmp_path / "undisturbed")
    assert_no_litter(tmp_path, temporary)


@pytest.mark.promise("full", "found")
def test_a_site_on_a_disk_that_is_full_stays_the_old_one(fork, write, tmp_path):
    rooms, tried = (4_096, 12_288, 24_576, 36_864), 0
    disk = tmp_path / "disk"
    project = write(two=PROSE)
    arguments = (project, disk / "site", tmp_path / "home")
    with faults.disk(disk) as change:
        (end,) = fork(Job(tiny.build, arguments))
        assert end.status == 0, end.err
        old = content(disk / "site")
        write(two=PROSE + "New words.\n")
        for room in rooms:
            used = sum(-(-len(file) // 4096) * 4096 for file in old.values())
            change(f"size={used + room}")
            (end,) = fork(Job(tiny.build, arguments))
            if end.status == 0:
                break
            faults.assert_a_line(
                end, disk / "site", "can't be written: the disk is full", "make room"
            )
            assert content(disk / "site") == old
            assert [path.name for path in disk.iterdir()] == ["site"]
            tried += 1
        change("size=64m")
        (end,) = fork(Job(tiny.build, arguments))
        assert end.status == 0, end.err
        assert "New words." in (disk / "site" / "two.html").read_text(encoding="utf-8")
    assert tried > 1


@pytest.mark.promise("full", "found")
@pytest.mark.parametrize("command", [tiny.build, tiny.watch])
def test_a_place_that_may_not_be_written_is_named_before_cells_run(fork, write, tmp_path, command):
    closed, ran = tmp_path / "closed", tmp_path / "ran"
    closed.mkdir()
    closed.chmod(0o555)
    project = write(one=CELL.format(words="", code=f"open({str(ran)!r}, 'w')"))
    job = Job(command, (project, closed / "site", tmp_path / "home"), rootless=True)
    (end,) = fork(job)
    closed.chmod(0o755)
    faults.assert_a_line(end, closed, "permission is denied; it must be readable and writable")
    assert not ran.exists()


@pytest.mark.promise("full", "survived")
def test_a_store_that_may_not_be_written_costs_a_build_time_alone(fork, write, tmp_path):
    home, project = tmp_path / "home", write(two=PROSE)
    for folder in (home, home / "pages", home / "pages" / "cells"):
        folder.mkdir()
        folder.chmod(0o555)
    (end,) = fork(Job(tiny.build, (project, tmp_path / "site", home), rootless=True))
    for folder in (home, home / "pages", home / "pages" / "cells"):
        folder.chmod(0o755)
    assert end.status == 0, end.err
    assert (tmp_path / "site" / "two.html").is_file()


@pytest.mark.promise("full", "found")
def test_a_full_disk_for_temporary_files_is_named(fork, write, temporary, tmp_path):
    project = write(one=CELL.format(words="", code="print(6 * 7)"))
    with faults.disk(temporary / "disk") as change:
        change("size=4096")
        arguments = (project, tmp_path / "site", tmp_path / "home", temporary / "disk")
        (end,) = fork(Job(tiny.build, arguments))
        faults.assert_a_line(end, temporary / "disk", "the disk is full")
        change("size=64m")
        (end,) = fork(Job(tiny.build, arguments))
        assert end.status == 0, end.err
