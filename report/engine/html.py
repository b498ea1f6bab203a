"""Writes a numbered chapter as HTML with Quarto's class names."""

import html as escaping
from pathlib import PurePosixPath
from typing import Any

from report.engine import tree
from report.engine.config import Book
from report.engine.document import Chapter, Document
from report.engine.tree import Node

CALLOUTS = ("note", "tip", "important", "warning", "caution")


def write_body(chapter: Chapter, document: Document, book: Book) -> str:
    """The chapter's content, without its first heading."""
    writer = _Writer(chapter, document)
    blocks = writer.blocks(chapter.blocks)
    everything = chapter.slug in _pages_of_references(document)
    return tree.write(blocks, arguments(book), metadata(book, document if everything else None))


def write_inlines(inlines: list[Node]) -> str:
    """A heading's or a caption's words."""
    if not inlines:
        return ""
    return tree.write([{"t": "Plain", "c": inlines}], ["-t", "html5"], {}).strip()


def arguments(book: Book) -> list[str]:
    """Pandoc's options for every page."""
    options = [
        "-t",
        "html5",
        "--section-divs",
        "--mathml",
        "--wrap=none",
        "--syntax-highlighting=pygments",
    ]
    if book.bibliography:
        options.append("--citeproc")
        options += [f"--bibliography={path}" for path in book.bibliography]
    if book.csl:
        options.append(f"--csl={book.csl}")
    return options


def metadata(book: Book, cites_all_of: Document | None) -> dict[str, Any]:
    """What citeproc goes by: the language, links, and for the list of references all that is cited."""
    meta: dict[str, Any] = {
        "lang": {"t": "MetaString", "c": book.lang},
        "link-citations": {"t": "MetaBool", "c": True},
    }
    if cites_all_of is not None:
        cites = [
            cite for chapter in cites_all_of.chapters for cite in tree.every(chapter.blocks, "Cite")
        ]
        meta["nocite"] = {"t": "MetaInlines", "c": cites}
    return meta


def document_title(chapter: Chapter, book: Book) -> str:
    """As the browser's tab shows it."""
    if chapter.is_index:
        return book.title
    number = f"{chapter.number} " if chapter.number else ""
    return f"{number}{tree.text_of(chapter.title).strip()} – {book.title}"


def _pages_of_references(document: Document) -> set[str]:
    return {
        chapter.slug
        for chapter in document.chapters
        for div in tree.every(chapter.blocks, "Div")
        if div["c"][0][0] == "refs"
    }


class _Writer:
    """Turns our nodes and Quarto's divs into pandoc's nodes and raw HTML."""

    def __init__(self, chapter: Chapter, document: Document) -> None:
        self.chapter, self.document = chapter, document
        self.callouts = 0
        self.tabsets = 0

    def blocks(self, nodes: list[Node]) -> list[Node]:
        result: list[Node] = []
        for node in nodes:
            result += self.block(node)
        return result

    def block(self, node: Node) -> list[Node]:
        kind = node["t"]
        _, classes, pairs = tree.attributes(node)
        if kind == "Float":
            return self._float(node)
        if kind == "Equation":
            return self._equation(node)
        if kind == "Header":
            return [self._heading(node)]
        if kind == "Figure":
            return self._plain_figure(node)
        if kind == "Div":
            special = self._special_div(node, classes, pairs)
            if special is not None:
                return special
            return [{"t": "Div", "c": [node["c"][0], self.blocks(node["c"][1])]}]
        if kind in (
            "BulletList",
            "BlockQuote",
            "OrderedList",
            "DefinitionList",
            "Table",
            "LineBlock",
        ):
            return [self._inside(node)]
        if kind == "Para" and all(part["t"] == "Image" for part in node["c"]):
            return [self._sentence({"t": "Plain", "c": node["c"]})]  # a picture is no paragraph
        return [self._sentence(node)]

    def _inside(self, node: Node) -> Node:
        """A block with blocks in it: lists, quotes, tables."""
        if node["t"] == "BlockQuote":
            return {"t": "BlockQuote", "c": self.blocks(node["c"])}
        if node["t"] == "BulletList":
            return {"t": "BulletList", "c": [self.blocks(item) for item in node["c"]]}
        if node["t"] == "OrderedList":
            return {"t": "OrderedList", "c": [node["c"][0], [self.blocks(i) for i in node["c"][1]]]}
        return self._sentence(node)

    def _special_div(
        self, node: Node, classes: list[str], pairs: dict[str, str]
    ) -> list[Node] | None:
        callout = next(
            (c[8:] for c in classes if c.startswith("callout-") and c[8:] in CALLOUTS), None
        )
        if callout:
            return self._callout(node, callout, classes, pairs)
        if "panel-tabset" in classes:
            return self._tabset(node)
        if "cell-fold" in classes:
            state = " open" if pairs.get("state") == "open" else ""
            summary = escaping.escape(pairs["summary"], quote=False)
            opening = f'<details class="code-fold"{state}>\n<summary>{summary}</summary>'
            return [
                tree.raw_block("html", opening),
                *self.blocks(node["c"][1]),
                tree.raw_block("html", "</details>"),
            ]
        if "content-visible" in classes or "content-hidden" in classes:
            return self.blocks(node["c"][1]) if is_visible(classes, pairs, "html") else []
        return None

    def _callout(
        self, node: Node, kind: str, classes: list[str], pairs: dict[str, str]
    ) -> list[Node]:
        content = list(node["c"][1])
        title: list[Node] = []
        if content and content[0]["t"] == "Header":
            title = content.pop(0)["c"][2]
        elif "title" in pairs:
            title = tree.words(pairs["title"])
        simple = pairs.get("appearance") in ("simple", "minimal")
        more = " ".join(c for c in classes if not c.startswith("callout-"))
        style = pairs.get("appearance", "default")
        outer = f"callout callout-style-{style} callout-{kind}"
        outer += "" if simple and not title else " callout-titled"
        parts = [tree.raw_block("html", f'<div class="{outer} {more}">'.replace(' ">', '">'))]
        collapsible = "collapse" in pairs
        self.callouts += 1
        body_id = f"callout-{self.callouts}"
        if title or not simple:
            # Who can't see the colour hears the kind; without a title the kind is the title.
            name = f'<span class="screen-reader-only">{kind.capitalize()}</span>' if title else ""
            text = title or tree.words(kind.capitalize())
            toggle = ""
            if collapsible:
                expanded = str(pairs["collapse"] == "false").lower()
                toggle = f' role="button" tabindex="0" aria-controls="{body_id}" aria-expanded="{expanded}"'
            opening = (
                f'<div class="callout-header"{toggle}><div class="callout-icon-container">'
                f'<i class="callout-icon"></i></div><div class="callout-title-container">{name}'
            )
            parts += [
                {
                    "t": "Plain",
                    "c": [
                        tree.raw_inline("html", opening),
                        *self.inlines(text),
                        tree.raw_inline("html", "</div></div>"),
                    ],
                }
            ]
        wrap = f'<div id="{body_id}" class="callout-collapse">' if collapsible else ""
        parts.append(
            tree.raw_block("html", f'{wrap}<div class="callout-body-container callout-body">')
        )
        parts += self.blocks(content)
        parts.append(tree.raw_block("html", "</div></div>" + ("</div>" if collapsible else "")))
        return parts

    def _tabset(self, node: Node) -> list[Node]:
        tabs: list[tuple[list[Node], list[Node]]] = []
        for block in node["c"][1]:
            if block["t"] == "Header":
                tabs.append((block["c"][2], []))
            elif tabs:
                tabs[-1][1].append(block)
        self.tabsets += 1
        name = f"tabset-{self.tabsets}"
        inlines: list[Node] = []
        panes: list[Node] = []
        for place, (title, content) in enumerate(tabs, start=1):
            active = " active" if place == 1 else ""
            inlines += [
                tree.raw_inline(
                    "html",
                    f'<li class="nav-item" role="presentation"><a class="nav-link{active}" role="tab" '
                    f'id="{name}-{place}-tab" href="#{name}-{place}" aria-controls="{name}-{place}" '
                    f'aria-selected="{str(place == 1).lower()}">',
                ),
                *self.inlines(title),
                tree.raw_inline("html", "</a></li>"),
            ]
            panes += [
                tree.raw_block(
                    "html",
                    f'<div id="{name}-{place}" class="tab-pane{active}" role="tabpanel" '
                    f'aria-labelledby="{name}-{place}-tab">',
                ),
                *self.blocks(content),
                tree.raw_block("html", "</div>"),
            ]
        opening = '<div class="panel-tabset"><ul class="nav nav-tabs" role="tablist">'
        return [
            {
                "t": "Plain",
                "c": [
                    tree.raw_inline("html", opening),
                    *inlines,
                    tree.raw_inline("html", '</ul><div class="tab-content">'),
                ],
            },
            *panes,
            tree.raw_block("html", "</div></div>"),
        ]

    def _float(self, node: Node, inner: bool = False) -> list[Node]:
        identifier, kind, number = node["id"], node["kind"], node["number"]
        name = {"fig": "Figure", "tbl": "Table"}[kind]
        label = number if inner else f"{name}\N{NO-BREAK SPACE}{number}:"
        place = "top" if kind == "tbl" else "bottom"
        opening = (
            f'<figcaption id="{identifier}-caption-text" class="quarto-float-caption-{place} '
            f'quarto-float-caption quarto-float-{kind}">{label} '
        )
        caption = {
            "t": "Plain",
            "c": [
                tree.raw_inline("html", opening),
                *self.inlines(node["caption"]),
                tree.raw_inline("html", "</figcaption>"),
            ],
        }
        content: list[Node] = [
            tree.raw_block("html", f'<div aria-describedby="{identifier}-caption-text">')
        ]
        panels = [part for part in node["c"] if part["t"] == "Float"]
        if panels:
            columns = node.get("columns") or len(panels)
            content.append(
                tree.raw_block(
                    "html", f'<div class="quarto-layout-panel" style="--columns: {int(columns)}">'
                )
            )
        for part in node["c"]:
            content += self._float(part, inner=True) if part["t"] == "Float" else self.block(part)
        if panels:
            content.append(tree.raw_block("html", "</div>"))
        content.append(tree.raw_block("html", "</div>"))
        classes = "quarto-float quarto-figure quarto-figure-center anchored"
        start = (
            f'<div id="{identifier}" class="{classes}">\n'
            f'<figure class="quarto-float quarto-float-{kind} figure">'
        )
        body = [caption, *content] if kind == "tbl" else [*content, caption]
        return [
            tree.raw_block("html", start),
            *body,
            tree.raw_block("html", "</figure>\n</div>"),
        ]

    def _plain_figure(self, node: Node) -> list[Node]:
        """A captioned picture without a label: no number."""
        caption = [inline for block in node["c"][1][1] for inline in block["c"]]
        return [
            tree.raw_block("html", '<div class="quarto-figure"><figure class="figure">'),
            *self.blocks(node["c"][2]),
            {
                "t": "Plain",
                "c": [
                    tree.raw_inline("html", "<figcaption>"),
                    *self.inlines(caption),
                    tree.raw_inline("html", "</figcaption>"),
                ],
            },
            tree.raw_block("html", "</figure></div>"),
        ]

    def _equation(self, node: Node) -> list[Node]:
        opening = f'<span id="{node["id"]}" class="equation">'
        number = f'<span class="equation-number">({node["number"]})</span></span>'
        return [
            {
                "t": "Para",
                "c": [
                    tree.raw_inline("html", opening),
                    *node["c"],
                    tree.raw_inline("html", number),
                ],
            }
        ]

    def _heading(self, node: Node) -> Node:
        level, (identifier, classes, pairs), title = node["c"]
        number = dict(pairs).get("number")
        inlines = self.inlines(title)
        if number:
            sign = f'<span class="header-section-number">{number}</span> '
            inlines = [tree.raw_inline("html", sign), *inlines]
        # The page's one heading of the first level is its title; below it the book's front page has
        # sections.
        level = 2 if level == 1 else level
        return {"t": "Header", "c": [level, [identifier, classes, []], inlines]}

    def inlines(self, nodes: list[Node]) -> list[Node]:
        changed: list[Node] = tree.rewrite(nodes, self._change)
        return changed

    def _sentence(self, node: Node) -> Node:
        changed: Node = tree.rewrite(node, self._change)
        return changed

    def _change(self, node: Node) -> Node | None:
        if node["t"] == "Reference":
            return tree.raw_inline("html", self._reference(node["id"]))
        if node["t"] == "Image":
            return tree.raw_inline("html", image(node))
        if node["t"] == "Link":
            attributes_, text, (url, title) = node["c"]
            return {"t": "Link", "c": [attributes_, text, [web_address(url), title]]}
        return None

    def _reference(self, identifier: str) -> str:
        target = self.document.targets[identifier]
        text = target.text
        if target.kind == "sec" and self.chapter.number is None:
            # From a page without numbers Quarto names a section by its title.
            text = tree.text_of(target.title).strip()
        address = "" if target.page == self.chapter.slug else f"{target.page}.html"
        if not target.is_chapter or not address:
            address += f"#{identifier}"
        return f'<a href="{address}" class="quarto-xref">{escaping.escape(text)}</a>'


def image(node: Node) -> str:
    """An image as HTML, with the alternative text that `fig-alt` gives, or its caption's words."""
    (identifier, classes, pairs), text, (source, _) = node["c"]
    given = dict(pairs)
    alt = given.get("fig-alt", given.get("alt")) or tree.text_of(text)
    parts = [f'src="{escaping.escape(source)}"']
    parts.append('class="{}"'.format(" ".join(["img-fluid", "figure-img", *classes])))
    if identifier:
        parts.append(f'id="{identifier}"')
    if "fig-alt" in given or "alt" in given:
        parts.append(f'alt="{escaping.escape(alt)}"')
    for name in ("width", "height"):
        value = given.get(name, "")
        if value.isdigit():
            parts.append(f'{name}="{value}"')
        elif value:
            parts.append(f'style="{name}: {escaping.escape(value)}"')
    return f"<img {' '.join(parts)}>"


def is_visible(classes: list[str], pairs: dict[str, str], format_: str) -> bool:
    """Whether a conditional div shows in a format."""
    asked = pairs.get("when-format", "")
    applies = asked == format_ or (asked == "pdf" and format_ == "typst")
    if "unless-format" in pairs:
        applies = pairs["unless-format"] != format_
    return applies if "content-visible" in classes else not applies


def web_address(url: str) -> str:
    """A link to a page's source as a link to the page."""
    path, sign, anchor = url.partition("#")
    if "://" not in path and PurePosixPath(path).suffix == ".qmd":
        return f"{path.removesuffix('.qmd')}.html{sign}{anchor}"
    return url
