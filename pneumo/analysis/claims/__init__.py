"""Each claim of the report with the test that decides it, so that the words follow the numbers.

A claim says what would be true, by how much, against what, on how many seeds. It is supported where its
interval lies beyond the margin, refuted where it lies on the other side, and inconclusive otherwise. Both
cases and networks are a matter of chance (:mod:`pneumo.statistics.influence`). P-values of all claims are
corrected together.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from pneumo.analysis.claims import networks, performance, transport
from pneumo.record.answers import Claim
from pneumo.statistics.comparison import holm
from pneumo.study.study import Study

# None: the study does not allow it.
_TESTS: tuple[Callable[[Study], Claim | None], ...] = (
    performance.accuracy_misleads,
    partial(performance.pretraining_helps, name="resnet18-imagenet"),
    partial(performance.pretraining_helps, name="resnet18-tiny-imagenet"),
    performance.beats_baselines,
    performance.ensemble_beats_each,
    performance.rule_out_recall,
    performance.mistakes_are_shared,
    performance.kinds_differ,
    transport.specificity_is_kept,
    transport.test_is_shifted,
    transport.threshold_mends_shift,
    networks.uses_framing,
    networks.explains_fall,
    transport.external_holds,
    transport.pretraining_is_more_robust,
    performance.flip_is_safe,
    performance.held_out_foretells_test,
    networks.calibrated,
    networks.attends_to_lungs,
    networks.depends_on_weights,
)


def decide(study: Study) -> tuple[Claim, ...]:
    """Every claim that the study's models allow, with p-values corrected over all of them (Holm 1979)."""
    found = [claim for test in _TESTS if (claim := test(study))]
    tested = [claim.p for claim in found if claim.p is not None]
    corrected = iter(holm(tested))
    return tuple(
        claim if claim.p is None else replace(claim, p_adjusted=next(corrected)) for claim in found
    )
