"""Finding real Quarto, and leaving the rendering to it; a script plays its part."""

import json
import os
import subprocess
import sys

import pytest
from conftest import environment

from pneumo.base import paths
from report.engine import finish, quarto
from report.engine.__main__ import choose, main
from report.engine.errors import RenderError

SCRIPT = """\
#!{python}
import os, sys
from pathlib import Path
if sys.argv[1:] == ["--version"]:
    print("{version}")
    sys.exit({version_status})
assert sys.argv[1] == "render", sys.argv
assert "freeze:auto" in sys.argv, sys.argv
frozen = Path(sys.argv[2], "_freeze", "index")
print("frozen" if frozen.is_dir() else "run", file=open("ran.txt", "a"))
frozen.mkdir(exist_ok=True)
folder = Path(sys.argv[sys.argv.index("--output-dir") + 1])
(folder / f"{{sys.argv[sys.argv.index('--to') + 1]}}.txt").touch()
assert "--no-clean" in sys.argv, sys.argv
(folder / "index.html").write_text(f"rendered {{sys.argv[2]}} for {{os.environ['QUARTO_PYTHON']}}")
sys.exit({status})
"""


@pytest.fixture
def play(tmp_path, monkeypatch):
    """Puts a program called quarto on the path, of a version and with an exit status of one's choice."""

    def install(version="1.9.38", status=0, version_status=0):
        folder = tmp_path / "bin"
        folder.mkdir()
        text = SCRIPT.format(
            python=sys.executable, version=version, status=status, version_status=version_status
        )
        (folder / "quarto").write_text(text)
        (folder / "quarto").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
        return folder / "quarto"

    return install


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"version": "1.8.27"}, "is Quarto 1.8.27; 1.9 or newer is needed"),
        ({"version": "0.9.1"}, "is Quarto 0.9.1; 1.9 or newer is needed"),
        ({"version": "what?"}, "Quarto is not installed"),
        ({"version_status": 3}, "Quarto is not installed"),
    ],
)
def test_an_old_quarto_or_one_that_only_bears_the_name_is_not_chosen(play, answer, words, capsys):
    play(**answer)
    assert choose("auto") == "portable"
    assert "Quarto 1.9 or newer" in capsys.readouterr().err
    with pytest.raises(RenderError, match=words):
        quarto.find()


def test_asking_for_quarto_without_one_says_what_to_do(tmp_path, write, capsys, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    assert main([str(write()), "--no-study", "--engine", "quarto"]) == 1
    line = capsys.readouterr().err
    assert "Quarto is not installed: get version 1.9 or newer, or use --engine portable" in line
    assert "Traceback" not in line


def test_quarto_renders_into_a_new_folder_that_replaces_the_old(play, write, tmp_path, monkeypatch):
    assert (play("1.9.38"), (1, 9, 38)) == quarto.find()
    assert choose("auto") == "quarto"
    monkeypatch.chdir(tmp_path)
    project = write("  typst: default\n")
    old = tmp_path / "site"
    old.mkdir()
    (old / "stale.html").touch()
    assert main([str(project), "--no-study", "--engine", "quarto", "--output", str(old)]) == 0
    assert (old / "index.html").read_text() == f"rendered {project} for {sys.executable}"
    assert not (old / "stale.html").exists()
    assert sorted(path.stem for path in old.glob("*.txt")) == ["html", "typst"]


def test_what_quarto_keeps_is_used_until_something_changes_that_quarto_does_not_see(
    play, write, tmp_path, monkeypatch
):
    play()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "home"))
    project = write(_more="More.\n")
    (project / "numbers.csv").write_text("1")

    def build(*options):
        assert main([str(project), "--no-study", "--engine", "quarto", *options]) == 0
        return (tmp_path / "ran.txt").read_text().split()

    assert build() == ["run"]
    assert build() == ["run"]  # nothing changed: Quarto is not even started
    (project / "index.qmd").write_text("# Front {.unnumbered}\n\nWords.\n")
    assert build()[1:] == ["frozen"]
    (project / "numbers.csv").write_text("2")
    assert build()[2:] == ["run"]
    (project / "_more.qmd").write_text("Other.\n")
    assert build()[3:] == ["run"]
    assert build("--fresh")[4:] == ["run"]
    results = project / "_freeze" / "index" / "execute-results" / "html.json"
    results.parent.mkdir(parents=True)
    shown = "![](figures/fig-a-00000000-light.svg)"  # which is not there
    results.write_text(json.dumps({"result": {"markdown": shown}}))
    (project / "index.qmd").write_text("# Front {.unnumbered}\n\nOther words.\n")
    assert build()[5:] == ["run"]


def test_a_quarto_that_fails_leaves_the_old_site_whole(play, write, tmp_path, capsys, monkeypatch):
    play(status=4)
    old = tmp_path / "site"
    old.mkdir()
    (old / "index.html").write_text("old")
    monkeypatch.chdir(tmp_path)
    assert main([str(write()), "--no-study", "--engine", "quarto", "--output", str(old)]) == 1
    assert "quarto render ended with status 4" in capsys.readouterr().err
    assert [path.read_text() for path in old.iterdir()] == ["old"]


def test_a_finished_render_is_kept_where_what_lies_beside_its_pages_can_not_be_made(tmp_path):
    (tmp_path / "index.html").write_text("rendered")

    def after(*outputs):
        """What `after.py` says when Quarto has rendered these files."""
        of_quarto = {
            "RENDER_ALL": "1",
            "OUTPUT_DIR": str(tmp_path),
            "OUTPUT_FILES": "\n".join(outputs),
        }
        variables = {f"QUARTO_PROJECT_{name}": value for name, value in of_quarto.items()}
        return subprocess.run(
            [sys.executable, str(paths.root() / "report" / "after.py")],
            env=environment(**variables, PNEUMO_RECORD=str(tmp_path / "none")),
            capture_output=True,
            text=True,
            check=True,
        ).stderr

    said = after("index.html", "one.html")
    assert "after.py: the pages lack what lies beside them: RecordError: " in said
    assert said.count("\n") == 1
    assert after("report.pdf") == ""  # the pages have it from the call before
    assert (tmp_path / "index.html").read_text() == "rendered"


def test_a_preview_image_that_readers_can_follow_keeps_its_words_and_another_goes():
    tags = '<meta {0}:image" content="{1}b.png">\n<meta {0}:image:alt" content="A chest">\n'
    kept = tags.format('property="og', "https://example.org/")
    gone = tags.format('name="twitter', "figures/")
    assert (
        finish.without_relative_previews(f"<head>\n{gone}{kept}</head>") == f"<head>\n{kept}</head>"
    )
