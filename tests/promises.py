"""Counts the scenarios in which tests try to break a promise: a plugin of pytest.

A test names its promise and what should become of the fault: ``@pytest.mark.promise("data", "found")``. Each
case of it counts once, however many bytes it flips. A failed case counts only as tried.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pneumo.record import promises

_NAMES = {promise.name for promise in promises.PROMISES}


class _Counter:
    """Adds up the outcomes in test reports of all workers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts = {name: Counter[str]() for name in _NAMES}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped or not (report.when == "call" or report.failed):
            return
        for key, value in report.user_properties:
            if key == "promise":
                name, outcome = value
                self.counts[name]["tried"] += 1
                self.counts[name][outcome] += report.passed

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput"):
            self.path.write_text(promises.to_json(self.counts), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--promises",
        type=Path,
        metavar="FILE",
        help="count scenarios by promise, and write them there",
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "promise(name, outcome): tries to break a promise; outcome: survived or found"
    )
    path = config.getoption("--promises")
    if path and not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Counter(path.resolve()))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for mark in item.iter_markers("promise"):
            name, outcome = mark.args
            if name not in _NAMES or outcome not in promises.OUTCOMES:
                raise pytest.UsageError(f"{item.nodeid}: no promise {name!r} that is {outcome!r}")


@pytest.fixture
def sample(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """The faults that a test tries: all with `--promises all`, otherwise a few, spread evenly."""

    def drawn(cases: Iterable[Any], few: int = 4) -> list[Any]:
        chosen = list(cases)
        if not request.config.getoption("--promises"):
            chosen = chosen[:: -(-len(chosen) // few)]
        return chosen

    return drawn


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Copy a test's promises to its report, which reaches the main process."""
    try:
        return (yield)
    finally:
        for mark in item.iter_markers("promise"):
            item.user_properties.append(("promise", mark.args))
