"""Makes figures, tables and prose from a record. Computes no statistics."""

from pneumo.pages.numbers import (
    code,
    count,
    duration,
    estimate,
    interval,
    number,
    percent,
    plural,
    rate,
    signed,
    stretch,
)
from pneumo.pages.showing import claim, figure, md, open_record, phrase, say, table

__all__ = [
    "claim",
    "code",
    "count",
    "duration",
    "estimate",
    "figure",
    "interval",
    "md",
    "number",
    "open_record",
    "percent",
    "phrase",
    "plural",
    "rate",
    "say",
    "signed",
    "stretch",
    "table",
]
