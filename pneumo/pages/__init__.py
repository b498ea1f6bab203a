"""A record becomes what a page shows: figures, tables, prose. No statistic is computed here."""

from pneumo.pages.fragments import phrase, say
from pneumo.pages.numbers import code, count, estimate, interval, number, percent, plural, signed
from pneumo.pages.showing import claim, figure, md, open_record, table

__all__ = [
    "claim",
    "code",
    "count",
    "estimate",
    "figure",
    "interval",
    "md",
    "number",
    "open_record",
    "percent",
    "phrase",
    "plural",
    "say",
    "signed",
    "table",
]
