"""The benchmarks: each measures on few images, says whether its goal is met, and keeps its row in a file."""

import json
import subprocess

import pytest

from benchmarks import speed
from benchmarks.__main__ import main
from benchmarks.against import commits
from benchmarks.speed import Row


@pytest.fixture
def small(phantom, monkeypatch):
    """Few images and turns, so that a measurement takes a second; its value is meaningless."""
    monkeypatch.setattr(speed, "IMAGES", 48)
    monkeypatch.setattr(speed, "VALIDATION_IMAGES", 16)
    monkeypatch.setattr(speed, "TURNS", 1)
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    return speed._small(phantom)


def test_later_rows_join_the_file_and_take_the_place_of_their_own(tmp_path):
    path = tmp_path / "bench.json"
    speed.write([Row("a", "A", 1.0, "×", "≥ 2"), Row("b", "B", 3.0, "ms")], path)
    speed.write([Row("a", "A", 2.5, "×", "≥ 2"), Row("c", "C", 4.0, "min")], path)
    content = json.loads(path.read_text())
    told = [(row["id"], row["value"], row["ok"]) for row in content["rows"]]
    assert told == [("a", 2.5, True), ("b", 3.0, None), ("c", 4.0, None)]
    assert [Row("x", "X", value, "×", "≤ 1.5").ok for value in (1.5, 1.6)] == [True, False]


def test_the_command_measures_and_writes_and_knows_no_other_name(small, tmp_path, capsys):
    output = tmp_path / "bench.json"
    goal = next(one.goal for one in speed.measurements(small) if one.id == "prediction")
    status = main(["--only", "prediction", "--output", str(output)])
    (row,) = json.loads(output.read_text())["rows"]
    assert (row["id"], row["goal"], row["ok"]) == ("prediction", goal, status == 0)
    assert main(["--only", "warp", "--output", str(output)]) == 1
    assert "nothing is called 'warp'; there are: throughput" in capsys.readouterr().err


def test_a_commit_is_held_against_another_as_both_were_committed(tmp_path):
    def git(*arguments):
        who = ("-c", "user.name=n", "-c", "user.email=e")
        subprocess.run(["git", "-C", tmp_path, *who, *arguments], check=True, capture_output=True)

    git("init")
    for number in (4, 1):
        (tmp_path / "number").write_text(str(number))
        git("add", ".")
        git("commit", "-m", "a number")
    (tmp_path / "number").write_text("not committed")
    with commits("HEAD~1", tmp_path) as both:
        assert both.share(lambda folder: int((folder / "number").read_text())) == 1 / 4
    with pytest.raises(speed.BenchError, match="HEAD~9"), commits("HEAD~9", tmp_path):
        pass
