"""Writes a numbered chapter as HTML with Quarto's class names."""

import html as escaping
import re
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

_PAGE = re.compile(r"""(\shref=["'][^"':]+)\.qmd(["'#])""")
WEB = ("--section-divs", "--mathml", "--syntax-highlighting=pygments")


def write_body(chapter: Chapter, document: Document, book: Book) -> str:
    """The chapter's content as HTML, without its first heading."""
    with about(chapter.page.path, chapter.executed.where):
        writer = _Writer(chapter, document)
        blocks = writer.blocks(chapter.blocks)
        lists = any(div["c"][0][0] == "refs" for div in tree.every(chapter.blocks, "Div"))
        return tree.write(blocks, arguments(book), metadata(book, document if lists else None))


def write_inlines(inlines: list[Node], book: Book) -> str:
    """A heading's inlines as HTML."""
    cites = any(tree.every(inlines, "Cite"))  # only then is the bibliography read
    options = arguments(book) if cites else ["-t", "html5", "--mathml"]
    meta = metadata(book, None) | {"suppress-bibliography": {"t": "MetaBool", "c": True}}
    return tree.write([{"t": "Plain", "c": inlines}], options, meta).strip()


def arguments(book: Book) -> list[str]:
    """Pandoc's options for every page."""
    return ["-t", "html5", *WEB, "--wrap=none", *citeproc(book)]


def citeproc(book: Book) -> list[str]:
    """Pandoc's options for citations."""
    return ["--citeproc", *(f"--bibliography={path}" for path in book.bibliography)]


def metadata(book: Book, cites_all_of: Document | None) -> dict[str, Any]:
    """Metadata for citeproc: language, links and, for the list of references, all citations."""
    meta: dict[str, Any] = {
        "lang": {"t": "MetaString", "c": book.lang},
        "link-citations": {"t": "MetaBool", "c": True},
    }
    if cites_all_of is not None:
        cites = [
            cite
            for chapter in cites_all_of.chapters
            for cite in tree.every([chapter.title, chapter.blocks], "Cite")
        ]
        meta["nocite"] = {"t": "MetaInlines", "c": cites}
    return meta


def document_title(chapter: Chapter, book: Book) -> str:
    """The title for the browser's tab."""
    if chapter.is_index:
        return book.title
    return f"{chapter.heading} – {book.title}"


def _raw(text: str) -> Node:
    return tree.raw_block("html", text)


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
        callout = tree.callout(node)
        if callout:
            return self._callout(callout, identifier, classes, pairs)
        if "panel-tabset" in classes:
            return self._tabset(content, identifier)
        if "cell-fold" in classes:
            summary = escaping.escape(pairs.get("summary", "Code"), quote=False)
            opening = f'<details class="code-fold">\n<summary>{summary}</summary>'
            return [_raw(opening), *self.blocks(content), _raw("</details>")]
        if "content-visible" in classes or "content-hidden" in classes:
            visible = self.blocks(content) if tree.is_visible(node, "html") else []
            return [{"t": "Div", "c": [[identifier, [], []], visible]}] if identifier else visible
        if "layout-ncol" in pairs:
            return self._panel(content, int(pairs["layout-ncol"]), identifier)
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

    def _panel(self, blocks: list[Node], columns: int, identifier: str = "") -> list[Node]:
        """Blocks side by side."""
        cells = [tree.div(self.block(block), "quarto-layout-cell") for block in blocks]
        opening = f'<div{_id(identifier)} class="quarto-layout-panel" style="--columns: {columns}">'
        return [_raw(opening), *cells, _raw("</div>")]

    def _callout(
        self, callout: tree.Callout, identifier: str, classes: list[str], pairs: dict[str, str]
    ) -> list[Node]:
        kind, title, content, heading = callout
        simple = pairs.get("appearance") in ("simple", "minimal")
        more = escaping.escape(" ".join(c for c in classes if not c.startswith("callout-")))
        style = escaping.escape(pairs.get("appearance", "default"))
        outer = f"callout callout-style-{style} callout-{kind}"
        outer += "" if simple and not title else " callout-titled"
        parts = [_raw(f'<div{_id(identifier)} class="{outer} {more}">'.replace(' ">', '">'))]
        collapsible = "collapse" in pairs
        self.callouts += 1
        body_id = f"callout-{self.callouts}"
        if title or not simple:
            # Screen readers read the kind, which others see by its colour; without a title the kind
            # is the title.
            name = f'<span class="screen-reader-only">{kind.capitalize()}</span>' if title else ""
            toggle = ""
            if collapsible:
                expanded = str(pairs["collapse"] == "false").lower()
                toggle = f' role="button" tabindex="0" aria-controls="{body_id}" aria-expanded="{expanded}"'
            opening = (
                f'<div class="callout-header"{toggle}><div class="callout-icon-container">'
                f'<i class="callout-icon"></i></div><div class="callout-title-container">{name}'
            )
            text = self.words(title or tree.words(kind.capitalize()))
            named = f"<span{_id(heading)}>" if heading else ""
            parts.append(_line(opening, named, text, "</span>" if named else "", "</div></div>"))
        wrap = f'<div id="{body_id}" class="callout-collapse">' if collapsible else ""
        parts.append(_raw(f'{wrap}<div class="callout-body-container callout-body">'))
        closing = "</div></div>" + ("</div>" if collapsible else "")
        return [*parts, *self.blocks(content), _raw(closing)]

    def _tabset(self, blocks: list[Node], identifier: str) -> list[Node]:
        tabs: list[tuple[Node, list[Node]]] = []
        for block in blocks:
            if tree.is_title(block, blocks):
                tabs.append((block, []))
            else:
                tabs[-1][1].append(block)
        self.tabsets += 1
        bar: list[str | list[Node]] = []
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
            opening = (
                f'<div id="{name}" class="tab-pane{active}" role="tabpanel" '
                f'aria-labelledby="{name}-tab">'
            )
            named = [_raw(f"<div{_id(head['c'][1][0])}></div>")]
            panes += [_raw(opening), *named, *self.blocks(content), _raw("</div>")]
        opening = (
            f'<div{_id(identifier)} class="panel-tabset"><ul class="nav nav-tabs" role="tablist">'
        )
        line = _line(opening, *bar, '</ul><div class="tab-content">')
        return [line, *panes, _raw("</div></div>")]

    def block_float(self, node: Node) -> list[Node]:
        identifier, kind, number = node["id"], node["kind"], node["number"]
        label = number if node["is_panel"] else f"{LABELS[kind]}\N{NO-BREAK SPACE}{number}"
        if node["caption"]:
            label += " " if node["is_panel"] else ": "
        place = "top" if kind == "tbl" else "bottom"
        opening = (
            f'<figcaption id="{identifier}-caption-text" class="quarto-float-caption-{place} '
            f'quarto-float-caption quarto-float-{kind}">{label}'
        )
        caption = _line(opening, self.words(node["caption"]), "</figcaption>")
        columns = node["columns"]
        body = tree.rewrite(node["c"], _without_words)
        content = [
            _raw(f'<div aria-describedby="{identifier}-caption-text">'),
            *(self._panel(body, columns) if columns else self.blocks(body)),
            _raw("</div>"),
        ]
        start = (
            f'<div id="{identifier}" class="quarto-float quarto-figure quarto-figure-center anchored">\n'
            f'<figure class="quarto-float quarto-float-{kind} figure">'
        )
        parts = [caption, *content] if kind == "tbl" else [*content, caption]
        return [_raw(start), *parts, _raw("</figure>\n</div>")]

    def block_figure(self, node: Node) -> list[Node]:
        """A captioned picture without a label: no number."""
        caption = self.words(tree.caption(node))
        return [
            _raw('<div class="quarto-figure"><figure class="figure">'),
            *self.blocks(tree.rewrite(node["c"][2], _without_words)),
            _line("<figcaption>", caption, "</figcaption>"),
            _raw("</figure></div>"),
        ]

    def block_header(self, node: Node) -> list[Node]:
        level, (identifier, classes, pairs), title = node["c"]
        number = dict(pairs).get("number")
        inlines = self.words(title)
        if number:
            sign = f'<span class="header-section-number">{number}</span> '
            inlines = [tree.raw_inline("html", sign), *inlines]
        # The page's title is its only h1; the front page's other headings are sections.
        return [{"t": "Header", "c": [max(level, 2), [identifier, classes, []], inlines]}]

    def inline_equation(self, node: Node) -> list[Node]:
        number = f'<span class="equation-number">({node["number"]})</span></span>'
        opening = tree.raw_inline("html", f'<span id="{node["id"]}" class="equation">')
        return [opening, *node["c"], tree.raw_inline("html", number)]

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
        (identifier, classes, pairs), text, (source, title) = node["c"]
        given = dict(pairs)
        alt = given.get("fig-alt", given.get("alt")) or tree.text_of(text)
        sizes = {name: given[name] for name in ("width", "height") if given.get(name)}
        styles = [f"{name}: {value}" for name, value in sizes.items() if not value.isdecimal()]
        values = {
            "src": source,
            "class": " ".join(["img-fluid", "figure-img", *classes]),
            "id": identifier or None,
            "alt": alt if alt or "fig-alt" in given or "alt" in given else None,
            "title": title or None,
            "loading": given.get("loading"),
            **{name: value for name, value in sizes.items() if value.isdecimal()},
            "style": "; ".join(styles) or None,
        }
        parts = [f'{k}="{escaping.escape(v)}"' for k, v in values.items() if v is not None]
        return tree.raw_inline("html", f"<img {' '.join(parts)}>")


def _id(identifier: str) -> str:
    """An id as an attribute; "" if there is none."""
    return f' id="{escaping.escape(identifier)}"' if identifier else ""


def _without_words(node: Node) -> Node | None:
    """A figure's picture without the words of its caption."""
    return {"t": "Image", "c": [node["c"][0], [], node["c"][2]]} if node["t"] == "Image" else None
