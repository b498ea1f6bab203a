"""All runs as one model: a mean of scaled logits, evaluated like any other model."""

from dataclasses import replace

import numpy as np
import pytest

from pneumo.statistics import metrics
from pneumo.study import ensemble
from pneumo.study.temperature import logits_of, temperature


@pytest.fixture(scope="module")
def together(study):
    return ensemble.combine(study)


def test_it_is_the_mean_of_every_runs_logits_over_its_temperature(study, together):
    members = [run for model in study.ran for run in model.runs]
    assert together.run.members == tuple(members)  # no control and no ablation
    assert ensemble.compared(study) == (*study.ran, together)
    for split in ("val", "test"):
        scaled = [run.predictions[split].logits / temperature(run) for run in members]
        found = together.run.predictions[split]
        np.testing.assert_allclose(found.logits, np.mean(scaled, axis=0))
        np.testing.assert_array_equal(found.labels, members[0].predictions[split].labels)


def test_one_run_alone_is_no_ensemble(study):
    model = replace(study.ran[0], runs=study.ran[0].runs[:1])
    alone = replace(study, models=(model,))
    assert ensemble.combine(alone) is None
    assert ensemble.compared(alone) == (model,)


def test_a_run_that_is_surer_than_it_is_right_speaks_no_louder(made_study):
    # The same ranking, ten times as sure: its temperature takes the surplus away.
    generator = np.random.default_rng(3)
    labels = np.arange(200) % 2
    logits = 1.5 * (2 * labels - 1) + 2 * generator.normal(size=200)
    cases = [(labels, metrics.probabilities(scale * logits)) for scale in (1.0, 3.0)]
    made = made_study({"simple-cnn": [(one, one) for one in cases]})
    calm, loud = (logits_of(run) for run in made.runs)
    np.testing.assert_allclose(calm, loud, rtol=1e-3)
    found = ensemble.combine(made).run.predictions["test"].logits
    np.testing.assert_allclose(found, calm, rtol=1e-3)
