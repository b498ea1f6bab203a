"""The engine's errors: what is wrong with a page or the project, and in which file and line."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pneumo.base.errors import PneumoError

Where = Callable[[str], tuple[Path, int | None]]


class RenderError(PneumoError):
    """A project that can't be rendered as it is written."""


class ToolError(RenderError):
    """What pandoc or Typst said of a text without knowing whose it is.

    Args:
        message: what is wrong.
        text: a part of the text that stands in the page as it does there; empty where none is known.
    """

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.text = text


def at(path: Path, line: int | None, message: str) -> RenderError:
    """An error that names the file, as seen from where its user stands, and the line where there is one."""
    here, shown = Path.cwd(), path.resolve()
    shown = shown.relative_to(here) if shown.is_relative_to(here) else shown
    where = f"{shown}:{line}" if line is not None else str(shown)
    return RenderError(f"{where}: {message}")


@contextmanager
def about(path: Path, where: Where | None = None) -> Iterator[None]:
    """Within it what goes wrong is said of the file at `path`, where nobody knows better.

    Args:
        path: a page or the project's file.
        where: finds the file and the line of a text.

    Raises:
        RenderError: a tool refused the file's text, or it is nested deeper than can be followed.
    """
    try:
        yield
    except ToolError as error:
        place = where(error.text) if where and error.text else (path, None)
        raise at(*place, str(error)) from None
    except RecursionError:
        problem = "lists, quotations, brackets or divs are nested too deeply; take some levels out"
        raise at(path, None, problem) from None
