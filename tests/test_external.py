"""External labelled images: reading, prediction, caching, and results in a record."""

import csv
import io
import json
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from films import dicom, encoded
from trainings import link_store

from pneumo import record as records
from pneumo.analysis import external as analysis
from pneumo.base.errors import PneumoError
from pneumo.commands.main import main
from pneumo.data import labelled
from pneumo.data.descriptions import PNEUMONIA
from pneumo.pages import fragments
from pneumo.pages.topics import FIGURES, TABLES
from pneumo.statistics import metrics
from pneumo.study import external, leftovers
from pneumo.study import study as study_module
from pneumo.study.study import YOUDEN
from pneumo.training.runs import WEIGHTS

COUNT = 40  # images of the phantom's test split, used as another hospital's


def make_hospital(phantom, folder):
    """A CSV with images beside it, two per patient, one of them as DICOM."""
    (folder / "images").mkdir(parents=True)
    lines = ["file,label,Patient,age,view,comment"]
    for number, image in enumerate(phantom.test.images[:COUNT]):
        name = f"{number}.png" if number else "0.dcm"
        content = encoded(image) if number else dicom(image)
        (folder / "images" / name).write_bytes(content)
        label = PNEUMONIA.classes[phantom.test.labels[number]].upper()
        view = "AP" if number % 3 else "PA"
        lines.append(f"{name},{label},p{number // 2},{number},{view},x")
    path = folder / "labels.csv"
    path.write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    return path


@pytest.fixture
def hospital(phantom, tmp_path):
    """Images of another hospital."""
    return make_hospital(phantom, tmp_path / "Second Hospital")


def study_of(study):
    """The same study, loaded again from the store."""
    return study_module.load(study.profile.name, "phantom")


def rows(content):
    return list(csv.DictReader(io.StringIO(content.decode())))


def test_a_csv_is_read_as_the_set_was_made(hospital, phantom):
    found = labelled.read(hospital, 28, PNEUMONIA)
    assert (found.images == phantom.test.images[:COUNT]).all()
    assert (found.labels == phantom.test.labels[:COUNT]).all()
    assert list(found.known) == ["patient", "age", "view"]
    assert found.known["patient"][:3] == ("p0", "p0", "p1")
    assert found.faults == ()


def test_a_folder_a_class_is_a_set_too(hospital, phantom, tmp_path):
    for number, label in enumerate(phantom.test.labels[:COUNT]):
        (path,) = (hospital.parent / "images").glob(f"{number}.*")
        place = tmp_path / "made" / PNEUMONIA.classes[label].title()
        place.mkdir(parents=True, exist_ok=True)
        path.rename(place / path.name)
    (tmp_path / "made" / "Normal" / ".DS_Store").write_text("hidden")
    (tmp_path / "made" / "normal" / "notes.txt").parent.mkdir(exist_ok=True)
    (tmp_path / "made" / "normal" / "notes.txt").write_text("no image")
    (tmp_path / "made" / "README").write_text("in no class")
    found = labelled.read(tmp_path / "made", 28, PNEUMONIA)
    assert sorted(found.labels) == sorted(phantom.test.labels[:COUNT])
    assert found.known == {}
    (fault,) = found.faults
    assert fault.startswith(f"{tmp_path / 'made' / 'normal' / 'notes.txt'}: expected an image")


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("gone.png,normal,a,1", "expected an image or a DICOM file, found nothing of that name"),
        ("text.png,normal,a,1", "expected an image (PNG, JPEG, TIFF, …) or DICOM, found neither"),
        ("1.png,covid,a,1", "expected the label normal or pneumonia, found 'covid'"),
        ("1.png", "no label; fill in the cell"),
        (",normal,a,1", "no file; fill in the cell"),
        ("1.png,normal,a,old", "expected an age in years, found 'old'; leave unknown ones empty"),
        ("1.png,normal,a,414", "expected an age of 0 to 120 years, found 414"),
        ("2.png,normal,a,1", "the same file as"),
        (f"{'x' * 300}.png,normal,a,1", "File name too long"),
        ("a\0b.png,normal,a,1", "found nothing of that name"),
    ],
)
def test_a_bad_row_is_named_by_its_line_and_the_rest_is_read(row, said, hospital):
    good = [f"{number}.png,{label},a,{age}" for number, (label, age) in enumerate(
        [("pneumonia", ""), ("normal", 3), ("normal", 0), ("pneumonia", 70)], start=2)]  # fmt: skip
    hospital.write_text("\n".join(["file,label,patient,age", *good[:2], row, *good[2:]]))
    (hospital.parent / "text.png").write_text("no image")
    found = labelled.read(hospital, 28, PNEUMONIA)
    assert found.files == ("2.png", "3.png", "4.png", "5.png")
    (fault,) = found.faults
    assert fault.startswith(f"{hospital}, line 4: ")
    assert said in fault


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "one column `file` in its first line, found nothing"),
        (b"file;label\n1.png;normal\n", "found file;label; separate columns by commas"),
        (b"file,file,label\n", "one column `file`"),
        (b"file\n1.png\n", "one column `label`"),
        (b"file,label\n1.png,normal\n2.png,x\n", "found 1 of normal and 0 of pneumonia; the first fault: "),
        (b"\xff\xfe", "expected a CSV in UTF-8"),
        (None, "found none that can be read (No such file or directory)"),
    ],
)  # fmt: skip
def test_an_invalid_set_is_refused_in_one_sentence(content, said, hospital):
    hospital.unlink() if content is None else hospital.write_bytes(content)
    with pytest.raises(PneumoError) as raised:
        labelled.read(hospital, 28, PNEUMONIA)
    assert said in str(raised.value)
    assert str(hospital) in str(raised.value)


@pytest.fixture(scope="module")
def told(study, home, phantom, tmp_path_factory):
    """`pneumo external` on a CSV with one bad line: exit status, output, errors; and the record."""
    folder = tmp_path_factory.mktemp("told")
    link_store(home, folder / "home")
    path = make_hospital(phantom, folder / "Second Hospital")
    with path.open("a") as file:
        file.write("gone.png,normal,p1,1,AP,x\n")
    out, err, home = io.StringIO(), io.StringIO(), folder / "home"
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("PNEUMO_HOME", str(home))
        patch.setenv("PNEUMO_PROFILE", study.profile.name)
        status = main(["external", str(path), "--json", "--data", "phantom"])
    record, said = records.read(home / "records" / study.profile.name), (out, err)
    out, err = (one.getvalue() for one in said)
    return SimpleNamespace(status=status, out=out, err=err, path=path, record=record, home=home)


def test_the_command_prints_what_the_record_says(told, study):
    assert told.status == 1
    missing = told.path.parent / "gone.png"
    assert f"pneumo: {told.path}, line {COUNT + 2}: {missing}: expected an image" in told.err
    found = json.loads(told.out)["second-hospital"]
    assert told.record.results["external"] == {"second-hospital": found}
    assert (found["images"], found["unreadable"], found["patients"]) == (COUNT, 1, COUNT // 2)
    assert list(found["models"]) == [*(model.name for model in study.ran), "ensemble"]
    assert "external-holds" in told.record.claims
    assert not [path for path in leftovers.find(told.home) if path.parent.name == "external"]


def test_every_seed_is_asked_and_its_mean_reported(told, study, phantom):
    labels, record = phantom.test.labels[:COUNT], told.record
    found = record.results["external"]["second-hospital"]
    for model in study.ran:
        said = [run.predictions["test"].probabilities[:COUNT] for run in model.runs]
        for run, one in zip(model.runs, said, strict=True):
            kept = rows(record.read(f"external/second-hospital/{model.name}-s{run.seed}.csv"))
            assert [float(row["probability"]) for row in kept] == pytest.approx(one, abs=1e-6)
            assert [row["label"] == "pneumonia" for row in kept] == (labels == 1).tolist()
            assert kept[0]["file"] == "0.dcm"
        own = found["models"][model.name]
        assert {"mean", "low", "high"} == set(own["auc"]) == set(own["sensitivity"])
        expected = np.mean([metrics.auc(labels, one) for one in said])
        assert own["auc"]["mean"] == pytest.approx(expected)
        assert own["change"]["value"] == pytest.approx(expected - own["here"]["mean"])
        limits = model.thresholds(YOUDEN)
        shares = [(one[labels == 1] >= at).mean() for one, at in zip(said, limits, strict=True)]
        assert own["sensitivity"]["mean"] == pytest.approx(np.mean(shares))


def test_the_record_names_no_patient(told):
    facts = rows(told.record.read("external/second-hospital/labels.csv"))
    assert list(facts[0]) == ["file", "label", "patient", "age", "view"]
    assert [row["patient"] for row in facts[:3]] == ["0", "0", "1"]
    found = told.record.external["second-hospital"]
    assert (found.ages.youngest, found.ages.oldest, found.ages.children) == (0, COUNT - 1, 18)
    assert sum(found.views["AP"].values()) + sum(found.views["PA"].values()) == COUNT


def test_the_page_shows_what_was_found_and_without_images_how_to_ask(told, record):
    for shown, kind in ((FIGURES, "figures"), (TABLES, "tables")):
        anchors = [anchor for anchor in shown if "external" in anchor]
        assert anchors
        for anchor in anchors:
            assert shown[anchor](told.record).caption
            assert f"{kind}/{anchor}.csv" in told.record.sums
    sets = told.record.external
    for fragment in ("external", "external-thresholds", "external-shift", "external-limits"):
        assert "second-hospital" in fragments.render(told.record, fragment, sets=sets)
    assert record.results["external"] == {}
    assert "pneumo external FOLDER_OR_CSV" in fragments.render(record, "external", sets={})
    for fragment in ("external-thresholds", "external-shift"):
        assert not fragments.render(record, fragment, sets={}).strip()


def test_a_set_is_asked_about_once_and_stays_known(study, store, hospital):
    found, done = labelled.read(hospital, 28, PNEUMONIA), study_of(study)
    for name in "ab":
        external.ask(done, name, found)

    first = external.kept(done)
    assert list(first) == list(external.kept(study_of(study))) == ["a", "b"]
    for weights in (store / "runs").rglob(WEIGHTS):
        weights.unlink()
    again = external.ask(done, "b", replace(found, labels=1 - found.labels))
    assert (again.labels == 1 - first["b"].labels).all()
    assert all((again.logits[run] == said).all() for run, said in first["b"].logits.items())
    # Other images are another set, and other runs have none.
    with pytest.raises(PneumoError, match=WEIGHTS):
        external.ask(done, "b", replace(found, images=255 - found.images))
    assert external.kept(replace(done, models=done.models[1:])) == {}
    for name in ("", "a b", "../a", "a--b"):
        with pytest.raises(PneumoError, match="single hyphens, found"):
            external.ask(done, name, found)
    assert again.title == "b"
    titled = external.ask(done, "b", found, title="ChestX-ray14 (NIH)")
    assert titled.title == external.ask(done, "b", found).title == "ChestX-ray14 (NIH)"
    with pytest.raises(PneumoError, match="letters, digits"):
        external.ask(done, "b", found, title="<b>*")
    path = min((store / "external").iterdir())
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(PneumoError, match=f"{path.name} is damaged"):
        external.kept(done)


@pytest.mark.usefixtures("store")
def test_patients_with_many_images_widen_intervals(study, hospital):
    """Four copies of each image give the same intervals as one if they share a patient."""
    found = labelled.read(hospital, 28, PNEUMONIA)
    many = replace(
        found,
        images=np.repeat(found.images, 4, axis=0),
        labels=np.repeat(found.labels, 4),
        files=tuple(str(number) for number in range(4 * COUNT)),
    )
    widths = []
    for known in ({}, {"patient": tuple(str(number // 4) for number in range(4 * COUNT))}):
        external.ask(study_of(study), "made", replace(many, known=known))
        asked = analysis.asked(study_of(study))["made"].models["ensemble"]
        widths.append(asked.auc.high - asked.auc.low)
    assert widths[1] == pytest.approx(2 * widths[0], rel=0.1)


@pytest.mark.usefixtures("store")
def test_images_of_unknown_patients_count_as_one_patient_each(study, hospital):
    changes = []
    for known in (False, True):
        data, origins = replace(study.data), None
        if known:
            origins = {
                name: replace(one, patients=np.arange(len(one.patients)))
                for name, one in study.data.origins.items()
            }
        vars(data)["origins"] = origins
        done = replace(study_of(study), data=data)
        external.ask(done, "made", labelled.read(hospital, 28, PNEUMONIA))
        changes.append(analysis.asked(done)["made"].models["simple-cnn"].change)
    assert changes[0] == changes[1]


def test_thresholds_from_there_are_judged_on_other_patients():
    """Random scores look informative at a threshold chosen on themselves, and not when cross-fitted."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1], 60).astype(np.uint8)
    patients = np.arange(120) // 3
    flattered, honest = [], []
    for _ in range(40):
        scores = generator.random((1, 120))
        at = metrics.youden_threshold(labels, scores[0])
        for found, calls in (
            (flattered, scores >= at),
            (honest, analysis.locally(labels, scores, patients)),
        ):
            found.append(calls[0, labels == 1].mean() - calls[0, labels == 0].mean())
    assert np.mean(flattered) > 0.1
    assert abs(np.mean(honest)) < 0.05
