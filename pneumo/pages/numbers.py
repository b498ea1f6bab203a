"""Formats numbers for prose, tables and captions: digits, signs, dashes and units."""

import math
import re

from pneumo.record import Estimate
from pneumo.record.answers import Claim
from pneumo.record.usefulness import Stretch

DASH, MINUS = "–", "−"
_NEGATIVE = re.compile(r"(?<![\w.,–-])-(?=\d)")
_MARKUP = re.compile(r"""([\\`*_{}\[\]<>#|~^$@'"-])""")


def number(value: float | None, digits: int = 3) -> str:
    """A number with fixed decimals, without a sign if it rounds to zero; a dash if there is none."""
    if value is None or math.isnan(value):
        return DASH
    return f"{value:z.{digits}f}".replace("-", MINUS).replace("inf", "∞")


def signed(value: float, digits: int = 3) -> str:
    """A difference with its sign, without one if it rounds to zero; a dash if there is no number."""
    text = number(value, digits)
    return f"+{text}" if value > 0 and text.strip("0.") else text


def percent(share: float, digits: int = 1) -> str:
    """A share in [0, 1] as a percentage."""
    return f"{number(100 * share, digits)} %"


def rate(hits: float, cases: float) -> str:
    """A share of counted cases as a percentage, with as many digits as one case more or less would change.

    Only none and all of the cases are written as 0 % and 100 %.
    """
    if not cases or hits in (0, cases):
        return percent(hits / cases, 0) if cases else DASH
    return percent(hits / cases, max(0, math.ceil(math.log10(cases)) - 2))


def points(share: float, digits: int = 1) -> str:
    """A difference of shares in percentage points, with a sign only if it is negative."""
    return number(100 * share, digits)


def count(value: float) -> str:
    """A whole number with a comma every three digits; a dash if there is none."""
    return DASH if math.isnan(value) else f"{value:,.0f}"


def p_value(value: float | None) -> str:
    """A p-value as a table's cell; a dash if there is none."""
    if value is None or math.isnan(value):
        return DASH
    return "< 0.001" if value < 0.001 else number(value)


def p_equals(value: float) -> str:
    """A p-value in a sentence."""
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"


def duration(seconds: float) -> str:
    """Seconds as minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


def claim_text(claim: Claim, cite: str = "") -> str:
    """A claim's finding and evidence, then its original text with the verdict.

    Args:
        claim: of a record.
        cite: references for the evidence, in Markdown.
    """
    finding, evidence = prose(claim.finding or claim.text), prose(claim.evidence)
    cited = f"{evidence} {cite}".rstrip()
    return f"**{finding}** {cited}. Asked: *{claim.text}* {verdict(claim)}"


def verdict(claim: Claim) -> str:
    """A claim's verdict, marked for the style sheet."""
    return f"[{claim.verdict}]{{.verdict .verdict-{claim.verdict}}}"


def interval(found: Estimate, digits: int = 2, scale: float = 1.0, sign: bool = False) -> str:
    """An interval's ends, as ``0.95–0.98`` or, with signs, ``−0.021 to 0.004``.

    An end that is not exactly 0 or, for a share, 1 gets more digits rather than be written as 0 or 1. A dash
    if there are no ends, or if the number cannot vary.
    """
    if math.isnan(found.low) or math.isnan(found.high) or found.low == found.high:
        return DASH
    low, high = (_clear(end, digits, scale, sign) for end in (found.low, found.high))
    return f"{low} to {high}" if sign else f"{low}{DASH}{high}"


def estimate(
    found: Estimate, digits: int = 3, ends: int = 2, scale: float = 1.0, sign: bool = False
) -> str:
    """A number with its interval in brackets; only the number if it cannot vary, a dash if there is none."""
    if not found.known:
        return DASH
    value = _clear(found.value, digits, scale, sign)
    return value if found.low == found.high else f"{value} ({interval(found, ends, scale, sign)})"


def stacked(
    found: Estimate, digits: int = 3, ends: int = 2, scale: float = 1.0, sign: bool = False
) -> str:
    """As :func:`estimate`, for a table's cell: a page sets the interval below the number."""
    value, _, inside = estimate(found, digits, ends, scale, sign).partition(" ")
    return f"{value} [{inside}]{{.interval}}" if inside else value


def stretch(found: Stretch | None) -> str:
    """The thresholds at which a model beats treating all and none, as ``up to a threshold of 0.68``."""
    if found is None:
        return "at no threshold"
    if found.from_lowest and found.to_highest:
        return "at every threshold"
    if found.from_lowest:
        return f"up to a threshold of {number(found.high, 2)}"
    return f"at thresholds from {number(found.low, 2)} to {number(found.high, 2)}"


def prose(text: str) -> str:
    """Text from a record with minus signs before its numbers, where it has hyphens."""
    return _NEGATIVE.sub(MINUS, text)


def corruption(name: str) -> str:
    """A corruption's name in a sentence, by its key in a record."""
    return name.replace("gaussian", "Gaussian").replace("jpeg", "JPEG")


def plural(n: int, one: str, many: str | None = None) -> str:
    """A count with its noun: ``1 case``, ``2 cases``."""
    return f"{n:,} {one if n == 1 else many or one + 's'}"


def plain(text: object) -> str:
    """Text from outside, on one line, with Markdown's special characters escaped."""
    return _MARKUP.sub(r"\\\1", " ".join(str(text).split()))


def code(text: object) -> str:
    """Text from outside, on one line, as code; no character in it can end the code."""
    return f"`{' '.join(str(text).replace('`', '’').split()) or DASH}`"


def _clear(value: float, digits: int, scale: float, sign: bool) -> str:
    """A number with up to three extra digits, so that it reads as 0 or 1 only if it is exactly that."""
    value, more = round(value, 6), 0
    edges = (0.0,) if sign else (0.0, 1.0)
    while more < 3 and value not in edges:
        if round(scale * value, digits + more) not in {round(scale * edge, 9) for edge in edges}:
            break
        more += 1
    return (signed if sign else number)(scale * value, digits + more)
