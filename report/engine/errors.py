"""The engine's errors, which name the file and line of a problem in a page or the project."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from pneumo.base.errors import PneumoError

Where = Callable[[str], tuple[Path, int | None]]


class RenderError(PneumoError):
    """A project can't be rendered."""


class ToolError(RenderError):
    """An error of pandoc or Typst in a text whose file is not known yet.

    Args:
        message: what is wrong.
        text: a part of the text that also occurs in the page; empty if none is known.
    """

    def __init__(self, message: str, text: str = "") -> None:
        super().__init__(message)
        self.text = text


def at(path: Path, line: int | None, message: str) -> RenderError:
    """An error that names the file, relative to the working directory, and the line if there is one."""
    here, shown = Path.cwd(), path.resolve()
    shown = shown.relative_to(here) if shown.is_relative_to(here) else shown
    where = f"{shown}:{line}" if line is not None else str(shown)
    return RenderError(f"{where}: {message}")


@contextmanager
def about(path: Path, where: Where | None = None) -> Iterator[None]:
    """A context in which errors without a file are attributed to the file at `path`.

    Args:
        path: a page or the project's file.
        where: finds a text's file and line.

    Raises:
        RenderError: a tool refused the file's text, or the text is nested too deeply.
    """
    try:
        yield
    except ToolError as error:
        place = where(error.text) if where and error.text else (path, None)
        raise at(*place, str(error)) from None
    except RecursionError:
        problem = "lists, quotations, brackets or divs are nested too deeply; remove some levels"
        raise at(path, None, problem) from None
