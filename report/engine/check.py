"""Checks the pages of a built site, and whether it may be published.

`python -m report.engine.check _site` prints one line per problem and exits with 1 if there is any.
`--publish` also requires real data, claims, and a commit for everything that the site was made from.
"""

import argparse
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bs4 import BeautifulSoup, Tag

from pneumo.base import streams
from pneumo.base.errors import printable
from pneumo.record import RecordError, check, read
from report.engine.config import BUILD

# Signs of a template, a reference or a number that was not filled in.
_LEFT_BEHIND = re.compile(r"\{\{|\{%|\?@|```|(?<![a-z])nan(?![a-z])|\bTraceback\b")
# The most bytes that a page may have with its own files. Not counted are the template's files,
# which all pages share, the rendering of a figure that a reader does not see, and hidden files of a gallery.
HEAVIEST = 600_000
_SHARED = "site_libs/"
_UNSEEN = ".dark-content, [hidden], template"
# Links in the head that load nothing.
_NEIGHBOURS = {"prev", "next", "canonical", "alternate"}
# Attributes that name a file of the site or another page.
_ADDRESSES = (("a", "href"), ("link", "href"), ("script", "src"), ("img", "src"), ("source", "src"))


@dataclass(frozen=True)
class Page:
    """One of a site's pages."""

    name: str  # of its file
    soup: BeautifulSoup

    @property
    def main(self) -> Tag:
        """The content to read: its `main`, or the whole page."""
        return self.soup.find("main") or self.soup

    @property
    def text(self) -> str:
        """The words of :attr:`main`."""
        return self.main.get_text(" ")

    @property
    def ids(self) -> frozenset[str]:
        """The ids that links can lead to."""
        return frozenset(str(element["id"]) for element in self.soup.find_all(id=True))

    @property
    def files(self) -> frozenset[str]:
        """The page's own files that a reader loads with it, as named on the page."""
        named = (
            str(element[attribute])
            for tag, attribute in _ADDRESSES[1:]
            for element in self.soup.find_all(tag, attrs={attribute: True})
            if not any(element in part.descendants for part in self.soup.select(_UNSEEN))
            if not _NEIGHBOURS.intersection(element.get_attribute_list("rel"))
        )
        return frozenset(
            name for name in named if not urlsplit(name).scheme and not name.startswith(_SHARED)
        )


def read_pages(site: Path) -> dict[str, Page]:
    """A site's pages by file name, in alphabetical order."""
    return {
        path.name: Page(path.name, BeautifulSoup(path.read_text(encoding="utf-8"), "lxml"))
        for path in sorted(site.glob("*.html"))
    }


def problems(site: Path) -> Iterator[str]:
    """Problems of a site's pages, one line each.

    Args:
        site: its folder; pages lie at its top.
    """
    pages = read_pages(site)
    if "index.html" not in pages:
        yield "index.html is missing"
    ids = {name: page.ids for name, page in pages.items()}
    for page in pages.values():
        for sign in sorted(set(_LEFT_BEHIND.findall(page.text))):
            yield f"{page.name} shows {sign!r}"
        yield from _form(page)
        heavy = weight(page, site)
        if heavy > HEAVIEST:
            yield f"{page.name} weighs {heavy:,} bytes with its pictures, more than {HEAVIEST:,}"
        for tag, attribute in _ADDRESSES:
            for element in page.soup.find_all(tag, attrs={attribute: True}):
                address = str(element[attribute])
                problem = _problem(address, page.name, site, ids)
                own = tag == "a" or _NEIGHBOURS.intersection(element.get_attribute_list("rel"))
                if urlsplit(address).netloc and not own:
                    problem = "which is on another host"
                if problem:
                    what = "links to" if tag == "a" else "asks for"
                    yield f"{page.name} {what} {address}, {problem}"


def unpublishable(site: Path) -> Iterator[str]:
    """Reasons not to publish a site, one line each, apart from problems of its pages."""
    try:
        check(site / "record")
        yield from _results_problems(read(site / "record").results)
        built_at = json.loads((site / BUILD).read_text(encoding="utf-8"))["commit"]
        yield from _commit_problems("the site was built", built_at)
    except RecordError as error:
        yield str(error)
    except (OSError, ValueError):
        yield f"{site / BUILD} is missing or damaged; build the site with `nox -s report`"
    except (KeyError, TypeError, AttributeError) as error:
        yield f"{site / 'record'} is damaged ({type(error).__name__}: {error})"
    if not (site / ".nojekyll").is_file():
        yield ".nojekyll is missing: without it, GitHub drops folders that begin with an underscore"


def _results_problems(content: Mapping[str, Any]) -> Iterator[str]:
    if content["data"]["source"] == "phantom":
        yield "the site is of the synthetic phantom, not medical data"
    if not content["claims"]:
        yield "the results hold no claims"
    if not content["provenance"]["runs"]:
        yield "the results name no runs"
    for run in content["provenance"]["runs"]:
        yield from _commit_problems(f"run {run['run']} was trained", run["git_commit"])


def _commit_problems(what: str, commit: str | None) -> Iterator[str]:
    if not commit:
        yield f"{what} outside a checkout: no commit names its code"
    elif commit.endswith("-dirty"):
        yield f"{what} from changes that no commit has, on {commit[:12]}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a site; the exit status is 0, or 1 if there are problems."""
    streams.forgive()
    parser = argparse.ArgumentParser(prog="python -m report.engine.check", description=__doc__)
    parser.add_argument("site", nargs="?", type=Path, default=Path("_site"))
    parser.add_argument("--publish", action="store_true", help="also whether it may be published")
    chosen = parser.parse_args(arguments)
    found = list(problems(chosen.site))
    found += unpublishable(chosen.site) if chosen.publish else []
    for problem in found:
        print(printable(f"{chosen.site}: {problem}"), file=sys.stderr)
    if chosen.publish and not found:
        commit = json.loads((chosen.site / BUILD).read_text(encoding="utf-8"))["commit"]
        print(printable(f"{chosen.site} can be published; it was built at {commit}"))
    return 1 if found else 0


def _form(page: Page) -> Iterator[str]:
    """Problems of a page's structure."""
    root = page.soup.find("html")
    if not isinstance(root, Tag) or not root.get("lang"):
        yield f"{page.name} does not name its language"
    body = page.soup.find("body") or page.soup  # links can't lead into the head
    counts = Counter(str(element["id"]) for element in body.find_all(id=True))
    for name, count in counts.items():
        if count > 1:
            yield f"{page.name} has {count} elements of the id {name}"
    above = 0
    for heading in page.main.find_all(re.compile("h[1-6]")):
        level = int(heading.name[1])
        if level > above + 1:
            yield f"{page.name}: {heading.get_text(' ').strip()!r} is h{level} below h{above}"
        above = level
    for image in page.main.find_all("img"):
        if not image.get("alt"):
            yield f"{page.name}: image {image.get('src')} has no alternative text"
        # Otherwise the text below jumps when the image arrives.
        if image.get("loading") == "lazy" and not (image.get("width") and image.get("height")):
            yield f"{page.name}: image {image.get('src')} is loaded lazily but has no size"


def weight(page: Page, site: Path) -> int:
    """The size in bytes of a page with its own files; missing files, which another check reports, count 0."""
    paths = (site / unquote(name) for name in page.files)
    return len(page.soup.encode()) + sum(path.stat().st_size for path in paths if path.is_file())


def _problem(address: str, page: str, site: Path, ids: dict[str, frozenset[str]]) -> str:
    """The problem of a broken address; empty if it works, or leads out of the site."""
    parts = urlsplit(address)
    if parts.scheme or parts.netloc:
        return ""
    path, anchor = unquote(parts.path), unquote(parts.fragment)
    if path.startswith("/"):
        return "which is right only for a site at the top of its host"
    target = (site / path).resolve() if path else site.resolve() / page
    if target.is_dir():
        target /= "index.html"
    if not target.is_relative_to(site.resolve()) or not target.is_file():
        return "which does not exist"
    name = target.name if target.parent == site.resolve() else ""
    if anchor and name in ids and anchor not in ids[name]:
        return "which has no such anchor"
    return ""


if __name__ == "__main__":
    sys.exit(main())
