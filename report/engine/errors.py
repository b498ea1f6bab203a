"""The engine's errors: what is wrong with a page or the project, and in which file and line."""

from pathlib import Path

from pneumo.errors import PneumoError


class RenderError(PneumoError):
    """A project that can't be rendered as it is written."""


def at(path: Path, line: int | None, message: str) -> RenderError:
    """An error that names the file, as seen from where its user stands, and the line where there is one."""
    here, shown = Path.cwd(), path.resolve()
    shown = shown.relative_to(here) if shown.is_relative_to(here) else shown
    where = f"{shown}:{line}" if line is not None else str(shown)
    return RenderError(f"{where}: {message}")
