"""What claims have in common: an interval held against a margin, and how many seeds it rests on."""

from pneumo.record.answers import Verdict
from pneumo.study.study import Model


def beyond(low: float, high: float, margin: float = 0.0) -> Verdict:
    """An interval wholly above the margin, wholly below, or around it."""
    if low > margin:
        return "supported"
    return "refuted" if high < margin else "inconclusive"


def seeds(model: Model) -> str:
    """How many seeds a model has, in words."""
    return f"{len(model.runs)} {'seed' if len(model.runs) == 1 else 'seeds'}"
