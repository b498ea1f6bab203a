"""What a site has beside its pages: the record that it was made from, and the commit that it was built at."""

import json
import shutil
import subprocess
from html import escape
from pathlib import Path

from pneumo.record import check
from report.engine.cache import DRAWINGS
from report.engine.plain import read_text

BUILD = "build.json"


def copy_record(record: Path, site: Path) -> None:
    """Put a record into a site: whole as ``record/``, and its results and predictions at the top.

    Raises:
        RecordError: a file of it is damaged, which a page that an earlier build has kept does not notice.
    """
    check(record)
    shutil.copytree(record, site / "record", dirs_exist_ok=True)
    shutil.copyfile(record / "results.json", site / "results.json")
    if (record / "predictions").is_dir():
        shutil.copytree(record / "predictions", site / "predictions", dirs_exist_ok=True)
    (site / ".nojekyll").touch()  # else GitHub Pages drops folders that begin with an underscore


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


def remove_stale(project: Path, site: Path) -> None:
    """Remove the drawings of cells that no page of a project's whole site shows."""
    for path in project.glob("*/*.svg"):
        name = path.relative_to(project).as_posix()
        if DRAWINGS.fullmatch(name) and not (site / name).is_file():
            path.unlink(missing_ok=True)
