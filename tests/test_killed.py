"""Killed at any moment: no run is half there, and the next call ends with the bits of an undisturbed one."""

import random
from pathlib import Path

import forks
import numpy as np
import pytest
import tiny
from forks import Job
from safetensors.numpy import load_file

from pneumo.training import runs

SEED = 20  # of the moments


@pytest.fixture(scope="module")
def undisturbed(apart, tmp_path_factory):
    """A study that nobody killed, and its end."""
    home = tmp_path_factory.mktemp("undisturbed")
    (end,) = apart(Job(tiny.make, (home,)))
    assert (end.status, end.err) == (0, "")
    return home, end


def content(home: Path) -> dict[str, np.ndarray]:
    """Every number that a store's runs and probes hold."""
    found = {}
    for path in (*home.glob("runs/[!.]*/*"), *home.glob("probes/[!.]*")):
        if path.suffix == ".npz":
            with np.load(path) as arrays:
                found |= {f"{path.name}/{name}": array for name, array in arrays.items()}
        elif path.suffix == ".safetensors":
            found |= {f"{path.name}/{name}": array for name, array in load_file(path).items()}
    return found


def assert_nothing_is_half_there(home: Path) -> None:
    """Whatever has its final name can be read whole."""
    for path in home.glob("runs/[!.]*"):
        found = runs.load(path)
        assert len(found.predictions["test"].logits) == len(found.explanation.maps)
        assert len(found.history) == 2
        assert {file.name for file in path.iterdir()} == set(runs.FILES)
    for path in home.glob("probes/[!.]*"):
        with np.load(path) as arrays:
            assert all(arrays[name].size for name in arrays)
    for path in home.glob("studies/[!.]*"):
        assert path.read_text(encoding="utf-8").endswith("}\n")


def assert_it_is_as_if_nothing_had_been(home: Path, undisturbed: Path) -> None:
    """The same files in the same places, and in them the same bits."""
    assert {path.relative_to(home) for path in home.rglob("*")} == {
        path.relative_to(undisturbed) for path in undisturbed.rglob("*")
    }
    found, expected = content(home), content(undisturbed)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def moments(end: forks.End, home: Path) -> list[dict[str, float]]:
    """How a study dies, in a random order: where it turns to the disk, in a file, while it computes."""
    chance = random.Random(SEED)
    sizes = [path.stat().st_size for path in home.rglob("*") if path.is_file()]
    found = [{"at": chance.randint(1, end.looks)} for _ in range(16)]
    found += [{"renaming": chance.randint(1, 4)} for _ in range(12)]
    found += [{"within": chance.randint(1, max(sizes))} for _ in range(6)]
    found += [{"after": chance.uniform(0, end.seconds)} for _ in range(8)]
    chance.shuffle(found)
    return found


@pytest.mark.slow
@pytest.mark.promise("killed", "survived")
def test_a_study_that_is_killed_again_and_again_ends_with_the_same_bits(
    apart, undisturbed, tmp_path, storm
):
    expected, end = undisturbed
    deaths, finished = 0, 0
    home = tmp_path / "0"
    for how in storm(moments(end, expected), 5):
        (found,) = apart(Job(tiny.make, (home,), **how))
        assert found.killed or (found.status, found.err) == (0, ""), found
        assert_nothing_is_half_there(home)
        deaths += found.killed
        if not found.killed:  # it came to its end before that moment
            assert_it_is_as_if_nothing_had_been(home, expected)
            finished += 1
            home = tmp_path / str(finished)
    (found,) = apart(Job(tiny.make, (home,)))
    assert (found.status, found.err) == (0, "")
    assert_it_is_as_if_nothing_had_been(home, expected)
    assert deaths > 0
