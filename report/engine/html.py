"""Writes a numbered chapter as HTML with Quarto's class names."""

import html as escaping
import re
from functools import partial
from pathlib import PurePosixPath
from typing import Any

from report.engine import tree
from report.engine.config import Book
from report.engine.document import Chapter, Document
from report.engine.errors import about
from report.engine.known import LABELS
from report.engine.outputs import size_of
from report.engine.plain import read_text
from report.engine.tree import Node

_raw = partial(tree.raw_block, "html")
_PAGE = re.compile(r"""(\shref=["'][^"':]+)\.qmd(["'#])""")
_WEB = ("--section-divs", "--mathml", "--syntax-highlighting=pygments")


def write_body(chapter: Chapter, document: Document, book: Book) -> str:
    """The chapter's content as HTML, without its first heading."""
    with about(chapter.page.path, chapter.executed.where):
        blocks = _Writer(chapter, document).blocks(chapter.blocks)
        lists = any(div["c"][0][0] == "refs" for div in tree.every(chapter.blocks, "Div"))
        options = ["-t", "html5", *_WEB, "--wrap=none"]
        if lists or any(tree.every(blocks, "Cite")):  # only then is the bibliography read
            options += citeproc(book)
        return tree.write(blocks, options, _nocite(document) if lists else {})


def write_inlines(inlines: list[Node], book: Book) -> str:
    """A heading's inlines as HTML."""
    options = ["-t", "html5", "--mathml"]
    if any(tree.every(inlines, "Cite")):
        options += ["--metadata=suppress-bibliography", *citeproc(book)]
    return tree.write([{"t": "Plain", "c": inlines}], options, {}).strip()


def citeproc(book: Book) -> list[str]:
    """Pandoc's options for citations, and for the language that they are in."""
    files = [f"--bibliography={path}" for path in book.bibliography]
    return [f"--metadata=lang:{book.lang}", "--metadata=link-citations", "--citeproc", *files]


def _nocite(document: Document) -> dict[str, Any]:
    """Metadata for a list of references that has all citations of a book."""
    trees = [[chapter.title, chapter.blocks] for chapter in document.chapters]
    return {"nocite": {"t": "MetaInlines", "c": [*tree.every(trees, "Cite")]}}


def document_title(chapter: Chapter, book: Book) -> str:
    """The title for the browser's tab."""
    if chapter.is_index:
        return book.title
    return f"{chapter.heading} – {book.title}"


def _line(*parts: str | list[Node]) -> Node:
    """A line of raw HTML and inlines."""
    inlines: list[Node] = []
    for part in parts:
        inlines += [tree.raw_inline("html", part)] if isinstance(part, str) else part
    return {"t": "Plain", "c": inlines}


class _Writer(tree.Writer):
    """Turns our nodes and Quarto's divs into pandoc's nodes and raw HTML."""

    def __init__(self, chapter: Chapter, document: Document) -> None:
        self.chapter, self.document = chapter, document
        self.callouts = 0
        self.tabsets = 0

    def block_para(self, node: Node) -> list[Node] | None:
        if any(part["t"] != "Image" for part in node["c"]):
            return None
        return self.block({"t": "Plain", "c": node["c"]})  # a picture needs no paragraph

    def block_div(self, node: Node) -> list[Node] | None:
        identifier, classes, pairs = tree.attributes(node)
        content = node["c"][1]
        if callout := tree.callout(node):
            return [self._callout(node, *callout)]
        if "panel-tabset" in classes:
            return [self._tabset(content, identifier)]
        if "cell-fold" in classes:
            summary = escaping.escape(pairs.get("summary", "Code"), quote=False)
            opening = f'<details class="code-fold">\n<summary>{summary}</summary>'
            return [_raw(opening), *self.blocks(content), _raw("</details>")]
        if "content-visible" in classes or "content-hidden" in classes:
            visible = self.blocks(content) if tree.is_visible(node, "html") else []
            return [tree.div(visible, identifier=identifier)] if identifier else visible
        if "layout-ncol" in pairs:
            cells = [tree.div(self.block(block), "quarto-layout-cell") for block in content]
            style = f"--columns: {pairs['layout-ncol']}"
            return [tree.div(cells, "quarto-layout-panel", identifier, style=style)]
        if {"light-content", "dark-content"} & set(classes):
            # Lazy images: the browser fetches only the rendering that the reader sees.
            lazy = tree.rewrite(content, self._put_off)
            return [{"t": "Div", "c": [node["c"][0], self.blocks(lazy)]}]
        return None

    def _put_off(self, node: Node) -> Node | None:
        """An image with lazy loading; its size reserves its place on the page."""
        if node["t"] != "Image":
            return None
        (identifier, classes, pairs), text, target = node["c"]
        drawing = self.chapter.page.path.parent / target[0]
        known = {"loading": "lazy"} | dict(pairs)
        if drawing.suffix == ".svg" and "width" not in known and drawing.is_file():
            known |= size_of(read_text(drawing))
        return {"t": "Image", "c": [[identifier, classes, [*known.items()]], text, target]}

    def _callout(
        self, node: Node, kind: str, title: list[Node], content: list[Node], heading: str
    ) -> Node:
        identifier, classes, pairs = tree.attributes(node)
        look, folds = pairs.get("appearance", "default"), "collapse" in pairs
        more = " ".join(name for name in classes if not name.startswith("callout-"))
        self.callouts += 1
        name = f"callout-{self.callouts}"
        parts = [tree.div(self.blocks(content), "callout-body-container callout-body")]
        if folds:
            parts = [tree.div(parts, "callout-collapse", name)]
        if title or look == "default":
            more = f"callout-titled {more}"
            toggle = {"aria-controls": name, "aria-expanded": str(pairs["collapse"] == "false").lower(),
                      "role": "button", "tabindex": "0"} if folds else {}  # fmt: skip
            # Screen readers read the kind, which others see by its colour; without a title the kind
            # is the title.
            kinds = tree.words(kind.capitalize())
            words = self.words(title or kinds)
            words = [_span(words, identifier=heading)] if heading else words
            words = [_span(kinds, "screen-reader-only"), *words] if title else words
            icon = tree.div([_raw('<i class="callout-icon"></i>')], "callout-icon-container")
            named = tree.div([{"t": "Plain", "c": words}], "callout-title-container")
            parts = [tree.div([icon, named], "callout-header", **toggle), *parts]
        return tree.div(parts, f"callout callout-style-{look} callout-{kind} {more}", identifier)

    def _tabset(self, blocks: list[Node], identifier: str) -> Node:
        tabs: list[tuple[Node, list[Node]]] = []
        for block in blocks:
            if tree.is_title(block, blocks):
                tabs.append((block, []))
            else:
                tabs[-1][1].append(block)
        self.tabsets += 1
        bar: list[str | list[Node]] = ['<ul class="nav nav-tabs" role="tablist">']
        panes: list[Node] = []
        for place, (head, content) in enumerate(tabs, start=1):
            name = f"tabset-{self.tabsets}-{place}"
            active = " active" if place == 1 else ""
            bar += [
                f'<li class="nav-item" role="presentation"><a class="nav-link{active}" role="tab" '
                f'id="{name}-tab" href="#{name}" aria-controls="{name}" '
                f'aria-selected="{str(place == 1).lower()}">',
                self.words(head["c"][2]),
                "</a></li>",
            ]
            named = tree.div([], identifier=head["c"][1][0])
            pane = [named, *self.blocks(content)]
            roles = {"role": "tabpanel", "aria-labelledby": f"{name}-tab"}
            panes.append(tree.div(pane, f"tab-pane{active}", name, **roles))
        parts = [_line(*bar, "</ul>"), tree.div(panes, "tab-content")]
        return tree.div(parts, "panel-tabset", identifier)

    def block_float(self, node: Node) -> list[Node]:
        identifier, kind, number = node["id"], node["kind"], node["number"]
        label = number if node["is_panel"] else f"{LABELS[kind]}\N{NO-BREAK SPACE}{number}"
        if node["caption"]:
            label += " " if node["is_panel"] else ": "
        place = "top" if kind == "tbl" else "bottom"
        names = f"quarto-float-caption-{place} quarto-float-caption quarto-float-{kind}"
        opening = f'<figcaption id="{identifier}-caption-text" class="{names}">{label}'
        caption = _line(opening, self.words(node["caption"]), "</figcaption>")
        content = self.blocks(tree.rewrite(node["c"], _without_words))
        described = tree.div(content, **{"aria-describedby": f"{identifier}-caption-text"})
        start = _raw(f'<figure class="quarto-float quarto-float-{kind} figure">')
        parts = [caption, described] if kind == "tbl" else [described, caption]
        frame = "quarto-float quarto-figure quarto-figure-center anchored"
        return [tree.div([start, *parts, _raw("</figure>")], frame, identifier)]

    def block_figure(self, node: Node) -> list[Node]:
        """A captioned picture without a label: no number."""
        parts = self.blocks(tree.rewrite(node["c"][2], _without_words))
        caption = _line("<figcaption>", self.words(tree.caption(node)), "</figcaption>")
        parts = [_raw('<figure class="figure">'), *parts, caption, _raw("</figure>")]
        return [tree.div(parts, "quarto-figure")]

    def block_header(self, node: Node) -> list[Node]:
        level, (identifier, classes, pairs), title = node["c"]
        number = dict(pairs).get("number")
        inlines = self.words(title)
        if number:
            sign = f'<span class="header-section-number">{number}</span> '
            inlines = [tree.raw_inline("html", sign), *inlines]
        # The page's title is its only h1; the front page's other headings are sections.
        return [{"t": "Header", "c": [max(level, 2), [identifier, classes, []], inlines]}]

    def inline_equation(self, node: Node) -> Node:
        number = tree.words(f"({node['number']})")
        return _span([*node["c"], _span(number, "equation-number")], "equation", node["id"])

    def inline_rawinline(self, node: Node) -> Node:
        """Raw text, in which links to a page's source become links to the page."""
        kind, text = node["c"]
        text = _PAGE.sub(r"\1.html\2", text) if kind == "html" else text
        return {"t": node["t"], "c": [kind, text]}

    inline_rawblock = inline_rawinline

    def inline_link(self, node: Node) -> Node:
        """A link, to the page if it leads to a page's source."""
        attributes, text, (url, title) = node["c"]
        path, sign, anchor = url.partition("#")
        if "://" not in path and PurePosixPath(path).suffix == ".qmd":
            url = f"{path.removesuffix('.qmd')}.html{sign}{anchor}"
        return {"t": "Link", "c": [attributes, text, [url, title]]}

    def inline_reference(self, node: Node) -> Node:
        target = self.document.targets[node["id"]]
        text = target.text(node["name"], self.chapter)
        address = "" if target.page == self.chapter.slug else f"{target.page}.html"
        if not target.is_chapter or not address:
            address += f"#{target.id}"
        link = f'<a href="{address}" class="quarto-xref">{escaping.escape(text)}</a>'
        return tree.raw_inline("html", link)

    def inline_image(self, node: Node) -> Node:
        """An image, with alternative text from `fig-alt` or its caption."""
        (identifier, classes, pairs), text, target = node["c"]
        given = dict(pairs)
        if "fig-alt" in given:
            given["alt"] = given.pop("fig-alt")
        # A length with a unit is no attribute of HTML.
        units = [name for name in ("width", "height") if not given.get(name, "1").isdecimal()]
        if units:
            given["style"] = "; ".join(f"{name}: {given.pop(name)}" for name in units)
        attributes = [identifier, ["img-fluid", "figure-img", *classes], [*given.items()]]
        return {"t": "Image", "c": [attributes, text, target]}


def _span(inlines: list[Node], name: str = "", identifier: str = "") -> Node:
    return {"t": "Span", "c": [[identifier, name.split(), []], inlines]}


def _without_words(node: Node) -> Node | None:
    """A figure's picture without the words of its caption."""
    return {"t": "Image", "c": [node["c"][0], [], node["c"][2]]} if node["t"] == "Image" else None
