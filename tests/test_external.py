"""Labelled images from elsewhere: what is read, asked, kept, and said of them in a record."""

import csv
import io
import json

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.dataset import FileDataset, FileMetaDataset

from pneumo import record as records
from pneumo.analysis import writing
from pneumo.commands.main import main
from pneumo.data import labelled
from pneumo.data.descriptions import PNEUMONIA
from pneumo.data.labelled import LabelledError
from pneumo.record.external import External
from pneumo.statistics import metrics
from pneumo.study import study as study_module
from pneumo.study.study import YOUDEN

COUNT = 40  # images of the phantom's test split that stand for another hospital's


@pytest.fixture
def hospital(phantom, tmp_path):
    """A CSV with images beside it, two of a patient, one of them as DICOM."""
    folder = tmp_path / "Second Hospital"
    (folder / "images").mkdir(parents=True)
    lines = ["file,label,Patient,age,view,comment"]
    for number, (image, label) in enumerate(
        zip(phantom.test.images[:COUNT], phantom.test.labels, strict=False)
    ):
        name = f"{number}.{'dcm' if number == 0 else 'png'}"
        save(image, folder / "images" / name)
        view = "AP" if number % 3 else "PA"
        lines.append(f"{name},{PNEUMONIA.classes[label].upper()},p{number // 2},{number},{view},x")
    path = folder / "labels.csv"
    path.write_text("\ufeff" + "\r\n".join(lines) + "\r\n", encoding="utf-8")
    return path


def save(image, path):
    if path.suffix == ".png":
        Image.fromarray(image).save(path)
        return
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    film = FileDataset(path, {}, file_meta=meta, preamble=bytes(128))
    film.SOPClassUID, film.Modality = pydicom.uid.ComputedRadiographyImageStorage, "CR"
    film.SOPInstanceUID = pydicom.uid.generate_uid()
    film.PhotometricInterpretation, film.SamplesPerPixel = "MONOCHROME2", 1
    film.Rows, film.Columns = image.shape
    film.BitsAllocated = film.BitsStored = 8
    film.HighBit, film.PixelRepresentation = 7, 0
    film.PixelData = image.tobytes()
    film.save_as(path, enforce_file_format=True)


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
        ("1.png,,a,1", "no label; fill in the cell"),
        (",normal,a,1", "no file; fill in the cell"),
        ("1.png,normal,,1", "no patient; fill in the cell"),
        ("1.png", "no label; fill in the cell"),
        ("1.png,normal,a,old", "expected an age in years, found 'old'; leave unknown ones empty"),
        ("1.png,normal,a,414", "expected an age of 0 to 120 years, found 414"),
        ("1.png,normal,a,nan", "expected an age of 0 to 120 years, found nan"),
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
def test_what_is_no_set_is_refused_in_one_sentence(content, said, hospital):
    hospital.unlink() if content is None else hospital.write_bytes(content)
    with pytest.raises(LabelledError) as raised:
        labelled.read(hospital, 28, PNEUMONIA)
    assert said in str(raised.value)
    assert str(hospital) in str(raised.value)


@pytest.fixture
def asked(study, store, hospital, capsys):
    """Runs `pneumo external` on the tests' study, in a store of its own: exit status, output, errors."""

    def ask(*arguments):
        status = main(["external", str(hospital), *arguments])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return ask


def test_the_command_asks_every_run_and_the_record_says_what_it_prints(
    asked, study, store, hospital, phantom
):
    with hospital.open("a") as file:
        file.write("gone.png,normal,p1,1,AP,x\n")
    status, out, err = asked("--json", "--data", "phantom")
    assert status == 1
    assert f"{hospital}, line {COUNT + 2}: {hospital.parent / 'gone.png'}: expected an image" in err
    found = json.loads(out)["second-hospital"]
    record = records.read(store / "records" / study.profile.name)
    assert record.results["external"] == {"second-hospital": found}
    assert (found["images"], found["unreadable"], found["patients"]) == (COUNT, 1, COUNT // 2)
    names = [model.name for model in study.ran]
    assert list(found["models"]) == [*names, "ensemble"]
    labels = phantom.test.labels[:COUNT]
    for model in study.ran:
        said = [run.predictions["test"].probabilities[:COUNT] for run in model.runs]
        kept = [
            rows(record.read(f"external/second-hospital/{model.name}-s{run.seed}.csv"))
            for run in model.runs
        ]
        assert [float(row["probability"]) for row in kept[1]] == pytest.approx(said[1], abs=1e-6)
        assert [row["label"] == "pneumonia" for row in kept[0]] == (labels == 1).tolist()
        assert kept[0][0]["file"] == "0.dcm"
        own = found["models"][model.name]
        assert {"mean", "low", "high"} == set(own["auc"]) == set(own["sensitivity"])
        expected = np.mean([metrics.auc(labels, one) for one in said])
        assert own["auc"]["mean"] == pytest.approx(expected)
        rates = [
            metrics.confusion(labels, one, limit)
            for one, limit in zip(said, model.thresholds(YOUDEN), strict=True)
        ]
        assert own["sensitivity"]["mean"] == pytest.approx(np.mean([c.sensitivity for c in rates]))
        assert own["specificity"]["mean"] == pytest.approx(np.mean([c.specificity for c in rates]))
        assert own["change"]["value"] == pytest.approx(expected - own["here"]["mean"])
    facts = rows(record.read("external/second-hospital/labels.csv"))
    assert list(facts[0]) == ["file", "label", "patient", "age", "view"]
    assert [row["patient"] for row in facts[:3]] == ["0", "0", "1"]
    assert (
        record.answer("external", dict[str, External])["second-hospital"].ages.oldest == COUNT - 1
    )
    (claim,) = [one for one in record.claims.values() if one.id == "external-holds"]
    assert claim.verdict in ("supported", "refuted", "inconclusive")


def test_a_set_is_asked_about_once_and_stays_in_the_record(
    asked, study, store, hospital, monkeypatch
):
    for name in "ab":
        assert asked("--data", "phantom", "--name", name)[0] == 0
    before = {path.name: path.read_bytes() for path in (store / "external").iterdir()}

    def refuse(*_):
        raise AssertionError("the networks were asked again")

    monkeypatch.setattr("pneumo.study.questions.load_network", refuse)
    assert asked("--data", "phantom", "--name", "b")[0] == 0
    assert {path.name: path.read_bytes() for path in (store / "external").iterdir()} == before
    # A label that is put right asks for nothing new.
    text = hospital.read_text("utf-8")
    hospital.write_text(text.replace("1.png,NORMAL", "1.png,PNEUMONIA"), "utf-8")
    assert asked("--data", "phantom", "--name", "b")[0] == 0
    # A study that is written again keeps its sets.
    record = writing.write(study_module.load(study.profile.name, "phantom"))
    assert list(record.results["external"]) == ["a", "b"]
    # Other images are other questions.
    save(np.zeros((28, 28), np.uint8) + 200, hospital.parent / "images" / "1.png")
    with pytest.raises(AssertionError, match="asked again"):
        asked("--data", "phantom", "--name", "b")
