"""`python -m report.engine.preview`: serves the site on loopback and rebuilds it when a source changes."""

import argparse
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from watchfiles import watch

from pneumo.base import streams
from pneumo.base.errors import PneumoError, printable
from pneumo.base.storage import reported
from report.engine import __main__ as command
from report.engine.cache import FILES, ROOT
from report.engine.config import read_book
from report.engine.serve import serve

# Files that builds and editors write beside the sources.
_GENERATED = re.compile(
    r"(^|/)(__pycache__|_freeze|site_libs|[\w-]+_files|\.[^/]*)(/|$)"
    r"|^report/figures/|^report/[\w-]+\.(html|typ|pdf)$"
    r"|(\.pyc|\.quarto_ipynb|\.sw.|~)$"
)
_TICK = 200  # milliseconds after which the watcher answers, with or without changes


def changes(sources: Sequence[Path], site: Path, stop: threading.Event) -> Iterator[list[Path]]:
    """Changed sources since the last answer, sorted; the first answer comes at once.

    Args:
        sources: the files to watch, and the folders with all below.
        site: the built site, which may lie in one of them.
        stop: ends the iteration when it is set.
    """

    def is_source(_: object, name: str) -> bool:
        path = Path(name)
        own = next(one for one in folders if one in (path, *path.parents))
        relative = path.relative_to(own.parent)
        return not path.is_relative_to(site) and not _GENERATED.search(relative.as_posix())

    # The watcher loses a file that an editor replaces, so named files are compared by their time.
    files = {path: path.stat().st_mtime_ns for path in sources if path.is_file()}
    folders = [path for path in sources if path not in files]
    watching = watch(
        *folders, watch_filter=is_source, stop_event=stop, rust_timeout=_TICK, yield_on_timeout=True
    )
    for found in watching:
        now = {path: path.stat().st_mtime_ns for path in files if path.is_file()}
        saved = {path for path in now if now[path] != files[path]}
        files |= now
        yield sorted({Path(name) for _, name in found} | saved)


def main(arguments: Sequence[str] | None = None, stop: threading.Event | None = None) -> int:
    """Serve until interrupted; the exit status is 1 if the port is taken or the first build fails."""
    streams.forgive()
    parser = argparse.ArgumentParser(prog="python -m report.engine.preview", description=__doc__)
    parser.add_argument("--port", type=int, default=4200)
    chosen, rest = parser.parse_known_args(arguments)
    options = command.build_parser().parse_args(rest)
    stop = stop or threading.Event()
    project = options.project.resolve()
    sources = {project} | {
        ROOT / name for name in ("pneumo", "templates", "report", "docs", *FILES)
    }
    try:
        site = (options.output or read_book(project).output).resolve()
        # Before the build, so that a taken port fails at once and changes during the build are seen.
        with serve(site, chosen.port) as address:
            changing = changes(sorted(filter(Path.exists, sources)), site, stop)
            next(changing)
            with reported():
                command.build(options)
            print(f"{address}/ (Ctrl-C ends it)", flush=True)
            with suppress(KeyboardInterrupt):
                _follow(changing, rest)
    except PneumoError as error:
        print(f"report.engine.preview: {error}", file=sys.stderr)
        return 1
    return 0


def _follow(changing: Iterator[list[Path]], options: Sequence[str]) -> None:
    """Rebuild after each change, in a new process, so that changed Python modules are loaded."""
    for changed in filter(None, changing):
        started = time.monotonic()
        again = [sys.executable, "-m", "report.engine", *options]
        failed = subprocess.run(again, cwd=ROOT, check=False).returncode
        seconds = time.monotonic() - started
        outcome = "failed, keeping the old site" if failed else "rebuilt"
        print(f"{printable(changed[0].name)} changed: {outcome} ({seconds:.1f} s)", flush=True)


if __name__ == "__main__":
    sys.exit(main())
