"""The command line as a user types it."""

import os
import subprocess
import sys

import pytest

from pneumo.commands.main import main


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A run store and a working folder of its own."""
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "store"))
    return tmp_path


def pneumo(*arguments, python=(), **environment):
    """`python -m pneumo …` in a process of its own."""
    return subprocess.run(
        [sys.executable, *python, "-m", "pneumo", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env=os.environ | environment,
    )


def usage_error(*arguments):
    with pytest.raises(SystemExit) as raised:
        main(arguments)
    return raised.value.code


def test_help_imports_neither_torch_nor_numpy():
    result = pneumo("--help", python=("-X", "importtime"))
    assert result.returncode == 0
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
        (["train", "simple-cnn", "--profile", "nonsense"], "no profile is called 'nonsense'"),
        (["train", "simple-cnn", "--device", "nonsense"], "no device 'nonsense' here"),
        (["study", "--only", "nonsense"], "has no recipe nonsense"),
        (["study", "--executor", "nonsense"], "there are: auto, serial, process:N"),
        (["predict", "a.png"], "no finished study of profile standard"),
        (["predict", "a.png", "--profile", "nonsense"], "no profile is called 'nonsense'"),
        (
            ["predict", "a.png", "--rule", "nonsense"],
            "no rule is called 'nonsense'; there are: half",
        ),
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


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["nonsense"],
        ["train"],
        ["data", "--size", "many"],
        ["train", "simple-cnn", "--seed", "x"],
        ["study", "--nonsense"],
        ["predict"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_with_two(command, capsys):
    assert usage_error(*command) == 2
    assert "usage: pneumo" in capsys.readouterr().err


def test_a_training_can_be_shortened(here, capsys):
    command = ["train", "simple-cnn", "--data", "phantom", "--epochs", "1"]
    assert main(command) == 0
    first = capsys.readouterr()
    assert "epoch 1 kept" in first.out
    assert "epoch 1/1" in first.err
    assert main(command) == 0
    second = capsys.readouterr()
    assert second.out == first.out
    assert "epoch" not in second.err


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["data", "--data", "phantom"], 1, "scipy is not installed; this command needs the extra"),
        (["study", "--check", "--data", "phantom"], 4, "scipy is not installed"),
    ],
)
def test_a_command_says_what_is_not_installed(arguments, status, said, here):
    """As in an environment that only draws records."""
    code = (
        "import sys; sys.modules['scipy'] = None; from pneumo.commands.main import main; "
        f"sys.exit(main({arguments!r}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    assert said in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
