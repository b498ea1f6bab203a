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
    pytest.skip("not here")

def test_of_no_promise():
    pass
"""


@pytest.fixture
def counted(tmp_path):
    def run(suite: str, *options: str) -> tuple[int, str, Path]:
        (tmp_path / "test_suite.py").write_text(suite)
        (tmp_path / "conftest.py").write_text('pytest_plugins = ["promises"]\n')
        path = tmp_path / "promises.json"
        command = [
            sys.executable, "-m", "pytest", "-q", "-c", "/dev/null", "--rootdir", ".",
            "-p", "no:cacheprovider", "--promises", str(path), *options, "test_suite.py",
        ]  # fmt: skip
        environment = {"PYTHONPATH": f"{Path(__file__).parent}:{Path(__file__).parents[1]}"}
        done = subprocess.run(
            command, cwd=tmp_path, env=os.environ | environment, capture_output=True, text=True
        )
        return done.returncode, done.stdout + done.stderr, path

    return run


@pytest.mark.slow
def test_scenarios_are_counted_by_what_became_of_them(counted):
    status, output, path = counted(SUITE, "-n", "1")
    assert status == 1, output
    found = {kept.name: kept for kept in promises.read(path)}
    assert (found["data"].tried, found["data"].found, found["data"].broken) == (4, 3, 1)
    assert (found["killed"].tried, found["killed"].survived) == (1, 1)
    assert (found["pages"].tried, found["old"].tried) == (1, 0)


def test_of_a_storm_a_few_faults_spread_over_it_are_tried_where_nobody_counts(storm, request):
    if not request.config.getoption("--promises"):
        assert storm(range(30), 3) == [0, 10, 20]


def test_a_promise_that_nobody_made_is_refused(counted):
    mark = '@pytest.mark.promise("data", "lost")'
    status, output, _ = counted(f"import pytest\n{mark}\ndef test_x(): pass\n")
    assert status != 0
    assert "no promise" in output


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
