"""Bacterial and viral films apart: counts made by hand, a published interval, and every verdict."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from pneumo.analysis import origins
from pneumo.analysis.claims import performance
from pneumo.data.origins import Origins
from pneumo.record.summaries import PNEUMONIAS
from pneumo.study.study import RULES, threshold


@pytest.fixture
def study_of(made_study):
    """A study of one model on 40 normal films and films of both kinds, with a given number of misses."""

    def make(bacteria, virus, missed_bacteria, missed_virus, alone=True):
        labels = [0] * 40 + [1] * (bacteria + virus)
        scores = [0.1 + 0.001 * i for i in range(40)]
        for count, missed in ((bacteria, missed_bacteria), (virus, missed_virus)):
            scores += [0.2] * missed + [0.9] * (count - missed)
        val = ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
        study = made_study({"simple-cnn": [(val, (labels, scores))]})
        named = np.array(["normal"] * 40 + ["bacteria"] * bacteria + ["virus"] * virus)
        patients = np.arange(len(named)) // (1 if alone else 4)
        vars(study.data)["origins"] = {
            "val": Origins(np.array(["normal"] * 2 + ["virus"] * 2), np.arange(4), np.ones(4)),
            "test": Origins(named, patients, np.ones(len(named))),
        }
        return study

    return make


def claim_of(study):
    return performance.kinds_differ(study)


def test_each_kind_is_counted_as_by_hand(study):
    numbers = origins.kinds(study).tables["tbl-kinds"]
    test = study.data.origins["test"]
    for model in study.ran:
        for kind in PNEUMONIAS:
            against_normals = (test.kinds == kind) | (study.data.test.labels == 0)
            areas, shares = [], {rule.name: [] for rule in RULES}
            for run in model.runs:
                said = run.predictions["test"].probabilities
                own = study.data.test.labels[against_normals]
                areas.append(roc_auc_score(own, said[against_normals]))
                for rule in RULES:
                    shares[rule.name].append(
                        np.mean(said[test.kinds == kind] >= threshold(run, rule))
                    )
            own = numbers.where(model=model.name, kind=kind)
            assert own.where(rule="auc")["value"] == pytest.approx(np.mean(areas))
            for name, values in shares.items():
                assert own.where(rule=name)["value"] == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    ("made", "verdict", "said"),
    [
        ((200, 200, 0, 60), "supported", "More bacterial than viral"),
        ((200, 200, 60, 0), "supported", "More viral than bacterial"),
        ((400, 400, 4, 5), "refuted", ""),
        # Too few films decide nothing, and the words do not say that they are alike.
        ((20, 20, 1, 1), "inconclusive", "remains unclear"),
    ],
)
def test_kinds_differ_where_they_are_found_differently_beyond_the_margin(
    made, verdict, said, study_of
):
    claim = claim_of(study_of(*made))
    assert claim.verdict == verdict
    assert said in claim.finding


def test_several_films_of_a_patient_widen_the_interval(study_of):
    alone, together = (claim_of(study_of(200, 200, 0, 60, alone=alone)) for alone in (True, False))
    assert together.high - together.low > 1.2 * (alone.high - alone.low)


def test_where_kinds_are_unknown_nothing_is_said_of_them(study_of):
    study = study_of(20, 20, 1, 1)
    vars(study.data)["origins"] = None
    assert origins.kinds(study).answers == {"kinds": None}
    assert performance.kinds_differ(study) is None
