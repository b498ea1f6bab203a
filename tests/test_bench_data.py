"""The rows of the bench on many images, from sets so small that their numbers mean nothing."""

import pytest

from pneumo import bench_data, phantom
from pneumo.bench import BenchError
from pneumo.bench_data import Many


def test_every_row_of_a_set_comes_from_one_training(monkeypatch):
    asked = []

    def once(many):
        asked.append(many)
        return {"memory": 1.0, "load": 2.0, "rate": 3.0, "growth": 0.95}

    monkeypatch.setattr(bench_data, "train", once)
    rows = {one.id: one.row() for one in bench_data.measurements()}
    assert len(rows) == 4 * len(bench_data.SETS)
    assert asked == list(bench_data.SETS)
    assert rows["many-memory-28"].what.endswith("200,000 images at 28×28")
    assert rows["many-memory-224"].what.endswith("20,000 images at 224×224, seen at 28×28")
    assert rows["many-growth-224"].ok
    assert rows["many-memory-28"].goal == "≤ 1.5"


@pytest.mark.slow
def test_a_training_says_what_it_took():
    counts = (("train", 1600), ("val", 32), ("test", 32))
    found = bench_data.train(Many(28, counts))
    assert 0.1 < found["memory"] < 4
    assert found["rate"] > 0
    assert found["growth"] > 0
    assert found["load"] > 0


def test_a_training_that_fails_is_told_by_its_last_line(monkeypatch):
    monkeypatch.setattr(phantom, "write_phantom", lambda path, *_: path.write_bytes(b""))
    with pytest.raises(
        BenchError, match=r"a training on 4 images at 28×28 failed: .*no readable \.npz"
    ):
        bench_data.train(Many(28, (("train", 4),)))
