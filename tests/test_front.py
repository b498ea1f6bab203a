"""The front page: its finding, chosen by a verdict, and this build beside the reference."""

from dataclasses import replace

import pytest

from pneumo.base import paths
from pneumo.pages import fragments, references
from pneumo.record import read


@pytest.fixture(scope="module")
def kept():
    return read(paths.reference())


def decided(record, **verdicts):
    """A copy of the record with these verdicts, in another place, so that it is not the reference."""
    claims = [
        claim | {"verdict": verdicts.get(claim["id"].replace("-", "_"), claim["verdict"])}
        for claim in record.results["claims"]
    ]
    results = record.results | {"claims": claims}
    return replace(record, path=record.path.parent, results=results, sums={})


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("supported", "promised is kept there."),
        ("refuted", "promised is not kept there."),
        ("inconclusive", "; it remains unclear whether the specificity that validation promised"),
    ],
)
def test_the_finding_says_what_the_verdict_is(kept, verdict, told):
    record = decided(kept, validation_predicts_specificity=verdict)
    words = fragments.render(record, "finding")
    assert told in words
    assert words.count(".**") == 1
    assert f"{record.best.test_at_half['auc'].value:.2f}" in words


def test_a_build_that_finds_the_opposite_says_so_on_the_front_page(kept):
    before = kept.claims["accuracy-misleads"]
    assert before.verdict != "refuted"
    record = decided(kept, accuracy_misleads="refuted")
    changes = references.otherwise(record, kept)
    assert [change.name for change in changes] == ["accuracy-misleads"]
    words = fragments.render(record, "front", kept=kept, otherwise=changes)
    assert f"{before.text}* (refuted here, {before.verdict} there)" in words
