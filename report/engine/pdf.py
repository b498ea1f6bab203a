"""Writes the whole book as Typst and sets it as a PDF."""

import json
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import typst
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from report.engine import tree
from report.engine.config import Book
from report.engine.document import Chapter, Document
from report.engine.errors import RenderError
from report.engine.html import CALLOUTS, arguments, is_visible, metadata
from report.engine.tree import Node

_POINTS = 0.75  # of a CSS pixel
_TEXT_WIDTH = 440.0  # points; a picture as wide as that takes the whole line


def write_pdf(
    document: Document, book: Book, templates: Path, files: Mapping[str, bytes], folder: Path
) -> bytes:
    """The book as a PDF.

    Args:
        document: the numbered book.
        book: its project.
        templates: the folder that holds ``report.typ.j2``.
        files: the pictures that cells drew, by path.
        folder: an empty folder to work in.

    Raises:
        RenderError: Typst refuses; with its own words.
    """
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    source = folder / "report.typ"
    source.write_text(write_typst(document, book, templates, files, folder), encoding="utf-8")
    try:
        return bytes(typst.compile(str(source), root=str(folder), format="pdf"))
    except (RuntimeError, typst.TypstError) as error:
        raise RenderError(f"Typst: {error}") from None


def write_typst(
    document: Document, book: Book, templates: Path, files: Mapping[str, bytes], folder: Path
) -> str:
    """The book's source in Typst, its pictures copied beside it."""
    writer = _Writer(document, book, files, folder)
    blocks = [block for chapter in document.chapters for block in writer.chapter(chapter)]
    options = ["typst" if part == "html5" else part for part in arguments(book)]
    web_only = ("--section-divs", "--mathml", "--syntax-highlighting=pygments")
    options = [part for part in options if part not in web_only]
    options.append("--syntax-highlighting=idiomatic")  # Typst colours code itself
    body = tree.write(blocks, options, metadata(book, None))
    environment = Environment(
        loader=FileSystemLoader(templates),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        # Typst's own brackets and signs are none of Jinja's.
        block_start_string="<%",
        block_end_string="%>",
        variable_start_string="<<",
        variable_end_string=">>",
        comment_start_string="<#",
        comment_end_string="#>",
        autoescape=False,
    )
    environment.filters["string"] = string
    template = environment.get_template("report.typ.j2")
    return template.render(book=book, body=body)


def string(text: object) -> str:
    """A text as a Typst string, in its quotation marks."""
    return json.dumps(str(text), ensure_ascii=False)


class _Writer:
    """Turns our nodes and Quarto's divs into pandoc's nodes and raw Typst."""

    def __init__(
        self, document: Document, book: Book, files: Mapping[str, bytes], folder: Path
    ) -> None:
        self.document, self.book, self.files, self.folder = document, book, files, folder
        self.here = document.chapters[0]
        self.labels = {
            chapter.slug: chapter.id or f"page-{chapter.slug}" for chapter in document.chapters
        }

    def chapter(self, chapter: Chapter) -> list[Node]:
        self.here = chapter
        heading: list[Node] = []
        if not chapter.is_index:
            classes = [] if chapter.number else ["unnumbered"]
            title = self.inlines(chapter.title)
            heading = [{"t": "Header", "c": [1, [self.labels[chapter.slug], classes, []], title]}]
        blocks = self.blocks(chapter.blocks)
        # A chapter whose list of references is all it holds brings its own heading.
        return heading + blocks

    def blocks(self, nodes: list[Node]) -> list[Node]:
        return [block for node in nodes for block in self.block(node)]

    def block(self, node: Node) -> list[Node]:
        kind = node["t"]
        _, classes, pairs = tree.attributes(node)
        if kind == "Float":
            return self._float(node)
        if kind == "Equation":
            return self._equation(node)
        if kind == "Header":
            return [self._heading(node)]
        if kind == "Div":
            return self._div(node, classes, pairs)
        if kind == "Table":
            return self._table(node)
        if kind == "BlockQuote":
            return [{"t": kind, "c": self.blocks(node["c"])}]
        if kind == "BulletList":
            return [{"t": kind, "c": [self.blocks(item) for item in node["c"]]}]
        if kind == "OrderedList":
            return [{"t": kind, "c": [node["c"][0], [self.blocks(item) for item in node["c"][1]]]}]
        if kind == "CodeBlock" and "cell-code" in classes:
            return [*self._wrapped("#cell-source[", [node], "]")]
        return [tree.rewrite(node, self._change)]

    def _div(self, node: Node, classes: list[str], pairs: dict[str, str]) -> list[Node]:
        content = list(node["c"][1])
        callout = next(
            (c[8:] for c in classes if c.startswith("callout-") and c[8:] in CALLOUTS), None
        )
        if callout:
            title = (
                tree.words(pairs["title"]) if "title" in pairs else tree.words(callout.capitalize())
            )
            if content and content[0]["t"] == "Header":
                title = content.pop(0)["c"][2]
            return [
                {
                    "t": "Para",
                    "c": [
                        tree.raw_inline("typst", f'#callout(kind: "{callout}", title: ['),
                        *self.inlines(title),
                        tree.raw_inline("typst", "])["),
                    ],
                },
                *self.blocks(content),
                tree.raw_block("typst", "]"),
            ]
        if "content-visible" in classes or "content-hidden" in classes:
            return self.blocks(content) if is_visible(classes, pairs, "typst") else []
        if "column-margin" in classes or "aside" in classes:
            return self._wrapped("#margin-note[", self.blocks(content), "]")
        if any(name.startswith("cell-output-std") for name in classes):
            return self._wrapped("#cell-output[", self.blocks(content), "]")
        for name in ("headline-item", "headline"):
            if name in classes:
                return self._wrapped(f"#{name}[", self.blocks(content), "]")
        if node["c"][0][0] == "refs":
            return [node]
        return self.blocks(content)

    def _wrapped(self, opening: str, blocks: list[Node], closing: str) -> list[Node]:
        return [tree.raw_block("typst", opening), *blocks, tree.raw_block("typst", closing)]

    def _table(self, node: Node) -> list[Node]:
        """A table, bare: its float, or the page, brings what stands around it."""
        changed = tree.rewrite(node, self._change)
        return self._wrapped("#plain-table[", [changed], "]")

    def _float(self, node: Node, inner: bool = False) -> list[Node]:
        kind, number = node["kind"], node["number"]
        name = {"fig": "Figure", "tbl": "Table"}[kind]
        panels = [part for part in node["c"] if part["t"] == "Float"]
        body: list[Node] = []
        if panels:
            columns = int(node.get("columns") or len(panels))
            body.append(tree.raw_block("typst", f"#grid(columns: {columns}, gutter: 1em,"))
            for part in panels:
                body += self._wrapped("[", self._float(part, inner=True), "],")
            body.append(tree.raw_block("typst", ")"))
        body += [block for part in node["c"] if part["t"] != "Float" for block in self.block(part)]
        supplement = "none" if inner else f"[{name}]"
        caption = [
            tree.raw_inline("typst", "], caption: ["),
            *self.inlines(node["caption"]),
            tree.raw_inline(
                "typst",
                f'], kind: "quarto-{"sub" if inner else ""}float-{kind}", supplement: {supplement}, '
                f'numbering: _ => "{number}") <{node["id"]}>',
            ),
        ]
        return [tree.raw_block("typst", "#figure(["), *body, {"t": "Para", "c": caption}]

    def _equation(self, node: Node) -> list[Node]:
        opening = f'#math.equation(block: true, numbering: _ => "({node["number"]})", ['
        closing = f"]) <{node['id']}>"
        maths = {"t": "Math", "c": [{"t": "InlineMath"}, node["c"][0]["c"][1]]}
        return [
            {
                "t": "Para",
                "c": [
                    tree.raw_inline("typst", opening),
                    maths,
                    tree.raw_inline("typst", closing),
                ],
            }
        ]

    def _heading(self, node: Node) -> Node:
        level, (identifier, classes, _), title = node["c"]
        own = identifier if identifier in self.document.targets else _own_id(self.here, identifier)
        return {"t": "Header", "c": [level, [own, classes, []], self.inlines(title)]}

    def inlines(self, nodes: list[Node]) -> list[Node]:
        changed: list[Node] = tree.rewrite(nodes, self._change)
        return changed

    def _change(self, node: Node) -> Node | list[Node] | None:
        if node["t"] == "Reference":
            target = self.document.targets[node["id"]]
            return _link(
                node["id"], tree.words(target.text.replace("\N{NO-BREAK SPACE}", "~")), raw=True
            )
        if node["t"] == "Image":
            return tree.raw_inline("typst", self._image(node))
        if node["t"] == "Link":
            return self._local_link(node)
        if node["t"] == "Span" and any("verdict" in name for name in node["c"][0][1]):
            verdict = next(n for n in node["c"][0][1] if n.startswith("verdict-"))
            return [
                tree.raw_inline("typst", f'#verdict("{verdict.removeprefix("verdict-")}")['),
                *node["c"][1],
                tree.raw_inline("typst", "]"),
            ]
        if node["t"] == "Span" and node["c"][0][1]:
            for name in ("headline-value", "headline-label", "smallcaps"):
                if name in node["c"][0][1]:
                    opening = tree.raw_inline("typst", f"#{name}[")
                    return [opening, *node["c"][1], tree.raw_inline("typst", "]")]
        return None

    def _local_link(self, node: Node) -> list[Node] | None:
        text, (url, _) = node["c"][1], node["c"][2]
        path, _, anchor = url.partition("#")
        if "://" in url or url.startswith("mailto:"):
            return None
        if not path:
            return _link(
                anchor if anchor in self.document.targets else _own_id(self.here, anchor), text
            )
        if PurePosixPath(path).suffix == ".qmd":
            slug = PurePosixPath(path).stem
            if anchor in self.document.targets:
                return _link(anchor, text)
            if slug in self.labels and slug != self.document.chapters[0].slug:
                return _link(self.labels[slug], text)
        return list(text)  # a file of the website: on paper there is nothing to follow

    def _image(self, node: Node) -> str:
        (_, _, pairs), text, (source, _) = node["c"]
        given = dict(pairs)
        drawing = str(PurePosixPath(source).with_suffix(".svg"))
        chosen = drawing if drawing in self.files else source
        if chosen not in self.files:
            original = self.here.page.path.parent / source
            if not original.is_file():
                raise RenderError(f"{self.here.page.path}: picture {source} is not there")
            (self.folder / source).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / source).write_bytes(original.read_bytes())
        alt = given.get("fig-alt") or tree.text_of(text)
        width = given.get("width", "")
        size = ""
        if width.endswith("%"):
            size = f", width: {width}"
        elif width.isdigit():
            points = int(width) * _POINTS
            size = f", width: {'100%' if points >= _TEXT_WIDTH else f'{points:.1f}pt'}"
        return f"#image({string('/' + chosen)}, alt: {string(alt)}{size})"


def _own_id(chapter: Chapter, identifier: str) -> str:
    """An id made unique in the book: two chapters may each have an "Introduction"."""
    return f"{chapter.slug}--{identifier}"


def _link(label: str, text: list[Node]) -> list[Node]:
    return [
        tree.raw_inline("typst", f"#link(<{label}>)["),
        *text,
        tree.raw_inline("typst", "]"),
    ]
