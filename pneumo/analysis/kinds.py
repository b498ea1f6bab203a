"""Bacterial and viral pneumonia apart: how many of each a model finds, and how it ranks them above normals.

The kinds are those of the published file names: how a film was filed, not what a laboratory found.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from pneumo.record import Estimate, Part, frame
from pneumo.record.kinds import PNEUMONIAS, Kinds
from pneumo.statistics import influence
from pneumo.statistics.clusters import difference
from pneumo.study import ensemble
from pneumo.study.cache import once
from pneumo.study.study import HALF, RULES, Study

# By model and kind, then by rule: AUC against normal films, and sensitivity, of all seeds.
Found = dict[str, dict[str, dict[str, dict[str, Estimate]]]]


def part(study: Study) -> Part:
    """The answer, and the numbers behind `fig-kinds` and `tbl-kinds`; nothing where no kinds are known."""
    if not (found := by_kind(study)):
        return Part({"kinds": None})
    assert study.data.origins
    test = study.data.origins["test"]
    images = {kind: int((test.kinds == kind).sum()) for kind in PNEUMONIAS}
    runs = [run.label for model in study.ran for run in model.runs]
    numbers = frame(list(_rows(found, images)), runs=runs)
    return Part(
        {
            "kinds": Kinds(
                images,
                {kind: len(np.unique(test.patients[test.kinds == kind])) for kind in PNEUMONIAS},
                {name: differences(found[name]) for name in found},
            )
        },
        figures={"fig-kinds": numbers},
        tables={"tbl-kinds": numbers},
    )


@once
def by_kind(study: Study) -> Found:
    """Each model's metrics on the normal films and those of one kind; empty where a kind is not known."""
    if study.data.origins is None:
        return {}
    kinds, groups = study.data.origins["test"].kinds, study.groups("test")
    if not all((kinds == kind).any() for kind in PNEUMONIAS):
        return {}
    labels, found = study.data.test.labels, Found()
    for model in ensemble.compared(study):
        scores, found[model.name] = model.probabilities(), {}
        for kind in PNEUMONIAS:
            own = (labels == 0) | (kinds == kind)
            found[model.name][kind] = {}
            for rule in RULES:
                chosen = model.thresholds(rule)
                values = influence.evaluate(labels[own], scores[:, own], chosen)
                found[model.name][kind][rule.name] = {
                    name: values[name].bounded(groups[own]) for name in ("auc", "recall")
                }
    return found


def differences(own: dict[str, dict[str, dict[str, Estimate]]]) -> dict[str, Estimate]:
    """A model's sensitivity for bacterial films less that for viral ones, by rule."""
    bacteria, virus = (own[kind] for kind in PNEUMONIAS)
    return {
        rule.name: difference(bacteria[rule.name]["recall"], virus[rule.name]["recall"])
        for rule in RULES
    }


def _rows(found: Found, images: dict[str, int]) -> Iterator[dict[str, Any]]:
    """A row an AUC, and a row a sensitivity at an operating point; `missed` is the mean over the seeds."""
    for name, own in found.items():
        for kind, rules in own.items():
            area = rules[HALF.name]["auc"]
            yield {"model": name, "kind": kind, "rule": "auc", **vars(area), "missed": None}
            for rule, metrics in rules.items():
                recall = metrics["recall"]
                missed = (1 - recall.value) * images[kind]
                yield {"model": name, "kind": kind, "rule": rule, **vars(recall), "missed": missed}
