"""Quarto's kernels say again what still holds. A kernel's client plays Quarto's part; Quarto, where it is."""

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.client import KernelClient
from jupyter_client.manager import KernelManager

sys.path.insert(0, str(Path(__file__).parent))
from conftest import CONFIG

from report.engine import quarto
from report.engine.__main__ import main
from report.engine.config import read_book
from report.engine.execute import key
from report.engine.memory import Memory
from report.engine.source import read_page

SETTING_UP = "import os\nprint('set up')"  # Quarto's own first cell
TOY = "def used():\n    return 1\n\n\ndef idle():\n    return 2\n"
Request = tuple[str, dict[str, str]]
Answer = tuple[list[Any], Any]


class Page:
    """A book of one page, and the requests that Quarto makes of it."""

    def __init__(self, home: Path) -> None:
        self.home, self.ran, self.project = home, home / "ran", home / "project"
        (self.project / "toy").mkdir(parents=True)
        text = CONFIG.format(chapters="index.qmd, one.qmd", more="")
        (self.project / "_quarto.yml").write_text(text)
        (self.project / "index.qmd").write_text("# Front {.unnumbered}\n")
        self.reset()

    def reset(self) -> None:
        """Have everything as it was at the beginning."""
        (self.home / "numbers.txt").write_text("41")
        (self.project / "toy" / "__init__.py").write_text(TOY)
        self.cells = [
            f"print('ran', file=open({str(self.ran)!r}, 'a'))\nx = 6",
            f"import toy\nprint(open({str(self.home / 'numbers.txt')!r}).read(), toy.used())",
            "from IPython.display import Markdown\nMarkdown('*shown*')",
        ]
        self.inline = "x * 7"
        self.edit()

    def edit(self, words: str = "Words.") -> None:
        """Write the page anew, with other words or as its cells are now."""
        cells = "".join(f"\n```{{python}}\n{cell}\n```\n" for cell in self.cells)
        text = f"# One\n\n{words}\n{cells}\nSum: `{{python}} {self.inline}`.\n"
        (self.project / "one.qmd").write_text(text)

    def render(self, before: str = SETTING_UP, fresh: bool = False) -> tuple[int, list[Any]]:
        """Ask for all of the page; gives how often its cells ran, and what came of them."""
        self.ran.write_text("")
        memory = Memory(self.home / "pages", fresh=fresh)
        with _kernel(self.project, memory) as client:
            answers = [_ask(client, cell) for cell in (before, *self.cells)]
            answers.append(_ask(client, "", {"0": self.inline}))
        memory.close()
        return len(self.ran.read_text().split()), answers


@contextmanager
def _kernel(project: Path, memory: Memory) -> Iterator[KernelClient]:
    """A kernel, started and ended as Quarto does."""
    with quarto.remembering(project, memory) as environment, pytest.MonkeyPatch.context() as patch:
        patch.setenv("JUPYTER_PATH", environment["JUPYTER_PATH"])
        manager = KernelManager(kernel_name="python3")
        manager.start_kernel(
            env={**environment, "QUARTO_DOCUMENT_FILE": "one.qmd"}, cwd=str(project)
        )
        client = manager.blocking_client()
        client.start_channels()
        try:
            client.wait_for_ready(timeout=120)
            yield client
        finally:
            client.stop_channels()
            manager.shutdown_kernel()


def _ask(client: Any, code: str, expressions: dict[str, str] | None = None) -> Answer:
    shown: list[Any] = []

    def hear(message: Any) -> None:
        if message["msg_type"] not in ("status", "execute_input"):
            shown.append((message["msg_type"], message["content"]))

    reply = client.execute_interactive(
        code, user_expressions=expressions, output_hook=hear, allow_stdin=False, timeout=120
    )
    return shown, reply["content"]


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A page that has run once, with what came of it and what was kept then."""
    with pytest.MonkeyPatch.context() as patch:
        # Of this package functions are told apart, as of the real one.
        patch.setattr("report.engine.kernels.PACKAGES", ("toy",))
        page = Page(tmp_path_factory.mktemp("replay"))
        ran, answers = page.render()
        assert ran == 1
        shutil.copytree(page.home / "pages", page.home / "kept")
        yield page, answers


@pytest.fixture
def page(rendered):
    """The page and what is kept of it as after its first run."""
    made, _ = rendered
    made.reset()
    shutil.rmtree(made.home / "pages")
    shutil.copytree(made.home / "kept", made.home / "pages")
    return made


@pytest.fixture
def first(rendered):
    """What came of the first run."""
    return rendered[1]


def test_what_ran_is_said_again_to_the_letter_whatever_the_prose(page, first):
    page.edit("Other words.")
    ran, again = page.render()
    assert ran == 0
    assert again == first
    (set_up, _), (nothing, _), (printed, _), (shown, _), (_, sentence) = again
    assert set_up == [("stream", {"name": "stdout", "text": "set up\n"})]
    assert nothing == []
    assert printed == [("stream", {"name": "stdout", "text": "41 1\n"})]
    assert shown[0][1]["data"]["text/markdown"] == "*shown*"
    assert sentence["user_expressions"]["0"]["data"]["text/plain"] == "42"


def test_a_file_that_was_read_and_is_another_now_runs_the_page(page):
    (page.home / "numbers.txt").write_text("43")
    ran, answers = page.render()
    assert ran == 1
    assert answers[2][0][0][1]["text"] == "43 1\n"


def test_a_function_that_ran_and_is_another_now_runs_the_page_and_one_that_did_not_does_not(page):
    toy = page.project / "toy" / "__init__.py"
    toy.write_text(TOY.replace("return 2", "return 22"))
    assert page.render()[0] == 0
    toy.write_text(TOY.replace("return 1", "return 11"))
    ran, answers = page.render()
    assert ran == 1
    assert answers[2][0][0][1]["text"] == "41 11\n"


def test_another_cell_runs_the_page(page):
    page.cells[2] = "x + 1"
    page.edit()
    ran, answers = page.render()
    assert ran == 1
    assert answers[3][0][0][1]["data"]["text/plain"] == "7"


def test_everything_runs_where_it_is_asked_for(page):
    assert page.render(fresh=True)[0] == 1


def test_what_quarto_asks_otherwise_than_before_is_run_with_all_that_came_before_it(page, first):
    page.cells = [*page.cells[:2], "x + 2"]  # what the page says is not what is asked
    ran, answers = page.render()
    assert ran == 1
    assert answers[:3] == first[:3]
    assert answers[3][0][0][1]["data"]["text/plain"] == "8"


@pytest.mark.parametrize(
    "cell",
    [
        "1 / 0",
        "import subprocess\nsubprocess.run(['true'])",
    ],
)
def test_what_failed_and_what_a_program_gave_is_not_kept(page, cell):
    page.cells, page.inline = [page.cells[0], cell], "x"
    page.edit()
    with _kernel(page.project, memory := Memory(page.home / "pages")) as client:
        for code in page.cells:
            _ask(client, code)
    assert memory.sessions("quarto", _key(page.project)) == []


def test_a_sentence_that_failed_is_not_kept(page):
    page.inline = "nobody"
    page.edit()
    page.render()
    assert Memory(page.home / "pages").sessions("quarto", _key(page.project)) == []


@pytest.mark.promise("killed", "survived")
def test_a_cell_that_kills_its_process_is_seen_to_have_killed_the_kernel(page):
    page.cells[2] = "import os\nos._exit(3)"
    page.edit()
    with _kernel(page.project, memory := Memory(page.home / "pages")) as client:
        _ask(client, page.cells[0])
        client.execute(page.cells[2])
        with pytest.raises(RuntimeError, match="Kernel died"):
            client.wait_for_ready(timeout=120)
    ((known,),) = [session.codes for session in memory.sessions("quarto", _key(page.project))]
    assert "x = 6" in known  # what had ended before it


def test_a_page_that_can_not_be_read_is_rendered_each_time(page):
    assert _stands(page.project)
    (page.project / "one.qmd").write_text("# One\n\n{{< video film.mp4 >}}\n")
    assert not _stands(page.project)


def _stands(project: Path) -> bool:
    memory = Memory(project.parent / "pages")
    with quarto.remembering(project, memory):
        pass
    return memory.needed is not None


def _key(project: Path) -> str:
    book = read_book(project)
    return key(read_page(project / "one.qmd", book.metadata), book)


def test_without_a_memory_quarto_has_its_own_kernels(write, monkeypatch):
    monkeypatch.delenv("JUPYTER_PATH", raising=False)
    with quarto.remembering(write(), None) as environment:
        assert "JUPYTER_PATH" not in environment


@pytest.mark.slow
@pytest.mark.skipif(quarto.find() is None, reason="Quarto is not installed")
def test_quarto_runs_what_an_edit_touches_and_nothing_else(write, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PNEUMO_HOME", str(tmp_path / "home"))
    (tmp_path / "numbers.txt").write_text("41")
    cell = (
        f"print('{{name}}', file=open({str(tmp_path / 'ran')!r}, 'a'))\n"
        f"print(open({str(tmp_path)!r} + '/numbers.txt').read() if '{{name}}' == 'two' else 0)"
    )
    text = "# {name}\n\nWords.\n\n```{{python}}\n" + cell + "\n```\n\nSum: `{{python}} 6 * 7`.\n"
    pages = {name: text.format(name=name) for name in ("one", "two")}
    project = write("execute:\n  echo: false\n  freeze: true\n", **pages)

    def build() -> list[str]:
        (tmp_path / "ran").write_text("")
        assert main([str(project), "--engine", "quarto", "--no-study"]) == 0, capsys.readouterr()
        return (tmp_path / "ran").read_text().split()

    assert build() == ["one", "two"]
    assert build() == []
    (project / "one.qmd").write_text(pages["one"].replace("Words", "Other words"))
    assert build() == []
    page = next(project.rglob("one.html")).read_text(encoding="utf-8")
    assert "Other words." in page
    assert "Sum: 42." in page
    (tmp_path / "numbers.txt").write_text("43")
    assert build() == ["two"]
    assert re.search(r"<code>43\s*</code>", next(project.rglob("two.html")).read_text("utf-8"))
