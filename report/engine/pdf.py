"""Writes the book as Typst and compiles it to a PDF."""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path, PurePosixPath
from string import ascii_uppercase
from urllib.parse import unquote

from pneumo.base import storage
from report.engine import losses, tree
from report.engine.cache import Cache, key_of
from report.engine.config import Book
from report.engine.document import NO_WORDS, Chapter, Document
from report.engine.errors import RenderError, about
from report.engine.html import citeproc
from report.engine.known import LABELS
from report.engine.plain import frames, templates
from report.engine.tree import Node

_POINTS = 0.75  # per CSS pixel
# Divs for which the layout has a function; `typst.lua` calls it, for both engines.
_CLASSES = {"headline-item", "headline", "citation-box", "structured-abstract"}
_TEXT_WIDTH = 440.0  # points; a picture of at least this width takes the whole line
TIME_LIMIT = 600  # seconds that Typst may take
# A separate process can be stopped, and its crash does not end the build.
_SETTER = """
import pathlib, sys, typst
source, standards = pathlib.Path(sys.argv[1]), sys.argv[2:]
try:
    pdf, warnings = typst.compile_with_warnings(
        source, root=source.parent, format="pdf", pdf_standards=standards
    )
    source.with_suffix(".pdf").write_bytes(pdf)
    sys.stderr.write("".join(warning.diagnostic for warning in warnings))
except (RuntimeError, typst.TypstError) as error:
    sys.exit(str(getattr(error, "diagnostic", None) or error))
"""
# The template lists several fonts and uses the first that is installed.
_HARMLESS = re.compile("warning: unknown font family")
_PAGE = "// page "  # marks the start of the named page in the source
_raw, _inline = partial(tree.raw_block, "typst"), partial(tree.raw_inline, "typst")
_FIELD = re.compile(r"\.\w")  # which Typst would read as a field access


def write_pdf(
    document: Document, book: Book, files: Mapping[str, bytes], folder: Path, cache: Cache
) -> bytes:
    """The book as a PDF.

    Args:
        document: the numbered book.
        book: its project.
        files: the pictures drawn by cells, by path.
        folder: an empty folder to work in.
        cache: the cache of PDFs, by source and pictures.

    Raises:
        RenderError: Typst fails or exceeds the time limit, or the PDF has lost or doubled a word; names the
            page if it is known.
    """
    for name, content in files.items():
        storage.write(folder / name, content)
    source = folder / "report.typ"
    chapters = write_chapters(document, book, files, folder)
    source.write_text(write_typst(chapters, book), encoding="utf-8")
    numbered = book.typst.get("number-sections", True)
    expected = [
        losses.on_paper(chapter, document, numbered or chapter.is_appendix) + _citations(blocks)
        for chapter, blocks in zip(document.chapters, chapters, strict=True)
    ]
    expected[-1] += f" {book.footer}"
    digests = {
        path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    key = key_of(version("typst"), standards(), digests, expected)
    kept = cache.get("typst", key)
    if kept is not None:
        return kept
    no_glyph = False
    try:
        pdf = _set(source, document, standards())
    except RenderError as error:
        if "PDF/UA" not in str(error):
            raise
        pdf = _set(source, document, [])  # its pages do not meet the standards
        no_glyph = any("could not be displayed" in note for note in error.__notes__)
        unread = "; a letter is in no font, so its words are not checked" if no_glyph else ""
        print(f"report.engine: the PDF does not meet PDF/UA: {error}{unread}", file=sys.stderr)
    if not no_glyph:
        losses.check_paper(document, expected, pdf)
    cache.put("typst", key, pdf)
    return pdf


def standards() -> list[str]:
    """The standards that the PDF meets if its pages allow it.

    These are PDF/UA (accessibility: every picture has a description, headings skip no level) and, with Typst
    0.15 or later, PDF/A (archiving).
    """
    both = tuple(map(int, version("typst").split(".")[:2])) >= (0, 15)
    return ["ua-1", "a-2a"] if both else ["ua-1"]


def _set(source: Path, document: Document, standards: list[str]) -> bytes:
    """Compile a Typst source to PDF."""
    command = [sys.executable, "-c", _SETTER, str(source), *standards]
    try:
        result = subprocess.run(
            command, capture_output=True, check=False, timeout=TIME_LIMIT, encoding="utf-8",
            errors="replace", stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise RenderError(f"Typst: did not end within {TIME_LIMIT} seconds") from None
    if result.returncode:
        refusal = _refusal(result.stderr, source, document)
        refusal.add_note(result.stderr)  # all errors
        raise refusal
    for warning in re.split(r"^(?=warning: )", result.stderr, flags=re.MULTILINE):
        if warning.startswith("warning: ") and not _HARMLESS.match(warning):
            raise _refusal(warning, source, document)
    return source.with_suffix(".pdf").read_bytes()


def _refusal(words: str, source: Path, document: Document) -> RenderError:
    """Typst's error, and the page of the line that it names."""
    said = re.search(r"^(?:error|warning): (.*)", words, re.MULTILINE)
    message = said[1] if said else words.partition("\n")[0]
    message = message or "it crashed; look for deeply nested lists, quotations or divs"
    lines = source.read_text(encoding="utf-8").split("\n")
    # An error in the template's functions was caused by the page that called them.
    for place in map(int, re.findall(rf"{source.name}:(\d+):", words)):
        above = lines[:place]
        slugs = [line.removeprefix(_PAGE) for line in above if line.startswith(_PAGE)]
        for chapter in document.chapters:
            if slugs and chapter.slug == slugs[-1]:
                picture = re.search(r'image\("/([^"]+)"', above[-1])
                near = re.findall(r"[^\W_][\w-]+", " ".join(above[-8:]))
                texts = [picture[1] if picture else above[-1].strip(), *reversed(near)]
                text = next(filter(chapter.executed.has, filter(None, texts)), chapter.slug)
                return chapter.error(text, f"Typst: {message}")
    return RenderError(f"Typst: {message}")


def write_chapters(
    document: Document, book: Book, files: Mapping[str, bytes], folder: Path
) -> list[list[Node]]:
    """Each chapter's nodes for pandoc, with citations filled in; its pictures are copied to a folder."""
    writer = _Writer(document, files, folder)
    chapters = [writer.chapter(chapter) for chapter in document.chapters]
    if not any(div["c"][0][0] == "refs" for div in tree.every(chapters, "Div")):
        # Without a place for the list of references, a heading at the end becomes its title.
        chapters[-1].append(tree.div([], identifier="refs"))

    def where(text: str) -> tuple[Path, int | None]:
        has = (chapter.executed for chapter in document.chapters if chapter.executed.has(text))
        return next(has, document.chapters[0].executed).where(text)

    with about(book.folder / "_quarto.yml", where):
        divs = [tree.div(blocks) for blocks in chapters]
        written = tree.write(divs, ["-t", "json", *citeproc(book)], {})
    return [div["c"][1] for div in json.loads(written)["blocks"]]


def _citations(blocks: list[Node]) -> str:
    """The words of a chapter's citations and list of references."""
    cites = [cite["c"][1] for cite in tree.every(blocks, "Cite")]
    lists = [div for div in tree.every(blocks, "Div") if div["c"][0][0] == "refs"]
    return tree.text_of([*cites, *lists])


def write_typst(chapters: list[list[Node]], book: Book) -> str:
    """The book's source in Typst."""
    blocks = [block for chapter in chapters for block in chapter]
    # Typst's smart quotes would turn an apostrophe after a digit into a prime; it colours code itself.
    options = ["-t", "typst-smart-citations", "--wrap=none", "--syntax-highlighting=idiomatic"]
    with about(book.folder / "_quarto.yml"):
        body = tree.write(blocks, [*options, f"--lua-filter={frames() / 'typst.lua'}"], {})
    # Delimiters that do not collide with Typst's syntax.
    environment = templates(
        block_start_string="<%", block_end_string="%>", variable_start_string="<<",
        variable_end_string=">>", comment_start_string="<#", comment_end_string="#>",
    )  # fmt: skip
    environment.filters["string"] = string
    template = environment.get_template("report.typ.j2")
    # Typst takes a language without its region.
    return template.render(book=replace(book, lang=book.lang.partition("-")[0]), body=body)


def string(text: object) -> str:
    """A text as a quoted Typst string."""
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"') + '"'


class _Writer(tree.Writer):
    """Turns our nodes and Quarto's divs into pandoc's nodes and raw Typst; copies pictures to a folder."""

    def __init__(self, document: Document, files: Mapping[str, bytes], folder: Path) -> None:
        self.document, self.files, self.folder = document, files, folder
        self.here = document.chapters[0]
        self.in_panel = False
        self.in_sentence = False

    def chapter(self, chapter: Chapter) -> list[Node]:
        """A chapter under its heading, with the same number as on the website."""
        self.here = chapter
        result = [_raw(f"{_PAGE}{chapter.slug}")]
        if chapter.place and chapter.number:
            place = chapter.place
            before = int(place) - 1 if place.isdigit() else ascii_uppercase.index(place)
            # The front page's heading is the book's title.
            result.append(_raw(f"#counter(heading).update({before + chapter.is_index})"))
        if chapter.place == "A":
            result.append(_raw('#set heading(numbering: "A.1")'))
        if not chapter.is_index:
            classes = [] if chapter.number else ["unnumbered"]
            attributes = [_label(chapter), classes, []]
            result.append({"t": "Header", "c": [1, attributes, self.words(chapter.title)]})
        with about(chapter.page.path):
            return result + self.blocks(chapter.blocks)

    def block_figure(self, node: Node) -> list[Node]:
        return self._figure(self.blocks(node["c"][2]), tree.caption(node), "plain", "", None)

    def block_codeblock(self, node: Node) -> list[Node] | None:
        _, classes, _ = tree.attributes(node)
        if not {"cell-code", "cell-text"} & set(classes):
            return None
        name = "source" if "cell-code" in classes else "output"
        return self._wrapped(f"#cell-{name}[", [node], "]")

    def block_para(self, node: Node) -> list[Node]:
        self.in_sentence = any(part["t"] not in NO_WORDS for part in node["c"])
        words = self.words(node)
        self.in_sentence = False
        return [words]

    block_plain = block_para

    def block_div(self, node: Node) -> list[Node]:
        _, classes, pairs = tree.attributes(node)
        content = list(node["c"][1])
        if callout := tree.callout(node):
            kind, title, body, _ = callout
            words = self.words(title or tree.words(kind.capitalize()))
            opening = _inline(f'#callout(kind: "{kind}", title: [')
            head = {"t": "Para", "c": [opening, *words, _inline("], body: [")]}
            return [head, *self.blocks(body), _raw("])")]
        if not tree.is_visible(node, "typst"):
            return []
        if "column-margin" in classes:
            return self._wrapped("#margin-note[", self.blocks(content), "]")
        if "layout-ncol" in pairs:
            return self._panel(content, pairs["layout-ncol"])
        if _CLASSES.intersection(classes):
            return [{"t": "Div", "c": [node["c"][0], self.blocks(content)]}]
        if node["c"][0][0] == "refs":
            return [node]
        return self.blocks(content)

    def _wrapped(self, opening: str, blocks: list[Node], closing: str) -> list[Node]:
        return [_raw(opening), *blocks, _raw(closing)]

    def _panel(self, blocks: list[Node], columns: str) -> list[Node]:
        """Blocks side by side."""
        result = [_raw(f"#grid(columns: (1fr,) * {columns}, gutter: 1em,")]
        self.in_panel = True
        for block in blocks:
            result += self._wrapped("[", self.block(block), "],")
        self.in_panel = False
        return [*result, _raw(")")]

    def block_table(self, node: Node) -> list[Node]:
        """A table without a figure around it, which comes from its float or the page."""
        bare = {"t": "Table", "c": [node["c"][0], [None, []], *node["c"][2:]]}
        table = self._wrapped("#plain-table[", [self.words(bare)], "]")
        caption = tree.caption(node)
        return self._figure(table, caption, "plain", "", None) if caption else table

    def block_float(self, node: Node) -> list[Node]:
        kind = f"{'sub' if node['is_panel'] else ''}float-{node['kind']}"
        name = None if node["is_panel"] else LABELS[node["kind"]]
        start, *rest = self._figure(
            self.blocks(node["c"]), node["caption"], kind, node["number"], name
        )
        rest[-1]["c"].append(_inline(f" <{node['id']}>"))
        if any(part["t"] in ("Table", "CodeBlock") for part in tree.every(node["c"])):
            # A floating figure can't break across pages.
            start = _raw("#figure(placement: none, [")
        return [start, *rest]

    def _figure(
        self, body: list[Node], caption: list[Node], kind: str, number: str, name: str | None
    ) -> list[Node]:
        """A block with its caption and the same number as on the website."""
        supplement = f"[{name}]" if name else "none"
        end = f'], kind: "quarto-{kind}", supplement: {supplement}, numbering: _ => "{number}")'
        closing = [_inline("], caption: ["), *self.words(caption), _inline(end)]
        return [_raw("#figure(["), *body, {"t": "Para", "c": closing}]

    def block_header(self, node: Node) -> list[Node]:
        level, (identifier, classes, pairs), title = node["c"]
        # Two chapters may each have an "Introduction", so other ids begin with the chapter's name.
        prefix = "" if identifier in self.document.targets else f"{self.here.slug}--"
        # Equations without a number on the website have none here, so that numbers agree.
        numbered = "number" in dict(pairs)
        classes = classes if numbered or "unnumbered" in classes else [*classes, "unnumbered"]
        attributes = [f"{prefix}{identifier}", classes, []]
        return [{"t": "Header", "c": [level, attributes, self.words(title)]}]

    def inline_reference(self, node: Node) -> list[Node]:
        words = self.document.targets[node["id"]].text(node["name"], None)
        return _link(node["id"], tree.words(words))

    def inline_equation(self, node: Node) -> list[Node]:
        numbered = f'#[#set math.equation(numbering: _ => "({node["number"]})");'
        return [_inline(numbered), *node["c"], _inline(f" <{node['id']}>]")]

    def inline_str(self, node: Node) -> list[Node] | None:
        if not _FIELD.match(node["c"]):
            return None
        return [_inline("\\."), {"t": "Str", "c": node["c"][1:]}]

    def inline_link(self, node: Node) -> list[Node] | None:
        text, (url, _) = node["c"][1], node["c"][2]
        path, _, anchor = url.partition("#")
        if re.match(r"[a-z][a-z0-9+.-]*:", url):
            return None
        if anchor in self.document.targets:
            return _link(anchor, text)
        slug = PurePosixPath(path).stem if path else self.here.slug
        for chapter in self.document.chapters:
            if chapter.slug == slug and any(entry["id"] == anchor for entry in chapter.toc):
                return _link(f"{slug}--{anchor}", text)
            if chapter.slug == slug and path.endswith(".qmd") and not chapter.is_index:
                return _link(_label(chapter), text)
        return list(text)  # a file of the website, which the PDF can't link to

    def inline_image(self, node: Node) -> Node:
        (_, _, pairs), text, (source, _) = node["c"]
        given = dict(pairs)
        drawing = str(PurePosixPath(source).with_suffix(".svg"))
        chosen = drawing if drawing in self.files else source
        if chosen not in self.files:
            chosen = unquote(source)
            original = self.here.page.path.parent / chosen
            storage.write(self.folder / chosen, original.read_bytes())
        alt = given.get("fig-alt") or tree.text_of(text)
        sizes = self._sizes(given, chosen)
        if len(sizes) == 2:
            sizes["fit"] = '"stretch"'  # as in a browser
        more = "".join(f", {name}: {value}" for name, value in sizes.items())
        picture = f"image({string('/' + chosen)}, alt: {string(alt)}{more})"
        return _inline(f"#box({picture})" if self.in_sentence else f"#{picture}")

    def _sizes(self, given: Mapping[str, str], source: str) -> dict[str, str]:
        """Width and height of a picture; only the width if a cell drew it, and neither if that is an SVG."""
        sizes = {}
        for name in ("width",) if source in self.files else ("width", "height"):
            length = tree.LENGTH.fullmatch(given.get(name, ""))
            if not length or (source in self.files and source.endswith(".svg")):
                continue
            sizes[name] = length[0]
            if length[2] in (None, "px"):
                points = float(length[1]) * _POINTS
                wide = (name == "width" and "height" not in given) or source in self.files
                wide = wide and (points >= _TEXT_WIDTH or self.in_panel)
                sizes[name] = "100%" if wide else f"{points:.1f}pt"
        return sizes


def _label(chapter: Chapter) -> str:
    return chapter.id or f"page-{chapter.slug}"


def _link(label: str, text: list[Node]) -> list[Node]:
    return [_inline(f"#link(<{label}>)["), *text, _inline("]")]
