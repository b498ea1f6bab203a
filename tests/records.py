"""Changed copies of a record, which are fast to make, and what a command prints."""

import io
import json
from contextlib import redirect_stdout

from pneumo.record import Part, files
from pneumo.record.frames import to_csv
from pneumo.record.plain import to_plain


def without(record, folder, parts, anchors):
    """A copy of a record that lacks parts of its results, and the numbers of figures and tables."""
    made = {name: record.read(name) for name in record.sums if not anchors.search(name)}
    results = json.loads(made[files.RESULTS])
    made[files.RESULTS] = json.dumps({k: v for k, v in results.items() if k not in parts}).encode()
    return files._replace(folder, made)


def changed(record, folder, part=None, contents=None, **data):
    """A copy of a record with changed facts about its data, and optionally one part and files replaced."""
    part = part or Part()
    made = {name: record.read(name) for name in record.sums} | (contents or {})
    results = json.loads(made[files.RESULTS]) | to_plain(part.answers)
    results["data"] |= data
    for kind, frames in (("figures", part.figures), ("tables", part.tables)):
        for anchor, numbers in frames.items():
            results[kind][anchor] = {"runs": list(numbers.runs)}
            made[f"{kind}/{anchor}.csv"] = to_csv(numbers).encode()
    made[files.RESULTS] = json.dumps(results).encode()
    return files._replace(folder, made)


def printed(show, found):
    """What a command's function prints of what it found."""
    with redirect_stdout(io.StringIO()) as out:
        show(found)
    return out.getvalue()
