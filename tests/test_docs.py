"""What README, CONTRIBUTING and docs/ tell a reader to type runs; promises are counted, speed measured."""

import ast
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from itertools import groupby
from pathlib import Path

import pytest
from films import dicom
from PIL import Image

from benchmarks import speed
from benchmarks.__main__ import main as bench
from benchmarks.against import commits
from benchmarks.speed import Row
from pneumo import record as records
from pneumo.base import checksums
from pneumo.commands.main import COMMANDS, build_parser, main
from pneumo.pages.topics import FIGURES, robustness
from pneumo.record import promises
from pneumo.record.promises import PromisesError
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


SUITE = """
import pytest

@pytest.mark.promise("data", "found")
@pytest.mark.parametrize("n", range(3))
def test_three_scenarios(n):
    pass

@pytest.mark.promise("killed", "survived")
@pytest.mark.promise("pages", "found")
def test_several_faults_in_one_scenario(sample):
    assert len(sample(range(30), 3)) == 30

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


@pytest.fixture
def small(phantom, monkeypatch):
    """Few images and turns, so that a measurement takes a second; its value is meaningless."""
    monkeypatch.setattr(speed, "IMAGES", 48)
    monkeypatch.setattr(speed, "VALIDATION_IMAGES", 16)
    monkeypatch.setattr(speed, "TURNS", 1)
    monkeypatch.setenv("PNEUMO_DATA", "phantom")
    return speed._small(phantom)


def test_later_rows_join_the_file_and_take_the_place_of_their_own(tmp_path):
    path = tmp_path / "bench.json"
    speed.write([Row("a", "A", 1.0, "×", "≥ 2"), Row("b", "B", 3.0, "ms")], path)
    speed.write([Row("a", "A", 2.5, "×", "≥ 2"), Row("c", "C", 4.0, "min")], path)
    content = json.loads(path.read_text())
    told = [(row["id"], row["value"], row["ok"]) for row in content["rows"]]
    assert told == [("a", 2.5, True), ("b", 3.0, None), ("c", 4.0, None)]
    assert [Row("x", "X", value, "×", "≤ 1.5").ok for value in (1.5, 1.6)] == [True, False]


def test_the_command_measures_and_writes_and_knows_no_other_name(small, tmp_path, capsys):
    output = tmp_path / "bench.json"
    goal = next(one.goal for one in speed.measurements(small) if one.id == "prediction")
    status = bench(["--only", "prediction", "--output", str(output)])
    (row,) = json.loads(output.read_text())["rows"]
    assert (row["id"], row["goal"], row["ok"]) == ("prediction", goal, status == 0)
    assert bench(["--only", "warp", "--output", str(output)]) == 1
    assert "nothing is called 'warp'; there are: throughput" in capsys.readouterr().err


def test_a_commit_is_held_against_another_as_both_were_committed(tmp_path, git):
    git(tmp_path, "init")
    for number in (4, 1):
        (tmp_path / "number").write_text(str(number))
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-m", "a number")
    (tmp_path / "number").write_text("not committed")
    with commits("HEAD~1", tmp_path) as both:
        assert both.share(lambda folder: int((folder / "number").read_text())) == 1 / 4
    with pytest.raises(speed.BenchError, match="HEAD~9"), commits("HEAD~9", tmp_path):
        pass
