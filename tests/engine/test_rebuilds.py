"""Rebuilds of the real pages: what an edit runs again, and how that is measured."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from report.engine import bench

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def rebuilds(shared):
    """Builds of a copy of the project, from a finished study of the smoke profile."""
    home = shared / "report-home"
    with FileLock(shared / "report.lock"), pytest.MonkeyPatch.context() as patch:
        patch.setenv("PNEUMO_HOME", str(home))
        command = [sys.executable, "-m", "pneumo", "study", "--profile", "smoke"]
        subprocess.run([*command, "--data", "phantom"], check=True, env=dict(os.environ))
    with pytest.MonkeyPatch.context() as patch, bench.Rebuilds() as found:
        patch.setenv("PNEUMO_HOME", str(home))
        patch.setenv("PNEUMO_PROFILE", "smoke")
        patch.setenv("PNEUMO_DATA", "phantom")
        yield found


def _written(rebuilds) -> dict[Path, int]:
    """Which file holds what was kept of a page; one that is only read stays the same file."""
    folder = rebuilds.project / ".pneumo" / "pages"
    return {
        path: path.stat().st_ino
        for kind in ("cells", "files")
        for path in (folder / kind).iterdir()
    }


def test_a_rebuild_runs_what_an_edit_touches_and_nothing_else(rebuilds):
    pages = len(list((rebuilds.project / "report").glob("*.qmd")))
    kept = _written(rebuilds)
    assert (
        pages - 2 <= len(kept) <= pages + 1
    )  # some have no cells; the results are beside the pages

    text = (rebuilds.project / "_site" / "shift.html").stat().st_mtime_ns
    assert rebuilds.nothing_changed() > 0
    assert (rebuilds.project / "_site" / "shift.html").stat().st_mtime_ns == text

    assert rebuilds.edited(bench.PROSE) > 0
    assert "Sentence 1 more." in (rebuilds.project / "_site" / "shift.html").read_text()
    assert _written(rebuilds) == kept

    assert rebuilds.edited(bench.FIGURE) > 0
    now = _written(rebuilds)
    assert now.keys() == kept.keys()
    assert sum(now[path] != kept[path] for path in kept) == 1


def test_an_edit_that_finds_no_place_is_told(rebuilds):
    with pytest.raises(bench.BenchError, match="has no 'no such words' any more"):
        rebuilds.edited((Path("report/shift.qmd"), "no such words", ""))


def test_a_build_that_fails_is_told_by_its_last_words(rebuilds):
    with pytest.raises(bench.BenchError, match=r"ended with status 1: .*shift\.qmd"):
        rebuilds.edited((Path("report/shift.qmd"), "\n## ", "\n@fig-nowhere\n\n## "))


def test_every_measurement_has_a_name_of_its_own(rebuilds):
    found = [one.id for one in bench.measurements(rebuilds)]
    assert len(found) == len(set(found))
    assert {"rebuild-nothing", "rebuild-prose", "rebuild-figure", "rebuild-everything"} <= set(
        found
    )
