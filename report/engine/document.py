"""Numbers a book's chapters, sections, figures, tables and equations, and resolves cross-references."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from string import ascii_lowercase, ascii_uppercase
from typing import Any

from report.engine import tree
from report.engine.config import Book
from report.engine.errors import RenderError, about, at
from report.engine.known import FOREIGN, LABELS, UNKNOWN_LABEL, unknown
from report.engine.outputs import Executed
from report.engine.source import Page
from report.engine.tree import Node

_REFERENCE = re.compile(rf"^({'|'.join(LABELS)})-")
_LABEL = re.compile(r"^\{#(eq-[\w-]+)\}(.*)$")
_AROUND_TABLES = re.compile(r"<style.*?</style>|<!--.*?-->|</?div[^>]*>", re.DOTALL)
_HTML_TABLE = re.compile(r"<table.*</table>\s*(<p>[^<]*</p>)?", re.DOTALL)
# What a kind of node may not contain, and why.
_REFUSED = {
    # Markup that pandoc shows as text because it is not valid.
    "Str": {
        r"^:{3,}.*": "this ::: would be shown as text; put it at the left margin, with an empty line above",
        r".*\[\^[^\]\s]+\].*": "this note has no text; define it",
        r".*\]\[[^\]\s]*\].*": "this link has no address; define it",
    },
    # Commands that pandoc renders differently in Typst and MathML.
    "Math": {
        r"\\(!|operatorname\*|(left|right)\s*\.|(color|tag|stackrel|colorbox)(?![a-zA-Z]))":
            "{} looks different on paper and on the web; write the formula without it",
    },
    "tex": {r".*": "LaTeX works only in formulas, between dollar signs; found {}"},
    "listing": {
        r"(?m)(#|//|--|%|;)\s*<\d+>\s*$": "annotations of code are not supported; write a comment",
    },
}  # fmt: skip
NO_WORDS = ("Image", "Space", "SoftBreak", "LineBreak")
_DEEPEST = 6  # a heading's lowest level
_IDENTIFIER = re.compile(r"[\w:.-]+")


@dataclass(frozen=True)
class Target:
    """What a cross-reference can point to."""

    id: str
    kind: str  # "fig", "tbl", "sec" or "eq"
    number: str | None  # None for what has no number
    title: str  # of a section; "" for all else
    page: str  # the page's name without its ending
    is_chapter: bool = False
    is_appendix: bool = False
    is_uncounted: bool = False  # a section without a number on a page whose sections have some

    def text(self, name: str | None, chapter: "Chapter | None") -> str:
        """How a reference to it reads: "Figure 1.2", or by another name, or by its bare number.

        Args:
            name: what it is called in the reference's brackets, "" for nothing; None for its own name.
            chapter: the web's page on which the reference stands; None for paper.
        """
        if self.is_chapter:
            own = "Appendix" if self.is_appendix else "Chapter"
        else:
            own = LABELS[self.kind]
        if self.number is None:
            return self.title
        if chapter and self.kind == "sec" and chapter.number is None:
            # From a page without numbers Quarto names a section by its title.
            if not self.is_chapter:
                return self.title
            space = "\N{NO-BREAK SPACE}"
            number = f"{own}{space}{self.number} —" if self.is_appendix else f"{self.number}{space}"
            return f"{number} {self.title}"
        name = own if name is None else name
        return f"{name}\N{NO-BREAK SPACE}{self.number}" if name else self.number


@dataclass
class Chapter:
    """A page's syntax tree, with floats and headings numbered."""

    executed: Executed
    # "3" or "A", the prefix of its figures' numbers; None for an unnumbered chapter.
    place: str | None
    number: str | None  # the same if headings show it
    id: str
    title: list[Node]
    blocks: list[Node]  # without the chapter's own heading
    is_index: bool
    is_appendix: bool
    toc: list[dict[str, Any]] = field(default_factory=list)

    @property
    def page(self) -> Page:
        """The page's source."""
        return self.executed.page

    @property
    def slug(self) -> str:
        """The page's file name without its suffix."""
        return self.page.path.stem

    @property
    def heading(self) -> str:
        """The title as plain text, with its number."""
        title = tree.text_of(self.title).strip()
        if self.number is None or self.is_index:
            return title
        return f"Appendix {self.number} — {title}" if self.is_appendix else f"{self.number} {title}"

    def error(self, text: str, problem: str) -> RenderError:
        """An error at the file and line that contain or printed `text`."""
        return self.executed.error(text, problem)


@dataclass(frozen=True)
class Document:
    """All chapters and all targets of cross-references."""

    chapters: tuple[Chapter, ...]
    targets: dict[str, Target]


def assemble(executed: list[Executed], book: Book) -> Document:
    """Parse every page and number it.

    Raises:
        RenderError: a label occurs twice, a reference has no target, or a page has no heading.
    """
    chapters: list[Chapter] = []
    targets: dict[str, Target] = {}
    counts: Counter[bool] = Counter()

    def open_chapter(one: Executed) -> Chapter:
        with about(one.page.path, one.where):
            return _open_chapter(one, book)

    for chapter in tree.each(open_chapter, executed):
        path = chapter.page.path
        with about(path, chapter.executed.where):
            if chapter.place is not None:
                count = counts[chapter.is_appendix]
                counts[chapter.is_appendix] += 1
                if chapter.is_appendix and count == len(ascii_uppercase):
                    problem = f"a book can have at most {count} appendices"
                    raise at(path, None, f"{problem}; make some {{.unnumbered}}")
                chapter.place = ascii_uppercase[count] if chapter.is_appendix else str(count + 1)
                chapter.number = chapter.place if chapter.number is not None else None
            _Numbering(chapter, targets).run()
            chapters.append(chapter)
    document = Document(tuple(chapters), targets)
    for chapter in chapters:
        with about(chapter.page.path):
            refer = partial(_refer, chapter=chapter, document=document)
            chapter.title = tree.rewrite(chapter.title, refer)
            chapter.blocks = tree.rewrite(chapter.blocks, refer)
    return document


def _open_chapter(executed: Executed, book: Book) -> Chapter:
    """A page's tree without its title, which is its first heading or comes from its front matter."""
    page = executed.page
    front_matter = page.front_matter
    is_index = page.path == book.chapters[0]
    blocks = tree.rewrite(tree.read(executed.markdown), _read_further)
    _refuse_unknown(blocks, executed)
    heads = [block for block in blocks if block["t"] == "Header" and block["c"][0] == 1]
    identifier = ""
    classes: list[str] = []
    if front_matter.get("title"):
        title = tree.read_inlines(str(front_matter["title"]))
    elif heads:
        identifier, classes, _ = tree.attributes(heads[0])
        title = heads[0]["c"][2]
        if not is_index:  # the front page's title is the book's; its own heading stays below
            blocks.remove(heads[0])
    else:
        raise at(page.path, None, "this page has no title; begin it with a # heading")
    if len(heads) > 1:
        second = tree.text_of(heads[1]["c"][2]).strip()
        problem = f"a page can have only one # heading; make {second!r} a ## heading"
        raise executed.error(f"# {second}", problem)
    counted = "unnumbered" not in classes
    options = {**book.html, **front_matter}
    return Chapter(
        executed,
        place="" if counted else None,
        number="" if counted and options.get("number-sections") is not False else None,
        id=identifier,
        title=title,
        blocks=blocks,
        is_index=is_index,
        is_appendix=page.path in book.appendices,
    )


def _refuse_unknown(blocks: list[Node], executed: Executed) -> None:
    """Refuse markup that Quarto supports but this engine does not, and markup that pandoc would drop."""
    for node in tree.every(blocks):
        kind, (_, classes, pairs) = node["t"], tree.attributes(node)
        for name, problem in unknown(kind, classes, pairs):
            named = (f"{sign}{name}" for sign in (".", "") if executed.has(f"{sign}{name}"))
            raise executed.error(next(named, name), f"unknown {problem}")
        text = node["c"][1] if kind in ("Math", "CodeBlock", "RawBlock", "RawInline") else ""
        if kind == "Str":
            text = node["c"]
        elif kind == "CodeBlock" and classes:
            kind = "listing"
        elif text and node["c"][0] in ("tex", "latex"):
            kind = "tex"
        for pattern, problem in _REFUSED.get(kind, {}).items():
            if found := re.search(pattern, text):
                raise executed.error(found[0], problem.format(found[0]))
        for name in ("width", "height") if kind == "Image" else ():
            length = tree.LENGTH.fullmatch(pairs.get(name, "1px"))
            if not length or (name == "height" and length[2] == "%"):
                problem = f"{name} must be like 300, 50%, 3in or 8cm; found {pairs[name]!r}"
                raise executed.error(pairs[name], problem)


def _read_further(node: Node) -> list[Node] | None:
    """Parse what pandoc leaves as raw: HTML tables, so that the PDF shows them, too, and linked figures."""
    if node["t"] == "RawBlock" and node["c"][0] == "html":
        text = _AROUND_TABLES.sub("", node["c"][1]).strip()
        if _HTML_TABLE.fullmatch(text):
            return tree.read(text, "html")
    if node["t"] == "Para" and [part["t"] for part in node["c"]] == ["Link"]:
        (link,) = node["c"]
        if [part["t"] for part in link["c"][1]] == ["Image"] and link["c"][1][0]["c"][1]:
            caption = [None, [{"t": "Plain", "c": link["c"][1][0]["c"][1]}]]
            return [{"t": "Figure", "c": [["", [], []], caption, [{"t": "Plain", "c": [link]}]]}]
    if node["t"] == "Div" and "cell-html" in node["c"][0][1] and node["c"][1]:
        *shown, plain = node["c"][1]
        if any(block["t"] == "Table" for block in shown):
            return [{"t": "Div", "c": [node["c"][0], shown]}]
        paper = {"t": "Div", "c": [["", ["content-visible"], [["when-format", "typst"]]], [plain]]}
        return [{"t": "Div", "c": [node["c"][0], [*shown, paper]]}]
    return None


class _Numbering:
    """Numbers a chapter's floats, headings and equations in one pass."""

    def __init__(self, chapter: Chapter, targets: dict[str, Target]) -> None:
        self.chapter, self.targets = chapter, targets
        self.counts: Counter[str] = Counter()
        self.sections = [0] * _DEEPEST
        self.around: str | None = None  # the number of the enclosing float
        self.panels = 0

    def run(self) -> None:
        """Number the chapter, in place."""
        chapter = self.chapter
        if chapter.id.startswith("sec-"):
            uncounted = chapter.place is None
            self._define(
                chapter.id, "sec", chapter.number, chapter.title, uncounted, is_chapter=True
            )
        chapter.blocks = self._blocks(chapter.blocks)
        for node in tree.every(chapter.blocks):
            label, _, _ = tree.attributes(node)
            if node["t"] == "Str" and (found := _LABEL.match(node["c"])):
                label = found[1]
            elif not label.startswith(("fig-", "tbl-")) or label in self.targets:
                continue
            elif node["t"] == "Header":
                continue  # referred to by its title
            problem = f"{label} can't be numbered here; label a whole figure, table or formula"
            raise chapter.error(label, problem)

    def _blocks(self, nodes: list[Node]) -> list[Node]:
        return [self._block(node) for node in nodes]

    def _block(self, node: Node) -> Node:
        identifier, classes, pairs = tree.attributes(node)
        kind, hyphen, _ = identifier.partition("-")
        kind = kind if hyphen else ""
        if FOREIGN.match(identifier):
            raise self.chapter.error(identifier, UNKNOWN_LABEL.format(identifier))
        if node["t"] == "Header":
            return self._heading(node)
        if node["t"] == "Div":
            return self._div(node, kind)
        if node["t"] == "Figure" and kind == "fig":
            return self._float(identifier, kind, tree.caption(node), node["c"][2], pairs)
        if node["t"] == "Table" and kind == "tbl" and node["c"][1][1]:
            table = {"t": "Table", "c": [["", classes, []], [None, []], *node["c"][2:]]}
            return self._float(identifier, kind, tree.caption(node), [table], pairs)
        if node["t"] in ("Para", "Plain"):
            return {"t": node["t"], "c": self._equations(node["c"])}
        return tree.within(node, self._blocks)

    def _div(self, node: Node, kind: str) -> Node:
        identifier, classes, pairs = tree.attributes(node)
        if "panel-tabset" in classes and not (node["c"][1] and node["c"][1][0]["t"] == "Header"):
            problem = "a tabset must begin with the heading of its first tab"
            raise self.chapter.error("panel-tabset", problem)
        if "title" in pairs and node["c"][1] and node["c"][1][0]["t"] == "Header":
            problem = "two titles, an attribute and a heading; remove one"
            raise self.chapter.error(pairs["title"], problem)
        blocks = list(node["c"][1])
        if kind in ("fig", "tbl"):
            caption = tree.read_inlines(pairs.get(f"{kind}-cap", ""))
            # The last paragraph is the caption if it has text; a paragraph with only a picture is content.
            last: Node = blocks[-1] if blocks else {"t": "Null"}
            is_text = last["t"] == "Para" and any(part["t"] not in NO_WORDS for part in last["c"])
            if not caption and is_text:
                caption = blocks.pop()["c"]
            return self._float(identifier, kind, caption, blocks, pairs)
        # The headings of tabs and callouts are titles; only headings below them are sections.
        titles = "panel-tabset" in classes or any(name.startswith("callout-") for name in classes)
        parts = [
            block if titles and tree.is_title(block, blocks) else self._block(block)
            for block in blocks
        ]
        return {"t": "Div", "c": [node["c"][0], parts]}

    def _heading(self, node: Node) -> Node:
        level, (identifier, classes, pairs), title = node["c"]
        number = None
        counted = level > 1 and "unnumbered" not in classes
        if counted and self.chapter.number:
            self.sections[level - 1] += 1
            self.sections[level:] = [0] * (_DEEPEST - level)
            number = ".".join([self.chapter.number, *map(str, self.sections[1:level])])
        # The front page keeps its own heading, whose id is the chapter's.
        if identifier.startswith("sec-") and identifier != self.chapter.id:
            uncounted = "unnumbered" in classes or bool(self.chapter.number)
            self._define(identifier, "sec", number, title, uncounted)
        if "unlisted" not in classes:
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
        """A numbered figure or table as a node of our own, which the writers turn into pandoc's."""
        if self.around is None:
            number = self._count(kind)
            self._define(identifier, kind, number)
            self.around, self.panels = number, 0
            parts = self._blocks(blocks)
            self.around, is_panel = None, False
        else:
            if self.panels == len(ascii_lowercase):
                problem = f"a figure can have at most {self.panels} panels"
                raise self.chapter.error(identifier, problem)
            number = f"({ascii_lowercase[self.panels]})"
            self.panels += 1
            self._define(identifier, kind, f"{self.around} {number}")
            parts, is_panel = self._blocks(blocks), True
        if "layout-ncol" in pairs:
            parts = [tree.div(parts, **{"layout-ncol": pairs["layout-ncol"]})]
        return {
            "t": "Float", "id": identifier, "kind": kind, "number": number, "caption": caption, "c": parts,
            "is_panel": is_panel,
        }  # fmt: skip

    def _equations(self, inlines: list[Node]) -> list[Node]:
        """Displayed maths followed by a label, as a numbered equation: a node of our own."""
        result: list[Node] = []
        for node in inlines:
            found = _LABEL.match(node["c"]) if node["t"] == "Str" else None
            before = [part for part in result if part["t"] not in ("Space", "SoftBreak")]
            if not found or not before or before[-1]["t"] != "Math":
                result.append(node)
                continue
            while result.pop() is not before[-1]:
                pass  # the space between the maths and its label
            number = self._count("eq")
            self._define(found[1], "eq", number)
            result.append({"t": "Equation", "id": found[1], "number": number, "c": [before[-1]]})
            result += [{"t": "Str", "c": found[2]}] if found[2] else []
        return result

    def _count(self, kind: str) -> str:
        self.counts[kind] += 1
        return ".".join(filter(None, [self.chapter.place, str(self.counts[kind])]))

    def _define(
        self, identifier: str, kind: str, number: str | None, title: Sequence[Node] = (),
        is_uncounted: bool = False, is_chapter: bool = False,
    ) -> None:  # fmt: skip
        if identifier in self.targets:
            first = self.targets[identifier].page
            problem = f"label {identifier!r} occurs twice; first on page {first}"
            raise self.chapter.error(identifier, problem)
        if not _IDENTIFIER.fullmatch(identifier):
            problem = f"a label can have only letters, digits, - _ . and :; found {identifier!r}"
            raise self.chapter.error(identifier, problem)
        self.targets[identifier] = Target(
            identifier, kind, number, tree.text_of([*title]).strip(), self.chapter.slug, is_chapter,
            self.chapter.is_appendix, is_uncounted,
        )  # fmt: skip


def _refer(node: Node, chapter: Chapter, document: Document) -> Any:
    """Turn a citation whose key is a label into a cross-reference; leave other citations."""
    if node["t"] != "Cite":
        return None
    cited = [citation["citationId"] for citation in node["c"][0]]
    for name in filter(FOREIGN.match, cited):
        raise chapter.error(f"@{name}", UNKNOWN_LABEL.format(name))
    if not any(_REFERENCE.match(name) for name in cited):
        return None
    inlines: list[Node] = []
    for place, citation in enumerate(node["c"][0]):
        name = citation["citationId"]
        if not _REFERENCE.match(name):
            problem = "references and citations can't share one bracket; separate"
            raise chapter.error(f"@{name}", f"{problem} {', '.join(cited)}")
        target = document.targets.get(name)
        if target is None:
            problem = f"cross-reference to @{name}, but nothing has this label"
            raise chapter.error(f"@{name}", problem)
        if target.number is None and target.is_uncounted:
            problem = f"{name} has no number; link to it as [words](#{name})"
            raise chapter.error(f"@{name}", problem)
        if citation["citationSuffix"]:
            problem = "Quarto drops text after a label in brackets; write it after the bracket"
            raise chapter.error(f"@{name}", problem)
        # [-@fig-a] is its bare number, [Panel @fig-a] goes by another name.
        prefix = tree.text_of(citation["citationPrefix"]).strip()
        bare = citation["citationMode"]["t"] == "SuppressAuthor"
        inlines += [{"t": "Str", "c": ","}, {"t": "Space"}] if place else []
        inlines.append({"t": "Reference", "id": name, "name": prefix or ("" if bare else None)})
    return inlines
