"""Builds a site: pages, search, resources and PDF, in a folder that atomically replaces the old one."""

import json
import re
import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from markupsafe import Markup

from pneumo.base import storage
from report.engine import html, losses, tree
from report.engine.cache import Cache
from report.engine.config import Book, read_book
from report.engine.document import Chapter, Document, assemble
from report.engine.errors import RenderError, about
from report.engine.execute import execute
from report.engine.outputs import Executed
from report.engine.pdf import write_pdf
from report.engine.plain import frames, is_file, read_text, templates
from report.engine.source import read_page

_FILES = re.compile(r"""\s(?:src|href|poster)=["']([^"'#?]+)""")  # named in HTML
_ELSEWHERE = re.compile(r"^([a-z][a-z0-9+.-]*:|//|#)")


def render(
    project: Path,
    output: Path | None = None,
    cache: Cache | None = None,
    finish: Callable[[Path], object] = lambda _: None,
) -> Path:
    """Build a book's site; the old site stays until the new one is complete.

    Args:
        project: the folder of `_quarto.yml`.
        output: the site's folder; None for the one named in the project.
        cache: the cache of earlier builds; None for the run store's.
        finish: a function that is called with the new site's folder once its pages are there.

    Returns:
        The site's folder.

    Raises:
        RenderError: something in the project can't be rendered; names its file and line.
    """
    book = read_book(project)
    output = (output or book.output).resolve()
    book = replace(book, output=output)
    _check_output(output, book)
    cache = cache or Cache()
    pages = [read_page(path, book.metadata) for path in book.chapters]
    # Lock from the start: a concurrent build of the same site can then use this one's cache.
    with storage.renewed(output) as building:
        executed = execute(pages, book, cache)
        document = assemble(executed, book)
        _write_site(building, document, executed, book, cache, finish)
        check_links(document, building)
    return output


def _check_output(output: Path, book: Book) -> None:
    """Refuse a folder that is not an older site."""
    if book.folder.resolve().is_relative_to(output):
        problem = f"the site would replace the project, which is in {output}"
        raise RenderError(f"{problem}; choose another folder with --output")
    if not output.exists():
        return
    if not output.is_dir():
        raise RenderError(f"{output} is not a folder; move it, or choose another with --output")
    if any(output.iterdir()) and not (output / "index.html").is_file():
        problem = "holds files but no index.html, so it is not a site; choose another with --output"
        raise RenderError(f"{output} {problem}")


def _write_site(
    folder: Path,
    document: Document,
    executed: list[Executed],
    book: Book,
    cache: Cache,
    finish: Callable[[Path], object],
) -> None:
    """Write the site's files, and at the same time the PDF."""
    files = {name: content for page in executed for name, content in page.files.items()}
    with storage.scratch("pdf") as scratch, ThreadPoolExecutor(1) as pool:
        pdf = None
        if book.pdf:
            pdf = pool.submit(write_pdf, document, book, files, scratch, cache)
        _write_pages(folder, document, files, book)
        finish(folder)
        if book.pdf and pdf:
            (folder / book.pdf).write_bytes(pdf.result())


def _write_pages(folder: Path, document: Document, files: dict[str, bytes], book: Book) -> None:
    search: list[dict[str, str]] = []
    template = templates(autoescape=True).get_template("page.html.j2")
    bodies = tree.each(partial(html.write_body, document=document, book=book), document.chapters)
    for place, (chapter, body) in enumerate(zip(document.chapters, bodies, strict=True)):
        with about(chapter.page.path, chapter.executed.where):
            losses.check_page(chapter, document, body)
            text = template.render(_context(document, place, book, body))
        (folder / f"{chapter.slug}.html").write_text(text, encoding="utf-8")
        search += _search_entries(chapter)
    (folder / "search.json").write_text(json.dumps(search, ensure_ascii=False), encoding="utf-8")
    libraries = folder / "site_libs"
    libraries.mkdir()
    for path in (*frames().glob("*.css"), *frames().glob("*.js"), *book.stylesheets):
        shutil.copyfile(path, libraries / path.name)
    _copy_files(folder, document, files, book)


def _copy_files(folder: Path, document: Document, files: dict[str, bytes], book: Book) -> None:
    """Copy pictures and linked files, from cells or from the project."""
    for chapter in document.chapters:
        shown = {image["c"][2][0]: "picture" for image in tree.every(chapter.blocks, "Image")}
        linked = {link["c"][2][0]: "file" for link in tree.every(chapter.blocks, "Link")}
        for node in tree.every(chapter.blocks):
            if node["t"] in ("RawBlock", "RawInline") and node["c"][0] == "html":
                linked |= dict.fromkeys(_FILES.findall(node["c"][1]), "file")
        for name in {**linked, **shown}:
            source = file_of(name, book.folder)
            if name in files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_bytes(files[name])
            elif _ELSEWHERE.match(name):
                if name in shown and book.pdf:
                    problem = f"the PDF can't load {_short(name)}; save the picture in the project's folder"
                    raise chapter.error(name, problem)
            elif source and source.suffix != ".qmd":
                _copy(source, folder / source.relative_to(book.folder))
            elif name in shown:
                problem = f"there is no picture {_short(name)} in the project's folder"
                raise chapter.error(name, problem)
    for pattern in book.resources:
        found = [path for path in book.folder.glob(pattern) if path.is_file()]
        if not found:
            raise book.fault(f"no file of the project matches {pattern!r}", "project", "resources")
        for path in found:
            _copy(path, folder / path.relative_to(book.folder))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def file_of(name: str, folder: Path) -> Path | None:
    """The project's file that a page names, with escapes in the address decoded; None if there is none."""
    for path in (folder / name, folder / unquote(name)):
        # A file outside the project would be copied outside the site.
        if ".." not in path.parts and path.is_relative_to(folder) and is_file(path):
            return path
    return None


def _short(name: str) -> str:
    return name if len(name) < 80 else f"{name[:79]}…"


def _context(document: Document, place: int, book: Book, body: str) -> dict[str, Any]:
    """The values for the page template."""
    chapter = document.chapters[place]
    chapters = [
        {
            "href": f"{one.slug}.html",
            "number": one.number,
            "appendix": one.is_appendix,
            "title": tree.text_of(one.title).strip(),
            "current": one is chapter,
        }
        for one in document.chapters
    ]
    front_matter = chapter.page.front_matter
    options = {**book.html, **front_matter}
    heading = tree.rewrite(chapter.title, lambda node: [] if node["t"] == "Note" else None)
    title = Markup(html.write_inlines(heading, book))
    depth = int(options.get("toc-depth", 3))
    site = vars(book) | {
        "header": Markup("\n".join(read_text(path).strip() for path in book.headers)),
        "stylesheets": [f"site_libs/{path.name}" for path in book.stylesheets],
        "chapters": chapters,
        "previous": chapters[place - 1] if place else None,
        "next": chapters[place + 1] if place + 1 < len(chapters) else None,
    }
    page = {
        "href": f"{chapter.slug}.html",
        "id": chapter.id,
        "document_title": html.document_title(chapter, book),
        "number": f"Appendix {chapter.number} —" if chapter.is_appendix else chapter.number,
        "title": Markup.escape(book.title) if chapter.is_index else title,
        "description": front_matter.get("description") or book.description,
        "is_index": chapter.is_index,
        "toc": _toc(chapter, depth) if options.get("toc", True) else [],
        "body": Markup(body),
    }
    return {"site": site, "page": page}


def _toc(chapter: Chapter, depth: int) -> list[dict[str, Any]]:
    """The page's headings down to a level, as a nested list."""
    result: list[dict[str, Any]] = []
    for entry in (one for one in chapter.toc if one["level"] <= depth):
        item = entry | {"title": tree.text_of(entry["title"]).strip(), "children": []}
        level, place = entry["level"], result
        while place and level > 2:
            place, level = place[-1]["children"], level - 1
        place.append(item)
    return result


def _search_entries(chapter: Chapter) -> list[dict[str, str]]:
    """The page's text by section, for the search."""
    entries: list[dict[str, str]] = []

    def begin(address: str, section: str) -> None:
        title = tree.text_of(chapter.title).strip()
        entries.append({"href": address, "title": title, "section": section, "text": ""})

    begin(f"{chapter.slug}.html", "")
    for block in chapter.blocks:
        if block["t"] == "Header":
            section = tree.text_of(block["c"][2]).strip()
            begin(f"{chapter.slug}.html#{block['c'][1][0]}", section)
        else:
            words = f"{entries[-1]['text']} {_all_text(block)}"
            entries[-1]["text"] = " ".join(words.split())
    return [entry for entry in entries if entry["text"] or entry["section"]]


def _all_text(node: Any) -> str:
    """A block's words, with those of its caption."""
    if isinstance(node, dict) and node.get("t") == "Float":
        return f"{tree.text_of(node['caption'])} {_all_text(node['c'])}"
    if isinstance(node, list):
        return " ".join(_all_text(part) for part in node)
    if isinstance(node, dict) and node.get("t") == "Div":
        return _all_text(node["c"][1])
    return tree.text_of(node)


def check_links(document: Document, folder: Path) -> None:
    """Refuse links to pages, sections or files that the new site does not have.

    Raises:
        RenderError: names the page, the line and the link.
    """
    anchors = {chapter.slug: _anchors(chapter) for chapter in document.chapters}
    for chapter in document.chapters:
        for link in tree.every(chapter.blocks, "Link"):
            url = link["c"][2][0]
            if re.match(r"([a-z][a-z0-9+.-]*:|//)", url):
                continue
            path, _, anchor = url.partition("#")
            page = PurePosixPath(path)
            slug = page.stem if page.suffix in (".qmd", ".html") else "" if path else chapter.slug
            problem = ""
            if slug in anchors:
                if anchor and anchor not in anchors[slug]:
                    problem = f"but that page has no section {anchor!r}"
            elif not file_of(path, folder) and (
                ".." in page.parts or page.is_absolute() or not (folder / page).is_dir()
            ):
                problem = "but the site has no such file; correct it, or add the file to resources"
            if problem:
                raise chapter.error(url, f"link to {url}, {problem}")


def _anchors(chapter: Chapter) -> set[str]:
    """All ids on the page that links can lead to."""
    found = {chapter.id}
    for node in tree.every(chapter.blocks):
        found.add(str(node["id"]) if "id" in node else tree.attributes(node)[0])
        if node["t"] in ("RawBlock", "RawInline"):
            found |= set(re.findall(r'\bid="([^"]+)"', node["c"][1]))
    return found
