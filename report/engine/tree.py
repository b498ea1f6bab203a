"""Pandoc's syntax tree as plain JSON: read, write, traverse and build it."""

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import pypandoc

from report.engine.cache import Cache, key_of
from report.engine.errors import ToolError
from report.engine.known import CALLOUTS

Node = dict[str, Any]
Attributes = tuple[str, list[str], dict[str, str]]
Item = TypeVar("Item")
Result = TypeVar("Result")
TIME_LIMIT = 120  # seconds that pandoc may take for a page
AT_ONCE = 2  # calls of pandoc that run in parallel
# A page's front matter is read by us; anything else that looks like it is text.
MARKDOWN = "markdown-yaml_metadata_block-pandoc_title_block"
LENGTH = re.compile(r"([0-9]+(?:\.[0-9]+)?)(%|in|cm|mm|pt|em|px)?")  # of a picture's side


def pandoc(arguments: Sequence[str], text: str) -> str:
    """Run pandoc on a text.

    Raises:
        ToolError: pandoc fails, warns of a loss, or exceeds the time limit.
    """
    cache, key = Cache(), _key(arguments, text)
    kept = cache.get("pandoc", key)
    if kept is not None:
        return kept.decode()
    command = [pypandoc.get_pandoc_path(), *arguments]
    try:
        result = subprocess.run(
            command, input=text, capture_output=True, encoding="utf-8", timeout=TIME_LIMIT
        )
    except subprocess.TimeoutExpired:
        problem = f"did not end within {TIME_LIMIT} seconds; look for brackets within brackets"
        raise ToolError(f"pandoc: {problem}") from None
    if result.returncode:
        words = " ".join(result.stderr.split()) or f"ended with {result.returncode}"
        raise ToolError(f"pandoc: {words}")
    for warning in result.stderr.split("[WARNING] ")[1:]:
        raise _warned(" ".join(warning.split()), text)
    cache.put("pandoc", key, result.stdout.encode())
    return result.stdout


def _warned(warning: str, text: str) -> ToolError:
    """An error for a warning of pandoc: unknown citations, undefined or duplicate notes, lost formulas."""
    if citation := re.match(r"Citeproc: citation (\S+) not found", warning):
        key = f"@{citation[1]}"
        problem = f"citation {key} is not in the bibliography; add it or correct the key"
        return ToolError(problem, key)
    if maths := re.match(r"Could not convert TeX math (.+?), rendering", warning):
        words = max(re.split(r"\s+|&|\\\\", maths[1]), key=len)
        why = re.search(r"unexpected .*?(?= expecting|$)", warning)
        problem = f"the formula {maths[1]} can't be read: {why[0] if why else warning}"
        return ToolError(problem, words)
    # The line in pandoc's warning is where it noticed, not where the mistake is.
    warning = re.sub(r" at(?: \S+)? line \d+ column \d+", "", warning)
    name = re.search(r"'\[?(.+?)\]?'", warning)
    sign = re.compile(rf"[#^\[]{re.escape(name[1])}(?!\w)" if name else "$.")
    lines = [line.strip() for line in text.split("\n") if sign.search(line)]
    return ToolError(f"pandoc: {warning}", lines[-1] if lines else "")


def each(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function that calls pandoc to each item, a few in parallel; raises the first item's error."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(function, items))


def _key(arguments: Sequence[str], text: str) -> str:
    """A key of pandoc's version, its arguments, the files named in them, and the text."""
    files = [Path(argument.partition("=")[2]) for argument in arguments if "=" in argument]
    contents = [path.read_bytes() for path in files if path.is_file()]
    return key_of(version("pypandoc_binary"), list(arguments), contents, text)


def read(text: str, format_: str = MARKDOWN) -> list[Node]:
    """The blocks of a text, by default of Markdown in the dialect that Quarto reads."""
    return list(json.loads(pandoc(["-f", format_, "-t", "json"], text))["blocks"])


def read_inlines(text: str) -> list[Node]:
    """The inlines of a Markdown text, read as one paragraph even if it begins with "(a)", "#" or "-"."""
    line = " ".join(text.split())
    return inlines(read(f"x {line}"))[2:] if line else []


def inlines(blocks: list[Node]) -> list[Node]:
    """The inlines of paragraphs, and the text of all other blocks."""
    return [
        inline
        for block in blocks
        for inline in (block["c"] if block["t"] in ("Para", "Plain") else words(text_of(block)))
    ]


def caption(node: Node) -> list[Node]:
    """The inlines of a figure's or a table's caption."""
    return inlines(node["c"][1][1])


def write(blocks: list[Node], arguments: Sequence[str], metadata: dict[str, Any]) -> str:
    """Write blocks in the format and with the options in the arguments."""
    tree = {"pandoc-api-version": _api_version(), "meta": metadata, "blocks": blocks}
    return pandoc(["-f", "json", *arguments], json.dumps(tree))


def attributes(node: Node) -> Attributes:
    """A node's id, classes and other attributes; empty for a node that can't have any."""
    place = {"Div": 0, "Span": 0, "Figure": 0, "Table": 0, "CodeBlock": 0, "Code": 0, "Link": 0, "Image": 0,
             "Header": 1}.get(node["t"])  # fmt: skip
    if place is None:
        return "", [], {}
    identifier, classes, pairs = node["c"][place]
    return identifier, classes, dict(pairs)


def div(blocks: list[Node], classes: str = "", identifier: str = "", **pairs: str) -> Node:
    """A div with classes, an id and other attributes."""
    return {"t": "Div", "c": [[identifier, classes.split(), [*pairs.items()]], blocks]}


def raw_block(format_: str, text: str) -> Node:
    """A raw block, which only its format's writer keeps."""
    return {"t": "RawBlock", "c": [format_, text]}


def raw_inline(format_: str, text: str) -> Node:
    """A raw inline, which only its format's writer keeps."""
    return {"t": "RawInline", "c": [format_, text]}


def words(text: str) -> list[Node]:
    """A plain text as inlines."""
    inlines: list[Node] = []
    for word in text.split(" "):
        inlines += [{"t": "Space"}, {"t": "Str", "c": word}]
    return inlines[1:]


def text_of(node: Any) -> str:
    """The words of a node or a list of nodes, without markup."""
    if isinstance(node, list):
        return "".join(text_of(part) for part in node)
    if not isinstance(node, dict):
        return ""
    kind, content = node.get("t"), node.get("c")
    if kind == "Str":
        return str(content)
    if kind in ("Space", "SoftBreak", "LineBreak"):
        return " "
    if kind in ("Code", "Math", "CodeBlock"):
        assert content is not None
        return str(content[1])
    if kind in ("RawBlock", "RawInline", "Note", "Cite"):  # citeproc fills in citations later
        return ""
    if kind == "Quoted":
        assert content is not None
        left, right = "‘’" if content[0]["t"] == "SingleQuote" else "“”"
        return left + text_of(content[1]) + right
    end = " " if kind in ("Para", "Plain", "Header", "Div", "Table") else ""
    return text_of(content) + end


def rewrite(node: Any, change: Callable[[Node], Any]) -> Any:
    """A copy of a tree with `change` applied to each node, inner nodes first.

    `change` returns a node, a list of nodes, or None to leave the node unchanged.
    """
    if isinstance(node, list):
        result: list[Any] = []
        for part in node:
            new = rewrite(part, change)
            if isinstance(part, dict) and "t" in part and isinstance(new, list):
                result += new
            else:
                result.append(new)
        return result
    if not isinstance(node, dict):
        return node
    copy = {
        key: rewrite(value, change) if isinstance(value, dict | list) else value
        for key, value in node.items()
    }
    if "t" not in copy:
        return copy
    changed = change(copy)
    return copy if changed is None else changed


def within(node: Node, change: Callable[[list[Node]], list[Node]]) -> Node:
    """A copy of a block with `change` applied to each list of blocks in it."""
    kind = node["t"]
    content: Any = node.get("c")
    if kind == "BlockQuote":
        content = change(content)
    elif kind == "BulletList":
        content = [change(item) for item in content]
    elif kind == "OrderedList":
        content = [content[0], [change(item) for item in content[1]]]
    elif kind == "DefinitionList":
        content = [[term, [change(text) for text in texts]] for term, texts in content]
    elif kind == "Div":
        content = [content[0], change(content[1])]
    elif kind == "Figure":
        content = [*content[:2], change(content[2])]
    else:
        return node
    return {"t": kind, "c": content}


def every(node: Any, kind: str | None = None) -> Iterator[Node]:
    """All nodes of a tree, or only those of a kind, in order."""
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting.extend(reversed(one))
        elif isinstance(one, dict):
            if "t" in one and kind in (None, one["t"]):
                yield one
            waiting.extend(reversed(one.values()))


Callout = tuple[str, list[Node], list[Node], str]


def callout(div: Node) -> Callout | None:
    """A callout's kind, title, content and the id of its title; None for another div."""
    _, classes, pairs = attributes(div)
    kind = next((c[8:] for c in classes if c.startswith("callout-") and c[8:] in CALLOUTS), None)
    if kind is None:
        return None
    content = list(div["c"][1])
    if content and content[0]["t"] == "Header":
        return kind, content[0]["c"][2], content[1:], content[0]["c"][1][0]
    return kind, read_inlines(pairs["title"]) if "title" in pairs else [], content, ""


def is_title(block: Node, blocks: list[Node]) -> bool:
    """Whether a block is a heading of the same level as the first in its tabset or callout."""
    return block["t"] == blocks[0]["t"] == "Header" and bool(block["c"][0] == blocks[0]["c"][0])


def is_visible(node: Node, format_: str) -> bool:
    """Whether a format, html or typst, shows a node: paper shows no dark drawings."""
    _, classes, pairs = attributes(node)
    if not {"content-visible", "content-hidden"} & {*classes}:
        return format_ == "html" or "dark-content" not in classes
    return (pairs.get("when-format", format_) == format_) == ("content-visible" in classes)


class Writer:
    """Converts a numbered tree into one that pandoc can write in a format.

    A subclass has a method for each kind of node that needs more than pandoc. `block_div` and `inline_link`,
    for example, give a node's nodes in the format, or None to leave it to pandoc.
    """

    def block(self, node: Node) -> list[Node]:
        """A block's nodes in the format."""
        special = getattr(self, f"block_{node['t'].lower()}", None)
        nodes: list[Node] | None = special(node) if special else None
        return [self.words(within(node, self.blocks))] if nodes is None else nodes

    def blocks(self, nodes: list[Node]) -> list[Node]:
        """The blocks' nodes in the format."""
        return [block for node in nodes for block in self.block(node)]

    def words(self, node: Any) -> Any:
        """Inlines, or a block with inlines, converted to the format."""
        return rewrite(node, self._inline)

    def _inline(self, node: Node) -> Any:
        special = getattr(self, f"inline_{node['t'].lower()}", None)
        return special(node) if special else None


@cache
def _api_version() -> list[int]:
    return list(json.loads(pandoc(["-f", MARKDOWN, "-t", "json"], ""))["pandoc-api-version"])
