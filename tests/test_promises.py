"""Promises: counting, refusals, and that every promise is tested."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pneumo.base import checksums
from pneumo.record import promises
from pneumo.record.promises import PromisesError

SUITE = """
import pytest

@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("n", range(3))
def test_three_scenarios(n):
    pass

@pytest.mark.promise("killed", "survived")
@pytest.mark.promise("pages", "found")
def test_a_storm_in_one_scenario(storm):
    assert len(storm(range(30), 3)) == 30

@pytest.mark.promise("data", "found")
def test_a_fault_that_is_not_found():
    assert False

@pytest.mark.promise("data", "found")
def test_skipped():
    pytest.skip("not here")"""


@pytest.mark.slow
def test_scenarios_are_counted_by_what_became_of_them(tmp_path):
    (tmp_path / "test_suite.py").write_text(SUITE)
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["promises"]\n')
    path = tmp_path / "promises.json"
    command = [
        sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", ".", "-n", "1",
        "-p", "no:cacheprovider", "--promises", str(path), "test_suite.py",
    ]  # fmt: skip
    environment = {"PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[1]}"}
    done = subprocess.run(command, cwd=tmp_path, env=os.environ | environment, capture_output=True)
    assert done.returncode == 1, done.stdout
    found = {kept.name: kept for kept in promises.read(path)}
    assert (found["data"].tried, found["data"].found, found["data"].broken) == (4, 3, 1)
    assert (found["killed"].tried, found["killed"].survived) == (1, 1)
    assert (found["pages"].tried, found["old"].tried) == (1, 0)


def test_every_promise_has_been_tried_and_nothing_broke_it(tmp_path):
    for kept in promises.read():
        assert kept.tried > 0, kept.name
        assert kept.broken == 0, kept.name
    assert promises.read(tmp_path / "promises.json") == ()


NEWER = json.dumps({"schema": 99, "promises": {}})
OLDER = json.dumps({"schema": promises.SCHEMA - 1, "promises": {}})
OTHERS = checksums.text({"schema": promises.SCHEMA, "promises": {}}, promises.FILE)


@pytest.mark.promise("damage", "found")
@pytest.mark.promise("old", "found")
@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("{", "damaged"),
        (f'{{"schema": {promises.SCHEMA}}}', "damaged"),
        (OTHERS, "other promises"),
        (OLDER, "an older version of pneumo .*; run `nox -s promises`"),
        (NEWER, "a newer .*; update pneumo"),
    ],
)
def test_counts_that_cannot_be_read_are_refused_with_the_reason(tmp_path, content, told):
    path = tmp_path / "promises.json"
    path.write_text(content)
    with pytest.raises(PromisesError, match=told):
        promises.read(path)
