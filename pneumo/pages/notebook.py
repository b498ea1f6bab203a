"""Shows figures, tables and fragments in notebooks; chapters as notebooks have the same cells as pages.

A notebook imports from here, a page from :mod:`pneumo.pages`.
"""

import os
import re
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from IPython.display import display

from pneumo import pages
from pneumo.base import network
from pneumo.base.errors import printable
from pneumo.pages import showing
from pneumo.record import Record, RecordError, finding, read
from pneumo.record.files import SUMS

LARGEST = 50_000_000  # bytes that a record's file may have
_RAW = re.compile(r"^(`{3,}) *\{=\w+\}\n.*?^\1$|`[^`]*`\{=\w+\}", re.MULTILINE | re.DOTALL)
# The drawing for light pages and its alternative text; the block with the drawing for dark ones.
_PICTURE = re.compile(r'!\[\]\(([^)]*-light[^)]*)\)\{fig-alt="([^"]*)"\}')
_DARK = re.compile(r"^:::: \{\.content-visible.*?^::::$", re.MULTILINE | re.DOTALL)
_FENCE = re.compile(r"^ *:{3,}.*\n?", re.MULTILINE)
_ATTRIBUTES = re.compile(
    r"(?<=[\])\w]) *\{[#.][^}]*\}|^: (?=.*\{#)|(?<=\S) *\{#[^}]*\}$", re.MULTILINE
)
_CITED = re.compile(r"\[(@[\w:.-]+(?:; @[\w:.-]+)*)\]")
_REFERENCE = re.compile(r"(?<![\w\[;/])@((?:fig|tbl)-[\w-]+)")
_SECTION = re.compile(r"(?<![\w\[;/])@sec-([\w-]+)")
_SPAN = re.compile(r"(?<!!)\[([^\[\]]*)\](?=[^(\[]|$)")
_PAGE = re.compile(r"\]\(([\w-]+)\.qmd")


def begin(*places: str) -> None:
    """Choose the record that the notebook is about.

    Args:
        places: folders or addresses of records, tried in this order. A record at an address is downloaded
            and checked.

    Raises:
        RecordError: none of them holds a record.
    """
    for place in places:
        local = not place.startswith("https://")
        if (Path(place) / SUMS).is_file() if local else network.answers(f"{place}/{SUMS}"):
            record = read(Path(place).resolve() if local else _fetched(place))
            os.environ["PNEUMO_RECORD"] = str(record.path)
            finding.choose_title(record.data.dataset)
            return
    raise RecordError(
        f"no record at {printable(' or '.join(places))}; give a folder that holds {SUMS}"
    )


def __getattr__(name: str) -> Any:
    """Everything else that a page imports."""
    return getattr(pages, name)


def figure(record: Record, anchor: str) -> None:
    """Show a figure with its caption."""
    drawings: dict[str, str] = {}

    def keep(name: str, svg: str) -> str:
        drawings[name] = svg
        return name

    _show(showing.figure_markdown(record, anchor, keep), drawings.__getitem__)


def table(record: Record, anchor: str) -> None:
    """Show a table with its caption."""
    _show(showing.table_markdown(record, anchor))


def say(record: Record, fragment: str, **values: object) -> None:
    """Show a fragment."""
    _show(showing.fragment_markdown(record, fragment, **values))


def _show(text: str, drawing: Callable[[str], str] = str) -> None:
    for bundle in bundles(text, drawing):
        display(bundle, raw=True)  # type: ignore[no-untyped-call]


def bundles(text: str, drawing: Callable[[str], str]) -> Iterator[dict[str, str]]:
    """A page's Markdown as a notebook shows it: words, and light drawings on white, by media type.

    Args:
        text: what a page's cell prints.
        drawing: a drawing's SVG by its path.
    """
    words, *pictures = _PICTURE.split(_DARK.sub("", text))
    for path, alt, after in zip(*[iter(pictures)] * 3, strict=True):
        yield from _bundle(words)
        svg = drawing(path)
        opening = f'<svg role="img" aria-label="{alt}" style="background: white" '
        yield {"image/svg+xml": opening + svg[svg.index("<svg ") + 5 :]}
        words = after
    yield from _bundle(words)


def _bundle(words: str) -> list[dict[str, str]]:
    text = plain(words).strip()
    return [{"text/markdown": text}] if text else []


def plain(text: str) -> str:
    """Convert Quarto's Markdown for a notebook: references and citations link to the site above it."""
    text = _FENCE.sub("", _RAW.sub("", text))
    text = _CITED.sub(lambda found: _citations(found[1]), _ATTRIBUTES.sub("", text))
    text = _REFERENCE.sub(r"[\1](../behind/\1.html)", text)
    text = _SECTION.sub(r"the section *\1*", text)
    text = _PAGE.sub(r"](../\1.html", text)
    return _SPAN.sub(r"\1", text)


def _citations(keys: str) -> str:
    names = [key.lstrip("@") for key in keys.split("; ")]
    return f"({', '.join(f'[{name}](../references.html#ref-{name})' for name in names)})"


def _fetched(address: str) -> Path:
    """Download a record's files into a temporary folder; reading the record checks them."""
    folder = Path(tempfile.mkdtemp(prefix="pneumo-record-"))

    def fetch(name: str) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(network.read(f"{address}/{name}", LARGEST))

    fetch(SUMS)
    for line in (folder / SUMS).read_text(encoding="utf-8").splitlines():
        name = line.split("  ", 1)[1]
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise RecordError(f"{printable(address)} names a file outside of it: {printable(name)}")
        fetch(name)
    return folder
