"""Shared mistakes, with handmade predictions, so that every count is known."""

import numpy as np
import pytest
from scipy import stats

from pneumo.analysis import mistakes
from pneumo.study.study import Model
from pneumo.training.recipes import RECIPES

# Validation that sets Youden's threshold to one half.
VAL = ([0, 0, 1, 1], [0.1, 0.2, 0.8, 0.9])
LABELS = [0, 0, 0, 1, 1, 1]


@pytest.fixture
def study_of(made_study):
    """A study of models with one run for each list of test probabilities."""

    def make(*models, labels=LABELS):
        pairs = [[(VAL, (labels, test)) for test in tests] for tests in models]
        return made_study(dict(zip(RECIPES, pairs, strict=False)))

    return make


def test_cases_are_ordered_by_how_many_models_err_and_by_how_surely(study_of):
    first = [0.99, 0.1, 0.6, 0.9, 0.4, 0.1]
    second = [0.9, 0.2, 0.7, 0.1, 0.2, 0.2]
    third = [0.9, 0.2, 0.1, 0.4, 0.3, 0.25]
    two = study_of([first], [second])
    assert mistakes.errors(two).sum(axis=0).tolist() == [2, 0, 2, 1, 2, 2]
    assert mistakes.missed_by_all(two).tolist() == [0, 5, 4, 2]
    # Cases 3 and 2 are called by one and by two of three models; the spread orders the others.
    first = [0.9, *first[1:]]
    assert mistakes.divided(study_of([first], [second], [third])).tolist() == [3, 2, 4, 5, 1, 0]


def test_cases_are_grouped_by_label_and_call_the_surest_first(study_of):
    (model,) = study_of([[0.9, 0.6, 0.2, 0.7, 0.1, 0.4, 0.5]], labels=[1, 1, 1, 0, 0, 0, 1]).models
    found = {group: list(indices) for group, indices in mistakes.groups(model).items()}
    assert found == {
        "true positive": [0, 1, 6],
        "true negative": [4, 5],
        "false positive": [3],
        "false negative": [2],
    }


def test_the_expected_counts_follow_the_binomial_for_models_of_equal_skill(study_of):
    tests = [np.roll([0.9, 0.1, 0.1, 0.1], shift).tolist() for shift in range(3)]
    study = study_of(*([[*test, 0.9]] for test in tests), labels=[0, 0, 0, 0, 1])
    expected = mistakes.expected_by_chance(study, study.data.test.labels == 0)
    np.testing.assert_allclose(expected, 4 * stats.binom.pmf(range(4), 3, 0.25))
    # The one pneumonia case is never missed.
    assert mistakes.expected_missed_by_all(study) == pytest.approx(4 * 0.25**3)


def test_seeds_that_disagree_are_found_the_most_even_split_first(study_of):
    runs = [
        [0.1, 0.9, 0.1, 0.9, 0.9, 0.9],
        [0.1, 0.9, 0.1, 0.9, 0.9, 0.1],
        [0.1, 0.1, 0.1, 0.9, 0.9, 0.1],
        [0.1, 0.1, 0.9, 0.9, 0.9, 0.9],
    ]
    study = study_of(runs)
    (model,) = study.ran
    assert mistakes.contested([model]).tolist() == [1, 5, 2]
    assert mistakes.contested(study.ran).tolist() == [1, 5, 2]
    assert mistakes.votes(study.ran).tolist() == [0, 2, 1, 4, 4, 2]
    assert len(mistakes.contested([Model(model.recipe, model.runs[:1])])) == 0


def test_a_permutation_agrees_with_the_hypergeometric_for_two_models(study_of):
    labels = [0] * 20 + [1] * 20
    first = np.array([1] * 5 + [0] * 15 + [0] * 20, bool)
    second = np.array([1, 1, 1] + [0] * 12 + [1] * 5 + [0] * 20, bool)

    def probabilities(wrong):
        return np.where(wrong, 0.9 - 0.8 * np.array(labels), 0.1 + 0.8 * np.array(labels)).tolist()

    study = study_of([probabilities(first)], [probabilities(second)], labels=labels)
    exact = stats.hypergeom.sf(2, 20, 5, 8)
    assert mistakes.chance_of_sharing(study) == pytest.approx(exact, abs=0.02)
    alone = study_of([probabilities(first)], labels=labels)
    assert mistakes.chance_of_sharing(alone) == 1
