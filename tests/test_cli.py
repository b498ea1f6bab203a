"""The command line as a user types it."""

import os
import re
import subprocess
import sys

import pytest

from pneumo.commands.main import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A run store and a working folder of its own."""
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "store"))
    return tmp_path


def test_help_imports_neither_torch_nor_numpy():
    command = [sys.executable, "-X", "importtime", "-m", "pneumo", "--help"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert all(command in result.stdout for command in ("data", "train", "study", "predict"))
    imported = {line.rsplit("|", 1)[-1].strip() for line in result.stderr.splitlines()}
    assert "pneumo.commands.main" in imported
    heavy = {"torch", "numpy", "matplotlib", "sklearn", "PIL", "pydicom", "rich", "distributed"}
    assert not heavy & imported


def test_an_output_that_nobody_reads_on_ends_without_a_word(here):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pneumo", "data", "--data", "phantom"]
    environment = os.environ | {"PNEUMO_HOME": str(here / "store")}
    result = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, env=environment)
    os.close(writer)
    assert (result.returncode, result.stderr) == (141, b"")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["study", "--profile", "nonsense"], "no profile is called 'nonsense'; there are: smoke"),
        (["train", "nonsense"], "no recipe is called 'nonsense'; there are: simple-cnn"),
        (["train", "simple-cnn", "--device", "nonsense"], "no device 'nonsense' here"),
        (["study", "--only", "nonsense"], "has no recipe nonsense"),
        (["study", "--executor", "nonsense"], "there are: auto, serial, process:N"),
        (["predict", "a.png"], "no finished study of profile standard"),
        (["predict", "a.png", "--rule", "x"], "no rule is called 'x'; there are: half"),
        (["train", "resnet18-imagenet"], "host does not answer"),
        (["train", "resnet18-imagenet", "--weights", "gone.pth"], "no weights at gone.pth"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_done_is_said_in_one_line(command, said, here, capsys):
    assert main([*command, "--data", "phantom"]) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("pneumo: ")
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize(("arguments", "status"), [(["data"], 1), (["study", "--check"], 4)])
def test_a_command_says_what_is_not_installed(arguments, status, here):
    """As in an environment that only draws records."""
    code = (
        "import sys; sys.modules['scipy'] = None; from pneumo.commands.main import main; "
        f"sys.exit(main({[*arguments, '--data', 'phantom']!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert re.search("scipy.* is not installed", done.stdout + done.stderr)
    assert "Traceback" not in done.stderr
