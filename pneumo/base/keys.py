"""One answer to "is this still good?": a key of named parts, which changes when any of them does.

Runs, cached results, answers of trained networks and workers' code are all told apart by such a key. What no
part can say, how numbers are computed, is a version that is raised by hand.
"""

import hashlib
import json
from typing import Any


def key(length: int = 12, **parts: Any) -> str:
    """The first hexadecimal digits of a SHA-256 of named parts.

    Args:
        length: how many digits, at most 64.
        parts: plain JSON values; their order does not matter, a mapping's keys are text.

    Raises:
        TypeError: a part is no JSON value.
    """
    text = json.dumps(parts, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:length]
