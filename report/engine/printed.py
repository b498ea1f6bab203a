"""Reads the text of a tagged PDF."""

import ctypes
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import pypdfium2
from pypdfium2 import raw

# Stand for the start of a heading of level 1, for a picture and for a formula.
HEADING, PICTURE, FORMULA = "\ufdd0", "\u16a0", "\u16a1"
_SKIPPED = ("Lbl", "TOC", "Formula")  # whose text Typst makes
_SIGNS = {"Figure": PICTURE, "Formula": FORMULA}
_INLINE = ("Code", "Em", "Formula", "Lbl", "Link", "Quote", "Reference", "Span", "Strong")


def parts(pdf: bytes) -> list[str]:
    """The text of a tagged PDF in parts, each of which but the first begins with a heading of level 1.

    It leaves out what belongs to no element, such as headers, footers and repeated heads of tables, and what
    Typst makes: marks of lists and notes, contents, formulas.
    """
    texts = [""]
    for page in pypdfium2.PdfDocument(pdf):
        marked = _marked(page)
        tree = raw.FPDF_StructTree_GetForPage(page.raw)
        for place in range(raw.FPDF_StructTree_CountChildren(tree)):
            _read(raw.FPDF_StructTree_GetChildAtIndex(tree, place), marked, texts)
        raw.FPDF_StructTree_Close(tree)
    return texts


def _marked(page: Any) -> Mapping[int, str]:
    """The text of a page by the number of its mark."""
    texts: dict[int, str] = defaultdict(str)
    words = page.get_textpage()
    for place in range(raw.FPDFPage_CountObjects(page.raw)):
        drawn = raw.FPDFPage_GetObject(page.raw, place)
        number = raw.FPDFPageObj_GetMarkedContentID(drawn)  # -1 for a header or footer
        if number >= 0 and raw.FPDFPageObj_GetType(drawn) == raw.FPDF_PAGEOBJ_TEXT:
            texts[number] += _string(raw.FPDFTextObj_GetText, drawn, words.raw)
    return texts


def _read(element: Any, marked: Mapping[int, str], texts: list[str]) -> None:
    """Add the text of an element of the PDF's tree to the last part."""
    kind = _string(raw.FPDF_StructElement_GetType, element)
    if kind == "H1":
        texts.append("")
    around = "" if kind in _INLINE else "\n"
    texts[-1] += around + _SIGNS.get(kind, "")
    if kind in _SKIPPED:
        return
    for place in range(raw.FPDF_StructElement_CountChildren(element)):
        child = raw.FPDF_StructElement_GetChildAtIndex(element, place)
        if child:
            _read(child, marked, texts)
        else:
            number = raw.FPDF_StructElement_GetChildMarkedContentID(element, place)
            texts[-1] += marked.get(number, "")
    texts[-1] += around


def _string(function: Callable[..., int], *arguments: Any) -> str:
    """A string that a function of PDFium writes into a buffer."""
    size = function(*arguments, None, 0)  # in bytes, with the closing zero
    buffer = (ctypes.c_ushort * (size // 2))()
    function(*arguments, buffer, size)
    return bytes(buffer)[:-2].decode("utf-16-le")
