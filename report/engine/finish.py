"""What a site has beside its pages: the record that it was made from, and the commit that it was built at."""

import json
import os
import shutil
import subprocess
import sys
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory

from report.engine.cache import RECORD, Cache, inputs, key_of
from report.engine.errors import RenderError
from report.engine.plain import read_text

BUILD = "build.json"
_RESULTS = """\
import sys
from pathlib import Path
from pneumo.analysis import results
from pneumo.study import study
results.write(study.load(), Path(sys.argv[1]), "portable")
"""


def check_record(record: Path) -> None:
    """Refuse a folder that is no record.

    Raises:
        RenderError: it has no ``results.json`` or no ``SHA256SUMS``.
    """
    for name in ("results.json", "SHA256SUMS"):
        if not (record / name).is_file():
            raise RenderError(f"{record} is no record: it has no {name}")


def copy_record(record: Path, site: Path) -> None:
    """Put a record into a site: whole as ``record/``, and its results and predictions at the top."""
    shutil.copytree(record, site / "record", dirs_exist_ok=True)
    shutil.copyfile(record / "results.json", site / "results.json")
    if (record / "predictions").is_dir():
        shutil.copytree(record / "predictions", site / "predictions", dirs_exist_ok=True)
    (site / ".nojekyll").touch()  # else GitHub Pages drops folders that begin with an underscore


def results_of_study(project: Path, site: Path, cache: Cache) -> dict[str, bytes]:
    """``results.json`` and predictions of the finished study, by name, written in a process of its own.

    Raises:
        RenderError: they can't be written; with the last line that the process said.
    """
    start = inputs(project, site)
    kept = cache.get("results", key_of(start))
    if kept is not None:
        return {name: text.encode() for name, text in json.loads(kept).items()}
    with TemporaryDirectory(prefix="pneumo-results-") as scratch:
        command = [sys.executable, "-c", _RESULTS, scratch]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
        sys.stderr.write(done.stderr if not done.returncode else "")
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["nothing said"]
            raise RenderError(f"results.json can't be written: {said[-1]}")
        files = {
            path.relative_to(scratch).as_posix(): path.read_bytes()
            for path in sorted(Path(scratch).rglob("*"))
            if path.is_file()
        }
    if inputs(project, site) == start:
        texts = {name: content.decode() for name, content in files.items()}
        cache.put("results", key_of(start), json.dumps(texts).encode())
    return files


def commit(folder: Path) -> str:
    """The commit of the checkout that holds a folder, with "-dirty" where it has changes; "" for none."""
    try:
        head, changes = (
            subprocess.run(
                ["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=True
            ).stdout.strip()
            for arguments in (("rev-parse", "HEAD"), ("status", "--porcelain"))
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"{head}-dirty" if changes else head


def label(site: Path, built_at: str, engine: str) -> None:
    """Write down in a site, and in the head of each of its pages, the commit that it was built at."""
    text = json.dumps({"commit": built_at or None, "engine": engine}, indent=1)
    (site / BUILD).write_text(f"{text}\n", encoding="utf-8")
    tag = f'<meta name="source-commit" content="{escape(built_at)}">\n</head>'
    for path in site.glob("*.html") if built_at else ():
        page = read_text(path).replace("</head>", tag, 1)
        path.write_text(page, encoding="utf-8")


def record() -> Path | None:
    """The record that the environment names."""
    return Path(os.environ[RECORD]) if os.environ.get(RECORD) else None
