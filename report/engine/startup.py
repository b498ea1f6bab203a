"""Runs first in the kernel of every page: sets up figures and inline expressions.

IPython runs this file from its profile's folder, in the page's namespace; nothing imports it.
"""

from IPython import get_ipython


def __inline(value: object) -> object:
    """The value of an inline expression: Markdown unchanged, a string escaped, for anything else its repr."""
    import re

    from IPython.lib.pretty import pretty

    if hasattr(value, "_repr_markdown_"):
        return value
    if any(
        hasattr(value, f"_repr_{kind}_") for kind in ("html", "latex", "svg", "png", "mimebundle")
    ):
        raise TypeError(f"an expression in a sentence must give text, not a {type(value).__name__}")
    text = value if isinstance(value, str) else pretty(value)  # type: ignore[no-untyped-call]
    signs = "!-/:-@" if isinstance(value, str) else "!#-&(-/:-@"  # keep a repr's quotes

    class Text:
        def __repr__(self) -> str:
            return text

        def _repr_markdown_(self) -> str:
            return re.sub(rf"([{signs}\[-`{{-~])", r"\\\1", text)

    return Text()


# Each figure as a PNG for the web and as an SVG for the PDF.
get_ipython().config.InlineBackend.figure_formats = {"retina", "svg"}
