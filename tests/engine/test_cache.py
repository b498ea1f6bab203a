"""The build cache: entries are used only if nothing that they depend on has changed."""

import filecmp
import json
import os
import time
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from conftest import write_record

from pneumo.base import paths
from pneumo.base.errors import PneumoError
from pneumo.pages import open_record
from report.engine import cache as module
from report.engine import notebooks, site
from report.engine.__main__ import main
from report.engine.cache import Cache
from report.engine.config import read_book
from report.engine.source import read_page

# Every run of a page appends a line to a file.
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
    """A book of two pages, one of which reads a file of the project, with its own run store."""
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
    """Builds the book like a user; gives the names of the pages whose cells ran."""

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


def test_cells_run_again_where_what_they_depend_on_changed_alone(build, project, monkeypatch):
    page = project / "_book" / "one.html"
    before = page.stat().st_mtime_ns, page.stat().st_ino
    assert build() == []
    assert (page.stat().st_mtime_ns, page.stat().st_ino) == before
    edit(project / "one.qmd", "Words.", "Other words.")
    assert build() == []
    for shown in ("Other words.", "<code>2</code>", "Sum: 42."):
        assert shown in html(project, "one")
    for before, after, shown in (
        ("1 + 1", "1 + 2", "<code>3</code>"),
        ("6 * 7", "6 * 6", "Sum: 36."),
    ):
        edit(project / "one.qmd", before, after)
        assert build() == ["one"]
        assert shown in html(project, "one")
    (project / "numbers.csv").write_text("43")
    assert build() == ["one", "two"]
    assert "<code>43</code>" in html(project, "two")
    monkeypatch.setenv("PNEUMO_PROFILE", "paper")
    assert build() == ["one", "two"]
    monkeypatch.delenv("PNEUMO_PROFILE")
    (project / "_book" / "two.html").write_text("somebody touched it")
    assert build() == []
    assert "<code>43</code>" in html(project, "two")
    (paths.home() / "pages" / "pandoc" / "old.gz").touch()
    assert build("--fresh") == ["one", "two"]
    assert not (paths.home() / "pages" / "pandoc" / "old.gz").exists()
    change = "__import__('pathlib').Path('numbers.csv').write_text('44')"
    edit(project / "one.qmd", "1 + 2", change)
    assert build() == ["one"]
    (project / "numbers.csv").write_text("43")
    assert build() == ["one"]  # a source changed while it ran, so nothing was cached


CHANGING = """
import sysconfig
from pathlib import Path
from report.engine import cache

def key():
    cache.installed.cache_clear()
    return cache.inputs(Path("project"), Path("project/_book"))

keys = [key()]
for name in ("pneumo/pages/style.py", "templates/fragments/cite.md.j2", "report/engine/pdf.py"):
    Path(name).write_text("changed")
    keys.append(key())
Path("packages/matplotlib-0.0.1.dist-info").mkdir(parents=True)
sysconfig.get_path = lambda name: "packages"
keys.append(key())
assert len(set(keys)) == len(keys) == 5
Path("project/one.qmd").write_text("# Other")  # the key does not include prose
assert key() == keys[-1]
"""


@pytest.mark.usefixtures("project")
def test_package_templates_and_what_is_installed_are_parts_of_a_key(run_in_copy):
    run_in_copy(CHANGING)


def test_an_edited_sentence_runs_no_cell_of_a_notebook(write, tmp_path):
    page = PAGE.format(name="one", path=str(tmp_path / "ran"), code="'open_record'")
    write_record(tmp_path / "site" / "record")
    for words in ("Words.", "Other words."):
        project = write(one=page.replace("Words.", words))
        notebooks.write(read_book(project), tmp_path / "site", Cache(tmp_path / "pages"))
        assert words in (tmp_path / "site" / "notebooks" / "one.ipynb").read_text()
    assert (tmp_path / "ran").read_text() == "one\n"


@pytest.mark.promise("pages", "found")
def test_a_page_that_fails_is_not_kept(project, tmp_path, capsys):
    edit(project / "one.qmd", "1 + 1", "1 / 0")
    options = [str(project), "--engine", "portable", "--no-study"]
    assert main(options) == main(options) == 1
    assert "ZeroDivisionError" in capsys.readouterr().err
    assert (tmp_path / "ran").read_text().split().count("one") == 2


def test_what_was_kept_is_what_was_run_to_the_byte(project, tmp_path):
    cache = Cache(tmp_path / "pages")
    first, second, third = (tmp_path / name for name in ("first", "second", "third"))
    site.render(project, first, cache)
    site.render(project, second, cache)
    site.render(project, third, Cache(tmp_path / "pages", fresh=True))
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
def environment(monkeypatch):
    """Restores environment variables that a build sets."""
    for name in ("PNEUMO_RECORD", "QUARTO_PROFILE"):
        monkeypatch.setenv(name, "")


OPTIONS = ("--engine", "portable", "--no-study", "--record", "record")


@pytest.mark.promise("pages", "found")
@pytest.mark.usefixtures("environment")
def test_a_record_reaches_the_cells_the_books_title_and_the_site_and_what_is_none_is_refused(
    project, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    other = "book: {title: Breasts, page-footer: {center: Ultrasound}}\n"
    (project / "_quarto-breastmnist.yml").write_text(other)
    results = "open(__import__('os').environ['PNEUMO_RECORD'] + '/results.json').read()"
    edit(project / "one.qmd", "1 + 1", results)
    record = write_record(tmp_path / "record", "breastmnist", auc=0.9).path
    assert main([str(project), *OPTIONS]) == 0, capsys.readouterr().err
    built = project / "_book"
    for shown in ("0.9", "– Breasts</title>", "Ultrasound"):
        assert shown in html(project, "one")
    for name in ("results.json", "predictions/one-s0.csv", "SHA256SUMS"):
        assert (built / "record" / name).read_bytes() == (record / name).read_bytes()
    for name in ("results.json", "predictions/one-s0.csv"):
        assert (built / name).read_bytes() == (record / name).read_bytes()
    write_record(record, auc=0.8)
    assert main([str(project), *OPTIONS]) == 0, capsys.readouterr().err
    for shown in ("0.8", "– Small</title>"):
        assert shown in html(project, "one")
    for name in ("results.json", "SHA256SUMS"):
        (write_record(tmp_path / f"no-{name}").path / name).unlink()
        assert main([str(project), *OPTIONS[:-1], f"no-{name}"]) == 1
        assert name in capsys.readouterr().err


@pytest.mark.parametrize(
    ("dataset", "title"), [("breastmnist", ""), ("pneumoniamnist", "breastmnist")]
)
def test_without_the_engine_no_page_opens_a_record_of_another_data_set_than_the_titles(
    dataset, title, tmp_path, monkeypatch
):
    monkeypatch.setenv("PNEUMO_RECORD", str(write_record(tmp_path / "record", dataset).path))
    monkeypatch.setenv("QUARTO_PROFILE", title)
    with pytest.raises(PneumoError, match=f"set QUARTO_PROFILE={dataset}"):
        open_record()
    monkeypatch.setenv("QUARTO_PROFILE", f"draft,{dataset}")
    assert open_record().data.dataset == dataset


DRAWING = """\
from pathlib import Path
drawn = Path("figures/fig-a-00000000-light.svg")
drawn.parent.mkdir(exist_ok=True)
drawn.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="90pt" height="45pt"/>')
print(f"![A box.]({drawn}){{#fig-a}}")
"""


def test_a_drawing_is_there_as_long_as_a_page_shows_it_and_no_longer(project, build):
    drawn, kept = project / "figures" / "fig-a-00000000-light.svg", project / "figures" / "mine.svg"
    before = (project / "one.qmd").read_text()
    (project / "one.qmd").write_text(f"{before}\n```{{python}}\n#| output: asis\n{DRAWING}```\n")
    build()
    (picture,) = BeautifulSoup(html(project, "one"), "lxml").select("#fig-a img")
    assert (project / "_book" / picture["src"]).is_file()
    kept.write_text("not drawn by a cell")
    assert build() == ["one", "two"]  # it is a file of the project
    drawn.unlink()
    edit(project / "two.qmd", "Words.", "Other words.")
    assert build() == ["one"]
    assert drawn.is_file()
    (project / "one.qmd").write_text(before)
    assert build() == ["one"]
    assert [path.name for path in (project / "figures").iterdir()] == ["mine.svg"]


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


def test_a_site_depends_on_every_file_that_its_pages_include():
    project = module.ROOT / "report"
    book = read_book(project)
    files = {path.resolve() for _, path in module._files(project, book.output, ())}
    for chapter in book.chapters:
        assert {path.resolve() for path in read_page(chapter, book.metadata).files} <= files
