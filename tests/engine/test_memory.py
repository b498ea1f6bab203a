"""What is kept between builds: used where nothing that it depends on has changed, and never else."""

import filecmp
import gc
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import TEMPLATES

import pneumo
from report.engine import site
from report.engine.__main__ import main
from report.engine.memory import Memory

# Every run of a page leaves a line in a file that nobody reads.
COUNT = "with open({path!r}, 'a') as file:\n    file.write('{name}\\n')\n"


@pytest.fixture
def project(write, tmp_path, monkeypatch):
    """A book of three pages, of which one reads a file; its store is its own."""
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "home"))
    (tmp_path / "numbers.txt").write_text("41")
    reading = f"print(open({str(tmp_path / 'numbers.txt')!r}).read())"
    there = f"import os\nprint(os.path.exists({str(tmp_path / 'extra.txt')!r}))"
    return write(one=_page(tmp_path, "one", "print(1 + 1)"), two=_page(tmp_path, "two", reading),
                 three=_page(tmp_path, "three", there))  # fmt: skip


def _page(folder: Path, name: str, code: str) -> str:
    count = COUNT.format(path=str(folder / "ran"), name=name)
    return f"# {name}\n\nWords.\n\n```{{python}}\n{count}{code}\n```\n\nSum: `{{python}} 6 * 7`.\n"


@pytest.fixture
def build(project, tmp_path, capsys):
    """Builds the book as a user does; gives the names of the pages whose cells ran."""

    def run(*options: str) -> list[str]:
        (tmp_path / "ran").write_text("")
        status = main([str(project), "--engine", "portable", "--no-study", *options])
        assert status == 0, capsys.readouterr().err
        return sorted((tmp_path / "ran").read_text().split())

    assert run() == ["one", "three", "two"]
    return run


def _html(project: Path, name: str) -> str:
    return next(project.rglob(f"{name}.html")).read_text(encoding="utf-8")


def _edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_nothing_runs_and_nothing_is_written_where_nothing_changed(build, project):
    page = next(project.rglob("one.html"))
    before = page.stat().st_mtime_ns, page.stat().st_ino
    assert build() == []
    assert (page.stat().st_mtime_ns, page.stat().st_ino) == before


def test_other_prose_is_rendered_without_running_a_cell(build, project):
    _edit(project / "one.qmd", "Words.", "Other words.")
    assert build() == []
    assert "Other words." in _html(project, "one")
    assert "<code>2</code>" in _html(project, "one")
    assert "Sum: 42." in _html(project, "one")


def test_another_cell_runs_its_page_alone(build, project):
    _edit(project / "one.qmd", "1 + 1", "1 + 2")
    assert build() == ["one"]
    assert "<code>3</code>" in _html(project, "one")


def test_another_expression_in_a_sentence_runs_its_page_alone(build, project):
    _edit(project / "three.qmd", "6 * 7", "6 * 6")
    assert build() == ["three"]
    assert "Sum: 36." in _html(project, "three")


def test_a_file_that_was_read_and_is_another_now_runs_its_page(build, project, tmp_path):
    (tmp_path / "numbers.txt").write_text("43")
    _edit(project / "one.qmd", "Words.", "Other words.")
    assert build() == ["two"]
    assert "<code>43</code>" in _html(project, "two")


def test_a_file_that_was_read_runs_its_page_though_nothing_of_the_book_changed(build, tmp_path):
    (tmp_path / "numbers.txt").write_text("43")
    assert build() == ["two"]
    assert build() == []


def test_a_file_that_was_written_again_as_it_was_runs_nothing(build, project, tmp_path):
    (tmp_path / "numbers.txt").write_text("41")
    _edit(project / "one.qmd", "Words.", "Other words.")
    assert build() == []


def test_a_file_that_was_looked_for_and_is_there_now_runs_its_page(build, project, tmp_path):
    (tmp_path / "extra.txt").write_text("")
    _edit(project / "one.qmd", "Words.", "Other words.")
    assert build() == ["three"]
    assert "<code>True</code>" in _html(project, "three")


def test_another_setting_of_the_environment_runs_everything(build, monkeypatch):
    monkeypatch.setenv("PNEUMO_PROFILE", "paper")
    assert build() == ["one", "three", "two"]
    monkeypatch.delenv("PNEUMO_PROFILE")
    assert build() == []


def test_everything_runs_where_it_is_asked_for(build):
    assert build("--fresh") == ["one", "three", "two"]
    assert build() == []


def test_a_site_that_somebody_touched_is_built_again(build, project):
    next(project.rglob("two.html")).write_text("gone")
    assert build() == []
    assert "<code>41</code>" in _html(project, "two")


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize("place", [0.1, 0.5, 0.9])
def test_a_byte_that_changed_in_what_was_kept_is_noticed(build, project, tmp_path, place):
    for path in (tmp_path / "home" / "pages").rglob("*.gz"):
        content = bytearray(path.read_bytes())
        content[int(place * len(content))] ^= 0xFF
        path.write_bytes(content)
    assert build() == ["one", "three", "two"]
    assert "<code>2</code>" in _html(project, "one")


@pytest.mark.promise("pages", "found")
def test_a_page_that_fails_is_not_kept(build, project, tmp_path, capsys):
    _edit(project / "one.qmd", "1 + 1", "1 / 0")
    options = [str(project), "--engine", "portable", "--no-study"]
    assert main(options) == main(options) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert (tmp_path / "ran").read_text().split().count("one") >= 2


def test_what_a_program_printed_is_not_kept(build, project):
    code = "import subprocess\nprint(subprocess.run(['true']).returncode)"
    _edit(project / "one.qmd", "print(1 + 1)", code)
    assert build() == ["one"]
    _edit(project / "two.qmd", "Words.", "Other words.")
    assert build() == ["one"]


def test_what_was_recalled_is_what_was_run_to_the_byte(project, tmp_path):
    memory = Memory(tmp_path / "pages")
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    site.render(project, TEMPLATES, first, memory)
    site.render(project, TEMPLATES, second, memory, before=lambda: pytest.fail("a kernel began"))
    site.render(project, TEMPLATES, third)
    for other in (second, third):
        found = filecmp.dircmp(first, other)
        assert found.left_only == found.right_only == found.diff_files == []
    assert len(list(first.rglob("*.html"))) == 4


@pytest.mark.promise("full", "survived")
def test_a_store_that_can_not_be_written_costs_time_alone(project, tmp_path):
    (tmp_path / "file").write_text("")
    memory = Memory(tmp_path / "file" / "pages")
    site.render(project, TEMPLATES, tmp_path / "site", memory)
    memory.close()
    assert (tmp_path / "site" / "one.html").is_file()


def test_what_nobody_used_for_long_is_dropped(tmp_path):
    memory = Memory(tmp_path)
    memory.put("pandoc", "old", b"1")
    memory.put("pandoc", "new", b"2")
    long_ago = time.time() - 40 * 86_400
    os.utime(tmp_path / "pandoc" / "old.gz", (long_ago, long_ago))
    memory.close()
    assert memory.get("pandoc", "old") is None
    assert memory.get("pandoc", "new") == b"2"


def test_threads_that_look_up_code_at_the_same_time_get_in_nobodys_way(tmp_path):
    files = sorted(Path(pneumo.__file__).parent.glob("*.py"))
    threshold, give_way = gc.get_threshold(), lambda *_: time.sleep(0)
    gc.callbacks.append(give_way)  # another thread's turn in the middle of a syntax tree
    gc.set_threshold(50)
    try:
        with ThreadPoolExecutor(4) as pool:
            memories = [Memory(tmp_path / str(number)) for number in range(4)]
            looked_up = [
                pool.submit(memory.digest, str(file)) for file in files for memory in memories
            ]
            assert all(future.result() for future in looked_up)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(give_way)
