"""Concurrent processes: each run is trained once, and a dead process's lock is released."""

import json
import os
import time
from collections import Counter

import pytest
import tiny
from forks import Job

from pneumo.base import storage

MANY = 3


def unexpected(err):
    """The printed lines, except those about waiting for another process."""
    return [line for line in err.splitlines() if "waiting for another process" not in line]


@pytest.mark.slow
@pytest.mark.promise("together", "survived")
def test_several_that_ask_for_one_study_train_each_run_once(apart, tmp_path):
    home, heard = tmp_path / "home", tmp_path / "heard"
    ends = apart(*[Job(tiny.make, (home, tiny.TWO, heard)) for _ in range(MANY)])
    assert [(end.status, unexpected(end.err)) for end in ends] == [(0, [])] * MANY
    epochs = Counter((name, epoch) for name, epoch, _ in map(json.loads, heard.open()))
    assert set(epochs.values()) == {1}
    assert {name for name, _ in epochs} == {"simple-cnn-s0", "simple-cnn-s1"}


@pytest.mark.slow
@pytest.mark.promise("together", "survived")
def test_of_several_the_one_that_trains_is_killed_and_another_goes_on(apart, tmp_path):
    home, heard = tmp_path / "home", tmp_path / "heard"
    arguments = (home, tiny.PROFILE, heard)
    ends = apart(
        Job(tiny.make, arguments, renaming=3), Job(tiny.make, arguments), Job(tiny.make, arguments)
    )
    assert [(end.status, unexpected(end.err)) for end in ends[1:]] == [(0, [])] * 2
    epochs = [(name, epoch) for name, epoch, _ in map(json.loads, heard.open())]
    assert set(epochs) == {("simple-cnn-s0", 1), ("simple-cnn-s0", 2)}
    assert len(epochs) <= 3  # the epoch in which it was killed is repeated


@pytest.mark.promise("together", "survived")
def test_a_file_that_many_write_is_always_one_of_theirs(tmp_path):
    path, contents = tmp_path / "file", [bytes([place]) * 100_000 for place in range(MANY)]
    numbers = []
    for content in contents:
        number = os.fork()
        if number == 0:
            for _ in range(20):
                storage.write(path, content)
            os._exit(0)
        numbers.append(number)
    while numbers:
        if path.is_file():
            assert path.read_bytes() in contents
        found, status = os.waitpid(-1, os.WNOHANG)
        if found in numbers:
            numbers.remove(found)
            assert status == 0
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


@pytest.mark.promise("together", "survived")
def test_a_folder_that_two_renew_is_one_of_theirs(tmp_path):
    number = os.fork()
    if number == 0:
        with storage.renewed(tmp_path / "folder") as new:
            time.sleep(0.5)
            (new / "child").touch()
        os._exit(0)
    while not (tmp_path / "folder.being-made").is_dir():
        time.sleep(0.01)
    with storage.renewed(tmp_path / "folder") as new:
        # It has waited: the other's is finished.
        assert [path.name for path in (tmp_path / "folder").iterdir()] == ["child"]
        (new / "parent").touch()
    assert os.waitpid(number, 0)[1] == 0
    assert [path.name for path in tmp_path.rglob("*")] == ["folder", "parent"]
