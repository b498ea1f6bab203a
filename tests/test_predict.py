"""Predictions of a finished study's model for images from outside, and their warnings."""

import io
import json
import shutil
from contextlib import redirect_stdout
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from pneumo.base.errors import PneumoError
from pneumo.commands import predict as command
from pneumo.commands.main import main
from pneumo.data import descriptions
from pneumo.study import operating_points, predict
from pneumo.study.predict import CAVEAT, PHANTOM
from pneumo.study.study import HALF, RULES
from pneumo.training.runs import WEIGHTS


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
def test_a_test_image_gets_what_its_runs_have_kept_and_the_first_runs_threshold(
    rule, study, pictures
):
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
    assert "seeds" not in shown(found)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nonsense", "no model is called 'nonsense'; there are: simple-cnn, resnet18-scratch"),
        (
            "simple-cnn-shuffled-labels",
            "no model is called 'simple-cnn-shuffled-labels'; there are:",
        ),
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
    assert "PPV          undefined" in shown(found)


def shown(found):
    """What is printed of a report."""
    with redirect_stdout(io.StringIO()) as out:
        command.show(found)
    return out.getvalue()


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


def test_what_can_be_read_is_predicted_and_what_speaks_against_it_is_told(
    asked, pictures, tmp_path
):
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
