"""What README, CONTRIBUTING and docs/ tell a reader to type: it is valid, and runs on the phantom."""

import ast
import re
import shlex
import shutil
import subprocess
import textwrap
from itertools import groupby
from pathlib import Path

import pytest
from films import dicom
from PIL import Image

from pneumo import record as records
from pneumo.commands.main import COMMANDS, build_parser, main
from pneumo.pages.topics import FIGURES, robustness
from pneumo.training import recipes

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
FOLDERS = ("pneumo", "report", "docs", "templates", "tests", "benchmarks", "findings", ".github")
EXTENDING = ROOT / "docs" / "extending.md"


def blocks(page, language):
    """The blocks of code of a page in a language, without their indentation."""
    found = re.findall(rf"^ *```{language}\n(.*?)^ *```$", page.read_text("utf-8"), re.S | re.M)
    return [textwrap.dedent(block) for block in found]


def spans(page):
    """The code in the sentences and tables of a page."""
    text = re.sub(r"^ *(```+).*?^ *\1$", "", page.read_text("utf-8"), flags=re.S | re.M)
    return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", text)


def commands():
    """Every command as words, from blocks of shell and from sentences; `…` marks what is left out."""
    for page in PAGES:
        lines = [line for block in blocks(page, "bash") for line in block.splitlines()]
        for line in lines + [span for span in spans(page) if " " in span and "…" not in span]:
            words = shlex.shlex(line, posix=True, punctuation_chars=True)
            words.whitespace_split = True
            try:
                for is_end, group in groupby(words, lambda word: set(word) <= set("&|;")):
                    if not is_end:
                        yield page.name, list(group)
            except ValueError:  # a sentence's code that is no shell
                continue


def typed(*programs):
    """The arguments of every command that begins with one of these programs, by page."""
    for page, words in commands():
        for program in programs:
            start = program.split()
            if words[: len(start)] == start:
                yield page, tuple(words[len(start) :])


PNEUMO = sorted(set(typed("pneumo", ".nox/report/bin/pneumo", "python -m pneumo")))
NOX = sorted(set(typed("python -m nox", "nox")))

# What is run here, and whether it needs no argument.
RUN = {"predict": False, "data": True, "clean": True, "diff": False}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_blocks_of_shell_are_valid(page):
    for block in blocks(page, "bash"):
        done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("page", "words"), PNEUMO, ids=str)
def test_pneumo_knows_the_command_and_its_options(page, words):
    if len(words) == 1 and words[0] in COMMANDS:  # in a sentence, only its name
        return
    build_parser().parse_args(words)


@pytest.mark.parametrize(("page", "words"), NOX, ids=str)
def test_nox_knows_the_session_and_its_options(page, words):
    tree = ast.parse((ROOT / "noxfile.py").read_text("utf-8"))
    functions = {one.name: one for one in tree.body if isinstance(one, ast.FunctionDef)}
    own = {one for call in ast.walk(functions["report_options"]) for one in strings(call)}
    before, behind = words, ()
    if "--" in words:
        place = words.index("--")
        before, behind = words[:place], words[place + 1 :]
    if "-s" not in before:
        assert set(before) <= {"-l"}
        return
    session = before[before.index("-s") + 1]
    assert functions[session].decorator_list
    if session in ("report", "preview"):
        options = {word.split("=")[0] for word in behind if word.startswith("--")}
        assert options <= own | {"--locked", "--help"}
    if session in ("study", "verify"):
        build_parser().parse_args([session, *(word for word in behind if word != "--locked")])


def strings(node):
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_files_that_are_named_exist(page):
    named = [span.rstrip("/") for span in spans(page) if re.fullmatch(r"[\w./-]+", span)]
    links = re.findall(r"\]\(([\w./-]+)\)", page.read_text("utf-8"))
    for name in named:
        if name.split("/")[0] in FOLDERS and "NAME" not in name:
            assert (ROOT / name).exists(), name
    for name in links:
        assert (page.parent / name).exists(), name


@pytest.fixture
def folder(phantom, record, store, tmp_path, monkeypatch):
    """A working folder with the files that the pages name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    for name in ("image.png", "radiograph.png"):
        Image.fromarray(phantom.test.images[0]).save(name)
    Path("other.dcm").write_bytes(dicom(phantom.test.images[1]))
    for name in ("report/reference", "old/_site/record", "_site/record"):
        shutil.copytree(record.path, name)
    return tmp_path


@pytest.mark.parametrize(
    "words",
    sorted({words for _, words in PNEUMO if words[0] in RUN and (len(words) > 1 or RUN[words[0]])}),
    ids=" ".join,
)
def test_commands_run_on_the_phantom(words, folder, capsys):
    assert main([word for word in words if word not in ("--profile", "paper", "smoke")]) == 0
    assert capsys.readouterr().out


def test_the_figure_of_the_walk_is_drawn_from_the_reference_record():
    names = dict(vars(robustness))
    exec(blocks(EXTENDING, "python")[0], names)
    (anchor,) = re.findall(r'figure\(record, "(fig-\w+)"\)', EXTENDING.read_text("utf-8"))
    assert anchor not in FIGURES, f"{anchor} is the walk's; give your figure another anchor"
    shown = names[anchor.replace("-", "_")](records.read(ROOT / "report" / "reference"))
    assert shown.alt
    assert shown.canvas.axes


def test_the_model_of_the_walk_is_trained(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path))
    monkeypatch.setattr(recipes, "RECIPES", dict(recipes.RECIPES))
    exec(blocks(EXTENDING, "python")[1], vars(recipes))
    (words,) = [words for page, words in PNEUMO if page == "extending.md" and words[0] == "train"]
    assert words[1] not in recipes.ABLATIONS
    assert main([*words, "--data", "phantom"]) == 0
    assert f"{words[1]}-s0" in capsys.readouterr().out
