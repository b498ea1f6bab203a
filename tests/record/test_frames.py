"""Frames survive writing and reading: text stays text, and missing numbers stay missing."""

import math

import numpy as np
import pytest

from pneumo.record import Frame, frame
from pneumo.record.frames import FrameError, from_csv, to_csv


def test_a_frame_comes_back_from_its_csv():
    rows = [
        {"model": "a", "auc": 0.1 + 0.2, "count": 3, "low": math.nan, "key": "0123", "commit": ""},
        {"model": "b, c", "auc": 1e-17, "count": 12, "low": -math.inf, "key": "45", "commit": ""},
    ]
    written = to_csv(frame(rows, {"auc": "share"}, ["run"]))
    assert written.splitlines()[0] == "model,auc [share],count,low,key [text],commit [text]"
    found = from_csv(written, ["run"])
    assert found["model"].tolist() == ["a", "b, c"]
    assert found["auc"].tolist() == [0.1 + 0.2, 1e-17]
    assert found["count"].tolist() == [3.0, 12.0]
    assert math.isnan(found["low"][0])
    assert found["low"][1] == -math.inf
    assert found["key"].tolist() == ["0123", "45"]  # text stays text
    assert found["commit"].tolist() == ["", ""]
    assert found.units == {"auc": "share", "key": "text", "commit": "text"}
    assert found.runs == ("run",)
    assert to_csv(found) == written


def test_rows_are_chosen_by_their_values():
    found = Frame({"model": ["a", "b", "a"], "seed": np.array([0, 0, 1])})
    assert found.where(model="a", seed=1)["seed"].tolist() == [1.0]
    assert found.distinct("model") == ["a", "b"]
    assert [row["seed"] for row in found.where(model="a").rows()] == [0.0, 1.0]


@pytest.mark.parametrize("make", [lambda: Frame({"a": [1], "b": []}), lambda: from_csv("a,b\n1\n")])
def test_columns_of_different_lengths_are_refused(make):
    with pytest.raises(FrameError):
        make()
