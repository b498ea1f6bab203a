"""Cache keys: a hash of named parts, which changes if any part changes.

Runs, cached results, predictions of trained networks and the code of workers are identified by such a key.
How numbers are computed is a version number that is raised by hand.
"""

import json
from typing import Any

from pneumo.base import checksums


def key(**parts: Any) -> str:
    """Return the first 12 hexadecimal digits of the SHA-256 of named parts.

    Args:
        parts: plain JSON values, in any order; keys of mappings are text.

    Raises:
        TypeError: a part is not a JSON value.
    """
    text = json.dumps(parts, sort_keys=True)
    return checksums.digest(text.encode())[:12]
