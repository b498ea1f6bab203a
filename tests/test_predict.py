"""A finished study's model asked of images from outside: what it says, what that is worth, what is not."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from pneumo.commands import predict as command
from pneumo.commands.main import main
from pneumo.data import descriptions
from pneumo.study import operating_points, predict
from pneumo.study.predict import CAVEAT, PHANTOM, PredictionError
from pneumo.study.study import HALF, RULES, SENSITIVITY_99
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
    """Parsed JSON that holds no NaN and no infinity."""

    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


def test_a_test_image_gets_the_probability_that_its_run_has_kept(study, pictures):
    model = study.model("simple-cnn")
    found = predict.report(study, pictures, "simple-cnn")["images"]
    kept = np.array([run.predictions["test"].probabilities[:4] for run in model.runs])  # (S, 4)
    assert [one["probability"] for one in found] == pytest.approx(kept[0], abs=1e-6)
    assert [one["over_seeds"]["low"] for one in found] == pytest.approx(kept.min(0), abs=1e-6)
    assert [one["over_seeds"]["high"] for one in found] == pytest.approx(kept.max(0), abs=1e-6)
    assert [one["file"] for one in found] == pictures


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_the_threshold_and_its_worth_are_the_first_runs(rule, study, pictures):
    model = study.model("simple-cnn")
    found = predict.report(study, pictures, "simple-cnn", rule)
    point, labels = found["operating_point"], study.data.test.labels
    assert point["rule"] == rule.name
    assert point["threshold"] == model.thresholds(rule)[0]
    assert point["prevalence"] == labels.mean()
    assert point["images"] == len(labels)
    for name, rate in operating_points.rates_of(study, model, rule).items():
        if name in predict.RATES:
            expected = [None if np.isnan(x) else x for x in (rate.value, rate.low, rate.high)]
            assert list(point[name].values()) == expected
    for image in found["images"]:
        assert (image["rule"], image["threshold"]) == (rule.name, point["threshold"])
        assert (image["call"] == "pneumonia") == (image["probability"] >= image["threshold"])


def test_seeds_that_call_as_the_first_does_are_counted():
    said = predict.over_seeds((0.6, 0.6, 0.2), (True, False, True))
    assert said == {"low": 0.2, "high": 0.6, "agreeing": 2}


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
        ("nonsense", "no model 'nonsense'; there are: simple-cnn, resnet18-scratch"),
        ("simple-cnn-shuffled-labels", "no model 'simple-cnn-shuffled-labels'; there are:"),
        ("resnet18-imagenet", "resnet18-imagenet was not run: the ImageNet weights"),
    ],
)
def test_a_model_that_cannot_be_asked_is_refused(name, said, study):
    with pytest.raises(PredictionError, match=said):
        predict.find_model(study, name)


def test_rates_that_are_not_defined_are_null(study, pictures, write_run, black):
    run = study.model("simple-cnn").run
    cases = ([0, 1], [0.1, 0.9]), ([0, 1], [0.1, 0.2])
    nobody = write_run(run.recipe, *cases)
    shutil.copy(run.path / WEIGHTS, nobody.path)
    nobody.manifest["files"][WEIGHTS] = run.manifest["files"][WEIGHTS]
    model = replace(study.model("simple-cnn"), runs=(nobody,))
    made = replace(study, models=(model,), data=black(*cases))
    found = strict(predict.to_json(predict.report(made, pictures, rule=HALF)))
    assert found["operating_point"]["ppv"] == {"value": None, "low": None, "high": None}
    assert found["operating_point"]["npv"]["value"] == 0.5
    assert "PPV          undefined" in shown(found)


def shown(found, **options):
    """What is printed of a report."""
    console = Console(file=io.StringIO(), highlight=False, color_system=None, **options)
    command.show(found, console)
    return console.file.getvalue()


def test_the_table_says_what_the_report_holds(study, pictures):
    found = predict.report(study, pictures, "simple-cnn", SENSITIVITY_99)
    text = shown(found)
    for image in found["images"]:
        (row,) = [
            line.split() for line in text.splitlines() if line.lstrip().startswith(image["file"])
        ]
        assert row[1:3] == [f"{image['probability']:.3f}", f"{image['threshold']:.3f}"]
        assert row[3] == image["call"]
        assert row[-3:] == [str(image["over_seeds"]["agreeing"]), "of", "2"]
    point = found["operating_point"]
    assert f"{100 * point['prevalence']:.1f} % with radiographic pneumonia" in text
    for name, title in command._RATES.items():
        value, low, high = point[name].values()
        assert f"  {title:<12} {value:.3f} ({low:.3f}–{high:.3f})\n" in text
    assert text.endswith(f"{CAVEAT}\n")


def test_a_narrow_terminal_shows_a_long_name_whole(study, pictures):
    found = predict.report(study, pictures[:1])
    found["images"][0]["file"] = "@" * 200
    text = shown(found, width=100, force_terminal=True)
    assert text.count("@") == 200
    table = text.split("Model:")[0]
    assert max(map(len, table.splitlines())) <= 100


def test_the_phantom_is_named_and_real_data_are_not_called_so(study, real_study, pictures):
    found = predict.report(study, pictures)
    assert found["model"]["data"]["phantom"] is True
    assert predict.complaints(found) == [PHANTOM]
    real = predict.report(real_study, pictures)
    assert (real["warnings"], real["model"]["data"]["phantom"]) == ([], False)
    assert predict.complaints(real) == []
    assert real["caveat"] == CAVEAT


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_what_speaks_against_an_image_goes_to_standard_error(options, asked, tmp_path):
    path = tmp_path / "wide.png"
    Image.fromarray(np.arange(6000, dtype=np.uint8).reshape(40, 150)).save(path)
    _, out, err = asked(*options, str(path))
    warning = "an unusual shape: the centre crop keeps 27 % of it"
    assert err.splitlines() == [f"pneumo: {path}: {warning}", f"pneumo: {PHANTOM}"]
    if options:
        found = strict(out)
        assert (found["images"][0]["warnings"], found["warnings"]) == ([warning], [PHANTOM])
    else:
        assert warning not in out


def test_how_other_sets_were_made_is_said_to_be_an_assumption(study, pictures):
    data = replace(study.data, about=descriptions.BREAST)
    found = predict.report(replace(study, data=data), pictures)
    assert predict.ASSUMED in found["warnings"]
    assert predict.ASSUMED in predict.complaints(found)


def test_the_command_prints_strict_json(asked, study, pictures):
    status, out, err = asked("--json", "--model", "simple-cnn", "--rule", "half", *pictures)
    assert (status, err) == (0, f"pneumo: {PHANTOM}\n")
    assert out.isascii()
    found = strict(out)
    assert found == strict(predict.to_json(predict.report(study, pictures, "simple-cnn", HALF)))


def test_what_can_be_read_is_predicted_and_what_cannot_is_told(asked, pictures, tmp_path):
    (tmp_path / "text.png").write_text("no image")
    bad = [str(tmp_path / "gone.png"), str(tmp_path / "text.png")]
    status, out, err = asked(bad[0], *pictures, bad[1])
    assert status == 1
    assert all(path in out for path in pictures)
    said = [line.split(": ")[:2] for line in err.splitlines()]
    assert said == [["pneumo", PHANTOM.split(": ")[0]], *(["pneumo", path] for path in bad)]
    status, out, _ = asked("--json", bad[0], *pictures, bad[1])
    found = strict(out)
    assert (status, len(found["images"])) == (1, 4)
    assert [one["file"] for one in found["unreadable"]] == bad
