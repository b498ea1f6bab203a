"""What all tests share: a shut-off environment, the phantom, and one small finished study."""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings

# The same examples every time, and no deadline: a busy machine is no failure.
settings.register_profile("tests", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("tests")

# The tests' own profile. Its recipes are the real ones, shortened until they take seconds.
PROFILE = "tests"
RECIPES = ("simple-cnn", "resnet18-scratch", "resnet18-imagenet", "resnet18-tiny-imagenet")
CLOSED = "http://127.0.0.1:9"  # the discard port, where nobody listens


def pytest_configure(config: pytest.Config) -> None:
    if hasattr(
        config, "workerinput"
    ):  # under xdist workers share the cores; so do processes they start
        os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session", autouse=True)
def _shut_off(shared: Path) -> Iterator[None]:
    """No test sees its user's data, run store or caches, nor the network beyond loopback."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PNEUMO_")]:
            patch.delenv(name)
        patch.setenv("PNEUMO_HOME", str(shared / "nobody"))
        patch.setenv("TORCH_HOME", str(shared / "torch"))
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            patch.setenv(name, CLOSED)
            patch.setenv(name.upper(), CLOSED)
        for name in ("no_proxy", "NO_PROXY"):
            patch.setenv(name, "127.0.0.1,localhost")
        yield


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of this test run; under xdist all workers see the same one."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder
