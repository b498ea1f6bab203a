"""What is kept between builds: it is used where nothing that it depends on has changed, and never else."""

import filecmp
import json
import os
import time
from pathlib import Path

import pytest
from conftest import TEMPLATES

from pneumo.base import paths
from report.engine import cache as module
from report.engine import site
from report.engine.__main__ import main
from report.engine.cache import Cache

# Every run of a page leaves a line in a file.
PAGE = """\
# {name}

Words.

```{{python}}
with open({path!r}, "a") as file:
    file.write("{name}\\n")
print({code})
```

Sum: `{{python}} 6 * 7`.
"""


@pytest.fixture
def project(write, tmp_path, monkeypatch):
    """A book of two pages, of which one reads a file of the project; its store is its own."""
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "home"))
    ran = str(tmp_path / "ran")
    reading = "open('numbers.csv').read()"
    folder = write(
        one=PAGE.format(name="one", path=ran, code="1 + 1"),
        two=PAGE.format(name="two", path=ran, code=reading),
    )
    (folder / "numbers.csv").write_text("41")
    return folder


@pytest.fixture
def build(project, tmp_path, capsys):
    """Builds the book as a user does; gives the names of the pages whose cells ran."""

    def run(*options: str) -> list[str]:
        (tmp_path / "ran").write_text("")
        status = main([str(project), "--engine", "portable", "--no-study", *options])
        assert status == 0, capsys.readouterr().err
        return sorted((tmp_path / "ran").read_text().split())

    assert run() == ["one", "two"]
    return run


def html(project: Path, name: str) -> str:
    return (project / "_book" / f"{name}.html").read_text(encoding="utf-8")


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_nothing_runs_and_nothing_is_written_where_nothing_changed(build, project):
    page = project / "_book" / "one.html"
    before = page.stat().st_mtime_ns, page.stat().st_ino
    assert build() == []
    assert (page.stat().st_mtime_ns, page.stat().st_ino) == before


def test_other_prose_is_rendered_without_running_a_cell(build, project):
    edit(project / "one.qmd", "Words.", "Other words.")
    assert build() == []
    assert "Other words." in html(project, "one")
    assert "<code>2</code>" in html(project, "one")
    assert "Sum: 42." in html(project, "one")


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [("1 + 1", "1 + 2", "<code>3</code>"), ("6 * 7", "6 * 6", "Sum: 36.")],
)
def test_another_cell_or_expression_runs_its_page_alone(build, project, before, after, shown):
    edit(project / "one.qmd", before, after)
    assert build() == ["one"]
    assert shown in html(project, "one")


def test_another_size_of_a_figure_runs_its_page(build, project):
    edit(project / "one.qmd", "with open", "#| fig-width: 3\nwith open")
    assert build() == ["one"]


def test_a_file_of_the_project_that_is_another_now_runs_all_pages(build, project):
    (project / "numbers.csv").write_text("43")
    assert build() == ["one", "two"]
    assert "<code>43</code>" in html(project, "two")


def test_a_study_that_was_finished_anew_runs_all_pages(build, tmp_path):
    folder = tmp_path / "home" / "studies"
    folder.mkdir(parents=True)
    (folder / "smoke.json").write_text("{}")
    assert build() == ["one", "two"]
    (folder / "smoke.json").write_text("[]")
    assert build() == ["one", "two"]
    assert build() == []


def test_another_variable_that_counts_runs_all_pages_and_the_old_one_none(build, monkeypatch):
    monkeypatch.setenv("PNEUMO_PROFILE", "paper")
    assert build() == ["one", "two"]
    monkeypatch.delenv("PNEUMO_PROFILE")
    assert build() == []


def test_everything_runs_where_it_is_asked_for(build):
    assert build("--fresh") == ["one", "two"]
    assert build() == []


def test_a_site_that_somebody_touched_is_built_again(build, project):
    (project / "_book" / "two.html").write_text("gone")
    assert build() == []
    assert "<code>41</code>" in html(project, "two")


def test_the_package_its_templates_and_what_is_installed_are_parts_of_a_key(
    project, tmp_path, monkeypatch
):
    root = tmp_path / "checkout"
    for name in ("pneumo/figures/one.py", "templates/fragments/a.md.j2", "report/engine/b.py"):
        (root / name).parent.mkdir(parents=True)
        (root / name).write_text("1")
    monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.setattr(paths, "templates", lambda: root / "templates")
    keys = [module.inputs(project, project / "_book")]
    for path in (p for p in root.rglob("*") if p.is_file()):
        path.write_text("2")
        keys.append(module.inputs(project, project / "_book"))
    monkeypatch.setattr(module, "installed", lambda: ("matplotlib-0.0.1.dist-info",))
    keys.append(module.inputs(project, project / "_book"))
    (project / "one.qmd").write_text("# Other\n")  # prose is no part of it
    assert module.inputs(project, project / "_book") == keys[-1]
    assert len(set(keys)) == len(keys) == 5


def test_outputs_of_cells_that_ran_while_a_source_changed_are_not_kept(build, project, tmp_path):
    change = "__import__('pathlib').Path('numbers.csv').write_text('44')"
    edit(project / "one.qmd", "1 + 1", change)
    assert build() == ["one"]
    (project / "numbers.csv").write_text("41")
    assert build() == ["one"]


@pytest.mark.promise("pages", "found")
def test_a_page_that_fails_is_not_kept(build, project, tmp_path, capsys):
    edit(project / "one.qmd", "1 + 1", "1 / 0")
    options = [str(project), "--engine", "portable", "--no-study"]
    assert main(options) == main(options) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert (tmp_path / "ran").read_text().split().count("one") >= 2


def test_what_was_kept_is_what_was_run_to_the_byte(project, tmp_path):
    cache = Cache(tmp_path / "pages")
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    site.render(project, TEMPLATES, first, cache)
    site.render(project, TEMPLATES, second, cache)
    site.render(project, TEMPLATES, third)
    assert (tmp_path / "ran").read_text().split().count("one") == 2
    for other in (second, third):
        found = filecmp.dircmp(first, other)
        assert found.left_only == found.right_only == found.diff_files == []


def test_what_nobody_used_for_long_is_removed(tmp_path):
    cache = Cache(tmp_path)
    for key in ("old", "used", "new"):
        cache.put("kind", key, key.encode())
    long_ago = time.time() - 40 * 86_400
    for key in ("old", "used"):
        os.utime(tmp_path / "kind" / f"{key}.gz", (long_ago, long_ago))
    assert cache.get("kind", "used") == b"used"
    cache.prune()
    assert {path.stem for path in (tmp_path / "kind").iterdir()} == {"used", "new"}


@pytest.fixture
def record(tmp_path):
    """A small record."""
    folder = tmp_path / "record"
    (folder / "predictions").mkdir(parents=True)
    (folder / "results.json").write_text('{"auc": 0.9}')
    (folder / "predictions" / "one-s0.csv").write_text("0,0.5\n")
    (folder / "SHA256SUMS").write_text("made up\n")
    return folder


def test_a_record_reaches_the_cells_and_the_site(project, record, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PNEUMO_RECORD", "")  # main sets it; the patch takes it back
    monkeypatch.chdir(tmp_path)
    edit(
        project / "one.qmd",
        "1 + 1",
        "open(__import__('os').environ['PNEUMO_RECORD'] + '/results.json').read()",
    )
    options = [str(project), "--engine", "portable", "--no-study", "--record", "record"]
    assert main(options) == 0, capsys.readouterr().err
    built = project / "_book"
    assert "0.9" in html(project, "one")
    for name in ("results.json", "predictions/one-s0.csv", "SHA256SUMS"):
        assert (built / "record" / name).read_bytes() == (record / name).read_bytes()
    for name in ("results.json", "predictions/one-s0.csv"):
        assert (built / name).read_bytes() == (record / name).read_bytes()
    (record / "results.json").write_text('{"auc": 0.8}')
    (record / "SHA256SUMS").write_text("made up anew\n")
    assert main(options) == 0
    assert "0.8" in html(project, "one")


@pytest.mark.promise("pages", "found")
@pytest.mark.parametrize("name", ["results.json", "SHA256SUMS"])
def test_a_folder_that_is_no_record_is_refused(project, record, name, monkeypatch, capsys):
    monkeypatch.setenv("PNEUMO_RECORD", "")
    (record / name).unlink()
    assert main([str(project), "--no-study", "--record", str(record)]) == 1
    assert f"{record} is no record: it has no {name}" in capsys.readouterr().err


def test_a_site_carries_the_commit_that_it_was_built_at(project, build, git):
    built = project / "_book"
    assert json.loads((built / "build.json").read_text()) == {"commit": None, "engine": "portable"}
    (project / ".gitignore").write_text("_book/\n")
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    git(project, "commit", "--quiet", "-m", "Begin")
    head = git(project, "rev-parse", "HEAD")
    build()
    assert json.loads((built / "build.json").read_text())["commit"] == head
    assert f'<meta name="source-commit" content="{head}">' in html(project, "one")
    edit(project / "one.qmd", "Words.", "Other words.")
    build()
    assert json.loads((built / "build.json").read_text())["commit"] == f"{head}-dirty"
