"""Differences between two results: complete, ordered, and with an exit status for scripts."""

import copy
import json
import math
import re

import pytest
from records import printed

from pneumo.commands import diff
from pneumo.commands.main import main
from pneumo.record import difference, files
from pneumo.record.difference import Change, Compared, Move

SCHEMA = f'"schema": {files.SCHEMA}'


@pytest.fixture(scope="module")
def content(record):
    """Results in which every metric is defined, so that each can change."""
    told = json.loads(json.dumps(record.results))
    for model in told["models"].values():
        for value in (*model["test"].values(), *model["test_at_half"].values()):
            if value["mean"] is None and model["status"] == "ok":
                value["mean"] = 0.5
    return told


@pytest.fixture
def written(content, tmp_path):
    """Writes results.json, changed by a function, into a folder; gives the folder."""

    def write(name, change=lambda told: None):
        told = copy.deepcopy(content)
        change(told)
        folder = tmp_path / name
        folder.mkdir()
        (folder / "results.json").write_text(json.dumps(told))
        return folder

    return write


@pytest.fixture
def compared(written):
    """The difference that a change of the results makes."""

    def compare(change, **options):
        before, after = written("before"), written("after", change)
        return difference.compare(difference.load(before), difference.load(after), **options)

    return compare


def scores(told, block="test"):
    return told["models"]["simple-cnn"][block]


def test_a_metric_that_moves_is_told_and_no_other(compared, content):
    was = scores(content, "test_at_half")["f1"]["mean"]
    found = compared(lambda told: scores(told, "test_at_half")["f1"].update(mean=was - 0.01))
    (moved,) = found.metrics
    assert moved == Move("simple-cnn", "test_at_half", "f1", was, was - 0.01)
    assert moved.by == pytest.approx(-0.01)
    assert (found.claims, found.models, found.made_from) == ((), (), ())
    (line,) = [line for line in printed(diff.show, found).splitlines() if "simple-cnn" in line]
    assert line.split()[-3:] == [f"{was:.4f}", f"{was - 0.01:.4f}", "-0.01"]


def test_numbers_added_up_in_another_order_have_not_moved_and_undefined_ones_have():
    one, other, none = (
        Compared({}, {}, {}, {}, {("m", "test", "auc"): v}) for v in (0.1 + 0.2, 0.3, None)
    )
    assert difference.compare(one, other).is_empty
    assert not difference.compare(one, other, 0).is_empty
    assert math.isnan(difference.compare(one, none, 1.0).metrics[0].by)


@pytest.mark.promise("damage", "found")
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda text: text[:-20], "is damaged"),
        (lambda text: text.replace('"mean": 0', '"mean": NaN, "was": 0', 1), "NaN is no JSON"),
        (lambda text: text.replace('"mean": 0', '"mean": "much", "was": 0', 1), "is damaged"),
        (lambda text: text.replace(SCHEMA, '"schema": 0'), "an older .*; make the record again"),
        (lambda text: text.replace(SCHEMA, '"schema": 99'), "a newer .*; update pneumo"),
        (None, "no results.json at "),
    ],
)
def test_results_that_cannot_be_compared_are_named_in_one_line(change, said, written, capsys):
    here, there = written("here"), written("there")
    path = there / "results.json"
    path.write_text(change(path.read_text())) if change else path.unlink()
    assert main(["diff", str(here), str(there)]) == 2
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert re.search(said, line)
    assert str(there) in line
    assert captured.out == ""


def test_the_command_prints_strict_json(written, capsys, content):
    def change(told):
        told["claims"][0]["verdict"] = "refuted"
        scores(told)["auc"]["mean"] = None

    assert main(["diff", "--json", str(written("before")), str(written("after", change))]) == 1
    found = json.loads(capsys.readouterr().out, parse_constant=pytest.fail)
    claim, was = content["claims"][0], scores(content)["auc"]["mean"]
    told = {"name": claim["id"], "text": claim["text"]}
    told |= {"before": claim["verdict"], "after": "refuted"}
    moved = {"model": "simple-cnn", "block": "test", "metric": "auc", "before": was, "after": None}
    assert found == {"made_from": [], "claims": [told], "models": [], "metrics": [moved]}


def test_claims_models_and_data_that_change_are_told_once(compared, content):
    def turn(told):
        told["claims"][0] |= {"id": "new", "text": "The moon is round."}
        told["claims"][1]["verdict"] = "turned"
        told["models"].pop("resnet18-scratch")
        told["models"]["simple-cnn"]["status"] = "not run"
        for value in (*scores(told).values(), *scores(told, "test_at_half").values()):
            value["mean"] = None
        told["profile"] = "paper"
        told["data"] |= {"fingerprint": "f", "source": "elsewhere"}

    found, (gone, turned, *_) = compared(turn), content["claims"]
    assert set(found.claims) == {
        Change("new", None, gone["verdict"]),
        Change(gone["id"], gone["verdict"], None),
        Change(turned["id"], turned["verdict"], "turned"),
    }
    assert set(found.models) == {
        Change("simple-cnn", "ok", "not run"),
        Change("resnet18-scratch", "ok", None),
    }
    assert found.metrics == ()
    assert found.made_from == (
        Change("profile", content["profile"], "paper"),
        Change("fingerprint of the data", content["data"]["fingerprint"], "f"),
    )
    text = printed(diff.show, found)
    assert all(words in text for words in ("The moon is round.", gone["text"], turned["text"]))


def test_the_commands_status_and_its_page_say_whether_something_changed(written, capsys, tmp_path):
    def nudge(told):
        scores(told)["auc"]["mean"] -= 0.004

    before, after = str(written("before")), str(written("after", nudge))
    assert main(["diff", before, f"{before}/results.json"]) == 0
    assert capsys.readouterr().out == "nothing changed\n"
    assert main(["diff", before, after, "--tolerance", "0.005"]) == 0
    page = tmp_path / "changed.html"
    assert main(["diff", before, after, "--html", str(page)]) == 1
    text = page.read_text(encoding="utf-8")
    assert "What changed from before to after" in text
    assert re.search(
        r"<td>simple-cnn</td><td>test</td><td>auc</td><td>.*</td><td>−0.0040</td>", text
    )


def test_words_of_a_file_cannot_steer_the_terminal(compared):
    def paint(told):
        told["claims"][0] |= {"verdict": "\x1b[31m[red]refuted", "text": "[bold]\x07"}

    text = printed(diff.show, compared(paint))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "[bold]\\x07" in text
    assert "[red]refuted" in text
