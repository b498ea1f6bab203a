"""Page breaks of the PDF."""

from pypdf import PdfReader

from report.engine import site


def table(name, rows):
    """A captioned pipe table whose rows take two lines each."""
    words = " ".join(["word"] * 30)
    lines = [f"| {name} {number} | {words} |" for number in range(rows)]
    head = [f"| {name} left | right |", "|:---|:-----------|"]
    return "\n".join([*head, *lines, "", f": {name} caption. {{#tbl-{name}}}\n"])


def test_a_long_table_goes_on_over_the_next_pages_with_its_head_and_a_short_one_is_kept_together(
    write, tmp_path
):
    above = 25 * "A paragraph.\n\n"
    pages = {
        "one": f"# Long\n\n{table('long', 150)}",
        "two": f"# Short\n\n{above}{table('short', 8)}",
    }
    site.render(write("  typst: default", **pages), tmp_path / "site")
    texts = [page.extract_text() for page in PdfReader(tmp_path / "site" / "book.pdf").pages]

    def holders(words):
        return [number for number, text in enumerate(texts) if words in text]

    assert all(len(holders(f"long {number} ")) == 1 for number in range(150))
    assert len(holders("long left")) > 2
    assert holders("long left") == list(range(holders("long 0 ")[0], holders("long 149 ")[0] + 1))
    (found,) = holders("short left")
    assert holders("short 0 ") == holders("short 7 ") == holders("short caption.") == [found]
    assert holders("A paragraph.") == [found - 1]
