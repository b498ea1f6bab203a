"""Runs first in the kernel of every page: sets up figures and inline expressions.

IPython runs this file from its profile's folder, in the page's namespace; nothing imports it.
"""


def __set_up() -> None:
    """Each figure as a PNG for the web and as an SVG for the PDF, also one made without pyplot."""
    from functools import partial

    from IPython import get_ipython
    from IPython.core.pylabtools import print_figure, retina_figure

    shell = get_ipython()
    shell.config.InlineBackend.figure_formats = {"retina", "svg"}
    writers = {
        "image/png": partial(retina_figure, base64=True, bbox_inches="tight"),
        "image/svg+xml": partial(print_figure, fmt="svg", bbox_inches="tight"),
    }
    # By name, since matplotlib is only imported if a cell does so.
    for kind, writer in writers.items():
        formatter = shell.display_formatter.formatters[kind]
        formatter.for_type_by_name("matplotlib.figure", "Figure", writer)


def __inline(value: object) -> None:
    """Show the value of an inline expression, marked as the end of the expression's outputs."""
    from IPython.display import display

    display(__words(value), metadata={"of_expression": True})  # type: ignore[no-untyped-call]


def __words(value: object) -> object:
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


__set_up()
del __set_up
