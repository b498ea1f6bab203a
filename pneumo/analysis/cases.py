"""The test cases one by one: in which order they are shown, and what each model makes of them."""

from typing import Any

from pneumo.analysis import mistakes
from pneumo.record import Part, frame
from pneumo.record.cases import Cases
from pneumo.record.images import digest
from pneumo.study.study import Study


def part(study: Study) -> Part:
    """The answer, and the numbers behind `fig-divided`: all test cases, the most divisive ones first."""
    if not study.ran:
        return Part()
    order = mistakes.divided(study)
    test = study.data.test
    calls = {model.name: mistakes.calls(model.run) for model in study.ran}
    rows: list[dict[str, Any]] = [
        {
            "split": "test",
            "index": int(index),
            "label": int(test.labels[index]),
            "sha256": digest(test.images[index]),
            "model": model.name,
            "probability": float(model.run.predictions["test"].probabilities[index]),
            "called": int(calls[model.name][index]),
            "wrong": int(calls[model.name][index] != test.labels[index]),
        }
        for index in order
        for model in study.ran
    ]
    return Part(
        {"cases": Cases(len(study.ran), sum(row["wrong"] for row in rows[: len(study.ran)]))},
        figures={"fig-divided": frame(rows, runs=[model.run.label for model in study.ran])},
    )
