"""Thumbnails against larger images: the larger record is found by its films, and differences are paired."""

import csv
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pneumo.analysis import sizes, writing
from pneumo.analysis.intervals import intervals
from pneumo.base import paths
from pneumo.data import Split
from pneumo.pages import fragments
from pneumo.pages.figures import FIGURES
from pneumo.pages.tables import TABLES
from pneumo.record import Record, files, finding
from pneumo.record.sizes import Sizes


@pytest.fixture
def make_larger(record, tmp_path, monkeypatch):
    """Writes where the record at 64 pixels is looked for: the study's own, with its logits changed."""
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path))

    def make(change=lambda logits, labels: logits, order=None) -> Record:
        contents = {name: record.read(name) for name in record.sums}
        results = json.loads(contents["results.json"])
        results["data"] |= {"size": 64, "source": "file"}
        contents["results.json"] = json.dumps(results).encode()
        head, *rows = csv.reader(io.StringIO(contents["labels.csv"].decode()))
        films = [row[3] for row in rows]
        if order:
            films = order(films)
        rows = [[*row[:3], "0" * 64, film] for row, film in zip(rows, films, strict=True)]
        contents["labels.csv"] = files.table_bytes([[*head, "film"], *rows])
        labels = record.test_labels()
        for name in contents:
            if name.startswith("predictions/"):
                seed = name.rpartition("-s")[2].removesuffix(".csv")
                model = name.removeprefix("predictions/").rpartition("-s")[0]
                said = record.probabilities(model, int(seed))
                logits = change(np.log(said / (1 - said)), labels)
                probabilities = 1 / (1 + np.exp(-logits))
                contents[name] = files.table_bytes(enumerate(map(float, probabilities)))
        folder = paths.record(record.profile.name, paths.label(record.data.dataset, 64))
        return files._replace(folder, contents)

    return make


def rows_of(part):
    return list(part.tables["tbl-size"].rows())


def test_without_a_larger_study_nothing_is_compared(real_study, tmp_path, monkeypatch):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path))
    assert sizes.part(real_study).answers == {"sizes": None}


def test_a_larger_study_of_the_same_films_is_found_and_another_is_not(real_study, make_larger):
    make_larger()
    assert sizes.part(real_study).answers["sizes"].size == 64
    make_larger(order=lambda films: films[::-1])
    assert sizes.part(real_study).answers == {"sizes": None}


def test_the_reference_at_64_pixels_lies_beside_that_of_thumbnails():
    label = paths.label("pneumoniamnist", 64)
    assert paths.reference(label) == paths.reference().with_name("reference-64")
    assert paths.reference("breastmnist-64").name == "reference-breastmnist-64"


def test_the_same_predictions_differ_by_nothing_and_have_no_interval_of_no_width(
    real_study, make_larger
):
    make_larger()
    for row in rows_of(sizes.part(real_study)):
        assert row["difference"] == pytest.approx(0, abs=1e-12)
        assert row["smaller"] == pytest.approx(row["larger"])
        if row["model"] == "ensemble":  # one score, so no seed is drawn for either
            assert np.isnan(row["low"])


def test_values_and_differences_are_those_of_the_predictions(real_study, make_larger):
    larger = make_larger(lambda logits, labels: logits + np.where(labels == 1, 0.4, -0.4))
    part = sizes.part(real_study)
    labels, answer = real_study.data.test.labels, part.answers["sizes"]
    for model in real_study.ran:
        (row,) = (r for r in rows_of(part) if r["model"] == model.name and r["metric"] == "auc")
        own = [roc_auc_score(labels, run.predictions["test"].logits) for run in model.runs]
        others = [
            roc_auc_score(labels, larger.probabilities(model.name, run.seed)) for run in model.runs
        ]
        assert row["smaller"] == pytest.approx(np.mean(own))
        assert row["larger"] == pytest.approx(np.mean(others))
        assert row["difference"] == pytest.approx(np.mean(others) - np.mean(own))
        assert row["low"] <= row["difference"] <= row["high"]
    assert answer.higher >= 1
    assert answer.lower == 0


def test_the_interval_is_paired_by_patient(real_study, make_larger):
    """Both sizes rise and fall with the patients drawn, so their difference varies less than either."""
    make_larger(lambda logits, labels: logits + np.where(labels == 1, 0.05, -0.05))
    part = sizes.part(real_study)
    own = (row for row in rows_of(part) if row["model"] == "ensemble")
    area = next(row for row in own if row["metric"] == "auc")
    alone = intervals(real_study)["ensemble"]["half"]["auc"]
    assert area["high"] - area["low"] < 0.5 * (alone.high - alone.low)


def test_labels_of_larger_images_name_the_thumbnails_of_their_films(phantom, study, tmp_path):
    splits = {
        name: Split(np.kron(split.images, np.ones((2, 2), np.uint8)), split.labels)
        for name, split in phantom.splits.items()
    }
    larger = replace(phantom, **splits, source="file", size=56)
    small = {name: split.images for name, split in phantom.splits.items()}
    vars(larger)["thumbnails"] = small
    head, *rows = writing._labels(replace(study, data=larger))
    assert head[-1] == "film"
    plain_head, *plain = writing._labels(study)
    assert "film" not in plain_head
    assert [row[-1] for row in rows] == [row[-1] for row in plain]


def test_the_page_shows_both_sizes_and_which_goals_were_met(real_study, make_larger, record):
    make_larger(lambda logits, labels: logits + np.where(labels == 1, 0.4, -0.4))
    written = writing.write(real_study, paths.record("tests"))
    assert finding.larger("tests", "pneumoniamnist", written.test_digests())
    answer = written.answer("sizes", Sizes)
    assert FIGURES["fig-size"](written).alt.count(" to ") >= answer.models
    assert len(TABLES["tbl-size"](written).rows) == answer.models * len(sizes.METRICS)
    goals = TABLES["tbl-goals"](written).rows
    assert {row[0] for row in goals} == {"28", "64"}
    for row in goals:
        assert row[-1] == ("yes" if float(row[4]) >= float(row[3].removeprefix("≥ ")) else "no")
    assert "64×64" in fragments.render(written, "size", sizes=answer)
    assert "no case is there twice" in fragments.render(record, "size", sizes=None)
    assert "--size 64" in fragments.render(written, "size", sizes=None)
