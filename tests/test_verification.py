"""Verification of the reference: equal numbers agree, others do not, and faithful rebuilds pass."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from records import changed, printed
from scipy.special import expit

from pneumo.analysis import seeds, verification
from pneumo.analysis.verification import ERROR, VerificationError
from pneumo.commands import verify as command
from pneumo.commands.main import main
from pneumo.data.descriptions import PNEUMONIA
from pneumo.record import Part, Record, RecordError, answers, write
from pneumo.record.files import table_bytes
from pneumo.statistics.metrics import Confusion
from pneumo.study.study import YOUDEN, Model
from pneumo.training import runs
from pneumo.training.recipes import ABLATIONS, RECIPES

CNN = RECIPES["simple-cnn"]
SEEDS = range(5)
LABELS = np.repeat([0, 1], [60, 90])


@pytest.fixture(scope="module")
def kept(record, tmp_path_factory):
    return changed(record, tmp_path_factory.mktemp("kept") / "reference", source="file")


@pytest.fixture
def file(phantom_file):
    return str(phantom_file)


def made(folder, model, fingerprint="f") -> Record:
    """A record with one model's test predictions and only what verification compares."""
    own, key = [run.seed for run in model.runs], "0" * 12
    point = {
        "id": YOUDEN.name, "rule": "", "chosen_on": "val", "test": {}, "promised": {},
        "thresholds": model.thresholds(YOUDEN),
        "counts": dict.fromkeys(Confusion.__dataclass_fields__, 1),
    }  # fmt: skip
    entry = {
        "name": CNN.name, "status": "ok", "seeds": own, "operating_points": [point],
        "parameters": 1, "test": {}, "test_at_half": {},
        "threshold": {"value": 0.5, "chosen_on": "val", "rule": ""},
        **dict.fromkeys(("reason", "pretrained", "calibration", "robustness")),
    }  # fmt: skip
    run = answers.RunFacts(key, key, 0, None, {}, {}, 1.0)
    part = Part(
        {
            "profile": "tests", "written": "2026-01-31", "about": PNEUMONIA,
            "study": answers.Profile("tests", "", own, 0.01, 64, 24, CNN.name, CNN.name),
            "data": answers.Data("file", fingerprint, 28, {}), "models": {CNN.name: entry},
            "claims": [], "provenance": answers.Provenance("0", [run]),
        }
    )  # fmt: skip
    truth = model.run.predictions["test"].labels
    rows = [("test", place, label, "") for place, label in enumerate(truth)]
    contents = {"labels.csv": table_bytes([("split", "index", "label", "sha256"), *rows])} | {
        f"predictions/{CNN.name}-s{seed}.csv": table_bytes(enumerate(probabilities))
        for seed, probabilities in zip(own, model.probabilities(), strict=True)
    }
    return write(folder, [part, seeds.frames([model])], contents)


@pytest.fixture
def rebuilt(made_study, tmp_path):
    """Writes a reference and a study, with test logits computed from a seed."""

    def make(there, here, own=SEEDS, before=SEEDS):
        def study(draw, chosen):
            validation = LABELS, expit(2.0 * LABELS - 1)
            cases = [(validation, (LABELS, expit(draw(seed)))) for seed in chosen]
            study = made_study({CNN.name: cases})
            runs = [replace(run, seed=seed) for run, seed in zip(study.runs, chosen, strict=True)]
            return replace(study, models=(Model(CNN, tuple(runs)),))

        (model,) = study(there, before).models
        return verification.compare(made(tmp_path / "reference", model), study(here, own))

    return make


def drawn(start, sharpness=2.0):
    """Logits of a seed: signal plus noise, part of which all seeds share."""

    def draw(seed):
        images = np.random.default_rng(0).normal(size=len(LABELS))
        own = np.random.default_rng([start, seed]).normal(size=len(LABELS))
        return sharpness * (LABELS - 0.5) + images + 0.5 * own

    return draw


def test_a_reference_holds_against_the_runs_that_it_was_made_of(kept, file, home, study):
    found = verification.verify(kept.path, source=file, home=home)
    assert found.holds
    assert len(found.runs) == sum(len(model.runs) for model in study.ran)
    for run in found.runs:
        assert (run.trained, run.same_code, run.other_calls) == (False, True, 0)
        assert run.furthest < 1e-5
        assert run.thresholds[0] == pytest.approx(run.thresholds[1])
    assert "--fresh trains every run" in printed(command.show, found)


@pytest.mark.slow
def test_a_run_that_is_trained_now_comes_as_near_as_this_machine_can(kept, file, home):
    before = {path.name for path in (home / "runs").iterdir()}
    found = verification.verify(kept.path, [CNN.name], [1], file, fresh=True, home=home)
    (run,) = found.runs
    assert (run.model, run.seed, run.trained, run.same_code) == (CNN.name, 1, True, True)
    assert run.furthest < 1e-5
    assert {path.name for path in (home / "runs").iterdir()} == before


@pytest.mark.parametrize(
    ("only", "seeds", "said"),
    [
        (["nonsense"], [], "no recipe nonsense; it has: simple-cnn, "),
        (["ensemble"], [], "no recipe ensemble"),
        (["resnet18-imagenet"], [], "no recipe resnet18-imagenet"),
        ([], [0, 9], "no seed 9; it has: 0, 1"),
    ],
)
def test_runs_that_the_reference_lacks_cannot_be_verified(only, seeds, said, kept):
    with pytest.raises(VerificationError, match=said):
        verification.part(kept, only, seeds)


def test_other_data_or_a_damaged_or_missing_reference_verify_nothing(kept, file, home, tmp_path):
    with pytest.raises(VerificationError, match="here is only the phantom"):
        verification.verify(kept.path, source="phantom", home=home)
    with np.load(file) as arrays:
        turned = dict(arrays) | {"val_images": arrays["val_images"][:, ::-1]}
    np.savez(tmp_path / "pneumoniamnist.npz", **turned)
    told = f"other data than the reference.*{kept.data.fingerprint}"
    with pytest.raises(VerificationError, match=told):
        verification.verify(kept.path, source=str(tmp_path), home=home)
    folder = tmp_path / "reference"
    with pytest.raises(VerificationError, match="nothing to verify"):
        verification.verify(folder)
    shutil.copytree(kept.path, folder)
    (folder / "predictions" / f"{CNN.name}-s1.csv").write_text("0,0.5\n")
    with pytest.raises(RecordError, match=r"simple-cnn-s1\.csv is damaged"):
        verification.verify(folder, source=file, home=home)


def test_new_seeds_of_the_same_training_hold_as_often_as_promised(rebuilt):
    held = [rebuilt(drawn(start), drawn(1000 + start)).holds for start in range(20)]
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
    line = next(line for line in printed(command.show, found).splitlines() if " auc " in line)
    assert line.rstrip().endswith("OUTSIDE")


def elsewhere(seed):
    """The same average skill with other images hard, as after another augmentation."""
    logits = drawn(5)(seed)
    for own in (LABELS == 0, LABELS == 1):
        logits[own] = logits[own][::-1]
    return logits


def doubting(seed):
    """The same ranking and calls with less confidence, as after label smoothing."""
    return 0.4 * drawn(5)(seed)


@pytest.mark.parametrize("changed", [elsewhere, doubting])
def test_a_changed_training_is_found_case_by_case_where_means_are_as_before(changed, rebuilt):
    found = rebuilt(drawn(1), changed)
    assert verification.DISTANCE in {one.metric for one in found.outside}
    assert "auc" not in {one.metric for one in found.outside}
    assert "× " in printed(command.show, found)


def test_the_change_that_is_said_to_be_found_is_found_that_often(rebuilt):
    """The stated detectable change of accuracy is found in four of five rebuilds."""
    generator, outside, turns = np.random.default_rng(0), 0, 300
    for _ in range(turns):
        before, after = generator.normal(size=(2, 5))
        change = seeds.detectable(before, 5, 0.95, 0.8)
        # Uses the true spread, since the sample's is as often too small as too large.
        change *= 1 / np.std(before, ddof=1)
        low, high = seeds.expected(before, 5, 0.95)
        outside += not low <= (after + change).mean() <= high
    assert outside / turns == pytest.approx(0.8, abs=0.08)


def test_ablations_are_planted_changes(study):
    rows = list(verification.planted(study).tables["tbl-planted"].rows())
    assert {row["change"] for row in rows} == {
        ABLATIONS[model.name].change for model in study.ablations if ABLATIONS[model.name].change
    }
    assert all(row["factor"] > 0 for row in rows)


def test_a_reference_of_one_seed_says_nothing(rebuilt):
    found = rebuilt(drawn(1), drawn(2), [0], before=[0])
    assert not found.holds
    assert not found.outside
    assert "too few seeds for prediction intervals" in printed(command.show, found)


def test_the_command_exits_as_the_numbers_say(
    kept, file, home, write_run, monkeypatch, capsys, tmp_path
):
    monkeypatch.setenv("PNEUMO_HOME", str(home))

    def verify(folder, data, *options):
        status = main(["verify", "--reference", str(folder), "--data", data, *options])
        return status, *capsys.readouterr()

    status, out, _ = verify(kept.path, file, "--only", CNN.name, "--json")
    told = json.loads(out, parse_constant=pytest.fail)
    assert (status, told["holds"]) == (0, True)
    assert [run["seed"] for run in told["runs"]] == [0, 1]
    assert {one["model"] for one in told["numbers"]} == {CNN.name}
    status, _, error = verify(kept.path, "phantom")
    assert status == 2
    assert error.startswith("pneumo: the reference record is of real data")
    assert error.count("\n") == 1
    # Five perfect seeds, which no network of the tests is.
    labels = kept.test_labels()
    perfect = labels, np.where(labels, 0.9, 0.1)
    model = Model(CNN, tuple(write_run(CNN, perfect, perfect, seed) for seed in SEEDS))
    other = made(tmp_path / "reference", model, kept.data.fingerprint)
    status, out, _ = verify(other.path, file, "--seeds", "0", "1")
    assert status == 1
    assert "OUTSIDE" in out
    assert "0 of 3 numbers lie" in out
    assert runs.load(next((home / "runs").glob(f"{CNN.name}-s0-*"))).seed == 0
