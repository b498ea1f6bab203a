"""Checks that a page's output has every word and id of its tree exactly once."""

import re
from collections import Counter
from collections.abc import Iterator
from html import escape, unescape
from typing import Any

from report.engine import tree
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
_SIGNS = {"img": "\u16a0", "math": "\u16a1"}  # stand for a picture and a formula


def check_page(chapter: Chapter, document: Document, body: str) -> None:
    """Refuse a page if its HTML has lost or doubled a word or an id.

    Raises:
        RenderError: names the word or the id, and the line of its source.
    """
    expected = "".join(_expected(chapter.blocks, chapter, document, "html"))
    _compare(chapter, expected, body, "on the web")
    written = _ids(body)
    for identifier in _ids(expected):
        if identifier not in written:
            raise chapter.error(f"#{identifier}", f"the id {identifier!r} is lost on the web")


def check_paper(chapter: Chapter, document: Document, blocks: list[Node]) -> None:
    """Refuse a page if its blocks for the PDF have lost or doubled a word.

    Args:
        chapter: the page.
        document: its book.
        blocks: pandoc's nodes for the PDF.

    Raises:
        RenderError: as :func:`check_page`.
    """
    before, after = (
        "".join(_expected(nodes, chapter, document, "typst")) for nodes in (chapter.blocks, blocks)
    )
    _compare(chapter, before, after, "on paper")


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


def _compare(chapter: Chapter, before: str, after: str, where: str) -> None:
    before, after = shown(before), shown(after)
    if Counter(_letters(before)) == Counter(_letters(after)):
        return
    had, has = (Counter(re.findall(r"[^\W_]+", text)) for text in (before, after))
    lost, more = had - has, has - had
    words = sorted(lost or more, key=lambda word: (chapter.executed.has(word), len(word)))
    word = words[-1] if words else ""
    sign = {"\u16a0": "a picture", "\u16a1": "a formula"}.get(word, repr(word))
    raise chapter.error(word, f"{sign} is {'lost' if lost else 'doubled'} {where}")


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", text)


def _expected(node: Any, chapter: Chapter, document: Document, format_: str) -> Iterator[str]:
    """The expected words of a tree in a format, with those that writers add for the web, as simple HTML."""
    if isinstance(node, list):
        for part in node:
            yield from _expected(part, chapter, document, format_)
    if not isinstance(node, dict) or node.get("t") in (None, "Cite"):
        return
    kind, content, web = node["t"], node.get("c"), format_ == "html"
    identifier, classes, pairs = tree.attributes(node)
    if {"content-visible", "content-hidden"} & {*classes} and not tree.is_visible(node, format_):
        return
    if "dark-content" in classes and not web:
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
        yield "<img>" if web else ""
    elif kind == "Reference":
        yield document.targets[node["id"]].text(node["name"], chapter if web else None)
    else:
        yield f" {_added(node, pairs)} " if web else ""
        callout = tree.callout(node) if kind == "Div" else None
        if callout:
            simple = web and pairs.get("appearance") in ("simple", "minimal")
            yield (
                callout[0].capitalize()
                if (web or not callout[1]) and (not simple or callout[1])
                else ""
            )
            content = [callout[1], {"t": "Space"}, callout[2]]
        yield from _expected(node.get("caption"), chapter, document, format_)
        yield " "
        yield from _expected(content, chapter, document, format_)
        yield "\n"


def _added(node: Node, pairs: dict[str, str]) -> str:
    """The words that the web page adds to a block."""
    if node["t"] != "Float":
        return pairs.get("number" if node["t"] == "Header" else "summary", "")
    return node["number"] if node["is_panel"] else f"{LABELS[node['kind']]} {node['number']}"
