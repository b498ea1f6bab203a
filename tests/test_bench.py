"""The bench: ratios that are ratios, rows that say whether a goal is met, and a file that later rows join."""

import json
import time
from dataclasses import replace

import pytest
import torch

from benchmarks import speed
from benchmarks.speed import BenchError, Row
from pneumo.base import paths
from pneumo.pages.tables import TABLES
from pneumo.record import bench
from pneumo.training.recipes import RECIPES

CNN = RECIPES["simple-cnn"]


@pytest.fixture
def small(phantom, monkeypatch):
    """So few images and turns that a measurement takes a second; its number means nothing."""
    monkeypatch.setattr(speed, "IMAGES", 48)
    monkeypatch.setattr(speed, "VALIDATION_IMAGES", 16)
    monkeypatch.setattr(speed, "TURNS", 1)
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    return speed._small(phantom)


@pytest.mark.parametrize(
    ("value", "goal", "ok"),
    [
        (0.9, "≥ 0.90", True),
        (0.89, "≥ 0.90", False),
        (1.5, "≤ 1.5", True),
        (1.6, "≤ 1.5", False),
        (7.0, None, None),
    ],
)
def test_a_row_says_whether_its_goal_is_met(value, goal, ok):
    assert Row("x", "something", value, "×", goal).ok is ok


def test_a_ratio_is_how_many_times_longer_the_first_takes():
    found = speed.ratio(lambda: time.sleep(0.06), lambda: time.sleep(0.02))
    assert 2 < found < 4


def test_the_first_turn_is_for_warmth_alone():
    calls = []

    def slow_at_first():
        calls.append(1)
        time.sleep(0.3 if len(calls) == 1 else 0.02)

    assert speed.ratio(slow_at_first, lambda: time.sleep(0.02), turns=2) < 2
    assert len(calls) == 3


def test_every_measurement_has_an_id_of_its_own_and_the_goals_are_those_promised(small):
    found = {one.id: one for one in speed.measurements(small)}
    assert len(found) == len(list(speed.measurements(small)))
    goals = {name: one.goal for name, one in found.items() if one.goal}
    assert goals["throughput-simple-cnn"] == "≥ 0.90"
    assert goals["usual-way-simple-cnn"] == "≥ 3"
    assert goals["usual-way-resnet18-scratch"] == "≥ 1.3"
    assert goals["prediction"] == "≤ 2"
    assert goals["memory-simple-cnn"] == "≤ 1.5"
    assert goals["standard-profile"] == "≤ 12"


def test_our_epoch_and_the_bare_loop_learn_from_the_same_batches(small):
    assert 0 < speed.against_bare_loop(small, CNN) < 10
    seen = sum(len(labels) for _, labels in speed._batches(small, CNN))
    assert seen == len(small.train.labels)


def test_the_usual_way_learns_from_the_same_number_of_images_of_the_same_size(small):
    pictures = speed._Pictures(small, replace(CNN, input_size=40))
    assert len(pictures) == len(small.train.labels)
    image, label = pictures[3]
    assert image.shape == (1, 40, 40)
    assert label == small.train.labels[3]
    assert speed.against_usual_way(small, CNN) > 0


@pytest.mark.parametrize(
    "changed", [{"layout": torch.contiguous_format}, {"precision": torch.bfloat16}, {"threads": 1}]
)
def test_steps_are_compared_with_one_thing_changed(changed, small):
    before = torch.get_num_threads()
    assert speed.step_ratio(small, CNN, **changed) > 0
    assert torch.get_num_threads() == before


def test_one_prediction_is_timed_in_milliseconds(small):
    assert 0 < speed.one_prediction(small) < 1000


def test_what_is_not_there_can_not_be_measured(small):
    with pytest.raises(BenchError, match="nothing is called 'warp'; there are: throughput"):
        speed.run(["warp"])


def test_later_rows_join_the_file_and_take_the_place_of_their_own(tmp_path):
    path = tmp_path / "bench.json"
    speed.write([Row("a", "A", 1.0, "×", "≥ 2"), Row("b", "B", 3.0, "ms")], path)
    speed.write([Row("a", "A", 2.5, "×", "≥ 2"), Row("c", "C", 4.0, "min")], path)
    content = json.loads(path.read_text())
    assert set(content) == {"digest", "schema", "rows", "machine"}
    assert [(row["id"], row["value"], row["ok"]) for row in content["rows"]] == [
        ("a", 2.5, True), ("b", 3.0, None), ("c", 4.0, None),
    ]  # fmt: skip
    assert content["rows"][0].keys() == {"id", "what", "value", "unit", "goal", "ok"}


def test_the_command_measures_prints_writes_and_fails_where_a_goal_is_missed(
    small, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(speed, "one_prediction", lambda dataset: 5.0)
    output = tmp_path / "bench.json"
    assert speed.main(["--only", "prediction", "--output", str(output)]) == 1
    assert json.loads(output.read_text())["rows"][0]["ok"] is False
    assert "no" in capsys.readouterr().out
    monkeypatch.setattr(speed, "one_prediction", lambda dataset: 1.0)
    assert speed.main(["--only", "prediction", "--output", str(output)]) == 0
    assert speed.main(["--only", "warp", "--output", str(output)]) == 1
    assert "nothing is called 'warp'" in capsys.readouterr().err


def test_the_report_shows_the_speeds_that_the_reference_keeps(record, tmp_path, monkeypatch):
    rows = [Row("a", "an epoch", 0.5, "×", "≥ 0.90"), Row("b", "a trick", 1.25, "×")]
    file = tmp_path / bench.FILE
    speed.write(rows, file)
    monkeypatch.setattr(paths, "reference", lambda: tmp_path)
    assert TABLES["tbl-speed"](record).rows == (("an epoch", "0.50 ×", "≥ 0.90 ×", "**no**"),)
    assert TABLES["tbl-speed-tried"](record).rows == (("a trick", "1.25 ×"),)
    file.write_text("{}")
    with pytest.raises(bench.BenchError, match=r"bench\.json is damaged"):
        bench.read()
