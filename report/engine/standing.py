"""Tells whether a site stands as it would be built: neither it nor what it is made from has changed."""

import argparse
import json
import os
import re
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from pneumo.base import paths
from report.engine.memory import Memory, key_of, stamps

_ROOT = Path(__file__).resolve().parents[2]
_STORE = ("studies", "runs", "probes")
# Of what a project holds, no site is made from this.
_LEFT = ("__pycache__", ".quarto", ".ipynb_checkpoints", "_freeze")
_TODAY = re.compile(r"\b(today|now|last-modified)\b")


def sources(chosen: argparse.Namespace, site: Path, engine: str, memory: Memory) -> str:
    """A key that changes with all that a site is made from: pages, templates, code, runs, data, environment.

    Args:
        chosen: the options of the build.
        site: the folder of what is built, which may lie in the project.
        engine: what renders, with its version.
        memory: knows what files hold.
    """
    files = {
        str(path): memory.digest(str(path))
        for path in sorted(set(_files(chosen)))
        if not path.is_relative_to(site)
    }
    variables = {name: value for name, value in os.environ.items() if name.startswith("PNEUMO_")}
    today = date.today() if _names_today(chosen.project) else ""
    store = {} if chosen.no_study else stamps([paths.home() / name for name in _STORE])
    data = {} if chosen.no_study else _data()
    options = {name: value for name, value in vars(chosen).items() if name != "fresh"}
    return key_of(memory.environment, engine, options, variables, today, files, store, data)


def stands(site: Path, key: str, memory: Memory) -> bool:
    """Whether the site was built from these sources, and neither it nor what its cells read is touched."""
    found = memory.get("sites", key_of(site))
    if found is None or not site.is_dir():
        return False
    known: dict[str, Any] = json.loads(found)
    if known["key"] != key or known["files"] != stamps([site]):
        return False
    return all(memory.holds(needs) for needs in known["needs"])


def keep(site: Path, key: str, memory: Memory) -> None:
    """Remember that the site is built from these sources, where all that its cells read can be followed."""
    if memory.needed is None:
        return
    content = {"key": key, "files": stamps([site]), "needs": memory.needed}
    memory.put("sites", key_of(site), json.dumps(content).encode())


def _files(chosen: argparse.Namespace) -> Iterator[Path]:
    """Every file of the project, its templates and its code."""
    yield from _below(chosen.project.resolve())
    yield from _below(chosen.templates.resolve())
    yield from _below(paths.templates())
    yield from (_ROOT / "pneumo").rglob("*.py")
    yield from (_ROOT / "report" / "engine").glob("*.py")
    yield from (
        path for name in (".zenodo.json", "pyproject.toml") if (path := _ROOT / name).is_file()
    )


def _below(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and not set(_LEFT) & set(path.relative_to(folder).parts):
            yield path


def _data() -> dict[str, list[int]]:
    """Size and time of the files of images that a study may be of."""
    named = [os.environ.get("PNEUMO_DATA"), str(Path.home() / ".medmnist")]
    for record in (paths.home() / "studies").glob("*.json"):
        try:
            named.append(json.loads(record.read_text(encoding="utf-8"))["data"]["location"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    found = {}
    for path in (Path(name).expanduser() for name in named if name):
        for file in path.glob("*.npz") if path.is_dir() else [path]:
            if file.is_file():
                found[str(file)] = [file.stat().st_size, file.stat().st_mtime_ns]
    return found


def _names_today(project: Path) -> bool:
    try:
        return bool(_TODAY.search((project / "_quarto.yml").read_text(encoding="utf-8")))
    except (OSError, ValueError):  # the engine will say what is wrong with it
        return False
