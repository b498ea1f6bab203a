"""Checks that a page's output has every word and id of its tree exactly once."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from html import escape, unescape
from itertools import islice
from typing import Any
from unicodedata import normalize

from report.engine import printed, tree
from report.engine.document import Chapter, Document
from report.engine.known import LABELS
from report.engine.tree import Node

_SCRIPTS = re.compile(r"<(script|style)\b.*?</\1>|<!--.*?-->", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][\w-]*)((?:[^>\"']|\"[^\"]*\"|'[^']*')*)>")
# Content that is not text, comes from citeproc, or is the mark of a note.
_SKIPPED = re.compile(r"""\sclass=["'](?:[^"']*\s)?(?:citation|csl-bib-body|footnote-ref)[\s"']""")
_SILENT = ("math", "svg")
_EMPTY = ("img", "br", "hr", "input", "wbr", "col", "source", "track", "embed")
_ID = re.compile(r"""\sid=(?:"([^"]*)"|'([^']*)')""")
_MARKS = "\u0300-\u036f\u20d0-\u20f0\ufe0f"  # combining
_SIGNS = {"img": printed.PICTURE, "math": printed.FORMULA}


def check_page(chapter: Chapter, document: Document, body: str) -> None:
    """Refuse a page if its HTML has lost or doubled a word or an id.

    Raises:
        RenderError: names the word or the id, and the line of its source.
    """
    expected = "".join(_expected(chapter.blocks, chapter, document, "html"))
    _compare(chapter, shown(expected), shown(body), "on the web")
    written = _ids(body)
    for identifier in _ids(expected):
        if identifier not in written:
            raise chapter.error(f"#{identifier}", f"the id {identifier!r} is lost on the web")


def on_paper(chapter: Chapter, document: Document, numbered: bool) -> str:
    """The expected text of a chapter in the PDF without its citations, in the form of :mod:`printed`.

    Args:
        chapter: the page.
        document: its book.
        numbered: whether headings have numbers.
    """
    pairs = [["number", chapter.number]] if chapter.number else []
    heading = {"t": "Header", "c": [1, ["", [], pairs], chapter.title]}
    blocks = [heading, *chapter.blocks][chapter.is_index :]  # the front page has its own
    if not numbered:
        blocks = tree.rewrite(blocks, _without_number)
    return shown("".join(_expected(blocks, chapter, document, "typst")))


def _without_number(node: Node) -> Node | None:
    return (
        node | {"c": [node["c"][0], ["", [], []], node["c"][2]]} if node["t"] == "Header" else None
    )


def check_paper(document: Document, expected: Sequence[str], pdf: bytes) -> None:
    """Refuse a book if its PDF has lost or doubled a word.

    Args:
        document: the book.
        expected: the text of each chapter.
        pdf: the PDF.

    Raises:
        RenderError: as :func:`check_page`.
    """
    headed = expected[0].lstrip().startswith(printed.HEADING)
    parts = printed.parts(pdf)[headed:]  # the first is the title block
    counts = [text.count(printed.HEADING) for text in expected]
    counts[0] += not headed
    # Words that the title block or Typst in a page add can't be told from doubled ones; with headings of
    # that Typst, neither can chapters from each other.
    own_typst = [_has_typst(chapter) for chapter in document.chapters]
    if sum(counts) != len(parts) and any(own_typst):
        chapter = document.chapters[own_typst.index(True)]
        _compare(chapter, "".join(expected), "".join(parts), "on paper", may_add=True)
        return
    rest = iter(parts)
    for place, (chapter, text) in enumerate(zip(document.chapters, expected, strict=True)):
        found = "".join(islice(rest, counts[place]))
        # A formula that breaks over two pages is found twice.
        twice = max(0, found.count(printed.FORMULA) - text.count(printed.FORMULA))
        found = found.replace(printed.FORMULA, "", twice)
        may_add = own_typst[place] or (place == 0 and not headed)
        _compare(chapter, text, found, "on paper", may_add)


def _has_typst(chapter: Chapter) -> bool:
    nodes = tree.every(chapter.blocks)
    return any(node["t"].startswith("Raw") and node["c"][0] == "typst" for node in nodes)


def shown(html: str) -> str:
    """The words of a piece of HTML, with one letter for each picture and formula."""
    texts, place, depth = [], 0, 0
    html = _SCRIPTS.sub("", html)
    for tag in _TAG.finditer(html):
        if not depth:
            texts += [html[place : tag.start()], " "]
        place = tag.end()
        closes, name, rest = tag[1], tag[2].lower(), tag[3]
        alone = name in _EMPTY or rest.endswith("/")
        if depth:
            depth += 0 if alone else -1 if closes else 1
        elif not closes:
            texts.append(_SIGNS.get(name, ""))
            depth = int(not alone and (name in _SILENT or bool(_SKIPPED.search(rest))))
    return unescape("".join([*texts, html[place:]]))


def _ids(html: str) -> dict[str, None]:
    """The ids of a piece of HTML, in order; text that looks like an id does not count."""
    found = filter(None, (_ID.search(tag[3]) for tag in _TAG.finditer(html)))
    return {unescape(one[1] or one[2] or ""): None for one in found}


def _compare(chapter: Chapter, before: str, after: str, where: str, may_add: bool = False) -> None:
    lost, more = _differences(_letters(before), _letters(after))
    if not lost and (may_add or not more):
        return
    letters = lost or more
    had, has = _differences(*(re.findall(r"[^\W_]+", text) for text in (before, after)))
    words = sorted(
        {**had, **has},
        key=lambda word: (Counter(word) <= letters, chapter.executed.has(word), len(word)),
    )
    word = words[-1] if words else ""
    sign = {printed.PICTURE: "a picture", printed.FORMULA: "a formula"}.get(word, repr(word))
    raise chapter.error(word, f"{sign} is {'lost' if lost else 'doubled'} {where}")


def _differences(before: Iterable[str], after: Iterable[str]) -> tuple[Counter[str], Counter[str]]:
    """What the second has less and more of than the first."""
    had, has = Counter(before), Counter(after)
    return had - has, has - had


def _letters(text: str) -> str:
    """The letters and digits; a ligature is its letters.

    Without letters under a combining mark, such as a mean's bar, which some readers of PDFs give twice.
    """
    return re.sub(rf"[^\W_](?=[{_MARKS}])|[\W_]+", "", normalize("NFKD", text))


def _expected(node: Any, chapter: Chapter, document: Document, format_: str) -> Iterator[str]:
    """The expected words of a tree in a format, with those that writers add for the web, as simple HTML."""
    if isinstance(node, list):
        for part in node:
            yield from _expected(part, chapter, document, format_)
    if not isinstance(node, dict) or node.get("t") in (None, "Cite"):
        return
    kind, content, web = node["t"], node.get("c"), format_ == "html"
    identifier, _, pairs = tree.attributes(node)
    if not tree.is_visible(node, format_):
        return
    if identifier := node["id"] if kind in ("Float", "Equation") else identifier:
        yield f'<a id="{escape(identifier)}"></a>'
    if kind == "Str":
        yield escape(str(content), quote=False)
    elif kind in ("Space", "SoftBreak", "LineBreak"):
        yield " "
    elif kind in ("Code", "CodeBlock"):
        yield f" {escape(node['c'][1], quote=False)} "
    elif kind in ("RawBlock", "RawInline"):
        yield node["c"][1] if web and node["c"][0] == "html" else ""
    elif kind in ("Math", "Equation"):
        yield f"<math></math>{node['number'] if web and kind == 'Equation' else ''}"
    elif kind == "Image":
        yield "<img>"
    elif kind == "Reference":
        yield document.targets[node["id"]].text(node["name"], chapter if web else None)
    else:
        yield f" {_added(node, pairs, web)} "
        if kind == "Div" and (callout := tree.callout(node)):
            name, title, body, _ = callout
            simple = web and pairs.get("appearance") in ("simple", "minimal")
            yield name.capitalize() if (title or not simple) and (web or not title) else ""
            content = [title, {"t": "Space"}, body]
        yield from _expected(node.get("caption"), chapter, document, format_)
        yield " "
        yield from _expected(content, chapter, document, format_)
        yield "\n"


def _added(node: Node, pairs: dict[str, str], web: bool) -> str:
    """The words that a format adds to a block."""
    if node["t"] == "Header":
        start = printed.HEADING if node["c"][0] == 1 and not web else ""
        return start + pairs.get("number", "")
    if node["t"] != "Float":
        return pairs.get("summary", "") if web else ""
    return node["number"] if node["is_panel"] else f"{LABELS[node['kind']]} {node['number']}"
