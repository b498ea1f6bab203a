"""All runs as one model: a mean of scaled logits, evaluated like any other model."""

from dataclasses import replace

import numpy as np
import pytest

from pneumo.analysis import claims
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


def test_a_run_that_is_surer_than_it_is_right_speaks_no_louder(black, write_run, study):
    # The same ranking, ten times as sure: its temperature takes the surplus away.
    generator = np.random.default_rng(3)
    labels = np.arange(200) % 2
    logits = 1.5 * (2 * labels - 1) + 2 * generator.normal(size=200)
    cases = [(labels, metrics.probabilities(scale * logits)) for scale in (1.0, 3.0)]
    model = study.ran[0]
    runs = tuple(write_run(model.recipe, one, one, seed=i) for i, one in enumerate(cases))
    made = replace(study, models=(replace(model, runs=runs),))
    calm, loud = (logits_of(run) for run in runs)
    np.testing.assert_allclose(calm, loud, rtol=1e-3)
    found = ensemble.combine(made).run.predictions["test"].logits
    np.testing.assert_allclose(found, calm, rtol=1e-3)


def test_the_claim_holds_the_ensemble_against_every_model(study):
    claim = {claim.id: claim for claim in claims.decide(study)}["ensemble-beats-best"]
    assert f"of {sum(len(m.runs) for m in study.ran)} runs" in claim.evidence
    assert all(model.title in claim.evidence for model in study.ran)
