"""What it costs to do runs elsewhere: measured with a real scheduler, and left out where there is none."""

from dataclasses import replace

import pytest
from profiles import PROFILE

from benchmarks import studies


def test_what_is_measured_has_an_id_and_the_goal_that_is_promised(monkeypatch):
    goals = {one.id: (one.unit, one.goal) for one in studies.measurements()}
    assert goals == {"cluster-overhead": ("%", "≤ 3"), "process-2": ("×", None)}
    monkeypatch.setattr(studies, "find_spec", lambda name: None)
    assert [one.id for one in studies.measurements()] == ["process-2"]


@pytest.mark.slow
def test_a_worker_waits_for_the_scheduler_but_not_for_ever(phantom, monkeypatch):
    pytest.importorskip("distributed")
    recipe = replace(PROFILE.recipe("simple-cnn"), epochs=2)
    monkeypatch.setattr(studies, "RECIPE", recipe)
    # So short a run means nothing but that something passes between two of them.
    assert 0 < studies.scheduling(phantom, runs=3, workers=1) < 1000
