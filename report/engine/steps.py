"""What runs for a page, piece by piece: its cells and expressions, and what prepares its kernel for them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from report.engine.config import Book
from report.engine.kernels import size
from report.engine.source import Cell, Inline, Page

PREPARING = 2  # the number of steps that prepare a kernel
# What a figure is drawn as, whoever draws it and however: matplotlib itself is imported only where a cell
# asks for it.
_SETUP = """
def __set_up(formats):
    from functools import partial
    from IPython import get_ipython
    from IPython.core.pylabtools import print_figure, retina_figure
    shell = get_ipython()
    shell.config.InlineBackend.figure_formats = set(formats)
    writers = {{
        "retina": ("image/png", partial(retina_figure, base64=True, bbox_inches="tight")),
        "png": ("image/png", partial(print_figure, fmt="png", base64=True, bbox_inches="tight")),
        "svg": ("image/svg+xml", partial(print_figure, fmt="svg", bbox_inches="tight")),
    }}
    for name in formats:
        kind, writer = writers[name]
        formatter = shell.display_formatter.formatters[kind]
        formatter.for_type_by_name("matplotlib.figure", "Figure", writer)
__set_up({formats})
del __set_up
"""
_SIZE = "__import__('matplotlib').rcParams['figure.figsize'] = ({width}, {height})"
# A string is text, whatever signs stand in it; Markdown is Markdown, and all else its repr, as with Quarto.
_INLINE = """
def __inline(value):
    import re
    from IPython.lib.pretty import pretty
    if hasattr(value, "_repr_markdown_"):
        return value
    if any(hasattr(value, f"_repr_{kind}_") for kind in ("html", "latex", "svg", "png", "mimebundle")):
        raise TypeError(f"an expression in a sentence gives words; this one gives a {type(value).__name__}")
    text = value if isinstance(value, str) else pretty(value)
    class Text:
        def __repr__(self):
            return text
        def _repr_markdown_(self):
            signs = "!-/:-@" if isinstance(value, str) else "!#-&(-/:-@"  # quotes of a repr are set as such
            return re.sub(rf"([{signs}\\[-`{{-~])", r"\\\\\\1", text)
    return Text()
"""


@dataclass(frozen=True)
class Step:
    """A piece of code, and whose it is."""

    code: str
    path: Path
    line: int
    may_raise: bool = False


def all_steps(page: Page, book: Book) -> list[Step]:
    """All code of a page, with what prepares its kernel; nothing for a page without code."""
    pieces = [piece for piece in page.pieces if not isinstance(piece, str)]
    if not pieces:
        return []
    chosen = str(book.html.get("fig-format", "retina"))
    formats = [chosen] if chosen == "svg" or not book.pdf else [chosen, "svg"]
    preparing = [Step(code, page.path, 1) for code in (_SETUP.format(formats=formats), _INLINE)]
    return preparing + [step for piece in pieces for step in steps_of(piece, page, book)]


def steps_of(piece: Inline | Cell, page: Page, book: Book) -> list[Step]:
    """What runs for a piece of a page; a cell's own size of figures comes before it and goes after."""
    if isinstance(piece, Inline):
        return [Step(f"__inline({piece.code})", piece.path, piece.line)]
    options = options_of(piece, page, book)
    if not (options.get("eval", True) and options.get("enabled", True)):
        return []
    step = Step(piece.code, piece.path, piece.line, bool(options.get("error")))
    if {"fig-width", "fig-height"} & set(piece.options):
        width, height = size(book)
        own = options.get("fig-width", width), options.get("fig-height", height)
        before, after = (
            Step(_SIZE.format(width=wide, height=high), piece.path, piece.line)
            for wide, high in (own, (width, height))
        )
        return [before, step, after]
    return [step]


def options_of(cell: Cell, page: Page, book: Book) -> dict[str, Any]:
    """A cell's own options, before those of its page and of the book."""
    return {**book.execute, **(page.front_matter.get("execute") or {}), **cell.options}
