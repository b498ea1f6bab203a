"""Text and files from outside are only text, and weights only numbers, whatever they contain."""

import io
import json
import pickle
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from records import printed
from rich.console import Console

from pneumo.analysis import writing
from pneumo.base import paths
from pneumo.base.errors import printable
from pneumo.commands import main as cli
from pneumo.commands import predict as command
from pneumo.commands.progress import Display
from pneumo.pages import fragments, showing
from pneumo.pages.topics import TABLES
from pneumo.record import Record
from pneumo.study import predict
from pneumo.training import models
from pneumo.training.recipes import RECIPES
from pneumo.training.weights import Weights, WeightsError

# A terminal control sequence, rich markup, HTML, Markdown, a newline, and an exotic line separator.
HOSTILE = (
    "\x1b[31m[red]x[/red]</script><img src=y onerror=z>**b** `c` | {.d}\r\nline\u2028\u202eend"
)
MARKUP = re.compile(r"<(script|img|svg|iframe|a)\b", re.IGNORECASE)

READING = re.compile(r"(?:torch|np)\.load\(.*")


@pytest.mark.promise("hostile", "survived")
def test_weights_and_arrays_are_read_without_what_could_run():
    """As `ruff` says of pickles, `eval`, YAML, templates and shells."""
    read = [
        call
        for folder in ("pneumo", "report")
        for path in (paths.root() / folder).rglob("*.py")
        for call in READING.findall(path.read_text(encoding="utf-8"))
    ]
    assert read
    safe = re.compile("weights_only=True|allow_pickle=False")
    assert [call for call in read if not safe.search(call)] == []


class Shell:
    """The call that unpickling it would run."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@pytest.mark.promise("hostile", "found")
@pytest.mark.parametrize("name", ["weights.pth", "weights.safetensors"])
def test_weights_that_would_run_something_are_refused(tmp_path, name):
    path, shell = tmp_path / name, Shell(tmp_path / "ran")
    for save in (
        lambda: torch.save({"conv1.weight": shell}, path),
        lambda: path.write_bytes(pickle.dumps(shell)),
    ):
        save()
        with pytest.raises(WeightsError, match="does not hold this network's weights"):
            models.build(RECIPES["resnet18-imagenet"], Weights("x", path, "0"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.promise("hostile", "found")
@pytest.mark.parametrize("option", ["--data", "--dataset"])
def test_what_is_given_on_the_command_line_is_told_without_its_steering(option, capsys):
    assert cli.main(["data", option, HOSTILE]) == 1
    (line,) = capsys.readouterr().err.split("\n")[:-1]
    assert line.isprintable()
    console = Console(file=io.StringIO(), force_terminal=True, width=1000)
    Display(console).say(HOSTILE)
    assert console.file.getvalue() == f"{printable(HOSTILE)}\n"


HOSTILE_NAMES = [
    "\x1b[31m.png",
    "[red]x.png",
    "a\nb.png",
    "\u202egnp.png",
    "<img src=x>.png",
    "\udcff.png",
]


@pytest.mark.promise("hostile", "survived")
@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_files_name_is_shown_as_it_is_and_steers_nothing(name, study, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.radial_gradient("L").save(tmp_path / "plain.png")
    (tmp_path / "plain.png").replace(tmp_path / name)
    found = predict.report(study, [name, f"gone-{name}"], "simple-cnn")
    shown = printed(command.show, found)
    assert all(sign.isprintable() or sign == "\n" for sign in shown)
    written = predict.to_json(found)
    assert written.isascii()
    as_text = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    assert json.loads(written)["images"][0]["file"] == as_text
    assert not name.startswith("[") or name in shown
    assert found["unreadable"][0]["error"].isprintable()


def spoilt(value: object) -> object:
    """The same value with hostile text in place of every word in it."""
    if isinstance(value, dict):
        return {name: spoilt(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [spoilt(inner) for inner in value]
    return HOSTILE if isinstance(value, str) else value


@pytest.fixture
def hostile(record):
    """The record, with hostile text in all facts about the origin of its runs."""
    results = json.loads(json.dumps(record.results))
    for run in results["provenance"]["runs"]:
        run |= {name: spoilt(run[name]) for name in ("git_commit", "versions", "hardware")}
    for model in results["models"].values():
        model |= {name: spoilt(model[name]) for name in ("reason", "pretrained")}
    return Record(record.path, results, record.sums)


@pytest.mark.promise("hostile", "survived")
def test_nothing_that_a_manifest_says_becomes_markup(hostile, sample):
    from report.engine import tree

    tables = ["tbl-runs", "tbl-comparison", "tbl-versions", "tbl-weights"]
    texts = [fragments.render(hostile, name) for name in ("models-not-run", "data-source")]
    texts += [showing.table_markdown(hostile, name) for name in tables if name in TABLES]
    assert any("onerror" in text for text in texts)  # as text
    for text in sample(texts, len(texts)):
        html = tree.write(tree.read(text), ["-t", "html5", "--mathml"], {})
        assert [tag for tag in MARKUP.findall(html) if tag.lower() != "a"] == []
        assert "<strong>b</strong>" not in html
        assert 'class="d' not in html


@pytest.mark.promise("hostile", "survived")
@pytest.mark.parametrize(
    ("told", "left"),
    [
        ("{home}/.cache/torch/x.pth is missing: install", "x.pth is missing: install"),
        ("no weights at {home}/my/x.pth: name a file", "no weights at x.pth: name a file"),
        ("C:\\Users\\jane\\x.pth is missing", "x.pth is missing"),
        ("see https://user:token@example.org/a/b.pth", "see https://example.org/a/b.pth"),
        ("of 3/4 and 1/2, report/engine/x.py, and/or", "of 3/4 and 1/2, report/engine/x.py, and/or"),
    ],
)  # fmt: skip
def test_what_is_published_names_files_without_their_folders(told, left):
    assert paths.without_folders(told.format(home=Path.home())) == left


@pytest.mark.promise("hostile", "survived")
def test_where_the_data_lie_is_nowhere_told(study, home, tmp_path):
    place = tmp_path / "secret-place" / "pneumoniamnist.npz"
    given = replace(study, data=replace(study.data, source="file", location=str(place)))
    written = writing.write(given, tmp_path / "record")
    for path in written.path.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert b"secret-place" not in content, path
            assert str(home).encode() not in content, path
