"""The engine's errors: what is wrong with a page or the project, and in which file and line."""

from pathlib import Path

from pneumo.errors import PneumoError


class RenderError(PneumoError):
    """A project that can't be rendered as it is written."""


def at(path: Path, line: int | None, message: str) -> RenderError:
    """An error that names the file, and the line where there is one."""
    where = f"{path}:{line}" if line is not None else str(path)
    return RenderError(f"{where}: {message}")
