"""The reference trained anew: the same numbers agree, others do not, and a faithful rebuild is not blamed."""

import io
import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console
from scipy.special import expit

from pneumo.analysis import seeds, verification, writing
from pneumo.analysis.seeds import Scored
from pneumo.analysis.verification import ERROR, VerificationError
from pneumo.commands import verify as command
from pneumo.commands.main import main
from pneumo.data.descriptions import PNEUMONIA
from pneumo.record import Part, Record, RecordError, answers, write
from pneumo.record.files import table_bytes
from pneumo.study.study import HALF, YOUDEN, Model, Study, threshold
from pneumo.training import runs
from pneumo.training.recipes import ABLATIONS, RECIPES, Profile

CNN = RECIPES["simple-cnn"]
SEEDS = range(5)


@pytest.fixture(scope="module")
def real(study):
    """The tests' study, as if its data were not the phantom's."""
    return replace(study, data=replace(study.data, source="file"))


@pytest.fixture(scope="module")
def kept(real, tmp_path_factory):
    return writing.write(real, tmp_path_factory.mktemp("kept") / "reference")


@pytest.fixture
def file(phantom_file):
    return str(phantom_file)


def made(folder, labels, scored, keys=("0" * 12,), fingerprint="f") -> Record:
    """A record that holds what one recipe's runs say of the test images, and no more than is compared."""
    point = {"id": YOUDEN.name, "thresholds": [one.thresholds[YOUDEN.name] for one in scored]}
    own = [one.seed for one in scored]
    counts = dict.fromkeys(
        ("true_positive", "false_negative", "false_positive", "true_negative"), 1
    )
    point |= {"rule": "", "chosen_on": "val", "counts": counts, "test": {}, "promised": {}}
    missing = dict.fromkeys(("reason", "pretrained", "calibration", "robustness"))
    model = {"name": CNN.name, "status": "ok", "seeds": own, "operating_points": [point]}
    model |= {"parameters": 1, "test": {}, "test_at_half": {}, "threshold": {}} | missing
    model["threshold"] = {"value": 0.5, "chosen_on": "val", "rule": ""}
    facts = [answers.RunFacts(key, key, 0, None, {}, {}, 1.0) for key in keys]
    about = answers.Data("file", fingerprint, 28, {})
    profile = answers.Profile("tests", "", own, 0.01, 64, 24, CNN.name, CNN.name)
    part = Part(
        {
            "profile": "tests", "written": "2026-01-31", "study": profile, "about": PNEUMONIA,
            "data": about, "models": {CNN.name: model}, "claims": [],
            "provenance": answers.Provenance("0", facts),
        }
    )  # fmt: skip
    rows = [("test", place, label, "") for place, label in enumerate(labels)]
    contents = {"labels.csv": table_bytes([("split", "index", "label", "sha256"), *rows])} | {
        f"predictions/{CNN.name}-s{one.seed}.csv": table_bytes(enumerate(one.probabilities))
        for one in scored
    }
    return write(folder, [part, seeds.frames(np.asarray(labels), scored)], contents)


@pytest.fixture
def rebuilt(write_run, black, tmp_path):
    """Writes a reference of five seeds, and a study, whose test logits are drawn by functions of a seed."""
    labels = np.repeat([0, 1], [60, 90])

    def make(there, here, own=SEEDS):
        validation = (labels, expit(2 * labels - 1.0))

        def run(draw, seed):
            one = write_run(CNN, validation, (labels, expit(draw(seed, labels))), seed)
            one.manifest.update(hardware={}, data={"fingerprint": "f"})
            return one

        before = [run(there, seed) for seed in SEEDS]
        after = tuple(run(here, seed) for seed in own)
        scored = [
            Scored(
                CNN.name,
                one.seed,
                one.predictions["test"].probabilities,
                {rule.name: threshold(one, rule) for rule in (HALF, YOUDEN)},
            )
            for one in before
        ]
        found = made(tmp_path / "reference", labels, scored)
        profile = Profile("five", (CNN.name,), tuple(own))
        data = black((labels, labels), (labels, labels))
        return verification.compare(found, Study(profile, data, (Model(CNN, 1, after),)))

    return make


def drawn(start, sharpness=2.0):
    """Logits of a seed: signal and noise, the noise of the images in common."""

    def draw(seed, labels):
        images = np.random.default_rng(0).normal(size=len(labels))
        own = np.random.default_rng([start, seed]).normal(size=len(labels))
        return sharpness * (labels - 0.5) + images + 0.5 * own

    return draw


def named(found, metric):
    (one,) = [one for one in found.numbers if one.metric == metric]
    return one


def shown(found):
    console = Console(file=io.StringIO(), highlight=False, color_system=None, width=200)
    command.show(found, console)
    return console.file.getvalue()


def test_a_reference_holds_against_the_runs_that_it_was_made_of(kept, file, home, study):
    found = verification.verify(kept.path, source=file, home=home)
    assert found.holds
    assert len(found.runs) == sum(len(model.runs) for model in study.ran)
    for run in found.runs:
        assert (run.trained, run.same_code, run.other_calls) == (False, True, 0)
        assert run.furthest < 1e-5
        assert run.thresholds[0] == pytest.approx(run.thresholds[1])
    assert "--fresh trains every run" in shown(found)


def test_its_side_is_what_its_results_say(kept, real):
    part = replace(real, models=real.ran)
    for one in verification.compare(kept, part).numbers:
        if one.metric != verification.DISTANCE:
            mean = kept.models[one.model].test_at_half[one.metric].value
            assert one.reference == pytest.approx(mean, nan_ok=True)
        assert one.here == pytest.approx(one.reference, nan_ok=True)


@pytest.mark.slow
def test_a_run_that_is_trained_now_comes_as_near_as_this_machine_can(kept, file, home):
    before = {path.name for path in (home / "runs").iterdir()}
    found = verification.verify(kept.path, [CNN.name], [1], file, fresh=True, home=home)
    (run,) = found.runs
    assert (run.model, run.seed, run.trained, run.same_code) == (CNN.name, 1, True, True)
    assert run.furthest < 1e-5
    assert {path.name for path in (home / "runs").iterdir()} == before


def test_a_part_is_taken_in_the_references_order(kept):
    part = verification.part(kept, ["resnet18-scratch", "simple-cnn"], [1, 0])
    assert part.recipes == ("simple-cnn", "resnet18-scratch")
    assert part.seeds == (0, 1)
    assert (part.controls, part.ablations) == ((), ())
    assert part.recipe("simple-cnn").train_images == 64
    assert "ensemble" not in verification.part(kept).recipes


@pytest.mark.parametrize(
    ("only", "seeds", "said"),
    [
        (["nonsense"], [], "no recipe nonsense; it has: simple-cnn, "),
        (["ensemble"], [], "no recipe ensemble"),
        (["resnet18-imagenet"], [], "no recipe resnet18-imagenet"),
        ([], [0, 9], "no seed 9; it has: 0, 1"),
    ],
)
def test_what_the_reference_has_not_cannot_be_verified(only, seeds, said, kept):
    with pytest.raises(VerificationError, match=said):
        verification.part(kept, only, seeds)


def test_the_phantom_verifies_nothing(kept, home):
    with pytest.raises(VerificationError, match="here is only the phantom"):
        verification.verify(kept.path, source="phantom", home=home)


def test_other_data_verify_nothing(kept, file, home, tmp_path):
    with np.load(file) as arrays:
        turned = dict(arrays) | {"val_images": arrays["val_images"][:, ::-1]}
    np.savez(tmp_path / "pneumoniamnist.npz", **turned)
    with pytest.raises(VerificationError, match="other data than the reference") as raised:
        verification.verify(kept.path, source=str(tmp_path), home=home)
    assert kept.data.fingerprint in str(raised.value)


def test_without_a_reference_there_is_nothing_to_verify(tmp_path):
    with pytest.raises(VerificationError, match="nothing to verify"):
        verification.verify(tmp_path / "reference")


def test_new_seeds_of_the_same_training_hold_as_often_as_promised(rebuilt):
    held = [rebuilt(drawn(start), drawn(1000 + start)).holds for start in range(40)]
    assert np.mean(held) >= 1 - 2 * ERROR


def test_one_seed_is_held_against_the_spread_of_single_seeds(rebuilt):
    few = rebuilt(drawn(1), drawn(2), [3])
    many = rebuilt(drawn(1), drawn(2))
    assert few.holds
    for one, other in zip(few.numbers, many.numbers, strict=True):
        assert one.high - one.low > other.high - other.low
        assert one.finds > other.finds


def test_a_training_that_has_become_worse_is_found(rebuilt):
    found = rebuilt(drawn(1), drawn(2, sharpness=0.5))
    assert not found.holds
    assert "auc" in {one.metric for one in found.outside}
    line = next(line for line in shown(found).splitlines() if " auc " in line)
    assert line.rstrip().endswith("OUTSIDE")


def elsewhere(seed, labels):
    """As good on average, with other images hard: what another augmentation does."""
    logits = drawn(5)(seed, labels)
    for label in (0, 1):
        logits[labels == label] = logits[labels == label][::-1]
    return logits


def doubting(seed, labels):
    """The same ranking and calls, with less certainty, as smoothed labels teach."""
    return 0.4 * drawn(5)(seed, labels)


@pytest.mark.parametrize("changed", [elsewhere, doubting])
def test_a_changed_training_is_found_case_by_case_where_means_are_as_before(changed, rebuilt):
    found = rebuilt(drawn(1), changed)
    assert verification.DISTANCE in {one.metric for one in found.outside}
    assert named(found, "auc").agrees
    assert "× " in shown(found)


def test_the_change_that_is_said_to_be_found_is_found_that_often(rebuilt):
    """Accuracy of four in five of the rebuilds whose change is as large as it says."""
    generator, outside, turns = np.random.default_rng(0), 0, 300
    for _ in range(turns):
        before, after = generator.normal(size=(2, 5))
        change = seeds.detectable(before, 5, 0.95, 0.8)
        # Of the true spread, since the sample's is as often too small as too large.
        change *= 1 / np.std(before, ddof=1)
        low, high = seeds.expected(before, 5, 0.95)
        outside += not low <= (after + change).mean() <= high
    assert outside / turns == pytest.approx(0.8, abs=0.08)


def test_ablations_are_planted_changes(study, written_frames):
    rows = list(written_frames.rows())
    assert {row["change"] for row in rows} == {
        ABLATIONS[model.name].change for model in study.ablations if ABLATIONS[model.name].change
    }
    assert all(row["factor"] > 0 for row in rows)


@pytest.fixture(scope="module")
def written_frames(study):
    return verification.planted(study).tables["tbl-planted"]


def test_a_reference_of_one_seed_says_nothing(rebuilt, monkeypatch):
    monkeypatch.setitem(globals(), "SEEDS", range(1))
    found = rebuilt(drawn(1), drawn(2), [0])
    assert not found.holds
    assert not found.outside
    assert "too few seeds for prediction intervals" in shown(found)


def test_a_changed_recipe_is_told(kept, real):
    model = real.model(CNN.name)
    data = {"data": {"fingerprint": "f"}}
    other = tuple(replace(run, key="0" * 12, manifest=run.manifest | data) for run in model.runs)
    part = replace(real, models=(replace(model, runs=other),))
    found = verification.compare(kept, part)
    assert not any(run.same_code for run in found.runs)
    assert "2 of 2 runs differ from the reference in recipe" in shown(found)


def test_a_damaged_reference_verifies_nothing(kept, file, home, tmp_path):
    folder = tmp_path / "reference"
    shutil.copytree(kept.path, folder)
    (folder / "predictions" / f"{CNN.name}-s1.csv").write_text("0,0.5\n")
    with pytest.raises(RecordError, match=r"simple-cnn-s1\.csv is damaged"):
        verification.verify(folder, source=file, home=home)


def test_the_command_exits_as_the_numbers_say(kept, file, home, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("PNEUMO_HOME", str(home))
    words = [
        "verify",
        "--reference",
        str(kept.path),
        "--data",
        file,
        "--only",
        CNN.name,
        "--json",
    ]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    assert told["holds"]
    assert [run["seed"] for run in told["runs"]] == [0, 1]
    assert {one["model"] for one in told["numbers"]} == {CNN.name}
    assert main([*words[:3], "--data", "phantom"]) == 2
    error = capsys.readouterr().err
    assert error.startswith("pneumo: the reference record is of real data")
    assert error.count("\n") == 1


def test_the_command_exits_with_one_where_a_number_lies_outside(
    kept, file, home, monkeypatch, capsys, tmp_path
):
    # Five seeds that are right about every image: no network of the tests' is.
    labels = kept.test_labels()
    thresholds = {"half": 0.5, "youden": 0.5}
    scored = [Scored(CNN.name, seed, np.where(labels, 0.9, 0.1), thresholds) for seed in SEEDS]
    folder = made(tmp_path / "reference", labels, scored, fingerprint=kept.data.fingerprint).path
    monkeypatch.setenv("PNEUMO_HOME", str(home))
    words = ["verify", "--reference", str(folder), "--data", file, "--seeds", "0", "1"]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "OUTSIDE" in said
    assert "0 of 3 numbers lie" in said
    assert runs.load(next((home / "runs").glob(f"{CNN.name}-s0-*"))).seed == 0
