"""Counts what becomes of the faults by which tests try to break a promise: a plugin of pytest.

A test names its promise and what should become of the fault: ``@pytest.mark.promise("data", "found")``. It
counts for one fault, or for as many as it gives the fixture ``faults`` or draws from ``storm``. What fails
was tried, and no more.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pneumo.record import promises

_NAMES = {promise.name for promise in promises.PROMISES}


class _Counter:
    """Adds up what the reports say, wherever the tests ran."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts = {name: Counter[str]() for name in _NAMES}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.skipped or not (report.when == "call" or report.failed):
            return
        for key, value in report.user_properties:
            if key == "promise":
                name, outcome, count = value
                self.counts[name]["tried"] += count
                if report.passed:
                    self.counts[name][outcome] += count

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if not hasattr(session.config, "workerinput"):
            self.path.write_text(promises.to_json(self.counts), encoding="utf-8")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--promises",
        type=Path,
        metavar="FILE",
        help="count faults by promise, and write them there",
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
def faults(request: pytest.FixtureRequest) -> Callable[[int], None]:
    """Says how many faults the test tries, where that is not one."""

    def tried(count: int) -> None:
        request.node.stash[_TRIED] = count

    return tried


@pytest.fixture
def storm(request: pytest.FixtureRequest) -> Callable[..., list[Any]]:
    """Gives the faults that a test tries, and counts them: with --promises all, elsewhere a few."""

    def drawn(cases: Iterable[Any], few: int = 4) -> list[Any]:
        chosen = list(cases)
        if not request.config.getoption("--promises"):
            chosen = chosen[:: -(-len(chosen) // few)]
        request.node.stash[_TRIED] = request.node.stash.get(_TRIED, 0) + len(chosen)
        return chosen

    return drawn


_TRIED = pytest.StashKey[int]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Hands the test's counts to its report, which travels to where they are added up."""
    try:
        return (yield)
    finally:
        for mark in item.iter_markers("promise"):
            name, outcome = mark.args
            item.user_properties.append(("promise", (name, outcome, item.stash.get(_TRIED, 1))))
