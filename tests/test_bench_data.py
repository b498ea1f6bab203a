"""The rows of the bench on many images, from sets so small that their numbers mean nothing."""

import pytest

from benchmarks import large
from benchmarks.large import Many
from benchmarks.speed import BenchError
from pneumo.data import phantom


def test_every_row_of_a_set_comes_from_one_training(monkeypatch):
    asked = []

    def once(many):
        asked.append(many)
        return {"memory": 1.0, "load": 2.0, "rate": 3.0, "growth": 0.95}

    monkeypatch.setattr(large, "train", once)
    rows = {one.id: one.row() for one in large.measurements()}
    assert len(rows) == 4 * len(large.SETS)
    assert asked == list(large.SETS)
    assert rows["many-memory-28"].what.endswith("200,000 images at 28×28")
    assert rows["many-memory-224"].what.endswith("20,000 images at 224×224, seen at 28×28")
    assert rows["many-growth-224"].ok
    assert rows["many-memory-28"].goal == "≤ 1.5"


@pytest.mark.slow
def test_a_training_says_what_it_took():
    counts = (("train", 1600), ("val", 32), ("test", 32))
    found = large.train(Many(28, counts))
    assert 0.1 < found["memory"] < 4
    assert found["rate"] > 0
    assert found["growth"] > 0
    assert found["load"] > 0


def test_a_training_that_fails_is_told_by_its_last_line(monkeypatch):
    monkeypatch.setattr(phantom, "write_phantom", lambda path, *_: path.write_bytes(b""))
    with pytest.raises(
        BenchError, match=r"a training on 4 images at 28×28 failed: .*no readable \.npz"
    ):
        large.train(Many(28, (("train", 4),)))
