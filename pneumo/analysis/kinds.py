"""Bacterial and viral pneumonia apart: how many of each a model finds, and how it ranks them above normals.

The kinds are those of the published file names: how a film was filed, not what a laboratory found.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pneumo.analysis.intervals import difference
from pneumo.record import Estimate, Part, frame
from pneumo.record.summaries import PNEUMONIAS, Kinds
from pneumo.statistics import influence
from pneumo.statistics.influence import Measured
from pneumo.study import ensemble
from pneumo.study.study import RULES, Model, Rule, Study, run_labels


def part(study: Study) -> Part:
    """The answer, and the numbers behind `fig-kinds` and `tbl-kinds`; nothing where no kinds are known."""
    if not known(study):
        return Part({"kinds": None})
    assert study.data.origins
    test = study.data.origins["test"]
    images = {kind: int((test.kinds == kind).sum()) for kind in PNEUMONIAS}
    numbers = frame(_rows(study, images), runs=run_labels(study.ran))
    return Part(
        {
            "kinds": Kinds(
                images,
                {kind: len(np.unique(test.patients[test.kinds == kind])) for kind in PNEUMONIAS},
                {model.name: differences(study, model) for model in ensemble.compared(study)},
            )
        },
        figures={"fig-kinds": numbers},
        tables={"tbl-kinds": numbers},
    )


def known(study: Study) -> bool:
    """Whether the test set has films of which each kind is known."""
    origins = study.data.origins
    return origins is not None and set(PNEUMONIAS) <= set(origins["test"].kinds.tolist())


def sensitivities(study: Study, model: Model, rule: Rule) -> tuple[Measured, Measured]:
    """A model's sensitivity for bacterial films, and that for viral ones."""
    assert study.data.origins  # asked only where kinds are known
    bacteria, virus = (
        influence.share(model.calls(rule), study.data.origins["test"].kinds == kind)
        for kind in PNEUMONIAS
    )
    return bacteria, virus


def differences(study: Study, model: Model) -> dict[str, Estimate]:
    """A model's sensitivity for bacterial films less that for viral ones, by rule."""
    groups = study.groups("test")
    shares = {rule.name: sensitivities(study, model, rule) for rule in RULES}
    return {
        rule: difference(bacteria - virus, groups) for rule, (bacteria, virus) in shares.items()
    }


def _rows(study: Study, images: dict[str, int]) -> Iterator[dict[str, Any]]:
    """A row an AUC against the normal films, and a row a sensitivity at an operating point, of all seeds.

    `missed` is the mean over the seeds.
    """
    assert study.data.origins
    truth, kinds = study.data.test.labels, study.data.origins["test"].kinds
    for model in ensemble.compared(study):
        for kind in PNEUMONIAS:
            own = (truth == 0) | (kinds == kind)
            groups = study.groups("test")[own]
            row = {"model": model.name, "kind": kind}
            area = influence.auc(truth[own], model.logits()[:, own]).bounded(groups)
            yield row | {"rule": "auc", **vars(area), "missed": None}
            for rule in RULES:
                called = model.calls(rule)[:, own]
                recall = influence.share(called, truth[own] == 1).bounded(groups)
                missed = (1 - recall.value) * images[kind]
                yield row | {"rule": rule.name, **vars(recall), "missed": missed}
