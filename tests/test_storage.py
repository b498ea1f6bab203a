"""Files and folders are written atomically, even if the process is killed."""

import os
import signal
from pathlib import Path

import pytest

from pneumo.base import storage
from pneumo.base.storage import StorageError


def killed(function):
    """Do it in a process that is killed at its end."""
    number = os.fork()
    if number == 0:
        try:
            function()
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) == -signal.SIGKILL


def names(folder):
    """Everything below it."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


@pytest.fixture
def site(tmp_path):
    """A folder that is to be renewed."""
    with storage.renewed(tmp_path / "site") as new:
        (new / "old").touch()
    return tmp_path / "site"


@pytest.mark.promise("killed", "survived")
def test_what_a_killed_writer_left_is_written_over(tmp_path, monkeypatch):
    path = tmp_path / "file"
    storage.write(path, b"before")

    def die():
        monkeypatch.setattr(Path, "replace", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        storage.write(path, b"a long half")

    killed(die)
    assert path.read_bytes() == b"before"
    assert len(names(tmp_path)) == 2
    storage.write(path, b"after")
    assert path.read_bytes() == b"after"
    assert names(tmp_path) == ["file"]


@pytest.mark.promise("killed", "survived")
def test_the_old_folder_stands_until_the_new_one_does_and_what_was_killed_is_cleared(site):
    def die():
        with storage.renewed(site) as new:
            (new / "half").touch()
            assert names(site) == ["old"]
            os.kill(os.getpid(), signal.SIGKILL)

    killed(die)
    assert names(site) == ["old"]
    assert names(site.parent) == ["site", "site.being-made", "site.being-made/half", "site/old"]
    with storage.renewed(site) as new:
        assert names(new) == []
        (new / "new").touch()
    assert names(site.parent) == ["site", "site/new"]


@pytest.mark.promise("killed", "survived")
def test_where_folders_can_not_be_exchanged_the_next_call_puts_the_old_one_back(site, monkeypatch):
    monkeypatch.setattr(storage, "_exchange", lambda one, other: False)
    with storage.renewed(site) as new:
        (new / "new").touch()
    assert names(site.parent) == ["site", "site/new"]
    # As it is where a process is killed between the two renamings.
    site.rename(site.with_name("site.replaced"))
    with storage.renewed(site) as new:
        assert names(site) == ["new"]
        (new / "newer").touch()
    assert names(site.parent) == ["site", "site/newer"]


@pytest.mark.promise("killed", "survived")
def test_a_temporary_folder_of_a_killed_process_is_cleared_by_the_next(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    def die():
        with storage.scratch("test") as folder:
            (folder / "file").touch()
            os.kill(os.getpid(), signal.SIGKILL)

    (tmp_path / "pneumo-other-1").mkdir()
    with storage.scratch("test") as alive:
        killed(die)
        assert len(names(tmp_path)) == 4
        with storage.scratch("test") as mine:
            assert names(tmp_path) == sorted(["pneumo-other-1", alive.name, mine.name])
    assert names(tmp_path) == ["pneumo-other-1"]


@pytest.mark.promise("full", "found")
def test_a_file_where_a_folder_is_needed_is_named(tmp_path):
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "new", tmp_path / "file" / "deep" / "new"):
        with pytest.raises(StorageError, match=f"{tmp_path / 'file'}.* a file is where a folder"):
            storage.write(path, b"")
