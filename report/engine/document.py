"""Numbers what a book's pages define, chapters, sections, figures, tables and equations, and resolves references."""

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from report.engine import tree
from report.engine.errors import RenderError, at
from report.engine.execute import Executed
from report.engine.source import Page
from report.engine.tree import Node

NAMES = {"fig": "Figure", "tbl": "Table", "sec": "Section", "eq": "Equation"}
_REFERENCE = re.compile(r"^(fig|tbl|sec|eq)-")
_LABEL = re.compile(r"^\{#(eq-[\w-]+)\}$")


@dataclass(frozen=True)
class Target:
    """What a cross-reference can point to."""

    id: str
    kind: str  # "fig", "tbl", "sec" or "eq"
    number: str | None  # None for what has no number
    title: list[Node]  # of a section; empty for all else
    page: str  # the page's name without its ending
    is_chapter: bool = False

    @property
    def text(self) -> str:
        """As a reference to it reads: "Figure 1.2"."""
        if self.number is None:
            return tree.text_of(self.title)
        name = "Chapter" if self.is_chapter else NAMES[self.kind]
        return f"{name}\N{NO-BREAK SPACE}{self.number}"


@dataclass
class Chapter:
    """A page on its way to the reader: its tree, with floats and headings numbered."""

    page: Page
    number: str | None
    id: str
    title: list[Node]
    blocks: list[Node]  # without the chapter's own heading
    is_index: bool
    toc: list[dict[str, Any]] = field(default_factory=list)

    @property
    def slug(self) -> str:
        """The page's name without its ending."""
        return self.page.path.stem


@dataclass(frozen=True)
class Document:
    """All chapters and everything that can be referred to."""

    chapters: tuple[Chapter, ...]
    targets: dict[str, Target]


def assemble(executed: list[Executed], number_sections: bool = True) -> Document:
    """Parse every page and number it.

    Raises:
        RenderError: a label that stands twice, a reference to nothing, a page without a heading.
    """
    chapters: list[Chapter] = []
    targets: dict[str, Target] = {}
    count = 0
    for place, page in enumerate(executed):
        chapter = _open_chapter(page, is_index=place == 0)
        if chapter.number is not None:
            count += 1
            chapter.number = str(count) if number_sections else None
        _Numbering(chapter, targets).run()
        chapters.append(chapter)
    document = Document(tuple(chapters), targets)
    for chapter in chapters:
        chapter.blocks = tree.rewrite(
            chapter.blocks, lambda node, c=chapter: _refer(node, c, document)
        )
    return document


def _open_chapter(executed: Executed, is_index: bool) -> Chapter:
    """A page's tree, with its first heading, or the title of its front matter, taken off."""
    page = executed.page
    blocks = tree.rewrite(tree.read_markdown(executed.markdown), _html_table)
    heads = [block for block in blocks if block["t"] == "Header" and block["c"][0] == 1]
    if page.front_matter.get("title"):
        title = tree.read_markdown(str(page.front_matter["title"]))[0]["c"]
        identifier, classes = "", []
    elif heads:
        identifier, classes, _ = tree.attributes(heads[0])
        title = heads[0]["c"][2]
        if not is_index:  # the front page is headed by the book's title, and keeps its own below
            blocks.remove(heads[0])
    else:
        raise at(
            page.path, None, "a chapter begins with a heading of the first level, or has a title"
        )
    numbered = "unnumbered" not in classes and page.front_matter.get("number-sections") is not False
    return Chapter(page, "" if numbered else None, identifier, title, blocks, is_index)


def _html_table(node: Node) -> list[Node] | None:
    """A table that a cell displays as HTML, read, so that paper can show it too."""
    if node["t"] == "RawBlock" and node["c"][0] == "html" and "<table" in node["c"][1]:
        table = [b for b in tree.every(tree.read_html(node["c"][1]), "Table")]
        return table or None
    return None


class _Numbering:
    """Goes through a chapter once, in order, and gives every float, heading and equation its number."""

    def __init__(self, chapter: Chapter, targets: dict[str, Target]) -> None:
        self.chapter, self.targets = chapter, targets
        self.counts: Counter[str] = Counter()
        self.sections = [0] * 6

    def run(self) -> None:
        chapter = self.chapter
        if chapter.id.startswith("sec-"):
            self._define(chapter.id, "sec", chapter.number, chapter.title, is_chapter=True)
        chapter.blocks = [self._block(block) for block in chapter.blocks]

    def _block(self, node: Node) -> Node:
        identifier, classes, pairs = tree.attributes(node)
        kind = identifier.partition("-")[0]
        if node["t"] == "Header":
            return self._heading(node)
        if node["t"] == "Div" and kind in ("fig", "tbl"):
            blocks = list(node["c"][1])
            caption = []
            if blocks and blocks[-1]["t"] in ("Para", "Plain") and len(blocks) > 1:
                caption = blocks.pop()["c"]
            return self._float(identifier, kind, caption, blocks, pairs)
        if node["t"] == "Figure" and kind == "fig":
            caption = [inline for block in node["c"][1][1] for inline in block["c"]]
            return self._float(identifier, kind, caption, node["c"][2], pairs)
        if node["t"] == "Table" and node["c"][1][1]:
            caption = [inline for block in node["c"][1][1] for inline in block["c"]]
            table = {"t": "Table", "c": [["", classes, []], [None, []], *node["c"][2:]]}
            if kind == "tbl":
                return self._float(identifier, kind, caption, [table], pairs)
        if node["t"] == "Para":
            return self._equation(node)
        if node["t"] == "Div":
            inner = "panel-tabset" in classes or any(c.startswith("callout-") for c in classes)
            content = [
                block if inner and block["t"] == "Header" else self._block(block)
                for block in node["c"][1]
            ]
            return {"t": "Div", "c": [node["c"][0], content]}
        return node

    def _heading(self, node: Node) -> Node:
        level, (identifier, classes, pairs), title = node["c"]
        number = None
        if level > 1 and "unnumbered" not in classes and self.chapter.number:
            self.sections[level - 1] += 1
            self.sections[level:] = [0] * (6 - level)
            number = ".".join([self.chapter.number, *map(str, self.sections[1:level])])
        if identifier.startswith("sec-"):
            self._define(identifier, "sec", number, title)
        if level in (1, 2, 3) and not ("unlisted" in classes):
            self.chapter.toc.append(
                {"id": identifier, "level": level, "number": number, "title": title}
            )
        pairs = [*pairs, *([["number", number]] if number else [])]
        return {"t": "Header", "c": [level, [identifier, classes, pairs], title]}

    def _float(
        self,
        identifier: str,
        kind: str,
        caption: list[Node],
        blocks: list[Node],
        pairs: dict[str, str],
    ) -> Node:
        self.counts[kind] += 1
        number = f"{self.chapter.number}." if self.chapter.number else ""
        number += str(self.counts[kind])
        self._define(identifier, kind, number)
        parts: list[Node] = []
        panels = 0
        for block in blocks:
            inner, _, _ = tree.attributes(block)
            if inner.startswith(f"{identifier}-") and block["t"] in ("Figure", "Div"):
                letter = f"({'abcdefghijklmnopqrstuvwxyz'[panels]})"
                panels += 1
                self._define(inner, kind, f"{number} {letter}")
                words = [inline for part in block["c"][1][1] for inline in part["c"]]
                parts.append(_make_float(inner, kind, letter, words, block["c"][2], {}))
            else:
                parts.append(block)
        return _make_float(identifier, kind, number, caption, parts, pairs)

    def _equation(self, node: Node) -> Node:
        inlines = node["c"]
        found = _LABEL.match(tree.text_of(inlines[-1:])) if inlines else None
        if not found or not any(inline["t"] == "Math" for inline in inlines):
            return node
        self.counts["eq"] += 1
        number = f"{self.chapter.number}." if self.chapter.number else ""
        number += str(self.counts["eq"])
        self._define(found[1], "eq", number)
        maths = next(inline for inline in inlines if inline["t"] == "Math")
        return {"t": "Equation", "id": found[1], "number": number, "c": [maths]}

    def _define(
        self, identifier: str, kind: str, number: str | None, title: list[Node] | None = None,
        is_chapter: bool = False,
    ) -> None:  # fmt: skip
        if identifier in self.targets:
            first = self.targets[identifier]
            path = self.chapter.page.path
            line = self.chapter.page.line_of(identifier)
            raise at(path, line, f"label {identifier!r} stands twice; first on page {first.page}")
        self.targets[identifier] = Target(
            identifier, kind, number, title or [], self.chapter.slug, is_chapter
        )


def _make_float(
    identifier: str, kind: str, number: str, caption: list[Node], blocks: list[Node],
    pairs: dict[str, str],
) -> Node:  # fmt: skip
    """A numbered figure or table: a node of ours, which the writers turn into pandoc's."""
    return {
        "t": "Float", "id": identifier, "kind": kind, "number": number, "caption": caption, "c": blocks,
        "columns": pairs.get("layout-ncol"),
    }  # fmt: skip


def _refer(node: Node, chapter: Chapter, document: Document) -> Any:
    """A citation whose name is a label, as a reference; a citation of literature stays one."""
    if node["t"] != "Cite":
        return None
    cited = [citation["citationId"] for citation in node["c"][0]]
    labels = [name for name in cited if _REFERENCE.match(name)]
    if not labels:
        return None
    if len(labels) != len(cited):
        raise at(
            chapter.page.path,
            chapter.page.line_of(labels[0]),
            f"references and citations can't share one bracket: {', '.join(cited)}",
        )
    inlines: list[Node] = []
    for place, name in enumerate(labels):
        if name not in document.targets:
            line = chapter.page.line_of(f"@{name}")
            raise at(
                chapter.page.path, line, f"cross-reference to @{name}, which is nowhere defined"
            )
        if place:
            inlines += [{"t": "Str", "c": ","}, {"t": "Space"}]
        inlines.append({"t": "Reference", "id": name, "c": []})
    return inlines


def check_citations(document: Document, known: set[str]) -> None:
    """Refuse a citation that the bibliography does not have.

    Raises:
        RenderError: names the page and the key.
    """
    for chapter in document.chapters:
        for cite in tree.every(chapter.blocks, "Cite"):
            for citation in cite["c"][0]:
                name = citation["citationId"]
                if name not in known:
                    line = chapter.page.line_of(f"@{name}")
                    raise at(
                        chapter.page.path, line, f"citation @{name} is not in the bibliography"
                    )


__all__ = ["Chapter", "Document", "RenderError", "Target", "assemble", "check_citations"]
