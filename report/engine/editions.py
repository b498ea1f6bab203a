"""Publishes a built site in a folder that keeps every edition under `v/<version>/`.

`python -m report.engine.editions PUBLISHED` adds `_site` to the published folder, which is empty at first.
"""

import argparse
import json
import re
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pneumo.base import storage, streams
from pneumo.base.errors import PneumoError, printable
from pneumo.pages import beside
from pneumo.pages import difference as page
from pneumo.record import difference
from report.engine.errors import RenderError
from report.engine.plain import read_text

KEPT = "v"
_BANNER = re.compile(r'\n<aside class="edition".*?</aside>', re.DOTALL)
_CANONICAL = re.compile(r'<link rel="canonical" href="[^"]*">\n?')
# Works with any theme of the old pages.
_WORDS = """
<aside class="edition" aria-label="Edition" style="padding: 0.6rem 1rem; font: 1rem/1.4 sans-serif; \
color: #3d2a00; background: #ffe9b8; text-align: center">This is edition {version}. \
<a href="{newest}" style="color: #5a2f00">Read the newest, {latest}</a>.</aside>"""
_FORMS = '<p class="forms">'


def publish(site: Path, published: Path) -> list[str]:
    """Put a site at the top of a folder and under its version, and a banner on pages of older editions.

    An edition of the same version is replaced; others change only by their banner.

    Args:
        site: a built site.
        published: the folder of earlier calls; empty or missing at first.

    Returns:
        The versions, newest first.

    Raises:
        RenderError: there is no site, or the folder has other files than a published report.
    """
    if not (site / "results.json").is_file():
        raise RenderError(f"{site} has no site with a record; build one with `nox -s report`")
    kept = published / KEPT
    others = [path for path in published.glob("*") if path.name != ".git"]
    if others and not (published / "results.json").is_file():
        problem = "has files that are not a published report; choose another folder"
        raise RenderError(f"{published} {problem}")
    if others and not kept.is_dir():  # published before editions existed
        _copy(published, kept / _facts(published)["version"])
    for path in others:
        if path.name != KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    latest = _facts(site)["version"]
    shutil.rmtree(kept / latest, ignore_errors=True)
    _copy(site, kept / latest)
    _copy(site, published)
    folders = [path for path in kept.iterdir() if path.is_dir()]
    editions = sorted(map(_facts, folders), key=lambda one: _order(one["version"]), reverse=True)
    for edition, before in zip(editions, [*editions[1:], None], strict=True):
        edition["before"] = before["version"] if before else ""
        if before:
            _compare(kept, before["version"], edition["version"])
        _mark(kept / edition["version"], edition["version"], latest)
    text = beside.template("editions").render(editions=editions)
    storage.write(published / "editions.html", text.encode())
    for path in published.glob("*.html"):
        linked = f'{_FORMS}<a href="editions.html">All editions</a>. '
        path.write_text(read_text(path).replace(_FORMS, linked, 1), encoding="utf-8")
    return [str(edition["version"]) for edition in editions]


def _facts(site: Path) -> dict[str, Any]:
    """A site's version, date and commit."""
    results = json.loads(read_text(site / "results.json"))
    built = site / "build.json"
    commit = json.loads(read_text(built))["commit"] if built.is_file() else ""
    version = results["provenance"]["pneumo"]
    return {"version": version, "date": results["written"], "commit": (commit or "")[:12]}


def _order(version: str) -> list[int]:
    return [int(part) for part in re.findall(r"\d+", version)]


def _copy(site: Path, target: Path) -> None:
    ignore = shutil.ignore_patterns(KEPT, ".git")
    shutil.copytree(site, target, dirs_exist_ok=True, ignore=ignore)


def _compare(kept: Path, before: str, after: str) -> None:
    """Write the page of changes from one edition to the next."""
    found = difference.compare(difference.load(kept / before), difference.load(kept / after))
    page.write(found, kept / before, kept / after, kept / f"{before}-to-{after}.html")


def _mark(edition: Path, version: str, latest: str) -> None:
    """Add to each page of an older edition a banner and the canonical address of the newest."""
    top = edition.parents[1]
    for path in edition.glob("*.html"):
        text = _BANNER.sub("", read_text(path))
        newest = f"../../{path.name if (top / path.name).is_file() else 'index.html'}"
        if version != latest:
            words = _WORDS.format(version=version, newest=newest, latest=latest)
            body = re.search(r"<body[^>]*>", text)
            end = body.end() if body else 0
            text = f"{text[:end]}{words}{text[end:]}"
        # The same text is at two addresses; the shorter one is canonical.
        own = _CANONICAL.search(text)
        link = own[0] if own else f'<link rel="canonical" href="{newest}">\n'
        text = _CANONICAL.sub("", text).replace("</head>", f"{link}</head>", 1)
        path.write_text(text, encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Publish a site; the exit status is 0, or 1 if that fails."""
    streams.forgive()
    parser = argparse.ArgumentParser(prog="python -m report.engine.editions", description=__doc__)
    parser.add_argument("published", type=Path, help="the folder that is published")
    parser.add_argument("--site", type=Path, default=Path("_site"))
    chosen = parser.parse_args(arguments)
    try:
        versions = publish(chosen.site, chosen.published)
    except PneumoError as error:
        print(f"report.engine.editions: {error}", file=sys.stderr)
        return 1
    print(printable(f"{chosen.published} has the editions {', '.join(versions)}"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
