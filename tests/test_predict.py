"""Commands as a user types them: predictions with their warnings, progress, and what can't be done."""

import io
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from records import printed
from rich.console import Console

from pneumo.base.errors import PneumoError
from pneumo.commands import predict as command
from pneumo.commands.main import main
from pneumo.commands.progress import Display
from pneumo.data import descriptions
from pneumo.study import operating_points, predict
from pneumo.study.predict import CAVEAT, PHANTOM
from pneumo.study.study import HALF, RULES
from pneumo.training.recipes import RECIPES
from pneumo.training.runs import WEIGHTS, Run


@pytest.fixture
def pictures(phantom, tmp_path):
    """Four test images of the phantom as files."""
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path, image in zip(paths, phantom.test.images, strict=False):
        Image.fromarray(image).save(path)
    return [str(path) for path in paths]


@pytest.fixture
def asked(study, home, monkeypatch, capsys):
    """Runs `pneumo predict` on the tests' study: exit status, output, errors."""
    monkeypatch.setenv("PNEUMO_HOME", str(home))
    monkeypatch.setenv("PNEUMO_PROFILE", "tests")

    def ask(*arguments):
        status = main(["predict", *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return ask


def strict(text):
    """Parse JSON and refuse NaN and infinity."""
    return json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_test_image_gets_what_its_runs_kept_and_the_first_ones_threshold(rule, study, pictures):
    model = study.model("simple-cnn")
    found = predict.report(study, pictures, "simple-cnn", rule)
    kept = np.array([run.predictions["test"].probabilities[:4] for run in model.runs])  # (S, 4)
    point, labels = found["operating_point"], study.data.test.labels
    for image, path, own in zip(found["images"], pictures, kept.T, strict=True):
        assert image["file"] == path
        assert image["probability"] == pytest.approx(own[0], abs=1e-6)
        assert image["over_seeds"]["low"] == pytest.approx(own.min(), abs=1e-6)
        assert image["over_seeds"]["high"] == pytest.approx(own.max(), abs=1e-6)
        assert (image["rule"], image["threshold"]) == (rule.name, point["threshold"])
        assert (image["call"] == "pneumonia") == (image["probability"] >= image["threshold"])
    assert point["threshold"] == model.thresholds(rule)[0]
    assert (point["prevalence"], point["images"]) == (labels.mean(), len(labels))
    for name, rate in operating_points.rates_of(study, model, rule).items():
        if name in predict.RATES:
            expected = [None if np.isnan(x) else x for x in (rate.value, rate.low, rate.high)]
            assert list(point[name].values()) == expected


def test_a_single_seed_has_no_range(study, pictures):
    model = study.model("simple-cnn")
    alone = replace(study, models=(replace(model, runs=model.runs[:1]),))
    found = predict.report(alone, pictures)
    assert [one["over_seeds"] for one in found["images"]] == [None] * 4
    assert found["model"]["seeds"] == [0]
    assert "seeds" not in printed(command.show, found)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nonsense", "no model is called 'nonsense'; there are: simple-cnn, resnet18-scratch"),
        ("simple-cnn-shuffled-labels", "no model is called 'simple-cnn-shuffled-labels'; there"),
        ("resnet18-imagenet", "resnet18-imagenet was not run: the ImageNet weights"),
    ],
)
def test_a_model_that_cannot_be_asked_is_refused(name, said, study):
    with pytest.raises(PneumoError, match=said):
        predict.find_model(study, name)


def test_rates_that_are_not_defined_are_null(study, pictures, made_study):
    run = study.model("simple-cnn").run
    made = made_study({"simple-cnn": [(([0, 1], [0.1, 0.9]), ([0, 1], [0.1, 0.2]))]})
    (nobody,) = made.runs
    shutil.copy(run.path / WEIGHTS, nobody.path)
    nobody.manifest["files"][WEIGHTS] = run.manifest["files"][WEIGHTS]
    found = strict(predict.to_json(predict.report(made, pictures, rule=HALF)))
    assert found["operating_point"]["ppv"] == {"value": None, "low": None, "high": None}
    assert found["operating_point"]["npv"]["value"] == 0.5
    assert "PPV          undefined" in printed(command.show, found)


def test_the_phantom_and_an_assumed_preparation_are_named_and_real_data_are_not_called_so(
    study, real_study, pictures
):
    found = predict.report(study, pictures)
    assert found["model"]["data"]["phantom"] is True
    assert predict.complaints(found) == [PHANTOM]
    real = predict.report(real_study, pictures)
    assert (real["warnings"], real["model"]["data"]["phantom"]) == ([], False)
    assert predict.complaints(real) == []
    assert real["caveat"] == CAVEAT
    breast = replace(study, data=replace(study.data, about=descriptions.BREAST))
    assumed = predict.report(breast, pictures)
    assert predict.ASSUMED in assumed["warnings"]
    assert predict.ASSUMED in predict.complaints(assumed)


def test_the_command_prints_strict_json(asked, study, pictures):
    status, out, err = asked("--json", "--model", "simple-cnn", "--rule", "half", *pictures)
    assert (status, err) == (0, f"pneumo: {PHANTOM}\n")
    assert out.isascii()
    found = strict(out)
    assert found == strict(predict.to_json(predict.report(study, pictures, "simple-cnn", HALF)))


def test_what_can_be_read_is_predicted_and_what_is_odd_is_told(asked, pictures, tmp_path):
    """On standard error, and in the JSON; what cannot be read at all makes the exit status 1."""
    (tmp_path / "text.png").write_text("no image")
    wide, *bad = (str(tmp_path / name) for name in ("wide.png", "gone.png", "text.png"))
    Image.fromarray(np.arange(6000, dtype=np.uint8).reshape(40, 150)).save(wide)
    warning = "an unusual shape: the centre crop keeps 27 % of it"
    files = bad[0], *pictures, wide, bad[1]
    status, out, err = asked(*files)
    assert status == 1
    assert all(path in out for path in [*pictures, wide])
    assert warning not in out
    told = err.splitlines()
    assert {f"pneumo: {wide}: {warning}", f"pneumo: {PHANTOM}"} <= set(told)
    assert len(told) == 4
    assert all(any(line.startswith(f"pneumo: {path}: ") for line in told) for path in bad)
    status, out, _ = asked("--json", *files)
    found = strict(out)
    assert (status, found["warnings"]) == (1, [PHANTOM])
    assert [one["file"] for one in found["images"]] == [*pictures, wide]
    assert found["images"][-1]["warnings"] == [warning]
    assert [one["file"] for one in found["unreadable"]] == bad


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


RECIPE = replace(RECIPES["resnet18-tiny-imagenet"], frozen_epochs=1, epochs=3)


def row(epoch):
    return {"epoch": epoch, "val_loss": 1 / epoch, "val_auc": 0.9, "seconds": 2.0}


def shown(terminal, drive, width=160):
    """What a display writes while `drive` uses it."""
    console = Console(file=io.StringIO(), force_terminal=terminal, width=width)
    with Display(console) as display:
        drive(display)
    return console.file.getvalue()


def two_epochs(display):
    listener = display.listener(RECIPE, 3, images=100)
    for epoch in (1, 2):
        for _ in range(4):
            listener.step(25)
        listener.epoch(row(epoch))


def test_each_epoch_is_one_line_with_rate_and_time_left_or_the_news_of_a_bar():
    lines = shown(False, two_epochs, width=20).splitlines()
    for line, epoch, loss in zip(lines, (1, 2), ("1.000", "0.500"), strict=True):
        start = f"resnet18-tiny-imagenet s3: epoch {epoch}/4, validation loss {loss}, AUC 0.900, "
        assert re.fullmatch(re.escape(start) + r"50 images/s, at most \d+ s left", line)
    written = shown(True, two_epochs)
    assert "epoch 2/4, validation loss 0.500" in written
    assert "all runs" not in written


def test_a_resumed_run_counts_the_epochs_of_before_but_not_their_time():
    def resume(display):
        listener = display.listener(RECIPE, 0, images=100)
        listener.step(0)
        listener.started -= 10  # as if this process had resumed the run ten seconds ago
        listener.epoch(row(3))
        assert display.tasks[0].remaining == 100

    assert "at most 10 s left" in shown(False, resume)


def test_several_runs_are_counted_as_they_finish():
    def two_of_three(display):
        listeners = [display.listener(RECIPE, seed, images=100) for seed in range(3)]
        display.finish(Run(Path(), RECIPE, 0, "key", {}))  # it existed already
        listeners[1].step(100)
        for epoch in range(1, 5):
            listeners[1].epoch(row(epoch))
        display.finish(Run(Path(), RECIPE, 1, "key", {}))
        listeners[2].step(50)

    assert "all runs" in shown(True, two_of_three)
    lines = shown(False, two_of_three).splitlines()
    told = "2 of 3 runs finished, about 1 min of training left"
    assert [line for line in lines if "epoch" not in line] == [told]
