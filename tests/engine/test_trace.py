"""What outputs depend on: functions that ran and no others, files, folders, and what was not there."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from report.engine import trace
from report.engine.memory import Memory

TOY = '''\
"""A package."""
import functools

LIMIT = 3
NAMES = {"a", "b", "c"}


def ran(x):
    """Ran."""
    # a comment
    return inner(x) + LIMIT


def inner(x):
    return [y for y in (x,)][0]


def idle():
    return 1


class Thing:
    size = 1

    def used(self):
        def nested():
            return self.size
        return nested()

    def unused(self):
        return 2

    @property
    def area(self):
        return self.size


@functools.cache
def kept():
    return 5


if True:
    def conditional():
        return 6
'''
RUN = """\
import sys
exec(sys.argv[1], {})
import toy
toy.ran(1); toy.Thing().used(); toy.kept(); toy.conditional()
exec(sys.argv[2])
"""


@pytest.fixture
def traced(tmp_path):
    """Runs a program that uses the toy package; gives what its trace has seen."""
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text(TOY)

    def run(more: str = "") -> Path:
        out = tmp_path / "trace.json"
        code = f"{RUN}{more}\n{trace.ending(out)}"
        command = [sys.executable, "-c", code, trace.code(["toy"], []), ""]
        subprocess.run(command, cwd=tmp_path, check=True)
        return out

    return run


def _holds_after(traced, tmp_path, before, after):
    memory = Memory(tmp_path / "memory")
    needs = memory.needs(traced())
    assert needs is not None
    assert memory.holds(json.loads(json.dumps(needs)))
    path = tmp_path / "toy" / "__init__.py"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))
    return Memory(tmp_path / "memory").holds(needs)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("inner(x) + LIMIT", "inner(x) - LIMIT"),
        ("LIMIT = 3", "LIMIT = 4"),
        ('"c"}', '"d"}'),
        ("return [y for", "return [-y for"),
        ("return self.size\n        return nested", "return -self.size\n        return nested"),
        ("size = 1", "size = 2"),
        ("return 5", "return 6"),
        ("@functools.cache", "@functools.lru_cache"),
        ("return 6", "return 7"),
        ("def idle():", "def idle(x=1):"),
        ("def ran(x)", "def ran(x, y=0)"),
    ],
)
def test_what_ran_or_runs_on_import_is_another_now(traced, tmp_path, before, after):
    assert not _holds_after(traced, tmp_path, before, after)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return 1\n", "return 11\n"),
        ("return 2\n", "return 22\n"),
        ("# a comment", "# another comment"),
        ('"""Ran."""', '"""Ran, and more."""'),
        ("\n\n\nclass", "\n\nclass"),
    ],
)
def test_what_did_not_run_and_what_is_only_read_changes_nothing(traced, tmp_path, before, after):
    assert _holds_after(traced, tmp_path, before, after)


@pytest.mark.parametrize(
    "reading",
    [
        "open('data.txt').read()",
        "from pathlib import Path; Path('data.txt').read_bytes()",
        "import os; os.read(os.open('data.txt', os.O_RDONLY), 9)",
        "import numpy; numpy.loadtxt('data.txt')",
    ],
)
def test_every_way_of_reading_a_file_is_heard(traced, tmp_path, reading):
    (tmp_path / "data.txt").write_text("1")
    needs = Memory(tmp_path / "memory").needs(traced(reading))
    assert needs is not None
    assert str(tmp_path / "data.txt") in needs["files"]
    (tmp_path / "data.txt").write_text("2")
    assert not Memory(tmp_path / "memory").holds(needs)


def test_a_file_that_is_only_written_is_no_need(traced, tmp_path):
    needs = Memory(tmp_path / "memory").needs(traced("open('out.txt', 'w').write('x')"))
    assert needs is not None
    assert str(tmp_path / "out.txt") not in needs["files"]


@pytest.mark.parametrize(
    "looking", ["import os; os.listdir('things')", "from pathlib import Path; list(Path('things').glob('*'))"]
)  # fmt: skip
def test_a_folder_that_was_listed_is_needed_as_it_was(traced, tmp_path, looking):
    (tmp_path / "things").mkdir()
    needs = Memory(tmp_path / "memory").needs(traced(looking))
    assert needs is not None
    assert Memory(tmp_path / "memory").holds(needs)
    (tmp_path / "things" / "new").write_text("")
    assert not Memory(tmp_path / "memory").holds(needs)


def test_a_file_that_changes_while_it_is_used_is_no_ground_to_stand_on(traced, tmp_path):
    (tmp_path / "data.txt").write_text("1")
    out = traced("open('data.txt').read()")
    time.sleep(0.02)
    (tmp_path / "data.txt").write_text("2")
    assert Memory(tmp_path / "memory").needs(out) is None


def test_an_error_is_still_told_by_its_own_line(tmp_path):
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "__init__.py").write_text(
        "def fail():\n    '''Doc.'''\n    x = 1\n    raise ValueError(x)\n"
    )
    code = "import sys; exec(sys.argv[1], {}); import toy; toy.fail()"
    command = [sys.executable, "-c", code, trace.code(["toy"], [])]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert 'toy/__init__.py", line 4, in fail' in done.stderr


def test_parts_are_the_same_in_every_process(tmp_path):
    code = (
        "import sys; from report.engine import trace; "
        "print(sorted(trace.parts(sys.stdin.buffer.read()).items()))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], input=TOY, capture_output=True, text=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "2")
    }  # fmt: skip
    assert len(found) == 1
